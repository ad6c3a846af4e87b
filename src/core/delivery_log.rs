//! Logs one line for each message that Slack acknowledged.

use crate::core::channels::Channels;
use crate::finding::Finding;
use crate::message::Notice;
use crate::slack::{MessageRef, SentMessage};

/// Where a message was posted.
#[derive(Clone, Copy)]
pub(super) struct Location<'a> {
    /// The channel as configured; for a webhook the name of its variable.
    channel: &'a str,
    /// The ID of the channel, where it is configured by its name.
    channel_id: Option<&'a str>,
    /// `None` for a webhook, which returns none.
    ts: Option<&'a str>,
}

impl<'a> Location<'a> {
    pub(super) fn of(channel: &'a str, at: &'a MessageRef) -> Self {
        Self { channel, channel_id: Some(at.channel.as_str()).filter(|id| *id != channel), ts: Some(&at.ts) }
    }

    pub(super) fn of_sent(channel: &'a str, sent: &'a SentMessage) -> Self {
        match sent {
            SentMessage::Bot(at) => Self::of(channel, at),
            SentMessage::Webhook(_) => Self { channel, channel_id: None, ts: None },
        }
    }
}

/// What was done about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Posted,
    Updated,
    Replied,
    /// The history shows a message whose acknowledgment was lost.
    FoundInHistory,
}

pub(super) fn log_finding(action: Action, f: &Finding, location: Location) {
    let (finding_id, finding_type, severity_level) = (&f.id, f.kind.as_str(), f.severity_level().name());
    let Location { channel, channel_id, ts } = location;
    match action {
        Action::Posted => {
            tracing::info!(finding_id, finding_type, severity_level, channel, channel_id, ts, "finding posted");
        }
        Action::Updated => {
            tracing::info!(finding_id, finding_type, severity_level, channel, channel_id, ts, "finding updated");
        }
        Action::Replied => {
            tracing::info!(finding_id, finding_type, severity_level, channel, channel_id, ts, "reply posted");
        }
        Action::FoundInHistory => {
            tracing::info!(
                finding_id,
                finding_type,
                severity_level,
                channel,
                channel_id,
                ts,
                "finding found in history"
            );
        }
    }
}

/// The same for a message that the channel of `at` has.
pub(super) fn log_finding_at(action: Action, f: &Finding, at: &MessageRef, channels: &Channels) {
    log_finding(action, f, Location::of(&channels.name(&at.channel), at));
}

/// The findings of the digest are listed at level debug.
pub(super) fn log_digest(digest_id: &str, findings: &[&Finding], location: Location) {
    let Location { channel, channel_id, ts } = location;
    tracing::info!(digest_id, findings = findings.len(), channel, channel_id, ts, "digest posted");
    for f in findings {
        let (finding_id, finding_type, severity_level) = (&f.id, f.kind.as_str(), f.severity_level().name());
        tracing::debug!(
            finding_id,
            finding_type,
            severity_level,
            digest_id,
            channel,
            ts,
            "finding summarized in digest"
        );
    }
}

pub(super) fn log_notice(notice: &Notice, location: Location) {
    let Location { channel, channel_id, ts } = location;
    tracing::info!(notice_id = %notice.id, notice = notice.title, channel, channel_id, ts, "notice posted");
}

pub(super) fn log_summary(summary_id: &str, Location { channel, ts, .. }: Location) {
    tracing::info!(summary_id, channel, ts, "summary posted");
}

/// The old message of a finding now shows where the new one is.
pub(super) fn log_redirect(finding_id: &str, location: Location) {
    let Location { channel, channel_id, ts } = location;
    tracing::info!(finding_id, channel, channel_id, ts, "redirect posted");
}
