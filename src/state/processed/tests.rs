//! Which revisions of a finding are processed, what they count, and what is kept of them.

use std::sync::Arc;

use super::*;
use crate::finding::{Origin, decode};
use crate::message::Marks;
use crate::slack::MessageRef;
use crate::state::{DigestPlan, SummaryProgress, Triage};
use crate::user::UserId;

const T0: &str = "2026-01-01T00:00:00.000Z";
const T1: &str = "2026-01-01T00:01:00.000Z";
/// When GuardDuty cannot be understood.
const UNREADABLE: &str = "yesterday";

fn revision(updated_at: &str, archived: bool) -> Finding {
    let origin = Origin { account: "111122223333".into(), region: "eu-west-1".into(), detector: "d".into() };
    let service = format!(r#"{{"archived": {archived}, "count": 3}}"#);
    let raw = format!(
        r#"{{"id": "f", "type": "Recon:EC2/Portscan", "severity": 8, "updatedAt": "{updated_at}", "service": {service}}}"#
    );
    decode(&raw, &Arc::new(origin)).unwrap()
}

fn posted() -> Outcome {
    let at = MessageRef { channel: "C1".into(), ts: "1.1".into(), thread_ts: None };
    Outcome::Posted { at: at.into(), intended_channel: None, superseded: None, links: String::new() }
}

fn updated() -> Outcome {
    Outcome::Updated { notified: false, links: String::new() }
}

fn summarizing() -> State {
    let summary = SummaryProgress { done: Timestamp(0), new: 0, archived: 0 };
    State { summary: Some(summary), ..State::default() }
}

fn process(state: &mut State, f: &Finding, outcome: &Outcome) {
    state.mark_processed(f, 7, "C1", outcome, f.updated.plus(Duration::from_secs(2)));
}

fn resolved() -> Option<Box<Triage>> {
    let marks = Marks { resolved: UserId::parse("U1"), ..Marks::default() };
    Some(Box::new(Triage { marks, ..Triage::default() }))
}

#[test]
fn only_the_announcement_of_a_revision_counts_for_the_delay() {
    let f = revision(T0, false);
    let mut state = State::default();
    state.mark_processed(&f, 0, "C1", &posted(), f.updated);
    let archived = Outcome::Updated { notified: false, links: String::new() };
    state.mark_processed(&f, 0, "C1", &archived, f.updated.plus(Duration::from_hours(24)));
    assert_eq!((state.totals.delay.count, state.totals.delay.sum), (1, 0.0));
}

#[test]
fn the_delay_is_of_what_slack_acknowledged_and_has_a_time() {
    for (updated_at, outcome, expected) in [
        (T0, posted(), (1, 2.0)),
        (T0, updated(), (1, 2.0)),
        (T0, Outcome::Digested, (1, 2.0)),
        (T0, Outcome::Dropped, (0, 0.0)),
        (T0, Outcome::Coalesced, (0, 0.0)),
        (T0, Outcome::GivenUp, (0, 0.0)),
        (UNREADABLE, posted(), (0, 0.0)),
    ] {
        let mut state = State::default();
        process(&mut state, &revision(updated_at, false), &outcome);
        assert_eq!((state.totals.delay.count, state.totals.delay.sum), expected, "{updated_at} {outcome:?}");
    }
}

#[test]
fn each_revision_is_counted_once_and_each_notification_as_what_it_was() {
    let reply = MessageRef { channel: "C1".into(), ts: "1.2".into(), thread_ts: Some("1.1".into()) };
    let reply = Outcome::Posted { at: reply.into(), intended_channel: None, superseded: None, links: String::new() };
    let mut state = State::default();
    for (f, outcome) in [
        (revision(T0, false), posted()),
        (revision(T0, false), updated()),
        (revision(T1, false), Outcome::Updated { notified: true, links: String::new() }),
        (revision(T1, false), reply),
        (revision(T1, false), Outcome::Digested),
        (revision(T1, false), Outcome::Ignored),
    ] {
        process(&mut state, &f, &outcome);
    }
    let expected = [("digested", 1), ("ignored", 1), ("posted", 1), ("threaded", 2), ("updated", 2)];
    let expected = expected.map(|(outcome, count)| (outcome.to_owned(), count));
    assert_eq!(state.totals.notifications, [("C1".to_owned(), expected.into())].into());
    let sources: Vec<u64> = state.totals.findings["high"].values().copied().collect();
    assert_eq!((state.totals.findings.len(), sources), (1, vec![2]));
    assert_eq!(state.totals.types, [("Recon:EC2/Portscan".to_owned(), 2)].into());
}

#[test]
fn a_summary_counts_each_finding_once_as_new_and_once_as_archived() {
    let new_and_archived = |steps: &[(&str, bool, Outcome)]| {
        let mut state = summarizing();
        for (updated_at, archived, outcome) in steps {
            process(&mut state, &revision(updated_at, *archived), outcome);
        }
        state.summary.map(|summary| (summary.new, summary.archived)).expect("summaries are scheduled")
    };
    assert_eq!(new_and_archived(&[(T0, false, posted())]), (1, 0));
    assert_eq!(new_and_archived(&[(T0, false, posted()), (T1, false, updated())]), (1, 0), "a recurrence");
    assert_eq!(new_and_archived(&[(T0, false, posted()), (T0, true, updated())]), (1, 1), "archived");
    assert_eq!(new_and_archived(&[(T0, false, posted()), (T0, true, updated()), (T0, true, updated())]), (1, 1));
    assert_eq!(new_and_archived(&[(T0, false, Outcome::Dropped)]), (0, 0), "dropped");
    assert_eq!(new_and_archived(&[(T0, true, posted())]), (1, 0), "it was archived before");
    assert_eq!(new_and_archived(&[(T0, false, posted()), (T1, true, Outcome::Coalesced)]), (1, 0), "not shown yet");
    assert_eq!(new_and_archived(&[(T0, true, Outcome::ArchivedFirst), (T1, false, posted())]), (1, 0), "unarchived");
}

#[test]
fn a_finding_that_failed_before_is_new_when_it_is_announced() {
    let f = revision(T0, false);
    let mut state = summarizing();
    state.mark_failing(&f.id, 7, f.updated);
    process(&mut state, &f, &posted());
    assert_eq!(state.summary.map(|summary| summary.new), Some(1));
    assert_eq!(state.findings["f"].failing_since, None);
}

#[test]
fn a_finding_that_was_archived_before_it_was_announced_is_not_processed() {
    let f = revision(T0, true);
    let mut state = State::default();
    state.note_unfetched("f", 7, f.updated);
    process(&mut state, &f, &Outcome::ArchivedFirst);
    assert!(!state.is_processed("f", f.updated));
    assert!(state.unfetched.is_empty(), "it was fetched");
}

#[test]
fn a_revision_is_processed_with_all_earlier_ones_and_no_later_one() {
    let (first, second) = (revision(T0, false), revision(T1, false));
    let mut state = State::default();
    process(&mut state, &second, &posted());
    process(&mut state, &first, &updated());
    assert!(state.is_processed("f", first.updated) && state.is_processed("f", second.updated));
    assert!(!state.is_processed("f", Timestamp(second.updated.0 + 1)));
    assert_eq!(state.findings["f"].source_id, 7);
}

#[test]
fn a_resolution_ends_when_a_resolved_finding_recurs_or_is_unarchived() {
    let cases = [
        ("a recurrence", T1, false, false, updated(), false),
        ("a recurrence of an archived finding", T1, false, true, updated(), false),
        ("unarchived, the same revision", T0, false, true, updated(), false),
        ("the same revision", T0, false, false, updated(), true),
        ("a recurrence that is archived", T1, true, false, updated(), true),
        ("a recurrence without an edit", T1, false, false, Outcome::Coalesced, true),
    ];
    for (what, updated_at, archived, was_archived, outcome, is_resolved) in cases {
        let mut state = State::default();
        process(&mut state, &revision(T0, was_archived), &posted());
        state.findings.get_mut("f").unwrap().triage = resolved();
        process(&mut state, &revision(updated_at, archived), &outcome);
        assert_eq!(state.findings["f"].marks().resolved.is_some(), is_resolved, "{what}");
    }
}

#[test]
fn a_digest_leaves_the_revision_the_source_and_what_is_not_understood() {
    let f = revision(T1, false);
    let mut state = State::default();
    process(&mut state, &revision(T0, false), &posted());
    state.findings.get_mut("f").unwrap().unknown.insert("later".to_owned(), 5.into());
    process(&mut state, &f, &Outcome::Digested);
    let unknown = [("later".to_owned(), 5.into())].into();
    let bare = FindingRecord { updated_at: Some(f.updated), source_id: 7, unknown, ..FindingRecord::default() };
    assert_eq!(state.findings["f"], bare);
}

#[test]
fn the_plan_of_a_digest_marks_its_findings_as_processed_unless_a_newer_revision_is() {
    let (at, newer) = (Timestamp(10), Timestamp(11));
    let mut state = State::default();
    for (id, updated_at) in [("same", at), ("newer", newer), ("older", Timestamp(9))] {
        let unknown = [("later".to_owned(), id.into())].into();
        let record = FindingRecord { updated_at: Some(updated_at), count: 4, unknown, ..FindingRecord::default() };
        state.findings.insert(id.to_owned(), record);
    }
    let before = state.clone();
    let findings = ["same", "newer", "older", "new"].map(|id| (id.to_owned(), at, 7));
    state.save_digest_plan("d", DigestPlan { channel: "#c".into(), findings: findings.into() });
    assert_eq!(state.mark_digest_processed("d"), 4);
    assert!(state.digest_plans.is_empty());
    for id in ["same", "newer"] {
        assert_eq!(state.findings[id], before.findings[id], "{id}");
    }
    let bare = FindingRecord { updated_at: Some(at), source_id: 7, ..FindingRecord::default() };
    let unknown = before.findings["older"].unknown.clone();
    assert_eq!(state.findings["older"], FindingRecord { unknown, ..bare.clone() });
    assert_eq!(state.findings["new"], bare);
    assert_eq!(state.mark_digest_processed("d"), 0, "the plan was removed");
}

#[test]
fn a_finding_fails_since_its_first_failure() {
    let mut state = State::default();
    assert_eq!(state.mark_failing("f", 7, Timestamp(1_000)), Duration::ZERO);
    assert_eq!(state.mark_failing("f", 8, Timestamp(5_000)), Duration::from_secs(4));
    assert_eq!((state.findings["f"].source_id, state.findings["f"].failing_since), (8, Some(Timestamp(1_000))));
}

#[test]
fn an_edit_completes_a_record_that_was_reconciled() {
    let mut state = State::default();
    let record =
        FindingRecord { updated_at: Some(Timestamp::parse(T0).unwrap()), reconciled: true, ..FindingRecord::default() };
    let f = revision(T1, false);
    state.findings.insert(f.id.clone(), record);
    process(&mut state, &f, &updated());
    assert_eq!(state.findings[&f.id].global_key, f.global_key());
}

#[test]
fn a_failing_finding_that_is_archived_does_not_fail_any_more() {
    let mut state = State::default();
    let f = revision(T0, true);
    state.mark_failing(&f.id, 7, Timestamp(1_000));
    process(&mut state, &f, &Outcome::ArchivedFirst);
    assert_eq!(state.mark_failing(&f.id, 7, Timestamp(90_000_000)), Duration::ZERO);
}
