//! Reactions of people on the message of a finding.

use std::collections::BTreeSet;

use super::*;
use crate::config::{self, TriageEmoji};
use crate::message::Marks;
use crate::slack::{MessageRef, Reaction};
use crate::state::{FindingRecord, State};
use crate::user::UserId;

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn users(ids: &[&str]) -> Vec<UserId> {
    ids.iter().map(|id| user(id)).collect()
}

fn reaction(name: &str, ids: &[&str]) -> Reaction {
    Reaction { name: name.into(), users: users(ids), is_complete: true }
}

fn triage_config(allowed: Option<&[&str]>) -> config::Triage {
    let users = allowed.map(|ids| users(ids).into_iter().collect());
    config::Triage { mode: TriageMode::Archive, users, emoji: TriageEmoji::default() }
}

fn counted(allowed: Option<&[&str]>, bots: &[&str], reactions: &[Reaction]) -> CountedReactions {
    let config = triage_config(allowed);
    let bots: BTreeSet<UserId> = users(bots).into_iter().collect();
    ReactionRules { config: &config, bots: &bots }.count(reactions)
}

fn resolved_by(ids: &[&str]) -> CountedReactions {
    CountedReactions { resolve: users(ids), ..CountedReactions::default() }
}

fn read(known: Option<&Triage>, counted: &CountedReactions) -> Option<Triage> {
    read_reactions(known, false, counted, TriageMode::Archive, ReadAfter::NoChange)
}

#[test]
fn only_reactions_of_listed_people_count() {
    // A guest, a person of a connected workspace, a person of an Enterprise organization, and IDs that resemble U0ALICE.
    let strangers = ["U0GUEST", "U0CONNECTED", "W0ALICE", "U0ALICE1", "U0ALIC"];
    let reactions = [reaction("white_check_mark", &[&strangers[..], &["U0ALICE"]].concat())];
    assert_eq!(counted(Some(&["U0ALICE", "U0BOB"]), &[], &reactions).resolve, users(&["U0ALICE"]));
    assert_eq!(counted(Some(&["U0BOB"]), &[], &reactions), CountedReactions::default());
}

#[test]
fn bots_do_not_count_even_if_they_are_listed() {
    let reactions = [reaction("eyes", &["U0SELF", "USLACKBOT", "U0OTHERBOT", "U0BOB"])];
    let bots = ["U0SELF", "U0OTHERBOT"];
    assert_eq!(counted(None, &bots, &reactions).acknowledge, users(&["U0BOB"]));
    assert_eq!(counted(Some(&["U0SELF", "USLACKBOT"]), &bots, &reactions), CountedReactions::default());
}

#[test]
fn each_meaning_has_its_emoji_in_every_skin_tone() {
    let reactions = [
        reaction("eyes::skin-tone-2", &["U0ALICE"]),
        reaction("eyes", &["U0BOB", "U0ALICE"]),
        reaction("no_bell", &["U0BOB"]),
        reaction("white_check_mark_2", &["U0ALICE"]),
        reaction("eyes_closed", &["U0EVE"]),
    ];
    let counted = counted(None, &[], &reactions);
    assert_eq!(counted.acknowledge, users(&["U0ALICE", "U0BOB"]));
    assert_eq!((counted.resolve, counted.mute), (vec![], users(&["U0BOB"])));
}

#[test]
fn only_a_list_that_matters_has_to_be_complete() {
    let config = triage_config(None);
    let bots = BTreeSet::new();
    let cut = |name: &str| [Reaction { is_complete: false, ..reaction(name, &["U0BOB"]) }];
    let rules = ReactionRules { config: &config, bots: &bots };
    assert!(rules.is_cut_short(&cut("eyes")) && rules.is_cut_short(&cut("eyes::skin-tone-4")));
    assert!(!rules.is_cut_short(&cut("tada")));
}

#[test]
fn the_first_person_counts_and_a_removed_reaction_is_taken_back() {
    let both = CountedReactions { acknowledge: users(&["U0ALICE", "U0BOB"]), ..CountedReactions::default() };
    let first = read(None, &both).unwrap();
    assert_eq!((first.marks.acknowledged.clone(), first.stale), (Some(user("U0ALICE")), true));
    let shown = Triage { stale: false, ..first };
    assert_eq!(read(Some(&shown), &both), None);
    let bob = read(Some(&shown), &CountedReactions { acknowledge: users(&["U0BOB"]), ..CountedReactions::default() })
        .unwrap();
    assert_eq!(bob.marks.acknowledged, Some(user("U0BOB")));
    let nobody = read(Some(&shown), &CountedReactions::default()).unwrap();
    assert_eq!((nobody.marks, nobody.stale), (Marks::default(), true));
}

