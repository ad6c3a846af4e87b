//! Oracle for deliveries other than findings: findings that are given up, replays, and notices about state and sources.

use std::rc::Rc;
use std::time::Duration;

use crate::fake_guardduty::source_key;
use crate::fake_slack::{ClaimKind, DeliveryClaim};
use crate::history::{SourceChange, WorldEvent};
use crate::world::{Run, World, name};

impl World {
    pub(crate) fn check_notices(&self) {
        self.check_replays();
        self.check_no_state_notice();
        self.check_given_up();
        for source in 0..self.history.setup.sources {
            self.check_source(source);
        }
    }

    fn notices(&self, what: &str) -> Vec<DeliveryClaim> {
        let is = |c: &&DeliveryClaim| c.kind == ClaimKind::Notice && c.id.starts_with(&format!("{what}-"));
        let mut notices: Vec<DeliveryClaim> = self.slack.borrow().claims.iter().filter(is).cloned().collect();
        notices.dedup_by(|a, b| a.id == b.id);
        notices
    }

    /// Returns true if a notice that the finding is given up is posted, or due.
    pub(crate) fn is_given_up(&self, f: usize) -> bool {
        let store = self.store.borrow();
        let due = store.saved.iter().flat_map(|s| &s.notices);
        let is = |what: &str| {
            let id = format!("{what}-{}", name(f));
            !self.notices(&id).is_empty() || due.clone().any(|n| n.id.to_string().starts_with(&format!("{id}-")))
        };
        f >= self.history.setup.first_undeliverable && (is("given-up") || is("unfetched"))
    }

    /// A finding that cannot be delivered is given up once, after a day or later, and does not block other findings.
    fn check_given_up(&self) {
        let setup = &self.history.setup;
        if setup.first_undeliverable == usize::MAX {
            return;
        }
        let day = Duration::from_hours(24);
        for f in (0..setup.findings.len()).filter(|f| !self.revisions(*f).is_empty()) {
            let (id, visible) = (name(f), self.revisions(f)[0].visible);
            let what = match f {
                f if setup.is_rejected(f) => "given-up",
                f if setup.is_never_returned(f) => "unfetched",
                _ => {
                    let slack = self.slack.borrow();
                    let announcement = slack.claims.iter().find(|c| c.kind != ClaimKind::Notice && c.id == id);
                    let runs = self.runs.borrow();
                    let third_run = runs.iter().filter(|r| r.has_ended() && r.started > visible).nth(2);
                    if third_run.is_some_and(|run| announcement.is_none_or(|c| Some(c.at) > run.ended.get())) {
                        self.report_violation(format!("{id} was blocked by other findings"));
                    }
                    continue;
                }
            };
            match self.notices(&format!("{what}-{id}")).as_slice() {
                [] => self.report_violation(format!("{id} was given up without a notice")),
                [first, ..] if first.at < visible.plus(day) => {
                    self.report_violation(format!("{id} was given up too early"));
                }
                notices if notices.len() > self.revisions(f).len() => {
                    self.report_violation(format!("{id} was given up too often"));
                }
                _ => {}
            }
        }
    }

    /// Findings that are due in a replay are announced again.
    fn check_replays(&self) {
        let slack = self.slack.borrow();
        for replay in self.replays.borrow().iter().filter(|r| r.recorded) {
            for id in &replay.due {
                let f: usize = id[1..].parse().expect("a finding's number");
                let Some(n) = self.visible_revision(f, self.now()) else { continue };
                let dropped = self.history.setup.routed && self.revisions(f)[n].severity < 2.0;
                let is_announced_again = |c: &DeliveryClaim| {
                    c.id == *id && c.at >= replay.at && matches!(c.kind, ClaimKind::Post | ClaimKind::Digest)
                };
                if !dropped && !self.was_archived(f) && !slack.claims.iter().any(is_announced_again) {
                    self.report_violation(format!("{id} was not announced again by the replay of run {}", replay.run));
                }
            }
        }
    }

    /// A run that finds no saved state posts a notice.
    fn check_no_state_notice(&self) {
        let notices = self.notices("no-state");
        for (at, _) in self.store.borrow().external_changes.iter().filter(|(_, what)| *what == WorldEvent::DeleteState)
        {
            if !notices.iter().any(|c| c.at >= *at) {
                self.report_violation(format!("no notice reports that the state was deleted at {}", at.to_rfc3339()));
            }
        }
    }

    /// Each change of a source is reported in one notice.
    fn check_source(&self, source: usize) {
        let (setup, now) = (&self.history.setup, self.now());
        let changes = &self.source_changes[source];
        if changes.is_empty() {
            return;
        }
        let (key, status) = (source_key(source).to_string(), self.source_status(source, now));
        let notices_of = |what: &str| self.notices(&format!("{what}-{key}"));
        let happened = |is: fn(&SourceChange) -> bool| changes.iter().filter(|(_, change)| is(change)).count();
        for (what, times) in [
            ("detector-missing", happened(|t| *t == SourceChange::Deleted)),
            ("detector-replaced", happened(|t| *t == SourceChange::Replaced)),
            ("detector-disabled", happened(|t| *t == SourceChange::Enabled(false))),
            ("detector-enabled", happened(|t| *t == SourceChange::Enabled(true))),
            ("unreadable", happened(|t| matches!(t, SourceChange::Unreadable { .. }))),
        ] {
            if notices_of(what).len() > times {
                self.report_violation(format!("notice {what}-{key} was posted too often"));
            }
        }
        if notices_of("unreadable").len() != notices_of("readable-again").len() {
            self.report_violation(format!("no notice reports the end of an unreadable period of {key}"));
        }
        let last = |one: &str, other: &str| {
            let ends = [one, other].map(|what| notices_of(what).last().map(|c| c.at));
            (ends[0].is_some(), ends[0] > ends[1])
        };
        if status.region
            && status.detector.is_some()
            && status.enabled == last("detector-disabled", "detector-enabled").1
        {
            self.report_violation(format!("the last notice about the detector of {key} does not match its status"));
        }
        let known = !setup.all || source == 0;
        if known && status.detector.is_none() != last("detector-missing", "detector-replaced").1 {
            self.report_violation(format!("the last notice does not match the existence of the detector of {key}"));
        }
        if setup.all && source > 0 && status.region {
            let slack = self.slack.borrow();
            let mut notices = slack.messages.iter().filter(|m| m.is_notice());
            if !notices.any(|m| m.text.contains(&key)) {
                self.report_violation(format!("no notice reports the new source {key}"));
            }
        }
        for n in status.filters.iter().filter(|_| known && status.detector == Some(0)) {
            if self.notices(&format!("suppression-rule-{key}-filter{n}")).is_empty() {
                self.report_violation(format!("no notice reports filter {n} of {key}"));
            }
        }
        for pair in changes.windows(2).filter(|_| known) {
            if let [(from, SourceChange::Unreadable { denied }), (to, _)] = pair {
                let within = |run: &&Rc<Run>| run.has_ended() && run.started > *from && run.ended.get() < Some(*to);
                let polls = self.runs.borrow().iter().filter(within).count();
                if polls >= if *denied { 1 } else { 2 } && notices_of("unreadable").is_empty() {
                    self.report_violation(format!("no notice reports that {key} is unreadable"));
                }
            }
        }
    }
}
