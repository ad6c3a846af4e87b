//! What a run requests of its sources.

use super::support::{announced, other};
use super::*;
use crate::poll::RestOfList;
use crate::state::SourceState;

/// Where the rest of the list begins.
const REST: Timestamp = Timestamp(NOW.0 - 30_000);

/// A run that read the first batch of a longer list, with one finding.
fn begin_long_list(config: &Config) -> Run<'_> {
    let mut run = begin(config);
    let rest = Some(RestOfList::beginning_at(REST));
    run.read(PolledBatch {
        new_findings: vec![finding("f1")],
        complete_until: Some(REST),
        rest,
        ..PolledBatch::default()
    });
    run.requests.clear();
    run
}

fn deliver(run: &mut Run) {
    run.answer_save(Ok(()));
    run.acknowledge();
}

#[test]
fn a_source_is_read_from_its_lower_bound_without_what_is_processed() {
    let config = config(&[("GUARDDUTY_OVERLAP", "10s")]);
    let mut run = begin(&config);
    run.core.state.source_mut(&source()).unwrap().floor = Timestamp(0);
    run.core.state.findings.insert("f1".to_owned(), announced());
    run.core.state.note_unfetched("f2", 0, START);
    run.core.state.give_up_unfetched("f2", "C0SECURITY");
    run.core.begin(NOW);
    run.handle(Event::SourcesDiscovered(Ok(vec![source()])));
    let [request] = &run.requests[..] else { panic!("{:?}", run.requests) };
    assert_eq!(request.source, source());
    assert_eq!(request.batch.from, START.minus(Duration::from_secs(10)));
    assert!(!request.batch.capacity.is_zero());
    assert_eq!(request.batch.known.processed, [("f1".to_owned(), Some(NOW))].into());
    assert_eq!(request.batch.known.given_up, ["f2".to_owned()].into());
}

#[test]
fn the_rest_of_a_list_is_read_once_the_findings_before_it_are_announced() {
    let config = config(&[]);
    let mut run = begin_long_list(&config);
    assert!(run.requests.is_empty());
    deliver(&mut run);
    let [request] = &run.requests[..] else { panic!("{:?}", run.requests) };
    assert_eq!((request.batch.from, request.detector_id.as_deref()), (REST, Some("d")));
    assert!(request.batch.known.processed.contains_key("f1"));
    assert!(!run.core.is_finished(), "the response is waited for");
    run.report_as(source(), |report| {
        report.batch =
            PolledBatch { new_findings: vec![finding("f2")], complete_until: Some(NOW), ..PolledBatch::default() }
    });
    run.play_to_end(None);
    assert!(run.core.is_success());
    assert!(run.core.state.is_processed("f2", NOW));
    assert_eq!(run.core.state.source(&source()).map(|source: &SourceState| source.watermark), Some(NOW));
}

#[test]
fn the_rest_of_a_list_is_left_to_the_next_run_without_capacity_or_time() {
    let no_capacity: Circumstance = |run| run.core.limits.state_bytes = 0;
    let no_time: Circumstance = |run| run.handle(Event::ShutdownRequested);
    for (circumstance, case) in [(no_capacity, "no capacity"), (no_time, "no time")] {
        let config = config(&[("SLACK_DIGEST_AFTER", "20")]);
        let mut run = begin_long_list(&config);
        run.answer_save(Ok(()));
        circumstance(&mut run);
        if !run.calls.is_empty() {
            run.acknowledge();
        }
        assert!(run.requests.is_empty(), "{case}");
        run.answer_save(Ok(()));
        assert!(run.core.is_finished() && !run.core.is_success(), "{case}");
    }
}

#[test]
fn a_source_that_is_discovered_later_is_read_without_what_was_announced_before() {
    let config = config(&[]);
    let mut run = begin_with(&config, 2);
    run.show(&["f1"]);
    run.pass(Duration::from_mins(1));
    deliver(&mut run);
    run.handle(Event::SourcesDiscovered(Ok(vec![other()])));
    let known = &run.requests.last().unwrap().batch.known;
    assert!(known.processed.contains_key("f1"));
}

#[test]
fn the_report_says_which_sources_were_read() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.core.state.source_or_insert(&other().into(), START);
    for key in [source().into(), "777788889999/*".into()] {
        run.core.state.source_or_insert(&key, START).0.unreadable_since = Some(START);
    }
    run.handle(Event::SourcesDiscovered(Ok(vec![source(), other()])));
    run.report_as(other(), |_| {});
    let report = run.core.report();
    let sources: Vec<_> = report.sources.iter().map(|polled| (polled.key.clone(), polled.is_read)).collect();
    assert_eq!(sources, [(source(), false), (other(), true)]);
    let not_read: Vec<_> = report.not_read.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(not_read, ["777788889999/*"], "a source that is polled has its own entry");
}
