//! The moves of the state: the one place that settles findings and moves watermarks. Pure; `now` is an argument.

use std::collections::HashMap;
use std::time::Duration;

use crate::finding::{Band, Finding};
use crate::message::Marks;
use crate::slack::At;
use crate::state::{Entry, Source, State};
use crate::time::Millis;

/// How many of a finding's traits (remote IPs, countries, ports, APIs) are remembered: the newest.
const TRAITS: usize = 16;

/// How a state of a finding (`id`, `updatedAt`) was settled.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A message of its own, at top level or, as a sibling, in a thread. `meant`: the channel that refused it.
    /// `old`: the message in another channel that must now say where it is told.
    Posted {
        at: At,
        meant: Option<String>,
        old: Option<At>,
        /// The fingerprint of the links that it shows; empty if that is not known.
        links: String,
    },
    /// Its message was edited; `spoke`: its thread was told, too.
    Updated {
        spoke: bool,
        links: String,
    },
    Digested,
    /// A filter or a route left it out.
    Dropped,
    /// It was archived before it was told. Should it be brought back while it can be listed, it is told then.
    Archived,
    /// `SLACK_RECURRENCE=ignore`.
    Ignored,
    /// A recurrence that brings nothing worth an edit now.
    Coalesced,
    /// Found in Slack: a run that could not record it had said it.
    Adopted,
    /// It could not be delivered for a day.
    GivenUp,
}

impl Outcome {
    /// The label of `guardduty_slack_notifications_total`.
    pub fn label(&self) -> &'static str {
        match self {
            Outcome::Posted { at, .. } if at.thread.is_some() => "threaded",
            Outcome::Posted { .. } => "posted",
            Outcome::Updated { .. } => "updated",
            Outcome::Digested => "digested",
            Outcome::Dropped | Outcome::Archived => "dropped",
            Outcome::Ignored => "ignored",
            Outcome::Coalesced => "coalesced",
            Outcome::Adopted => "adopted",
            Outcome::GivenUp => "given_up",
        }
    }

    /// Whether Slack acknowledged something just now.
    fn is_delivery(&self) -> bool {
        matches!(self, Outcome::Posted { .. } | Outcome::Updated { .. } | Outcome::Digested)
    }
}

/// What one run saw of one source so far.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Everything with an `updatedAt` up to here was listed and fetched, or stands in `unsettled` or below `hold`.
    pub complete_to: Option<Millis>,
    /// Listed and not settled: id → `updatedAt`.
    pub unsettled: HashMap<String, Millis>,
    /// The watermark stays below this instant: something listed could not be fetched.
    pub hold: Option<Millis>,
    /// How long it took from its first list to its last one.
    pub took: Duration,
}

impl Progress {
    /// The smallest `updatedAt` that is listed and not settled.
    pub fn oldest_unsettled(&self) -> Option<Millis> {
        self.unsettled.values().min().copied()
    }

    /// How far the watermark may go: the largest instant at or below which everything is settled.
    fn settled_to(&self) -> Option<Millis> {
        let just_before = |t: Millis| Millis(t.0 - 1);
        let limits = [self.oldest_unsettled().map(just_before), self.hold.map(just_before)];
        self.complete_to.map(|c| limits.into_iter().flatten().fold(c, Millis::min))
    }
}

impl Source {
    /// The inclusive lower bound of the next look.
    pub fn lower(&self, overlap: Duration) -> Millis {
        self.watermark.minus(overlap + self.took).max(self.floor)
    }

    /// Moves the watermark on; never backwards. What lies far below it was listed when the run began, and may have
    /// become visible since. A run that does not move it leaves the lower bound where it was, too: below that, all that
    /// was visible then is settled, and may be forgotten.
    pub fn advance(&mut self, progress: &Progress) {
        if let Some(to) = progress.settled_to().filter(|to| *to > self.watermark) {
            (self.watermark, self.took, self.by_clock) = (to, progress.took, false);
        }
    }

    /// Looks from `start` on, as at a source that is new.
    pub fn begin(&mut self, start: Millis) {
        (self.watermark, self.floor, self.by_clock) = (start, start, true);
    }
}

impl State {
    /// Whether this state of a finding is settled.
    pub fn knows(&self, id: &str, updated: Millis) -> bool {
        self.findings.get(id).is_some_and(|e| e.u >= updated)
    }

    /// The source's entry; made, looking back to `start`, if it is new to the state.
    pub fn source(&mut self, key: &str, start: Millis) -> (&mut Source, bool) {
        let new = !self.sources.contains_key(key);
        let n = self.numbered;
        self.numbered += u32::from(new);
        let source = self.sources.entry(key.to_owned()).or_insert_with(|| Source { n, ..Source::default() });
        if new {
            source.begin(start);
        }
        (source, new)
    }

