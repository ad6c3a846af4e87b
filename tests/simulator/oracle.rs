//! The oracle: the guarantees as a simple independent model of which messages are required and which are violations.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use guardduty_slack::finding::SeverityLevel;
use guardduty_slack::source_key::SourceOrIdentity;
use guardduty_slack::state::store::SaveError;
use guardduty_slack::state::{MAX_STATE_BYTES, SourceState};
use guardduty_slack::time::Timestamp;

use crate::bugs::Bug;
use crate::fake_guardduty::source_key;
use crate::fake_slack::{ClaimKind, DeliveryClaim, by_finding};
use crate::fake_store::{SavedPlans, read};
use crate::guarantee::Guarantee;
use crate::history::{Access, FaultEffect, Op};
use crate::world::{Run, World, name, number};

/// `RUN_LEASE`, as by default.
const LEASE: Duration = Duration::from_mins(1);

impl World {
    /// Records the digest plans of a document that is sent to the store.
    pub(crate) fn record_digest_plans(&self, document: &str) {
        if !document.contains("\"digest_plans\"") {
            return;
        }
        let mut store = self.store.borrow_mut();
        for (id, plan) in read::<SavedPlans>(document).digest_plans {
            let findings = plan.findings.into_iter().map(|(id, u, _)| (id, u)).collect();
            store.plans.insert(id, findings);
        }
    }

    /// Saves the document in the store, and checks it.
    pub(crate) fn save_document(
        &self,
        run: &Run,
        base: usize,
        mine: &[Rc<str>],
        document: Rc<str>,
    ) -> Result<usize, SaveError> {
        let bytes = document.len();
        let holder = self.holder(run);
        let version =
            self.store.borrow_mut().swap(self.bug != Some(Bug::NoCompareAndSwap), base, mine, document, self.now());
        match &version {
            Ok(_) => {
                if let Some(id) = holder {
                    self.report_violation(format!("run {} writes though {id} holds the lease", run.index));
                }
                self.check_saved_state(run, bytes);
            }
            Err(error) => self.trace(|| format!("    {error}")),
        }
        version
    }

    /// Checks that a run does not post while another run holds a lease that this run could read.
    pub(crate) fn check_lease(&self, run: &Run) {
        if let Some(id) = self.holder(run) {
            self.report_violation(format!("run {} posts though {id} holds the lease", run.index));
        }
    }

    /// Returns the ID of another run with an unexpired lease that this run could read.
    fn holder(&self, run: &Run) -> Option<String> {
        let store = self.store.borrow();
        let (lease, (id, since)) = (store.saved.as_ref()?.lease.as_ref()?, store.lease_holder.as_ref()?);
        // Clocks agree within half a lease.
        let is_valid = !lease.released && self.now() < lease.renewed_at.plus(LEASE / 2);
        let is_exempt = run.unrecordable.get() || self.history.setup.has_wrong_clocks;
        (is_valid && *since < run.started && !is_exempt && *id != run.id()).then(|| id.clone())
    }

    fn check_saved_state(&self, run: &Run, bytes: usize) {
        let store = self.store.borrow();
        let saved = store.saved.as_ref().expect("it was just saved");
        self.trace(|| {
            let state = store.state().expect("it was just saved");
            let of = |(k, s): (&SourceOrIdentity, &SourceState)| {
                format!("{k} {} floor {}", s.watermark.to_rfc3339(), s.floor.to_rfc3339())
            };
            let run = state.lease.as_ref().map(|r| (&r.id, r.posting_since.to_rfc3339(), r.released));
            let revisions: Vec<_> = state
                .findings
                .iter()
                .map(|(id, e)| format!("{id}:{}", &e.updated_at.unwrap_or_default().to_rfc3339()[11..]))
                .collect();
            format!(
                "    saved: {run:?} {:?} {revisions:?} plans {:?}",
                state.sources.iter().map(of).collect::<Vec<_>>(),
                state.digest_plans.keys()
            )
        });
        if bytes > MAX_STATE_BYTES.min(self.history.setup.max_state_bytes) {
            self.report_violation(format!("the state has {bytes} bytes"));
        }
        for source in 0..self.history.setup.sources {
            let key = SourceOrIdentity::Source(source_key(source));
            let Some(s) = saved.sources.get(&key) else { continue };
            if s.floor > s.watermark {
                self.report_violation(format!("the floor of {key} is above its watermark"));
            }
            let shown = |f: &usize| [run.started, self.now()].iter().all(|at| self.is_shown(source, *f, *at));
            for f in self.seen_by(source).filter(shown) {
                self.check_watermark(run, &key, s.watermark, f);
            }
        }
    }

