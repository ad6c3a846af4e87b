//! Triage of a run: reads reactions, and carries out what they say. Announcements come first; what is left over when the
//! run must end is left to the next run, which is no failure.

mod archive;
mod escalate;
mod read;

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config;
use crate::finding::Finding;
use crate::guardduty::{Detector, PAGE};
use crate::plan::{Act, Queue, Refresh};
use crate::run::engine::{Engine, ticks};
use crate::slack::{Chat, Reaction};
use crate::state::store::Store;
use crate::state::{Archiving, Entry};
use crate::triage::ReadAfter;

pub(super) use escalate::escalation_of;
pub(super) use read::Reactions;

/// Maximum number of findings for which a run carries out what the reactions say.
const CARRIED_OUT: usize = 200;
/// Time that is left for the last checkpoint when triage ends.
const RESERVE: Duration = Duration::from_secs(6);

/// Time that triage may still take in a run that ends in `left`.
pub(super) fn time_for_triage(left: Duration, run_timeout: Duration) -> Duration {
    left.saturating_sub(RESERVE.min(run_timeout / 6))
}

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    /// Reads the reactions that were not read yet, and carries out what all of them say.
    pub(super) async fn triage(&mut self) {
        let Some(triage) = &self.config.slack.triage else { return };
        self.read_recent_reactions(triage).await;
        self.read_older_reactions(triage).await;
        self.escalate().await;
        self.carry_out().await;
    }

    /// Returns true if reactions may be read now. Without a record of what they said, nothing could be taken back.
    pub(super) fn may_triage(&self) -> bool {
        !self.is_over() && self.record.is_recorded() && !self.time_left().is_zero()
    }

    fn time_left(&self) -> Duration {
        time_for_triage(self.stop.left(), self.config.run_timeout)
    }

    /// Waits for `work`, for `limit` at most, while the lease is renewed. Returns `None` if it did not end in time.
    pub(super) async fn within<T>(&mut self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let deadline = Instant::now() + limit.min(self.time_left());
        let stop = self.stop.clone();
        let mut work = pin!(work);
        let mut tick = ticks();
        loop {
            tokio::select! {
                biased;
                () = stop.wait() => return None,
                value = &mut work => return Some(value),
                () = tokio::time::sleep_until(deadline) => return None,
                _ = tick.tick() => self.tick().await,
            }
        }
    }

    /// Findings whose message, or whose archiving, is not what the reactions say.
    fn due_for_triage(&self) -> Vec<String> {
        let is_due = |entry: &Entry| entry.triage.as_ref().is_some_and(|triage| triage.is_due());
        let due = self.record.state.findings.iter().filter(|(_, entry)| is_due(entry)).map(|(id, _)| id.clone());
        due.take(CARRIED_OUT).collect()
    }

    /// Saves what is to be done, then does it: archives, then updates the messages.
    async fn carry_out(&mut self) {
        let due = self.due_for_triage();
        if due.is_empty() || !self.may_triage() {
            return;
        }
        if self.reactions.has_changed && self.print.is_none() {
            self.write_ahead(&BTreeMap::new()).await;
        }
        if !self.may_triage() {
            return;
        }
        let mut findings = self.findings_for_triage(&due).await;
        if self.print.is_none() {
            self.carry_to_guardduty(&mut findings).await;
        }
        let acts = self.marks_to_show(&findings);
        match self.print {
            Some(print) => acts.iter().for_each(print),
            None if acts.is_empty() || self.is_over() => {}
            None => {
                self.outbox.push(Queue::Edits, acts);
                self.drive().await;
            }
        }
    }

    /// The findings as GuardDuty has them now. One with a revision that was not announced yet is left to the next run,
    /// which announces it.
    pub(super) async fn findings_for_triage(&mut self, ids: &[String]) -> HashMap<String, Rc<Finding>> {
        let mut by_source: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for id in ids {
            if let Some(entry) = self.record.state.findings.get(id) {
                by_source.entry(entry.s).or_default().push(id.clone());
            }
        }
        let mut findings = HashMap::new();
        for (n, ids) in by_source {
            let Some((source, detector)) = self.intake.reader(n) else { continue };
            for page in ids.chunks(PAGE) {
                match self.within(Duration::MAX, source.get(&detector, page)).await {
                    Some(Ok(found)) => findings.extend(found.into_iter().map(|f| (f.id.clone(), Rc::new(f)))),
                    Some(Err(error)) => {
                        tracing::warn!(source = %source.key(), %error, "failed to read findings for triage; the next run retries");
                    }
                    None => return findings,
                }
            }
        }
        findings.retain(|_, f| f.archived || !self.is_unsaid(f));
        findings
    }

    fn marks_to_show(&self, findings: &HashMap<String, Rc<Finding>>) -> Vec<Act> {
        let mut acts = Vec::new();
        for (id, entry) in &self.record.state.findings {
            let Some(triage) = entry.triage.as_ref().filter(|triage| triage.stale) else { continue };
            let Some((f, at)) = findings.get(id).zip(entry.at.clone()) else { continue };
            let related = self.record.state.related(f);
            let mark = Refresh { at, marks: triage.marks.clone(), seen: entry.seen.clone(), related };
            acts.push(Act::Refresh(f.clone(), mark));
        }
        acts
    }

    /// Notes that a revision is announced: a resolution that is older does not count for it.
    pub(super) fn note_announced(&mut self, f: &Finding) {
        if self.config.slack.triage.is_some() && !self.record.state.knows(&f.id, f.updated) {
            self.reactions.announced.insert(f.id.clone());
        }
    }

    /// Takes out the recurrences that wait until the reactions are read: a muted thread says nothing about them. A first
    /// sighting and a higher severity level wait for nothing.
    pub(super) fn take_recurrences(&mut self, window: &mut Vec<Rc<Finding>>) -> Vec<Rc<Finding>> {
        if self.config.slack.triage.is_none() || self.reactions.is_read {
            return Vec::new();
        }
        let state = &self.record.state;
        let waits = |f: &Rc<Finding>| {
            state.findings.get(&f.id).is_some_and(|entry| entry.at.is_some() && f.band() <= entry.band())
        };
        let (recurrences, others) = std::mem::take(window).into_iter().partition(waits);
        *window = others;
        recurrences
    }

    /// Reads the recent reactions before recurrences are announced.
    pub(super) async fn read_before_recurrences(&mut self) {
        if let Some(triage) = &self.config.slack.triage {
            self.read_recent_reactions(triage).await;
        }
    }

    /// Notes in the state what the reactions on the message of a finding say.
    async fn note_reactions(&mut self, triage: &config::Triage, id: &str, reactions: &[Reaction], after: ReadAfter) {
        self.reactions.read.insert(id.to_owned());
        let Some(change) = self.change_of(triage, id, reactions, after).await else { return };
        let before = self.record.state.findings.get(id).and_then(|entry| entry.triage.as_ref()?.archiving);
        // After another intent, the program may have archived the finding itself.
        if change.archiving == Some(Archiving::Archive) && before.is_none() {
            self.reactions.new_intents.insert(id.to_owned());
        }
        self.reactions.has_changed = true;
        self.record.state.set_triage(id, change, self.clock.now());
    }
}
