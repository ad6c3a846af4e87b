//! Gathers findings: limits their number, and the time for which the run waits for sources.

use std::rc::Rc;
use std::time::Duration;

use crate::core::Core;
use crate::core::agenda::Step;
use crate::core::event::{Effect, SourceRequest};
use crate::core::limits::{Flood, intake_limit};
use crate::poll::{Capacity, Known};
use crate::state::FindingRecord;
use crate::time::Timestamp;

/// Sources that respond after a quarter of `RUN_TIMEOUT`, or after this time, are planned later.
const PLANNING_DEADLINE: Duration = Duration::from_mins(1);
/// Time before its end from which a run no longer waits for sources.
const ANNOUNCEMENT_RESERVE: Duration = Duration::from_secs(5);

impl Core<'_> {
    pub(super) fn begin_gathering(&mut self) {
        let limit = self.intake_limit();
        self.set_capacity(limit);
        let planning_deadline = self.planning_deadline();
        self.do_first([Step::Gather { planning_deadline }]);
    }

    /// Time at which the findings that arrived are planned, without the sources that have not responded.
    fn planning_deadline(&self) -> Timestamp {
        self.now.plus((self.config.run_timeout / 4).min(PLANNING_DEADLINE))
    }

    /// Sets the number of findings that the next requests to sources may take in.
    pub(super) fn set_capacity(&mut self, limit: usize) {
        let state = &self.state;
        // A finding that was only reconciled is read again, which completes its record.
        let read = |entry: &FindingRecord| entry.updated_at.filter(|_| !entry.reconciled);
        let processed = state.findings.iter().map(|(id, entry)| (id.clone(), read(entry))).collect();
        let unfetched = state.unfetched.iter().filter(|(_, unfetched)| unfetched.given_up);
        let given_up = unfetched.map(|(id, _)| id.clone()).collect();
        self.known = Rc::new(Known { processed, given_up });
        self.capacity = Rc::new(Capacity::new(limit));
    }

    /// Waits until every source that was requested has responded, or until the planning deadline if anything arrived.
    pub(super) fn gather(&mut self, planning_deadline: Timestamp) -> Option<Step> {
        let is_due = self.now >= planning_deadline && !self.arrived.is_empty();
        let is_done = self.sources.is_idle() || is_due || self.is_over() || self.is_late();
        (!is_done).then_some(Step::Gather { planning_deadline })
    }

    /// Gathers more, if there is more.
    pub(super) fn gather_more(&mut self) {
        let has_more = self.request_more();
        let is_done = self.sources.is_idle() && !has_more && self.arrived.is_empty() && !self.is_notice_due();
        if !is_done && !self.is_late() {
            let planning_deadline = self.planning_deadline();
            self.do_first([Step::Gather { planning_deadline }, Step::NextBatch]);
        }
    }

    /// Requests the next batch of every source that has more. Returns true if there is one.
    fn request_more(&mut self) -> bool {
        // Sources that are discovered later also need the capacity.
        if !self.sources.has_more() && self.sources.is_discovered() {
            return false;
        }
        let limit = self.intake_limit();
        self.set_capacity(limit);
        if limit == 0 || self.is_over() {
            return false;
        }
        let requests = self.sources.next_requests(&self.state, &self.capacity, &self.known, self.now);
        let has_more = !requests.is_empty();
        requests.into_iter().for_each(|request| self.request(request));
        has_more
    }

    /// Returns the maximum number of findings that may be accepted now.
    pub(super) fn intake_limit(&self) -> usize {
        let is_digested = self.config.slack.digest_after.is_some() || self.config.dry_run;
        let flood = if is_digested { Flood::Digests } else { Flood::Messages };
        let with_free_bytes = |bytes| intake_limit(bytes, flood, self.time_left(), self.limits.in_flight);
        // What can be discarded matters only if the state is large.
        let limit = with_free_bytes(self.free_bytes());
        if limit == with_free_bytes(usize::MAX) {
            return limit;
        }
        let free_bytes = self.max_free_bytes();
        let limit = with_free_bytes(free_bytes);
        if limit == 0 {
            tracing::error!(free_bytes, "state size limit reached; no more findings are accepted in this run");
        }
        limit
    }

    /// Time from which unanswered sources are announced, because there is still time to do so.
    pub(super) fn late_at(&self) -> Timestamp {
        self.end.minus((self.config.run_timeout / 8).min(ANNOUNCEMENT_RESERVE))
    }

    fn is_late(&self) -> bool {
        self.now >= self.late_at()
    }

    /// Returns true if a notice is queued that was not tried yet.
    pub(super) fn is_notice_due(&self) -> bool {
        let is_blocked = self.config.dry_run || self.channels.is_closed(self.channels.default.name());
        !is_blocked && self.state.notices.iter().any(|notice| !self.tried_notices.contains(&notice.id))
    }

    pub(super) fn request(&mut self, request: SourceRequest) {
        self.effects.push(Effect::ReadSource(Box::new(request)));
    }
}