    /// Settles one state of a finding and counts it. `channel`: as configured, for the metric.
    pub fn settle(&mut self, f: &Finding, s: u32, channel: &str, outcome: &Outcome, now: Millis) {
        let is_new_revision = !self.knows(&f.id, f.updated);
        if is_new_revision {
            self.totals.count_finding(f.band().name(), &f.origin.account, &f.origin.region, f.kind.as_str());
        }
        self.totals.count_notification(channel, outcome.label());
        if matches!(outcome, Outcome::Updated { spoke: true, .. }) {
            self.totals.count_notification(channel, "threaded");
        }
        // A message that says that the finding was archived, or is posted again, announces no revision.
        if outcome.is_delivery() && is_new_revision && f.listed_at().is_some() {
            self.totals.delay.observe(now.since(f.updated).as_secs_f64());
        }
        self.unfetched.remove(&f.id);
        if *outcome == Outcome::Archived {
            return;
        }
        let is_new = self.findings.get(&f.id).is_none_or(|entry| entry.u == Millis::default());
        if outcome.is_delivery() && is_new {
            self.count_new_finding();
        }
        if outcome.is_delivery() && f.archived && self.findings.get(&f.id).is_some_and(|entry| !entry.archived) {
            self.count_archived();
        }
        let entry = self.findings.entry(f.id.clone()).or_default();
        let is_reopened = !f.archived && (f.updated > entry.u || entry.archived);
        if matches!(outcome, Outcome::Updated { .. }) && is_reopened {
            entry.reopen();
        }
        entry.u = entry.u.max(f.updated);
        entry.s = s;
        entry.failing = None;
        entry.apply(f, outcome, now);
    }

    /// Completes what was adopted from a message by what the finding itself tells, and counts the finding.
    pub fn learn(&mut self, f: &Finding) {
        self.totals.count_finding(f.band().name(), &f.origin.account, &f.origin.region, f.kind.as_str());
        if let Some(entry) = self.findings.get_mut(&f.id).filter(|e| e.u == f.updated) {
            (entry.n, entry.spoke_n, entry.archived) = (f.count, f.count, f.archived);
            entry.wide = f.account_wide_key();
            entry.remember(&f.traits());
            entry.told = entry.seen.len();
        }
    }

    /// Settles what is known by id only: a digest's findings that its plan names.
    pub fn settle_bare(&mut self, id: &str, updated: Millis, s: u32) {
        let entry = self.findings.entry(id.to_owned()).or_default();
        if entry.u < updated {
            *entry = Entry { u: updated, s, unknown: std::mem::take(&mut entry.unknown), ..Entry::default() };
        }
    }

    /// Settles a digest's findings by its plan, which is over with that. How many they were.
    pub fn settle_plan(&mut self, id: &str) -> usize {
        let Some(plan) = self.plans.remove(id) else { return 0 };
        for (finding, updated, s) in &plan.findings {
            self.settle_bare(finding, *updated, *s);
        }
        plan.findings.len()
    }

    /// Notes that a finding's newest state could not be delivered; how long that has been so.
    pub fn failed(&mut self, id: &str, s: u32, now: Millis) -> Duration {
        let entry = self.findings.entry(id.to_owned()).or_default();
        entry.s = s;
        now.since(*entry.failing.get_or_insert(now))
    }
}

impl Entry {
    /// The band shown last.
    pub fn band(&self) -> Band {
        Band::of(self.sev)
    }

