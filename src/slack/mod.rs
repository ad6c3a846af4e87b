//! Slack: the Web API with a bot token, incoming webhooks, their pace, and what they answer.
//!
//! [`classification`] decides, without IO, what an answer means; [`client`] asks; [`pace`] says when.

pub mod classification;
pub mod client;
mod history;
pub mod pace;
mod probe;
#[cfg(test)]
mod wire;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::message::Message;
use crate::time::Millis;

pub use crate::config::Target;
pub use client::{Client, Identity};
pub use probe::Proof;

/// Where a message stands. Kept in the state, hence the short names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct At {
    /// The channel's id; for a webhook the name of its variable.
    #[serde(rename = "c")]
    pub channel: String,
    /// Slack's name of the message; empty for a webhook, which does not tell.
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    pub ts: String,
    /// The `ts` of the thread that it stands in.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
}

/// What Slack acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub at: At,
}

/// Why a message was not acknowledged. The text begins with Slack's own code where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Not taken; the same again after this time.
    #[error("throttled for {} s", .0.as_secs_f64())]
    Throttled(Duration),
    /// Not taken: something in the message. A simpler form of it may pass. So count also refusals that are unknown here:
    /// what is refused in every form is refused by the channel, not for what it says.
    #[error("content refused: {0}")]
    Content(String),
    /// Not taken: this channel, or this webhook, refuses.
    #[error("channel refuses: {0}")]
    Channel(String),
    /// Not taken: the message to edit, or the thread to reply in, is gone or closed.
    #[error("message gone: {0}")]
    Gone(String),
    /// Not taken: the app, its token or its address is wrong, for every channel alike.
    #[error("app refused: {0}")]
    App(String),
    /// Not sent: no connection was made.
    #[error("not sent: {0}")]
    Unsent(String),
    /// It may have been taken, or not.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

impl Failure {
    /// Whether the same may pass later, without anybody mending anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::Unsent(_) | Self::Unknown(_))
    }

    /// For metrics and logs: one word of a closed list.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Throttled(_) => "throttled",
            Self::Content(_) => "rejected",
            Self::Channel(_) => "channel",
            Self::Gone(_) => "gone",
            Self::App(_) => "auth",
            Self::Unsent(_) => "network",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// A message of our own bot, as Slack shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnMessage {
    pub ts: String,
    pub thread_ts: Option<String>,
    /// `guardduty_finding` and the like.
    pub event_type: String,
    /// The metadata's `event_payload`.
    pub event: Map<String, Value>,
}

/// Why history could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Slack says no, and will say so next time: a scope is missing, the bot is not in the channel.
    #[error("slack does not show the history: {0}")]
    Denied(String),
    /// This channel is not shown: the bot is not in it, or it does not exist.
    #[error("slack does not show the channel: {0}")]
    Channel(String),
    /// A passing reason.
    #[error("the history could not be read: {0}")]
    Unavailable(String),
}

/// What a run asks of Slack. Production: [`Client`].
#[allow(async_fn_in_trait)] // one task asks, no future need be sent to another thread
pub trait Chat {
    /// Posts once, without retrying. `thread`: the thread's `ts`, and whether the channel is to see the reply, too.
    async fn post(&self, to: &Target, message: &Message, thread: Option<(&str, bool)>) -> Result<Posted, Failure>;

    /// The address of a message for a reader, if Slack tells where the workspace is.
    async fn permalink(&self, at: &At) -> Option<String>;

    /// Replaces what stands there; to repeat it changes nothing.
    async fn update(&self, at: &At, message: &Message) -> Result<(), Failure>;

    /// The own bot's top-level messages with metadata since `oldest`, newest first; broadcast replies are passed over.
    /// 10,000 messages of the channel are looked through at most. Throttling is waited out for a while.
    async fn history(&self, channel_id: &str, oldest: Millis) -> Result<Vec<OwnMessage>, HistoryError>;

    /// The own bot's replies with metadata in a thread since `oldest`, broadcast ones included, oldest first.
    async fn replies(&self, channel_id: &str, thread_ts: &str, oldest: Millis)
    -> Result<Vec<OwnMessage>, HistoryError>;
}

impl At {
    pub fn is_webhook(&self) -> bool {
        self.ts.is_empty()
    }
}
