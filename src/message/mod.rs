//! Renders Slack messages: findings, replies, digests, notices, summaries.

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
use std::time::Duration;

use serde_json::{Value, json};

use crate::finding::{Assessment, Finding};
use crate::mention::Mention;
use blocks::Body;

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

/// What a message is about.
#[derive(Clone, Debug)]
pub enum MessageContent<'a> {
    Finding(&'a Finding, RenderContext<'a>),
    Reply(&'a Finding, ReplyContent<'a>),
    Digest {
        id: &'a str,
        findings: Vec<&'a Finding>,
        addressing: Addressing<'a>,
    },
    Notice(&'a Notice),
    Summary(&'a Summary),
    /// The old message of a finding, after a route led the finding to another channel.
    Redirect {
        id: &'a str,
        to_channel: &'a str,
        link: Option<&'a str>,
    },
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

impl MessageContent<'_> {
    /// The machine-readable identity of the message: strings and numbers only.
    pub fn metadata(&self) -> Option<Value> {
        let (event_type, event_payload) = match self {
            Self::Finding(f, _) => ("guardduty_finding", finding_payload(f)),
            Self::Reply(f, content) => ("guardduty_reply", reply_payload(f, content)),
            Self::Digest { id, findings, .. } => {
                ("guardduty_digest", json!({"digest_id": id, "findings": findings.len()}))
            }
            Self::Notice(notice) => ("guardduty_notice", json!({"notice_id": notice.id.to_string()})),
            Self::Summary(summary) => ("guardduty_summary", json!({"summary_id": summary.id})),
            // Without metadata Slack keeps those of the message.
            Self::Redirect { .. } => return None,
        };
        Some(json!({"event_type": event_type, "event_payload": event_payload}))
    }
}

fn finding_payload(f: &Finding) -> Value {
    json!({
        "finding_id": f.id, "updated_at": f.updated_at, "account_id": f.account_id, "region": f.origin.region,
        "detector_id": f.origin.detector, "type": f.kind.as_str(), "severity": f.severity,
    })
}

fn reply_payload(f: &Finding, content: &ReplyContent) -> Value {
    let mut payload = json!({"finding_id": f.id, "updated_at": f.updated_at});
    // The reason distinguishes this reply from others about the same revision.
    if let Some(reason) = reply_reason(content) {
        payload["reason"] = reason.into();
    }
    payload
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

/// Mention and channel that the text of a message names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addressing<'a> {
    /// The configured mention. It notifies people.
    pub mention: Option<&'a Mention>,
    /// A mention that the channel rejects. The message names it without notifying anybody.
    pub omitted_mention: Option<&'a Mention>,
    /// The channel for which the message was intended, and which rejected it.
    pub refused_channel: Option<&'a str>,
}

/// History and status of a finding that its message shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct RenderContext<'a> {
    pub archived: bool,
    /// All attributes of earlier revisions. GuardDuty does not keep them.
    pub known_attributes: &'a [String],
    /// See [`Addressing`].
    pub mention: Option<&'a Mention>,
    pub omitted_mention: Option<&'a Mention>,
    pub rejected_by: Option<&'a str>,
    /// The reactions of people.
    pub marks: Option<&'a Marks>,
    /// Related findings that have a message. The message links to each of them.
    pub related: &'a [Related],
}

impl<'a> RenderContext<'a> {
    /// The context of an open finding without a history.
    pub fn addressed(addressing: &Addressing<'a>) -> Self {
        let Addressing { mention, omitted_mention, refused_channel } = *addressing;
        Self { mention, omitted_mention, rejected_by: refused_channel, ..Self::default() }
    }
}

/// Changes of a finding since the last notification.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyContent<'a> {
    /// The previous severity, if the severity level increased.
    pub previous_severity: Option<f64>,
    pub new_attributes: &'a [String],
    pub previous_count: Option<u64>,
    /// Time for which nobody acknowledged the finding, if the reply is an escalation.
    pub unacknowledged_for: Option<Duration>,
    /// Reason why the finding is open again, if it was resolved.
    pub reopened: Option<Reopened>,
    /// The result of an investigation of the finding.
    pub assessment: Option<&'a Assessment>,
    pub addressing: Addressing<'a>,
    pub placement: Placement<'a>,
}

/// Reason why a finding that was resolved is open again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reopened {
    Recurred,
    /// Somebody unarchived it in GuardDuty.
    Unarchived,
}

/// Place where a reply is posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement<'a> {
    #[default]
    Thread,
    /// In the channel, because the thread rejects replies.
    Channel {
        /// The address of the message of the finding, if it is known.
        message_link: Option<&'a str>,
    },
}

/// Renders the message of a finding.
pub fn finding(f: &Finding, life: &RenderContext, w: &MessageOptions, form: MessageForm) -> Message {
    let body = finding_message::body(f, life, w, readable_form(f, form));
    Message::new(body, MessageContent::Finding(f, *life).metadata())
}

/// The `reason` of a reply about a finding that was unarchived.
pub const UNARCHIVED: &str = "unarchived";
/// The `reason` of an escalation, of which a finding has at most one.
pub const ESCALATION: &str = "escalation";
/// The beginning of the `reason` of a reply with the result of an investigation; its ID follows.
pub const INVESTIGATION: &str = "investigation ";

/// Returns the reason of a reply, or `None` for a reply that only reports a revision.
pub fn reply_reason(content: &ReplyContent) -> Option<String> {
    match (content.unacknowledged_for, content.assessment, content.reopened) {
        (Some(_), _, _) => Some(ESCALATION.to_owned()),
        (None, Some(assessment), _) => Some(format!("{INVESTIGATION}{}", assessment.investigation)),
        (None, None, Some(Reopened::Unarchived)) => Some(UNARCHIVED.to_owned()),
        (None, None, Some(Reopened::Recurred) | None) => None,
    }
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
