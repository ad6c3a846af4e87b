//! Results of GuardDuty investigations, in the threads of the findings that they are about. Announcements come first.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::finding::{Assessment, Finding, investigated_finding};
use crate::guardduty::{Detector, DetectorStatus, Investigation, ReadError, Reason};
use crate::plan::{Act, Queue, Routed, Update, Word, default_destination, route};
use crate::run::engine::Engine;
use crate::slack::Chat;
use crate::state::store::Store;

/// An older result is not announced: its thread is not where anybody looks for it.
const RECENT: Duration = Duration::from_secs(24 * 3_600);
/// Results that a run announces.
const MOST: usize = 10;
/// Time for the calls to GuardDuty.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A source whose account can start investigations.
struct Investigator<D> {
    key: String,
    source: Rc<D>,
    detector: String,
}

/// An investigation of a finding whose thread does not have the result.
struct Due<D> {
    finding: String,
    investigation: String,
    source: Rc<D>,
    detector: String,
}

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    /// Replies to findings with the results of their investigations, each once.
    pub(super) async fn report_investigations(&mut self) {
        if !self.may_triage() {
            return;
        }
        let due = self.due_investigations().await;
        if due.is_empty() {
            return;
        }
        let ids: Vec<String> = due.iter().map(|due| due.finding.clone()).collect();
        let findings = self.findings_for_triage(&ids).await;
        let mut queues: BTreeMap<Queue, Vec<Act>> = BTreeMap::new();
        for due in due {
            let Some(f) = findings.get(&due.finding) else { continue };
            let Some(assessment) = self.read_assessment(&due).await else { continue };
            let Some(update) = self.reply_with(f, assessment) else { continue };
            let channel = self.channels.name(&update.at.channel);
            queues.entry(Queue::Channel(channel)).or_default().push(Act::Reply(f.clone(), update));
        }
        match self.print {
            Some(print) => queues.values().flatten().for_each(print),
            None if queues.is_empty() => {}
            None => self.deliver(queues).await,
        }
    }

    /// Lists the investigations of every source that can have some, and selects those whose results are due.
    async fn due_investigations(&mut self) -> Vec<Due<D>> {
        let investigators = self.investigators();
        if investigators.is_empty() {
            return Vec::new();
        }
        let listing = join_all(investigators.iter().map(|from| from.source.investigations(&from.detector)));
        let Some(lists) = self.within(CALL_TIMEOUT, listing).await else { return Vec::new() };
        let mut due: BTreeMap<(String, String), Due<D>> = BTreeMap::new();
        for (from, list) in investigators.iter().zip(lists) {
            let Some(list) = self.keep_readable(&from.key, list) else { continue };
            for investigation in list {
                let Some(finding) = self.finding_due(&investigation) else { continue };
                let (source, detector) = (from.source.clone(), from.detector.clone());
                let id = (finding.clone(), investigation.id.clone());
                due.insert(id, Due { finding, investigation: investigation.id, source, detector });
            }
        }
        due.into_values().take(MOST).collect()
    }

    fn investigators(&self) -> Vec<Investigator<D>> {
        if self.record.state.findings.values().all(|entry| entry.at.is_none()) {
            return Vec::new();
        }
        let readers = self.intake.readers().into_iter();
        let investigators =
            readers.map(|(source, detector)| Investigator { key: source.key().to_string(), source, detector });
        investigators.filter(|from| self.can_investigate(&from.key)).collect()
    }

    fn can_investigate(&self, key: &str) -> bool {
        let status = self.intake.tracks.get(key).and_then(|track| track.status.as_ref());
        status.is_some_and(DetectorStatus::can_investigate)
    }

    /// An operation or a permission that is missing is one warning until it is there.
    fn keep_readable<T>(&mut self, key: &str, list: Result<T, ReadError>) -> Option<T> {
        let error = match list {
            Ok(list) => {
                self.record.state.note_investigations(key, true);
                return Some(list);
            }
            Err(error) => error,
        };
        let is_rejected = matches!(error, ReadError::Passing { reason: Reason::Rejected, .. });
        let is_lasting = error.is_lasting() || is_rejected;
        if !is_lasting || self.record.state.note_investigations(key, false) {
            tracing::warn!(source = key, %error, "cannot list investigations; their results are not announced");
        }
        None
    }

    /// The finding that an investigation is about, if its thread is to have the result.
    fn finding_due(&mut self, investigation: &Investigation) -> Option<String> {
        let id = investigated_finding(&investigation.prompt)?;
        let is_recent = self.clock.now().since(investigation.ended) < RECENT;
        let entry = self.record.state.findings.get(id).filter(|_| is_recent)?;
        let has_thread = entry.at.as_ref().is_some_and(|at| !at.is_webhook());
        let is_due = has_thread && !entry.has_investigation(&investigation.id) && !self.tried.contains(id);
        if is_due && entry.marks().muted.is_some() {
            self.record.state.set_investigated(id, &investigation.id);
            return None;
        }
        is_due.then(|| id.to_owned())
    }

    async fn read_assessment(&mut self, due: &Due<D>) -> Option<Assessment> {
        let reading = due.source.assessment(&due.detector, &due.investigation);
        match self.within(CALL_TIMEOUT, reading).await? {
            Ok(assessment) => Some(assessment),
            Err(error) => {
                let (source, finding_id) = (due.source.key(), &due.finding);
                tracing::warn!(%source, finding_id, %error, "cannot read an investigation; the next run retries");
                None
            }
        }
    }

    fn reply_with(&self, f: &Rc<Finding>, assessment: Assessment) -> Option<Update> {
        let entry = self.record.state.findings.get(&f.id)?;
        let to = match route(self.config, f) {
            Routed::To(to) => to,
            Routed::Drop => default_destination(self.config),
        };
        let word = Word { assessment: Some(Rc::new(assessment)), ..Word::default() };
        let (at, marks) = (entry.at.clone()?, entry.marks());
        Some(Update { at, word: Some(word), to, seen: Vec::new(), related: Vec::new(), marks })
    }
}
