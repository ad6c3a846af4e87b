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

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: i64, new: u64, archived: u64) -> Option<SummaryProgress> {
        Some(SummaryProgress { done: Timestamp(done), new, archived })
    }

    #[test]
    fn due_times_start_after_the_previous_run_and_end_with_the_schedule() {
        for (saved_at, expected) in [(None, 50), (Some(20), 20), (Some(90), 50)] {
            let mut state = State { saved_at: saved_at.map(Timestamp), ..State::default() };
            state.schedule_summaries(true, Timestamp(50));
            assert_eq!(state.summary, progress(expected, 0, 0), "saved at {saved_at:?}");
            state.count_new_finding();
            state.schedule_summaries(true, Timestamp(60));
            assert_eq!(state.summary, progress(expected, 1, 0), "a schedule is kept");
            state.schedule_summaries(false, Timestamp(60));
            assert_eq!(state.summary, None);
        }
    }

    #[test]
    fn the_counts_begin_again_with_a_later_due_time_only() {
        let mut state = State { summary: progress(10, 0, 0), ..State::default() };
        for _ in 0..2 {
            state.count_new_finding();
            state.count_archived();
        }
        state.set_summarized(Timestamp(10));
        assert_eq!(state.summary, progress(10, 2, 2));
        state.set_summarized(Timestamp(11));
        assert_eq!(state.summary, progress(11, 0, 0));
        let mut without = State::default();
        without.set_summarized(Timestamp(11));
        assert_eq!(without.summary, None);
    }
}
