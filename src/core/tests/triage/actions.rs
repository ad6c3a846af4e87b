//! What reactions do: findings are archived, nobody is called, and recurrences wait for them.

use super::*;
use crate::message::Marks;
use crate::state::{Archiving, Escalation};

fn archive() -> Config {
    config(&[("SLACK_TRIAGE", "archive"), ("SLACK_TRIAGE_USERS", "U1")])
}

/// A route that calls people about each finding.
const ESCALATING: &str =
    r#"[{"match": {"type": ["*"]}, "channel": "C0SECURITY", "escalate": {"after": "30m", "mention": "<!here>"}}]"#;

#[test]
fn a_resolved_finding_is_archived_after_the_intent_was_saved() {
    let failed = || Err(no_response());
    let resolved = World { recent: vec![("1.1", vec![reaction("white_check_mark", true)])], ..world() };
    for (world, expected, archiving, is_archived, case) in [
        (resolved.clone(), &["save", "findings", "archive"][..], Some(Archiving::Archived), true, "archived"),
        (
            World { change: failed, ..resolved.clone() },
            &["save", "findings", "archive"],
            Some(Archiving::Archive),
            false,
            "failed",
        ),
        (World { is_archived: true, ..resolved.clone() }, &["save", "findings"], None, true, "by somebody else"),
    ] {
        let config = archive();
        let mut run = begin_triage(&config, &[("f1", announced("1.1"))]);
        run.show(&[]);
        let journal = world.play(&mut run);
        assert!(
            journal[2..].starts_with(&expected.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()),
            "{case}: {journal:?}"
        );
        assert_eq!(triage_of(&run, "f1").archiving, archiving, "{case}");
        assert_eq!(run.core.state.findings["f1"].archived, is_archived, "{case}");
        assert!(run.core.is_success(), "{case}");
    }
}

#[test]
fn what_a_run_that_died_archived_counts_as_archived_by_the_program() {
    let config = archive();
    let marks = Marks { resolved: Some(user()), ..Marks::default() };
    let triage = Triage { marks, resolvers: vec![user()], archiving: Some(Archiving::Archive), ..Triage::default() };
    let record = FindingRecord { triage: Some(Box::new(triage)), ..announced("1.1") };
    let mut run = begin_triage(&config, &[("f1", record)]);
    run.show(&[]);
    let world = World { recent: vec![("1.1", vec![reaction("white_check_mark", true)])], is_archived: true, ..world() };
    let journal = world.play(&mut run);
    assert!(!journal.contains(&"archive".to_owned()), "{journal:?}");
    assert_eq!(triage_of(&run, "f1").archiving, Some(Archiving::Archived));
}

#[test]
fn somebody_is_called_about_a_finding_unless_a_reaction_acknowledges_it() {
    let nobody: fn(&str) -> Result<Vec<Reaction>, SlackError> = |_| Ok(Vec::new());
    let unreachable: fn(&str) -> Result<Vec<Reaction>, SlackError> = |_| Err(SlackError::NotSent("refused".into()));
    let without_channel: fn(&str) -> Result<Vec<Reaction>, SlackError> =
        |_| Err(SlackError::ChannelRejected("channel_not_found".into()));
    let deleted: fn(&str) -> Result<Vec<Reaction>, SlackError> =
        |_| Err(SlackError::MessageNotFound("message_not_found".into()));
    let config = config(&[("SLACK_TRIAGE", "show"), ("SLACK_ROUTES", ESCALATING)]);
    for (older, recent, is_called, case) in [
        (nobody, vec![("1.1", vec![])], true, "nobody acknowledged it"),
        (nobody, vec![("1.1", vec![reaction("eyes", true)])], false, "acknowledged"),
        (nobody, vec![], true, "an older message"),
        (unreachable, vec![], false, "its reactions are unknown"),
        (deleted, vec![], true, "its message was deleted"),
        (without_channel, vec![], true, "its channel does not exist any more"),
    ] {
        let record = FindingRecord { escalation: Some(Escalation::Due(NOW)), ..announced("1.1") };
        let mut run = begin_triage(&config, &[("f1", record)]);
        run.show(&[]);
        let journal = World { recent, older, ..world() }.play(&mut run);
        assert_eq!(journal.contains(&"post".to_owned()), is_called, "{case}: {journal:?}");
    }
}

#[test]
fn an_acknowledgment_stays_although_the_message_was_deleted() {
    let config = show();
    let marks = Marks { acknowledged: Some(user()), ..Marks::default() };
    let triage = Triage { marks, ..Triage::default() };
    let record = FindingRecord { triage: Some(Box::new(triage)), ..announced("1.1") };
    let mut run = begin_triage(&config, &[("f1", record)]);
    run.show(&[]);
    let older: fn(&str) -> Result<Vec<Reaction>, SlackError> =
        |_| Err(SlackError::MessageNotFound("message_not_found".into()));
    World { older, ..world() }.play(&mut run);
    assert_eq!(triage_of(&run, "f1").marks.acknowledged, Some(user()));
}

