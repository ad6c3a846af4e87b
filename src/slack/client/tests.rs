//! Requests and their outcomes, with Slack on loopback.

use guardduty_slack_support::server::{Outcome, Reply};
use serde_json::json;

use super::super::fake::{FakeSlack, answer, answer_with, auth, error, message, ok};
use super::super::{MessageRef, SentMessage, SlackApi, SlackError, Target, Thread, WebhookMessage};
use super::*;
use crate::message::{MessageForm, redirect};

#[tokio::test]
async fn post_sends_json_with_the_token_and_returns_channel_and_timestamp() {
    let slack = FakeSlack::answering([ok(json!({"ok": true, "channel": "C1", "ts": "1.5"}))]);
    let thread = Thread { ts: "1.2".into(), is_broadcast: true };
    let to = Target::Channel("#security".into());
    let posted = slack.client.post_message(&to, &message(), Some(&thread)).await.unwrap();
    let at = MessageRef { channel: "C1".into(), ts: "1.5".into(), thread_ts: Some("1.2".into()) };
    assert_eq!(posted, SentMessage::Bot(at));
    let request = slack.request(0);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/api/chat.postMessage"));
    assert_eq!(request.header("authorization"), "Bearer xoxb-secret");
    assert_eq!(request.header("content-type"), "application/json; charset=utf-8");
    let body = request.json();
    assert_eq!(
        (&body["channel"], &body["thread_ts"], &body["reply_broadcast"]),
        (&json!("#security"), &json!("1.2"), &json!(true))
    );
    assert_eq!((&body["unfurl_links"], &body["metadata"]["event_type"]), (&json!(false), &json!("guardduty_notice")));
    assert_eq!(slack.counted(), ["chat.postMessage ok 1"]);
}

#[tokio::test]
async fn unknown_outcome_differs_from_a_rejection() {
    let slack = FakeSlack::answering([
        answer_with(429, &[("retry-after", "7")], ""),
        answer(503, "upstream"),
        Outcome::Reset,
        Outcome::Cut(Reply::json(200, &json!({"ok": true}))),
        ok(json!({"ok": true})),
        error("invalid_blocks"),
        error("not_in_channel"),
        answer_with(302, &[("location", "http://127.0.0.1:9/")], ""),
    ]);
    assert_eq!(slack.post().await, Err(SlackError::RateLimited(Some(Duration::from_secs(7)))));
    for _ in 0..4 {
        assert!(matches!(slack.post().await, Err(SlackError::OutcomeUnknown(_))));
    }
    assert_eq!(slack.post().await, Err(SlackError::ContentRejected("invalid_blocks".into())));
    assert_eq!(slack.post().await, Err(SlackError::ChannelRejected("not_in_channel".into())));
    let elsewhere = slack.post().await.unwrap_err();
    assert!(matches!(&elsewhere, SlackError::AppRejected(why) if why.contains("SLACK_API_URL")), "{elsewhere}");
    assert_eq!(
        slack.counted(),
        [
            "chat.postMessage http_302 1",
            "chat.postMessage http_503 1",
            "chat.postMessage invalid_blocks 1",
            "chat.postMessage network 2",
            "chat.postMessage not_in_channel 1",
            "chat.postMessage ok 1",
            "chat.postMessage ratelimited 1",
        ]
    );
}

