//! Renders Slack messages: findings, replies, digests, notices, summaries.

mod assessment;
mod attribute_history;
pub mod blocks;
mod content;
mod details;
mod digest_message;
mod finding_message;
mod links;
mod marks;
mod minimal;
mod notes;
mod notice;
mod notice_message;
mod owner;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod properties;
mod related;
mod render;
mod reply_message;
mod rows;
mod status;
mod style;
mod summary;
#[cfg(test)]
mod tests;
pub mod text;
mod top;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::finding::Finding;
use blocks::Body;

pub use content::{
    Addressing, ESCALATION, INVESTIGATION, MessageContent, Placement, RenderContext, Reopened, ReplyContent,
    UNARCHIVED, reply_reason,
};
pub use marks::Marks;
pub use notice::{EventName, Notice, NoticeId, NoticeLevel};
pub use related::{Related, Relation};
pub use summary::{NoisyPair, Summary, WorstFinding};

/// A Slack message without its channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    body: Body,
    fallback: String,
    metadata: Option<Value>,
}

/// Writes messages. What a run decides does not depend on how its messages are worded.
pub trait Writer {
    fn write(&self, content: &MessageContent, form: MessageForm) -> Message;
}

impl Writer for MessageOptions {
    fn write(&self, content: &MessageContent, form: MessageForm) -> Message {
        match content {
            MessageContent::Finding(f, context) => finding(f, context, self, form),
            MessageContent::Reply(f, content) => reply(f, content, self, form),
            MessageContent::Digest { id, findings, addressing } => digest(id, findings, self, addressing, form),
            MessageContent::Notice(n) => notice(n, form),
            MessageContent::Summary(s) => summary(s, form),
            MessageContent::Redirect { id, to_channel, link } => redirect(id, to_channel, *link, form),
        }
    }
}

impl Message {
    pub fn new(body: Body, metadata: Option<Value>) -> Self {
        Self { fallback: body.fallback().render(), body, metadata }
    }

    /// The arguments of `chat.postMessage` or a webhook, without the channel.
    pub fn payload(&self) -> Value {
        let mut payload = self.content();
        payload["unfurl_links"] = false.into();
        payload["unfurl_media"] = false.into();
        payload
    }

    /// The arguments that `chat.update` also accepts: `text`, `blocks`, `attachments` and `metadata`.
    pub fn content(&self) -> Value {
        let mut content = self.body.json();
        if let Some(metadata) = &self.metadata {
            content.insert("metadata".to_owned(), metadata.clone());
        }
        Value::Object(content)
    }

    /// Replaces the metadata by that of another message.
    pub fn with_metadata_of(&self, other: &Message) -> Self {
        Self { metadata: other.metadata.clone(), ..self.clone() }
    }

    /// `event_type` and `event_payload`, if the message has metadata.
    pub fn metadata(&self) -> Option<&Value> {
        self.metadata.as_ref()
    }

    pub fn event_type(&self) -> Option<&str> {
        self.metadata()?["event_type"].as_str()
    }

    /// The top-level text: the complete message in one line.
    pub fn fallback(&self) -> &str {
        &self.fallback
    }
}

/// Form of a message. If Slack rejects one form, the next one is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageForm {
    Blocks,
    /// One text without blocks.
    Text,
    /// One line with validated fields only: ID, account, region, severity, link to the console.
    Minimal,
}

impl MessageForm {
    /// Name of the form in logs.
    pub fn name(self) -> &'static str {
        match self {
            MessageForm::Blocks => "blocks",
            MessageForm::Text => "text",
            MessageForm::Minimal => "minimal",
        }
    }
}

/// Options for the text of messages, from the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageOptions {
    /// Names of accounts by their IDs.
    pub account_names: BTreeMap<String, String>,
    /// Link template with `{type}`, `{id}`, `{account}`, `{region}`.
    pub runbook_url: Option<String>,
    pub portal: Option<ConsolePortal>,
}

/// The IAM Identity Center portal, through which links to the console open in the account of the finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsolePortal {
    /// The start URL, such as `https://d-1234567890.awsapps.com/start`.
    pub url: String,
    pub role: String,
}

/// Renders the message of a finding.
pub fn finding(f: &Finding, context: &RenderContext, w: &MessageOptions, form: MessageForm) -> Message {
    let body = finding_message::body(f, context, w, readable_form(f, form));
    Message::new(body, MessageContent::Finding(f, *context).metadata())
}

/// Renders a reply: the changes of a finding, for its thread.
pub fn reply(f: &Finding, content: &ReplyContent, w: &MessageOptions, form: MessageForm) -> Message {
    Message::new(reply_message::body(f, content, w, form), MessageContent::Reply(f, *content).metadata())
}

/// Returns the minimal form for a finding of which only the ID could be read.
fn readable_form(f: &Finding, form: MessageForm) -> MessageForm {
    if f.raw.is_some() { MessageForm::Minimal } else { form }
}

/// Renders a digest, which summarizes up to 500 findings in one message.
pub fn digest(
    id: &str,
    findings: &[&Finding],
    w: &MessageOptions,
    addressing: &Addressing,
    form: MessageForm,
) -> Message {
    let content = MessageContent::Digest { id, findings: findings.to_vec(), addressing: *addressing };
    Message::new(digest_message::body(id, findings, w, addressing, form), content.metadata())
}

/// Renders a notice.
pub fn notice(n: &Notice, form: MessageForm) -> Message {
    Message::new(notice_message::body(n, form), MessageContent::Notice(n).metadata())
}

/// Renders the summary of open findings.
pub fn summary(summary: &Summary, form: MessageForm) -> Message {
    Message::new(summary::body(summary, form), MessageContent::Summary(summary).metadata())
}

/// Renders the redirect that replaces the old message of a finding whose route now leads to another channel.
pub fn redirect(id: &str, to_channel: &str, link: Option<&str>, form: MessageForm) -> Message {
    let content = MessageContent::Redirect { id, to_channel, link };
    Message::new(reply_message::moved(id, to_channel, link, form), content.metadata())
}
