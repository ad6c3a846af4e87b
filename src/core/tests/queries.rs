//! How long a run waits for the reply to a query.

use super::support::announced;
use super::*;
use crate::guardduty::DetectorInfo;

/// A run that waits for the list of investigations, for which it has 30 seconds.
fn begin_waiting(config: &Config) -> Run<'_> {
    let mut run = begin(config);
    run.core.state.findings.insert("f1".into(), announced());
    assert!(!run.core.queries.is_open());
    let features = [("AI_ANALYST".to_owned(), true)].into();
    run.read_as(|report| report.detector_info = Some(DetectorInfo { enabled: true, features }));
    assert!(run.core.queries.is_open());
    run
}

#[test]
fn a_run_wakes_when_the_time_for_a_reply_is_over_and_continues_without_it() {
    let config = config(&[]);
    let mut run = begin_waiting(&config);
    run.pass(Duration::from_secs(25));
    assert_eq!((run.wake_at, run.queries.len()), (Some(NOW.plus(Duration::from_secs(30))), 1));
    run.pass(Duration::from_millis(4_999));
    assert_eq!((run.queries.len(), run.saves.len()), (1, 0));
    run.pass(Duration::from_millis(1));
    assert!(!run.core.queries.is_open());
    assert_eq!((run.queries.len(), run.saves.len()), (0, 1));
}

#[test]
fn a_run_that_must_end_does_not_wait_for_a_reply() {
    let config = config(&[]);
    let mut run = begin_waiting(&config);
    run.handle(Event::ShutdownRequested);
    assert_eq!((run.queries.len(), run.saves.len()), (0, 1));
}

#[test]
fn a_run_that_must_end_begins_no_query() {
    let config = config(&[]);
    let since = Timestamp(NOW.0 - 600_000);
    let readable_at = Some(NOW.plus(Duration::from_secs(3)));
    let earlier = EarlierPosts { since, readable_at, is_unclean: true };
    let mut run = begin_after(&config, 1, Some(earlier));
    run.show(&["f1"]);
    run.handle(Event::ShutdownRequested);
    assert_eq!((run.queries.len(), run.calls.len(), run.saves.len()), (0, 0, 1));
}
