//! Reading one source: a window of findings, and how far it is complete.
//!
//! `ListFindings` tells ids only, ascending by `updatedAt`; an update moves a finding to the end and can shift the pages
//! while they are read, so that another finding is on none of them. So a list counts as far as it is proven to have
//! missed none ([`proof`]). A long list is divided by time into parts that are read at the same time ([`span`]); which of
//! them is read when, and how far the source is complete, is decided in [`outline`], and done here.

mod capacity;
pub mod look;
mod outline;
mod part;
mod proof;
mod span;
pub mod watched;

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use crate::finding::Finding;
use crate::guardduty::{GuardDutyApi, ReadError, TransientReason};
use crate::time::Timestamp;

use outline::Outline;
use part::{Answer, End, Listing, Part, Task};
use span::{Sample, Span};

pub use capacity::Capacity;
pub use part::Rest;

/// `GetFindings` takes so many ids a call, `ListFindings` gives as many.
pub const PAGE: usize = 50;

/// What needs no look any more.
#[derive(Debug, Default)]
pub struct Known {
    /// What was already said: id → the newest `updatedAt` that is settled.
    pub said: HashMap<String, Timestamp>,
    /// Listed for a day and never told when asked for: given up.
    pub passed: HashSet<String>,
}

/// What is asked of a source.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Inclusive lower bound.
    pub from: Timestamp,
    /// This machine's clock: a guess of how far the list reaches, by which it is divided, and nothing more.
    pub now: Timestamp,
    /// How far behind its watermark the next run looks again.
    pub overlap: Duration,
    pub capacity: Rc<Capacity>,
    pub known: Rc<Known>,
    /// What the window before knows of the list.
    ahead: Vec<Part>,
}

impl Ask {
    pub fn new(from: Timestamp, now: Timestamp, overlap: Duration, capacity: &Rc<Capacity>, known: &Rc<Known>) -> Self {
        Self { from, now, overlap, capacity: capacity.clone(), known: known.clone(), ahead: Vec::new() }
    }

    /// The same list, from where the window before ended, or where the state now begins to remember.
    pub fn resume(rest: Rest, floor: Timestamp, ask: Self) -> Self {
        Self { from: rest.from.max(floor), ahead: rest.parts, ..ask }
    }
}

/// What one window showed.
#[derive(Debug, Default)]
pub struct Window {
    /// Findings whose newest state was not said.
    pub fresh: Vec<Rc<Finding>>,
    /// Listed, yet not told when asked for.
    pub missing: Vec<String>,
    /// The watermark must stay below this: something listed could not be fetched.
    pub hold: Option<Timestamp>,
    /// Everything listed up to here was fetched; none: nothing is certain, or nothing was listed.
    pub complete_to: Option<Timestamp>,
    /// The list goes on.
    pub next: Option<Rest>,
    pub error: Option<ReadError>,
}

type Job<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// Reads one window of a detector's findings.
pub async fn window<D: GuardDutyApi>(source: &D, detector: &str, ask: &Ask) -> Window {
    let mut outline = Outline::new(ask);
    let mut jobs: FuturesUnordered<Job<'_>> = FuturesUnordered::new();
    loop {
        for task in outline.tasks() {
            jobs.push(match task {
                Task::List { span, pages } => Box::pin(list(source, detector, span, pages)),
                Task::Get { part, ids } => Box::pin(get(source, detector, part, ids)),
            });
        }
        match jobs.next().await {
            Some(answer) => outline.take(answer),
            None => return outline.finish(),
        }
    }
}

async fn get<D: GuardDutyApi>(source: &D, detector: &str, part: Timestamp, ids: Vec<String>) -> Answer {
    Answer::Got { part, found: source.get_findings(detector, &ids).await }
}

/// Reads a list, `pages` of it at most.
async fn list<D: GuardDutyApi>(source: &D, detector: &str, span: Span, pages: Option<usize>) -> Answer {
    let since = Instant::now();
    let mut ids = Vec::new();
    let mut tokens: Vec<String> = Vec::new();
    let end = loop {
        match source.list_findings(detector, span.from, span.to, tokens.last().map(String::as_str)).await {
            Err(error) => break Err(error),
            Ok(page) => {
                ids.extend(page.ids);
                match page.next_token {
                    None => break Ok(true),
                    Some(token) if tokens.contains(&token) => break Err(repeated_token()),
                    Some(token) => tokens.push(token),
                }
            }
        }
        if pages.is_some_and(|pages| tokens.len() >= pages) {
            break Ok(false);
        }
    };
    let end = match end {
        Ok(true) => End::Whole,
        Ok(false) => End::TooLong(sample(source, detector, &ids, tokens.len()).await),
        Err(error) if error.is_access_denied() => End::Failed(error, None),
        Err(error) => End::Failed(error, sample(source, detector, &ids, tokens.len()).await),
    };
    Answer::Listed { span, listing: Listing { since, ids, end } }
}

/// Asks when the first and the last finding of what was read were updated: a list tells ids only.
async fn sample<D: GuardDutyApi>(source: &D, detector: &str, ids: &[String], pages: usize) -> Option<Sample> {
    let ends = [ids.first()?.clone(), ids.last()?.clone()];
    let found = source.get_findings(detector, &ends).await.ok()?;
    let [first, last] = ends.map(|id| found.iter().find(|f| f.id == id)?.listed_at());
    let last = last?;
    Some(Sample { first: first.unwrap_or(last).min(last), last, pages })
}

/// A loop that elastic/integrations#8601 met in the wild.
fn repeated_token() -> ReadError {
    ReadError::Transient {
        reason: TransientReason::Malformed,
        text: "ListFindings answered with a page token that it gave before".into(),
    }
}
