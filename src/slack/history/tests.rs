//! The own messages of a history, with Slack on loopback.

use serde_json::json;

use super::super::SlackApi;
use super::super::fake::{FakeSlack, auth, error, ok};
use super::*;

fn own_message(bot: &str, ts: &str, thread: Option<&str>) -> Value {
    let mut message = json!({"bot_id": bot, "ts": ts, "metadata": {"event_type": "guardduty_finding", "event_payload": {"finding_id": ts}}});
    if let Some(thread) = thread {
        message["thread_ts"] = thread.into();
    }
    message
}

#[test]
fn only_the_own_bots_messages_with_metadata_are_ours() {
    assert!(parse_own_message(&own_message("B1", "1.0", None), "B1", None).is_some());
    assert!(parse_own_message(&own_message("B2", "1.0", None), "B1", None).is_none());
    assert!(parse_own_message(&json!({"bot_id": "B1", "ts": "1.0", "text": "x"}), "B1", None).is_none());
    assert!(parse_own_message(&json!("x"), "B1", None).is_none());
    assert!(parse_own_message(&json!({"ts": 1.0, "bot_id": ["B1"], "metadata": "x"}), "B1", None).is_none());
}

#[test]
fn parent_is_top_level_and_broadcast_reply_is_in_the_thread() {
    assert!(parse_own_message(&own_message("B1", "1.0", Some("1.0")), "B1", None).is_some());
    assert!(parse_own_message(&own_message("B1", "2.0", Some("1.0")), "B1", None).is_none());
    assert!(parse_own_message(&own_message("B1", "1.0", Some("1.0")), "B1", Some("1.0")).is_none());
    assert!(parse_own_message(&own_message("B1", "2.0", Some("1.0")), "B1", Some("1.0")).is_some());
}

#[test]
fn timestamps_use_the_format_of_slack() {
    assert_eq!(to_slack_ts(Timestamp(1_764_000_000_012)), "1764000000.012000");
    assert_eq!(to_slack_ts(Timestamp(-5)), "0.000000");
}

#[tokio::test]
async fn history_is_paginated_and_skips_other_bots() {
    let first = json!({"ok": true, "messages": [own_message("B1", "9.0", None), own_message("B2", "8.0", None), own_message("B1", "7.0", Some("6.0"))],
        "response_metadata": {"next_cursor": "p2=="}});
    let second = json!({"ok": true, "messages": [{"user": "U1", "text": "hello", "ts": "6.5"}, own_message("B1", "6.0", Some("6.0"))]});
    let slack = FakeSlack::answering([auth(), ok(first), ok(second)]);
    let read = slack.client.history("C1", Timestamp(5_250)).await.unwrap();
    assert_eq!(read.iter().map(|m| m.ts.as_str()).collect::<Vec<_>>(), ["9.0", "6.0"]);
    assert_eq!(read[0].payload["finding_id"], json!("9.0"));
    let query = "channel=C1&oldest=5.250000&inclusive=true&limit=200&include_all_metadata=true";
    assert_eq!(slack.request(1).target, format!("/api/conversations.history?{query}"));
    assert!(slack.request(2).target.ends_with("&cursor=p2%3D%3D"));
    assert_eq!(slack.counted(), ["auth.test ok 1", "conversations.history ok 2"]);
}

#[tokio::test]
async fn a_thread_shows_its_replies_without_its_parent() {
    let thread = json!({"ok": true, "messages": [own_message("B1", "6.0", Some("6.0")), own_message("B1", "7.0", Some("6.0")), own_message("B2", "8.0", Some("6.0"))]});
    let slack = FakeSlack::answering([auth(), ok(thread), error("thread_not_found")]);
    let read = slack.client.replies("C1", "6.0", Timestamp(0)).await.unwrap();
    assert_eq!((read.len(), read[0].ts.as_str(), read[0].thread_ts.as_deref()), (1, "7.0", Some("6.0")));
    assert_eq!(slack.client.replies("C1", "5.0", Timestamp(0)).await, Ok(Vec::new()), "a deleted thread");
}

#[tokio::test]
async fn missing_history_scope_differs_from_a_failed_request() {
    let page = || ok(json!({"ok": true, "messages": [], "response_metadata": {"next_cursor": "same"}}));
    let slack = FakeSlack::answering([auth(), error("missing_scope"), error("not_in_channel"), page(), page()]);
    assert_eq!(slack.client.history("C1", Timestamp(0)).await, Err(HistoryError::Denied("missing_scope".into())));
    assert_eq!(slack.client.history("C1", Timestamp(0)).await, Err(HistoryError::Denied("not_in_channel".into())));
    assert_eq!(
        slack.client.history("C1", Timestamp(0)).await,
        Err(HistoryError::Unavailable("pagination token repeated".into()))
    );
}
