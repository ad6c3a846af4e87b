//! Deliveries that failed: what is left to the next run, and what a failure is recorded as.

use std::collections::BTreeMap;

use super::support::announced;
use super::*;
use crate::config::LogFormat;
use crate::core::undelivered::Cause;
use crate::plan::{Delivery, Post, Queue, default_destination};
use crate::state::{DigestPlan, FindingRecord, MAX_STATE_BYTES};
use crate::telemetry::tests::logged;

const CHANNEL: &str = "C0SECURITY";

fn queue() -> Queue {
    Queue::Channel(CHANNEL.to_owned())
}

fn digest(run: &mut Run, ids: &[&str]) -> Delivery {
    run.core.state.save_digest_plan("d", DigestPlan { channel: CHANNEL.to_owned(), findings: Vec::new() });
    let findings = ids.iter().map(|id| finding(id)).collect();
    Delivery::Digest { id: "d".into(), to: default_destination(run.core.config), findings }
}

fn redirect() -> Delivery {
    let old = MessageRef { channel: "C0OLD".into(), ts: "1.1".into(), thread_ts: None };
    let now = MessageRef { channel: CHANNEL.into(), ts: "2.1".into(), thread_ts: None };
    Delivery::Redirect { id: "f1".into(), old, new: now.into(), channel: "C0OLD".into() }
}

/// A finding fails since more than a day.
fn fail_for_a_day(run: &mut Run, id: &str) {
    let failing_since = Some(NOW.minus(Duration::from_hours(25)));
    run.core.state.findings.insert(id.to_owned(), FindingRecord { failing_since, ..FindingRecord::default() });
}

#[test]
fn an_unknown_outcome_is_kept_whatever_fails_later() {
    let config = config(&[]);
    let mut run = begin(&config);
    for (cause, is_unknown) in [(Cause::Failed, false), (Cause::UnknownOutcome, true), (Cause::Failed, true)] {
        let delivery = digest(&mut run, &["f1"]);
        run.core.on_failure(&queue(), delivery, cause, "error");
        assert_eq!(run.core.is_outcome_unknown, is_unknown, "{cause:?}");
    }
}

#[test]
fn a_failure_is_a_problem_of_the_run_unless_everything_of_it_is_given_up() {
    for (failing, ids, is_problem) in
        [(&[][..], &["f1"][..], true), (&["f1"], &["f1", "f2"], true), (&["f1", "f2"], &["f1", "f2"], false)]
    {
        let config = config(&[]);
        let mut run = begin(&config);
        failing.iter().for_each(|id| fail_for_a_day(&mut run, id));
        let delivery = digest(&mut run, ids);
        run.core.on_failure(&queue(), delivery, Cause::Failed, "error");
        assert_eq!(!run.core.tally.problems.is_empty(), is_problem, "{failing:?} of {ids:?}");
        let failed = u64::try_from(ids.len() - failing.len()).unwrap();
        assert_eq!(run.core.tally.failed.values().sum::<u64>(), failed, "{failing:?} of {ids:?}");
        assert_eq!(failing.iter().filter(|id| run.core.state.is_processed(id, NOW)).count(), failing.len());
    }
}

#[test]
fn thousands_of_findings_that_are_given_up_leave_space_for_others() {
    const FINDINGS: usize = 5_000;
    let config = config(&[]);
    let mut run = begin(&config);
    run.core.state.queue_notice(notice());
    run.show(&[]);
    let ids: Vec<String> = (0..FINDINGS).map(|n| format!("{n:032x}")).collect();
    for ids in ids.chunks(100) {
        ids.iter().for_each(|id| fail_for_a_day(&mut run, id));
        let delivery = digest(&mut run, &ids.iter().map(String::as_str).collect::<Vec<_>>());
        run.core.on_failure(&queue(), delivery, Cause::QueueStopped, "is_archived");
    }
    assert!(ids.iter().all(|id| run.core.state.is_processed(id, NOW)));
    let bytes = |run: &Run| serde_json::to_string(&run.core.state.notices).unwrap().len();
    assert!(bytes(&run) < MAX_STATE_BYTES / 5, "{}", bytes(&run));
    assert!(run.core.intake_limit() > 1_000);
    let since = NOW.minus(Duration::from_hours(25));
    for id in &ids {
        run.core.state.note_unfetched(&format!("unfetched-{id}"), 0, since);
    }
    run.core.give_up_unfetched();
    assert!(bytes(&run) < MAX_STATE_BYTES / 5, "{}", bytes(&run));
    assert!(run.core.state.notices.contains(&notice()), "a notice that is being delivered keeps its ID");
}

