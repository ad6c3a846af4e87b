//! How many reactions and users a run reads, and what it logs of those that it did not read.

use super::*;
use crate::config::LogFormat;
use crate::state::Escalation;
use crate::telemetry::tests::logged;

/// Records of findings with consecutive IDs.
fn records(numbers: std::ops::Range<u32>) -> Vec<(String, FindingRecord)> {
    numbers.map(|n| (format!("f{n}"), announced(&format!("{n}.1")))).collect()
}

fn begin_records<'a>(config: &'a Config, records: &[(String, FindingRecord)]) -> Run<'a> {
    let mut run = begin(config);
    run.core.state.findings.extend(records.iter().cloned());
    run
}

#[test]
fn the_messages_of_due_escalations_are_read_first_and_count() {
    let config = show();
    let mut records = records(10..40);
    for (_, record) in records.iter_mut().skip(28) {
        record.escalation = Some(Escalation::Due(NOW));
    }
    let mut run = begin_records(&config, &records);
    run.show(&[]);
    let journal = world().play(&mut run);
    let read: Vec<&str> = journal.iter().filter_map(|entry| entry.strip_prefix("message ")).collect();
    assert_eq!(read.len(), 20);
    assert_eq!(read[..3], ["38.1", "39.1", "10.1"]);
}

#[test]
fn the_message_of_a_due_escalation_that_was_read_with_its_channel_is_not_read_again() {
    let config = show();
    let mut records = records(1..2);
    records[0].1.escalation = Some(Escalation::Due(NOW));
    let mut run = begin_records(&config, &records);
    run.show(&[]);
    let journal = World { recent: vec![("1.1", vec![])], ..world() }.play(&mut run);
    assert!(!journal.contains(&"message 1.1".to_owned()), "{journal:?}");
}

#[test]
fn at_most_twenty_users_are_looked_up() {
    let config = show();
    let ids: Vec<String> = (10..40).map(|n| format!("{n}.1")).collect();
    let recent = ids.iter().zip(10..).map(|(ts, n)| {
        let user = UserId::parse(&format!("U{n}")).unwrap();
        (&*Box::leak(ts.clone().into_boxed_str()), vec![Reaction { users: vec![user], ..reaction("eyes", true) }])
    });
    let access = || Ok(ReactionAccess { reactions: true, users: true, own: None });
    let world = World { access, recent: recent.collect(), ..world() };
    let mut run = begin_records(&config, &records(10..40));
    run.show(&[]);
    let journal = world.play(&mut run);
    assert_eq!(journal.iter().filter(|entry| entry.starts_with("user")).count(), 20);
}

#[test]
fn a_run_logs_why_it_did_not_read_reactions_or_did_not_do_what_they_mean() {
    let eyes = vec![("1.1", vec![reaction("eyes", true)])];
    let resolved = vec![("1.1", vec![reaction("white_check_mark", true)])];
    let users = || Ok(ReactionAccess { reactions: true, users: true, own: None });
    for (world, line) in [
        (World { access: || Ok(ReactionAccess::default()), ..world() }, "lacks the scope reactions:read"),
        (
            World { access: || Err(SlackError::NotSent("refused".into())), ..world() },
            "Slack does not return the scopes",
        ),
        (
            World { older: |_| Err(SlackError::NotSent("refused".into())), ..world() },
            "older reactions were not all read",
        ),
        (
            World {
                access: users,
                recent: eyes.clone(),
                is_bot: || Err(SlackError::NotSent("refused".into())),
                ..world()
            },
            "cannot determine whether a user is a bot",
        ),
        (World { recent: eyes, is_unreadable: true, ..world() }, "failed to read findings; the next run retries"),
        (World { recent: resolved, change: || Err(no_response()), ..world() }, "failed to archive or unarchive"),
    ] {
        let config = config(&[("SLACK_TRIAGE", "archive"), ("SLACK_TRIAGE_USERS", "U1")]);
        let mut run = begin_records(&config, &records(1..2));
        run.show(&[]);
        let lines = logged(LogFormat::Json, "info", || _ = world.play(&mut run));
        let found: Vec<&String> = lines.iter().filter(|logged| logged.contains(line)).collect();
        assert_eq!(found.len(), 1, "{line}: {lines:?}");
    }
}
