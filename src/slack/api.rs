//! The calls of a run to Slack: messages are written here, and read in the modules of what they read.

use serde_json::{Value, json};

use super::{
    BotMessage, Client, HistoryError, MessageRef, Reaction, ReactionAccess, RecentReactions, SentMessage, SlackApi,
    SlackError, Target, Thread, WebhookMessage, history,
};
use crate::message::Message;
use crate::time::Timestamp;
use crate::user::UserId;

impl SlackApi for Client {
    /// The link to a message. `None` without a bot token, or if Slack does not return the address of the workspace.
    async fn permalink(&self, at: &MessageRef) -> Option<String> {
        let url = self.identity().await.ok()?.url.as_ref()?;
        let epoch = at.ts.replace('.', "");
        let thread =
            at.thread_ts.as_ref().map(|thread| format!("?thread_ts={thread}&cid={}", at.channel)).unwrap_or_default();
        url.starts_with("http")
            .then(|| format!("{}/archives/{}/p{epoch}{thread}", url.trim_end_matches('/'), at.channel))
    }

    async fn post_message(
        &self,
        to: &Target,
        message: &Message,
        thread: Option<&Thread>,
    ) -> Result<SentMessage, SlackError> {
        let mut arguments = message.payload();
        let channel = match to {
            Target::Channel(channel) => channel,
            Target::Webhook { name, url } => {
                let done = self.send_webhook(url, &arguments).await;
                let at = SentMessage::Webhook(WebhookMessage { variable: name.clone() });
                return done.map(|()| at);
            }
        };
        arguments["channel"] = channel.as_str().into();
        if let Some(Thread { ts, is_broadcast }) = thread {
            arguments["thread_ts"] = ts.as_str().into();
            arguments["reply_broadcast"] = (*is_broadcast).into();
        }
        let body = self.call_post("chat.postMessage", &arguments).await?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        match (text("channel"), text("ts")) {
            (Some(channel), Some(ts)) => {
                let thread_ts = thread.map(|thread| thread.ts.clone());
                Ok(MessageRef { channel: channel.into(), ts: ts.into(), thread_ts }.into())
            }
            _ => Err(SlackError::OutcomeUnknown("posted, but the response lacks channel or timestamp".into())),
        }
    }

    async fn update_message(&self, at: &MessageRef, message: &Message) -> Result<(), SlackError> {
        let mut arguments = message.content();
        arguments["channel"] = at.channel.as_str().into();
        arguments["ts"] = at.ts.as_str().into();
        // By default, chat.update parses text like a client and creates links and mentions.
        arguments["parse"] = "none".into();
        // Slack keeps omitted arguments. Blocks of the previous form would stay next to the text that replaces them.
        for part in ["blocks", "attachments"] {
            if arguments[part].is_null() {
                arguments[part] = json!([]);
            }
        }
        self.call_post("chat.update", &arguments).await.map(drop)
    }

    async fn history(&self, channel_id: &str, oldest: Timestamp) -> Result<Vec<BotMessage>, HistoryError> {
        history::read_own_messages(self, "conversations.history", &[("channel", channel_id)], oldest).await
    }

    async fn replies(
        &self,
        channel_id: &str,
        thread_ts: &str,
        oldest: Timestamp,
    ) -> Result<Vec<BotMessage>, HistoryError> {
        history::read_own_messages(self, "conversations.replies", &[("channel", channel_id), ("ts", thread_ts)], oldest)
            .await
    }

    async fn reaction_access(&self) -> Result<ReactionAccess, SlackError> {
        self.read_access().await
    }

    async fn recent_reactions(
        &self,
        channel_id: &str,
        oldest: &str,
        pages: usize,
    ) -> Result<(RecentReactions, usize), SlackError> {
        self.read_recent(channel_id, oldest, pages).await
    }

    async fn reactions(&self, at: &MessageRef) -> Result<Vec<Reaction>, SlackError> {
        self.read_reactions(at).await
    }

    async fn is_bot(&self, user: &UserId) -> Result<bool, SlackError> {
        self.read_is_bot(user).await
    }
}
