//! Keeps the document within its size limit.
//!
//! In this order, as far as necessary:
//!
//! 1. The largest baselines of watched configuration, if the sources take more than their share. Findings are accepted
//!    only as long as they fit, and matter more than changes of the configuration.
//! 2. Findings that the next run cannot list again. At worst, a recurrence starts a new message.
//! 3. The oldest processed findings inside the overlap; the floor of their sources rises past them. A finding may then
//!    become visible less late than usual; nothing that was listed is repeated or lost.
//! 4. The message references of the other findings, for example because a watermark is blocked, but not their revisions.

mod baselines;
mod size;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::source_key::{SourceKey, SourceOrIdentity};
use crate::state::{FindingRecord, State};
use crate::time::Timestamp;
use size::encoded_len;

/// GuardDuty keeps findings for 90 days. After that, a finding cannot recur.
pub(super) const MAX_FINDING_AGE: Duration = Duration::from_hours(2280);
/// A failed finding that is no longer listed (for example archived) need not be recorded as failing.
pub(super) const FAILING_TTL: Duration = Duration::from_hours(72);

/// What was discarded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompactionReport {
    /// Sources whose floor was raised, and to which time.
    pub raised_floors: BTreeMap<SourceOrIdentity, Timestamp>,
    /// Sources whose baseline of watched configuration was discarded.
    pub unwatched: Vec<SourceOrIdentity>,
    /// Number of findings whose message was discarded: a recurrence starts a new one.
    pub lost_messages: usize,
    /// The document.
    pub document: String,
}

/// Findings that a run has listed but not processed. They are kept: their messages are about to be edited.
#[derive(Clone, Debug, Default)]
pub struct InFlight<'a> {
    pub ids: HashSet<&'a str>,
    /// The smallest `updatedAt`, by source. No floor rises above it.
    pub oldest_updated_at: HashMap<&'a SourceKey, Timestamp>,
}

impl State {
    /// Drops what no longer matters and, above the bound, what matters least.
    pub fn compact(
        &mut self,
        bound: usize,
        overlap: Duration,
        in_flight: &InFlight,
        now: Timestamp,
    ) -> CompactionReport {
        self.raise_floors(overlap);
        let bounds = self.lower_bounds(overlap);
        self.findings.retain(|_, e| is_retained(e, bounds.get(&e.source_id).copied(), now));
        self.discard_old_unfetched(now);
        self.discard_unused_sets();
        let document = self.to_json();
        if document.len() <= bound {
            return CompactionReport { document, ..CompactionReport::default() };
        }
        // Before: a floor that rises lets the next compaction discard more.
        let least = if cfg!(debug_assertions) { self.min_bytes(bound, overlap, in_flight) } else { 0 };
        let unwatched = self.discard_baselines(bound);
        let report = self.discard_processed(bound, overlap, in_flight);
        debug_assert!(report.document.len() <= bound.max(least), "more than {least} bytes are left");
        CompactionReport { unwatched, ..report }
    }

    /// Discards processed findings, those that matter least first.
    fn discard_processed(&mut self, bound: usize, overlap: Duration, in_flight: &InFlight) -> CompactionReport {
        let excess = |document: &str| document.len() - target_bytes(bound);
        let mut report = CompactionReport::default();
        let mut document = self.to_json();
        if document.len() > bound {
            report.lost_messages += self.drop_unlistable(&self.lower_bounds(overlap), in_flight, excess(&document));
            document = self.to_json();
        }
        while document.len() > bound && self.raise_fullest_floor(overlap, in_flight, excess(&document), &mut report) {
            document = self.to_json();
        }
        if document.len() > bound {
            report.lost_messages += self.drop_message_refs(in_flight, excess(&document));
            document = self.to_json();
        }
        CompactionReport { document, ..report }
    }

    /// Raises the floors to the lower bounds of the next poll. Findings below a floor may be discarded, because a longer
    /// overlap that is configured later does not list them again.
    fn raise_floors(&mut self, overlap: Duration) {
        let lowest = self.lower_bounds_by_region(overlap);
        for (key, source) in &mut self.sources {
            source.raise_floor(lowest[&region_of(key)]);
        }
    }

    /// By the ID of a source, the lowest bound of its region.
    fn lower_bounds(&self, overlap: Duration) -> HashMap<u32, Timestamp> {
        let lowest = self.lower_bounds_by_region(overlap);
        self.sources.iter().map(|(key, s)| (s.id, lowest[&region_of(key)])).collect()
    }

    /// By region, the lowest bound of all its sources. A finding can be listed by another source of its region (an
    /// administrator and its member), never by one of another region.
    fn lower_bounds_by_region(&self, overlap: Duration) -> HashMap<Option<String>, Timestamp> {
        let mut lowest = HashMap::new();
        for (key, source) in &self.sources {
            let lower = lowest.entry(region_of(key)).or_insert(Timestamp::MAX);
            *lower = source.lower_bound(overlap).min(*lower);
        }
        lowest
    }

    /// Discards findings with messages below every lower bound; those with the oldest edit first. Returns how many.
    fn drop_unlistable(&mut self, bounds: &HashMap<u32, Timestamp>, in_flight: &InFlight, mut need: usize) -> usize {
        let before = self.findings.len();
        let below = |e: &FindingRecord| bounds.get(&e.source_id).is_none_or(|lower| e.updated_at < Some(*lower));
        let goes = |(id, e): &(&String, &FindingRecord)| below(e) && !in_flight.ids.contains(id.as_str());
        let mut old: Vec<(Option<Timestamp>, String)> =
            self.findings.iter().filter(goes).map(|(id, e)| (e.edited_at, id.clone())).collect();
        old.sort_unstable();
        for (_, id) in old {
            if need == 0 {
                break;
            }
            if let Some(e) = self.findings.remove(&id) {
                need = need.saturating_sub(encoded_len(&id, &e));
            }
        }
        before - self.findings.len()
    }

