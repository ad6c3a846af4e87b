//! Tracks the sources of a run: their batches, and the progress of each source.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::config::{Config, SlackAuth};
use crate::core::event::{DetectorRef, SourceRequest};
use crate::finding::{Finding, FindingCounts};
use crate::guardduty::{DetectorInfo, SourceKey, Subject};
use crate::plan::watch;
use crate::poll::source::{SourceExtras, SourceReport};
use crate::poll::{BatchRequest, Capacity, Known, RestOfList, watched};
use crate::state::{DetectorStatus, InFlight, PollProgress, SourceState, State, Versions};
use crate::time::Timestamp;

/// Maximum number of findings, per source and run, whose archiving status is read.
const MAX_LOOKUPS_PER_SOURCE: usize = 500;
/// Maximum number of them whose messages lack a link; these come first.
const MAX_LINK_LOOKUPS: usize = 100;

/// One source in this run.
#[derive(Debug)]
pub(super) struct Track {
    source: SourceKey,
    /// When it was first requested.
    since: Timestamp,
    /// Names the source in the records of its findings.
    pub source_id: u32,
    detector_id: Option<String>,
    pub progress: PollProgress,
    /// Where the rest of the list begins.
    rest: Option<RestOfList>,
    pub is_read: bool,
    /// It was read without an error so far.
    pub is_readable: bool,
    pub detector_info: Option<DetectorInfo>,
    pub open: Option<FindingCounts>,
    /// IDs that this run listed and GetFindings did not return.
    unfetched: BTreeSet<String>,
}

impl Track {
    /// Its detector, if that was read.
    fn detector(&self) -> Option<DetectorRef> {
        Some(DetectorRef { source: self.source.clone(), id: self.detector_id.clone()? })
    }

    /// Number of findings that are listed and not processed, including those that could not be fetched.
    pub(super) fn pending(&self) -> usize {
        let pending_ids = &self.progress.pending;
        pending_ids.len() + self.unfetched.iter().filter(|id| !pending_ids.contains_key(*id)).count()
    }
}

/// All sources of a run.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    config: &'a Config,
    /// Time from which a source is read that is new to the state.
    pub start: Timestamp,
    pub tracks: BTreeMap<SourceKey, Track>,
    /// Number of identities whose sources are not known yet.
    undiscovered: usize,
    /// Number of requests without a response.
    reading: usize,
}

impl<'a> Sources<'a> {
    pub(super) fn new(config: &'a Config, identities: usize, start: Timestamp) -> Self {
        Self { config, start, tracks: BTreeMap::new(), undiscovered: identities, reading: 0 }
    }

    /// Returns true if the sources of every identity are known, or cannot be.
    pub(super) fn is_discovered(&self) -> bool {
        self.undiscovered == 0
    }

    /// Counts an identity whose sources are known, or that cannot be used.
    pub(super) fn count_discovery(&mut self) {
        self.undiscovered = self.undiscovered.saturating_sub(1);
    }

    /// Number of requests to sources that have no response.
    pub(super) fn reading(&self) -> usize {
        self.reading
    }

    /// Returns true if no request to a source is open, and none follows from a discovery.
    pub(super) fn is_idle(&self) -> bool {
        self.is_discovered() && self.reading == 0
    }

    /// Returns the first request to a source, or `None` if another identity showed the source already.
    pub(super) fn first_request(
        &mut self,
        source: SourceKey,
        state: &State,
        capacity: &Rc<Capacity>,
        known: &Rc<Known>,
        now: Timestamp,
    ) -> Option<SourceRequest> {
        if self.tracks.contains_key(&source) {
            return None;
        }
        let start = self.start;
        let stored = state.source(&source).filter(|s| s.detector_status != DetectorStatus::Excluded);
        let from = stored.map_or(start, |s| s.lower_bound(self.config.overlap));
        let extras = self.extras(stored, state, start, now);
        let batch = BatchRequest::new(from, now, self.config.overlap, capacity, known);
        let track = Track {
            source: source.clone(),
            since: now,
            source_id: 0,
            detector_id: None,
            progress: PollProgress::default(),
            rest: None,
            is_read: false,
            is_readable: true,
            detector_info: None,
            unfetched: BTreeSet::new(),
            open: None,
        };
        self.tracks.insert(source.clone(), track);
        self.reading += 1;
        Some(SourceRequest { source, detector_id: None, batch, extras })
    }

