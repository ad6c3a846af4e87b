//! Generates histories from seeds. A quarter of them are random. Each of the others provokes the conditions of one kind
//! of bug more often than a random history does.

use guardduty_slack::state::MAX_STATE_BYTES;

use crate::history::{
    Access, Event, Fault, FaultEffect, FindingSpec, History, Installation, Kill, Op, Reaction, RunPlan, SourceChange,
    WorldEvent,
};
use crate::rng::SimRng;
use crate::triaged::{ACKNOWLEDGE, LISTED, RESOLVE, STRANGER};

/// Configuration, events and runs of a history.
type Scenario = (Installation, Vec<Event>, Vec<RunPlan>);
type ScenarioGenerator = fn(&mut SimRng) -> Scenario;

/// A kind of fault, and the generator of histories that provoke it.
pub(crate) struct Theme {
    pub name: &'static str,
    /// Number of histories, relative to the other themes.
    weight: i64,
    generate: ScenarioGenerator,
}

pub(crate) const THEMES: &[Theme] = &[
    Theme { name: "random history", weight: 30, generate: random_history },
    Theme { name: "one millisecond", weight: 6, generate: one_millisecond },
    Theme { name: "shifting pages", weight: 9, generate: shifting_pages },
    Theme { name: "flood", weight: 3, generate: flood },
    Theme { name: "backlog", weight: 3, generate: backlog },
    Theme { name: "divided list", weight: 3, generate: divided_list },
    Theme { name: "rising severity", weight: 9, generate: rising_severity },
    Theme { name: "digests and kills", weight: 7, generate: digests_and_kills },
    Theme { name: "concurrent runs", weight: 7, generate: concurrent_runs },
    Theme { name: "killed twice", weight: 7, generate: killed_twice },
    Theme { name: "moved findings", weight: 6, generate: moved_findings },
    Theme { name: "rejections", weight: 8, generate: rejections },
    Theme { name: "rejected replies", weight: 6, generate: rejected_replies },
    Theme { name: "replays", weight: 4, generate: replays },
    Theme { name: "external state changes", weight: 4, generate: external_state_changes },
    Theme { name: "sources that change", weight: 9, generate: sources_that_change },
    Theme { name: "long outages", weight: 5, generate: long_outages },
    Theme { name: "triage", weight: 12, generate: triage },
];

impl History {
    /// Returns the history of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = SimRng::new(seed);
        let mut draw = rng.pick(0..THEMES.iter().map(|theme| theme.weight).sum());
        let theme = THEMES.iter().find(|theme| {
            draw -= theme.weight;
            draw < 0
        });
        theme.expect("the draw is less than the sum of the weights").history(seed, &mut rng)
    }
}

impl Theme {
    /// Returns a history of this theme.
    pub(crate) fn of(&self, seed: u64) -> History {
        self.history(seed, &mut SimRng::new(seed))
    }

    fn history(&self, seed: u64, rng: &mut SimRng) -> History {
        let (setup, mut events, runs) = (self.generate)(rng);
        events.sort_by_key(|e| e.at);
        History { seed, theme: self.name, setup, events, runs }
    }
}

fn random_history(rng: &mut SimRng) -> Scenario {
    let setup = setup(rng);
    let length = rng.pick(2..5);
    let mut runs = vec![RunPlan::clean(1_000)];
    runs.extend((0..length).map(|_| run(rng, &setup)));
    let events = events(rng, &setup, length * 200_000);
    (setup, events, runs)
}

/// Pages that end at the end of a millisecond, in batches that end at the end of a page.
fn one_millisecond(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(5..12);
    let (page, digest_after) = (rng.choose(&[1, 2, 3]), rng.choose(&[0, 2, 20]));
    let max_batch = page * rng.choose(&[1, 2, 3]);
    let setup = Installation { page, digest_after, max_batch, ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let burst = 20_000 + rng.pick(0..2) * 90_000;
        let at = burst + finding / page as i64 + i64::from(rng.percent(10));
        let late = if rng.percent(20) { rng.pick(1..100_000) } else { 0 };
        events.push(new_finding(rng, finding, at, late));
    }
    (setup, events, clean_runs(rng, 2))
}

