//! Reconciliation: messages in the history of Slack count as delivered.

use crate::finding::Finding;
use crate::metrics::NotificationOutcome;
use crate::slack::{MessageRef, SentMessage};
use crate::state::{FindingRecord, State};
use crate::time::Timestamp;

/// The message of a finding that the history of a channel shows.
#[derive(Clone, Debug)]
pub struct PostedFinding {
    pub updated: Timestamp,
    pub at: MessageRef,
    /// Its channel as configured, for the metric.
    pub channel: String,
    /// The configured channel that rejected the message.
    pub intended_channel: Option<String>,
    pub severity: f64,
    pub region: String,
    pub detector: String,
}

impl State {
    /// Treats a digest as delivered. Returns the number of its findings, or `None` if the state has no plan for it.
    pub fn reconcile_digest(&mut self, id: &str) -> Option<usize> {
        let channel = self.digest_plans.get(id)?.channel.clone();
        let findings = self.mark_digest_processed(id);
        for _ in 0..findings {
            self.totals.count_notification(&channel, NotificationOutcome::Adopted);
        }
        Some(findings)
    }

    /// The message becomes the live one of its finding; one in another channel must point to it. `source`: the source that
    /// showed the finding to this run. Returns false if the state has the message, or if it is about a finding of another
    /// installation with the same bot.
    pub fn reconcile_finding(&mut self, id: &str, posted: &PostedFinding, source: Option<u32>, now: Timestamp) -> bool {
        // The detector may have been replaced since, so that this run cannot list the finding.
        let by_detector = self
            .sources
            .iter()
            .find(|(key, source)| key.region() == Some(&posted.region) && source.has_or_had_detector(&posted.detector));
        let Some(s) = by_detector.map(|(_, source)| source.id).or(source) else { return false };
        let known = self.findings.get(id);
        let updated = Some(posted.updated);
        let is_newer = known.is_none_or(|e| e.updated_at < updated || (e.message.is_none() && e.updated_at == updated));
        let is_other = known.and_then(FindingRecord::bot_message).is_none_or(|mine| mine.ts < posted.at.ts);
        if !is_newer || !is_other {
            return false;
        }
        let entry = self.findings.entry(id.to_owned()).or_default();
        let notified = posted.at.posted().min(now);
        let (first, escalation) = (entry.first_message(), entry.escalation);
        let investigations = std::mem::take(&mut entry.investigations);
        let live = entry.message.take().and_then(SentMessage::into_bot);
        let moved = live.filter(|at| at.channel != posted.at.channel);
        *entry = FindingRecord {
            updated_at: updated,
            source_id: s,
            message: Some(posted.at.clone().into()),
            intended_channel: posted.intended_channel.clone(),
            first,
            escalation,
            investigations,
            superseded: entry.superseded.drain(..).chain(moved).collect(),
            severity: posted.severity,
            edited_at: Some(notified),
            notified_at: Some(notified),
            reconciled: true,
            unknown: std::mem::take(&mut entry.unknown),
            ..FindingRecord::default()
        };
        self.totals.count_notification(&posted.channel, NotificationOutcome::Adopted);
        true
    }

    /// Completes what was reconciled from a message with the data of the finding, and counts the finding. Returns false if
    /// there is nothing to complete.
    pub fn complete_reconciled(&mut self, f: &Finding) -> bool {
        let is_incomplete = |e: &&mut FindingRecord| e.reconciled && e.updated_at == Some(f.updated);
        let Some(entry) = self.findings.get_mut(&f.id).filter(is_incomplete) else { return false };
        entry.reconciled = false;
        (entry.count, entry.notified_count) = (f.count, f.count);
        entry.global_key = f.global_key();
        entry.add_attributes(&f.attributes());
        entry.notified_attributes = entry.attributes.len();
        self.totals.count_finding(f.severity_level(), f.origin.source_key(), f.kind.as_str());
        true
    }
}

#[cfg(test)]
mod tests;
