//! The write-ahead gate: decides whether Slack or GuardDuty may be changed now.

use std::time::Duration;

use crate::core::Core;
use crate::core::limits::time_for_triage;

/// What is about to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A message is posted or edited. Alerting takes precedence: if the state cannot be saved, a duplicate is better than a
    /// loss.
    Message,
    /// Findings are archived in GuardDuty, or unarchived. If the state cannot be saved, the next run could not distinguish
    /// its own change from that of a person, so the change waits for that run.
    Archiving,
}

/// Whether the store has acknowledged the intents of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SaveStatus {
    /// All of them.
    Saved,
    /// Something was not sent to the store yet, or the store has not responded yet.
    Pending,
    /// The store did not respond, or cannot be written.
    Failed,
    /// Another writer changed the state: it may be another run, which makes the same changes.
    Conflict,
}

/// What a run knows when it decides whether to make a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Situation {
    pub save_status: SaveStatus,
    /// The run must end.
    pub is_ending: bool,
    /// Slack rejects the app.
    pub is_app_rejected: bool,
}

/// Whether a change may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Send,
    /// Not before the state is saved.
    Wait,
    /// Not in this run.
    Stop,
}

/// Decides whether a change may be made now.
pub(super) fn permit(change: Change, situation: Situation) -> Permission {
    if situation.is_ending || situation.is_app_rejected {
        return Permission::Stop;
    }
    match (change, situation.save_status) {
        (_, SaveStatus::Saved) | (Change::Message, SaveStatus::Failed) => Permission::Send,
        (_, SaveStatus::Pending) => Permission::Wait,
        (_, SaveStatus::Conflict) | (Change::Archiving, SaveStatus::Failed) => Permission::Stop,
    }
}

impl Core<'_> {
    /// Returns true if nothing may be sent any more.
    pub(super) fn is_over(&self) -> bool {
        self.permission() == Permission::Stop
    }

    /// Decides whether a message may be sent now.
    pub(super) fn permission(&self) -> Permission {
        permit(Change::Message, self.situation(self.checkpoints.status_of_intents(self.channels.has_unsaved_id())))
    }

    /// Returns true if findings may be archived now. The step before waited until their intents were saved.
    pub(super) fn may_archive(&self) -> bool {
        permit(Change::Archiving, self.situation(self.checkpoints.status_of_last_save())) == Permission::Send
    }

    fn situation(&self, save_status: SaveStatus) -> Situation {
        Situation { save_status, is_ending: self.is_stopping(), is_app_rejected: self.channels.is_app_rejected() }
    }

    /// Returns true if the run must end: the time is over, or a shutdown was requested.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_shutdown_requested || self.now >= self.end
    }

    /// Time until the run must end.
    pub(super) fn time_left(&self) -> Duration {
        self.end.duration_since(self.now)
    }

    pub(super) fn time_for_triage(&self) -> Duration {
        time_for_triage(self.time_left(), self.config.run_timeout)
    }
}

#[cfg(test)]
mod tests;
