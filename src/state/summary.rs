//! The data of summaries that the state keeps between runs.

use serde::{Deserialize, Serialize};

use crate::state::State;
use crate::time::Timestamp;

/// Since the last summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryProgress {
    /// The last due time that needs no summary any more.
    pub done: Timestamp,
    /// Findings announced for the first time.
    #[serde(default)]
    pub new: u64,
    /// Findings that were archived.
    #[serde(default)]
    pub archived: u64,
}

impl State {
    /// If summaries are scheduled, due times start after the previous run, or after `now` if there was none. Otherwise
    /// removes the progress.
    pub fn schedule_summaries(&mut self, is_scheduled: bool, now: Timestamp) {
        let start = self.saved_at.unwrap_or(now).min(now);
        match (is_scheduled, &self.summary) {
            (true, None) => self.summary = Some(SummaryProgress { done: start, new: 0, archived: 0 }),
            (false, Some(_)) => self.summary = None,
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Notes that the summary of a due time was delivered: the counts begin again.
    pub fn set_summarized(&mut self, due: Timestamp) {
        if self.summary.as_ref().is_some_and(|summary| summary.done < due) {
            self.summary = Some(SummaryProgress { done: due, new: 0, archived: 0 });
        }
    }

    pub(super) fn count_new_finding(&mut self) {
        if let Some(summary) = &mut self.summary {
            summary.new += 1;
        }
    }

    pub(super) fn count_archived(&mut self) {
        if let Some(summary) = &mut self.summary {
            summary.archived += 1;
        }
    }
}
