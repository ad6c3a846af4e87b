//! What the state keeps of the reactions of people, and what follows from them.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::finding::{Origin, decode};
use crate::mention::Mention;
use crate::slack::{MessageRef, SentMessage};
use crate::state::SummaryProgress;

const POSTED: Timestamp = Timestamp(1_800_000_000_000);
/// 2026-01-01T00:00:00Z.
const UPDATED: Timestamp = Timestamp(1_767_225_600_000);

fn user(id: &str) -> UserId {
    UserId::parse(id).expect("the ID of a user")
}

fn resolved() -> Marks {
    Marks { resolved: Some(user("U1")), ..Marks::default() }
}

fn acknowledged() -> Marks {
    Marks { acknowledged: Some(user("U1")), ..Marks::default() }
}

fn message(thread: Option<&str>) -> Option<SentMessage> {
    let (ts, thread_ts) = ("1800000000.000000".to_owned(), thread.map(str::to_owned));
    Some(MessageRef { channel: "C1".into(), ts, thread_ts }.into())
}

fn announced() -> FindingRecord {
    FindingRecord { message: message(None), updated_at: Some(UPDATED), severity: 8.0, ..FindingRecord::default() }
}

fn state(entry: FindingRecord) -> State {
    let summary = SummaryProgress { done: Timestamp(0), new: 0, archived: 0 };
    State { findings: [("f".to_owned(), entry)].into(), summary: Some(summary), ..State::default() }
}

fn triage(marks: Marks, archiving: Option<Archiving>) -> Triage {
    Triage { marks, archiving, ..Triage::default() }
}

fn with(marks: Marks, archiving: Option<Archiving>) -> FindingRecord {
    FindingRecord { triage: Some(Box::new(triage(marks, archiving))), ..announced() }
}

#[test]
fn an_action_is_due_while_message_or_guardduty_does_not_match_the_reactions() {
    for (stale, archiving, expected) in [
        (false, None, false),
        (true, None, true),
        (false, Some(Archiving::Archived), false),
        (false, Some(Archiving::Archive), true),
        (false, Some(Archiving::Unarchive), true),
        (true, Some(Archiving::Archived), true),
    ] {
        let triage = Triage { stale, archiving, ..Triage::default() };
        assert_eq!(triage.is_due(), expected, "{triage:?}");
    }
}

#[test]
fn the_first_acknowledgment_counts_for_the_time_to_it() {
    let now = POSTED.plus(Duration::from_mins(1));
    let mut state = state(announced());
    for (marks, count) in [(Marks::default(), 0), (acknowledged(), 1), (resolved(), 1)] {
        state.set_triage("f", triage(marks, None), now);
        assert_eq!(state.totals.acknowledge_delay.count, count);
    }
    assert_eq!(state.totals.acknowledge_delay.sum, 60.0);
    state.set_triage("f", Triage::default(), now);
    assert_eq!(state.findings["f"].triage, None, "nothing is kept of no reaction");
}

#[test]
fn a_finding_that_a_killed_run_was_to_unarchive_is_archived_again_if_it_is_resolved_again() {
    for (before, after, is_archived) in [
        (Some(Archiving::Unarchive), Some(Archiving::Archive), false),
        (Some(Archiving::Unarchive), Some(Archiving::Unarchive), true),
        (Some(Archiving::Archived), Some(Archiving::Archive), true),
        (None, Some(Archiving::Archive), true),
    ] {
        let mut state = state(FindingRecord { archived: true, ..with(resolved(), before) });
        state.set_triage("f", triage(resolved(), after), POSTED);
        assert_eq!(state.findings["f"].archived, is_archived, "{before:?} {after:?}");
    }
}

#[test]
fn a_message_must_show_that_its_finding_was_archived_or_unarchived_since() {
    for (before, after, is_stale, archived) in [(false, true, true, 1), (true, true, false, 0), (true, false, true, 0)]
    {
        let entry = with(resolved(), Some(Archiving::Archive));
        let mut state = state(FindingRecord { archived: before, ..entry });
        state.set_archiving("f", Some(Archiving::Archived), after);
        let expected = Triage { stale: is_stale, ..triage(resolved(), Some(Archiving::Archived)) };
        assert_eq!(state.findings["f"].triage.as_deref(), Some(&expected), "{before} {after}");
        assert_eq!(state.findings["f"].archived, after);
        assert_eq!(state.summary.map(|summary| summary.archived), Some(archived), "{before} {after}");
    }
}

#[test]
fn marks_that_are_to_be_shown_stay_so_when_they_are_shown_without_a_change() {
    let mut state = state(with(resolved(), None));
    state.findings.get_mut("f").unwrap().triage.as_mut().unwrap().stale = true;
    state.set_archiving("f", None, false);
    assert!(state.findings["f"].triage.as_ref().unwrap().stale);
    state.set_shown("f", &acknowledged());
    assert!(state.findings["f"].triage.as_ref().unwrap().stale, "the message shows other marks");
    state.set_shown("f", &resolved());
    assert!(!state.findings["f"].triage.as_ref().unwrap().stale);
}