/// Findings are updated while the list is read, which is slow.
fn shifting_pages(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(5..10);
    let (page, max_batch) = (rng.choose(&[2, 3]), rng.choose(&[4, 9, 5_000]));
    let setup = Installation { page, max_batch, ..Installation::plain(count as usize) };
    let mut events: Vec<Event> = (0..count).map(|f| new_finding(rng, f, 5_000 + f * 900, 0)).collect();
    for _ in 0..rng.pick(3..9) {
        let (finding, at) = (rng.pick(0..count), 60_000 + rng.pick(0..30_000));
        events.push(new_finding(rng, finding, at, 0));
    }
    let faults =
        (1..8).map(|nth| Fault { op: Op::List, nth, effect: FaultEffect::Slow(rng.choose(&[2_000, 3_000])) }).collect();
    let runs = vec![RunPlan::clean(1_000), RunPlan { faults, ..RunPlan::clean(58_000) }, RunPlan::clean(60_000)];
    (setup, events, runs)
}

/// More findings than the state has capacity for.
fn flood(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(18..26);
    let (page, digest) = (rng.choose(&[3, 9]), rng.choose(&[3, 500]));
    let (digest_after, max_state_bytes) = (rng.choose(&[0, 3]), rng.choose(&[2_600, 3_200]));
    let setup = Installation {
        page,
        max_batch: 9,
        digest,
        digest_after,
        max_state_bytes,
        ..Installation::plain(count as usize)
    };
    let bursts = rng.pick(1..4);
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 20_000 + finding % bursts * 100_000 + rng.pick(0..20_000);
        let late = if rng.percent(10) { rng.pick(1..100_000) } else { 0 };
        events.push(new_finding(rng, finding, at, late));
        if rng.percent(15) {
            let again = at + rng.pick(20_000..200_000);
            events.push(new_finding(rng, finding, again, 0));
        }
    }
    let mut runs = clean_runs(rng, 2);
    if rng.percent(50) {
        let i = rng.index(runs.len());
        runs[i].kill = Some(Kill { op: Some(Op::Post), call: rng.pick(1..9) as u32, after: true });
    }
    (setup, events, runs)
}

/// Runs of many batches, in which findings become visible with the maximum delay.
fn backlog(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(14..24);
    let setup =
        Installation { overlap: 60, max_batch: 4, page: 2, digest_after: 0, ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let (at, late) = match rng.pick(0..10) {
            0 | 1 => (20_000 + rng.pick(0..10_000), rng.pick(40_000..60_001)),
            2 | 3 => (80_000 + rng.pick(0..30_000), 0),
            _ => (20_000 + rng.pick(0..10_000), 0),
        };
        events.push(new_finding(rng, finding, at, late));
    }
    (setup, events, clean_runs(rng, 2))
}

