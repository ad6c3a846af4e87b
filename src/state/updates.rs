//! Updates of the document other than processing findings. The run decides about them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::message::Notice;
use crate::slack::{MessageRef, SentMessage};
use crate::source_key::{SourceKey, SourceOrIdentity};
use crate::state::{DigestPlan, FindingRecord, Lease, Outcome, SourceState, State, UnfetchedFinding};
use crate::time::Timestamp;

/// Messages that may exist in Slack and are not in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrecorded {
    /// Time from which they may have been posted.
    pub since: Timestamp,
    /// Time of the last of them.
    pub last_post: Timestamp,
}

/// The message of a finding that the history of a channel shows.
#[derive(Clone, Debug)]
pub struct PostedFinding {
    pub updated: Timestamp,
    pub at: MessageRef,
    /// Its channel as configured, for the metric.
    pub channel: String,
    pub severity: f64,
    pub region: String,
    pub detector: String,
}

/// The lease and the posting intent.
impl State {
    /// Writes the posting intent, and renews the lease. The intent of a run that ended uncleanly keeps its beginning.
    pub fn renew_lease(&mut self, id: &str, now: Timestamp) {
        let posting_since = self.lease.as_ref().map_or(now, |run| run.posting_since);
        self.lease = Some(Lease { id: id.to_owned(), posting_since, renewed_at: now, released: false });
    }

    /// Releases the lease. The posting intent stays for the next run if there may be messages that are not in the state.
    pub fn release_lease(&mut self, id: &str, unrecorded: Option<Unrecorded>) {
        self.lease = unrecorded.map(|Unrecorded { since, last_post }| {
            let since = self.lease.as_ref().map_or(since, |run| run.posting_since.min(since));
            Lease { id: id.to_owned(), posting_since: since, renewed_at: last_post, released: true }
        });
    }

    /// Sets the sources back, so that what was updated since then is announced again: nothing announced before counts.
    pub fn begin_replay(&mut self, since: Timestamp, now: Timestamp) {
        for source in self.sources.values_mut().filter(|source| source.watermark > since) {
            // Not below `since`: what was announced before then is discarded.
            (source.watermark, source.floor) = (since, since);
        }
        self.findings.retain(|_, entry| entry.updated_at < Some(since));
        self.digest_plans.clear();
        self.lease = None;
        self.replayed_at = Some(now);
    }

    /// Replaces the times for which `is_wrong` is true: a run whose clock was ahead wrote them. Sources whose initial
    /// watermark is such a time start at `look_back`; their keys are returned.
    pub fn correct_times(
        &mut self,
        is_wrong: impl Fn(Timestamp) -> bool,
        look_back: Timestamp,
        now: Timestamp,
    ) -> Vec<SourceOrIdentity> {
        let wrong = |time: &&mut Timestamp| is_wrong(**time);
        let begins = self.lease.as_mut().map(|run| &mut run.posting_since).into_iter().chain(&mut self.saved_at);
        begins.filter(wrong).for_each(|time| *time = look_back);
        let announced =
            self.findings.values_mut().flat_map(|entry| [&mut entry.edited_at, &mut entry.notified_at]).flatten();
        let compared = self.sources.values_mut().filter_map(|source| source.watch_baseline.as_mut());
        let compared = compared.filter_map(|watched| watched.compared_at.as_mut());
        announced.chain(compared).chain(&mut self.replayed_at).filter(wrong).for_each(|time| *time = now);
        let mut keys = Vec::new();
        for (key, source) in &mut self.sources {
            if source.is_initial_watermark && is_wrong(source.watermark) {
                source.reset_to(look_back);
                keys.push(key.clone());
            }
        }
        keys
    }
}

/// Sources and their health.
impl State {
    /// Replaces what is known of a source, after a decision about it.
    pub fn set_source(&mut self, key: &SourceOrIdentity, source: SourceState) {
        if let Some(known) = self.sources.get(key) {
            debug_assert_eq!(known.id, source.id, "the number of {key} never changes");
        }
        self.sources.insert(key.clone(), source);
    }

    /// Removes an entry, such as that of an identity that can be used again.
    pub fn remove_source(&mut self, key: &SourceOrIdentity) -> Option<SourceState> {
        self.sources.remove(key)
    }

    /// Notes the first detector of a source.
    pub fn note_detector(&mut self, key: &SourceKey, detector: &str) {
        if let Some(source) = self.source_mut(key) {
            source.detector_id.get_or_insert_with(|| detector.to_owned());
        }
    }

    /// Notes that a finding was listed and could not be fetched, and returns since when that is so.
    pub fn note_unfetched(&mut self, id: &str, source: u32, now: Timestamp) -> Timestamp {
        let new = UnfetchedFinding { source_id: source, since: now, given_up: false };
        self.unfetched.entry(id.to_owned()).or_insert(new).since
    }

