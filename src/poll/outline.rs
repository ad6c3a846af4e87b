//! Plans the reading of one batch, without IO: the parts of the list to read next, the findings to fetch and to accept, and
//! how far the source is complete.
//!
//! A list is divided into parts by time, so that they can be read concurrently. Each part is listed, its findings are
//! fetched, oldest parts first, and it counts after it is proven complete ([`proof`](super::proof)).

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::part::{Answer, End, Listing, Part, Rest, Step, Task};
use super::proof::{is_proven_by_details, is_proven_by_listing};
use super::span::{Sample, Span};
use super::{BatchRequest, PAGE, PolledBatch};
use crate::finding::Finding;
use crate::guardduty::ReadError;
use crate::time::Timestamp;

/// Maximum number of parts of one source that are listed concurrently, and of pages whose details are fetched
/// concurrently. The source limits the total number of requests in flight.
const LISTS: usize = 8;
const GETS: usize = 5;
/// Maximum number of findings that are listed but not fetched yet. Their IDs are kept in memory.
const AHEAD: usize = 1_000;
/// A part is listed so often before it is divided: the shorter a list, the less moves in it while it is read.
const LISTINGS: usize = 4;

pub(super) struct Outline<'a> {
    request: &'a BatchRequest,
    now: Timestamp,
    /// By time, without gaps.
    parts: Vec<Part>,
    /// Parts that begin later are not begun by this batch.
    last: Timestamp,
    /// What was fetched in this batch.
    seen: HashMap<String, Timestamp>,
    /// Fetched, but not accepted because no capacity was left.
    refused: HashMap<String, Timestamp>,
    /// A part was begun to be fetched.
    begun: bool,
    out: PolledBatch,
}

