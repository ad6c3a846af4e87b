//! Reading of lists that change while they are read.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::finding::{Origin, decode};
use crate::guardduty::TransientReason;
use crate::poll::{Capacity, Known, RestOfList};

/// Times are milliseconds after this one.
const BASE: i64 = 1_795_000_000_000;
const NOW: Timestamp = Timestamp(BASE + 2_000);

fn at(milliseconds: i64) -> Timestamp {
    Timestamp(BASE + milliseconds)
}

/// GuardDuty, which answers at once.
struct FakeSource {
    /// Time of each finding.
    findings: Vec<i64>,
    /// Findings per page.
    page: usize,
    /// An update that takes place when this many pages were read: which finding, and to when.
    update: Option<(usize, usize, i64)>,
    /// The list with this number breaks off behind its first page.
    broken: Option<usize>,
    pages: usize,
    lists: usize,
    fetched: Vec<usize>,
}

impl FakeSource {
    fn new(findings: Vec<i64>, page: usize) -> Self {
        Self { findings, page, update: None, broken: None, pages: 0, lists: 0, fetched: Vec::new() }
    }

    fn list(&mut self, span: Span, pages: Option<usize>) -> TaskResult {
        self.lists += 1;
        let mut ids = Vec::new();
        let mut read = 0;
        let end = loop {
            let shown = self.shown(span);
            let page: Vec<usize> = shown.iter().copied().skip(ids.len()).take(self.page).collect();
            ids.extend(page.iter().map(|n| n.to_string()));
            read += 1;
            self.turn_page();
            let last = ids.last().and_then(|id| id.parse::<usize>().ok());
            let sample = last.map(|n| at(self.findings[n])).map(|last| Sample { first: last, last, pages: read });
            if ids.len() >= shown.len() || page.is_empty() {
                break End::Whole;
            } else if self.broken == Some(self.lists) {
                let text = "broke off".to_owned();
                break End::Failed(ReadError::Transient { reason: TransientReason::Malformed, text }, sample);
            } else if pages == Some(read) {
                break End::TooLong(sample);
            }
        };
        TaskResult::Listed { span, listing: Listing { listed_since: NOW, ids, end } }
    }

    fn shown(&self, span: Span) -> Vec<usize> {
        let mut shown: Vec<usize> = (0..self.findings.len()).filter(|n| span.contains(at(self.findings[*n]))).collect();
        shown.sort_by_key(|n| (self.findings[*n], *n));
        shown
    }

    fn turn_page(&mut self) {
        self.pages += 1;
        if let Some((_, which, to)) = self.update.take_if(|(after, ..)| *after == self.pages) {
            self.findings[which] = to;
        }
    }

    fn get(&mut self, part: Timestamp, ids: &[String]) -> TaskResult {
        let numbers: Vec<usize> = ids.iter().map(|id| id.parse().unwrap()).collect();
        self.fetched.extend(&numbers);
        TaskResult::Details { part, found: Ok(numbers.into_iter().map(|n| self.finding(n)).collect()) }
    }

    fn finding(&self, number: usize) -> Finding {
        let origin = Origin { account: "1".into(), region: "eu-west-1".into(), detector: "d".into() };
        let raw =
            json!({ "id": number.to_string(), "updatedAt": at(self.findings[number]).to_rfc3339(), "severity": 5 });
        decode(&raw.to_string(), &Arc::new(origin)).unwrap()
    }

    /// One batch, whose tasks are done in this order: the first one, or the last one.
    fn read_batch(&mut self, request: &BatchRequest, last_first: bool) -> PolledBatch {
        let mut plan = ReadPlan::new(request);
        let mut tasks: Vec<Task> = Vec::new();
        loop {
            tasks.extend(plan.tasks(NOW));
            if tasks.is_empty() {
                return plan.finish();
            }
            let task = if last_first { tasks.pop().unwrap() } else { tasks.remove(0) };
            let answer = match task {
                Task::List { span, pages } => self.list(span, pages),
                Task::Get { part, ids } => self.get(part, &ids),
            };
            plan.on_result(answer, NOW);
        }
    }
}

fn batch_request(from: i64, capacity: usize, known: Known, rest: Option<RestOfList>) -> BatchRequest {
    let (capacity, known) = (Rc::new(Capacity::new(capacity)), Rc::new(known));
    let request = BatchRequest::new(at(from), NOW, Duration::from_mins(15), &capacity, &known);
    match rest {
        Some(rest) => request.resuming(rest),
        None => request,
    }
}

fn taken(batch: &PolledBatch) -> Vec<usize> {
    batch.new_findings.iter().map(|f| f.id.parse().unwrap()).collect()
}

#[test]
fn a_short_list_is_read_once_and_fetched_once() {
    let mut source = FakeSource::new(vec![10, 20, 30], 50);
    let batch = source.read_batch(&batch_request(0, 100, Known::default(), None), false);
    assert_eq!((source.lists, source.fetched.len()), (1, 3));
    assert_eq!((batch.complete_until, batch.rest.is_none()), (Some(at(30)), true));
}

#[test]
fn a_long_list_is_divided_and_its_oldest_findings_are_fetched_first() {
    let mut source = FakeSource::new((0..400).map(|n| n * 5).collect(), 2);
    let batch = source.read_batch(&batch_request(0, 1_000, Known::default(), None), false);
    assert_eq!(source.fetched, (0..400).collect::<Vec<_>>());
    assert_eq!((batch.complete_until, batch.rest.is_none()), (Some(at(1_995)), true));
    assert!(source.lists > 10, "{} lists", source.lists);
}

