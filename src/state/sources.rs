//! The sources of the state, and the findings that they listed and did not return.

use std::time::Duration;

use crate::metrics::NotificationOutcome;
use crate::source_key::{SourceKey, SourceOrIdentity};
use crate::state::{SourceState, State, UnfetchedFinding};
use crate::time::Timestamp;

/// A source that is configured no longer.
const UNCONFIGURED_TTL: Duration = Duration::from_secs(7 * 86_400);

impl State {
    /// What the state knows of a source.
    pub fn source(&self, key: &SourceKey) -> Option<&SourceState> {
        self.sources.get(&key.clone().into())
    }

    pub fn source_mut(&mut self, key: &SourceKey) -> Option<&mut SourceState> {
        self.sources.get_mut(&key.clone().into())
    }

    /// The source's entry; made, looking back to `start`, if it is new to the state.
    pub fn source_or_insert(&mut self, key: &SourceOrIdentity, start: Timestamp) -> (&mut SourceState, bool) {
        let new = !self.sources.contains_key(key);
        let n = self.next_source_id;
        self.next_source_id += u32::from(new);
        let source = self.sources.entry(key.clone()).or_insert_with(|| SourceState { id: n, ..SourceState::default() });
        if new {
            source.reset_to(start);
        }
        (source, new)
    }

    /// Replaces what is known of a source, after a decision about it.
    pub fn set_source(&mut self, key: &SourceOrIdentity, source: SourceState) {
        if let Some(known) = self.sources.get(key) {
            debug_assert_eq!(known.id, source.id, "the number of {key} never changes");
            let is_set_back = source.watermark < known.watermark;
            debug_assert!(!is_set_back || source.is_initial_watermark, "the watermark of {key} never falls");
        }
        self.sources.insert(key.clone(), source);
    }

    /// Removes an entry, such as that of an identity that can be used again.
    pub fn remove_source(&mut self, key: &SourceOrIdentity) -> Option<SourceState> {
        self.sources.remove(key)
    }

    /// Drops the sources that are no longer configured. Call it only in a run that read all configured sources: after a
    /// pause of days, a source that was not read yet cannot be distinguished from one that was removed.
    pub fn drop_unconfigured_sources(&mut self, now: Timestamp) {
        self.sources.retain(|_, s| s.last_configured_at.is_none_or(|t| now.duration_since(t) < UNCONFIGURED_TTL));
    }

    /// Notes the first detector of a source.
    pub fn note_detector(&mut self, key: &SourceKey, detector: &str) {
        if let Some(source) = self.source_mut(key) {
            source.detector_id.get_or_insert_with(|| detector.to_owned());
        }
    }

    /// Notes that a finding was listed and could not be fetched, and returns since when that is so.
    pub fn note_unfetched(&mut self, id: &str, source: u32, now: Timestamp) -> Timestamp {
        let new = UnfetchedFinding { source_id: source, since: now, given_up: false };
        self.unfetched.entry(id.to_owned()).or_insert(new).since
    }

    /// IDs of the findings that could not be fetched since such a time, and are not given up.
    pub fn unfetched_since(&self, is_due: impl Fn(Timestamp) -> bool) -> Vec<String> {
        let due = self.unfetched.iter().filter(|(_, unfetched)| !unfetched.given_up && is_due(unfetched.since));
        due.map(|(id, _)| id.clone()).collect()
    }

    /// Gives up a finding that could not be fetched. `channel` is for the metric.
    pub fn give_up_unfetched(&mut self, id: &str, channel: &str) {
        if let Some(unfetched) = self.unfetched.get_mut(id) {
            unfetched.given_up = true;
            self.totals.count_notification(channel, NotificationOutcome::GivenUp);
        }
    }
}