/// A list that is divided into parts, which are read concurrently: unevenly filled, with many findings in
/// one millisecond, updated, archived and visible late while it is read, in several batches, and with lists and details
/// that are slow, are truncated, repeat a token or omit findings.
fn divided_list(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(10..20);
    let sources = rng.choose(&[1, 1, 2]);
    let (page, max_batch) = (rng.choose(&[2, 3]), rng.choose(&[9, 30, 5_000, 5_000]));
    let findings = (0..count).map(|i| finding_spec(rng, sources, i)).collect();
    let (overlap, digest_after) = (rng.choose(&[120, 900]), rng.choose(&[3, 20]));
    let setup = Installation { sources, page, overlap, digest_after, max_batch, findings, ..Installation::plain(0) };
    let burst = 5_000 + rng.pick(0..50_000);
    let mut events = Vec::new();
    for finding in 0..count {
        let at = match rng.pick(0..10) {
            0..3 => burst + rng.pick(0..4),
            3 | 4 => burst,
            _ => 3_000 + rng.pick(0..55_000),
        };
        let late = if rng.percent(10) { rng.pick(1..90_000) } else { 0 };
        events.push(new_finding(rng, finding, at, late));
    }
    for _ in 0..rng.pick(0..10) {
        let (finding, at, late) = (rng.pick(0..count), 58_000 + rng.pick(0..8_000), rng.choose(&[0, 0, 2_000]));
        events.push(new_finding(rng, finding, at, late));
        if rng.percent(15) {
            events.push(Event { at: at + rng.pick(0..2_000), what: WorldEvent::Archive(finding as usize) });
        }
    }
    let mut faults = Vec::new();
    for _ in 0..rng.pick(0..12) {
        let op = rng.choose(&[Op::List, Op::List, Op::Get]);
        let odd = if op == Op::List { FaultEffect::Repeat } else { FaultEffect::LeaveOut };
        let effect = if rng.percent(75) {
            FaultEffect::Slow(rng.choose(&[500, 2_000, 4_000]))
        } else {
            rng.choose(&[odd, FaultEffect::Fail])
        };
        faults.push(Fault { op, nth: rng.pick(1..30) as u32, effect });
    }
    let runs = vec![RunPlan::clean(1_000), RunPlan { faults, ..RunPlan::clean(56_000) }, RunPlan::clean(60_000)];
    (setup, events, runs)
}

/// Severity levels that increase, and runs that are killed between the edit and the reply in the thread, or after it.
fn rising_severity(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(1..4);
    let setup = Installation { remind_after: rng.choose(&[60, 600, 21_600]), ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        for (n, severity) in [2.0, 5.0, 8.0, 9.0].into_iter().enumerate().skip(rng.index(3)) {
            let at = 10_000 + n as i64 * 60_000 + rng.pick(0..30_000);
            events.push(revision_event(finding, severity, rng.pick(1..4), n as i64 + 1, at, 0));
        }
    }
    let mut runs = clean_runs(rng, 3);
    for run in &mut runs[1..] {
        let (op, after) = rng.choose(&[(Op::Update, true), (Op::Post, true), (Op::Post, false)]);
        let kill = Kill { op: Some(op), call: rng.pick(1..3) as u32, after };
        run.kill = rng.percent(60).then_some(kill);
    }
    (setup, events, runs)
}

/// Digests, and runs that are killed after them. The next run starts at once, or after the lease expired.
fn digests_and_kills(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(4..9);
    let (digest_after, digest) = (rng.choose(&[1, 2]), rng.choose(&[3, 500]));
    let setup = Installation { digest_after, digest, routed: rng.percent(30), ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 10_000 + rng.pick(0..3) * 80_000 + rng.pick(0..30_000);
        events.push(new_finding(rng, finding, at, 0));
    }
    let mut runs = clean_runs(rng, 2);
    for run in &mut runs[1..] {
        let kill = Kill { op: Some(Op::Post), call: rng.pick(1..5) as u32, after: rng.percent(80) };
        run.kill = rng.percent(60).then_some(kill);
        if rng.percent(40) {
            run.gap = rng.pick(100..9_000);
        }
    }
    (setup, events, runs)
}

/// Two concurrent runs.
fn concurrent_runs(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(3..9);
    let setup = Installation { digest_after: rng.choose(&[0, 3, 20]), ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 10_000 + rng.pick(0..3) * 80_000 + rng.pick(0..20_000);
        events.push(new_finding(rng, finding, at, 0));
    }
    let mut runs = Vec::new();
    for mut run in clean_runs(rng, 1) {
        // A run that hangs in a post has nothing to save, and only renews its lease.
        if rng.percent(50) {
            let effect = rng.choose(&[FaultEffect::Slow(40_000), FaultEffect::Throttle(30)]);
            run.faults.push(Fault { op: Op::Post, nth: rng.pick(1..3) as u32, effect });
        }
        let gap = if rng.percent(50) { rng.pick(0..300) } else { rng.pick(300..12_000) };
        let concurrent = RunPlan { overlaps: true, skew: rng.pick(-14_000..14_000), ..RunPlan::clean(gap) };
        runs.extend([run, concurrent]);
    }
    (setup, events, runs)
}

