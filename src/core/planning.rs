//! Plans batches of findings, and passes the plans to delivery.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::config::SlackAuth;
use crate::core::Core;
use crate::core::agenda::{Batch, Queues, Step};
use crate::core::triage::TriageStep;
use crate::finding::Finding;
use crate::message::{Marks, Reopened};
use crate::plan::{self, Changes, Delivery, Queue, Refresh, Reply, ReplySubject, Update, destination_of};
use crate::slack::MessageRef;
use crate::state::FindingRecord;

/// Number of findings in the state at which it is saved, and so compacted, after a batch. A flood of findings that are
/// skipped must not fill the memory.
const MAX_UNSAVED_FINDINGS: usize = 12_000;

/// Batches, one after another.
impl Core<'_> {
    pub(super) fn begin_batch(&mut self) {
        if !self.is_over() {
            self.do_first([Step::AnnounceArrived, Step::GatherMore]);
        }
    }

    /// Announces what arrived: first sightings and higher severity levels first, recurrences once the reactions are read.
    pub(super) fn announce_arrived(&mut self) {
        self.announce_sources();
        let mut findings = std::mem::take(&mut self.arrived.findings);
        let looked_up = std::mem::take(&mut self.arrived.looked_up);
        let (new, looked_up): (Vec<Rc<Finding>>, Vec<Rc<Finding>>) =
            looked_up.into_iter().partition(|f| !f.archived && self.is_unannounced(f));
        self.sources.add_pending(&new);
        findings.extend(new);
        let recurrences = self.take_recurrences(&mut findings);
        if recurrences.is_empty() && !self.has_archiving_changed(&looked_up) {
            return self.do_first([Step::AnnounceBatch(Batch { findings, looked_up }), Step::FinishBatch]);
        }
        let first = Batch { findings, looked_up: Vec::new() };
        let later = Batch { findings: recurrences, looked_up };
        self.do_first([
            Step::AnnounceBatch(first),
            Step::Triage(TriageStep::ReadRecent),
            Step::AnnounceLater(later),
            Step::FinishBatch,
        ]);
    }

    /// Announces a batch that waited, unless the run is over.
    pub(super) fn announce_later(&mut self, batch: Batch) {
        if !self.is_over() {
            self.do_first([Step::AnnounceBatch(batch)]);
        }
    }

    pub(super) fn finish_batch(&mut self) {
        self.sources.advance_watermarks(&mut self.state);
        if self.state.findings.len() > MAX_UNSAVED_FINDINGS && !self.config.dry_run && !self.is_over() {
            let save = self.save();
            self.do_first([Step::WaitForSave(save)]);
        }
    }

    /// Announces findings, and the archiving of others.
    pub(super) fn announce_batch(&mut self, Batch { findings, looked_up }: Batch) {
        let findings = self.newest(findings);
        for f in findings.iter().chain(&looked_up) {
            self.state.relate(f);
        }
        self.do_first([Step::PlanBatch(Batch { findings: findings.clone(), looked_up })]);
        // Before that step.
        self.reconcile_first(findings);
    }

    /// Returns true if a finding that was looked up is a revision that the list has not shown yet: it is announced as one,
    /// not only as archived or unarchived. One below the lower bound may have been announced and discarded.
    pub(super) fn is_unannounced(&self, f: &Finding) -> bool {
        let (state, overlap) = (&self.state, self.config.overlap);
        let listable = state.source(&f.origin.source_key()).is_some_and(|s| f.updated >= s.lower_bound(overlap));
        listable && !state.is_processed(&f.id, f.updated)
    }

    /// The newest revision of each finding, without those that are processed, or were tried in this run.
    fn newest(&mut self, mut batch: Vec<Rc<Finding>>) -> Vec<Rc<Finding>> {
        let mut newest: HashMap<String, Rc<Finding>> = HashMap::new();
        batch.retain(|f| !self.tried.contains(&f.id));
        for f in batch {
            // Another source may have listed the same revision earlier, or the history showed its message.
            if self.state.is_processed(&f.id, f.updated) {
                self.on_processed_before(&f);
                continue;
            }
            match newest.get(&f.id) {
                Some(known) if known.updated >= f.updated => {}
                _ => {
                    newest.insert(f.id.clone(), f);
                }
            }
        }
        newest.into_values().collect()
    }

    /// Decides about a batch, and passes its deliveries to the outbox. Findings that must wait for the message of a
    /// sibling are planned again afterwards.
    pub(super) fn plan_batch(&mut self, Batch { findings, looked_up }: Batch) {
        if self.is_over() {
            return;
        }
        let mut plan = self.plan(findings);
        self.add_looked_up(&mut plan, looked_up);
        self.add_redirects(&mut plan.queues);
        self.add_notices(&mut plan.queues);
        let is_closed = |queue: &Queue| matches!(queue, Queue::Channel(name) if self.channels.is_closed(name));
        plan.queues.retain(|queue, deliveries| !deliveries.is_empty() && !is_closed(queue));
        if !plan.deferred.is_empty() {
            let later = Batch { findings: plan.deferred, looked_up: Vec::new() };
            self.do_first([Step::AnnounceLater(later)]);
        }
        // Before that step.
        self.deliver(plan.queues);
    }

    /// Plans findings, and processes those that are skipped.
    fn plan(&mut self, findings: Vec<Rc<Finding>>) -> plan::DeliveryPlan {
        let (digests, id) = (&mut self.digests, self.id.clone());
        let next_id = || {
            *digests += 1;
            format!("{id}-{digests}")
        };
        let mut plan = plan::plan_deliveries(&self.state, self.config, findings, &mut self.budget, next_id, self.now);
        for (f, outcome, reason) in plan.skipped.drain(..) {
            tracing::info!(
                finding_id = f.id,
                finding_type = f.kind.as_str(),
                severity_level = f.severity_level().name(),
                reason = reason.as_str(),
                "finding skipped"
            );
            self.process(&f, &outcome);
        }
        plan
    }

    fn has_archiving_changed(&self, looked_up: &[Rc<Finding>]) -> bool {
        let differs = |f: &Rc<Finding>| {
            self.state.findings.get(&f.id).is_some_and(|e| e.message.is_some() && e.archived != f.archived)
        };
        self.config.slack.triage.is_some() && looked_up.iter().any(differs)
    }

    /// Plans edits of messages whose findings were archived or unarchived, or whose attack sequence, or signal, got a
    /// message to link to.
    fn add_looked_up(&self, plan: &mut plan::DeliveryPlan, looked_up: Vec<Rc<Finding>>) {
        let planned: HashSet<String> =
            plan.queues.values().flatten().flat_map(|a| a.findings().iter().map(|f| f.id.clone())).collect();
        for f in looked_up {
            let Some(entry) = self.state.findings.get(&f.id).filter(|_| !planned.contains(&f.id)) else {
                continue;
            };
            let Some(at) = entry.bot_message().cloned() else { continue };
            let edit = if entry.archived == f.archived {
                self.refresh_links(f, entry, at)
            } else {
                Some(self.show_archiving(f, entry, at))
            };
            plan.queues.entry(Queue::Edits).or_default().extend(edit);
        }
    }

    /// An edit that shows other links, if the message lacks some.
    fn refresh_links(&self, f: Rc<Finding>, entry: &FindingRecord, at: MessageRef) -> Option<Delivery> {
        let related = self.state.related(&f);
        if entry.has_links(&related) || !self.state.is_processed(&f.id, f.updated) {
            return None;
        }
        let refresh = Refresh {
            message: at,
            marks: entry.marks(),
            known_attributes: entry.attributes.clone(),
            related,
            intended_channel: entry.intended_channel.clone(),
        };
        Some(Delivery::Refresh(f, refresh))
    }

    /// An edit that shows that the finding was archived or unarchived.
    fn show_archiving(&self, f: Rc<Finding>, entry: &FindingRecord, at: MessageRef) -> Delivery {
        let marks = entry.marks();
        let (reply, marks) = if f.archived { (None, marks) } else { (reopening(&marks, &at), marks.reopened()) };
        let update = Update {
            message: at,
            reply,
            repost_to: destination_of(self.config, &f),
            known_attributes: entry.attributes.clone(),
            related: self.state.related(&f),
            marks,
            intended_channel: entry.intended_channel.clone(),
        };
        Delivery::Update(f, update)
    }

    /// Adds edits of messages whose finding moved to another channel: they point to its new message.
    pub(super) fn add_redirects(&self, queues: &mut Queues) {
        // Redirects that a run with a bot token left wait for the next run with one.
        if matches!(self.config.slack.access, SlackAuth::Webhook { .. }) {
            return;
        }
        for (id, entry) in &self.state.findings {
            let Some(at) = entry.message.as_ref().filter(|_| !self.tried_redirects.contains(id)) else { continue };
            for old in &entry.superseded {
                let channel = self.channels.name(at.channel());
                let delivery = Delivery::Redirect { id: id.clone(), old: old.clone(), new: at.clone(), channel };
                queues.entry(Queue::Edits).or_default().push(delivery);
            }
        }
    }
}

/// The reply about a resolved finding that was unarchived. A muted thread gets none.
fn reopening(marks: &Marks, at: &MessageRef) -> Option<Reply> {
    let is_reopened = marks.resolved.is_some() && marks.muted.is_none();
    let changes = Changes { reopened: Some(Reopened::Unarchived), ..Changes::default() };
    is_reopened.then(|| Reply { message: at.clone(), mention: None, subject: ReplySubject::Changes(changes) })
}
