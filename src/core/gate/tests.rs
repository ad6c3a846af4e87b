//! What may be sent, by the answer of the store.

use super::*;
use Permission::{Send, Stop, Wait};

const CALM: Situation = Situation { save_status: SaveStatus::Saved, is_ending: false, is_app_rejected: false };

#[test]
fn nothing_is_changed_before_its_intents_are_saved() {
    // (intents, a message, archiving)
    for (save_status, message, archiving) in [
        (SaveStatus::Pending, Wait, Wait),
        (SaveStatus::Saved, Send, Send),
        (SaveStatus::Failed, Send, Stop),
        (SaveStatus::Conflict, Stop, Stop),
    ] {
        for (change, expected) in [(Change::Message, message), (Change::Archiving, archiving)] {
            let situation = Situation { save_status, ..CALM };
            assert_eq!(permit(change, situation), expected, "{change:?} {save_status:?}");
            let ending = Situation { is_ending: true, ..situation };
            assert_eq!(permit(change, ending), Stop, "{change:?} {save_status:?}: the run must end");
            let rejected = Situation { is_app_rejected: true, ..situation };
            assert_eq!(permit(change, rejected), Stop, "{change:?} {save_status:?}: Slack rejects the app");
        }
    }
}
