//! Checks whether a channel or webhook accepts messages, without posting one.

use serde_json::Value;

use super::{Client, SlackError, Target, client};
use crate::pages::PageTokens;

/// Result of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The channel exists, is open, and the bot may post in it; the webhook exists.
    Writable,
    /// The token lacks the scope to find out. The text names the scope. Only a posted message shows the result.
    Unverified(String),
}

const POST_TO_VERIFY_HINT: &str = "verify with `check --post`";

impl Client {
    /// Checks `to` with the scopes of the token: `conversations.info` with `channels:read` (private channels:
    /// `groups:read`), otherwise one message of its history. A webhook gets a message without content, which Slack rejects.
    ///
    /// Errors: `ChannelRejected` if nothing can be posted there; `App` if nothing can be posted anywhere; transient errors.
    pub async fn probe(&self, to: &Target) -> Result<ProbeResult, SlackError> {
        match to {
            Target::Webhook { url, .. } => match self.probe_webhook(url).await {
                Ok(()) | Err(SlackError::ContentRejected(_) | SlackError::Unclassified(_)) => Ok(ProbeResult::Writable),
                Err(failure) => Err(failure),
            },
            Target::Channel(channel) => match channel.strip_prefix('#') {
                Some(name) => self.probe_name(name).await,
                None => self.probe_id(channel).await,
            },
        }
    }

    async fn probe_id(&self, id: &str) -> Result<ProbeResult, SlackError> {
        match self.call_read_method("conversations.info", &[("channel", id)]).await {
            Ok(body) => self.check_membership(body.get("channel").unwrap_or(&Value::Null)).await,
            Err(failure) if is_missing_scope(&failure) => self.probe_history(id).await,
            Err(failure) => Err(failure),
        }
    }

    async fn probe_history(&self, id: &str) -> Result<ProbeResult, SlackError> {
        match self.call_read_method("conversations.history", &[("channel", id), ("limit", "1")]).await {
            Ok(_) => Ok(ProbeResult::Writable),
            Err(failure) if is_missing_scope(&failure) => Ok(ProbeResult::Unverified(format!(
                "not verified: the token lacks channels:read and channels:history (private channels: groups:…); {POST_TO_VERIFY_HINT}"
            ))),
            Err(SlackError::ChannelRejected(why))
                if why.starts_with("not_in_channel") && self.identity().await?.has_scope("chat:write.public") =>
            {
                Ok(ProbeResult::Unverified(format!(
                    "not verified: the bot is not a member but has chat:write.public; {POST_TO_VERIFY_HINT}"
                )))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Looks up a name in the list of channels, which is the only way to resolve it.
    async fn probe_name(&self, name: &str) -> Result<ProbeResult, SlackError> {
        let found = match self.find_channel(name, "public_channel,private_channel").await {
            Err(failure) if is_missing_scope(&failure) => self.find_channel(name, "public_channel").await,
            found => found,
        };
        match found {
            Ok(Some(channel)) => self.check_membership(&channel).await,
            Ok(None) => Err(SlackError::ChannelRejected(
                "channel_not_found: no channel with this name is visible to the token".into(),
            )),
            Err(failure) if is_missing_scope(&failure) => Ok(ProbeResult::Unverified(format!(
                "not verified: looking up a name requires channels:read; use the channel ID, or {POST_TO_VERIFY_HINT}"
            ))),
            Err(failure) => Err(failure),
        }
    }

    async fn find_channel(&self, name: &str, types: &str) -> Result<Option<Value>, SlackError> {
        let mut tokens = PageTokens::default();
        // 20,000 channels.
        for _ in 0..20 {
            let page = tokens.current().map(|token| ("cursor", token));
            let query: Vec<_> = [("types", types), ("limit", "1000")].into_iter().chain(page).collect();
            let body = self.call_read_method("conversations.list", &query).await?;
            let channels = body.get("channels").and_then(Value::as_array);
            let found =
                channels.and_then(|all| all.iter().find(|c| c.get("name").and_then(Value::as_str) == Some(name)));
            if found.is_some() {
                return Ok(found.cloned());
            }
            let has_next = tokens.advance(client::next_cursor(&body));
            if !has_next.map_err(|repeated| SlackError::OutcomeUnknown(repeated.to_string()))? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn check_membership(&self, channel: &Value) -> Result<ProbeResult, SlackError> {
        let is = |key: &str| channel.get(key).and_then(Value::as_bool).unwrap_or(false);
        if is("is_archived") {
            return Err(SlackError::ChannelRejected("is_archived".into()));
        }
        if is("is_member") || !is("is_private") && self.identity().await?.has_scope("chat:write.public") {
            Ok(ProbeResult::Writable)
        } else {
            Err(SlackError::ChannelRejected("not_in_channel: invite the bot to the channel".into()))
        }
    }
}

fn is_missing_scope(failure: &SlackError) -> bool {
    matches!(failure, SlackError::AppRejected(why) if why.starts_with("missing_scope"))
}

#[cfg(test)]
mod tests;
