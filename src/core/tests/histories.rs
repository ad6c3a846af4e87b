//! What a run finds in the history of the channels, after a run that could not record its messages.

use super::support::{notice, other, posted};
use super::*;
use crate::config::LogFormat;
use crate::core::channels::NamedChannel;
use crate::slack::BotMessage;
use crate::state::{DigestPlan, Escalation};
use crate::telemetry::tests::logged;

const SINCE: Timestamp = Timestamp(NOW.0 - 600_000);

/// A run after one that crashed.
fn begin_uncertain(config: &Config, readable_at: Option<Timestamp>) -> Run<'_> {
    begin_uncertain_with(config, 1, readable_at)
}

/// The same, with so many identities.
fn begin_uncertain_with(config: &Config, identities: usize, readable_at: Option<Timestamp>) -> Run<'_> {
    begin_after(config, identities, Some(EarlierPosts { since: SINCE, readable_at, is_unclean: true }))
}

fn plan_digest(run: &mut Run) {
    let plan = DigestPlan { channel: "C0SECURITY".into(), findings: vec![("f2".into(), NOW, 0)] };
    run.core.state.save_digest_plan("run-1", plan);
}

fn posted_finding() -> BotMessage {
    posted_revision(NOW, &[])
}

/// The message of a revision of the finding `f1`, whose metadata has more members.
fn posted_revision(updated: Timestamp, more: &[(&str, &str)]) -> BotMessage {
    let updated = updated.to_rfc3339();
    let members = [("finding_id", "f1"), ("updated_at", &updated), ("region", REGION), ("detector_id", "d")];
    posted("guardduty_finding", &[&members, more].concat())
}

/// The history of the default channel.
fn history(messages: Vec<BotMessage>) -> QueryResponse {
    let channel = NamedChannel { name: "C0SECURITY".into(), id: "C0SECURITY".into() };
    QueryResponse::Histories(vec![ChannelHistory { channel, messages: Ok(messages) }])
}

#[test]
fn what_the_history_shows_counts_as_delivered_and_is_logged() {
    let digest = || posted("guardduty_digest", &[("digest_id", "run-1")]);
    let other = || posted("guardduty_digest", &[("digest_id", "run-2")]);
    for (messages, findings, digests) in [
        (vec![], 0, 0),
        (vec![other()], 0, 0),
        (vec![posted_finding()], 1, 0),
        (vec![digest()], 0, 1),
        (vec![posted_finding(), digest()], 1, 1),
    ] {
        let config = config(&[]);
        let mut run = begin_uncertain(&config, None);
        plan_digest(&mut run);
        run.show(&["f1"]);
        let lines = logged(LogFormat::Json, "info", || run.reply(history(messages)));
        let events: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let logged: Vec<(u64, u64)> = events
            .iter()
            .filter(|event| event["message"].as_str().unwrap().contains("reconciled with Slack history"))
            .map(|event| (event["findings"].as_u64().unwrap(), event["digests"].as_u64().unwrap()))
            .collect();
        let expected = [(findings, digests)];
        assert_eq!(logged, &expected[..usize::from(findings + digests > 0)]);
        assert_eq!(run.core.state.is_processed("f1", NOW), findings > 0);
        assert_eq!(run.core.state.is_processed("f2", NOW), digests > 0);
        run.answer_save(Ok(()));
        assert_eq!(run.calls.len(), usize::from(findings == 0), "a finding that was posted is not posted again");
    }
}

#[test]
fn a_run_logs_that_it_waits_for_the_history_if_it_does() {
    let later = NOW.plus(Duration::from_secs(3));
    for (readable_at, is_logged) in [(Some(later), true), (Some(NOW), false), (Some(SINCE), false), (None, false)] {
        let config = config(&[]);
        let mut run = begin_uncertain(&config, readable_at);
        let lines = logged(LogFormat::Json, "info", || run.show(&["f1"]));
        assert_eq!(lines.iter().any(|line| line.contains("\"wait_seconds\":3")), is_logged, "{readable_at:?}");
        assert_eq!(lines.iter().any(|line| line.contains("waiting for Slack history")), is_logged, "{readable_at:?}");
    }
}

#[test]
fn digests_that_no_history_can_show_are_planned_again() {
    for (is_readable, plans) in [(true, 1), (false, 0)] {
        let config = config(&[]);
        let mut run = begin_uncertain(&config, None);
        plan_digest(&mut run);
        if !is_readable {
            run.core.channels.set_unreadable("C0SECURITY".into());
        }
        run.core.begin(NOW);
        assert_eq!((run.core.state.digest_plans.len(), run.core.earlier.is_some()), (plans, is_readable));
    }
}

#[test]
fn a_message_that_was_found_before_its_finding_was_listed_is_completed_from_the_finding() {
    let routes =
        r#"[{"match": {"type": ["*"]}, "channel": "C0SECURITY", "escalate": {"after": "30m", "mention": "<!here>"}}]"#;
    let config = config(&[("SLACK_TRIAGE", "show"), ("SLACK_ROUTES", routes)]);
    let mut run = begin_uncertain_with(&config, 2, None);
    run.core.state.note_detector(&source(), "d");
    run.core.state.queue_notice(notice());
    run.handle(Event::SourcesDiscovered(Ok(vec![other()])));
    run.report_as(other(), |_| {});
    run.pass(Duration::from_mins(1));
    run.reply(history(vec![posted_finding()]));
    assert_eq!(run.core.state.findings["f1"].escalation, None, "no list has shown the finding yet");
    run.show(&["f1"]);
    while run.queries.is_empty() && !run.core.is_finished() {
        match (run.saves.is_empty(), run.calls.is_empty()) {
            (false, _) => run.answer_save(Ok(())),
            (true, false) => run.acknowledge(),
            (true, true) => run.pass(Duration::from_secs(1)),
        }
    }
    let record = &run.core.state.findings["f1"];
    let due = record.first_message().unwrap().plus(Duration::from_mins(30));
    assert_eq!(record.escalation, Some(Escalation::Due(due)));
    assert_eq!(run.core.sources.announceable(), 0);
}

#[test]
fn a_recurrence_updates_the_message_that_the_default_channel_has_because_its_own_channel_rejected_it() {
    let routes = r#"[{"match": {"type": ["*"]}, "channel": "C0REJECTING"}]"#;
    for (more, is_updated, case) in [
        (&[("intended_channel", "C0REJECTING")][..], true, "its channel rejected it"),
        (&[("intended_channel", "C0BEFORE")], false, "it has another channel since"),
        (&[], false, "it belonged in the default channel"),
    ] {
        let config = config(&[("SLACK_ROUTES", routes)]);
        let mut run = begin_uncertain(&config, None);
        run.show(&["f1"]);
        run.reply(history(vec![posted_revision(START, more)]));
        run.answer_save(Ok(()));
        assert_eq!(matches!(run.calls[..], [(_, Call::Update { .. })]), is_updated, "{case}: {:?}", run.calls);
    }
}
