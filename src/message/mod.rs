//! Slack messages: findings, replies, digests, notices.

mod assessment;
mod attribute_history;
pub mod blocks;
mod details;
mod digest_message;
mod finding_message;
mod links;
mod marks;
mod minimal;
mod notes;
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
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::finding::{Assessment, Finding};
use blocks::Body;

pub use marks::Marks;
pub use related::{Related, Relation};
pub use summary::{NoisyPair, Summary, WorstFinding};

/// A Slack message without its channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    body: Body,
    fallback: String,
    metadata: Option<Value>,
}

impl Message {
    fn new(body: Body, metadata: Option<Value>) -> Self {
        Self { fallback: body.fallback().render(), body, metadata }
    }

    /// The arguments of `chat.postMessage` or a webhook, without the channel.
    pub fn payload(&self) -> Value {
        let mut payload = self.content();
        payload["unfurl_links"] = false.into();
        payload["unfurl_media"] = false.into();
        payload
    }

    /// The arguments that `chat.update` has, too: `text`, `blocks`, `attachments` and `metadata`.
    pub fn content(&self) -> Value {
        let mut content = self.body.json();
        if let Some(metadata) = &self.metadata {
            content.insert("metadata".to_owned(), metadata.clone());
        }
        Value::Object(content)
    }

    /// The same content with the metadata of another message.
    pub fn with_metadata_of(&self, other: &Message) -> Self {
        Self { metadata: other.metadata.clone(), ..self.clone() }
    }

    /// The `event_type` of the metadata, if the message has some.
    pub fn event_type(&self) -> Option<&str> {
        self.metadata.as_ref()?["event_type"].as_str()
    }

    /// The top-level text: complete, one line.
    pub fn fallback(&self) -> &str {
        &self.fallback
    }
}

/// What is sent: all of it, or what stands in for it when Slack refuses the form before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageForm {
    Blocks,
    /// One text, no blocks.
    Text,
    /// One line of checked fields only: id, account, region, severity, console link.
    Minimal,
}

impl MessageForm {
    /// As logs name it.
    pub fn name(self) -> &'static str {
        match self {
            MessageForm::Blocks => "blocks",
            MessageForm::Text => "text",
            MessageForm::Minimal => "minimal",
        }
    }
}

/// How findings are worded here: from the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageOptions {
    /// Names of accounts by their id.
    pub account_names: BTreeMap<String, String>,
    /// Link template with `{type}`, `{id}`, `{account}`, `{region}`.
    pub runbook_url: Option<String>,
    pub portal: Option<ConsolePortal>,
}

/// The IAM Identity Center portal through which console links open in the finding's own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsolePortal {
    /// The start URL, such as `https://d-1234567890.awsapps.com/start`.
    pub url: String,
    pub role: String,
}

/// Mention and channel of a message, as far as its text names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addressing<'a> {
    /// A mention in Slack's syntax, as configured: live.
    pub mention: Option<&'a str>,
    /// A mention that the channel rejects. The message names it and notifies nobody.
    pub omitted_mention: Option<&'a str>,
    /// The channel that should have had this message, and rejected it.
    pub refused_channel: Option<&'a str>,
}

/// What has become of a finding so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct RenderContext<'a> {
    pub archived: bool,
    /// All attributes ever seen of it. GuardDuty does not keep earlier ones.
    pub known_attributes: &'a [String],
    /// See [`Addressing`].
    pub mention: Option<&'a str>,
    pub omitted_mention: Option<&'a str>,
    pub rejected_by: Option<&'a str>,
    /// What people marked with reactions.
    pub marks: Option<&'a Marks>,
    /// Related findings that have a message: a link to each is shown.
    pub related: &'a [Related],
}

impl<'a> RenderContext<'a> {
    /// An open finding of which nothing was seen before.
    pub fn addressed(addressing: &Addressing<'a>) -> Self {
        let Addressing { mention, omitted_mention, refused_channel } = *addressing;
        Self { mention, omitted_mention, rejected_by: refused_channel, ..Self::default() }
    }
}