#[test]
fn a_message_that_may_show_something_else_stays_due_even_if_the_reactions_are_as_before() {
    // The run crashed between the update and the checkpoint. Meanwhile, the reaction was removed.
    let tried =
        read(None, &CountedReactions { acknowledge: users(&["U0ALICE"]), ..CountedReactions::default() }).unwrap();
    let after = read(Some(&tried), &CountedReactions::default()).unwrap();
    assert!(after.stale && after.marks == Marks::default());
}

#[test]
fn an_old_resolution_means_nothing_after_reopening_until_it_is_set_again() {
    let mut triage = read(None, &resolved_by(&["U0ALICE", "U0BOB"])).unwrap();
    triage.reopen();
    assert_eq!(triage.marks.resolved, None);
    // The reactions of both are still there.
    assert_eq!(read(Some(&triage), &resolved_by(&["U0ALICE", "U0BOB"])), None);
    // A third person resolves it.
    assert_eq!(
        read(Some(&triage), &resolved_by(&["U0ALICE", "U0BOB", "U0CAROL"])).unwrap().marks.resolved,
        Some(user("U0CAROL"))
    );
    // The first removes and sets it again.
    let removed = read(Some(&triage), &resolved_by(&["U0BOB"])).unwrap();
    assert_eq!((&removed.marks.resolved, &removed.void), (&None, &users(&["U0BOB"])));
    let set = read(Some(&removed), &resolved_by(&["U0BOB", "U0ALICE"])).unwrap();
    assert_eq!(set.marks.resolved, Some(user("U0ALICE")));
}

#[test]
fn a_resolution_that_may_be_older_than_the_announced_revision_does_not_count() {
    let after = |known, counted: &CountedReactions| {
        read_reactions(known, false, counted, TriageMode::Archive, ReadAfter::Announcement).unwrap()
    };
    let overtaken = after(None, &resolved_by(&["U0ALICE"]));
    assert_eq!((&overtaken.marks.resolved, overtaken.archiving), (&None, None));
    assert_eq!(read(Some(&overtaken), &resolved_by(&["U0ALICE"])), None, "nor in the next run");
    // An acknowledgment is not a statement about one revision.
    let acknowledged =
        after(None, &CountedReactions { acknowledge: users(&["U0ALICE"]), ..CountedReactions::default() });
    assert_eq!(acknowledged.marks.acknowledged, Some(user("U0ALICE")));
}

#[test]
fn a_resolution_is_carried_to_guardduty_once_and_back() {
    use Archiving::{Archive, Archived, Unarchive};
    let table = [
        // before, resolved, archived in GuardDuty → after
        (None, true, false, Some(Archive)),
        (None, true, true, None),
        (None, false, true, None),
        (Some(Archive), true, false, Some(Archive)),
        (Some(Archive), false, false, Some(Unarchive)),
        (Some(Archived), true, true, Some(Archived)),
        (Some(Archived), false, true, Some(Unarchive)),
        (Some(Unarchive), false, true, Some(Unarchive)),
        (Some(Unarchive), true, true, Some(Archive)),
    ];
    for (before, is_resolved, is_archived, after) in table {
        assert_eq!(archiving(before, is_resolved, is_archived, TriageMode::Archive), after, "{before:?} {is_resolved}");
        assert_eq!(archiving(before, is_resolved, is_archived, TriageMode::Show), None);
    }
}

#[test]
fn older_open_findings_are_read_in_rotation() {
    let at = |ts: &str| MessageRef { channel: "C1".into(), ts: ts.into(), thread_ts: None };
    let entry = |ts: &str| FindingRecord { message: Some(at(ts).into()), ..FindingRecord::default() };
    let mut state = State::default();
    for n in 0..5 {
        state.findings.insert(format!("f{n}"), entry(&n.to_string()));
    }
    state.findings.insert("f5".into(), FindingRecord { archived: true, ..entry("5") });
    state.findings.insert("f6".into(), FindingRecord::default());
    let next = |state: &State| -> Vec<String> {
        read_next(state, 2, |at| at.ts != "1").into_iter().map(|(id, _)| id).collect()
    };
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let ids = next(&state);
        state.triage.read_to = ids.last().cloned();
        rounds.push(ids);
    }
    assert_eq!(rounds, [["f0", "f2"], ["f3", "f4"], ["f0", "f2"]]);
}