    fn extras(&self, stored: Option<&SourceState>, state: &State, start: Timestamp, now: Timestamp) -> SourceExtras {
        let compare = stored.is_none_or(|s| watch::compare_due(s, now));
        let watched = stored.and_then(|s| s.watch_baseline.as_ref()).filter(|_| !compare);
        let ids = |items: &Option<Versions>| items.iter().flatten().map(|(id, _)| id.clone()).collect();
        let known = watched.map(|w| [(Subject::Filters, ids(&w.filters)), (Subject::IpSets, ids(&w.ip_sets))]);
        SourceExtras {
            is_first_read: true,
            watch: self.config.watch,
            // A source that was unreadable last time gets one request, not six that may all be denied.
            expected_detector_id: stored.filter(|s| s.unreadable_since.is_none()).and_then(|s| s.detector_id.clone()),
            watched: watched::WatchQuery {
                all: compare,
                known: known.into_iter().flatten().collect(),
                scans: watch::ScanQuery::of(stored, now),
            },
            open_before: stored.is_none().then_some(start),
            lookups: self.lookups(stored, state),
        }
    }

    /// IDs of the findings to look up: those whose messages lack a link, then the next ones in turn of those whose
    /// messages can be edited.
    fn lookups(&self, stored: Option<&SourceState>, state: &State) -> Vec<String> {
        let (Some(source), SlackAuth::Bot { .. }) = (stored, &self.config.slack.access) else { return Vec::new() };
        let live = |e: &crate::state::FindingRecord| e.source_id == source.id && e.bot_message().is_some();
        let ids: Vec<&String> = state.findings.iter().filter(|(_, e)| live(e)).map(|(id, _)| id).collect();
        let after = ids.partition_point(|id| Some(*id) <= source.archive_cursor.as_ref());
        let outdated: Vec<&String> = state.outdated_links(source.id).into_iter().take(MAX_LINK_LOOKUPS).collect();
        let in_turn = ids.iter().copied().cycle().skip(after).take(MAX_LOOKUPS_PER_SOURCE.min(ids.len()));
        let in_turn = in_turn.filter(|id| !outdated.contains(id));
        outdated.iter().copied().chain(in_turn).cloned().collect()
    }

    /// Returns a request for the next batch of every source whose list is not read to its end.
    pub(super) fn next_requests(
        &mut self,
        state: &State,
        capacity: &Rc<Capacity>,
        known: &Rc<Known>,
        now: Timestamp,
    ) -> Vec<SourceRequest> {
        let mut requests = Vec::new();
        for (key, track) in &mut self.tracks {
            let Some(rest) = track.rest.take() else { continue };
            // Findings that were discarded since must not be listed again.
            let floor = state.source(key).map_or(rest.from, |s| s.floor);
            let batch = BatchRequest::new(floor, now, self.config.overlap, capacity, known).resuming(rest);
            let (source, detector_id) = (track.source.clone(), track.detector_id.clone());
            requests.push(SourceRequest { source, detector_id, batch, extras: SourceExtras::default() });
        }
        self.reading += requests.len();
        requests
    }

    /// Counts a response to a request.
    pub(super) fn count_response(&mut self) {
        self.reading = self.reading.saturating_sub(1);
    }

