//! The client of Slack: the Web API with a bot token, and incoming webhooks.
//!
//! [`Client`] sends requests and retries the reading ones; [`errors`] classifies the responses, without IO.

mod api;
mod client;
pub mod errors;
#[cfg(test)]
mod fake;
mod history;
mod identity;
mod probe;
mod reaction;
mod transport;
mod verify;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::message::{ESCALATION, INVESTIGATION, Message};
use crate::time::Timestamp;
use crate::user::UserId;

pub use crate::config::Target;
pub use client::Client;
pub use identity::BotIdentity;
pub use probe::ProbeResult;
pub use reaction::{Reaction, ReactionAccess, RecentReactions};
pub use verify::has_metadata;

/// Reference to a message of the bot. Stored in the state, hence the short names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageRef {
    /// The ID of the channel.
    #[serde(rename = "c")]
    pub channel: String,
    /// The timestamp with which Slack identifies the message.
    #[serde(rename = "t")]
    pub ts: String,
    /// The `ts` of its thread, if it is a reply.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub thread_ts: Option<String>,
}

/// A message that Slack accepted, as the state stores it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SentMessage {
    Bot(MessageRef),
    Webhook(WebhookMessage),
}

/// A message that a webhook posted. Slack does not return its `ts`: it can be neither edited nor read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WebhookMessage {
    /// The name of the variable that has the URL.
    #[serde(rename = "c")]
    pub variable: String,
}

/// The thread to which a message is posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    pub ts: String,
    /// The channel shows the reply, too.
    pub is_broadcast: bool,
}

/// The reason why a message was not acknowledged. The text begins with the code of Slack, if there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlackError {
    /// Not accepted. It can be sent again, after the time that Slack returns, if it returns one.
    #[error("rate limited{}", .0.map_or(String::new(), |wait| format!(" for {} s", wait.as_secs_f64())))]
    RateLimited(Option<Duration>),
    /// Not accepted because of the content. A simpler form may be accepted.
    #[error("content rejected: {0}")]
    ContentRejected(String),
    /// Not accepted by this channel or webhook, possibly only because of the mention.
    #[error("restricted: {0}")]
    Restricted(String),
    /// Not accepted by this channel or webhook, which rejects every message.
    #[error("channel rejects messages: {0}")]
    ChannelRejected(String),
    /// Not accepted in this thread, which rejects replies. The channel may accept a message.
    #[error("thread rejects replies: {0}")]
    ThreadRejected(String),
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
    /// Returns true if the same request may succeed later without a change of the configuration.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited(_) | Self::NotSent(_) | Self::OutcomeUnknown(_))
    }
}

/// A message of the bot, as Slack returns it.
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
    updated_at: Option<String>,
    /// The reason of a reply that reports more than a revision.
    reason: Option<String>,
}

impl ReplyId {
    /// Escalations, and results of investigations, are identical for all revisions that they name.
    pub fn new(finding_id: &str, updated_at: &str, reason: Option<&str>) -> Self {
        let is_once = reason.is_some_and(|reason| reason == ESCALATION || reason.starts_with(INVESTIGATION));
        let updated_at = (!is_once).then(|| updated_at.to_owned());
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

/// The reason why the history could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Slack rejects the request permanently: a scope is missing, the bot is not in the channel, or there is no such channel.
    #[error("channel history not permitted: {0}")]
    Denied(String),
    /// A transient error.
    #[error("cannot read channel history: {0}")]
    Unavailable(String),
}

/// The calls of a run to Slack. [`Client`] implements them.
#[allow(async_fn_in_trait)] // one task asks, no future need be sent to another thread
pub trait SlackApi {
    /// Posts once, without retrying.
    async fn post_message(
        &self,
        to: &Target,
        message: &Message,
        thread: Option<&Thread>,
    ) -> Result<SentMessage, SlackError>;

    /// Permalink of a message, if Slack returns the address of the workspace.
    async fn permalink(&self, at: &MessageRef) -> Option<String>;

    /// Replaces the content of a message. Repeating it changes nothing.
    async fn update_message(&self, at: &MessageRef, message: &Message) -> Result<(), SlackError>;

    /// The top-level messages of the bot with metadata since `oldest`, newest first, without broadcast replies. Reads at most
    /// 10,000 messages of the channel. Waits for a limited time if it is rate limited.
    async fn history(&self, channel_id: &str, oldest: Timestamp) -> Result<Vec<BotMessage>, HistoryError>;

    /// The replies of the bot with metadata in a thread since `oldest`, including broadcast replies, oldest first.
    async fn replies(
        &self,
        channel_id: &str,
        thread_ts: &str,
        oldest: Timestamp,
    ) -> Result<Vec<BotMessage>, HistoryError>;

    /// The scopes of the token for reactions and users.
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

/// The time of a `ts`, which is in seconds since the epoch.
fn time_of(ts: &str) -> Timestamp {
    let seconds: f64 = ts.parse().unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds")]
    Timestamp((seconds * 1000.0) as i64)
}

impl MessageRef {
    /// Time at which Slack accepted the message: its `ts` is in seconds since the epoch.
    pub fn posted(&self) -> Timestamp {
        time_of(&self.ts)
    }
}

impl SentMessage {
    /// `None` for a message that a webhook posted.
    pub fn as_bot(&self) -> Option<&MessageRef> {
        match self {
            Self::Bot(at) => Some(at),
            Self::Webhook(_) => None,
        }
    }

    pub fn into_bot(self) -> Option<MessageRef> {
        match self {
            Self::Bot(at) => Some(at),
            Self::Webhook(_) => None,
        }
    }

    /// The ID of the channel, or the name of the webhook's variable.
    pub fn channel(&self) -> &str {
        match self {
            Self::Bot(at) => &at.channel,
            Self::Webhook(sent) => &sent.variable,
        }
    }

    /// Returns true if the message is in the thread of another.
    pub fn is_reply(&self) -> bool {
        self.as_bot().is_some_and(|at| at.thread_ts.is_some())
    }
}

impl From<MessageRef> for SentMessage {
    fn from(at: MessageRef) -> Self {
        Self::Bot(at)
    }
}
