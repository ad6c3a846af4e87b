//! What was fetched of a part: which findings are accepted, and whether the part is proven complete.

use std::collections::HashSet;
use std::rc::Rc;

use super::super::part::{Part, PartState};
use super::super::proof::is_proven_by_details;
use super::{MAX_LISTINGS_PER_PART, ReadPlan};
use crate::finding::Finding;
use crate::time::Timestamp;

impl ReadPlan<'_> {
    /// All requested details of a part were read, or could not be read.
    pub(super) fn on_part_fetched(&mut self, index: usize) {
        let part = &mut self.parts[index];
        let state = std::mem::replace(&mut part.state, PartState::Unproven);
        let PartState::Fetching { listed_since, mut found, failed, .. } = state else { return };
        let listed: HashSet<&String> = part.ids.iter().collect();
        found.retain(|f| listed.contains(&f.id));
        found.sort_by_key(Finding::listed_at);
        let there = found.iter().filter(|f| !f.archived);
        let details = there.filter_map(|f| Some((f.id.clone(), f.listed_at()?))).collect();
        // A finding whose `updatedAt` cannot be read counts as the oldest one of its part.
        let oldest = found.iter().find_map(Finding::listed_at).unwrap_or(part.span.from);
        // A finding that becomes visible inside the part after it was listed is not among the details. The overlap of the
        // next run lists it again, if the reading took at most half of the overlap.
        let overlap_covers_reading = self.now.duration_since(listed_since) * 2 <= self.request.overlap;
        let proven = part.confirmed || (overlap_covers_reading && is_proven_by_details(&part.ids, &details, part.span));
        for finding in found {
            self.admit(index, finding, oldest);
        }
        let part = &mut self.parts[index];
        self.request.capacity.release(std::mem::take(&mut part.places));
        if failed {
            let from = part.span.from;
            self.last_start = self.last_start.min(from);
        } else if part.broken {
            self.note_unfetched(index);
        } else if proven {
            part.state = PartState::Proven;
            self.note_unfetched(index);
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
        let has_place = known.is_some() && self.request.capacity.is_zero();
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
                self.last_start = self.last_start.min(from);
                return;
            }
        }
        if self.seen.insert(finding.id.clone(), listed_at).is_some() {
            self.out.new_findings.retain(|older| older.id != finding.id);
        }
        if is_new {
            self.out.new_findings.push(Rc::new(finding));
        } else {
            self.out.unchanged.push(finding.id);
        }
    }

    /// What was listed and not among the details.
    fn note_unfetched(&mut self, index: usize) {
        let part = &self.parts[index];
        let mut before = part.span.from;
        for id in &part.ids {
            if let Some(listed_at) = self.listed_at(id) {
                before = listed_at.max(part.span.from);
            } else if !self.request.known.given_up.contains(id) && !self.out.unfetched.contains(id) {
                // It may be as old as the one before it.
                self.out.watermark_limit = Some(self.out.watermark_limit.map_or(before, |limit| limit.min(before)));
                self.out.unfetched.push(id.clone());
            }
        }
    }

    fn listed_at(&self, id: &String) -> Option<Timestamp> {
        self.seen.get(id).or_else(|| self.refused.get(id)).copied()
    }

    /// Something moved: the part is listed once more, or divided.
    fn list_again(&mut self, index: usize) {
        let part = &self.parts[index];
        if part.listings < MAX_LISTINGS_PER_PART {
            self.parts[index].state = PartState::Due;
            return;
        }
        let known: Vec<Timestamp> = part.ids.iter().filter_map(|id| self.listed_at(id)).collect();
        match part.span.halve(known) {
            Some(halves) if part.ids.len() > 1 => {
                self.parts.splice(index..=index, halves.map(Part::new));
            }
            _ => {
                let from = part.span.from;
                self.last_start = self.last_start.min(from);
                self.note_unfetched(index);
            }
        }
    }
}
