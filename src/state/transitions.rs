//! Transitions of the state: marks revisions as processed and advances watermarks. Pure; `now` is an argument.

use std::collections::HashMap;
use std::time::Duration;

use crate::finding::{Finding, SeverityLevel};
use crate::message::Marks;
use crate::slack::{MessageRef, SentMessage};
use crate::source_key::{SourceKey, SourceOrIdentity};
use crate::state::{FindingRecord, SourceState, State};
use crate::time::Timestamp;

/// Maximum number of attributes (remote IPs, countries, ports, APIs) that are kept per finding: the newest.
const MAX_ATTRIBUTES: usize = 16;

/// How a revision of a finding (`id`, `updatedAt`) was processed.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A message of its own, at top level or, as a sibling, in a thread. `meant`: the channel that rejected it.
    /// `superseded`: the message in another channel that must be replaced by a redirect.
    Posted {
        at: SentMessage,
        meant: Option<String>,
        old: Option<MessageRef>,
        /// The fingerprint of the links that it shows; empty if that is not known.
        links: String,
    },
    /// Its message was edited. `notified`: a reply was posted in its thread, too.
    Updated {
        notified: bool,
        links: String,
    },
    Digested,
    /// A filter or a route left it out.
    Dropped,
    /// It was archived before it was announced. If it is unarchived while it can be listed, it is announced then.
    ArchivedFirst,
    /// `SLACK_RECURRENCE=ignore`.
    Ignored,
    /// A recurrence that brings nothing worth an edit now.
    Coalesced,
    /// Found in Slack: a run that could not save had posted it.
    Reconciled,
    /// It could not be delivered for a day.
    GivenUp,
}

impl Outcome {
    /// The label of `guardduty_slack_notifications_total`.
    pub fn label(&self) -> &'static str {
        match self {
            Outcome::Posted { at, .. } if at.is_reply() => "threaded",
            Outcome::Posted { .. } => "posted",
            Outcome::Updated { .. } => "updated",
            Outcome::Digested => "digested",
            Outcome::Dropped | Outcome::ArchivedFirst => "dropped",
            Outcome::Ignored => "ignored",
            Outcome::Coalesced => "coalesced",
            Outcome::Reconciled => "adopted",
            Outcome::GivenUp => "given_up",
        }
    }

    /// Whether Slack acknowledged something just now.
    fn is_delivery(&self) -> bool {
        matches!(self, Outcome::Posted { .. } | Outcome::Updated { .. } | Outcome::Digested)
    }
}

/// What one run saw of one source so far.
#[derive(Clone, Debug, Default)]
pub struct PollProgress {
    /// Everything with an `updatedAt` up to this time was listed and fetched, or is in `pending` or below `watermark_limit`.
    pub complete_until: Option<Timestamp>,
    /// Listed but not processed: ID → `updatedAt`.
    pub pending: HashMap<String, Timestamp>,
    /// Upper bound of the watermark, because a listed finding could not be fetched.
    pub watermark_limit: Option<Timestamp>,
    /// How long it took from its first list to its last one.
    pub poll_duration: Duration,
}

impl PollProgress {
    /// The smallest `updatedAt` of the findings that are listed but not processed.
    pub fn oldest_pending(&self) -> Option<Timestamp> {
        self.pending.values().min().copied()
    }

    /// The latest time to which the watermark may move: everything up to it is processed.
    fn watermark_target(&self) -> Option<Timestamp> {
        let just_before = |t: Timestamp| Timestamp(t.0 - 1);
        let limits = [self.oldest_pending().map(just_before), self.watermark_limit.map(just_before)];
        self.complete_until.map(|c| limits.into_iter().flatten().fold(c, Timestamp::min))
    }
}

impl SourceState {
    /// The inclusive lower bound of the next poll.
    pub fn lower_bound(&self, overlap: Duration) -> Timestamp {
        self.watermark.minus(overlap + self.poll_duration).max(self.floor)
    }

    /// Moves the watermark forward; never backward. `poll_duration` is saved with it, because findings can have become
    /// visible since the run listed them. A run that does not move the watermark does not change the lower bound
    /// either: all findings below it that were visible then are processed and may be discarded.
    pub fn advance_watermark(&mut self, progress: &PollProgress) {
        if let Some(to) = progress.watermark_target().filter(|to| *to > self.watermark) {
            (self.watermark, self.poll_duration, self.is_initial_watermark) = (to, progress.poll_duration, false);
        }
    }

    /// Polls from `start`, as for a new source.
    pub fn reset_to(&mut self, start: Timestamp) {
        (self.watermark, self.floor, self.is_initial_watermark) = (start, start, true);
    }
}

impl State {
    /// Returns true if this revision of a finding is processed.
    pub fn is_processed(&self, id: &str, updated: Timestamp) -> bool {
        self.findings.get(id).is_some_and(|e| e.updated_at >= Some(updated))
    }

    /// What the state knows of a source.
    pub fn source(&self, key: &SourceKey) -> Option<&SourceState> {
        self.sources.get(&key.clone().into())
    }