#[test]
fn a_run_after_a_crash_reads_the_history_before_it_calls_about_a_finding() {
    let config = config(&[("SLACK_TRIAGE", "show"), ("SLACK_ROUTES", ESCALATING)]);
    for (is_unclean, is_history_read) in [(true, true), (false, false)] {
        let record = FindingRecord { escalation: Some(Escalation::Due(NOW)), ..announced("1.1") };
        let mut state = State { saved_at: Some(NOW), ..State::default() };
        state.source_or_insert(&format!("{ACCOUNT}/{REGION}").into(), START);
        state.findings.insert("f1".into(), record);
        let earlier = EarlierPosts { since: START, readable_at: None, is_unclean };
        let mut run = begin_from(&config, 1, Some(earlier), state);
        run.show(&[]);
        let journal = world().play(&mut run);
        let place = |entry: &str| journal.iter().position(|one| one == entry);
        assert!(place("post").is_some());
        assert_eq!(place("histories").is_some_and(|read| Some(read) < place("post")), is_history_read, "{journal:?}");
    }
}

#[test]
fn nobody_is_called_about_a_finding_while_it_is_not_known_whether_a_person_acknowledged_it() {
    let config = config(&[("SLACK_TRIAGE", "show"), ("SLACK_ROUTES", ESCALATING)]);
    let is_unknown: fn() -> Result<bool, SlackError> = || Err(SlackError::NotSent("refused".into()));
    let is_hidden: fn() -> Result<bool, SlackError> = || Err(SlackError::ChannelRejected("user_not_found".into()));
    for (is_bot, is_called) in [(is_unknown, false), (|| Ok(false), false), (is_hidden, false), (|| Ok(true), true)] {
        let record = FindingRecord { escalation: Some(Escalation::Due(NOW)), ..announced("1.1") };
        let mut run = begin_triage(&config, &[("f1", record)]);
        run.show(&[]);
        let access = || Ok(ReactionAccess { reactions: true, users: true, own: None });
        let recent = vec![("1.1", vec![reaction("eyes", true)])];
        let older: fn(&str) -> Result<Vec<Reaction>, SlackError> = |_| Ok(vec![reaction("eyes", true)]);
        let journal = World { access, recent, older, is_bot, ..world() }.play(&mut run);
        assert_eq!(journal.contains(&"post".to_owned()), is_called, "{journal:?}");
    }
}

#[test]
fn a_recurrence_waits_for_the_reactions_and_a_new_finding_or_a_higher_severity_level_does_not() {
    let before = FindingRecord { updated_at: Some(START), ..announced("1.1") };
    let low = FindingRecord { severity: 2.0, ..before.clone() };
    let failing = FindingRecord { message: None, ..before.clone() };
    for (records, triage, is_waiting, case) in [
        (vec![("f1", before.clone())], "show", true, "a recurrence"),
        (vec![("f1", before.clone())], "off", false, "without triage"),
        (vec![("f1", low), ("f2", announced("2.1"))], "show", false, "a higher severity level"),
        (vec![("f1", failing), ("f2", announced("2.1"))], "show", false, "without a message"),
        (vec![("f2", announced("2.1"))], "show", false, "a first sighting"),
    ] {
        let config = config(&[("SLACK_TRIAGE", triage)]);
        let mut run = begin_triage(&config, &records);
        run.show(&["f1"]);
        assert_eq!(!run.queries.is_empty(), is_waiting, "{case}");
        assert_eq!(run.saves.is_empty(), is_waiting, "{case}: nothing is posted");
        world().play(&mut run);
        assert!(run.core.state.is_processed("f1", NOW), "{case}");
    }
}

#[test]
fn a_resolution_that_may_be_older_than_what_this_run_announced_does_not_count() {
    let before = FindingRecord { updated_at: Some(START), severity: 2.0, ..announced("1.1") };
    let resolved = World { recent: vec![("1.1", vec![reaction("white_check_mark", true)])], ..world() };
    for (shown, counts) in [(&[][..], true), (&["f1"], false)] {
        let config = show();
        let mut run = begin_triage(&config, &[("f1", before.clone())]);
        run.show(shown);
        resolved.play(&mut run);
        assert_eq!(triage_of(&run, "f1").marks.resolved.is_some(), counts, "{shown:?}");
    }
}

#[test]
fn the_reactions_of_a_finding_whose_escalation_is_due_are_read_once() {
    let config = show();
    let due = FindingRecord { escalation: Some(Escalation::Due(NOW)), ..announced("2.1") };
    let mut run = begin_triage(&config, &[("f1", announced("1.1")), ("f2", due), ("f3", announced("3.1"))]);
    run.show(&[]);
    let journal = world().play(&mut run);
    assert_eq!(journal[2..], ["message 2.1", "message 1.1", "message 3.1", "findings"]);
}