    /// The watermark passes only processed findings.
    fn check_watermark(&self, run: &Run, key: &SourceOrIdentity, watermark: Timestamp, f: usize) {
        let now = self.now();
        let Some(n) = self.visible_revision(f, now) else { return };
        let revisions = self.revisions(f);
        let revision = &revisions[n];
        // A revision that becomes visible late may have been below the watermark from the start.
        let before = self.store.borrow().before.get(key).copied().unwrap_or(Timestamp::MAX);
        let was_there = revision.visible < run.started && revision.updated > before && revision.updated <= watermark;
        if was_there && !self.was_archived(f) && !self.is_processed(f, n) {
            self.report_violation(format!(
                "the watermark of {key} passed {} at {}, which is not processed",
                name(f),
                revision.updated.to_rfc3339()
            ));
        }
    }

    /// Returns true if revision `n` of a finding is processed: delivered, or not to be announced.
    fn is_processed(&self, f: usize, n: usize) -> bool {
        let (setup, revisions, id) = (&self.history.setup, self.revisions(f), name(f));
        let revision = &revisions[n];
        if setup.routed && revision.severity < 2.0 || self.is_given_up(f) {
            return true;
        }
        let slack = self.slack.borrow();
        let mut announced = slack.claims.iter().filter(|c| c.kind != ClaimKind::Notice && c.id == id).peekable();
        if announced.peek().is_some() && setup.recurrence == "ignore" {
            return true;
        }
        // A recurrence of the same severity may be coalesced. A webhook announces only an increased severity level.
        announced.any(|c| {
            c.updated >= revision.updated
                || c.severity == revision.severity
                || setup.access == Access::Webhook
                    && SeverityLevel::from_score(c.severity) >= SeverityLevel::from_score(revision.severity)
        })
    }

    /// Checks the guarantees after the history and its clean runs.
    pub(crate) fn check_invariants(&self) {
        self.check_delivered();
        self.check_listed();
        self.check_no_duplicates();
        self.check_calls();
        self.check_messages();
        self.check_drained();
        self.check_notices();
        self.check_triage();
    }

    /// Nothing is lost.
    fn check_delivered(&self) {
        let now = self.now();
        for f in 0..self.history.setup.findings.len() {
            let revisions = self.revisions(f);
            let Some(n) = self.visible_revision(f, now) else { continue };
            let store = self.store.borrow();
            let began = |s: &usize| store.began.get(&source_key(*s).into()).copied().unwrap_or(Timestamp::MAX);
            let floor = |s: &usize| Some(store.saved.as_ref()?.sources.get(&source_key(*s).into())?.floor);
            let sources = self.history.setup.findings[f].sources.iter();
            // A source that shows a finding no longer, because its detector was deleted, promises nothing for the others.
            let showing = || sources.clone().filter(|s| self.is_shown(**s, f, now));
            let since = showing().map(began).min().unwrap_or(Timestamp::MAX);
            // In a flood, a revision that becomes visible late may already be below the floor.
            let floor = self.history.setup.findings[f].sources.iter().filter_map(floor).max().unwrap_or_default();
            let below = self.history.setup.max_state_bytes < MAX_STATE_BYTES
                && revisions[n].visible > revisions[n].updated
                && revisions[n].updated < floor;
            if showing().next().is_some()
                && revisions[n].updated > since
                && !below
                && !self.was_archived(f)
                && !self.is_processed(f, n)
            {
                self.report_violation(format!("{} at {} is lost", name(f), revisions[n].updated.to_rfc3339()));
            }
        }
    }