#[test]
fn nothing_is_kept_once_a_message_shows_that_there_is_no_reaction_any_more() {
    let mut state = state(announced());
    state.findings.get_mut("f").unwrap().triage = Some(Box::new(Triage { stale: true, ..Triage::default() }));
    state.set_shown("f", &Marks::default());
    assert_eq!(state.findings["f"].triage, None);
}

#[test]
fn a_resolution_that_was_overtaken_counts_no_longer() {
    let mut entry = with(Marks { muted: Some(user("U2")), ..resolved() }, Some(Archiving::Archived));
    entry.triage.as_mut().unwrap().resolvers = vec![user("U1")];
    entry.reopen();
    let expected = Triage {
        marks: Marks { muted: Some(user("U2")), ..Marks::default() },
        resolvers: vec![user("U1")],
        void: vec![user("U1")],
        ..Triage::default()
    };
    assert_eq!(entry.triage.as_deref(), Some(&expected));
    let mut unresolved = with(acknowledged(), Some(Archiving::Archived));
    unresolved.reopen();
    assert_eq!(unresolved, with(acknowledged(), Some(Archiving::Archived)));
}

#[test]
fn bots_are_noted_up_to_a_limit() {
    let mut state = State::default();
    for n in 0..=MAX_BOTS {
        state.note_bot(&user(&format!("U{n}")));
    }
    assert_eq!(state.triage.bots.len(), MAX_BOTS);
}

#[test]
fn an_escalation_is_scheduled_once_from_the_first_message_of_what_is_announced_now() {
    let origin = Origin { account: "1".into(), region: "r".into(), detector: "d".into() };
    let json = r#"{"id": "f", "type": "t", "updatedAt": "2026-01-01T00:00:00Z"}"#;
    let f = decode(json, &Arc::new(origin)).unwrap();
    let escalate = Escalate { after: Duration::from_mins(1), mention: Mention::parse("<!here>").expect("a mention") };
    let at = Some(Escalation::Due(POSTED.plus(Duration::from_mins(1))));
    let first = Some(POSTED.minus(Duration::from_secs(10)));
    let done = Some(Escalation::Done);
    let due_before = Some(Escalation::Due(POSTED));
    for (what, entry, expected) in [
        ("a message of its own", announced(), at),
        (
            "a message that was moved",
            FindingRecord { first, ..announced() },
            Some(Escalation::Due(POSTED.plus(Duration::from_secs(50)))),
        ),
        ("a reply", FindingRecord { message: message(Some("1.0")), ..announced() }, None),
        ("no message", FindingRecord { message: None, ..announced() }, None),
        ("another revision", FindingRecord { updated_at: Some(POSTED), ..announced() }, None),
        ("escalated before", FindingRecord { escalation: done, ..announced() }, done),
        ("scheduled before", FindingRecord { escalation: due_before, ..announced() }, due_before),
    ] {
        let mut state = state(entry);
        state.schedule_escalation(&f, None);
        state.schedule_escalation(&f, Some(&escalate));
        assert_eq!(state.findings["f"].escalation, expected, "{what}");
    }
}

#[test]
fn an_escalation_is_due_at_its_time_while_nobody_acknowledged() {
    let due = |at: Timestamp, entry: FindingRecord| FindingRecord { escalation: Some(Escalation::Due(at)), ..entry };
    let later = Timestamp(POSTED.0 + 1);
    for (what, entry, expected) in [
        ("at its time", due(POSTED, announced()), true),
        ("before its time", due(later, announced()), false),
        ("muted", due(POSTED, with(Marks { muted: Some(user("U1")), ..Marks::default() }, None)), true),
        ("acknowledged", due(POSTED, with(acknowledged(), None)), false),
        ("resolved", due(POSTED, with(resolved(), None)), false),
        ("archived", due(POSTED, FindingRecord { archived: true, ..announced() }), false),
        ("without a message", due(POSTED, FindingRecord { message: None, ..announced() }), false),
        ("not scheduled", announced(), false),
    ] {
        let mut state = state(entry);
        assert_eq!(!state.due_escalations(POSTED).is_empty(), expected, "{what}");
        state.set_escalated("f");
        assert_eq!(state.due_escalations(POSTED), [""; 0], "{what}: escalated");
    }
}

#[test]
fn findings_are_unacknowledged_until_somebody_reacts_or_archives_them() {
    let open = vec![(SeverityLevel::High, POSTED)];
    for (what, entry, expected) in [
        ("announced", announced(), open.clone()),
        ("muted", with(Marks { muted: Some(user("U1")), ..Marks::default() }, None), open),
        ("acknowledged", with(acknowledged(), None), vec![]),
        ("archived", FindingRecord { archived: true, ..announced() }, vec![]),
        ("without a message", FindingRecord { message: None, first: Some(POSTED), ..announced() }, vec![]),
    ] {
        assert_eq!(state(entry).unacknowledged().collect::<Vec<_>>(), expected, "{what}");
    }
}
