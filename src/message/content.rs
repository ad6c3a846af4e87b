//! What messages are about, and the metadata that identifies them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Marks, Notice, Related, Summary};
use crate::finding::{Assessment, Attribute, Finding};
use crate::mention::Mention;

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

impl MessageContent<'_> {
    /// The machine-readable identity of the message: strings and numbers only.
    pub fn metadata(&self) -> Option<Value> {
        let (event_type, event_payload) = match self {
            Self::Finding(f, context) => ("guardduty_finding", finding_payload(f, context)),
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

fn finding_payload(f: &Finding, context: &RenderContext) -> Value {
    let mut payload = json!({
        "finding_id": f.id, "updated_at": f.updated_at, "account_id": f.account_id, "region": f.origin.region,
        "detector_id": f.origin.detector, "type": f.kind.as_str(), "severity": f.severity,
    });
    // Otherwise a run that reconciles the message would take it for one of a finding that now has another channel.
    if let Some(channel) = context.intended_channel {
        payload["intended_channel"] = channel.into();
    }
    payload
}

fn reply_payload(f: &Finding, content: &ReplyContent) -> Value {
    let mut payload = json!({"finding_id": f.id, "updated_at": f.updated_at});
    // A later run must not call about the same increase again.
    if content.previous_severity.is_some() {
        payload["severity"] = f.severity.into();
    }
    // The reason distinguishes this reply from others about the same revision.
    if let Some(reason) = reply_reason(content) {
        payload["reason"] = reason.into();
    }
    payload
}

/// Mention and channel that the text of a message names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addressing<'a> {
    /// The configured mention. It notifies people.
    pub mention: Option<&'a Mention>,
    /// A mention that the channel rejects. The message names it without notifying anybody.
    pub omitted_mention: Option<&'a Mention>,
    /// The channel for which the message was intended, and which rejected it.
    pub intended_channel: Option<&'a str>,
}

/// History and status of a finding that its message shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct RenderContext<'a> {
    /// All attributes of earlier revisions. GuardDuty does not keep them.
    pub known_attributes: &'a [Attribute],
    /// See [`Addressing`].
    pub mention: Option<&'a Mention>,
    pub omitted_mention: Option<&'a Mention>,
    pub intended_channel: Option<&'a str>,
    /// The reactions of people.
    pub marks: Option<&'a Marks>,
    /// Related findings that have a message. The message links to each of them.
    pub related: &'a [Related],
}

impl<'a> RenderContext<'a> {
    /// The context of an open finding without a history.
    pub fn addressed(addressing: &Addressing<'a>) -> Self {
        let Addressing { mention, omitted_mention, intended_channel } = *addressing;
        Self { mention, omitted_mention, intended_channel, ..Self::default() }
    }
}

/// Changes of a finding since the last notification.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyContent<'a> {
    /// The previous severity, if the severity level increased.
    pub previous_severity: Option<f64>,
    pub new_attributes: &'a [Attribute],
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