    pub fn source_mut(&mut self, key: &SourceKey) -> Option<&mut SourceState> {
        self.sources.get_mut(&key.clone().into())
    }

    /// The source's entry; made, looking back to `start`, if it is new to the state.
    pub fn source_or_insert(&mut self, key: &SourceOrIdentity, start: Timestamp) -> (&mut SourceState, bool) {
        let new = !self.sources.contains_key(key);
        let n = self.next_source_id;
        self.next_source_id += u32::from(new);
        let source = self.sources.entry(key.clone()).or_insert_with(|| SourceState { id: n, ..SourceState::default() });
        if new {
            source.reset_to(start);
        }
        (source, new)
    }

    /// Marks a revision as processed and counts it. `channel`: as configured, for the metric.
    pub fn mark_processed(&mut self, f: &Finding, s: u32, channel: &str, outcome: &Outcome, now: Timestamp) {
        let is_new_revision = !self.is_processed(&f.id, f.updated);
        if is_new_revision {
            self.totals.count_finding(f.severity_level().name(), &f.origin.account, &f.origin.region, f.kind.as_str());
        }
        self.totals.count_notification(channel, outcome.label());
        if matches!(outcome, Outcome::Updated { notified: true, .. }) {
            self.totals.count_notification(channel, "threaded");
        }
        // A message about archiving, or a message that is posted again, does not announce a revision.
        if outcome.is_delivery() && is_new_revision && f.listed_at().is_some() {
            self.totals.delay.observe(now.duration_since(f.updated).as_secs_f64());
        }
        self.unfetched.remove(&f.id);
        if *outcome == Outcome::ArchivedFirst {
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
        entry.source_id = s;
        entry.failing_since = None;
        entry.apply_outcome(f, outcome, now);
    }

    /// Completes what was reconciled from a message with the data of the finding, and counts the finding.
    pub fn complete_reconciled(&mut self, f: &Finding) {
        self.totals.count_finding(f.severity_level().name(), &f.origin.account, &f.origin.region, f.kind.as_str());
        if let Some(entry) = self.findings.get_mut(&f.id).filter(|e| e.updated_at == Some(f.updated)) {
            (entry.count, entry.notified_count, entry.archived) = (f.count, f.count, f.archived);
            entry.global_key = f.global_key();
            entry.add_attributes(&f.attributes());
            entry.notified_attributes = entry.attributes.len();
        }
    }

    /// Marks a revision as processed by its ID: a finding that the plan of a digest names.
    pub fn mark_processed_by_id(&mut self, id: &str, updated: Timestamp, s: u32) {
        let entry = self.findings.entry(id.to_owned()).or_default();
        if entry.updated_at < Some(updated) {
            *entry = FindingRecord {
                updated_at: Some(updated),
                source_id: s,
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

    /// Notes that a finding's newest state could not be delivered; how long that has been so.
    pub fn mark_failing(&mut self, id: &str, s: u32, now: Timestamp) -> Duration {
        let entry = self.findings.entry(id.to_owned()).or_default();
        entry.source_id = s;
        now.duration_since(*entry.failing_since.get_or_insert(now))
    }
}

impl FindingRecord {
    /// The severity level that was shown last.
    pub fn severity_level(&self) -> SeverityLevel {
        SeverityLevel::from_score(self.severity)
    }

    /// Attributes of a recurrence that no earlier revision had.
    pub fn new_attributes<'a>(&self, traits: &'a [String]) -> Vec<&'a String> {
        traits.iter().filter(|t| !self.attributes.contains(t)).collect()
    }

    /// What people marked with reactions on its message.
    pub fn marks(&self) -> Marks {
        self.triage.as_ref().map(|triage| triage.marks.clone()).unwrap_or_default()
    }

    /// Its live message, if it can be read and edited: one that a webhook posted cannot.
    pub fn bot_message(&self) -> Option<&MessageRef> {
        self.message.as_ref().and_then(SentMessage::as_bot)
    }

    /// Time of its first message, if it has one.
    pub fn first_message(&self) -> Option<Timestamp> {
        self.first.or_else(|| self.bot_message().map(MessageRef::posted))
    }

    fn reopen(&mut self) {
        if let Some(triage) = self.triage.as_mut().filter(|triage| triage.marks.resolved.is_some()) {
            triage.reopen();
        }
    }

    fn apply_outcome(&mut self, f: &Finding, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::Posted { at, meant, old, links } => {
                // The reactions were on the message before this one.
                (self.first, self.triage) = (self.first_message(), None);
                self.message = Some(at.clone());
                self.intended_channel.clone_from(meant);
                self.superseded.extend(old.clone());
                self.global_key = f.global_key();
                self.links.clone_from(links);
                self.record_shown(f, now, true);
            }
            Outcome::Updated { notified, links } => {
                self.links.clone_from(links);
                self.record_shown(f, now, *notified);
            }
            Outcome::Digested => {
                let unknown = std::mem::take(&mut self.unknown);
                *self = FindingRecord {
                    updated_at: self.updated_at,
                    source_id: self.source_id,
                    unknown,
                    ..FindingRecord::default()
                };
            }
            Outcome::Dropped
            | Outcome::ArchivedFirst
            | Outcome::Ignored
            | Outcome::Coalesced
            | Outcome::Reconciled
            | Outcome::GivenUp => {}
        }
    }

    fn record_shown(&mut self, f: &Finding, now: Timestamp, notified: bool) {
        self.severity = f.severity;
        self.count = f.count;
        self.archived = f.archived;
        self.edited_at = Some(now);
        self.sequence = f.sequence_id().map(str::to_owned).or(self.sequence.take());
        self.add_attributes(&f.attributes());
        if notified {
            self.notified_at = Some(now);
            self.notified_count = f.count;
            self.notified_attributes = self.attributes.len();
        }
    }

    /// Adds new attributes, and discards the oldest ones beyond the limit.
    pub fn add_attributes(&mut self, traits: &[String]) {
        let fresh: Vec<String> = self.new_attributes(traits).into_iter().cloned().collect();
        self.attributes.extend(fresh);
        let over = self.attributes.len().saturating_sub(MAX_ATTRIBUTES);
        self.attributes.drain(..over);
        self.notified_attributes = self.notified_attributes.saturating_sub(over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(complete_to: i64, pending_ids: &[i64], hold: Option<i64>) -> PollProgress {
        PollProgress {
            complete_until: Some(Timestamp(complete_to)),
            pending: pending_ids.iter().map(|u| (u.to_string(), Timestamp(*u))).collect(),
            watermark_limit: hold.map(Timestamp),
            ..PollProgress::default()
        }
    }

    #[test]
    fn watermark_stops_before_unprocessed_findings() {
        let mut source = SourceState { watermark: Timestamp(100), ..SourceState::default() };
        source.advance_watermark(&progress(500, &[300, 400], None));
        assert_eq!(source.watermark, Timestamp(299));
        source.advance_watermark(&progress(500, &[], Some(350)));
        assert_eq!(source.watermark, Timestamp(349));
        source.advance_watermark(&progress(500, &[], None));
        assert_eq!(source.watermark, Timestamp(500));
    }

    #[test]
    fn the_watermark_never_moves_backwards_nor_without_evidence() {
        let mut source = SourceState { watermark: Timestamp(100), ..SourceState::default() };
        source.advance_watermark(&progress(90, &[], None));
        source.advance_watermark(&PollProgress::default());
        assert_eq!(source.watermark, Timestamp(100));
    }

    #[test]
    fn a_run_that_does_not_move_the_watermark_moves_no_lower_bound() {
        let mut source = SourceState { watermark: Timestamp(100_000), ..SourceState::default() };
        let overlap = Duration::from_secs(10);
        source
            .advance_watermark(&PollProgress { poll_duration: Duration::from_secs(1), ..progress(200_000, &[], None) });
        assert_eq!(source.lower_bound(overlap), Timestamp(189_000));
        for to in [200_000, 150_000] {
            source
                .advance_watermark(&PollProgress { poll_duration: Duration::from_secs(30), ..progress(to, &[], None) });
            assert_eq!(source.lower_bound(overlap), Timestamp(189_000));
        }
    }

    #[test]
    fn next_poll_starts_at_the_overlap_but_not_below_the_floor() {
        let source = SourceState { watermark: Timestamp(60_000), floor: Timestamp(30_000), ..SourceState::default() };
        assert_eq!(source.lower_bound(Duration::from_secs(10)), Timestamp(50_000));
        assert_eq!(source.lower_bound(Duration::from_secs(3600)), Timestamp(30_000));
    }

    #[test]
    fn only_the_announcement_of_a_revision_counts_for_the_delay() {
        let origin = crate::finding::Origin { account: String::new(), region: String::new(), detector: String::new() };
        let raw = r#"{"id": "f", "type": "t", "updatedAt": "2026-01-01T00:00:00.000Z"}"#;
        let f = crate::finding::decode(raw, &std::sync::Arc::new(origin)).unwrap();
        let at = MessageRef { channel: "C1".into(), ts: "1.1".into(), thread_ts: None };
        let mut state = State::default();
        state.mark_processed(
            &f,
            0,
            "C1",
            &Outcome::Posted { at: at.into(), meant: None, old: None, links: String::new() },
            f.updated,
        );
        let archived = Outcome::Updated { notified: false, links: String::new() };
        state.mark_processed(&f, 0, "C1", &archived, f.updated.plus(Duration::from_secs(86_400)));
        assert_eq!((state.totals.delay.count, state.totals.delay.sum), (1, 0.0));
    }

    #[test]
    fn newest_attributes_and_announced_counts_are_recorded() {
        let mut entry = FindingRecord::default();
        let names = |r: std::ops::Range<usize>| r.map(|i| format!("ip 10.0.0.{i}")).collect::<Vec<_>>();
        entry.add_attributes(&names(0..10));
        entry.notified_attributes = 10;
        entry.add_attributes(&names(5..20));
        assert_eq!((entry.attributes.len(), entry.notified_attributes), (MAX_ATTRIBUTES, 6));
        assert_eq!(entry.attributes, names(4..20));
    }
}