    /// Records the result of a source: how far it is complete, what is pending, where the rest of its list begins.
    pub(super) fn record(&mut self, report: &mut SourceReport, now: Timestamp) -> Vec<Rc<Finding>> {
        let Some(track) = self.tracks.get_mut(&report.key) else { return Vec::new() };
        track.is_read = true;
        track.is_readable &= report.error().is_none();
        track.detector_info = report.detector_info.take().or(track.detector_info.take());
        track.open = report.open.take().or(track.open.take());
        let Ok(Some(detector)) = &report.detector_id else { return Vec::new() };
        track.detector_id = Some(detector.clone());
        let batch = &mut report.batch;
        track.unfetched.extend(batch.unfetched.iter().cloned());
        let new = std::mem::take(&mut batch.new_findings);
        track.progress.pending.extend(new.iter().map(|f| (f.id.clone(), f.updated)));
        track.progress.complete_until = track.progress.complete_until.max(batch.complete_until);
        track.progress.poll_duration = now.duration_since(track.since);
        track.progress.watermark_limit =
            [track.progress.watermark_limit, batch.watermark_limit].into_iter().flatten().min();
        track.rest = batch.rest.take().filter(|_| batch.error.is_none());
        new
    }

    /// The detector of the source with this ID, if it was read in this run.
    pub(super) fn detector(&self, source_id: u32) -> Option<DetectorRef> {
        self.tracks.values().filter(|track| track.source_id == source_id && track.is_read).find_map(Track::detector)
    }

    /// The detector of a source, if it is known.
    pub(super) fn detector_of(&self, key: &SourceKey) -> Option<DetectorRef> {
        self.tracks.get(key)?.detector()
    }

    /// The detectors of all sources that were read in this run.
    pub(super) fn detectors(&self) -> Vec<DetectorRef> {
        self.tracks.values().filter(|track| track.is_read).filter_map(Track::detector).collect()
    }

    /// Adds findings that are to be announced although no list showed them.
    pub(super) fn add_pending(&mut self, findings: &[Rc<Finding>]) {
        for f in findings {
            if let Some(track) = self.tracks.get_mut(&f.origin.source_key()) {
                track.progress.pending.entry(f.id.clone()).or_insert(f.updated);
            }
        }
    }

    /// Records that a revision of a finding is processed: it no longer blocks the watermark.
    pub(super) fn set_processed(&mut self, id: &str, updated: Timestamp) {
        for track in self.tracks.values_mut() {
            // A later revision, which another list shows, is still pending.
            if track.progress.pending.get(id).is_some_and(|pending| *pending <= updated) {
                track.progress.pending.remove(id);
            }
            track.unfetched.remove(id);
        }
    }

    /// Moves every watermark as far as everything is processed.
    pub(super) fn advance_watermarks(&self, state: &mut State) {
        for (key, track) in &self.tracks {
            if let Some(source) = state.source_mut(key) {
                source.advance_watermark(&track.progress);
            }
        }
    }

    /// What is listed and not processed.
    pub(super) fn in_flight(&self) -> InFlight<'_> {
        let oldest = |t: &Track| [t.progress.oldest_pending(), t.progress.watermark_limit].into_iter().flatten().min();
        InFlight {
            ids: self.tracks.values().flat_map(|t| t.progress.pending.keys().map(String::as_str)).collect(),
            oldest_updated_at: self.tracks.iter().filter_map(|(key, t)| Some((key, oldest(t)?))).collect(),
        }
    }

    /// Number of findings that arrived and are not processed, without those that could not be fetched.
    pub(super) fn announceable(&self) -> usize {
        self.tracks.values().map(|t| t.progress.pending.len()).sum()
    }

    /// Returns true if any list is not read to its end.
    pub(super) fn has_more(&self) -> bool {
        self.tracks.values().any(|t| t.rest.is_some())
    }

    /// The ID of each source.
    pub(super) fn source_ids(&self) -> HashMap<SourceKey, u32> {
        self.tracks.iter().map(|(key, t)| (key.clone(), t.source_id)).collect()
    }
}

#[cfg(test)]
mod tests;
