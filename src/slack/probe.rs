//! Whether a place takes messages, found out without posting one.

use serde_json::Value;

use super::{Client, Failure, Target};

/// What could be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The channel exists, is open, and the bot may post in it; the webhook exists.
    Accepts,
    /// Slack would have to be asked with a scope that the token lacks; the text says which. Only posting shows it.
    Unproven(String),
}

const ASK_BY_POSTING: &str = "verify with `check --post`";

impl Client {
    /// Asks about `to` what the token's scopes allow: `conversations.info` with `channels:read` (private channels:
    /// `groups:read`), else one message of its history. A webhook is sent a message without content, which Slack refuses.
    ///
    /// Errors: `Channel`: nothing can be posted there; `App`: nothing anywhere; the passing ones.
    pub async fn probe(&self, to: &Target) -> Result<Proof, Failure> {
        match to {
            Target::Webhook { url, .. } => match self.knock(url).await {
                Ok(()) | Err(Failure::Content(_) | Failure::Unclassified(_)) => Ok(Proof::Accepts),
                Err(failure) => Err(failure),
            },
            Target::Channel(channel) => match channel.strip_prefix('#') {
                Some(name) => self.probe_name(name).await,
                None => self.probe_id(channel).await,
            },
        }
    }

    async fn probe_id(&self, id: &str) -> Result<Proof, Failure> {
        match self.read("conversations.info", &[("channel", id)]).await {
            Ok(body) => self.judge(body.get("channel").unwrap_or(&Value::Null)).await,
            Err(failure) if lacks_scope(&failure) => self.probe_history(id).await,
            Err(failure) => Err(failure),
        }
    }

    async fn probe_history(&self, id: &str) -> Result<Proof, Failure> {
        match self.read("conversations.history", &[("channel", id), ("limit", "1")]).await {
            Ok(_) => Ok(Proof::Accepts),
            Err(failure) if lacks_scope(&failure) => Ok(Proof::Unproven(format!(
                "not verified: the token lacks channels:read and channels:history (private channels: groups:…); {ASK_BY_POSTING}"
            ))),
            Err(Failure::Channel(why))
                if why.starts_with("not_in_channel") && self.identity().await?.has("chat:write.public") =>
            {
                Ok(Proof::Unproven(format!(
                    "not verified: the bot is not a member but has chat:write.public; {ASK_BY_POSTING}"
                )))
            }
            Err(failure) => Err(failure),
        }
    }

    /// A name is looked for in the list of channels; there is no other way.
    async fn probe_name(&self, name: &str) -> Result<Proof, Failure> {
        let found = match self.find(name, "public_channel,private_channel").await {
            Err(failure) if lacks_scope(&failure) => self.find(name, "public_channel").await,
            found => found,
        };
        match found {
            Ok(Some(channel)) => self.judge(&channel).await,
            Ok(None) => {
                Err(Failure::Channel("channel_not_found: no channel with this name is visible to the token".into()))
            }
            Err(failure) if lacks_scope(&failure) => Ok(Proof::Unproven(format!(
                "not verified: looking up a name requires channels:read; use the channel ID, or {ASK_BY_POSTING}"
            ))),
            Err(failure) => Err(failure),
        }
    }

    async fn find(&self, name: &str, types: &str) -> Result<Option<Value>, Failure> {
        let mut cursor = String::new();
        // 20,000 channels: more than any workspace where a person chose this name.
        for _ in 0..20 {
            let page = (!cursor.is_empty()).then_some(("cursor", cursor.as_str()));
            let query: Vec<_> = [("types", types), ("limit", "1000")].into_iter().chain(page).collect();
            let body = self.read("conversations.list", &query).await?;
            let channels = body.get("channels").and_then(Value::as_array);
            let found =
                channels.and_then(|all| all.iter().find(|c| c.get("name").and_then(Value::as_str) == Some(name)));
            let next = body
                .get("response_metadata")
                .and_then(|m| m.get("next_cursor"))
                .and_then(Value::as_str)
                .unwrap_or_default();
            if found.is_some() || next.is_empty() || next == cursor {
                return Ok(found.cloned());
            }
            cursor = next.to_owned();
        }
        Ok(None)
    }

    async fn judge(&self, channel: &Value) -> Result<Proof, Failure> {
        let is = |key: &str| channel.get(key).and_then(Value::as_bool).unwrap_or(false);
        if is("is_archived") {
            return Err(Failure::Channel("is_archived".into()));
        }
        if is("is_member") || !is("is_private") && self.identity().await?.has("chat:write.public") {
            Ok(Proof::Accepts)
        } else {
            Err(Failure::Channel("not_in_channel: invite the bot to the channel".into()))
        }
    }
}

fn lacks_scope(failure: &Failure) -> bool {
    matches!(failure, Failure::App(why) if why.starts_with("missing_scope"))
}
