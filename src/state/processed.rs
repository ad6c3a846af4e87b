//! Marks revisions of findings as processed, or as failing.

use std::time::Duration;

use crate::finding::Finding;
use crate::metrics::NotificationOutcome;
use crate::state::{FindingRecord, Outcome, State};
use crate::time::Timestamp;

impl State {
    /// Returns true if this revision of a finding is processed.
    pub fn is_processed(&self, id: &str, updated: Timestamp) -> bool {
        self.findings.get(id).is_some_and(|e| e.updated_at >= Some(updated))
    }

    /// Marks a revision as processed and counts it. `channel`: as configured, for the metric.
    pub fn mark_processed(&mut self, f: &Finding, source_id: u32, channel: &str, outcome: &Outcome, now: Timestamp) {
        let is_new_revision = !self.is_processed(&f.id, f.updated);
        if is_new_revision {
            self.totals.count_finding(f.severity_level(), f.origin.source_key(), f.kind.as_str());
        }
        self.totals.count_notification(channel, outcome.notification());
        if matches!(outcome, Outcome::Updated { notified: true, .. }) {
            self.totals.count_notification(channel, NotificationOutcome::Threaded);
        }
        // A message about archiving, or a message that is posted again, does not announce a revision.
        if outcome.is_delivery() && is_new_revision && f.listed_at().is_some() {
            self.totals.delay.observe(now.duration_since(f.updated).as_secs_f64());
        }
        self.unfetched.remove(&f.id);
        if *outcome == Outcome::ArchivedFirst {
            // Nothing is to be delivered now: if it is unarchived later, its 24 h begin then.
            self.findings.get_mut(&f.id).into_iter().for_each(|entry| entry.failing_since = None);
            return;
        }
        let is_new = self.findings.get(&f.id).is_none_or(|entry| entry.updated_at.is_none());
        if outcome.is_delivery() && is_new {
            self.count_new_finding();
        }
        if outcome.is_delivery() && f.archived && self.findings.get(&f.id).is_some_and(|entry| !entry.archived) {
            self.count_archived();
        }
        let entry = self.findings.entry(f.id.clone()).or_default();
        let is_reopened = !f.archived && (Some(f.updated) > entry.updated_at || entry.archived);
        if matches!(outcome, Outcome::Updated { .. }) && is_reopened {
            entry.reopen();
        }
        entry.updated_at = entry.updated_at.max(Some(f.updated));
        entry.source_id = source_id;
        entry.failing_since = None;
        entry.apply_outcome(f, outcome, now);
    }

    /// Marks a revision as processed by its ID: a finding that the plan of a digest names.
    pub fn mark_processed_by_id(&mut self, id: &str, updated: Timestamp, source_id: u32) {
        let entry = self.findings.entry(id.to_owned()).or_default();
        if entry.updated_at < Some(updated) {
            *entry = FindingRecord {
                updated_at: Some(updated),
                source_id,
                unknown: std::mem::take(&mut entry.unknown),
                ..FindingRecord::default()
            };
        }
    }

    /// Marks the findings of a digest as processed, and removes its plan. Returns their number.
    pub fn mark_digest_processed(&mut self, id: &str) -> usize {
        let Some(plan) = self.digest_plans.remove(id) else { return 0 };
        for (finding, updated, s) in &plan.findings {
            self.mark_processed_by_id(finding, *updated, *s);
        }
        plan.findings.len()
    }

    /// Notes that the newest revision of a finding could not be delivered. Returns the time since the first failure.
    pub fn mark_failing(&mut self, id: &str, source_id: u32, now: Timestamp) -> Duration {
        let entry = self.findings.entry(id.to_owned()).or_default();
        entry.source_id = source_id;
        now.duration_since(*entry.failing_since.get_or_insert(now))
    }
}

#[cfg(test)]
mod tests;