#[test]
fn a_post_that_failed_for_a_day_is_given_up_and_the_run_may_succeed() {
    for is_given_up in [false, true] {
        let config = config(&[]);
        let mut run = begin(&config);
        if is_given_up {
            fail_for_a_day(&mut run, "f1");
        }
        let to = default_destination(&config);
        let post = Post {
            to,
            reply_to: None,
            candidate_threads: Vec::new(),
            edits_earlier: false,
            superseded: None,
            known_attributes: Vec::new(),
            related: Vec::new(),
        };
        run.core.on_failure(&queue(), Delivery::Post(finding("f1"), post), Cause::Failed, "error");
        assert_eq!(run.core.tally.problems.is_empty(), is_given_up);
    }
}

#[test]
fn the_plan_of_a_digest_is_kept_only_if_the_history_may_show_it() {
    for (cause, is_kept) in [(Cause::Failed, false), (Cause::QueueStopped, false), (Cause::UnknownOutcome, true)] {
        let config = config(&[]);
        let mut run = begin(&config);
        let delivery = digest(&mut run, &["f1"]);
        run.core.on_failure(&queue(), delivery, cause, "error");
        assert_eq!(!run.core.state.digest_plans.is_empty(), is_kept, "{cause:?}");
    }
}

#[test]
fn a_redirect_that_failed_is_a_problem_and_is_not_tried_again_in_this_run() {
    let config = config(&[]);
    let mut run = begin(&config);
    let (old, record) = (MessageRef { channel: "C0OLD".into(), ts: "1.1".into(), thread_ts: None }, announced());
    run.core.state.findings.insert("f1".into(), FindingRecord { superseded: vec![old], ..record });
    let has_redirect = |run: &Run| {
        let mut queues = BTreeMap::new();
        run.core.add_redirects(&mut queues);
        !queues.is_empty()
    };
    assert!(has_redirect(&run));
    run.core.on_failure(&queue(), redirect(), Cause::Failed, "error");
    assert!(!has_redirect(&run));
    assert!(!run.core.tally.problems.is_empty());
}

#[test]
fn a_revision_is_announced_although_a_redirect_of_its_finding_failed() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.core.on_failure(&queue(), redirect(), Cause::Failed, "error");
    run.show(&["f1"]);
    run.answer_save(Ok(()));
    assert!(matches!(run.calls[..], [(_, Call::Post { .. })]), "{:?}", run.calls);
}

#[test]
fn what_was_not_tried_is_left_to_the_next_run_without_a_plan() {
    let config = config(&[]);
    let mut run = begin(&config);
    let delivery = digest(&mut run, &["f1"]);
    run.core.on_not_tried(&delivery);
    let state = &run.core.state;
    assert!(state.digest_plans.is_empty() && !state.findings.contains_key("f1"));
    assert!(run.core.tally.failed.is_empty() && run.core.tried.is_empty());
}

#[test]
fn a_failure_is_an_error_in_the_log_unless_the_rejection_of_the_channel_was_logged_already() {
    for (cause, expected) in [(Cause::Failed, 1), (Cause::UnknownOutcome, 1), (Cause::QueueStopped, 0)] {
        let config = config(&[]);
        let mut run = begin(&config);
        let lines = logged(LogFormat::Json, "error", || run.core.on_failure(&queue(), redirect(), cause, "error"));
        assert_eq!(lines.len(), expected, "{cause:?}");
    }
}

#[test]
fn a_finding_that_is_listed_for_a_day_and_never_returned_is_given_up() {
    const DAY: Duration = Duration::from_hours(24);
    for (listed_for, expected) in [(DAY.saturating_sub(Duration::from_millis(1)), 0), (DAY, 1)] {
        let config = config(&[]);
        let mut run = begin(&config);
        run.core.state.note_unfetched("f1", 0, NOW.minus(listed_for));
        run.read_as(|report| report.batch.unfetched = vec!["f1".into()]);
        run.play_to_end(None);
        let titles: Vec<&str> = run.core.state.notices.iter().map(|notice| notice.title.as_str()).collect();
        assert_eq!(titles.len(), expected, "{titles:?}");
        assert!(titles.iter().all(|title| title.starts_with("Finding given up: f1 was listed")), "{titles:?}");
        assert_eq!(run.core.state.unfetched["f1"].given_up, expected == 1);
    }
}