/// A run is killed, and the next run can read only one of two channel histories.
fn killed_twice(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(3..7);
    let setup = Installation { routed: true, ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 10_000 + rng.pick(0..2) * 80_000 + rng.pick(0..30_000);
        events.push(revision_event(finding, rng.choose(&[5.0, 8.0]), 1, 1, at, 0));
    }
    let kill = Kill { op: Some(Op::Post), call: rng.pick(2..6) as u32, after: rng.percent(80) };
    let faults = vec![Fault { op: Op::History, nth: rng.pick(1..3) as u32, effect: FaultEffect::Fail }];
    let runs = vec![
        RunPlan::clean(1_000),
        RunPlan { kill: Some(kill), ..RunPlan::clean(50_000) },
        RunPlan { faults, ..RunPlan::clean(rng.pick(61_000..90_000)) },
        RunPlan::clean(rng.pick(1_000..90_000)),
    ];
    (setup, events, runs)
}

/// Findings that move between channels, and messages that people delete.
fn moved_findings(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(1..4);
    let digest_after = rng.choose(&[1, 20, 20]);
    let setup = Installation { routed: true, digest_after, ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        for n in 0..rng.pick(2..4) {
            let at = 10_000 + n * 80_000 + rng.pick(0..40_000);
            events.push(revision_event(finding, rng.choose(&[2.0, 5.0, 8.0, 9.0]), rng.pick(1..4), n + 1, at, 0));
            if rng.percent(25) {
                events.push(Event { at: at + 60_000, what: WorldEvent::Delete(finding as usize) });
            }
        }
    }
    let mut runs = clean_runs(rng, 2);
    for run in &mut runs[1..] {
        let kill = Kill { op: Some(rng.choose(&[Op::Update, Op::Post])), call: 1, after: rng.percent(50) };
        run.kill = rng.percent(25).then_some(kill);
    }
    (setup, events, runs)
}

/// Slack rejects calls, or does not respond.
fn rejections(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(2..6);
    let (routed, no_mentions) = (rng.percent(70), rng.percent(50));
    let setup =
        Installation { routed, no_mentions, digest_after: rng.choose(&[2, 20]), ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 10_000 + rng.pick(0..160_000);
        events.push(new_finding(rng, finding, at, 0));
    }
    let mut runs = clean_runs(rng, 2);
    for run in &mut runs[1..] {
        for _ in 0..3 {
            let effect = rng.choose(&[
                FaultEffect::RequestLost,
                FaultEffect::ResponseLost,
                FaultEffect::Throttle(5),
                FaultEffect::Throttle(0),
                FaultEffect::Channel,
                FaultEffect::NewCode,
                FaultEffect::Content,
                FaultEffect::Fail,
            ]);
            run.faults.push(Fault { op: Op::Post, nth: rng.pick(1..6) as u32, effect });
        }
    }
    (setup, events, runs)
}

/// Threads reject replies for a while, in which runs are killed. Severity levels increase, also in other regions.
fn rejected_replies(rng: &mut SimRng) -> Scenario {
    let no_replies_until = rng.choose(&[i64::MAX, 150_000, 250_000, 350_000]);
    let (routed, no_mentions) = (rng.percent(30), rng.percent(50));
    let (setup, events, mut runs) = rising_severity(rng);
    let setup = Installation { routed, no_replies_until, no_mentions, ..setup };
    for run in &mut runs[1..] {
        let effect = rng.choose(&[FaultEffect::ResponseLost, FaultEffect::RequestLost, FaultEffect::Throttle(0)]);
        run.faults.extend(rng.percent(30).then(|| Fault { op: Op::Post, nth: rng.pick(1..4) as u32, effect }));
    }
    (setup, events, runs)
}

/// A replay is requested while runs start and are killed.
fn replays(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(2..6);
    let digest_after = rng.choose(&[2, 20]);
    let setup = Installation { digest_after, routed: rng.percent(50), ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        for n in 0..rng.choose(&[1, 1, 2]) {
            let at = 10_000 + n * 120_000 + rng.pick(0..120_000);
            events.push(new_finding(rng, finding, at, 0));
        }
    }
    for _ in 0..rng.pick(1..3) {
        events.push(Event { at: rng.pick(80_000..250_000), what: WorldEvent::Replay(rng.pick(30..400)) });
    }
    (setup, events, killed_runs(rng, 2))
}

