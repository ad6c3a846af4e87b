//! Renders a message as one line: its mentions, its triage marks, and the text of a notice. The decisions of a run do not
//! depend on the rest.

use std::rc::Rc;

use guardduty_slack::message::blocks::body::{Body, FallbackText};
use guardduty_slack::message::text::{Mrkdwn, SafeText};
use guardduty_slack::message::{Marks, Message, MessageContent, MessageForm, Writer};
use serde_json::{Map, Value};

pub(crate) struct PlainWriter;

impl Writer for PlainWriter {
    fn write(&self, content: &MessageContent, _form: MessageForm) -> Message {
        let (mention, line) = match content {
            MessageContent::Finding(_, context) => (context.mention, users(context.marks)),
            MessageContent::Reply(_, content) => (content.addressing.mention, String::new()),
            MessageContent::Digest { addressing, .. } => (addressing.mention, String::new()),
            MessageContent::Notice(notice) => (None, format!("{} {}", notice.title, notice.lines.join(" "))),
            MessageContent::Summary(_) | MessageContent::Redirect { .. } => (None, String::new()),
        };
        let text = Mrkdwn::new().text(&SafeText::single_line(&line));
        let text = mention.into_iter().fold(text, Mrkdwn::mention);
        Message::new(Body::text_only(FallbackText::new(text)), content.metadata())
    }
}

fn users(marks: Option<&Marks>) -> String {
    let users = marks.into_iter().flat_map(|m| [&m.acknowledged, &m.resolved, &m.muted]).flatten();
    users.map(|user| format!(" {user}")).collect()
}

/// Payload of a message as Slack receives it.
#[derive(Debug)]
pub(crate) struct Payload {
    /// Empty for a message without metadata.
    pub event_type: String,
    pub event: Map<String, Value>,
    pub text: String,
}

impl Payload {
    pub(crate) fn of(message: &Message) -> Rc<Self> {
        let metadata = message.metadata();
        let event = metadata.and_then(|m| m["event_payload"].as_object()).cloned().unwrap_or_default();
        let event_type = message.event_type().unwrap_or_default().to_owned();
        Rc::new(Self { event_type, event, text: message.fallback().to_owned() })
    }

    /// Returns a member of the event, if it is text.
    pub(crate) fn event_text(&self, key: &str) -> &str {
        self.event.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}
