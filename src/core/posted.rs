//! The posted messages: the messages of the bot in the history of the channels.
//!
//! Only messages of the own bot count, because anyone can write metadata. A message of a finding that the state already
//! contains does not mark the revision as processed, because a reply in the thread may still follow the edit.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::core::channels::NamedChannel;
use crate::core::replies::PostedReplies;
use crate::slack::{BotMessage, MessageRef};
use crate::state::{PostedFinding, State};
use crate::time::Timestamp;

/// Maximum difference between Slack's clock and ours.
const MAX_SKEW_OF_SLACK: Duration = Duration::from_mins(1);

/// The part of the history that is read, and that counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryRange {
    /// The history is read from here.
    pub oldest: Timestamp,
    /// A replay: what was posted before does not count.
    pub replayed: Option<Timestamp>,
}

impl HistoryRange {
    pub(crate) fn since(since: Timestamp, replayed: Option<Timestamp>) -> Self {
        let oldest = since.minus(MAX_SKEW_OF_SLACK);
        Self { oldest: replayed.map_or(oldest, |replayed| oldest.max(replayed)), replayed }
    }
}

/// The posted messages: findings by ID (the newest message each), digests, notices, replies.
#[derive(Clone, Debug, Default)]
pub(crate) struct PostedMessages {
    findings: BTreeMap<String, PostedFinding>,
    pub digests: HashSet<String>,
    pub notices: HashSet<String>,
    pub summaries: HashSet<String>,
    /// Replies that are messages in a channel, because their thread rejected them.
    pub standalone_replies: PostedReplies,
}

/// What was reconciled.
#[derive(Debug, Default)]
pub(crate) struct Reconciliation {
    /// Findings whose message the state did not have, by ID.
    pub findings: BTreeSet<String>,
    pub digests: usize,
}

impl PostedMessages {
    /// Adds the messages of one channel.
    pub(crate) fn add(&mut self, channel: &NamedChannel, messages: Vec<BotMessage>, range: &HistoryRange) {
        for m in messages {
            if range.replayed.is_some_and(|replayed| m.posted() <= replayed) {
                continue;
            }
            match m.event_type.as_str() {
                "guardduty_finding" => self.add_finding(channel, &m),
                "guardduty_digest" => self.digests.extend(text(&m, "digest_id")),
                "guardduty_notice" => self.notices.extend(text(&m, "notice_id")),
                "guardduty_summary" => self.summaries.extend(text(&m, "summary_id")),
                "guardduty_reply" => self.standalone_replies.add(&m),
                _ => {}
            }
        }
    }

    fn add_finding(&mut self, channel: &NamedChannel, m: &BotMessage) {
        let Some(id) = text(m, "finding_id") else { return };
        if self.findings.get(&id).is_some_and(|known| known.at.ts >= m.ts) {
            return;
        }
        let posted = PostedFinding {
            // A finding without a readable time is identified by its ID alone.
            updated: text(m, "updated_at").and_then(|time| Timestamp::parse(&time)).unwrap_or_default(),
            at: MessageRef { channel: channel.id.clone(), ts: m.ts.clone(), thread_ts: None },
            channel: channel.name.clone(),
            intended_channel: text(m, "intended_channel"),
            severity: m.payload.get("severity").and_then(|v| v.as_f64()).filter(|s| s.is_finite()).unwrap_or(0.0),
            region: text(m, "region").unwrap_or_default(),
            detector: text(m, "detector_id").unwrap_or_default(),
        };
        self.findings.insert(id, posted);
    }

    /// The newest message of a finding, about any revision.
    pub(crate) fn message_of(&self, id: &str) -> Option<&PostedFinding> {
        self.findings.get(id)
    }

    /// The message of this revision of a finding, or of a later one.
    pub(crate) fn finding(&self, id: &str, updated: Timestamp) -> Option<&PostedFinding> {
        self.findings.get(id).filter(|posted| posted.updated >= updated)
    }

    /// Treats posted messages as delivered: findings of sources in the state, digests with a plan, queued notices.
    /// `sources`: by ID of each finding that this run listed, the ID of its source. A message about such a finding
    /// counts, even if it names another detector.
    pub(crate) fn mark_delivered(
        &self,
        state: &mut State,
        sources: &HashMap<&str, u32>,
        now: Timestamp,
    ) -> Reconciliation {
        let mut reconciliation = Reconciliation::default();
        for id in &self.digests {
            reconciliation.digests += usize::from(state.reconcile_digest(id).is_some());
        }
        state.remove_announced_notices(&self.notices);
        for (id, posted) in &self.findings {
            if state.reconcile_finding(id, posted, sources.get(id.as_str()).copied(), now) {
                reconciliation.findings.insert(id.clone());
            }
        }
        reconciliation
    }
}

fn text(m: &BotMessage, key: &str) -> Option<String> {
    m.payload.get(key).and_then(|v| v.as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests;