/// The state is deleted, or restored from a copy.
fn external_state_changes(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(2..6);
    let digest_after = rng.choose(&[2, 20, 20]);
    let setup = Installation { digest_after, routed: rng.percent(30), ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        for n in 0..rng.choose(&[1, 1, 2]) {
            let at = 10_000 + n * 120_000 + rng.pick(0..150_000);
            events.push(new_finding(rng, finding, at, 0));
        }
    }
    let what = rng.choose(&[
        WorldEvent::DeleteState,
        WorldEvent::Restore(60),
        WorldEvent::Restore(150),
        WorldEvent::Restore(300),
    ]);
    events.push(Event { at: rng.pick(80_000..280_000), what });
    (setup, events, killed_runs(rng, 2))
}

/// Regions are enabled and disabled, detectors are deleted, replaced, disabled or unreadable, and filters archive.
fn sources_that_change(rng: &mut SimRng) -> Scenario {
    let sources = rng.choose(&[1, 3]);
    let count = rng.pick(1..5);
    let findings = (0..count).map(|i| finding_spec(rng, sources, i)).collect();
    let all = sources > 1 && rng.percent(60);
    let setup = Installation { sources, all, findings, watch: true, ..Installation::plain(0) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 10_000 + rng.pick(0..300_000);
        events.push(new_finding(rng, finding, at, 0));
    }
    for source in 0..sources {
        let mut at = 75_000 + rng.pick(0..60_000);
        let mut change = |rng: &mut SimRng, change| {
            events.push(Event { at, what: WorldEvent::ChangeSource(source, change) });
            at += rng.pick(60_000..150_000);
        };
        if setup.all && source > 0 {
            change(rng, SourceChange::Region(true));
        }
        let denied = rng.percent(50);
        let changes: &[SourceChange] = match rng.pick(0..9) {
            0 => &[SourceChange::Deleted, SourceChange::Replaced],
            1 => &[SourceChange::Deleted],
            2 => &[SourceChange::Replaced],
            3 => &[SourceChange::Enabled(false), SourceChange::Enabled(true)],
            5 if setup.all && source > 0 => &[SourceChange::Region(false), SourceChange::Region(true)],
            4 => &[SourceChange::Enabled(false), SourceChange::Filter(1)],
            _ => &[SourceChange::Unreadable { denied }, SourceChange::Readable, SourceChange::Filter(2)],
        };
        changes.iter().for_each(|t| change(rng, *t));
    }
    let mut runs = clean_runs(rng, 4);
    for run in &mut runs[1..] {
        let kill = Kill { op: Some(rng.choose(&[Op::Post, Op::Save])), call: 1, after: rng.percent(50) };
        run.kill = rng.percent(15).then_some(kill);
    }
    (setup, events, runs)
}

/// Days in which Slack rejects some findings, and GuardDuty does not return others.
fn long_outages(rng: &mut SimRng) -> Scenario {
    const HOUR: i64 = 3_600_000;
    let count = rng.pick(3..6);
    let (first_undeliverable, remind_after) = (rng.pick(1..count) as usize, rng.choose(&[600, 21_600]));
    let setup = Installation { remind_after, first_undeliverable, ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let mut at = 10_000 + rng.pick(0..20 * HOUR);
        for n in 0..rng.choose(&[1, 2, 4]) {
            events.push(revision_event(finding, rng.choose(&[2.0, 5.0, 8.0, 9.0]), rng.pick(1..4), n + 1, at, 0));
            at += rng.pick(60_000..12 * HOUR);
        }
    }
    let mut runs = vec![RunPlan::clean(1_000)];
    runs.extend((0..rng.pick(3..6)).map(|_| RunPlan::clean(rng.pick(HOUR / 60..12 * HOUR))));
    for run in &mut runs[1..] {
        let kill = Kill { op: Some(Op::Post), call: rng.pick(1..4) as u32, after: rng.percent(50) };
        run.kill = rng.percent(15).then_some(kill);
    }
    (setup, events, runs)
}

