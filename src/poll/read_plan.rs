//! Plans the reading of one batch, without IO: the parts of the list to read next, the findings to fetch and to accept, and
//! how far the source is complete.
//!
//! A list is divided into parts by time, so that they can be read concurrently. Each part is listed, its findings are
//! fetched, oldest parts first, and it counts after it is proven complete ([`proof`](super::proof)).

mod fetched;

use std::collections::{HashMap, HashSet};

use super::part::{End, Listing, Part, PartState, RestOfList, Task, TaskResult};
use super::proof::is_proven_by_listing;
use super::span::{Sample, Span};
use super::{BatchRequest, PolledBatch};
use crate::finding::Finding;
use crate::guardduty::{PAGE_SIZE, ReadError};
use crate::time::Timestamp;

/// Maximum number of parts of one source that are listed concurrently, and of pages whose details are fetched
/// concurrently. The source limits the total number of requests in flight.
const MAX_CONCURRENT_LISTS: usize = 8;
const MAX_CONCURRENT_GETS: usize = 5;
/// Maximum number of findings that are listed but not fetched yet. Their IDs are kept in memory.
const MAX_LISTED_AHEAD: usize = 1_000;
/// A part is listed so often before it is divided: the shorter a list, the less moves in it while it is read.
const MAX_LISTINGS_PER_PART: usize = 4;

pub(super) struct ReadPlan<'a> {
    request: &'a BatchRequest,
    now: Timestamp,
    /// By time, without gaps.
    parts: Vec<Part>,
    /// Parts that begin later are not begun by this batch.
    last_start: Timestamp,
    /// What was fetched in this batch.
    seen: HashMap<String, Timestamp>,
    /// Fetched, but not accepted because no capacity was left.
    refused: HashMap<String, Timestamp>,
    /// A part was begun to be fetched.
    has_fetched: bool,
    out: PolledBatch,
}

impl<'a> ReadPlan<'a> {
    pub(super) fn new(request: &'a BatchRequest) -> Self {
        let mut parts: Vec<Part> =
            request.ahead.iter().filter(|p| p.span.to.is_none_or(|to| to >= request.from)).cloned().collect();
        match parts.first_mut() {
            Some(first) if first.span.from == request.from => {}
            Some(first) => *first = Part::new(Span::new(request.from, first.span.to)),
            None => parts.push(Part::new(Span::new(request.from, None))),
        }
        Self {
            request,
            now: request.now,
            parts,
            last_start: Timestamp::MAX,
            seen: HashMap::new(),
            refused: HashMap::new(),
            has_fetched: false,
            out: PolledBatch::default(),
        }
    }

    /// What is to be begun now.
    pub(super) fn tasks(&mut self, now: Timestamp) -> Vec<Task> {
        self.now = now;
        let mut tasks = Vec::new();
        let mut in_turn = true;
        for index in 0..self.parts.len() {
            if self.parts[index].span.from > self.last_start {
                break;
            }
            if matches!(self.parts[index].state, PartState::Due) && (in_turn || self.may_list()) {
                let part = &mut self.parts[index];
                part.state = PartState::Listing;
                tasks.push(Task::List { span: part.span, pages: part.pages() });
            }
            in_turn &= !matches!(self.parts[index].state, PartState::Due | PartState::Listing);
            if let PartState::Listed { listed_since } = self.parts[index].state
                && in_turn
            {
                if self.open_gets() >= MAX_CONCURRENT_GETS {
                    in_turn = false;
                    continue;
                }
                if self.parts[index].listings == 1 && !self.take_places(index) {
                    self.end_before(self.parts[index].span.from);
                    break;
                }
                tasks.extend(self.fetch(index, listed_since));
            }
        }
        tasks
    }

    fn may_list(&self) -> bool {
        let listing = self.parts.iter().filter(|p| matches!(p.state, PartState::Listing)).count();
        let listed = self.parts.iter().filter(|p| matches!(p.state, PartState::Listed { .. }));
        listing < MAX_CONCURRENT_LISTS && listed.map(|p| p.ids.len()).sum::<usize>() < MAX_LISTED_AHEAD
    }

    fn open_gets(&self) -> usize {
        let open = |p: &Part| if let PartState::Fetching { open, .. } = p.state { open } else { 0 };
        self.parts.iter().map(open).sum()
    }

    /// Reserves places for the new findings of a part. False if too few are left: the part is left to the next batch. Only the
    /// first part of a batch is accepted as far as capacity is left.
    fn take_places(&mut self, index: usize) -> bool {
        let known = &self.request.known;
        let part = &mut self.parts[index];
        let is_new = |id: &&String| {
            !known.processed.contains_key(*id) && !known.given_up.contains(*id) && !self.seen.contains_key(*id)
        };
        let new = part.ids.iter().filter(is_new).collect::<HashSet<_>>().len();
        let capacity = &self.request.capacity;
        let may_take_some = !self.has_fetched && (capacity.left() > 0 || capacity.is_zero());
        if new > capacity.left() && !may_take_some {
            return false;
        }
        part.places = capacity.reserve(new);
        true
    }

