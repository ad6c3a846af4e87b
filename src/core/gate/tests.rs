//! What may be sent, by the answer of the store.

use super::*;
use Permission::{Send, Stop, Wait};

const CALM: Situation = Situation { intents: Intents::Saved, is_ending: false, is_app_rejected: false };

#[test]
fn nothing_is_changed_before_its_intents_are_saved() {
    // (intents, a message, archiving)
    for (intents, message, archiving) in [
        (Intents::Unsaved, Wait, Wait),
        (Intents::Saved, Send, Send),
        (Intents::NotAnswered, Send, Stop),
        (Intents::Conflict, Stop, Stop),
    ] {
        for (change, expected) in [(Change::Message, message), (Change::Archiving, archiving)] {
            let situation = Situation { intents, ..CALM };
            assert_eq!(permit(change, situation), expected, "{change:?} {intents:?}");
            let ending = Situation { is_ending: true, ..situation };
            assert_eq!(permit(change, ending), Stop, "{change:?} {intents:?}: the run must end");
            let rejected = Situation { is_app_rejected: true, ..situation };
            assert_eq!(permit(change, rejected), Stop, "{change:?} {intents:?}: Slack rejects the app");
        }
    }
}