impl<'a> Outline<'a> {
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
            last: Timestamp::MAX,
            seen: HashMap::new(),
            refused: HashMap::new(),
            begun: false,
            out: PolledBatch::default(),
        }
    }

    /// What is to be begun now.
    pub(super) fn tasks(&mut self, now: Timestamp) -> Vec<Task> {
        self.now = now;
        let mut tasks = Vec::new();
        let mut in_turn = true;
        for index in 0..self.parts.len() {
            if self.parts[index].span.from > self.last {
                break;
            }
            if matches!(self.parts[index].step, Step::Due) && (in_turn || self.may_list()) {
                let part = &mut self.parts[index];
                part.step = Step::Listing;
                tasks.push(Task::List { span: part.span, pages: part.pages() });
            }
            in_turn &= !matches!(self.parts[index].step, Step::Due | Step::Listing);
            if let Step::Listed { since } = self.parts[index].step
                && in_turn
            {
                if self.open_gets() >= GETS {
                    in_turn = false;
                    continue;
                }
                if self.parts[index].listings == 1 && !self.take_places(index) {
                    self.end_before(self.parts[index].span.from);
                    break;
                }
                tasks.extend(self.fetch(index, since));
            }
        }
        tasks
    }

    fn may_list(&self) -> bool {
        let listing = self.parts.iter().filter(|p| matches!(p.step, Step::Listing)).count();
        let listed = self.parts.iter().filter(|p| matches!(p.step, Step::Listed { .. }));
        listing < LISTS && listed.map(|p| p.ids.len()).sum::<usize>() < AHEAD
    }

    fn open_gets(&self) -> usize {
        let open = |p: &Part| if let Step::Fetching { open, .. } = p.step { open } else { 0 };
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
        let some = !self.begun && (capacity.left() > 0 || capacity.is_none());
        if new > capacity.left() && !some {
            return false;
        }
        part.places = capacity.reserve(new);
        true
    }

    /// The details of what is in a part and was not fetched yet.
    fn fetch(&mut self, index: usize, since: Timestamp) -> Vec<Task> {
        self.begun = true;
        let part = &mut self.parts[index];
        let mut asked = HashSet::new();
        let is_due = |id: &&String| {
            !self.seen.contains_key(*id) && !self.refused.contains_key(*id) && asked.insert((*id).clone())
        };
        let ids: Vec<String> = part.ids.iter().filter(is_due).cloned().collect();
        let from = part.span.from;
        let tasks: Vec<Task> = ids.chunks(PAGE).map(|ids| Task::Get { part: from, ids: ids.to_vec() }).collect();
        part.step = Step::Fetching { since, open: tasks.len(), found: Vec::new(), failed: false };
        if tasks.is_empty() {
            self.fetched(index);
        }
        tasks
    }

    pub(super) fn take(&mut self, answer: Answer, now: Timestamp) {
        self.now = now;
        match answer {
            Answer::Listed { span, listing } => {
                let index = self.index(span.from);
                self.listed(index, listing);
            }
            Answer::Got { part, found } => {
                let index = self.index(part);
                self.got(index, found);
            }
        }
    }

    fn index(&self, from: Timestamp) -> usize {
        self.parts.partition_point(|part| part.span.from < from)
    }

    fn listed(&mut self, index: usize, listing: Listing) {
        let part = &mut self.parts[index];
        match listing.end {
            End::Whole => {
                part.confirmed = part.listings > 0 && is_proven_by_listing(&part.ids, &listing.ids);
                part.listings += 1;
                part.ids = listing.ids;
                part.step = Step::Listed { since: listing.since };
            }
            End::TooLong(sample) => self.divide(index, sample),
            End::Failed(error, sample) => self.broke_off(index, listing.ids, listing.since, error, sample),
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
    fn broke_off(
        &mut self,
        index: usize,
        ids: Vec<String>,
        since: Timestamp,
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
            rest.step = if ids.is_empty() { Step::Unproven } else { Step::Listed { since } };
            rest.ids = ids;
            let from = rest.span.from;
            self.last = self.last.min(from);
        }
        self.parts.splice(index..=index, parts);
    }

    fn got(&mut self, index: usize, answer: Result<Vec<Finding>, ReadError>) {
        let Step::Fetching { open, found, failed, .. } = &mut self.parts[index].step else { return };
        *open -= 1;
        match answer {
            Ok(mut more) => found.append(&mut more),
            Err(error) => {
                *failed = true;
                self.out.error.get_or_insert(error);
            }
        }
        if *open == 0 {
            self.fetched(index);
        }
    }

    /// All requested details of a part were read, or could not be read.
    fn fetched(&mut self, index: usize) {
        let part = &mut self.parts[index];
        let step = std::mem::replace(&mut part.step, Step::Unproven);
        let Step::Fetching { since, mut found, failed, .. } = step else { return };
        let listed: HashSet<&String> = part.ids.iter().collect();
        found.retain(|f| listed.contains(&f.id));
        found.sort_by_key(Finding::listed_at);
        let there = found.iter().filter(|f| !f.archived);
        let details = there.filter_map(|f| Some((f.id.clone(), f.listed_at()?))).collect();
        // A finding whose `updatedAt` cannot be read counts as the oldest one of its part.
        let oldest = found.iter().find_map(Finding::listed_at).unwrap_or(part.span.from);
        let is_quick = self.now.duration_since(since) * 2 <= self.request.overlap;
        let proven = part.confirmed || (is_quick && is_proven_by_details(&part.ids, &details, part.span));
        for finding in found {
            self.admit(index, finding, oldest);
        }
        let part = &mut self.parts[index];
        self.request.capacity.release(std::mem::take(&mut part.places));
        if failed {
            let from = part.span.from;
            self.last = self.last.min(from);
        } else if part.broken {
            self.note_missing(index);
        } else if proven {
            part.step = Step::Proven;
            self.note_missing(index);
        } else {
            self.list_again(index);
        }
    }

    /// Accepts a finding if it is new and capacity is left.
    fn admit(&mut self, index: usize, finding: Finding, oldest: Timestamp) {
        let known = self.request.known.processed.get(&finding.id);
        let is_new = known.is_none_or(|updated| *updated < Some(finding.updated));
        // A finding that the state contains is accepted even if the state is full. Otherwise a finding that blocks the
        // watermark would never be announced.
        let has_place = known.is_some() && self.request.capacity.is_none();
        let listed_at = finding.listed_at().unwrap_or(oldest);
        // One that moved may be in two parts that are fetched at the same time.
        if self.seen.get(&finding.id).is_some_and(|seen| listed_at <= *seen) {
            return;
        }
        let part = &mut self.parts[index];
        if is_new && !has_place {
            if part.places > 0 {
                part.places -= 1;
            } else if self.request.capacity.reserve(1) == 0 {
                let from = part.span.from;
                self.refused.insert(finding.id.clone(), listed_at);
                self.last = self.last.min(from);
                return;
            }
        }
        if self.seen.insert(finding.id.clone(), listed_at).is_some() {
            self.out.fresh.retain(|older| older.id != finding.id);
        }
        if is_new {
            self.out.fresh.push(Rc::new(finding));
        }
    }

    /// What was listed and not among the details.
    fn note_missing(&mut self, index: usize) {
        let part = &self.parts[index];
        let mut before = part.span.from;
        for id in &part.ids {
            if let Some(listed_at) = self.listed_at(id) {
                before = listed_at.max(part.span.from);
            } else if !self.request.known.given_up.contains(id) && !self.out.missing.contains(id) {
                // It may be as old as the one before it.
                self.out.hold = Some(self.out.hold.map_or(before, |hold| hold.min(before)));
                self.out.missing.push(id.clone());
            }
        }
    }

    fn listed_at(&self, id: &String) -> Option<Timestamp> {
        self.seen.get(id).or_else(|| self.refused.get(id)).copied()
    }

    /// Something moved: the part is listed once more, or divided.
    fn list_again(&mut self, index: usize) {
        let part = &self.parts[index];
        if part.listings < LISTINGS {
            self.parts[index].step = Step::Due;
            return;
        }
        let known: Vec<Timestamp> = part.ids.iter().filter_map(|id| self.listed_at(id)).collect();
        match part.span.halve(known) {
            Some(halves) if part.ids.len() > 1 => {
                self.parts.splice(index..=index, halves.map(Part::new));
            }
            _ => {
                let from = part.span.from;
                self.last = self.last.min(from);
                self.note_missing(index);
            }
        }
    }

    /// This part, and the parts after it, are left to the next batch.
    fn end_before(&mut self, from: Timestamp) {
        self.last = self.last.min(Timestamp(from.0 - 1));
    }

    /// How far this batch came.
    pub(super) fn finish(mut self) -> PolledBatch {
        let proven = self.parts.iter().take_while(|p| matches!(p.step, Step::Proven)).count();
        let refused = self.refused.values().min().copied();
        let is_before = |time: &Timestamp| refused.is_none_or(|refused| *time < refused);
        let read = self.parts[..proven].iter();
        let newest = |p: &Part| {
            let times = p.ids.iter().filter_map(|id| self.seen.get(id).copied());
            times.filter(|i| p.span.contains(*i)).filter(is_before).max()
        };
        self.out.complete_to = read.filter_map(newest).max();
        self.out.next = self.rest(proven, refused);
        self.out
    }

    /// What is left of the list.
    fn rest(&self, proven: usize, refused: Option<Timestamp>) -> Option<Rest> {
        let holds = |part: &&Part| refused.is_some_and(|r| part.span.contains(r));
        let stopped = self.parts[..proven].iter().position(|p| holds(&p));
        let first = stopped.unwrap_or(proven);
        let mut parts: Vec<Part> = self.parts[first..].iter().map(Part::to_hand_on).collect();
        let part = parts.first_mut()?;
        if let Some(refused) = refused.filter(|_| stopped.is_some()) {
            *part = Part::new(Span::new(refused, part.span.to));
        }
        Some(Rest { from: part.span.from, parts })
    }
}

#[cfg(test)]
mod tests;
