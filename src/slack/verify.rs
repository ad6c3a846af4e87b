//! Verifies for `check` that Slack accepts the blocks of messages and keeps their metadata.

use serde_json::{Map, Value};

use super::{Client, MessageRef, SlackError};
use crate::message::Message;

impl Client {
    /// Validates the blocks of a message without posting it.
    ///
    /// Errors: `ContentRejected` if Slack rejects the blocks; `App` if the workspace does not offer the method.
    pub async fn validate_blocks(&self, message: &Message) -> Result<(), SlackError> {
        let blocks = Value::from(blocks_of(&message.content())).to_string();
        self.read_form("blocks.validate", &[("blocks", &blocks)]).await.map(drop)
    }

    /// Returns a message from the history of its channel, with all its metadata, or `None` if it is not there (yet).
    pub async fn read_back(&self, at: &MessageRef) -> Result<Option<Map<String, Value>>, SlackError> {
        let query = [
            ("channel", at.channel.as_str()),
            ("oldest", at.ts.as_str()),
            ("latest", at.ts.as_str()),
            ("inclusive", "true"),
            ("limit", "1"),
            ("include_all_metadata", "true"),
        ];
        let body = self.call_read_method("conversations.history", &query).await?;
        let messages = body.get("messages").and_then(Value::as_array).into_iter().flatten();
        let mut own = messages.filter_map(Value::as_object).filter(|message| is_at(message, &at.ts));
        Ok(own.next().cloned())
    }
}

fn is_at(message: &Map<String, Value>, ts: &str) -> bool {
    message.get("ts").and_then(Value::as_str) == Some(ts)
}

/// The blocks above the bar and next to it.
fn blocks_of(content: &Value) -> Vec<Value> {
    let lists = [&content["blocks"], &content["attachments"][0]["blocks"]];
    lists.into_iter().filter_map(Value::as_array).flatten().cloned().collect()
}

/// Returns true if Slack stored the metadata of a message as it was sent.
pub fn has_metadata(stored: &Map<String, Value>, message: &Message) -> bool {
    let sent = message.content();
    let stored = stored.get("metadata").unwrap_or(&Value::Null);
    ["event_type", "event_payload"].iter().all(|member| stored[member] == sent["metadata"][member])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::{MessageForm, Notice, NoticeId, NoticeLevel, notice};
    use crate::time::Timestamp;

    #[test]
    fn discarded_or_changed_metadata_is_recognized() {
        let message = notice(
            &Notice {
                id: NoticeId::new("n", Timestamp(1)),
                title: "t".into(),
                lines: Vec::new(),
                level: NoticeLevel::Info,
            },
            MessageForm::Blocks,
        );
        let stored = |metadata: Value| json!({"ts": "1.0", "metadata": metadata}).as_object().unwrap().clone();
        let payload = json!({"notice_id": "n-1"});
        assert!(has_metadata(&stored(json!({"event_type": "guardduty_notice", "event_payload": payload})), &message));
        for other in [
            json!(null),
            json!({"event_type": "guardduty_notice", "event_payload": {}}),
            json!({"event_payload": payload}),
        ] {
            assert!(!has_metadata(&stored(other), &message));
        }
    }
}
