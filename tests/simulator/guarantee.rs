//! How often a history may announce something, decided from its plan before the history runs.

use crate::history::{Access, FaultEffect, History, Op, RunPlan, WorldEvent};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guarantee {
    ExactlyOnce,
    /// Nothing is lost. A later run may announce it again.
    AtLeastOnce,
}

impl History {
    /// The guarantee of notices, and of findings whose messages nobody deletes.
    pub(crate) fn guarantee(&self) -> Guarantee {
        if self.hides_posted_messages() || self.hides_earlier_runs() {
            Guarantee::AtLeastOnce
        } else {
            Guarantee::ExactlyOnce
        }
    }

    pub(crate) fn guarantee_of(&self, finding: usize) -> Guarantee {
        let is_deleted = self.events.iter().any(|e| e.what == WorldEvent::Delete(finding));
        if is_deleted { Guarantee::AtLeastOnce } else { self.guarantee() }
    }

    /// A run after an unclean end cannot find in Slack everything that was posted.
    fn hides_posted_messages(&self) -> bool {
        let setup = &self.setup;
        // A bot reads a channel by its ID, which is known after the first message.
        let is_state_written = self.events.iter().any(|e| e.what == WorldEvent::Touch);
        let is_channel_unknown =
            setup.has_named_channels && (is_state_written || self.runs.iter().any(RunPlan::may_leave_unrecorded_posts));
        // History does not show replies in threads. The thread of a finding is read when the finding is in the batch.
        let is_thread_unread = setup.findings.len() > setup.max_batch
            && self.runs.iter().any(|run| run.kill.is_some() || run.term.is_some());
        setup.access != Access::Bot || is_channel_unknown || is_thread_unread
    }

    /// A run cannot know what earlier runs recorded, or that they were there.
    fn hides_earlier_runs(&self) -> bool {
        let is_state_changed = |event: &WorldEvent| {
            matches!(event, WorldEvent::Replay(_) | WorldEvent::DeleteState | WorldEvent::Restore(_))
        };
        // Clocks that differ by more than half a lease: two runs may post at the same time.
        self.setup.has_wrong_clocks
            || self.events.iter().any(|e| is_state_changed(&e.what))
            || self.runs.iter().any(|run| run.has_fault(Op::Load))
            || (self.runs.iter().any(|run| run.has_fault(Op::Save)) && self.runs.iter().any(RunPlan::may_overlap))
    }
}

impl RunPlan {
    fn may_leave_unrecorded_posts(&self) -> bool {
        let is_post_fault = |op: Op| matches!(op, Op::Post | Op::Save);
        self.kill.is_some() || self.term.is_some() || self.overlaps || self.faults.iter().any(|f| is_post_fault(f.op))
    }

    /// Returns true if the next run does not wait for the end of the run, or the run cannot save at its end.
    fn may_overlap(&self) -> bool {
        self.kill.is_some() || self.term.is_some() || self.overlaps
    }

    fn has_fault(&self, op: Op) -> bool {
        self.faults.iter().any(|fault| fault.op == op && !matches!(fault.effect, FaultEffect::Slow(_)))
    }
}
