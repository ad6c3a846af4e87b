//! The posted replies: the replies of the bot in a thread, or in the history of a channel.

use std::collections::HashMap;

use crate::finding::SeverityLevel;
use crate::slack::{BotMessage, ReplyId};
use crate::time::Timestamp;

/// Replies by the ID of their finding.
#[derive(Clone, Debug, Default)]
pub(crate) struct PostedReplies(HashMap<String, Vec<PostedReply>>);

#[derive(Clone, Debug)]
struct PostedReply {
    id: ReplyId,
    /// The revision that it is about.
    updated: Option<Timestamp>,
    /// It called people, because the severity level increased to this one.
    called_about: Option<SeverityLevel>,
}

impl PostedReplies {
    /// Adds a message, if it is a reply.
    pub(crate) fn add(&mut self, m: &BotMessage) {
        let Some(id) = m.reply_id() else { return };
        let text = |key: &str| m.payload.get(key).and_then(|value| value.as_str());
        let Some(finding_id) = text("finding_id") else { return };
        let severity = m.payload.get("severity").and_then(|value| value.as_f64());
        self.0.entry(finding_id.to_owned()).or_default().push(PostedReply {
            id,
            updated: text("updated_at").and_then(Timestamp::parse),
            called_about: severity.map(SeverityLevel::from_score),
        });
    }

    pub(crate) fn contains(&self, finding_id: &str, reply: &ReplyId) -> bool {
        self.of(finding_id).iter().any(|posted| posted.id == *reply)
    }

    /// Returns true if a reply about a revision after `since` called people about this severity level of a finding, or a
    /// higher one.
    pub(crate) fn has_call(&self, finding_id: &str, since: Option<Timestamp>, level: SeverityLevel) -> bool {
        self.of(finding_id).iter().any(|posted| posted.updated > since && posted.called_about >= Some(level))
    }

    fn of(&self, finding_id: &str) -> &[PostedReply] {
        self.0.get(finding_id).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_replies_count_and_each_for_its_finding() {
        const UPDATED: &str = "2026-01-01T00:00:00.000Z";
        let mut replies = PostedReplies::default();
        for (event_type, finding_id) in [("guardduty_reply", "f"), ("guardduty_finding", "g"), ("of another app", "h")]
        {
            let payload = json!({"finding_id": finding_id, "updated_at": UPDATED, "severity": 8.0});
            let payload = payload.as_object().expect("an object").clone();
            replies.add(&BotMessage { ts: "1.0".into(), thread_ts: None, event_type: event_type.into(), payload });
        }
        for (finding_id, expected) in [("f", true), ("g", false), ("h", false)] {
            assert_eq!(
                replies.contains(finding_id, &ReplyId::new(finding_id, UPDATED, None)),
                expected,
                "{finding_id}"
            );
            assert_eq!(replies.has_call(finding_id, None, SeverityLevel::High), expected, "{finding_id}");
        }
    }
}