/// People add and remove reactions, while runs archive, escalate, summarize and are killed.
fn triage(rng: &mut SimRng) -> Scenario {
    let count = rng.pick(1..4);
    let (triage, escalate, summary) = (rng.choose(&["show", "archive", "archive"]), rng.percent(60), rng.percent(60));
    let setup = Installation { triage, summary, escalate, ..Installation::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 5_000 + rng.pick(0..90_000);
        events.push(new_finding(rng, finding, at, 0));
        if rng.percent(20) {
            events.push(new_finding(rng, finding, at + rng.clone().pick(60_000..400_000), 0));
        }
        for _ in 0..rng.choose(&[0, 1, 1, 2]) {
            let user = rng.choose(&[LISTED[0], LISTED[1], STRANGER]);
            let reaction = Reaction { emoji: rng.choose(&[ACKNOWLEDGE, RESOLVE, RESOLVE]), user };
            let at = at + rng.pick(60_000..250_000);
            events.push(Event { at, what: WorldEvent::React { finding: finding as usize, reaction, is_added: true } });
            if rng.percent(30) {
                let at = at + rng.pick(30_000..250_000);
                events.push(Event {
                    at,
                    what: WorldEvent::React { finding: finding as usize, reaction, is_added: false },
                });
            }
        }
    }
    let mut runs = clean_runs(rng, 3);
    for run in &mut runs[1..] {
        run.gap = rng.pick(80_000..150_000);
        let op = rng.choose(&[None, None, Some(Op::Archive), Some(Op::Post), Some(Op::Save), Some(Op::Update)]);
        let call = if op.is_none() { rng.pick(1..40) } else { 1 } as u32;
        run.kill = rng.percent(40).then_some(Kill { op, call, after: rng.percent(60) });
        let op = rng.choose(&[Op::Post, Op::Archive, Op::Reactions, Op::Update]);
        let effect = match op {
            Op::Reactions => FaultEffect::Fail,
            _ => rng.choose(&[FaultEffect::Fail, FaultEffect::ResponseLost, FaultEffect::Slow(12_000)]),
        };
        run.faults.extend(rng.percent(25).then(|| Fault { op, nth: rng.pick(1..3) as u32, effect }));
    }
    (setup, events, runs)
}

/// Regular runs, some of them killed, and some with failed writes.
fn killed_runs(rng: &mut SimRng, count: usize) -> Vec<RunPlan> {
    let mut runs = clean_runs(rng, count);
    for run in &mut runs[1..] {
        let kill =
            Kill { op: Some(rng.choose(&[Op::Post, Op::Save])), call: rng.pick(1..4) as u32, after: rng.percent(60) };
        run.kill = rng.percent(35).then_some(kill);
        let effect = rng.choose(&[FaultEffect::Fail, FaultEffect::ResponseLost]);
        run.faults.extend(rng.percent(20).then(|| Fault { op: Op::Save, nth: rng.pick(1..3) as u32, effect }));
    }
    runs
}

/// A first run, and `count` more, each at about the expiry of the lease of the previous one.
fn clean_runs(rng: &mut SimRng, count: usize) -> Vec<RunPlan> {
    let mut runs = vec![RunPlan::clean(1_000)];
    runs.extend((0..count).map(|_| RunPlan::clean(rng.pick(55_000..90_000))));
    runs
}

fn new_finding(rng: &mut SimRng, finding: i64, at: i64, late: i64) -> Event {
    revision_event(finding, rng.choose(&[2.0, 5.0, 8.0, 9.0]), rng.pick(1..4), 1, at, late)
}

fn revision_event(finding: i64, severity: f64, ip: i64, count: i64, at: i64, late: i64) -> Event {
    let (finding, ip, count) = (finding as usize, ip as u8, count as u64);
    Event { at, what: WorldEvent::Revision { finding, severity, ip, count, late } }
}

