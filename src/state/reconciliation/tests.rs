//! Messages that the state does not have are adopted once, and none of another installation is.

use std::sync::Arc;

use super::*;
use crate::finding::{Origin, decode};
use crate::source_key::SourceKey;
use crate::state::{DigestPlan, Escalation, SourceState};

const NOW: Timestamp = Timestamp(1_800_000_100_000);
/// When the message was posted.
const POSTED: Timestamp = Timestamp(1_800_000_000_000);

fn message(channel: &str, ts: &str) -> MessageRef {
    MessageRef { channel: channel.to_owned(), ts: ts.to_owned(), thread_ts: None }
}

fn posted(updated: i64) -> PostedFinding {
    PostedFinding {
        updated: Timestamp(updated),
        at: message("C1", "1800000000.000000"),
        channel: "#c1".into(),
        intended_channel: Some("#c0".into()),
        severity: 8.0,
        region: "eu-west-1".into(),
        detector: "d7".into(),
    }
}

fn state() -> State {
    let mut state = State::default();
    for (id, key, detector) in [(6, "111122223333/us-east-1", "d7"), (7, "111122223333/eu-west-1", "d7")] {
        let mut source = SourceState { id, ..SourceState::default() };
        source.set_detector("before");
        source.set_detector(detector);
        state.sources.insert(key.parse::<SourceKey>().expect("a key of a source").into(), source);
    }
    state
}

fn known(updated: Option<i64>, message: Option<MessageRef>) -> FindingRecord {
    let message = message.map(Into::into);
    FindingRecord { updated_at: updated.map(Timestamp), message, ..FindingRecord::default() }
}

#[test]
fn a_message_is_adopted_if_it_is_newer_than_what_the_state_has() {
    let older = || Some(message("C1", "1700000000.000000"));
    let same = || Some(posted(5).at);
    let newer = || Some(message("C1", "1800000001.000000"));
    for (what, known, expected) in [
        ("unknown to the state", None, true),
        ("failing, without a revision", Some(known(None, None)), true),
        ("an earlier revision", Some(known(Some(4), older())), true),
        ("an earlier revision without a message", Some(known(Some(4), None)), true),
        ("the same revision without a message", Some(known(Some(5), None)), true),
        ("the same revision with a message", Some(known(Some(5), older())), false),
        ("a later revision", Some(known(Some(6), None)), false),
        ("an earlier revision in the same message", Some(known(Some(4), same())), false),
        ("an earlier revision in a later message", Some(known(Some(4), newer())), false),
    ] {
        let mut state = state();
        state.findings.extend(known.map(|record| ("f".to_owned(), record)));
        let before = state.findings.clone();
        assert_eq!(state.reconcile_finding("f", &posted(5), None, NOW), expected, "{what}");
        assert_eq!(state.totals.notifications(NotificationOutcome::Adopted), u64::from(expected), "{what}");
        assert!(expected || state.findings == before, "{what}");
    }
}

#[test]
fn a_message_of_another_installation_is_left_alone() {
    for (region, detector, source, expected) in [
        ("eu-west-1", "d7", None, Some(7)),
        ("us-east-1", "d7", None, Some(6)),
        ("eu-west-1", "before", None, Some(7)),
        ("ap-south-1", "before", None, None),
        ("eu-west-1", "other", None, None),
        ("ap-south-1", "d7", None, None),
        ("eu-west-1", "other", Some(3), Some(3)),
        ("eu-west-1", "d7", Some(3), Some(7)),
    ] {
        let mut state = state();
        let posted = PostedFinding { region: region.into(), detector: detector.into(), ..posted(5) };
        assert_eq!(state.reconcile_finding("f", &posted, source, NOW), expected.is_some(), "{region} {detector}");
        assert_eq!(state.findings.get("f").map(|record| record.source_id), expected, "{region} {detector}");
    }
}

