//! Which messages of the history count as delivered.

use serde_json::{Value, json};

use super::*;
use crate::message::{Notice, NoticeId, NoticeLevel};
use crate::slack::ReplyId;
use crate::source_key::SourceKey;
use crate::state::{DigestPlan, SourceState};

const UPDATED: &str = "2026-01-01T00:00:00.000Z";
/// `UPDATED`.
const TIME: Timestamp = Timestamp(1_767_225_600_000);
/// The message with `ts` 1767225601.000000.
const POSTED: Timestamp = Timestamp(1_767_225_601_000);

fn message(ts: &str, event_type: &str, payload: &Value) -> BotMessage {
    let payload = payload.as_object().expect("an object").clone();
    BotMessage { ts: ts.to_owned(), thread_ts: None, event_type: event_type.to_owned(), payload }
}

fn finding(ts: &str, updated_at: &str) -> BotMessage {
    let payload =
        json!({"finding_id": "f", "updated_at": updated_at, "severity": 8.0, "region": "r", "detector_id": "d"});
    message(ts, "guardduty_finding", &payload)
}

fn posted(messages: Vec<BotMessage>, replayed: Option<Timestamp>) -> PostedMessages {
    let mut posted = PostedMessages::default();
    let channel = NamedChannel { name: "#c".into(), id: "C1".into() };
    posted.add(&channel, messages, &HistoryRange::since(Timestamp(0), replayed));
    posted
}

#[test]
fn the_history_is_read_from_a_minute_before_and_never_from_before_a_replay() {
    let since = Timestamp(600_000);
    for (replayed, oldest) in [(None, 540_000), (Some(530_000), 540_000), (Some(550_000), 550_000)] {
        let range = HistoryRange::since(since, replayed.map(Timestamp));
        assert_eq!(range.oldest, Timestamp(oldest), "{replayed:?}");
    }
}

#[test]
fn each_kind_of_message_is_recognized_by_its_own_id() {
    let all = posted(
        vec![
            finding("1767225601.000000", UPDATED),
            message("2.0", "guardduty_digest", &json!({"digest_id": "d1"})),
            message("3.0", "guardduty_notice", &json!({"notice_id": "n1"})),
            message("4.0", "guardduty_summary", &json!({"summary_id": "s1"})),
            message("5.0", "guardduty_reply", &json!({"finding_id": "f", "updated_at": UPDATED})),
            message("6.0", "of another app", &json!({"digest_id": "d2", "notice_id": "n2", "finding_id": "g"})),
            message("7.0", "guardduty_digest", &json!({"notice_id": "n3"})),
        ],
        None,
    );
    let at = all.finding("f", TIME).map(|posted| (posted.at.channel.as_str(), posted.at.ts.as_str()));
    assert_eq!(at, Some(("C1", "1767225601.000000")));
    assert!(all.finding("g", Timestamp(0)).is_none());
    assert_eq!(all.digests, ["d1".to_owned()].into());
    assert_eq!(all.notices, ["n1".to_owned()].into());
    assert_eq!(all.summaries, ["s1".to_owned()].into());
    assert!(all.standalone_replies.contains("f", &ReplyId::new("f", UPDATED, None)));
}

#[test]
fn what_was_posted_before_a_replay_does_not_count() {
    for (replayed, counts) in [(POSTED.0 - 1, true), (POSTED.0, false), (POSTED.0 + 1, false)] {
        let posted = posted(vec![finding("1767225601.000000", UPDATED)], Some(Timestamp(replayed)));
        assert_eq!(posted.finding("f", TIME).is_some(), counts, "{replayed}");
    }
}

#[test]
fn the_newest_message_of_a_finding_counts_and_for_no_later_revision() {
    let (old, new) = (finding("1767225601.000000", UPDATED), finding("1767225602.000000", UPDATED));
    for messages in [vec![old.clone(), new.clone()], vec![new, old]] {
        let posted = posted(messages, None);
        assert_eq!(posted.finding("f", TIME).map(|posted| posted.at.ts.as_str()), Some("1767225602.000000"));
        assert!(posted.finding("f", Timestamp(TIME.0 + 1)).is_none());
    }
}

#[test]
fn posted_messages_are_adopted_and_what_is_adopted_is_counted() {
    let mut state = State::default();
    let key: SourceKey = "111122223333/r".parse().expect("a key of a source");
    let source = SourceState { detector_id: Some("d".into()), ..SourceState::default() };
    state.sources.insert(key.into(), source);
    state.save_digest_plan("d1", DigestPlan { channel: "#c".into(), findings: Vec::new() });
    let notice = |kind: &str| Notice {
        id: NoticeId::new(kind, TIME),
        title: "title".into(),
        lines: vec![],
        level: NoticeLevel::Info,
    };
    let known = notice("n").id.to_string();
    state.set_notices(vec![notice("n"), notice("other")]);
    let posted = posted(
        vec![
            finding("1767225601.000000", UPDATED),
            message("2.0", "guardduty_digest", &json!({"digest_id": "d1"})),
            message("3.0", "guardduty_digest", &json!({"digest_id": "of another installation"})),
            message("4.0", "guardduty_notice", &json!({"notice_id": known})),
        ],
        None,
    );
    let reconciliation = posted.mark_delivered(&mut state, &HashMap::new(), POSTED);
    assert_eq!((reconciliation.findings, reconciliation.digests), (["f".to_owned()].into(), 1));
    assert!(state.is_processed("f", TIME));
    assert_eq!(state.notices, [notice("other")]);
}
