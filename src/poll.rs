//! Reads one batch of findings from a source and determines how far it is complete.
//!
//! `ListFindings` returns only IDs, in ascending order of `updatedAt`. An update moves a finding to the end. This can shift
//! the pages while they are read, so that another finding is on none of them. A list is therefore complete only as far as
//! it is proven to have missed no finding ([`proof`]). A long list is divided by time into parts that are read in parallel
//! ([`span`]). [`read_plan`] decides which part is read when, and how far the source is complete. This module does the IO.

mod capacity;
mod part;
mod proof;
mod read_plan;
pub(crate) mod source;
mod span;
pub(crate) mod watched;

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::finding::Finding;
use crate::guardduty::{GuardDutyApi, ReadError};
use crate::pages::PageTokens;
use crate::time::{Time, Timestamp};

use part::{End, Listing, Part, Task, TaskResult};
use read_plan::ReadPlan;
use span::{Sample, Span};

pub(crate) use capacity::Capacity;
pub(crate) use part::RestOfList;

/// Findings that need not be fetched again.
#[derive(Debug, Default)]
pub struct Known {
    /// Newest processed `updatedAt` of each finding in the state, by finding ID.
    pub processed: HashMap<String, Option<Timestamp>>,
    /// IDs of findings that were listed for 24 h but not returned by `GetFindings`: given up.
    pub given_up: HashSet<String>,
}

/// A request to read a source.
#[derive(Clone, Debug)]
pub struct BatchRequest {
    /// Inclusive lower bound.
    pub from: Timestamp,
    /// The clock of this machine. Only used to estimate where the list ends, in order to divide it.
    pub now: Timestamp,
    /// How far below its watermark the next run lists again.
    pub overlap: Duration,
    pub capacity: Rc<Capacity>,
    pub known: Rc<Known>,
    /// Parts of the list that the previous batch has read.
    ahead: Vec<Part>,
}

impl BatchRequest {
    pub fn new(from: Timestamp, now: Timestamp, overlap: Duration, capacity: &Rc<Capacity>, known: &Rc<Known>) -> Self {
        Self { from, now, overlap, capacity: capacity.clone(), known: known.clone(), ahead: Vec::new() }
    }

    /// Reads the rest of the list, from the end of the previous batch, but not below the lower bound.
    pub fn resuming(self, rest: RestOfList) -> Self {
        Self { from: self.from.max(rest.from), ahead: rest.parts, ..self }
    }
}

/// The result of one batch.
#[derive(Debug, Default)]
pub struct PolledBatch {
    /// Findings whose newest revision is not processed.
    pub new_findings: Vec<Rc<Finding>>,
    /// IDs of findings that `GetFindings` returned in a revision that is processed already.
    pub unchanged: Vec<String>,
    /// Listed, but not returned by `GetFindings`.
    pub unfetched: Vec<String>,
    /// Upper bound of the watermark, because a listed finding could not be fetched.
    pub watermark_limit: Option<Timestamp>,
    /// Everything that was listed up to this time was fetched. `None` if nothing is certain, or nothing was listed.
    pub complete_until: Option<Timestamp>,
    /// The rest of the list, if it is longer than this batch.
    pub rest: Option<RestOfList>,
    pub error: Option<ReadError>,
}

type Job<'a> = Pin<Box<dyn Future<Output = TaskResult> + 'a>>;

/// Reads one batch of a detector's findings.
pub(crate) async fn read_batch<D: GuardDutyApi>(
    source: &D,
    detector: &str,
    request: &BatchRequest,
    time: &impl Time,
) -> PolledBatch {
    let mut plan = ReadPlan::new(request);
    let mut jobs: FuturesUnordered<Job<'_>> = FuturesUnordered::new();
    loop {
        for task in plan.tasks(time.now()) {
            jobs.push(match task {
                Task::List { span, pages } => Box::pin(list(source, detector, span, pages, time)),
                Task::Get { part, ids } => Box::pin(get(source, detector, part, ids)),
            });
        }
        match jobs.next().await {
            Some(answer) => plan.on_result(answer, time.now()),
            None => return plan.finish(),
        }
    }
}

async fn get<D: GuardDutyApi>(source: &D, detector: &str, part: Timestamp, ids: Vec<String>) -> TaskResult {
    TaskResult::Details { part, found: source.get_findings(detector, &ids).await }
}

/// Reads a list, `pages` of it at most.
async fn list<D: GuardDutyApi>(
    source: &D,
    detector: &str,
    span: Span,
    pages: Option<usize>,
    time: &impl Time,
) -> TaskResult {
    let listed_since = time.now();
    let mut ids = Vec::new();
    let mut tokens = PageTokens::default();
    let has_more = loop {
        match list_page(source, detector, span, &mut tokens, &mut ids).await {
            Ok(true) if pages.is_none_or(|pages| tokens.pages() < pages) => {}
            has_more => break has_more,
        }
    };
    let end = match has_more {
        Ok(false) => End::Whole,
        Ok(true) => End::TooLong(sample(source, detector, &ids, tokens.pages()).await),
        Err(error) if error.is_access_denied() => End::Failed(error, None),
        Err(error) => End::Failed(error, sample(source, detector, &ids, tokens.pages()).await),
    };
    TaskResult::Listed { span, listing: Listing { listed_since, ids, end } }
}

/// Reads the next page of a list. Returns true if there is another page after it.
async fn list_page<D: GuardDutyApi>(
    source: &D,
    detector: &str,
    span: Span,
    tokens: &mut PageTokens,
    ids: &mut Vec<String>,
) -> Result<bool, ReadError> {
    let page = source.list_findings(detector, span.from, span.to, tokens.current()).await?;
    ids.extend(page.ids);
    tokens.advance(page.next_token).map_err(|repeated| ReadError::repeated_token("ListFindings", &repeated))
}

/// Fetches the first and the last finding that were listed, to learn their `updatedAt`: a list contains only IDs.
async fn sample<D: GuardDutyApi>(source: &D, detector: &str, ids: &[String], pages: usize) -> Option<Sample> {
    let ends = [ids.first()?.clone(), ids.last()?.clone()];
    let found = source.get_findings(detector, &ends).await.ok()?;
    let [first, last] = ends.map(|id| found.iter().find(|f| f.id == id)?.listed_at());
    let last = last?;
    Some(Sample { first: first.unwrap_or(last).min(last), last, pages })
}