#[test]
fn the_message_becomes_the_live_one_and_what_belongs_to_the_finding_stays() {
    let before = FindingRecord {
        message: Some(message("C2", "1700000000.000000").into()),
        superseded: vec![message("C3", "1600000000.000000")],
        updated_at: Some(Timestamp(4)),
        escalation: Some(Escalation::Done),
        investigations: vec!["i".to_owned()],
        unknown: [("later".to_owned(), 5.into())].into(),
        count: 3,
        failing_since: Some(Timestamp(3)),
        ..FindingRecord::default()
    };
    let mut state = state();
    state.findings.insert("f".to_owned(), before.clone());
    assert!(state.reconcile_finding("f", &posted(5), None, NOW));
    let expected = FindingRecord {
        message: Some(posted(5).at.into()),
        intended_channel: Some("#c0".into()),
        superseded: vec![message("C3", "1600000000.000000"), message("C2", "1700000000.000000")],
        updated_at: Some(Timestamp(5)),
        source_id: 7,
        first: Some(Timestamp(1_700_000_000_000)),
        severity: 8.0,
        edited_at: Some(POSTED),
        notified_at: Some(POSTED),
        count: 0,
        reconciled: true,
        failing_since: None,
        ..before
    };
    assert_eq!(state.findings["f"], expected);
}

#[test]
fn a_message_in_the_same_channel_replaces_the_one_before_without_a_redirect() {
    let mut state = state();
    state.findings.insert("f".to_owned(), known(Some(4), Some(message("C1", "1700000000.000000"))));
    assert!(state.reconcile_finding("f", &posted(5), None, Timestamp(POSTED.0 - 1)));
    assert!(state.findings["f"].superseded.is_empty());
    assert_eq!(state.findings["f"].edited_at, Some(Timestamp(POSTED.0 - 1)), "no later than now, by any clock");
}

#[test]
fn a_digest_in_the_history_counts_for_all_findings_of_its_plan() {
    let mut state = state();
    let findings = vec![("f".to_owned(), Timestamp(5), 7), ("g".to_owned(), Timestamp(6), 7)];
    state.save_digest_plan("d", DigestPlan { channel: "#c1".into(), findings });
    assert_eq!(state.reconcile_digest("unknown"), None);
    assert_eq!(state.reconcile_digest("d"), Some(2));
    assert!(state.is_processed("f", Timestamp(5)) && state.is_processed("g", Timestamp(6)));
    assert_eq!(state.totals.notifications(NotificationOutcome::Adopted), 2);
    assert_eq!(state.reconcile_digest("d"), None, "once");
}

#[test]
fn what_the_history_does_not_show_is_completed_when_the_revision_is_listed() {
    let origin = Origin { account: "111122223333".into(), region: "eu-west-1".into(), detector: "d7".into() };
    let raw = r#"{"id": "f", "type": "Recon:EC2/Portscan", "severity": 8, "updatedAt": "2026-01-01T00:00:00.000Z",
        "service": {"archived": true, "count": 3, "action": {"actionType": "NETWORK_CONNECTION",
        "networkConnectionAction": {"remoteIpDetails": {"ipAddressV4": "198.51.100.1"}}}}}"#;
    let f = decode(raw, &Arc::new(origin)).unwrap();
    for (updated_at, reconciled, is_completed) in
        [(f.updated, true, true), (f.updated, false, false), (Timestamp(f.updated.0 + 1), true, false)]
    {
        let mut state = state();
        let before = FindingRecord { reconciled, ..known(Some(updated_at.0), Some(posted(5).at)) };
        state.findings.insert("f".to_owned(), before.clone());
        assert_eq!(state.complete_reconciled(&f), is_completed, "{updated_at:?} {reconciled}");
        let record = &state.findings["f"];
        assert_eq!(record == &before, !is_completed, "{updated_at:?} {reconciled}");
        if is_completed {
            assert_eq!(state.totals.types, [("Recon:EC2/Portscan".to_owned(), 1)].into());
            assert_eq!((record.count, record.notified_count), (3, 3));
            assert!(!record.archived, "the message does not show that the finding was archived since");
            assert!(!f.attributes().is_empty());
            assert_eq!(record.attributes, f.attributes());
            assert_eq!(record.notified_attributes, record.attributes.len(), "none of them is new in a recurrence");
            assert!(!state.complete_reconciled(&f), "once");
        }
    }
    assert!(!state().complete_reconciled(&f));
}
