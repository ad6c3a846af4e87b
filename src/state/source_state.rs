//! One source in the state: its detector, and its watermark, which moves past the findings that are processed.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::state::document::UnknownFields;
use crate::state::formats::{is_false, millis, rfc3339, rfc3339_option};
use crate::state::watched::WatchBaseline;
use crate::time::Timestamp;

/// One account in one region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SourceState {
    /// A short name for the findings' `s`; never given twice.
    pub id: u32,
    #[serde(rename = "detector", default, skip_serializing_if = "Option::is_none")]
    pub detector_id: Option<String>,
    /// The detector before it, which the messages of a run that crashed may name.
    #[serde(rename = "previous_detector", default, skip_serializing_if = "Option::is_none")]
    pub previous_detector_id: Option<String>,
    /// Everything up to this time, inclusive, is processed. Moves only to the `updatedAt` of a finding.
    #[serde(with = "rfc3339")]
    pub watermark: Timestamp,
    /// Nothing before this time is listed again.
    #[serde(with = "rfc3339")]
    pub floor: Timestamp,
    /// No finding has moved the watermark yet: it is the start of the look-back, by the clock of some machine.
    #[serde(rename = "initial", default, skip_serializing_if = "is_false")]
    pub is_initial_watermark: bool,
    /// Duration of the run that last moved the watermark. The next run lists from that much earlier.
    #[serde(rename = "poll_ms", default, skip_serializing_if = "Duration::is_zero", with = "millis")]
    pub poll_duration: Duration,
    #[serde(default, skip_serializing_if = "DetectorStatus::is_ok")]
    pub detector_status: DetectorStatus,
    /// The first run that could not read this source, until one can.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub unreadable_since: Option<Timestamp>,
    /// When it was last read.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub last_read_at: Option<Timestamp>,
    /// Whether the start of the unreadable period was announced.
    #[serde(default, skip_serializing_if = "is_false")]
    pub outage_announced: bool,
    /// When it was last among the configured ones.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub last_configured_at: Option<Timestamp>,
    /// The last finding whose archiving was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_cursor: Option<String>,
    #[serde(rename = "watched", default, skip_serializing_if = "Option::is_none")]
    pub watch_baseline: Option<WatchBaseline>,
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

/// What is known of a source's detector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetectorStatus {
    #[default]
    Ok,
    Disabled,
    /// There is no detector, and that was announced.
    Missing,
    /// `GUARDDUTY_REGIONS=all`: without a detector, or access denied at the first poll; announced once.
    Excluded,
}

impl DetectorStatus {
    fn is_ok(&self) -> bool {
        *self == DetectorStatus::Ok
    }
}

impl SourceState {
    /// Records the detector. Returns true if it replaces another one.
    pub fn set_detector(&mut self, id: &str) -> bool {
        let before = self.detector_id.replace(id.to_owned());
        let is_replaced = before.as_deref().is_some_and(|before| before != id);
        if is_replaced {
            self.previous_detector_id = before;
        }
        is_replaced
    }

    /// Returns true for the detector, and for the one before it.
    pub fn has_or_had_detector(&self, id: &str) -> bool {
        [&self.detector_id, &self.previous_detector_id].into_iter().any(|known| known.as_deref() == Some(id))
    }

    /// The inclusive lower bound of the next poll.
    pub fn lower_bound(&self, overlap: Duration) -> Timestamp {
        self.watermark.minus(overlap + self.poll_duration).max(self.floor)
    }

    /// Moves the watermark forward; never backward. `poll_duration` is saved with it, because findings can have become
    /// visible since the run listed them. A run that does not move the watermark does not change the lower bound
    /// either: all findings below it that were visible then are processed and may be discarded.
    pub fn advance_watermark(&mut self, progress: &PollProgress) {
        if let Some(to) = progress.watermark_target().filter(|to| *to > self.watermark) {
            (self.watermark, self.poll_duration, self.is_initial_watermark) = (to, progress.poll_duration, false);
        }
        self.assert_order();
    }

    /// Moves the floor forward; never backward. What is below it may be discarded.
    pub fn raise_floor(&mut self, floor: Timestamp) {
        self.floor = self.floor.max(floor);
        self.assert_order();
    }

    /// What is processed may be discarded, and nothing else.
    fn assert_order(&self) {
        debug_assert!(self.floor <= self.watermark, "floor {:?} above {:?}", self.floor, self.watermark);
    }

    /// Polls from `start`, as for a new source.
    pub fn reset_to(&mut self, start: Timestamp) {
        (self.watermark, self.floor, self.is_initial_watermark) = (start, start, true);
    }
}

/// What one run saw of one source so far.
#[derive(Clone, Debug, Default)]
pub struct PollProgress {
    /// Everything with an `updatedAt` up to this time was listed and fetched, is in `pending`, or is not below
    /// `watermark_limit`.
    pub complete_until: Option<Timestamp>,
    /// Listed but not processed: ID → `updatedAt`.
    pub pending: HashMap<String, Timestamp>,
    /// Upper bound of the watermark, because a listed finding could not be fetched.
    pub watermark_limit: Option<Timestamp>,
    /// How long it took from its first list to its last one.
    pub poll_duration: Duration,
}

impl PollProgress {
    /// The smallest `updatedAt` of the findings that are listed but not processed.
    pub fn oldest_pending(&self) -> Option<Timestamp> {
        self.pending.values().min().copied()
    }

    /// The latest time to which the watermark may move: everything up to it is processed.
    fn watermark_target(&self) -> Option<Timestamp> {
        let just_before = |t: Timestamp| Timestamp(t.0 - 1);
        let limits = [self.oldest_pending().map(just_before), self.watermark_limit.map(just_before)];
        self.complete_until.map(|c| limits.into_iter().flatten().fold(c, Timestamp::min))
    }
}

#[cfg(test)]
mod tests;