#[tokio::test]
async fn a_retry_after_that_is_a_date_counts_from_the_date_of_the_answer() {
    let date = [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")];
    let slack = FakeSlack::answering([answer_with(429, &date, ""), answer_with(429, &[("retry-after", "soon")], "")]);
    assert_eq!(slack.post().await, Err(SlackError::RateLimited(Some(Duration::from_secs(30)))));
    assert_eq!(slack.post().await, Err(SlackError::RateLimited(None)));
}

#[tokio::test]
async fn missing_response_leaves_the_outcome_unknown() {
    let slack = FakeSlack::within(Duration::from_millis(200), [Outcome::Hang]);
    assert!(matches!(slack.post().await, Err(SlackError::OutcomeUnknown(_))));
    assert_eq!(slack.counted(), ["chat.postMessage timeout 1"]);
}

#[tokio::test]
async fn an_answer_that_is_larger_than_any_of_slacks_is_not_kept() {
    let padded = |bytes| ok(json!({"ok": true, "channel": "C1", "ts": "1.5", "padding": "x".repeat(bytes)}));
    let slack = FakeSlack::answering([padded(15_000_000), padded(17_000_000)]);
    assert!(slack.post().await.is_ok());
    assert!(matches!(slack.post().await, Err(SlackError::OutcomeUnknown(why)) if why.contains("too large")));
    assert_eq!(slack.counted(), ["chat.postMessage ok 1", "chat.postMessage unreadable 1"]);
}

#[tokio::test]
async fn a_connection_that_is_refused_sent_nothing() {
    let slack = FakeSlack::stopped();
    assert!(matches!(slack.post().await, Err(SlackError::NotSent(_))));
    let hook = slack.post_to_webhook().await.unwrap_err().to_string();
    assert!(hook.starts_with("not sent") && !hook.contains("secret"), "{hook}");
}

#[tokio::test]
async fn update_replaces_the_complete_message() {
    let slack = FakeSlack::answering([ok(json!({"ok": true})), error("edit_window_closed")]);
    let at = MessageRef { channel: "C1".into(), ts: "1.5".into(), thread_ts: None };
    slack.client.update_message(&at, &redirect("f1", "C2", None, MessageForm::Minimal)).await.unwrap();
    let request = slack.request(0);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/api/chat.update"));
    let body = request.json();
    assert_eq!((&body["channel"], &body["ts"], &body["parse"]), (&json!("C1"), &json!("1.5"), &json!("none")));
    assert_eq!((&body["blocks"], &body["attachments"], body.get("metadata")), (&json!([]), &json!([]), None));
    let arguments: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(arguments, ["attachments", "blocks", "channel", "parse", "text", "ts"]);
    assert_eq!(
        slack.client.update_message(&at, &message()).await,
        Err(SlackError::MessageNotFound("edit_window_closed".into()))
    );
}

#[tokio::test]
async fn a_webhook_takes_a_message_with_its_metadata() {
    let answers = [(200, "ok"), (400, "invalid_blocks"), (404, "no_service"), (500, "rollup_error")];
    let slack = FakeSlack::answering(answers.map(|(status, word)| answer(status, word)));
    let posted = slack.post_to_webhook().await.unwrap();
    assert_eq!(posted, SentMessage::Webhook(WebhookMessage { variable: "SLACK_WEBHOOK_URL".into() }));
    let request = slack.request(0);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/services/secret"));
    assert_eq!(request.header("authorization"), "");
    let body = request.json();
    assert_eq!((&body["metadata"]["event_type"], body.get("channel")), (&json!("guardduty_notice"), None));
    assert_eq!(slack.post_to_webhook().await, Err(SlackError::ContentRejected("invalid_blocks".into())));
    assert_eq!(slack.post_to_webhook().await, Err(SlackError::ChannelRejected("no_service".into())));
    assert!(matches!(slack.post_to_webhook().await, Err(SlackError::OutcomeUnknown(_))));
}

#[tokio::test]
async fn a_throttled_history_is_waited_for() {
    let slack = FakeSlack::answering([answer_with(429, &[("retry-after", "0")], ""), auth()]);
    let identity = slack.client.identity().await.unwrap();
    assert!(identity.has_scope("channels:history") && !identity.has_scope("groups:history"));
    let at = MessageRef { channel: "C1".into(), ts: "7.000001".into(), thread_ts: Some("6.0".into()) };
    let link = slack.client.permalink(&at).await.unwrap();
    assert_eq!(link, "https://example.slack.com/archives/C1/p7000001?thread_ts=6.0&cid=C1");
    assert_eq!(slack.counted(), ["auth.test ok 1", "auth.test ratelimited 1"]);
}