    /// Findings that a list returns at the end are processed, also those that were archived in between.
    fn check_listed(&self) {
        let (store, now) = (self.store.borrow(), self.now());
        let Some(state) = store.state() else { return };
        for source in 0..self.history.setup.sources {
            let known = state.sources.get(&source_key(source).into());
            let Some(lower) = known.map(|s| s.lower_bound(Duration::from_secs(self.history.setup.overlap as u64)))
            else {
                continue;
            };
            for f in self.seen_by(source).filter(|f| !self.archived(*f, now) && self.is_shown(source, *f, now)) {
                let listed = self.visible_revision(f, now).filter(|n| self.revisions(f)[*n].updated >= lower);
                if listed.is_some_and(|n| !self.is_processed(f, n)) {
                    self.report_violation(format!("{} is listed and not processed", name(f)));
                }
            }
        }
    }

    /// There are no duplicates.
    fn check_no_duplicates(&self) {
        let slack = self.slack.borrow();
        let history = &self.history;
        let findings = by_finding(&slack.claims).into_iter();
        for (id, claims) in findings.filter(|(id, _)| history.guarantee_of(number(id)) == Guarantee::ExactlyOnce) {
            let mut posts: BTreeMap<Timestamp, &DeliveryClaim> = BTreeMap::new();
            let mut replies: BTreeMap<Timestamp, &DeliveryClaim> = BTreeMap::new();
            for claim in claims {
                let before = match claim.kind {
                    ClaimKind::Post | ClaimKind::Digest => posts.insert(claim.updated, claim),
                    ClaimKind::Reply => replies.insert(claim.updated, claim),
                    // An edit may be repeated, but not followed by a post; unless recurrences are posted, and the edit
                    // only reported that the finding was archived.
                    ClaimKind::Update if self.history.setup.recurrence == "update" => {
                        posts.insert(claim.updated, claim);
                        None
                    }
                    ClaimKind::Update | ClaimKind::Notice => None,
                };
                if let Some(before) = before {
                    self.report_violation(format!(
                        "{id} at {} was announced twice, by run {} as {:?} and by run {} as {:?}",
                        claim.updated.to_rfc3339(),
                        before.run,
                        before.kind,
                        claim.run,
                        claim.kind
                    ));
                }
            }
        }
        let mut notices: BTreeMap<&str, &DeliveryClaim> = BTreeMap::new();
        for claim in slack.claims.iter().filter(|c| c.kind == ClaimKind::Notice) {
            if let Some(before) = notices.insert(&claim.id, claim)
                && history.guarantee() == Guarantee::ExactlyOnce
            {
                self.report_violation(format!(
                    "notice {} was posted twice, by runs {} and {}",
                    claim.id, before.run, claim.run
                ));
            }
        }
    }

    /// People are called about an increase of the severity level once, even if the finding recurs after a crash.
    fn check_calls(&self) {
        let slack = self.slack.borrow();
        let is_exact = |id: &str| self.history.guarantee_of(number(id)) == Guarantee::ExactlyOnce;
        for (id, claims) in by_finding(&slack.claims).into_iter().filter(|(id, _)| is_exact(id)) {
            let mut called: Option<SeverityLevel> = None;
            for claim in claims {
                let level = SeverityLevel::from_score(claim.severity);
                if claim.is_call && called.is_some_and(|called| level <= called) {
                    self.report_violation(format!("run {} called about {id} at {level:?} again", claim.run));
                }
                called = if claim.is_call { Some(level) } else { called.filter(|called| level >= *called) };
            }
        }
    }

    pub(crate) fn was_archived(&self, f: usize) -> bool {
        let by_runs = self.archivings.borrow().iter().any(|(_, finding, archived)| *finding == f && *archived);
        by_runs || self.finding_histories[f].archived.iter().any(|(_, archived)| *archived)
    }

    /// Returns true if the plan of the history contains such a fault.
    fn planned(&self, fault: impl Fn(Op, &FaultEffect) -> bool) -> bool {
        self.history.runs.iter().any(|r| r.faults.iter().any(|f| fault(f.op, &f.effect)))
    }

