//! Escalates findings that nobody acknowledged in time.

use crate::config::{Config, Escalate};
use crate::core::Core;
use crate::core::agenda::{FetchPurpose, Findings, Queues};
use crate::finding::Finding;
use crate::plan::{Delivery, Queue, Reply, ReplySubject, RouteDecision, route};
use crate::slack::MessageRef;

/// The escalation of the route that a finding takes. Nobody is called about a sample finding.
fn escalation_of(config: &Config, f: &Finding) -> Option<Escalate> {
    let RouteDecision::To(to) = route(config, f) else { return None };
    config.routes.0[to.route?].escalate.clone().filter(|_| !f.sample)
}

impl Core<'_> {
    /// Schedules the escalation of a finding that was announced.
    pub(in crate::core) fn schedule_escalation(&mut self, f: &Finding) {
        let escalate = escalation_of(self.config, f);
        self.state.schedule_escalation(f, escalate.as_ref());
    }

    /// Findings whose escalation is due, and whose reactions were not read in this run.
    pub(super) fn unread_escalations(&self) -> Vec<(String, MessageRef)> {
        let state = &self.state;
        let due = state.due_escalations(self.now).into_iter().filter(|id| !self.reactions.read_findings.contains(id));
        due.filter_map(|id| Some((id.clone(), state.findings.get(&id)?.bot_message()?.clone()))).collect()
    }

    /// Calls about the findings that are due. One whose reactions were not read may be acknowledged: it waits.
    pub(super) fn escalate(&mut self) {
        let mut due = self.state.due_escalations(self.now);
        due.retain(|id| self.reactions.read_findings.contains(id) && !self.tried.contains(id));
        if !due.is_empty() && self.may_triage() {
            let ids = due.clone();
            self.begin_fetching(&ids, FetchPurpose::Escalations(due));
        }
    }

    pub(super) fn deliver_escalations(&mut self, due: Vec<String>, findings: &Findings) {
        let mut queues = Queues::new();
        for id in due {
            let Some(f) = findings.get(&id).filter(|f| !f.archived) else { continue };
            if let Some(reply) = self.escalation_reply(f) {
                let channel = self.channels.name(&reply.message.channel);
                queues.entry(Queue::Channel(channel)).or_default().push(Delivery::Reply(f.clone(), reply));
            }
        }
        self.deliver(queues);
    }

    fn escalation_reply(&self, f: &Finding) -> Option<Reply> {
        let message = self.state.findings.get(&f.id)?.bot_message()?.clone();
        let escalate = escalation_of(self.config, f)?;
        // A route may drop the finding in the meantime.
        let RouteDecision::To(_) = route(self.config, f) else { return None };
        let subject = ReplySubject::Unacknowledged(escalate.after);
        Some(Reply { message, mention: Some(escalate.mention), subject })
    }
}
