//! How a revision of a finding was processed.

use crate::metrics::NotificationOutcome;
use crate::slack::{MessageRef, SentMessage};

/// How a revision of a finding (`id`, `updatedAt`) was processed.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A message of its own, at top level or, as a sibling, in a thread. `intended_channel`: the channel that rejected it.
    /// `superseded`: the message in another channel that must be replaced by a redirect.
    Posted {
        at: SentMessage,
        intended_channel: Option<String>,
        superseded: Option<MessageRef>,
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
    /// It could not be delivered for a day.
    GivenUp,
}

impl Outcome {
    /// As the metric counts it.
    pub fn notification(&self) -> NotificationOutcome {
        match self {
            Outcome::Posted { at, .. } if at.is_reply() => NotificationOutcome::Threaded,
            Outcome::Posted { .. } => NotificationOutcome::Posted,
            Outcome::Updated { .. } => NotificationOutcome::Updated,
            Outcome::Digested => NotificationOutcome::Digested,
            Outcome::Dropped | Outcome::ArchivedFirst => NotificationOutcome::Dropped,
            Outcome::Ignored => NotificationOutcome::Ignored,
            Outcome::Coalesced => NotificationOutcome::Coalesced,
            Outcome::GivenUp => NotificationOutcome::GivenUp,
        }
    }

    /// Whether Slack acknowledged something just now.
    pub(super) fn is_delivery(&self) -> bool {
        matches!(self, Outcome::Posted { .. } | Outcome::Updated { .. } | Outcome::Digested)
    }
}
