//! Reads the reactions on the recent messages of a channel, and on one message.
//! See docs.slack.dev, the methods conversations.history, reactions.get and users.info, and "reaction" in the message
//! object: `users` may be cut short, `count` is not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Client, MessageRef, SlackError, client};
use crate::pages::{PageTokens, RepeatedToken};
use crate::user::UserId;

/// Number of messages per page.
const PAGE: &str = "200";

/// One emoji under a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Without colons; with its skin tone, as in `wave::skin-tone-2`.
    pub name: String,
    /// In the order in which they reacted.
    pub users: Vec<UserId>,
    /// `users` may be cut short.
    pub is_complete: bool,
}

/// What the token may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReactionAccess {
    /// Scope `reactions:read`.
    pub reactions: bool,
    /// Scope `users:read`.
    pub users: bool,
    /// The bot's own user.
    pub own: Option<UserId>,
}

/// The newest messages of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentReactions {
    /// Reactions on the messages of the own bot at top level, by `ts`.
    pub messages: BTreeMap<String, Vec<Reaction>>,
    /// Users of the bots that posted any of the messages.
    pub bots: BTreeSet<UserId>,
    /// The channel has older messages that were not read.
    pub has_older: bool,
}

impl Client {
    pub(super) async fn read_access(&self) -> Result<ReactionAccess, SlackError> {
        let identity = self.identity().await?;
        let may = |scope: &str| identity.scopes.is_none() || identity.has_scope(scope);
        Ok(ReactionAccess { reactions: may("reactions:read"), users: may("users:read"), own: identity.user_id.clone() })
    }

    pub(super) async fn read_recent(
        &self,
        channel: &str,
        oldest: &str,
        pages: usize,
    ) -> Result<(RecentReactions, usize), SlackError> {
        let bot = self.identity().await?.bot_id.as_deref();
        let mut recent = RecentReactions::default();
        let mut tokens = PageTokens::default();
        for page in 1..=pages {
            let common = [("channel", channel), ("oldest", oldest), ("inclusive", "true"), ("limit", PAGE)];
            let next = tokens.current().map(|token| ("cursor", token));
            let query: Vec<_> = common.into_iter().chain(next).collect();
            let body = self.read_once("conversations.history", &query).await?;
            for message in body.get("messages").and_then(Value::as_array).into_iter().flatten() {
                recent.add(message, bot);
            }
            match tokens.advance(client::next_cursor(&body)) {
                Ok(true) => {}
                Ok(false) => return Ok((recent, page)),
                Err(RepeatedToken) => {
                    recent.has_older = true;
                    return Ok((recent, page));
                }
            }
        }
        recent.has_older = true;
        Ok((recent, pages))
    }

    pub(super) async fn read_reactions(&self, at: &MessageRef) -> Result<Vec<Reaction>, SlackError> {
        let query = [("channel", at.channel.as_str()), ("timestamp", &at.ts), ("full", "true")];
        let body = self.read_once("reactions.get", &query).await?;
        let message =
            body.get("message").ok_or_else(|| SlackError::OutcomeUnknown("response contains no message".into()))?;
        Ok(reactions(message))
    }

    pub(super) async fn read_is_bot(&self, user: &UserId) -> Result<bool, SlackError> {
        let body = self.read_once("users.info", &[("user", &user.to_string())]).await?;
        let is_bot = body.get("user").and_then(|user| user.get("is_bot")).and_then(Value::as_bool);
        is_bot.ok_or_else(|| SlackError::OutcomeUnknown("response contains no user".into()))
    }
}

impl RecentReactions {
    fn add(&mut self, message: &Value, bot: Option<&str>) {
        let text = |key: &str| message.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        if text("bot_id").is_some() {
            self.bots.extend(text("user").and_then(UserId::parse));
        }
        let Some(ts) = text("ts") else { return };
        // A broadcast reply is in its thread.
        let is_top = text("thread_ts").is_none_or(|thread| thread == ts);
        if is_top && bot.is_some() && text("bot_id") == bot {
            self.messages.insert(ts.to_owned(), reactions(message));
        }
    }
}

fn reactions(message: &Value) -> Vec<Reaction> {
    let all = message.get("reactions").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(reaction).collect()
}

/// A user whose ID this release cannot parse is omitted. The list still counts as complete.
fn reaction(value: &Value) -> Option<Reaction> {
    let users = value.get("users").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let count = value.get("count").and_then(Value::as_u64).unwrap_or(0);
    Some(Reaction {
        name: value.get("name")?.as_str()?.to_owned(),
        users: users.iter().filter_map(Value::as_str).filter_map(UserId::parse).collect(),
        is_complete: users.len() as u64 >= count,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::SlackApi;
    use super::super::fake::{FakeSlack, auth, ok};
    use super::*;

    fn message(bot: &str, ts: &str, thread: Option<&str>) -> Value {
        json!({"bot_id": bot, "user": format!("U0{bot}"), "ts": ts, "thread_ts": thread,
            "reactions": [{"name": "eyes", "users": ["U0ALICE", "<!here>", "U0BOB"], "count": 4}]})
    }

    #[test]
    fn only_messages_of_the_own_bot_at_top_level_have_reactions_that_count() {
        let mut recent = RecentReactions::default();
        recent.add(&message("B1", "1.0", None), Some("B1"));
        recent.add(&message("B1", "2.0", Some("1.0")), Some("B1"));
        recent.add(&message("B2", "3.0", None), Some("B1"));
        recent.add(&json!({"user": "U0ALICE", "ts": "4.0"}), None);
        assert_eq!(recent.messages.keys().collect::<Vec<_>>(), ["1.0"]);
        assert_eq!(recent.bots, ["U0B1", "U0B2"].iter().filter_map(|id| UserId::parse(id)).collect());
    }

    #[test]
    fn users_are_read_in_order_and_a_short_list_is_known_as_such() {
        let read = reactions(&message("B1", "1.0", None));
        let [eyes] = &read[..] else { panic!("{read:?}") };
        assert_eq!(eyes.users.iter().map(UserId::to_string).collect::<Vec<_>>(), ["U0ALICE", "U0BOB"]);
        assert!(!eyes.is_complete);
        for broken in [json!({}), json!({"reactions": 1}), json!({"reactions": [{"name": 1}, "x"]})] {
            assert!(reactions(&broken).is_empty(), "{broken}");
        }
    }

    #[tokio::test]
    async fn a_repeated_token_shows_not_that_older_messages_are_deleted() {
        let page = || ok(json!({"ok": true, "messages": [], "response_metadata": {"next_cursor": "same"}}));
        let last = ok(json!({"ok": true, "messages": [], "response_metadata": {"next_cursor": ""}}));
        let slack = FakeSlack::answering([auth(), page(), page(), page(), last]);
        let (repeated, pages) = slack.client.recent_reactions("C1", "1.0", 9).await.unwrap();
        assert_eq!((repeated.has_older, pages), (true, 2));
        let (whole, pages) = slack.client.recent_reactions("C1", "1.0", 9).await.unwrap();
        assert_eq!((whole.has_older, pages), (false, 2));
    }
}