fn setup(rng: &mut SimRng) -> Installation {
    let sources = rng.choose(&[1, 1, 2, 3]);
    let access = rng.choose(&[
        Access::Bot,
        Access::Bot,
        Access::Bot,
        Access::Bot,
        Access::Bot,
        Access::BotWithoutHistory,
        Access::Webhook,
    ]);
    let flood = rng.percent(10);
    let count = if flood { rng.pick(16..24) } else { rng.pick(1..7) };
    let findings = (0..count).map(|i| finding_spec(rng, sources, i)).collect();
    // As in production, the state has capacity for several batches.
    let has_small_limits = flood && sources == 1 && rng.percent(50);
    Installation {
        access,
        sources,
        page: if has_small_limits { 3 } else { rng.choose(&[2, 3, 5, 50]) },
        overlap: rng.choose(&[120, 300, 900]),
        digest_after: rng.choose(&[0, 2, 3, 20]),
        recurrence: rng.choose(&["update", "update", "update", "update", "repost", "ignore"]),
        remind_after: rng.choose(&[60, 600, 21_600]),
        timeout: rng.choose(&[60, 480, 480]),
        routed: rng.percent(50),
        has_named_channels: rng.percent(30),
        lag: 9_000,
        max_batch: if has_small_limits { 9 } else { rng.choose(&[4, 9, 5_000, 5_000]) },
        digest: rng.choose(&[3, 500]),
        max_state_bytes: if has_small_limits { rng.choose(&[4_000, 5_000]) } else { MAX_STATE_BYTES },
        watch: rng.percent(50),
        all: false,
        first_undeliverable: usize::MAX,
        has_wrong_clocks: rng.percent(8),
        no_replies_until: 0,
        no_mentions: false,
        triage: "off",
        summary: false,
        escalate: false,
        findings,
    }
}

/// Source 2 is another account in the region of source 0, which may show the same findings; source 1 is another region.
fn finding_spec(rng: &mut SimRng, sources: usize, i: i64) -> FindingSpec {
    let account_wide = (sources > 1 && rng.percent(20)).then_some((i / 2) as u32);
    let own = if account_wide.is_some() { (i % 2) as usize } else { rng.index(sources) };
    let both = sources == 3 && own != 1 && rng.percent(40);
    FindingSpec { sources: if both { vec![0, 2] } else { vec![own] }, account_wide }
}

fn run(rng: &mut SimRng, setup: &Installation) -> RunPlan {
    let overlaps = rng.percent(12);
    let gap = match rng.pick(0..10) {
        _ if overlaps => rng.pick(0..20_000),
        0..3 => rng.pick(500..15_000),
        3..5 => rng.pick(55_000..80_000),
        _ => rng.pick(60_000..330_000),
    };
    let max_call = if rng.percent(70) { 25 } else { 90 };
    let kill = rng.percent(45).then(|| Kill { op: None, call: rng.pick(1..max_call) as u32, after: rng.percent(60) });
    let skew = if setup.has_wrong_clocks && rng.percent(40) { 7_200_000 } else { 14_000 };
    let skew = rng.pick(-skew..skew);
    let term = rng.percent(8).then(|| rng.pick(0..30_000));
    let count = if rng.percent(50) { rng.pick(1..5) } else { 0 };
    let faults = (0..count).map(|_| fault(rng)).collect();
    let overlap = if rng.percent(10) { 3 } else { 1 };
    RunPlan { overlaps, gap, skew, kill, term, overlap, faults }
}