#[test]
fn what_a_run_that_died_archived_counts_as_archived_by_the_program_also_if_another_reaction_is_new() {
    let config = archive();
    let marks = Marks { resolved: Some(user()), ..Marks::default() };
    let triage = Triage { marks, resolvers: vec![user()], archiving: Some(Archiving::Archive), ..Triage::default() };
    let record = FindingRecord { triage: Some(Box::new(triage)), ..announced("1.1") };
    let mut run = begin_triage(&config, &[("f1", record)]);
    run.show(&[]);
    let reactions = vec![reaction("white_check_mark", true), reaction("eyes", true)];
    World { recent: vec![("1.1", reactions)], is_archived: true, ..world() }.play(&mut run);
    assert_eq!(triage_of(&run, "f1").marks.acknowledged, Some(user()));
    assert_eq!(triage_of(&run, "f1").archiving, Some(Archiving::Archived));
}

#[test]
fn a_call_is_shown_in_the_channel_and_mentions_people_and_the_route_schedules_it() {
    let config = config(&[("SLACK_TRIAGE", "show"), ("SLACK_ROUTES", ESCALATING)]);
    let mut run = begin_triage(&config, &[]);
    run.show(&["f1"]);
    run.answer_save(Ok(()));
    run.acknowledge();
    let posted = &run.core.state.findings["f1"];
    let due = posted.first_message().unwrap().plus(Duration::from_mins(30));
    assert_eq!(posted.escalation, Some(Escalation::Due(due)));
    let record = FindingRecord { escalation: Some(Escalation::Due(NOW)), ..announced("1.1") };
    let mut run = begin_triage(&config, &[("f1", record)]);
    run.show(&[]);
    let world = World { recent: vec![("1.1", vec![])], ..world() };
    world.play_until(&mut run, |run| matches!(run.calls[..], [(_, Call::Post { .. })]));
    let post = format!("{:?}", run.calls);
    assert!(post.contains("is_broadcast: true") && post.contains("!here"), "{post}");
}

#[test]
fn a_message_that_cannot_be_edited_now_needs_no_save() {
    let config = show();
    let triage = Triage { stale: true, ..Triage::default() };
    let record = FindingRecord { triage: Some(Box::new(triage)), ..announced("1.1") };
    let mut run = begin_triage(&config, &[("f1", record)]);
    run.show(&[]);
    let world = World { is_unreadable: true, recent: vec![("1.1", vec![])], ..world() };
    world.play_until(&mut run, |run| !run.saves.is_empty());
    assert!(run.queries.is_empty() && run.calls.is_empty());
    run.answer_save(Ok(()));
    assert!(run.core.is_finished(), "there is one save, at the end");
}

#[test]
fn nobody_is_called_while_the_state_is_not_saved() {
    let config = config(&[("SLACK_TRIAGE", "show"), ("SLACK_ROUTES", ESCALATING)]);
    let record = FindingRecord { escalation: Some(Escalation::Due(NOW)), ..announced("1.1") };
    let mut run = begin_triage(&config, &[("f1", record)]);
    run.show(&["f2"]);
    run.answer_save(Ok(()));
    run.acknowledge();
    assert!(matches!(run.queries[..], [(_, Query::ReactionAccess)]), "{:?}", run.queries);
    run.pass(Duration::from_secs(10));
    run.answer_save(Err(SaveError::Unavailable("503".into())));
    let journal = World { recent: vec![("1.1", vec![])], ..world() }.play(&mut run);
    assert!(!journal.contains(&"post".to_owned()), "{journal:?}");
    assert_eq!(run.core.state.findings["f1"].escalation, Some(Escalation::Due(NOW)));
}

#[test]
fn a_second_person_who_resolves_a_finding_needs_no_save() {
    let config = show();
    let marks = Marks { resolved: Some(user()), ..Marks::default() };
    let triage = Triage { marks, resolvers: vec![user()], ..Triage::default() };
    let record = FindingRecord { triage: Some(Box::new(triage)), ..announced("1.1") };
    let mut run = begin_triage(&config, &[("f1", record)]);
    run.show(&[]);
    let both = vec![user(), UserId::parse("U2").unwrap()];
    let resolved = Reaction { users: both.clone(), ..reaction("white_check_mark", true) };
    let world = World { recent: vec![("1.1", vec![resolved])], ..world() };
    world.play_until(&mut run, |run| !run.saves.is_empty());
    run.answer_save(Ok(()));
    assert!(run.core.is_finished(), "there is one save, at the end");
    assert_eq!(triage_of(&run, "f1").resolvers, both);
}

#[test]
fn a_resolution_counts_for_a_finding_that_was_only_unarchived() {
    let config = show();
    let record = FindingRecord { archived: true, ..announced("1.1") };
    let mut run = begin_triage(&config, &[("f1", record)]);
    run.read_as(|report| report.looked_up = vec![finding("f1")]);
    let journal = World { older: |_| Ok(vec![reaction("white_check_mark", true)]), ..world() }.play(&mut run);
    assert!(!run.core.state.findings["f1"].archived);
    assert_eq!(triage_of(&run, "f1").marks.resolved, Some(user()), "{journal:?}");
}
