//! Reads the messages of the bot from Slack.

use serde_json::Value;

use super::{BotMessage, Client, HistoryError, SlackError, client};
use crate::pages::PageTokens;
use crate::time::Timestamp;

/// Maximum number of pages read per channel: 10,000 messages, which take one minute at the rate limit of Slack.
const MAX_PAGES: usize = 50;
const PAGE_SIZE: &str = "200";

/// Reads all pages of a history method, and keeps the messages of the bot at the requested level.
pub(super) async fn read_own_messages(
    client: &Client,
    method: &str,
    place: &[(&str, &str)],
    oldest: Timestamp,
) -> Result<Vec<BotMessage>, HistoryError> {
    let bot = client.identity().await.map_err(history_error)?.bot_id.clone();
    let bot = bot.ok_or_else(|| HistoryError::Denied("SLACK_BOT_TOKEN is not a bot token".into()))?;
    let thread = place.iter().find(|(key, _)| *key == "ts").map(|(_, ts)| *ts);
    let since = to_slack_ts(oldest);
    let mut own = Vec::new();
    let mut tokens = PageTokens::default();
    for _ in 0..MAX_PAGES {
        let common =
            [("oldest", since.as_str()), ("inclusive", "true"), ("limit", PAGE_SIZE), ("include_all_metadata", "true")];
        let page = tokens.current().map(|token| ("cursor", token));
        let query: Vec<_> = place.iter().copied().chain(common).chain(page).collect();
        let body = match client.call_read_method(method, &query).await {
            // A deleted thread contains no messages of the bot.
            Err(SlackError::MessageNotFound(_) | SlackError::ThreadRejected(_)) => return Ok(own),
            answer => answer.map_err(history_error)?,
        };
        let messages = body
            .get("messages")
            .and_then(Value::as_array)
            .ok_or_else(|| unavailable("response contains no messages"))?;
        own.extend(messages.iter().filter_map(|message| parse_own_message(message, &bot, thread)));
        let has_next = tokens.advance(client::next_cursor(&body));
        if !has_next.map_err(|repeated| unavailable(&repeated.to_string()))? {
            return Ok(own);
        }
    }
    tracing::warn!(method, pages = MAX_PAGES, "Slack history limit reached; older messages were not checked");
    Ok(own)
}

fn unavailable(why: &str) -> HistoryError {
    HistoryError::Unavailable(why.into())
}

/// An unknown code may be transient.
fn history_error(failure: SlackError) -> HistoryError {
    match failure {
        SlackError::AppRejected(why) | SlackError::ChannelRejected(why) | SlackError::Restricted(why) => {
            HistoryError::Denied(why)
        }
        other => HistoryError::Unavailable(other.to_string()),
    }
}

/// The time as a Slack timestamp: seconds with six decimals.
fn to_slack_ts(at: Timestamp) -> String {
    let ms = at.0.max(0);
    format!("{}.{:03}000", ms / 1000, ms % 1000)
}

/// Parses a message of `bot` with metadata: at top level, or a reply in `thread`. A broadcast reply is shown in the channel,
/// too, but belongs to its thread.
fn parse_own_message(message: &Value, bot: &str, thread: Option<&str>) -> Option<BotMessage> {
    let text = |key: &str| message.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (ts, parent_ts) = (text("ts")?, text("thread_ts"));
    let is_top = parent_ts.is_none_or(|parent| parent == ts);
    let wanted = match thread {
        None => is_top,
        Some(parent) => !is_top && parent_ts == Some(parent),
    };
    let metadata = message.get("metadata")?;
    let event_type = metadata.get("event_type")?.as_str()?;
    let event = metadata.get("event_payload").and_then(Value::as_object).cloned().unwrap_or_default();
    (wanted && text("bot_id") == Some(bot)).then(|| BotMessage {
        ts: ts.into(),
        thread_ts: parent_ts.filter(|_| !is_top).map(str::to_owned),
        event_type: event_type.into(),
        payload: event,
    })
}

#[cfg(test)]
mod tests;
