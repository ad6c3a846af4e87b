//! How a revision of a finding was processed.

use crate::slack::{MessageRef, SentMessage};

/// How a revision of a finding (`id`, `updatedAt`) was processed.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A message of its own, at top level or, as a sibling, in a thread. `meant`: the channel that rejected it.
    /// `superseded`: the message in another channel that must be replaced by a redirect.
    Posted {
        at: SentMessage,
        meant: Option<String>,
        old: Option<MessageRef>,
        /// The fingerprint of the links that it shows; empty if that is not known.
        links: String,
    },
    /// Its message was edited. `notified`: a reply was posted in its thread, too.
    Updated {
        notified: bool,
        links: String,
    },
    Digested,
    /// A filter or a route left it out.
    Dropped,
    /// It was archived before it was announced. If it is unarchived while it can be listed, it is announced then.
    ArchivedFirst,
    /// `SLACK_RECURRENCE=ignore`.
    Ignored,
    /// A recurrence that brings nothing worth an edit now.
    Coalesced,
    /// Found in Slack: a run that could not save had posted it.
    Reconciled,
    /// It could not be delivered for a day.
    GivenUp,
}

impl Outcome {
    /// The label of `guardduty_slack_notifications_total`.
    pub fn label(&self) -> &'static str {
        match self {
            Outcome::Posted { at, .. } if at.is_reply() => "threaded",
            Outcome::Posted { .. } => "posted",
            Outcome::Updated { .. } => "updated",
            Outcome::Digested => "digested",
            Outcome::Dropped | Outcome::ArchivedFirst => "dropped",
            Outcome::Ignored => "ignored",
            Outcome::Coalesced => "coalesced",
            Outcome::Reconciled => "adopted",
            Outcome::GivenUp => "given_up",
        }
    }

    /// Whether Slack acknowledged something just now.
    pub(super) fn is_delivery(&self) -> bool {
        matches!(self, Outcome::Posted { .. } | Outcome::Updated { .. } | Outcome::Digested)
    }
}
