//! The write-ahead gate: decides whether a message may be sent now.

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