#[test]
fn a_batch_accepts_the_oldest_findings_up_to_its_capacity() {
    let mut source = FakeSource::new((0..100).map(|n| n * 5).collect(), 50);
    let batch = source.read_batch(&batch_request(0, 30, Known::default(), None), false);
    assert_eq!(taken(&batch), (0..30).collect::<Vec<_>>());
    assert_eq!(batch.complete_until, Some(at(145)));
    assert_eq!(batch.rest.map(|rest| rest.from), Some(at(150)));
}

#[test]
fn a_batch_does_not_end_within_a_millisecond() {
    let mut source = FakeSource::new([vec![5; 3], vec![6; 40]].concat(), 50);
    let batch = source.read_batch(&batch_request(0, 30, Known::default(), None), false);
    assert_eq!(batch.complete_until, Some(at(5)));
    assert_eq!(batch.rest.map(|rest| rest.from), Some(at(6)));
}

#[test]
fn a_finding_that_moves_between_two_pages_is_found() {
    let mut source = FakeSource::new((0..6).map(|n| n * 5).collect(), 2);
    // Behind the first page its first finding moves to the end: the third one moves up, and is on no page.
    source.update = Some((1, 0, 1_000));
    let batch = source.read_batch(&batch_request(0, 100, Known::default(), None), false);
    assert_eq!(batch.new_findings.len(), 6);
    assert_eq!((batch.complete_until, batch.rest.is_none()), (Some(at(1_000)), true));
    assert!(source.lists > 1);
}

#[test]
fn a_finding_in_two_parts_is_accepted_once_with_its_newest_revision() {
    for (first, second) in [(0, 1_000), (1_000, 0)] {
        let mut source = FakeSource::new((0..200).map(|n| n * 5).collect(), 2);
        let request = batch_request(0, 1_000, Known::default(), None);
        let mut plan = ReadPlan::new(&request);
        plan.parts = vec![Part::new(Span::new(at(0), Some(at(4)))), Part::new(Span::new(at(5), None))];
        plan.parts[1].unlimited = true;
        for task in plan.tasks(NOW) {
            let Task::List { span, .. } = task else { panic!("nothing is listed yet") };
            let listing = Listing { listed_since: NOW, ids: vec!["0".into()], end: End::Whole };
            plan.on_result(TaskResult::Listed { span, listing }, NOW);
        }
        let gets = plan.tasks(NOW);
        assert_eq!(gets.len(), 2);
        for (task, time) in gets.into_iter().zip([first, second]) {
            let Task::Get { part, ids } = task else { panic!("all is listed") };
            source.findings[0] = time;
            let answer = source.get(part, &ids);
            plan.on_result(answer, NOW);
        }
        let fresh = plan.finish().new_findings;
        assert_eq!(fresh.iter().map(|f| f.updated).collect::<Vec<_>>(), [at(1_000)]);
    }
}

#[test]
fn an_interrupted_list_is_used_as_far_as_it_was_read() {
    let mut source = FakeSource::new((0..6).map(|n| n * 5).collect(), 3);
    source.broken = Some(1);
    let batch = source.read_batch(&batch_request(0, 100, Known::default(), None), false);
    assert_eq!(taken(&batch), [0, 1, 2]);
    assert_eq!(batch.complete_until, Some(at(5)));
    assert!(batch.error.is_some());
}

#[test]
fn a_finding_that_is_returned_and_processed_already_is_named_as_unchanged() {
    let processed = HashMap::from([("1".to_owned(), Some(at(5)))]);
    let known = Known { processed, ..Known::default() };
    let batch = FakeSource::new(vec![0, 5], 3).read_batch(&batch_request(0, 100, known, None), false);
    assert_eq!((taken(&batch), batch.unchanged), (vec![0], vec!["1".to_owned()]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn every_finding_is_accepted_once_before_the_watermark_passes_it(
        times in proptest::collection::vec(prop_oneof![0..1_500i64, 700..704i64], 0..150),
        (page, capacity) in (1..6usize, 1..60usize),
        update in proptest::option::of((1..40usize, 0..150usize, 1_500..2_000i64)),
        last_first in any::<bool>(),
    ) {
        let count = times.len();
        let mut source = FakeSource::new(times, page);
        source.update = update.filter(|(_, which, _)| *which < count);
        let mut processed: HashMap<String, Option<Timestamp>> = HashMap::new();
        let mut rest = None;
        for _ in 0..2 * count + 3 {
            let known = Known { processed: processed.clone(), ..Known::default() };
            let from = rest.as_ref().map_or(0, |rest: &RestOfList| rest.from.0 - BASE);
            let batch = source.read_batch(&batch_request(from, capacity, known, rest.take()), last_first);
            prop_assert!(batch.new_findings.len() <= capacity && batch.error.is_none() && batch.unfetched.is_empty());
            for finding in &batch.new_findings {
                let updated = Some(finding.updated);
                let before = processed.insert(finding.id.clone(), updated);
                prop_assert!(before.is_none_or(|before| before < updated), "{} twice", finding.id);
            }
            if let Some(to) = batch.complete_until {
                let passed = (0..count).filter(|n| at(source.findings[*n]) <= to);
                prop_assert!(passed.into_iter().all(|n| processed.contains_key(&n.to_string())), "passed to {to:?}");
            }
            rest = batch.rest;
            if rest.is_none() {
                break;
            }
        }
        prop_assert!(rest.is_none(), "it does not end");
        let newest = |n: usize| processed.get(&n.to_string()) == Some(&Some(at(source.findings[n])));
        // One that is updated behind its own page, and listed no more, is for the next run.
        let late = source.findings.iter().enumerate().filter(|(n, _)| !newest(*n)).count();
        prop_assert!(late <= 1, "{late} findings are not taken");
    }
}
