//! The queues of a run. The deliveries of one queue are in order, and concurrent to other queues.

use std::fmt;

/// Where a delivery waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Queue {
    /// New messages for a channel as configured, or for a webhook by the name of its variable.
    Channel(String),
    /// Edits in all channels: they share the rate limit of `chat.update`.
    Edits,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Channel(name) => name,
            Self::Edits => "chat.update",
        })
    }
}
