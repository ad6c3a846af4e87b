//! Slack: the Web API with a bot token, incoming webhooks, and what they answer.
//!
//! [`errors`] decides, without IO, what an answer means; [`client`] asks.

pub mod client;
pub mod errors;
mod history;
mod probe;
mod reaction;
mod verify;
#[cfg(test)]
mod wire;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::message::{ESCALATION, INVESTIGATION, Message};
use crate::time::Timestamp;
use crate::user::UserId;

pub use crate::config::Target;
pub use client::{BotIdentity, Client};
pub use probe::ProbeResult;
pub use reaction::{Reaction, ReactionAccess, RecentReactions};
pub use verify::has_metadata;

/// Reference to a message. Stored in the state, hence the short names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageRef {
    /// The channel's id; for a webhook the name of its variable.
    #[serde(rename = "c")]
    pub channel: String,
    /// Slack's name of the message; empty for a webhook, which does not return it.
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    pub ts: String,
    /// The `ts` of its thread, if it is a reply.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub thread_ts: Option<String>,
}

/// What Slack acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub at: MessageRef,
}

/// Why a message was not acknowledged. The text begins with Slack's own code where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlackError {
    /// Not accepted; the same may be sent again after the time that Slack names, if it names one.
    #[error("rate limited{}", .0.map_or(String::new(), |wait| format!(" for {} s", wait.as_secs_f64())))]
    RateLimited(Option<Duration>),
    /// Not accepted because of the content. A simpler form may pass.
    #[error("content rejected: {0}")]
    ContentRejected(String),
    /// Not accepted by this channel or webhook, either as such or only because of the mention.
    #[error("restricted: {0}")]
    Restricted(String),
    /// Not accepted by this channel or webhook, which rejects messages as such.
    #[error("channel rejects messages: {0}")]
    ChannelRejected(String),
    /// Not accepted in this thread, which rejects replies. The channel may accept a message.
    #[error("thread rejects replies: {0}")]
    Reply(String),
    /// Not accepted, with a code that this release does not know.
    #[error("rejected with an unknown code: {0}")]
    Unclassified(String),
    /// Not accepted: the message to edit, or the thread to reply in, does not exist or can no longer be changed.
    #[error("message not found: {0}")]
    MessageNotFound(String),
    /// Not accepted: the app, its token or its address is rejected, in every channel.
    #[error("app rejected: {0}")]
    AppRejected(String),
    /// Not sent: no connection was made.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The message may have been accepted.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
}

impl SlackError {
    /// Returns true if the same request may pass later without a change of the configuration.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited(_) | Self::NotSent(_) | Self::OutcomeUnknown(_))
    }
}

/// A message of our own bot, as Slack shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct BotMessage {
    pub ts: String,
    pub thread_ts: Option<String>,
    /// `guardduty_finding` and the like.
    pub event_type: String,
    /// The metadata's `event_payload`.
    pub payload: Map<String, Value>,
}

/// The identity of a reply in the thread of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplyId {
    finding_id: String,
    /// The revision that it is about.
    updated_at: String,
    /// Why there is a reply that is not about the revision alone.
    reason: Option<String>,
}

impl ReplyId {
    /// An escalation, and the result of an investigation, are the same whichever revision they name.
    pub fn new(finding_id: &str, updated_at: &str, reason: Option<&str>) -> Self {
        let is_once = reason.is_some_and(|reason| reason == ESCALATION || reason.starts_with(INVESTIGATION));
        let updated_at = if is_once { String::new() } else { updated_at.to_owned() };
        Self { finding_id: finding_id.to_owned(), updated_at, reason: reason.map(str::to_owned) }
    }
}

impl BotMessage {
    /// Time at which Slack accepted the message.
    pub fn posted(&self) -> Timestamp {
        time_of(&self.ts)
    }

    /// Returns `None` for a message that is not a reply.
    pub fn reply_id(&self) -> Option<ReplyId> {
        let text = |key: &str| self.payload.get(key).and_then(Value::as_str).map(str::to_owned);
        (self.event_type == "guardduty_reply").then_some(())?;
        let reason = text("reason");
        Some(ReplyId::new(&text("finding_id")?, &text("updated_at")?, reason.as_deref()))
    }
}

/// Why history could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Slack rejects the request, and will reject it again: a scope is missing, or the bot is not in the channel.
    #[error("channel history not permitted: {0}")]
    Denied(String),
    /// This channel is not shown: the bot is not in it, or it does not exist.
    #[error("channel not accessible: {0}")]
    Channel(String),
    /// A passing reason.
    #[error("cannot read channel history: {0}")]
    Unavailable(String),
}

/// What a run asks of Slack. Production: [`Client`].
#[allow(async_fn_in_trait)] // one task asks, no future need be sent to another thread
pub trait SlackApi {
    /// Posts once, without retrying. `thread`: the thread's `ts`, and whether the channel is to see the reply, too.
    async fn post_message(
        &self,
        to: &Target,
        message: &Message,
        thread: Option<(&str, bool)>,
    ) -> Result<Posted, SlackError>;

    /// Permalink of a message, if Slack returns the address of the workspace.
    async fn permalink(&self, at: &MessageRef) -> Option<String>;

    /// Replaces the content of a message. Repeating it changes nothing.
    async fn update_message(&self, at: &MessageRef, message: &Message) -> Result<(), SlackError>;

    /// The own bot's top-level messages with metadata since `oldest`, newest first; broadcast replies are passed over.
    /// Reads at most 10,000 messages of the channel. Waits for a while if it is rate-limited.
    async fn history(&self, channel_id: &str, oldest: Timestamp) -> Result<Vec<BotMessage>, HistoryError>;

    /// The own bot's replies with metadata in a thread since `oldest`, broadcast ones included, oldest first.
    async fn replies(
        &self,
        channel_id: &str,
        thread_ts: &str,
        oldest: Timestamp,
    ) -> Result<Vec<BotMessage>, HistoryError>;

    /// What the token may read of reactions and users.
    async fn reaction_access(&self) -> Result<ReactionAccess, SlackError>;

    /// The reactions on the newest messages of a channel down to the message `oldest`, and how many pages were read,
    /// `pages` at most. Requested once, without retrying.
    async fn recent_reactions(
        &self,
        channel_id: &str,
        oldest: &str,
        pages: usize,
    ) -> Result<(RecentReactions, usize), SlackError>;

    /// The reactions on one message, with all users. Requested once, without retrying.
    async fn reactions(&self, at: &MessageRef) -> Result<Vec<Reaction>, SlackError>;

    /// Returns true if a user is a bot. Requested once, without retrying.
    async fn is_bot(&self, user: &UserId) -> Result<bool, SlackError>;
}

/// The time that a `ts`, in seconds since the epoch, names.
fn time_of(ts: &str) -> Timestamp {
    let seconds: f64 = ts.parse().unwrap_or(0.0);
    Timestamp((seconds * 1000.0) as i64)
}

impl MessageRef {
    /// Time at which Slack accepted the message: its `ts` is in seconds since the epoch.
    pub fn posted(&self) -> Timestamp {
        time_of(&self.ts)
    }

    pub fn is_webhook(&self) -> bool {
        self.ts.is_empty()
    }
}
