//! Probes of channels and webhooks, with Slack on loopback.

use serde_json::json;

use super::super::fake::{FakeSlack, answer, auth, error, ok};
use super::*;

#[tokio::test]
async fn a_probe_proves_what_the_scopes_allow() {
    let info = |archived: bool, member: bool| {
        ok(json!({"ok": true, "channel": {"id": "C1", "is_archived": archived, "is_member": member}}))
    };
    let empty = || ok(json!({"ok": true, "messages": []}));
    let slack = FakeSlack::answering([
        info(false, true),
        info(true, true),
        error("missing_scope"),
        empty(),
        error("missing_scope"),
        error("missing_scope"),
        error("channel_not_found"),
        error("missing_scope"),
        error("missing_scope"),
        answer(400, "no_text"),
        answer(404, "no_service"),
    ]);
    let id = Target::Channel("C1".into());
    assert_eq!(slack.client.probe(&id).await, Ok(ProbeResult::Writable));
    assert_eq!(slack.client.probe(&id).await, Err(SlackError::ChannelRejected("is_archived".into())));
    assert_eq!(slack.client.probe(&id).await, Ok(ProbeResult::Writable), "by its history");
    assert!(matches!(slack.client.probe(&id).await, Ok(ProbeResult::Unverified(_))));
    assert_eq!(slack.client.probe(&id).await, Err(SlackError::ChannelRejected("channel_not_found".into())));
    assert!(matches!(slack.client.probe(&Target::Channel("#security".into())).await, Ok(ProbeResult::Unverified(_))));
    assert_eq!(slack.client.probe(&slack.hook).await, Ok(ProbeResult::Writable));
    assert_eq!(slack.client.probe(&slack.hook).await, Err(SlackError::ChannelRejected("no_service".into())));
}

#[tokio::test]
async fn a_name_is_looked_up_where_the_token_may_list_channels() {
    let page = |name: &str, next: &str| {
        ok(
            json!({"ok": true, "channels": [{"name": name, "is_member": name == "security"}], "response_metadata": {"next_cursor": next}}),
        )
    };
    let slack = FakeSlack::answering([page("general", "p2"), page("security", ""), page("general", ""), auth()]);
    assert_eq!(slack.client.probe(&Target::Channel("#security".into())).await.ok(), Some(ProbeResult::Writable));
    assert!(
        matches!(slack.client.probe(&Target::Channel("#general".into())).await, Err(SlackError::ChannelRejected(why)) if why.starts_with("not_in_channel"))
    );
}
