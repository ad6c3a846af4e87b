//! What has arrived is planned, written ahead, said, and settled by what came of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use crate::config::Access;
use crate::core::outbox::{Done, Report};
use crate::core::posted::PostedMessages;
use crate::finding::Finding;
use crate::guardduty::Detector;
use crate::message::{Level, Reopened};
use crate::plan::{self, Act, Queue, Refresh, Routed, Update, Word, default_destination, route, silence};
use crate::run::engine::{Engine, PATIENCE};
use crate::run::recall::{readable_channels, recall};
use crate::run::triage::escalation_of;
use crate::slack::Chat;
use crate::state::store::Store;
use crate::state::{Entry, Outcome};

/// So many notices at most wait in the state.
const NOTICES: usize = 100;

/// A flood that is settled without a word is recorded, and so forgotten, before it fills the memory.
const MANY: usize = 12_000;

/// Why something was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    UnknownOutcome,
    Failed,
    QueueStopped,
}

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    /// A webhook tells no history: what was written ahead may repeat.
    pub(super) fn adopt_or_drop_without_history(&mut self) {
        if !self.channels.is_readable(&self.channels.default.target) {
            self.record.state.drop_digest_plans(|_| false);
            self.recall = None;
        }
    }

    /// Plans what has arrived, writes ahead what is about to be done, does it, records it.
    pub(super) async fn cycle(&mut self) {
        self.announce_sources();
        let mut window = std::mem::take(&mut self.arrived.findings);
        let looked_up = std::mem::take(&mut self.arrived.looked_up);
        let (news, mut looked_up): (Vec<Rc<Finding>>, Vec<Rc<Finding>>) =
            looked_up.into_iter().partition(|f| !f.archived && self.is_unsaid(f));
        self.intake.hold(&news);
        window.extend(news);
        let recurrences = self.take_recurrences(&mut window);
        let waits = !recurrences.is_empty() || self.has_archiving_changed(&looked_up);
        let looked_up_later = if waits { std::mem::take(&mut looked_up) } else { Vec::new() };
        if !self.announce_window(window, looked_up).await {
            return;
        }
        if waits && !self.is_over() {
            self.read_before_recurrences().await;
            if !self.announce_window(recurrences, looked_up_later).await {
                return;
            }
        }
        self.intake.advance(&mut self.record.state);
        if self.record.state.findings.len() > MANY && !self.config.dry_run {
            self.checkpoint().await;
        }
    }

    /// Announces findings, and the archiving of others. Returns false if the run is over.
    async fn announce_window(&mut self, mut window: Vec<Rc<Finding>>, mut looked_up: Vec<Rc<Finding>>) -> bool {
        loop {
            window = self.newest(window);
            for f in window.iter().chain(&looked_up) {
                self.record.state.relate(f);
            }
            if !self.remember(&window).await {
                return false;
            }
            let held = self.tell(window, std::mem::take(&mut looked_up)).await;
            if held.is_empty() || self.is_over() {
                return true;
            }
            window = held;
        }
    }

    /// An update that was looked up before the list showed it: it is told as one, not as a mere word on archiving.
    /// What lies below the lower bound may have been said and forgotten.
    pub(super) fn is_unsaid(&self, f: &Finding) -> bool {
        let (state, overlap) = (&self.record.state, self.config.overlap);
        let listable = state.sources.get(&f.origin.key()).is_some_and(|s| f.updated >= s.lower(overlap));
        listable && !state.knows(&f.id, f.updated)
    }

    /// Of a finding that two sources show, the newest state; nothing that was settled, or tried in this run.
    pub(super) fn newest(&mut self, window: Vec<Rc<Finding>>) -> Vec<Rc<Finding>> {
        let mut newest: HashMap<String, Rc<Finding>> = HashMap::new();
        for f in window.into_iter().filter(|f| !self.tried.contains(&f.id)) {
            // What one source showed late, another may have shown before.
            if self.record.state.knows(&f.id, f.updated) {
                self.intake.settled(&f.id);
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

    /// Before anything is said: what stands in Slack that the state does not know. False: the run is over.
    pub(super) async fn remember(&mut self, window: &[Rc<Finding>]) -> bool {
        let (state, now) = (&self.record.state, self.clock.now());
        let unsaid = |f: &Rc<Finding>| !state.knows(&f.id, f.updated);
        let is_summary_due = self.summary_due().is_some();
        let something =
            window.iter().any(unsaid) || !state.notices.is_empty() || !state.plans.is_empty() || is_summary_due;
        if !something || self.print.is_some() {
            return true;
        }
        if self.memory.is_none() {
            let memory = match &self.recall {
                Some(ask) => {
                    let names = readable_channels(self.config, &self.channels, state);
                    recall(self.chat, &self.stop, names, &mut self.channels, ask, now).await
                }
                None => PostedMessages::default(),
            };
            if self.stop.is_set() {
                return false;
            }
            self.channels.set_standalone_replies(memory.standalone_replies.clone());
            self.memory = Some(memory);
            self.adopt(window);
            // Planned by a run before this one, yet not there: planned anew. Where the channel could not be read, that is
            // not known.
            let channels = &self.channels;
            self.record.state.drop_digest_plans(|plan| channels.is_closed(&plan.channel));
            return true;
        }
        self.adopt(window);
        true
    }

    pub(super) fn adopt(&mut self, window: &[Rc<Finding>]) {
        let Some(memory) = &self.memory else { return };
        let (state, now) = (&mut self.record.state, self.clock.now());
        let n = |f: &Finding| state.sources.get(&f.origin.key()).map(|s| s.n);
        let here = window.iter().filter_map(|f| Some((f.id.as_str(), n(f)?))).collect();
        let adopted = memory.adopt(state, &here, now);
        if !adopted.findings.is_empty() || adopted.digests > 0 {
            tracing::info!(
                findings = adopted.findings.len(),
                digests = adopted.digests,
                "reconciled with Slack history: already delivered"
            );
        }
        for f in window {
            if !state.knows(&f.id, f.updated) {
                continue;
            }
            if adopted.findings.contains(&f.id) {
                state.learn(f);
                state.schedule_escalation(f, escalation_of(self.config, f).as_ref());
            }
            self.intake.settled(&f.id);
        }
    }

    /// Decides, writes ahead, delivers. What must wait for a sibling's message is given back.
    pub(super) async fn tell(&mut self, window: Vec<Rc<Finding>>, looked_up: Vec<Rc<Finding>>) -> Vec<Rc<Finding>> {
        let now = self.clock.now();
        let (digests, id) = (&mut self.digests, self.id.clone());
        let next_id = || {
            *digests += 1;
            format!("{id}-{digests}")
        };
        let mut plan = plan::plan(&self.record.state, self.config, window, &mut self.budget, next_id, now);
        for (f, outcome, reason) in plan.settled.drain(..) {
            tracing::info!(
                finding_id = f.id,
                finding_type = f.kind.as_str(),
                severity_level = f.band().name(),
                reason = reason.text(),
                "finding skipped"
            );
            self.settle(&f, &outcome);
        }
        self.add_looked_up(&mut plan, looked_up);
        self.add_pointers(&mut plan);
        self.add_notices(&mut plan);
        let is_closed = |queue: &Queue| matches!(queue, Queue::Channel(name) if self.channels.is_closed(name));
        plan.queues.retain(|queue, acts| !acts.is_empty() && !is_closed(queue));
        if let Some(print) = self.print {
            plan.queues.values().flatten().for_each(print);
        } else if !plan.queues.is_empty() {
            self.deliver(plan.queues).await;
        }
        plan.held
    }

    fn has_archiving_changed(&self, looked_up: &[Rc<Finding>]) -> bool {
        let differs = |f: &Rc<Finding>| {
            self.record.state.findings.get(&f.id).is_some_and(|e| e.at.is_some() && e.archived != f.archived)
        };
        self.config.slack.triage.is_some() && looked_up.iter().any(differs)
    }

    /// A finding that was archived, or brought back, says so on its message. One whose attack sequence, or signal, got a
    /// message links to it.
    pub(super) fn add_looked_up(&self, plan: &mut plan::Plan, looked_up: Vec<Rc<Finding>>) {
        let planned: HashSet<String> =
            plan.queues.values().flatten().flat_map(|a| a.findings().iter().map(|f| f.id.clone())).collect();
        for f in looked_up {
            let Some(entry) = self.record.state.findings.get(&f.id).filter(|_| !planned.contains(&f.id)) else {
                continue;
            };
            let Some(at) = entry.at.clone() else { continue };
            let related = self.record.state.related(&f);
            if entry.archived == f.archived {
                if !entry.has_links(&related) && self.record.state.knows(&f.id, f.updated) {
                    let refresh = Refresh { at, marks: entry.marks(), seen: entry.seen.clone(), related };
                    plan.queues.entry(Queue::Edits).or_default().push(Act::Refresh(f, refresh));
                }
                continue;
            }
            let to = match route(self.config, &f) {
                Routed::To(to) => to,
                Routed::Drop => default_destination(self.config),
            };
            let word = reopening(entry, &f);
            let is_unarchived = entry.archived && !f.archived;
            let marks = if is_unarchived { entry.marks().reopened() } else { entry.marks() };
            let update = Update { at, word, to, seen: entry.seen.clone(), related, marks };
            plan.queues.entry(Queue::Edits).or_default().push(Act::Update(f, update));
        }
    }

    pub(super) fn add_pointers(&self, plan: &mut plan::Plan) {
        // They wait for a bot's token, if they were left by one.
        if matches!(self.config.slack.access, Access::Webhook { .. }) {
            return;
        }
        for (id, entry) in &self.record.state.findings {
            let Some(at) = entry.at.as_ref().filter(|_| !self.tried.contains(id)) else { continue };
            for old in &entry.old {
                let channel = self.channels.name(&at.channel);
                let act = Act::Point { id: id.clone(), old: old.clone(), now: at.clone(), channel };
                plan.queues.entry(Queue::Edits).or_default().push(act);
            }
        }
    }

    pub(super) fn add_notices(&mut self, plan: &mut plan::Plan) {
        // Where one of them may stand already, only its own id will tell.
        if !self.channels.is_closed(self.channels.default.name()) {
            let tried = &self.tried;
            let mut due = silence::together(self.record.state.notices.clone(), |n| tried.contains(&n.id));
            let over = due.len().saturating_sub(NOTICES);
            for lost in due.drain(..over) {
                tracing::error!(notice_id = lost.id, notice = lost.title, "notice queue is full; notice discarded");
            }
            self.record.state.set_notices(due);
        }
        let due = self.record.state.notices.iter().filter(|n| !self.tried.contains(&n.id)).cloned().map(Act::Notice);
        let default = Queue::Channel(self.channels.default.name().to_owned());
        plan.queues.entry(default).or_default().splice(0..0, due);
    }

    pub(super) async fn deliver(&mut self, mut queues: BTreeMap<Queue, Vec<Act>>) {
        self.write_ahead(&queues).await;
        self.hold_back_notices(&mut queues).await;
        if self.is_over() {
            return;
        }
        for (queue, acts) in queues {
            self.outbox.push(queue, acts);
        }
        self.drive().await;
        // What moved to another channel is said where it stood before.
        let mut plan = plan::Plan::default();
        self.add_pointers(&mut plan);
        if !plan.queues.is_empty() && !self.is_over() {
            for (queue, acts) in plan.queues {
                self.outbox.push(queue, acts);
            }
            self.drive().await;
        }
    }

    pub(super) async fn write_ahead(&mut self, queues: &BTreeMap<Queue, Vec<Act>>) {
        let numbers = self.intake.numbers();
        let told = queues.values().flatten().filter_map(Act::destination).chain([&self.channels.default]);
        for to in told.filter(|to| self.channels.is_readable(&to.target)) {
            // Should it be configured no longer when the next run looks what this one said.
            let id = self.channels.id(to.name());
            self.record.state.note_channels(id.map(|id| (to.name().to_owned(), id)));
        }
        for act in queues.values().flatten() {
            if let Act::Digest { id, to, findings } = act {
                let n = |f: &Finding| numbers.get(&f.origin.key()).copied().unwrap_or(0);
                let findings = findings.iter().map(|f| (f.id.clone(), f.updated, n(f))).collect();
                let plan = crate::state::Plan { channel: to.name().to_owned(), findings };
                self.record.state.save_digest_plan(id, plan);
            }
        }
        self.intake.advance(&mut self.record.state);
        let in_hand = self.intake.in_hand();
        self.stop.unless(self.record.ahead(&in_hand)).await;
    }

    /// What came of an act.
    pub(super) fn on_report(&mut self, Report { queue, act, done, is_minimal }: Report) {
        if is_minimal {
            self.unshown.extend(act.findings().iter().cloned());
        }
        match (act, done) {
            (Act::Post(f, _), Done::Settled(outcome)) => self.settle(&f, &outcome),
            (Act::Update(f, update), Done::Settled(outcome)) => {
                self.note_announced(&f);
                self.settle(&f, &outcome);
                self.record.state.set_shown(&f.id, &update.marks);
            }
            (Act::Refresh(f, refresh), Done::Said) => {
                self.record.state.set_shown(&f.id, &refresh.marks);
                self.record.state.set_links(&f.id, &refresh.related);
                self.record.delivered();
            }
            (Act::Summary(summary), Done::Said) => {
                self.record.state.set_summarized(summary.due);
                self.record.delivered();
            }
            (Act::Reply(f, update), Done::Said) => {
                match update.word.and_then(|word| word.assessment) {
                    Some(assessment) => self.record.state.set_investigated(&f.id, &assessment.investigation),
                    None => self.record.state.set_escalated(&f.id),
                }
                self.record.delivered();
            }
            (Act::Refresh(..), Done::Left) => {}
            (Act::Refresh(f, _), Done::Unknown(error) | Done::Failed(error) | Done::Stopped(error)) => {
                tracing::warn!(
                    finding_id = f.id,
                    error,
                    "message does not show its newest marks and links; the next run retries"
                );
            }
            (Act::Digest { id, to, findings }, Done::Digested) => {
                self.record.state.remove_digest_plan(&id);
                for f in &findings {
                    self.settle_in(f, to.name(), &Outcome::Digested);
                }
            }
            (Act::Notice(notice), Done::Said) => {
                self.record.state.remove_notice(&notice.id);
                self.record.delivered();
            }
            (Act::Point { id, old, .. }, Done::Said) => {
                self.record.state.remove_redirect(&id, &old);
                self.record.delivered();
            }
            (act, Done::Unknown(why)) => {
                self.unknown = true;
                self.not_said(&queue, act, &why, Cause::UnknownOutcome);
            }
            (act, Done::Failed(why)) => self.not_said(&queue, act, &why, Cause::Failed),
            (act, Done::Stopped(why)) => self.not_said(&queue, act, &why, Cause::QueueStopped),
            (act, Done::Left) => self.on_left(&act),
            (_, Done::Settled(_) | Done::Digested | Done::Said) => {}
        }
    }

    pub(super) fn settle(&mut self, f: &Finding, outcome: &Outcome) {
        let channel = self.channel_of(f);
        self.settle_in(f, &channel, outcome);
    }

    /// The channel of a finding, as configured.
    fn channel_of(&self, f: &Finding) -> String {
        match route(self.config, f) {
            Routed::To(to) => to.name().to_owned(),
            Routed::Drop => default_destination(self.config).name().to_owned(),
        }
    }

    pub(super) fn settle_in(&mut self, f: &Finding, channel: &str, outcome: &Outcome) {
        let n = self.intake.tracks.get(&f.origin.key()).map_or(0, |t| t.n);
        self.record.state.settle(f, n, channel, outcome, self.clock.now());
        self.schedule_escalation(f);
        self.intake.settled(&f.id);
        self.tally.settled += 1;
        if matches!(outcome, Outcome::Posted { .. } | Outcome::Updated { .. } | Outcome::Digested) {
            self.tally.posted += 1;
            self.record.delivered();
        }
    }

    /// What was not said stays to be said, for a day.
    fn not_said(&mut self, queue: &Queue, act: Act, why: &str, cause: Cause) {
        let delivery = act.what();
        let given_up = match act {
            Act::Post(f, _) | Act::Update(f, _) => self.failed(f, why),
            Act::Digest { id, findings, .. } => {
                if cause != Cause::UnknownOutcome {
                    self.record.state.remove_digest_plan(&id);
                }
                findings.into_iter().map(|f| self.failed(f, why)).filter(|given_up| !given_up).count() == 0
            }
            Act::Notice(notice) => {
                self.tried.insert(notice.id);
                false
            }
            Act::Summary(_) => false,
            Act::Refresh(f, _) | Act::Reply(f, _) => {
                self.tried.insert(f.id.clone());
                false
            }
            Act::Point { id, .. } => {
                self.tried.insert(id);
                false
            }
        };
        if given_up {
            return;
        }
        self.tally.problems.insert(format!("{queue}: {why}"));
        match cause {
            // The rejection of the default channel was logged once.
            Cause::QueueStopped => {
                tracing::debug!(%queue, delivery, error = why, "delivery failed; the next run retries")
            }
            Cause::UnknownOutcome | Cause::Failed => {
                tracing::error!(%queue, delivery, error = why, "delivery failed; the next run retries");
            }
        }
    }

    /// A delivery that was not tried, or not to its end. Where Slack rejects the app, no finding is processed, and none is
    /// given up, but all of them count as failed.
    fn on_left(&mut self, act: &Act) {
        if let Act::Digest { id, .. } = act {
            self.record.state.remove_digest_plan(id);
        }
        if self.channels.is_app_rejected() {
            for f in act.findings() {
                self.count_failed(f);
            }
        }
    }

    fn count_failed(&mut self, f: &Finding) {
        *self.tally.failed.entry(self.channel_of(f)).or_default() += 1;
    }

    /// Whether the finding is given up: it could not be delivered for a day, be it for want of an answer.
    fn failed(&mut self, f: Rc<Finding>, why: &str) -> bool {
        let n = self.intake.tracks.get(&f.origin.key()).map_or(0, |t| t.n);
        let now = self.clock.now();
        let since = self.record.state.failed(&f.id, n, now);
        self.tried.insert(f.id.clone());
        if since < PATIENCE {
            self.count_failed(&f);
            return false;
        }
        tracing::error!(
            finding_id = f.id,
            finding_type = f.kind.as_str(),
            severity_level = f.band().name(),
            error = why,
            "finding given up: delivery failed for 24 h"
        );
        self.unshown.push(f.clone());
        let title = format!("Finding given up: {} of account {} in {}", f.id, f.account_id, f.origin.region);
        let lines =
            vec![format!("{} · severity {}", f.kind.as_str(), f.severity), format!("Delivery failed for 24 h: {why}")];
        self.announce(vec![self.stamp.notice(&format!("given-up-{}", f.id), Level::Warning, title, lines)]);
        self.settle(&f, &Outcome::GivenUp);
        true
    }
}

/// What the thread of a resolved finding says that somebody unarchived. A muted thread says nothing.
fn reopening(entry: &Entry, f: &Finding) -> Option<Word> {
    let marks = entry.marks();
    let is_reopened = entry.archived && !f.archived && marks.resolved.is_some() && marks.muted.is_none();
    let reopened = Some(Reopened::Unarchived);
    is_reopened.then(|| Word { reopened, ..Word::default() })
}