    /// Gives up the findings that could not be fetched for `timeout`, and returns their IDs. `channel` is for the metric.
    pub fn give_up_unfetched(&mut self, timeout: Duration, channel: &str, now: Timestamp) -> Vec<String> {
        let mut ids = Vec::new();
        for (id, unfetched) in &mut self.unfetched {
            if !unfetched.given_up && now.duration_since(unfetched.since) >= timeout {
                unfetched.given_up = true;
                ids.push(id.clone());
            }
        }
        for _ in &ids {
            self.totals.count_notification(channel, Outcome::GivenUp.label());
        }
        ids
    }
}

/// What waits for its delivery, and what is saved before it.
impl State {
    /// Queues a notice, unless it is queued already.
    pub fn queue_notice(&mut self, notice: Notice) {
        if self.notices.iter().all(|queued| queued.id != notice.id) {
            self.notices.push(notice);
        }
    }

    pub fn set_notices(&mut self, notices: Vec<Notice>) {
        self.notices = notices;
    }

    pub fn remove_notice(&mut self, id: &str) {
        self.notices.retain(|notice| notice.id != id);
    }

    pub fn save_digest_plan(&mut self, id: &str, plan: DigestPlan) {
        self.digest_plans.insert(id.to_owned(), plan);
    }

    pub fn remove_digest_plan(&mut self, id: &str) {
        self.digest_plans.remove(id);
    }

    /// Drops the digest plans whose digest was not posted: their findings are planned again.
    pub fn drop_digest_plans(&mut self, may_be_posted: impl Fn(&DigestPlan) -> bool) {
        self.digest_plans.retain(|_, plan| may_be_posted(plan));
    }

    /// Records that an old message was replaced by a redirect.
    pub fn remove_redirect(&mut self, id: &str, old: &MessageRef) {
        if let Some(entry) = self.findings.get_mut(id) {
            entry.superseded.retain(|redirect| redirect != old);
        }
    }

    /// Notes the IDs of channels by their configured names.
    pub fn note_channels(&mut self, channels: impl IntoIterator<Item = (String, String)>) {
        self.channels.extend(channels);
    }
}

/// Reconciliation: messages in the history count as delivered.
impl State {
    /// Treats a digest as delivered. Returns the number of its findings, or `None` if the state has no plan for it.
    pub fn reconcile_digest(&mut self, id: &str) -> Option<usize> {
        let channel = self.digest_plans.get(id)?.channel.clone();
        let findings = self.mark_digest_processed(id);
        for _ in 0..findings {
            self.totals.count_notification(&channel, Outcome::Reconciled.label());
        }
        Some(findings)
    }

    /// The message becomes the live one of its finding; one in another channel must point to it. `source`: the source that
    /// showed the finding to this run. Returns false if the state has the message, or if it is about a finding of another
    /// installation with the same bot.
    pub fn reconcile_finding(&mut self, id: &str, posted: &PostedFinding, source: Option<u32>, now: Timestamp) -> bool {
        let by_detector = self.sources.iter().find(|(key, source)| {
            key.region() == Some(&posted.region) && source.detector_id.as_deref() == Some(&posted.detector)
        });
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
            first,
            escalation,
            investigations,
            superseded: entry.superseded.drain(..).chain(moved).collect(),
            severity: posted.severity,
            edited_at: Some(notified),
            notified_at: Some(notified),
            unknown: std::mem::take(&mut entry.unknown),
            ..FindingRecord::default()
        };
        self.totals.count_notification(&posted.channel, Outcome::Reconciled.label());
        true
    }
}

/// What is counted at the end of a run.
impl State {
    /// Counts findings that failed, by the channel as configured.
    pub fn count_failed(&mut self, failed: &BTreeMap<String, u64>) {
        for (channel, count) in failed {
            for _ in 0..*count {
                self.totals.count_notification(channel, "failed");
            }
        }
    }

    /// Counts a request: service, operation and code.
    pub fn count_requests(&mut self, request: (&str, &str, &str), count: u64) {
        let (service, operation, code) = request;
        *self.totals.requests.entry(format!("{service}|{operation}|{code}")).or_default() += count;
    }

    /// Sets the time of the last successful run, and returns the one before.
    pub fn set_last_success(&mut self, time: Option<Timestamp>) -> Option<Timestamp> {
        std::mem::replace(&mut self.totals.last_success, time)
    }

    /// Sets the time at which this document was saved, and returns the one before.
    pub fn set_saved(&mut self, time: Option<Timestamp>) -> Option<Timestamp> {
        std::mem::replace(&mut self.saved_at, time)
    }
}
