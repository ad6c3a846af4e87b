//! What a run may do in its situation, and what counts as left.

use super::support::announced;
use super::*;
use crate::config::LogFormat;
use crate::state::{FindingRecord, WatchBaseline, WatchedKind};
use crate::telemetry::tests::logged;

#[test]
fn a_run_accepts_the_findings_that_it_can_post_or_with_digests_all_that_it_can_hold() {
    let all = Limits::default().in_flight;
    // A run without digests posts one message a second, and has 225 seconds.
    for (variables, is_dry_run, expected) in [
        (vec![("SLACK_DIGEST_AFTER", "20")], false, all),
        (vec![("SLACK_DIGEST_AFTER", "0")], false, 225),
        (vec![("SLACK_DIGEST_AFTER", "0")], true, all),
    ] {
        let mut config = config(&variables);
        config.dry_run = is_dry_run;
        let mut run = begin(&config);
        assert_eq!(run.core.intake_limit(), expected, "{variables:?} {is_dry_run}");
        run.core.limits.state_bytes = 0;
        let lines = logged(LogFormat::Json, "error", || assert_eq!(run.core.intake_limit(), 0));
        assert!(lines.iter().any(|line| line.contains("state size limit reached")), "{lines:?}");
        run.core.limits.state_bytes = 100_000;
        let lines = logged(LogFormat::Json, "error", || assert_ne!(run.core.intake_limit(), 0));
        assert!(lines.is_empty(), "{lines:?}");
    }
}

#[test]
fn the_watched_configuration_of_sources_leaves_space_for_findings_and_its_loss_is_logged() {
    let config = config(&[]);
    let mut run = begin(&config);
    let names = (0..4_000).map(|n| (format!("suppression rule {n}"), "name".to_owned())).collect();
    let watched = WatchBaseline { active: [(WatchedKind::SuppressionRule, names)].into(), ..WatchBaseline::default() };
    run.core.state.source_mut(&source()).expect("the source was read").watch_baseline = Some(watched);
    run.core.limits.state_bytes = 100_000;
    assert_ne!(run.core.intake_limit(), 0);
    let lines = logged(LogFormat::Json, "warn", || run.show(&["f1"]));
    assert!(
        lines.iter().any(|line| line.contains("state is full") && line.contains(&source().to_string())),
        "{lines:?}"
    );
    assert!(run.core.state.source(&source()).expect("the source stays").watch_baseline.is_none());
    run.answer_save(Ok(()));
    run.acknowledge();
    assert!(run.core.state.is_processed("f1", finding("f1").updated));
}

#[test]
fn a_queued_notice_is_due_unless_it_was_tried_or_nothing_may_be_posted() {
    let nothing: Circumstance = |_| {};
    let queue: Circumstance = |run| run.core.state.queue_notice(notice());
    let try_it: Circumstance = |run| {
        run.core.state.queue_notice(notice());
        run.core.tried_notices.insert(notice().id);
    };
    let close: Circumstance = |run| {
        run.core.state.queue_notice(notice());
        run.core.channels.close("C0SECURITY".into());
    };
    for (circumstance, is_dry_run, expected, case) in [
        (queue, false, true, "a new notice"),
        (nothing, false, false, "no notice"),
        (try_it, false, false, "it was tried in this run"),
        (close, false, false, "the default channel is closed"),
        (queue, true, false, "a dry run"),
    ] {
        let mut config = config(&[]);
        config.dry_run = is_dry_run;
        let mut run = begin(&config);
        circumstance(&mut run);
        assert_eq!(run.core.is_notice_due(), expected, "{case}");
    }
}

#[test]
fn findings_and_notices_that_are_left_are_pending() {
    let config = config(&[]);
    let facts = |run: &Run| (run.core.posting().has_pending, run.core.would_be_complete());
    let mut run = begin(&config);
    run.show(&[]);
    run.answer_save(Ok(()));
    assert_eq!(facts(&run), (false, true), "nothing is left");
    run.core.state.queue_notice(notice());
    assert_eq!(facts(&run), (true, false), "a notice is left");
    let mut run = begin(&config);
    run.show(&["f1"]);
    assert_eq!(facts(&run), (true, false), "a finding is left");
}

#[test]
fn findings_are_archived_only_if_the_state_was_saved() {
    for (result, expected) in [
        (Ok(()), true),
        (Err(SaveError::Unavailable("503".into())), false),
        (Err(SaveError::Conflict("409".into())), false),
    ] {
        let config = config(&[]);
        let mut run = begin(&config);
        run.show(&["f1"]);
        run.answer_save(result);
        assert_eq!(run.core.may_archive(), expected);
    }
}

#[test]
fn a_finding_that_was_not_returned_once_and_is_returned_later_is_not_given_up() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.core.state.note_unfetched("f1", 0, NOW.minus(Duration::from_hours(24)));
    run.read_as(|report| report.batch.unchanged = vec!["f1".into()]);
    run.play_to_end(None);
    assert!(run.core.state.unfetched.is_empty());
    assert!(run.core.would_be_complete());
}

#[test]
fn a_finding_whose_message_was_only_reconciled_is_read_again() {
    for (reconciled, expected) in [(true, None), (false, Some(NOW))] {
        let config = config(&[]);
        let mut run = begin(&config);
        run.core.state.findings.insert("f1".into(), FindingRecord { reconciled, ..announced() });
        run.core.set_capacity(1);
        assert_eq!(run.core.known.processed["f1"], expected);
    }
}