fn fault(rng: &mut SimRng) -> Fault {
    let slack = [Op::Post, Op::Post, Op::Post, Op::Update, Op::Update, Op::History, Op::Replies];
    let others =
        [Op::Load, Op::Save, Op::Save, Op::Save, Op::Identity, Op::Detectors, Op::List, Op::List, Op::Get, Op::Watch];
    let op = if rng.percent(55) { rng.choose(&slack) } else { rng.choose(&others) };
    let slow = FaultEffect::Slow(rng.choose(&[3_000, 12_000, 40_000]));
    let throttle = FaultEffect::Throttle(rng.choose(&[1, 5, 30, 90]));
    let effect = match op {
        Op::Post => rng.choose(&[
            slow,
            FaultEffect::Fail,
            FaultEffect::ResponseLost,
            FaultEffect::ResponseLost,
            FaultEffect::ResponseLost,
            FaultEffect::RequestLost,
            throttle,
            FaultEffect::Content,
            FaultEffect::Channel,
            FaultEffect::App,
        ]),
        Op::Update => rng.choose(&[
            slow,
            FaultEffect::Fail,
            FaultEffect::ResponseLost,
            FaultEffect::RequestLost,
            throttle,
            FaultEffect::Content,
        ]),
        Op::History | Op::Replies => rng.choose(&[slow, FaultEffect::Fail]),
        Op::Load => {
            rng.choose(&[FaultEffect::Copy(rng.clone().pick(0..120)), FaultEffect::Copy(60), FaultEffect::Fail])
        }
        Op::Save => rng.choose(&[slow, FaultEffect::Fail, FaultEffect::ResponseLost]),
        Op::Identity => FaultEffect::Fail,
        Op::Detectors => rng.choose(&[slow, FaultEffect::Fail, FaultEffect::Denied]),
        Op::List => rng.choose(&[slow, FaultEffect::Fail, FaultEffect::Repeat]),
        Op::Get => rng.choose(&[slow, FaultEffect::Fail, FaultEffect::LeaveOut]),
        Op::Watch => FaultEffect::Denied,
        Op::Reactions | Op::Archive => FaultEffect::Fail,
    };
    let many = matches!(op, Op::Post | Op::Save | Op::Update | Op::List | Op::Get);
    Fault { op, nth: rng.pick(1..if many { 5 } else { 3 }) as u32, effect }
}

fn events(rng: &mut SimRng, setup: &Installation, length: i64) -> Vec<Event> {
    let mut events = Vec::new();
    for finding in 0..setup.findings.len() {
        add_finding_events(rng, setup, finding, length, &mut events);
    }
    for _ in 0..rng.choose(&[0, 0, 0, 1]) {
        events.push(Event { at: rng.pick(0..length), what: WorldEvent::Touch });
    }
    events
}

fn add_finding_events(rng: &mut SimRng, setup: &Installation, finding: usize, length: i64, events: &mut Vec<Event>) {
    // Several findings in one millisecond, and in the next.
    let mut at = if rng.percent(30) {
        length / 4 + rng.pick(0..3) * length / 8 + rng.pick(-1..2).max(0)
    } else {
        rng.pick(0..length)
    };
    let mut severity = rng.choose(&[1.0, 2.0, 5.0, 8.0, 9.0]);
    for n in 0..rng.choose(&[1, 1, 1, 2, 2, 3, 5]) {
        let overlap = setup.overlap * 1_000;
        let late = if rng.percent(25) { rng.choose(&[rng.clone().pick(1..overlap), overlap]) } else { 0 };
        if n > 0 && rng.percent(50) {
            severity = rng.choose(&[1.0, 2.0, 5.0, 8.0, 9.0]);
        }
        events.push(Event {
            at,
            what: WorldEvent::Revision { finding, severity, ip: rng.pick(1..4) as u8, count: n + 1, late },
        });
        let soon = at + rng.pick(1_000..120_000);
        match rng.pick(0..40) {
            0 | 1 => events.push(Event { at: soon, what: WorldEvent::Archive(finding) }),
            2 => events.push(Event { at: soon, what: WorldEvent::Delete(finding) }),
            3 => events.push(Event { at: at + late, what: WorldEvent::Forge(finding) }),
            4 => {
                events.push(Event { at: soon, what: WorldEvent::Archive(finding) });
                events.push(Event { at: soon + rng.pick(1_000..400_000), what: WorldEvent::Unarchive(finding) });
            }
            _ => {}
        }
        at += rng.choose(&[rng.clone().pick(1..2_000), rng.clone().pick(2_000..400_000), 60_000]);
    }
}
