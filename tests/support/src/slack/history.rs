//! Reading back: `conversations.history` (no thread replies but broadcast ones) and `conversations.replies`.

use serde_json::{Value, json};

use super::{Inner, Message, text};

/// Users of a reaction that history shows.
const USERS_SHOWN: usize = 3;

/// Reactions as Slack shows them: the users may be cut short, the count is not.
pub(super) fn reactions(message: &Message, limit: usize) -> Value {
    let reaction = |(name, users): &(String, Vec<String>)| json!({ "name": name, "users": users.iter().take(limit).collect::<Vec<_>>(), "count": users.len() });
    message.reactions.iter().map(reaction).collect()
}

impl Inner {
    pub(super) fn history(&self, arguments: &Value) -> Result<Value, String> {
        let channel = self.by_id(text(arguments, "channel"))?;
        if !channel.member {
            return Err("not_in_channel".into());
        }
        let top = |m: &&Message| m.thread.is_empty() || m.payload["reply_broadcast"] == true;
        let mut found: Vec<&Message> = self.messages.iter().filter(|m| m.channel == channel.id).filter(top).collect();
        found.reverse(); // newest first
        self.page(arguments, found)
    }

    pub(super) fn replies(&self, arguments: &Value) -> Result<Value, String> {
        let channel = self.by_id(text(arguments, "channel"))?;
        let (ts, id) = (text(arguments, "ts"), &channel.id);
        let exists = |m: &&Message| m.channel == *id && m.ts == ts && !m.deleted;
        let parent = self.messages.iter().find(exists).ok_or("thread_not_found")?;
        let answers = self.messages.iter().filter(|m| m.channel == *id && m.thread == ts);
        self.page(arguments, std::iter::once(parent).chain(answers).collect())
    }

    fn page(&self, arguments: &Value, found: Vec<&Message>) -> Result<Value, String> {
        let number = |name: &str, other: f64| -> f64 {
            let value = &arguments[name];
            value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(other)
        };
        let flag =
            |name: &str| matches!(&arguments[name], Value::Bool(true)) || matches!(text(arguments, name), "true" | "1");
        let (oldest, latest) = (number("oldest", 0.0), number("latest", f64::INFINITY));
        let within = |ts: f64| oldest < ts && ts < latest || flag("inclusive") && (ts == oldest || ts == latest);
        let shown = |m: &&Message| !m.deleted && m.posted.elapsed() >= self.lag && within(m.ts.parse().unwrap_or(0.0));
        let found: Vec<&Message> = found.into_iter().filter(shown).collect();
        let start: usize = match text(arguments, "cursor") {
            "" => 0,
            cursor => cursor.strip_prefix("next:").and_then(|n| n.parse().ok()).ok_or("invalid_cursor")?,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 999")]
        let size = (number("limit", 100.0) as usize).clamp(1, self.page.min(999));
        let more = start + size < found.len();
        let next = if more { format!("next:{}", start + size) } else { String::new() };
        let metadata = flag("include_all_metadata");
        let page: Vec<Value> = found.iter().skip(start).take(size).map(|m| self.shown(m, metadata)).collect();
        Ok(json!({ "messages": page, "has_more": more, "response_metadata": { "next_cursor": next } }))
    }

    pub(super) fn shown(&self, message: &Message, metadata: bool) -> Value {
        let mut shown = json!({
            "type": "message", "ts": message.ts, "bot_id": message.bot, "app_id": "A0GUARDDUTY",
            "user": format!("U{}", &message.bot[1..]), "text": message.payload["text"],
        });
        for name in ["blocks", "attachments"] {
            if !message.payload[name].is_null() {
                shown[name] = message.payload[name].clone();
            }
        }
        if metadata && !message.payload["metadata"].is_null() {
            shown["metadata"] = message.payload["metadata"].clone();
        }
        if !message.reactions.is_empty() {
            shown["reactions"] = reactions(message, USERS_SHOWN);
        }
        let replies = self.messages.iter().filter(|m| m.thread == message.ts).count();
        if !message.thread.is_empty() {
            shown["thread_ts"] = json!(message.thread);
            if message.payload["reply_broadcast"] == true {
                shown["subtype"] = json!("thread_broadcast");
            }
        } else if replies > 0 {
            shown["thread_ts"] = json!(message.ts);
            shown["reply_count"] = json!(replies);
        }
        shown
    }
}
