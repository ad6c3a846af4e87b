//! Ends a run: saves the state a last time, and determines the result.

use crate::core::Core;
use crate::core::agenda::Step;
use crate::core::checkpoint::DueSave;
use crate::core::verdict::{self, Facts, Posting};
use crate::guardduty::SourceKey;
use crate::time::Timestamp;

impl Core<'_> {
    /// Saves the state for the last time. The posting intent stays if the outcome of a message is unknown.
    pub(super) fn close(&mut self) -> Option<Step> {
        if self.checkpoints.is_saving() && !self.is_stopping() {
            return Some(Step::Close);
        }
        self.give_up_unfetched();
        if self.sources.is_idle() {
            self.state.drop_unconfigured_sources(self.now);
        }
        self.state.note_channels(self.channels.ids().clone());
        self.sources.advance_watermarks(&mut self.state);
        self.state.count_failed(&self.tally.failed);
        self.count_requests();
        if !self.checkpoints.has_conflict() {
            self.announce_sources();
            let unrecorded = verdict::unrecorded(&self.posting());
            let last_success = self.state.totals.last_success;
            self.is_complete = self.would_be_complete();
            if self.is_complete {
                self.state.set_last_success(Some(self.now));
            }
            let save = self.save_finally(unrecorded);
            self.do_first([Step::Finish { save, last_success }]);
        }
        None
    }

    /// Waits for the last save, unconditionally.
    pub(super) fn finish(&mut self, save: DueSave, last_success: Option<Timestamp>) -> Option<Step> {
        if self.is_waiting_for_last(save) {
            return Some(Step::Finish { save, last_success });
        }
        if !self.checkpoints.is_recorded() {
            self.state.set_last_success(last_success);
        }
        None
    }

    fn count_requests(&mut self) {
        for ((service, operation, code), count) in self.requests.take_counts() {
            self.state.count_requests(service, &operation, &code, count);
        }
    }

    pub(super) fn posting(&self) -> Posting {
        Posting {
            begun: self.begun,
            ended: self.now,
            has_delivered: self.tally.delivered > 0,
            is_outcome_unknown: self.is_outcome_unknown,
            earlier: self.earlier,
            is_reconciled: self.posted.is_some(),
            has_closed_channel: self.channels.has_closed(),
            is_history_unread: self.channels.is_history_unread(),
            is_all_readable: self.has_read_all()
                && self.sources.tracks.iter().all(|(key, t)| t.is_readable || !self.is_new_or_polled(key))
                && !self.is_identity_unusable,
            has_pending: self.has_pending() || self.state.has_unfetched(),
        }
    }

    /// Returns true if the sources of every identity are known, and each responded. Excluded regions need not respond.
    fn has_read_all(&self) -> bool {
        let unread: Vec<&SourceKey> =
            self.sources.tracks.iter().filter(|(_, t)| !t.is_read).map(|(key, _)| key).collect();
        // A source that did not respond at all has one request in progress.
        self.sources.is_discovered()
            && self.sources.reading() == unread.len()
            && !unread.into_iter().any(|key| self.is_new_or_polled(key))
    }

    /// Returns true if findings, parts of a list or notices are left to the next run.
    fn has_pending(&self) -> bool {
        self.sources.announceable() > 0 || self.sources.has_more() || !self.state.notices.is_empty()
    }

    /// Returns true if everything that was found is processed, and every source was read.
    pub(super) fn would_be_complete(&self) -> bool {
        verdict::is_complete(Facts {
            is_dry_run: self.config.dry_run,
            has_problems: !self.tally.problems.is_empty(),
            is_all_read: self.has_read_all(),
            has_pending: self.has_pending(),
            is_outcome_unknown: self.is_outcome_unknown,
            is_over: self.is_over(),
        })
    }

    /// Returns true if the run was complete before its last save, and this save succeeded.
    pub(super) fn is_success(&self) -> bool {
        self.is_complete && self.checkpoints.is_recorded()
    }

    /// Returns true if the run ended because its time was over.
    pub(super) fn is_timed_out(&self) -> bool {
        self.is_stopping() && !self.is_shutdown_requested
    }
}
