//! What a run finds in the history of the channels, after a run that could not record its messages.

use super::support::posted;
use super::*;
use crate::config::LogFormat;
use crate::core::channels::NamedChannel;
use crate::slack::BotMessage;
use crate::state::DigestPlan;
use crate::telemetry::tests::logged;

const SINCE: Timestamp = Timestamp(NOW.0 - 600_000);

/// A run after one that crashed.
fn begin_uncertain(config: &Config, readable_at: Option<Timestamp>) -> Run<'_> {
    let past = Past::since(SINCE, None);
    begin_after(config, 1, Some(EarlierPosts { since: SINCE, past, readable_at, is_unclean: true }))
}

fn plan_digest(run: &mut Run) {
    let plan = DigestPlan { channel: "C0SECURITY".into(), findings: vec![("f2".into(), NOW, 0)] };
    run.core.state.save_digest_plan("run-1", plan);
}

fn posted_finding() -> BotMessage {
    let updated = NOW.to_rfc3339();
    posted(
        "guardduty_finding",
        &[("finding_id", "f1"), ("updated_at", &updated), ("region", REGION), ("detector_id", "d")],
    )
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
        let channel = NamedChannel { name: "C0SECURITY".into(), id: "C0SECURITY".into() };
        let history = ChannelHistory { channel, messages: Ok(messages) };
        let lines = logged(LogFormat::Json, "info", || run.reply(Reply::Histories(vec![history])));
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
