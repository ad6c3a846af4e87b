//! A part of a list: its remaining requests, their results, and its progress.

use super::span::{Sample, Span};
use crate::finding::Finding;
use crate::guardduty::ReadError;
use crate::time::Timestamp;

/// An unbounded list that is longer than so many pages is divided, a part that is longer than so many once more.
const MAX_PAGES_UNDIVIDED: usize = 4;
const MAX_PAGES_PER_PART: usize = 10;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Task {
    /// At most so many pages.
    List { span: Span, pages: Option<usize> },
    /// The details of at most [`PAGE_SIZE`](crate::guardduty::PAGE_SIZE) findings of the part that begins here.
    Get { part: Timestamp, ids: Vec<String> },
}

/// What came of it.
pub(super) enum TaskResult {
    Listed { span: Span, listing: Listing },
    Details { part: Timestamp, found: Result<Vec<Finding>, ReadError> },
}

/// One reading of a list, page by page.
pub(super) struct Listing {
    /// Time at which its first page was requested.
    pub(super) listed_since: Timestamp,
    pub(super) ids: Vec<String>,
    pub(super) end: End,
}

pub(super) enum End {
    Whole,
    /// The list is longer than the pages that were requested.
    TooLong(Option<Sample>),
    Failed(ReadError, Option<Sample>),
}

/// A part of a list.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) span: Span,
    pub(super) state: PartState,
    /// IDs of the last listing.
    pub(super) ids: Vec<String>,
    pub(super) listings: usize,
    /// The last listing and the one before show the same.
    pub(super) confirmed: bool,
    /// It can neither be divided nor read in a few pages.
    pub(super) unlimited: bool,
    /// Its list was truncated: its findings are fetched, but prove nothing.
    pub(super) broken: bool,
    /// Places that it took and has not used yet.
    pub(super) places: usize,
}

#[derive(Clone, Debug)]
pub(super) enum PartState {
    Due,
    Listing,
    Listed { listed_since: Timestamp },
    Fetching { listed_since: Timestamp, open: usize, found: Vec<Finding>, failed: bool },
    Proven,
    Unproven,
}

/// Start of the next batch of a source, with the parts of the list after it.
#[derive(Clone, Debug)]
pub struct RestOfList {
    pub from: Timestamp,
    pub(super) parts: Vec<Part>,
}

#[cfg(test)]
impl RestOfList {
    /// A rest of which nothing is read yet.
    pub(crate) fn beginning_at(from: Timestamp) -> Self {
        Self { from, parts: Vec::new() }
    }
}

impl Part {
    pub(super) fn new(span: Span) -> Self {
        Self {
            span,
            state: PartState::Due,
            ids: Vec::new(),
            listings: 0,
            confirmed: false,
            unlimited: false,
            broken: false,
            places: 0,
        }
    }

    /// The pages that one listing of it may have.
    pub(super) fn pages(&self) -> Option<usize> {
        match self.span.to {
            _ if self.unlimited || self.span.is_one_time() => None,
            None => Some(MAX_PAGES_UNDIVIDED),
            Some(_) => Some(MAX_PAGES_PER_PART),
        }
    }

    /// The part as it is passed to the next batch.
    pub(super) fn for_next_batch(&self) -> Part {
        match self.state {
            PartState::Listed { .. } if self.listings == 1 && !self.broken => self.clone(),
            _ => Part { unlimited: self.unlimited, ..Part::new(self.span) },
        }
    }
}
