//! The write-ahead gate: decides whether a message may be sent now.

use std::time::Duration;

use crate::core::Core;
use crate::core::triage::time_for_triage;

/// Whether the store has acknowledged all that must be saved before a message is sent: the posting intent, the plan of a
/// digest, and the ID of each channel that was posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intents {
    /// All of it was acknowledged.
    Saved,
    /// Something was not sent to the store yet, or the store has not responded yet.
    Unsaved,
    /// The store did not respond, or cannot be written. Alerting takes precedence: a duplicate is better than a loss.
    NotAnswered,
    /// Another writer changed the state: it may be another run, which posts the same.
    Conflict,
}

/// What a run knows when it decides whether to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    pub intents: Intents,
    /// The run must end.
    pub is_ending: bool,
    /// Slack rejects the app.
    pub is_app_rejected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    Send,
    /// Not before the state is saved.
    Wait,
    /// Not in this run.
    Stop,
}

/// Decides whether a message may be sent now.
pub fn may_send(situation: Situation) -> Permission {
    if situation.is_ending || situation.is_app_rejected {
        return Permission::Stop;
    }
    match situation.intents {
        Intents::Saved | Intents::NotAnswered => Permission::Send,
        Intents::Unsaved => Permission::Wait,
        Intents::Conflict => Permission::Stop,
    }
}

impl Core<'_> {
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

    /// Returns true if nothing may be sent any more.
    pub(super) fn is_over(&self) -> bool {
        self.permission() == Permission::Stop
    }

    /// Decides whether a message may be sent now.
    pub(super) fn permission(&self) -> Permission {
        may_send(Situation {
            intents: self.checkpoints.intents(self.channels.has_unsaved_id()),
            is_ending: self.is_stopping(),
            is_app_rejected: self.channels.is_app_rejected(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_before_its_intent_is_saved() {
        for (intents, permission) in [
            (Intents::Unsaved, Permission::Wait),
            (Intents::Saved, Permission::Send),
            (Intents::NotAnswered, Permission::Send),
            (Intents::Conflict, Permission::Stop),
        ] {
            let situation = Situation { intents, is_ending: false, is_app_rejected: false };
            assert_eq!(may_send(situation), permission, "{intents:?}");
            for (is_ending, is_app_rejected) in [(true, false), (false, true)] {
                let situation = Situation { intents, is_ending, is_app_rejected };
                assert_eq!(may_send(situation), Permission::Stop, "{situation:?}");
            }
        }
    }
}