/// What is new about a finding since the last notification.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyContent<'a> {
    /// The severity before; some only if the severity level increased.
    pub previous_severity: Option<f64>,
    pub new_attributes: &'a [String],
    pub previous_count: Option<u64>,
    /// Time for which nobody acknowledged the finding, if the reply calls again.
    pub unacknowledged_for: Option<Duration>,
    /// Why the finding is open again, if it was resolved.
    pub reopened: Option<Reopened>,
    /// The result of an investigation of the finding.
    pub assessment: Option<&'a Assessment>,
    pub addressing: Addressing<'a>,
    pub placement: Placement<'a>,
}

/// Why a finding that was resolved is open again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reopened {
    Recurred,
    /// Somebody unarchived it in GuardDuty.
    Unarchived,
}

/// Where a reply is posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement<'a> {
    #[default]
    Thread,
    /// In the channel, because the thread rejects replies.
    Channel {
        /// The address of the finding's message, if it is known.
        message_link: Option<&'a str>,
    },
}

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeLevel {
    Info,
    Warning,
    Resolved,
}

/// Something to say about the watch itself. Kept in the state until it is delivered; may hold foreign strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub id: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    pub level: NoticeLevel,
}

/// A finding's own message.
pub fn finding(f: &Finding, life: &RenderContext, w: &MessageOptions, form: MessageForm) -> Message {
    let told = json!({
        "finding_id": f.id, "updated_at": f.updated_at, "account_id": f.account_id, "region": f.origin.region,
        "detector_id": f.origin.detector, "type": f.kind.as_str(), "severity": f.severity,
    });
    Message::new(finding_message::body(f, life, w, readable_form(f, form)), metadata("guardduty_finding", told))
}

/// The `reason` of a reply that says that the finding was unarchived.
pub const UNARCHIVED: &str = "unarchived";
/// The `reason` of a reply that calls again, once for a finding.
pub const ESCALATION: &str = "escalation";
/// The beginning of the `reason` of a reply with the result of an investigation; its ID follows.
pub const INVESTIGATION: &str = "investigation ";

/// Why there is a reply that is not about a revision alone.
pub fn reply_reason(content: &ReplyContent) -> Option<String> {
    match (content.unacknowledged_for, content.assessment, content.reopened) {
        (Some(_), _, _) => Some(ESCALATION.to_owned()),
        (None, Some(assessment), _) => Some(format!("{INVESTIGATION}{}", assessment.investigation)),
        (None, None, Some(Reopened::Unarchived)) => Some(UNARCHIVED.to_owned()),
        (None, None, Some(Reopened::Recurred) | None) => None,
    }
}

/// What is new about a finding, for its thread.
pub fn reply(f: &Finding, content: &ReplyContent, w: &MessageOptions, form: MessageForm) -> Message {
    let mut told = json!({"finding_id": f.id, "updated_at": f.updated_at});
    // Another reply may be about the same revision.
    if let Some(reason) = reply_reason(content) {
        told["reason"] = reason.into();
    }
    Message::new(reply_message::body(f, content, w, form), metadata("guardduty_reply", told))
}

/// The minimal form for a finding of which nothing but the ID could be read.
fn readable_form(f: &Finding, form: MessageForm) -> MessageForm {
    if f.raw.is_some() { MessageForm::Minimal } else { form }
}

/// Up to 500 findings in one message.
pub fn digest(
    id: &str,
    findings: &[&Finding],
    w: &MessageOptions,
    addressing: &Addressing,
    form: MessageForm,
) -> Message {
    let told = json!({"digest_id": id, "findings": findings.len()});
    Message::new(digest_message::body(id, findings, w, addressing, form), metadata("guardduty_digest", told))
}

/// A message about the watch itself.
pub fn notice(n: &Notice, form: MessageForm) -> Message {
    Message::new(notice_message::body(n, form), metadata("guardduty_notice", json!({"notice_id": n.id})))
}

/// The summary of open findings.
pub fn summary(summary: &Summary, form: MessageForm) -> Message {
    Message::new(summary::body(summary, form), metadata("guardduty_summary", json!({"summary_id": summary.id})))
}

/// What the old message of a finding says after its route led it to another channel, with a link to the new one.
/// Without metadata: Slack then keeps what it had.
pub fn redirect(id: &str, to_channel: &str, link: Option<&str>, form: MessageForm) -> Message {
    Message::new(reply_message::moved(id, to_channel, link, form), None)
}

/// The machine-readable identity of what a message says: strings and numbers only.
fn metadata(event_type: &str, event_payload: Value) -> Option<Value> {
    Some(json!({"event_type": event_type, "event_payload": event_payload}))
}
