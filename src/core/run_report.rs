//! What a run has to report at its end: its result, and what the metrics are made of.

use crate::core::Core;
use crate::core::sources::Track;
use crate::finding::FindingCounts;
use crate::guardduty::{DetectorInfo, SourceKey};
use crate::source_key::SourceOrIdentity;
use crate::state::{SourceState, State};

/// The result of a run. Its numbers are those of this run.
#[derive(Debug)]
pub struct RunReport<'a> {
    pub is_success: bool,
    /// The run ended because its time was over.
    pub(crate) is_timed_out: bool,
    /// Findings that were processed, and those of them that were posted or edited.
    pub(crate) processed: usize,
    pub(crate) delivered: usize,
    /// Findings that are listed and not processed, including those that could not be fetched.
    pub(crate) pending: usize,
    /// Number of reasons why not everything is processed.
    pub(crate) problems: usize,
    /// The last write of the state succeeded.
    pub(crate) is_recorded: bool,
    /// Why the state could not be saved.
    pub(crate) save_error: Option<String>,
    pub(crate) state_bytes: usize,
    pub state: &'a State,
    /// The sources that were polled.
    pub(crate) sources: Vec<PolledSource<'a>>,
    /// Unreadable sources, and identities, that this run could not even begin to read.
    pub(crate) not_read: Vec<(&'a SourceOrIdentity, &'a SourceState)>,
}

/// What this run read of a source.
#[derive(Debug)]
pub(crate) struct PolledSource<'a> {
    pub(crate) key: &'a SourceKey,
    /// The source was read without an error.
    pub(crate) is_read: bool,
    /// Findings that are listed and not processed, including those that could not be fetched.
    pub(crate) pending: usize,
    /// Findings that are not archived, by severity level. `None`: not read.
    pub(crate) open: Option<&'a FindingCounts>,
    /// `None`: the detector was not read.
    pub(crate) detector_info: Option<&'a DetectorInfo>,
}

impl<'a> PolledSource<'a> {
    fn of((key, track): (&'a SourceKey, &'a Track)) -> Self {
        Self {
            key,
            is_read: track.is_readable && track.is_read,
            pending: track.pending(),
            open: track.open.as_ref(),
            detector_info: track.detector_info.as_ref(),
        }
    }
}

impl Core<'_> {
    /// The result so far; the final one once the run [is finished](Core::is_finished).
    pub fn report(&self) -> RunReport<'_> {
        let tracks = &self.sources.tracks;
        let polled = tracks.iter().filter(|(key, _)| self.is_polled(key));
        let is_tracked = |key: &SourceOrIdentity| key.as_source().is_some_and(|key| tracks.contains_key(key));
        let stored = self.state.sources.iter();
        let not_read = stored.filter(|(key, source)| source.unreadable_since.is_some() && !is_tracked(key));
        RunReport {
            is_success: self.is_success(),
            is_timed_out: self.is_timed_out(),
            processed: self.tally.processed,
            delivered: self.tally.delivered,
            pending: tracks.values().map(Track::pending).sum(),
            problems: self.tally.problems.len(),
            is_recorded: self.checkpoints.is_recorded(),
            save_error: self.checkpoints.problem(),
            state_bytes: self.checkpoints.bytes,
            state: &self.state,
            sources: polled.map(PolledSource::of).collect(),
            not_read: not_read.collect(),
        }
    }
}
