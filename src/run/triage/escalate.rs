//! Escalation: calls again about findings that nobody acknowledged in time.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::config::{Config, Escalate};
use crate::finding::Finding;
use crate::guardduty::Detector;
use crate::plan::{Act, Queue, Routed, Update, Word, route};
use crate::run::engine::Engine;
use crate::slack::{At, Chat};
use crate::state::store::Store;

/// The escalation of the route that a finding takes. Nobody is called about a sample finding.
pub(in crate::run) fn escalation_of(config: &Config, f: &Finding) -> Option<Escalate> {
    let Routed::To(to) = route(config, f) else { return None };
    config.routes.0[to.route?].escalate.clone().filter(|_| !f.sample)
}

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    /// Notes when somebody is to be called about a finding that was announced.
    pub(in crate::run) fn schedule_escalation(&mut self, f: &Finding) {
        let escalate = escalation_of(self.config, f);
        self.record.state.schedule_escalation(f, escalate.as_ref());
    }

    /// Findings about which somebody would be called, and whose reactions were not read in this run.
    pub(super) fn unread_escalations(&self) -> Vec<(String, At)> {
        let state = &self.record.state;
        let due = state.due_escalations(self.clock.now()).into_iter().filter(|id| !self.reactions.read.contains(id));
        due.filter_map(|id| Some((id.clone(), state.findings.get(&id)?.at.clone()?))).collect()
    }

    /// Calls about the findings that are due. One whose reactions were not read may be acknowledged: it waits.
    pub(super) async fn escalate(&mut self) {
        let mut due = self.record.state.due_escalations(self.clock.now());
        due.retain(|id| self.reactions.read.contains(id) && !self.tried.contains(id));
        if due.is_empty() || !self.may_triage() {
            return;
        }
        let findings = self.findings_for_triage(&due).await;
        let mut queues: BTreeMap<Queue, Vec<Act>> = BTreeMap::new();
        for id in due {
            let Some(f) = findings.get(&id).filter(|f| !f.archived) else { continue };
            if let Some(update) = self.call_about(f) {
                let channel = self.channels.name(&update.at.channel);
                queues.entry(Queue::Channel(channel)).or_default().push(Act::Reply(f.clone(), update));
            }
        }
        match self.print {
            Some(print) => queues.values().flatten().for_each(print),
            None if queues.is_empty() => {}
            None => self.deliver(queues).await,
        }
    }

    fn call_about(&self, f: &Rc<Finding>) -> Option<Update> {
        let entry = self.record.state.findings.get(&f.id)?;
        let (at, escalate) = (entry.at.clone()?, escalation_of(self.config, f)?);
        let Routed::To(mut to) = route(self.config, f) else { return None };
        to.mention = Some(escalate.mention);
        let word = Word { unacknowledged_for: Some(escalate.after), ..Word::default() };
        Some(Update { at, word: Some(word), to, seen: Vec::new(), related: Vec::new(), marks: entry.marks() })
    }
}