    /// Each finding has one message in its channel, and a reply in its thread when its severity level increased.
    fn check_messages(&self) {
        let setup = &self.history.setup;
        if setup.access != Access::Bot
            || setup.recurrence != "update"
            || setup.has_wrong_clocks
            || setup.max_state_bytes < MAX_STATE_BYTES
        {
            return;
        }
        // In these histories a message may be posted again, in the default channel, or twice.
        let has_external_changes =
            !self.store.borrow().external_changes.is_empty() || !self.replays.borrow().is_empty();
        let is_out_of_scope = setup.has_named_channels
            || has_external_changes
            || self.planned(|op, effect| {
                op == Op::Load
                    || matches!(effect, FaultEffect::Content | FaultEffect::Channel | FaultEffect::NewCode)
                    || op == Op::Save
            });
        if is_out_of_scope {
            return;
        }
        let slack = self.slack.borrow();
        for f in 0..setup.findings.len() {
            let id = name(f);
            let is_current =
                |m: &&crate::fake_slack::SimMessage| m.is_about(&id) && !m.forged && !m.moved && m.deleted.is_none();
            let current: Vec<_> = slack.messages.iter().filter(is_current).collect();
            let deleted = slack.messages.iter().any(|m| m.is_about(&id) && m.deleted.is_some());
            if current.len() > 1 && !deleted {
                self.report_violation(format!("{id} has {} messages", current.len()));
            }
            let last = slack.claims.iter().rfind(|c| c.kind != ClaimKind::Notice && c.id == id);
            if last.is_some_and(|c| c.kind == ClaimKind::Digest) && !current.is_empty() {
                self.report_violation(format!("the message of {id} does not report that it is in a digest now"));
            }
            let Some(n) = self.visible_revision(f, self.now()) else { continue };
            let revision = &self.revisions(f)[n];
            let urgent = setup.routed && revision.severity >= 7.0;
            let announced = current.first().filter(|m| m.thread.is_none() && m.updated() == Some(revision.updated));
            if announced.is_some_and(|m| (m.channel == "CURGENT") != urgent) && !self.was_archived(f) {
                self.report_violation(format!("the message of {id} is not in the channel of its route"));
            }
            if !deleted && !self.was_archived(f) {
                self.check_reply(&slack.claims, &id, revision.updated, revision.severity);
            }
        }
    }

    /// A reply is posted when the severity level increased above all earlier ones.
    fn check_reply(&self, claims: &[DeliveryClaim], id: &str, updated: Timestamp, severity: f64) {
        let of = |c: &&DeliveryClaim| c.id == id && c.kind != ClaimKind::Notice;
        let first = claims.iter().filter(of).find(|c| c.updated == updated);
        let before = claims.iter().filter(of).filter(|c| c.updated < updated);
        let shown = before.map(|c| SeverityLevel::from_score(c.severity)).max();
        let has_increased = shown.is_some_and(|level| SeverityLevel::from_score(severity) > level);
        let replied = claims.iter().filter(of).any(|c| c.kind == ClaimKind::Reply && c.updated == updated);
        if first.is_some_and(|c| c.kind == ClaimKind::Update) && has_increased && !replied {
            self.report_violation(format!("the thread of {id} does not report the increased severity level"));
        }
    }

    /// Checks the state after the backlog is drained.
    fn check_drained(&self) {
        let store = self.store.borrow();
        let Some(state) = store.state() else { return };
        let now = self.now();
        // A posting intent of a released lease may remain: a run reconciles it only when it has something to announce.
        if state.lease.as_ref().is_some_and(|r| !r.released)
            || !state.digest_plans.is_empty()
            || !state.notices.is_empty()
        {
            self.report_violation(format!(
                "the state is not drained: {:?} {:?} {:?}",
                state.lease,
                state.digest_plans.keys(),
                state.notices
            ));
        }
        for (id, entry) in &state.findings {
            if !entry.superseded.is_empty() {
                self.report_violation(format!("the old message of {id} does not link to the new one"));
            }
            let f: usize = id[1..].parse().expect("a finding's number");
            let is_shown_in_message = entry.bot_message().is_some();
            if is_shown_in_message && entry.archived != self.archived(f, now) {
                self.report_violation(format!("the message of {id} does not show the archive status"));
            }
        }
    }
}
