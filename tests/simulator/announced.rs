//! Oracle for deliveries other than findings: findings that are given up, replays, and notices about state and sources.

use std::rc::Rc;
use std::time::Duration;

use guardduty_slack::time::Timestamp;

use crate::fake_guardduty::{account, region};
use crate::fake_slack::{ClaimKind, DeliveryClaim};
use crate::history::{SourceChange, WorldEvent};
use crate::world::{Run, World, name};

impl World {
    pub fn check_notices(&self) {
        self.judge_replays();
        self.check_no_state_notice();
        self.judge_days();
        for source in 0..self.history.setup.sources {
            self.judge_source(source);
        }
    }

    fn notices(&self, what: &str) -> Vec<DeliveryClaim> {
        let is = |c: &&DeliveryClaim| c.kind == ClaimKind::Notice && c.id.starts_with(&format!("{what}-"));
        let mut notices: Vec<DeliveryClaim> = self.slack.borrow().claims.iter().filter(is).cloned().collect();
        notices.dedup_by(|a, b| a.id == b.id);
        notices
    }

    /// Returns true if a notice that the finding is given up is posted, or due.
    pub fn is_given_up(&self, f: usize) -> bool {
        let kept = self.kept.borrow();
        let due = kept.state.iter().flat_map(|s| &s.notices);
        let is = |what: &str| {
            let id = format!("{what}-{}", name(f));
            !self.notices(&id).is_empty() || due.clone().any(|n| n.id.starts_with(&format!("{id}-")))
        };
        f >= self.history.setup.cursed && (is("given-up") || is("unfetched"))
    }

    /// A finding that cannot be delivered is given up once, after a day or later, and does not block other findings.
    fn judge_days(&self) {
        let setup = &self.history.setup;
        if setup.cursed == usize::MAX {
            return;
        }
        let day = Duration::from_secs(24 * 3_600);
        for f in (0..setup.findings.len()).filter(|f| !self.states(*f).is_empty()) {
            let (id, seen) = (name(f), self.states(f)[0].visible);
            let what = match f {
                f if setup.is_refused(f) => "given-up",
                f if setup.is_never_returned(f) => "unfetched",
                _ => {
                    let slack = self.slack.borrow();
                    let told = slack.claims.iter().find(|c| c.kind != ClaimKind::Notice && c.id == id);
                    let runs = self.runs.borrow();
                    let third = runs.iter().filter(|r| r.worked() && r.started > seen).nth(2);
                    if third.is_some_and(|run| told.is_none_or(|c| Some(c.at) > run.ended.get())) {
                        self.report_violation(format!("{id} was blocked by other findings"));
                    }
                    continue;
                }
            };
            match self.notices(&format!("{what}-{id}")).as_slice() {
                [] => self.report_violation(format!("{id} was given up without a notice")),
                [first, ..] if first.at < seen.plus(day) => {
                    self.report_violation(format!("{id} was given up too early"))
                }
                more if more.len() > self.states(f).len() => {
                    self.report_violation(format!("{id} was given up too often"))
                }
                _ => {}
            }
        }
    }

    /// Findings that are due in a replay are announced again.
    fn judge_replays(&self) {
        let slack = self.slack.borrow();
        for replay in self.replays.borrow().iter().filter(|r| r.recorded) {
            for id in &replay.due {
                let f: usize = id[1..].parse().expect("a finding's number");
                let Some(n) = self.state_of(f, self.now()) else { continue };
                let dropped = self.history.setup.routed && self.states(f)[n].severity < 2.0;
                let anew = |c: &DeliveryClaim| {
                    c.id == *id && c.at >= replay.at && matches!(c.kind, ClaimKind::Post | ClaimKind::Digest)
                };
                if !dropped && !self.was_archived(f) && !slack.claims.iter().any(anew) {
                    self.report_violation(format!("{id} was not announced again by the replay of run {}", replay.run));
                }
            }
        }
    }

    /// A run that finds no saved state posts a notice.
    fn check_no_state_notice(&self) {
        let afresh = self.notices("no-state");
        for (at, _) in self.kept.borrow().meddled.iter().filter(|(_, what)| *what == WorldEvent::Lose) {
            if !afresh.iter().any(|c| c.at >= *at) {
                self.report_violation(format!("no notice reports that the state was deleted at {}", at.to_rfc3339()));
            }
        }
    }

    /// Each change of a source is reported in one notice.
    fn judge_source(&self, source: usize) {
        let (setup, now) = (&self.history.setup, self.now());
        let turns: Vec<(Timestamp, SourceChange)> = self.turns(source).collect();
        if turns.is_empty() {
            return;
        }
        let (key, stands) = (format!("{}/{}", account(source), region(source)), self.standing(source, now));
        let said = |what: &str| self.notices(&format!("{what}-{key}"));
        let happened = |is: fn(&SourceChange) -> bool| turns.iter().filter(|(_, turn)| is(turn)).count();
        for (what, times) in [
            ("detector-missing", happened(|t| *t == SourceChange::Gone)),
            ("detector-replaced", happened(|t| *t == SourceChange::Anew)),
            ("detector-disabled", happened(|t| *t == SourceChange::Enabled(false))),
            ("detector-enabled", happened(|t| *t == SourceChange::Enabled(true))),
            ("unreadable", happened(|t| matches!(t, SourceChange::Unreadable { .. }))),
        ] {
            if said(what).len() > times {
                self.report_violation(format!("notice {what}-{key} was posted too often"));
            }
        }
        if said("unreadable").len() != said("readable-again").len() {
            self.report_violation(format!("no notice reports the end of an unreadable period of {key}"));
        }
        let last = |one: &str, other: &str| {
            let ends = [one, other].map(|what| said(what).last().map(|c| c.at));
            (ends[0].is_some(), ends[0] > ends[1])
        };
        if stands.region
            && stands.detector.is_some()
            && stands.enabled == last("detector-disabled", "detector-enabled").1
        {
            self.report_violation(format!("the last notice about the detector of {key} does not match its status"));
        }
        let known = !setup.all || source == 0;
        if known && stands.detector.is_none() != last("detector-missing", "detector-replaced").1 {
            self.report_violation(format!("the last notice does not match the existence of the detector of {key}"));
        }
        if setup.all && source > 0 && stands.region {
            let slack = self.slack.borrow();
            let mut notices = slack.said.iter().filter(|m| m.is_notice());
            if !notices.any(|m| m.text.contains(&key)) {
                self.report_violation(format!("no notice reports the new source {key}"));
            }
        }
        for n in stands.filters.iter().filter(|_| known && stands.detector == Some(0)) {
            if self.notices(&format!("suppression-rule-{key}-filter{n}")).is_empty() {
                self.report_violation(format!("no notice reports filter {n} of {key}"));
            }
        }
        for pair in turns.windows(2).filter(|_| known) {
            if let [(from, SourceChange::Unreadable { denied }), (to, _)] = pair {
                let within = |run: &&Rc<Run>| run.worked() && run.started > *from && run.ended.get() < Some(*to);
                let looks = self.runs.borrow().iter().filter(within).count();
                if looks >= if *denied { 1 } else { 2 } && said("unreadable").is_empty() {
                    self.report_violation(format!("no notice reports that {key} is unreadable"));
                }
            }
        }
    }
}