    /// What a recurrence shows that was never seen before.
    pub fn fresh<'a>(&self, traits: &'a [String]) -> Vec<&'a String> {
        traits.iter().filter(|t| !self.seen.contains(t)).collect()
    }

    /// What people said by reactions on its message.
    pub fn marks(&self) -> Marks {
        self.triage.as_ref().map(|triage| triage.marks.clone()).unwrap_or_default()
    }

    /// Time of its first message, if it has one.
    pub fn first_message(&self) -> Option<Millis> {
        self.first.or_else(|| self.at.as_ref().filter(|at| !at.is_webhook()).map(At::posted))
    }

    fn reopen(&mut self) {
        if let Some(triage) = self.triage.as_mut().filter(|triage| triage.marks.resolved.is_some()) {
            triage.reopen();
        }
    }

    fn apply(&mut self, f: &Finding, outcome: &Outcome, now: Millis) {
        match outcome {
            Outcome::Posted { at, meant, old, links } => {
                // The reactions were on the message before this one.
                (self.first, self.triage) = (self.first_message(), None);
                self.at = Some(at.clone());
                self.meant.clone_from(meant);
                self.old.extend(old.clone());
                self.wide = f.account_wide_key();
                self.links.clone_from(links);
                self.shown(f, now, true);
            }
            Outcome::Updated { spoke, links } => {
                self.links.clone_from(links);
                self.shown(f, now, *spoke);
            }
            Outcome::Digested => {
                let unknown = std::mem::take(&mut self.unknown);
                *self = Entry { u: self.u, s: self.s, unknown, ..Entry::default() };
            }
            Outcome::Dropped
            | Outcome::Archived
            | Outcome::Ignored
            | Outcome::Coalesced
            | Outcome::Adopted
            | Outcome::GivenUp => {}
        }
    }

    fn shown(&mut self, f: &Finding, now: Millis, spoke: bool) {
        self.sev = f.severity;
        self.n = f.count;
        self.archived = f.archived;
        self.touched = now;
        self.sequence = f.sequence_id().map(str::to_owned).or(self.sequence.take());
        self.remember(&f.traits());
        if spoke {
            self.spoke = now;
            self.spoke_n = f.count;
            self.told = self.seen.len();
        }
    }

    /// Adds what is new, and forgets the oldest beyond the limit.
    pub fn remember(&mut self, traits: &[String]) {
        let fresh: Vec<String> = self.fresh(traits).into_iter().cloned().collect();
        self.seen.extend(fresh);
        let over = self.seen.len().saturating_sub(TRAITS);
        self.seen.drain(..over);
        self.told = self.told.saturating_sub(over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(complete_to: i64, unsettled: &[i64], hold: Option<i64>) -> Progress {
        Progress {
            complete_to: Some(Millis(complete_to)),
            unsettled: unsettled.iter().map(|u| (u.to_string(), Millis(*u))).collect(),
            hold: hold.map(Millis),
            ..Progress::default()
        }
    }

    #[test]
    fn the_watermark_stops_below_what_is_not_settled() {
        let mut source = Source { watermark: Millis(100), ..Source::default() };
        source.advance(&progress(500, &[300, 400], None));
        assert_eq!(source.watermark, Millis(299));
        source.advance(&progress(500, &[], Some(350)));
        assert_eq!(source.watermark, Millis(349));
        source.advance(&progress(500, &[], None));
        assert_eq!(source.watermark, Millis(500));
    }

    #[test]
    fn the_watermark_never_moves_backwards_nor_without_evidence() {
        let mut source = Source { watermark: Millis(100), ..Source::default() };
        source.advance(&progress(90, &[], None));
        source.advance(&Progress::default());
        assert_eq!(source.watermark, Millis(100));
    }

    #[test]
    fn a_run_that_does_not_move_the_watermark_moves_no_lower_bound() {
        let mut source = Source { watermark: Millis(100_000), ..Source::default() };
        let overlap = Duration::from_secs(10);
        source.advance(&Progress { took: Duration::from_secs(1), ..progress(200_000, &[], None) });
        assert_eq!(source.lower(overlap), Millis(189_000));
        for to in [200_000, 150_000] {
            source.advance(&Progress { took: Duration::from_secs(30), ..progress(to, &[], None) });
            assert_eq!(source.lower(overlap), Millis(189_000));
        }
    }

    #[test]
    fn the_next_look_reaches_back_by_the_overlap_but_never_below_the_floor() {
        let source = Source { watermark: Millis(60_000), floor: Millis(30_000), ..Source::default() };
        assert_eq!(source.lower(Duration::from_secs(10)), Millis(50_000));
        assert_eq!(source.lower(Duration::from_secs(3600)), Millis(30_000));
    }

    #[test]
    fn only_the_announcement_of_a_revision_counts_for_the_delay() {
        let origin = crate::finding::Origin { account: String::new(), region: String::new(), detector: String::new() };
        let raw = r#"{"id": "f", "type": "t", "updatedAt": "2026-01-01T00:00:00.000Z"}"#;
        let f = crate::finding::decode(raw, &std::sync::Arc::new(origin)).unwrap();
        let at = At { channel: "C1".into(), ts: "1.1".into(), thread: None };
        let mut state = State::default();
        state.settle(&f, 0, "C1", &Outcome::Posted { at, meant: None, old: None, links: String::new() }, f.updated);
        let archived = Outcome::Updated { spoke: false, links: String::new() };
        state.settle(&f, 0, "C1", &archived, f.updated.plus(Duration::from_secs(86_400)));
        assert_eq!((state.totals.delay.count, state.totals.delay.sum), (1, 0.0));
    }

    #[test]
    fn the_newest_traits_are_remembered_and_what_was_told_of_them() {
        let mut entry = Entry::default();
        let names = |r: std::ops::Range<usize>| r.map(|i| format!("ip 10.0.0.{i}")).collect::<Vec<_>>();
        entry.remember(&names(0..10));
        entry.told = 10;
        entry.remember(&names(5..20));
        assert_eq!((entry.seen.len(), entry.told), (TRAITS, 6));
        assert_eq!(entry.seen, names(4..20));
    }
}