    /// Discards the oldest processed findings of the fullest region and raises the floors of its sources past them.
    /// False: nothing can be discarded.
    fn raise_fullest_floor(
        &mut self,
        overlap: Duration,
        in_flight: &InFlight,
        need: usize,
        report: &mut CompactionReport,
    ) -> bool {
        let regions: HashMap<u32, Option<String>> =
            self.sources.iter().map(|(key, s)| (s.id, region_of(key))).collect();
        let mut candidates: BTreeMap<Option<&str>, Vec<(Timestamp, usize)>> = BTreeMap::new();
        let free =
            |(id, e): &(&String, &FindingRecord)| e.failing_since.is_none() && !in_flight.ids.contains(id.as_str());
        for (id, e) in self.findings.iter().filter(free) {
            if let Some((region, updated)) = regions.get(&e.source_id).zip(e.updated_at) {
                candidates.entry(region.as_deref()).or_default().push((updated, encoded_len(id, e)));
            }
        }
        let mut fullest: Vec<_> = candidates.into_iter().collect();
        fullest.sort_by_key(|(_, entries)| std::cmp::Reverse(entries.len()));
        for (region, entries) in fullest {
            let limit = self.max_floor(region, in_flight);
            if let Some(floor) = floor_to_free(entries, need, limit) {
                self.apply_floor(region, floor, overlap, &regions, in_flight, report);
                return true;
            }
        }
        false
    }

    /// Discards the message references of processed findings that may be listed again; those with the oldest edit first.
    /// If such a finding recurs, it gets a new message. Returns how many.
    fn drop_message_refs(&mut self, in_flight: &InFlight, mut need: usize) -> usize {
        let mut discarded = 0;
        let mut live: Vec<(Option<Timestamp>, String)> = self
            .findings
            .iter()
            .filter(|(id, _)| !in_flight.ids.contains(id.as_str()))
            .map(|(id, e)| (e.edited_at, id.clone()))
            .collect();
        live.sort_unstable();
        for (_, id) in live {
            if need == 0 {
                break;
            }
            if let Some(e) = self.findings.get_mut(&id)
                && let Some(bare) = without_message(e)
            {
                need = need.saturating_sub(encoded_len(&id, e) - encoded_len(&id, &bare));
                *e = bare;
                discarded += 1;
            }
        }
        discarded
    }

    /// No floor of this region may be above a watermark, nor above a listed finding that is not processed.
    fn max_floor(&self, region: Option<&str>, in_flight: &InFlight) -> Timestamp {
        let of_region = self.sources.iter().filter(|(key, _)| key.region() == region);
        of_region.fold(Timestamp::MAX, |limit, (key, s)| {
            let oldest = key.as_source().and_then(|key| in_flight.oldest_updated_at.get(key));
            limit.min(s.watermark).min(oldest.copied().unwrap_or(Timestamp::MAX))
        })
    }

    fn apply_floor(
        &mut self,
        region: Option<&str>,
        floor: Timestamp,
        overlap: Duration,
        regions: &HashMap<u32, Option<String>>,
        in_flight: &InFlight,
        report: &mut CompactionReport,
    ) {
        self.findings.retain(|id, e| {
            let stays = e.failing_since.is_some() || e.updated_at >= Some(floor) || in_flight.ids.contains(id.as_str());
            stays || regions.get(&e.source_id).is_none_or(|own| own.as_deref() != region)
        });
        for (key, source) in self.sources.iter_mut().filter(|(key, _)| key.region() == region) {
            if source.lower_bound(overlap) < floor {
                source.raise_floor(floor);
                report.raised_floors.insert(key.clone(), floor);
            }
        }
    }
}

/// The region of a source. What has none is treated as one region.
fn region_of(key: &SourceOrIdentity) -> Option<String> {
    key.region().map(str::to_owned)
}

fn is_retained(e: &FindingRecord, lower: Option<Timestamp>, now: Timestamp) -> bool {
    let listable = lower.is_some_and(|lower| e.updated_at >= Some(lower));
    let is_recent = e.updated_at.is_some_and(|updated| now.duration_since(updated) < MAX_FINDING_AGE);
    let live = is_recent && (e.message.is_some() || !e.superseded.is_empty());
    let failing = e.failing_since.is_some_and(|since| now.duration_since(since) < FAILING_TTL);
    listable || live || failing
}

/// The target size once the limit is passed, so that a flood does not discard a little at every checkpoint.
fn target_bytes(bound: usize) -> usize {
    bound / 10 * 8
}

/// What is left of an entry without its message, if that may go.
fn without_message(e: &FindingRecord) -> Option<FindingRecord> {
    let goes = e.message.is_some() && e.superseded.is_empty() && e.failing_since.is_none();
    goes.then(|| FindingRecord {
        updated_at: e.updated_at,
        source_id: e.source_id,
        unknown: e.unknown.clone(),
        ..FindingRecord::default()
    })
}

/// The lowest floor that frees `need` bytes, or as much as `limit` allows.
fn floor_to_free(mut entries: Vec<(Timestamp, usize)>, need: usize, limit: Timestamp) -> Option<Timestamp> {
    entries.sort_unstable();
    let mut freed = 0;
    let mut floor = None;
    for (u, bytes) in entries.into_iter().take_while(|(u, _)| *u < limit) {
        if freed >= need {
            break;
        }
        freed += bytes;
        floor = Some(Timestamp(u.0 + 1));
    }
    floor
}

#[cfg(test)]
mod tests;
