//! What a run records of its deliveries, and counts.

use super::support::other;
use super::*;

/// A finding of another source.
fn finding_of_other(id: &str) -> Rc<Finding> {
    let mut f = Rc::unwrap_or_clone(finding(id));
    f.origin = Arc::new(Origin { account: ACCOUNT.into(), region: "us-east-1".into(), detector: "d".into() });
    Rc::new(f)
}

/// A run that found a finding in each of two sources.
fn begin_with_two(config: &Config) -> Run<'_> {
    let mut run = begin(config);
    run.core.state.source_or_insert(&other().into(), START);
    run.handle(Event::SourcesDiscovered(Ok(vec![source(), other()])));
    run.report_as(source(), |report| report.batch.new_findings = vec![finding("f1")]);
    run.report_as(other(), |report| report.batch.new_findings = vec![finding_of_other("f2")]);
    run
}

fn count(run: &Run, outcome: &str) -> Option<u64> {
    run.core.state.totals.notifications.get("C0SECURITY")?.get(outcome).copied()
}

#[test]
fn a_finding_that_slack_accepted_is_recorded_with_its_source_and_counted_for_its_channel() {
    let config = config(&[]);
    let mut run = begin_with_two(&config);
    run.play_to_end(None);
    let source_id = |id: &str| run.core.state.findings[id].source_id;
    assert_eq!((source_id("f1"), source_id("f2")), (0, 1));
    let report = run.core.report();
    assert_eq!((report.processed, report.delivered), (2, 2));
    assert_eq!((count(&run, "posted"), count(&run, "failed")), (Some(2), None));
}

#[test]
fn a_finding_that_could_not_be_posted_is_recorded_with_its_source_and_counted_for_its_channel() {
    let config = config(&[]);
    let mut run = begin_with_two(&config);
    run.play_to_end(Some(|| SlackError::NotSent("connection refused".into())));
    let source_id = |id: &str| run.core.state.findings[id].source_id;
    assert_eq!((source_id("f1"), source_id("f2")), (0, 1));
    let report = run.core.report();
    assert_eq!((report.processed, report.delivered), (0, 0));
    assert_eq!((count(&run, "posted"), count(&run, "failed")), (None, Some(2)));
}
