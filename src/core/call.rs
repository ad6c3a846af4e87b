//! Requests to Slack, and their responses.

use crate::message::Message;
use crate::slack::{BotMessage, HistoryError, MessageRef, SentMessage, SlackError, Target, Thread};
use crate::time::Timestamp;

/// One request to Slack.
#[derive(Clone, Debug)]
pub enum Call {
    Post { to: Target, message: Message, thread: Option<Thread> },
    Update { at: MessageRef, message: Message },
    Permalink { at: MessageRef },
    History { channel: String, oldest: Timestamp },
    Replies { channel: String, thread: String, oldest: Timestamp },
}

impl Call {
    /// Returns true if the call may take effect even if the run does not wait for its response.
    pub fn is_write(&self) -> bool {
        matches!(self, Self::Post { .. } | Self::Update { .. })
    }
}

/// The response to a request.
#[derive(Clone, Debug)]
pub enum CallResponse {
    Posted(Result<SentMessage, SlackError>),
    Updated(Result<(), SlackError>),
    Permalink(Option<String>),
    Messages(Result<Vec<BotMessage>, HistoryError>),
}

/// Number of a request of a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(u64);

impl CallId {
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