    /// The details of what is in a part and was not fetched yet.
    fn fetch(&mut self, index: usize, listed_since: Timestamp) -> Vec<Task> {
        self.has_fetched = true;
        let part = &mut self.parts[index];
        let mut asked = HashSet::new();
        let is_due = |id: &&String| {
            !self.seen.contains_key(*id) && !self.refused.contains_key(*id) && asked.insert((*id).clone())
        };
        let ids: Vec<String> = part.ids.iter().filter(is_due).cloned().collect();
        let from = part.span.from;
        let tasks: Vec<Task> = ids.chunks(PAGE_SIZE).map(|ids| Task::Get { part: from, ids: ids.to_vec() }).collect();
        part.state = PartState::Fetching { listed_since, open: tasks.len(), found: Vec::new(), failed: false };
        if tasks.is_empty() {
            self.on_part_fetched(index);
        }
        tasks
    }

    pub(super) fn on_result(&mut self, answer: TaskResult, now: Timestamp) {
        self.now = now;
        match answer {
            TaskResult::Listed { span, listing } => {
                let index = self.index(span.from);
                self.on_listed(index, listing);
            }
            TaskResult::Details { part, found } => {
                let index = self.index(part);
                self.on_details(index, found);
            }
        }
    }

    fn index(&self, from: Timestamp) -> usize {
        self.parts.partition_point(|part| part.span.from < from)
    }

    fn on_listed(&mut self, index: usize, listing: Listing) {
        let part = &mut self.parts[index];
        match listing.end {
            End::Whole => {
                part.confirmed = part.listings > 0 && is_proven_by_listing(&part.ids, &listing.ids);
                part.listings += 1;
                part.ids = listing.ids;
                part.state = PartState::Listed { listed_since: listing.listed_since };
            }
            End::TooLong(sample) => self.divide(index, sample),
            End::Failed(error, sample) => self.on_truncated(index, listing.ids, listing.listed_since, error, sample),
        }
    }

    fn divide(&mut self, index: usize, sample: Option<Sample>) {
        let span = self.parts[index].span;
        let mut parts: Vec<Part> = span.divide(sample, self.request.now).into_iter().map(Part::new).collect();
        if let [only] = &mut parts[..] {
            only.unlimited = true;
        }
        self.parts.splice(index..=index, parts);
    }

    /// An incomplete list is used as far as it was read: it is listed again up to the time of its last finding, which can
    /// be proven. The rest is left to a later run.
    fn on_truncated(
        &mut self,
        index: usize,
        ids: Vec<String>,
        listed_since: Timestamp,
        error: ReadError,
        sample: Option<Sample>,
    ) {
        let span = self.parts[index].span;
        let is_first = self.out.error.is_none();
        self.out.error.get_or_insert(error);
        let readable = sample.filter(|s| is_first && span.contains(s.last) && s.last > span.from);
        let spans = readable.map_or(vec![span], |s| span.divide(Some(Sample { pages: 0, ..s }), self.request.now));
        let mut parts: Vec<Part> = spans.into_iter().map(Part::new).collect();
        if let Some(rest) = parts.last_mut() {
            (rest.broken, rest.listings) = (true, 1);
            rest.state = if ids.is_empty() { PartState::Unproven } else { PartState::Listed { listed_since } };
            rest.ids = ids;
            let from = rest.span.from;
            self.last_start = self.last_start.min(from);
        }
        self.parts.splice(index..=index, parts);
    }

    fn on_details(&mut self, index: usize, answer: Result<Vec<Finding>, ReadError>) {
        let PartState::Fetching { open, found, failed, .. } = &mut self.parts[index].state else { return };
        *open -= 1;
        match answer {
            Ok(mut more) => found.append(&mut more),
            Err(error) => {
                *failed = true;
                self.out.error.get_or_insert(error);
            }
        }
        if *open == 0 {
            self.on_part_fetched(index);
        }
    }

    /// This part, and the parts after it, are left to the next batch.
    fn end_before(&mut self, from: Timestamp) {
        self.last_start = self.last_start.min(Timestamp(from.0 - 1));
    }

    /// How far this batch came.
    pub(super) fn finish(mut self) -> PolledBatch {
        let proven = self.parts.iter().take_while(|p| matches!(p.state, PartState::Proven)).count();
        let refused = self.refused.values().min().copied();
        let is_before = |time: &Timestamp| refused.is_none_or(|refused| *time < refused);
        let read = self.parts[..proven].iter();
        let newest = |p: &Part| {
            let times = p.ids.iter().filter_map(|id| self.seen.get(id).copied());
            times.filter(|i| p.span.contains(*i)).filter(is_before).max()
        };
        self.out.complete_until = read.filter_map(newest).max();
        self.out.rest = self.rest(proven, refused);
        self.out
    }

    /// What is left of the list.
    fn rest(&self, proven: usize, refused: Option<Timestamp>) -> Option<RestOfList> {
        let holds = |part: &&Part| refused.is_some_and(|r| part.span.contains(r));
        let stopped = self.parts[..proven].iter().position(|p| holds(&p));
        let first = stopped.unwrap_or(proven);
        let mut parts: Vec<Part> = self.parts[first..].iter().map(Part::for_next_batch).collect();
        let part = parts.first_mut()?;
        if let Some(refused) = refused.filter(|_| stopped.is_some()) {
            *part = Part::new(Span::new(refused, part.span.to));
        }
        Some(RestOfList { from: part.span.from, parts })
    }
}

#[cfg(test)]
mod tests;
