//! Histories from seeds. A quarter of them are about anything; each of the others brings about, more often than chance
//! would, what it takes for one kind of mistake to matter.

use guardduty_slack::state::BOUND;

use crate::dice::{Dice, fate};
use crate::history::{Access, Event, Fault, History, How, Kill, Make, Op, Reaction, RunPlan, Setup, Turn, What};
use crate::triaged::{ACKNOWLEDGE, LISTED, RESOLVE, STRANGER};

/// A configuration, what happens, and the runs.
type Plot = (Setup, Vec<Event>, Vec<RunPlan>);
type Theme = fn(&mut Dice) -> Plot;

/// With the parts of a hundred that each gets.
const THEMES: &[(i64, Theme)] = &[
    (30, anything),
    (6, one_instant),
    (9, shifting_pages),
    (7, flood),
    (7, backlog),
    (8, divided_list),
    (9, risen_bands),
    (7, digests_and_deaths),
    (7, side_by_side),
    (7, dead_twice),
    (6, moves),
    (8, refusals),
    (6, rejected_replies),
    (4, replayed),
    (4, meddled_with),
    (9, sources_that_change),
    (5, days),
];

impl History {
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        // Not among the others, whose seeds stay what they are.
        if fate(&[seed, 17]).is_multiple_of(12) {
            let (setup, mut events, runs) = triaged(&mut dice);
            events.sort_by_key(|e| e.at);
            return Self { seed, setup, events, runs };
        }
        let mut throw = dice.pick(0..THEMES.iter().map(|(parts, _)| parts).sum());
        let theme = THEMES.iter().find(|(parts, _)| {
            throw -= parts;
            throw < 0
        });
        let (setup, mut events, runs) = theme.expect("the throw is less than their sum").1(&mut dice);
        events.sort_by_key(|e| e.at);
        Self { seed, setup, events, runs }
    }
}

fn anything(dice: &mut Dice) -> Plot {
    let setup = setup(dice);
    let length = dice.pick(4..9);
    let mut runs = vec![RunPlan::clean(1_000)];
    runs.extend((0..length).map(|_| run(dice, &setup)));
    let events = events(dice, &setup, length * 200_000);
    (setup, events, runs)
}

/// Pages that end where a millisecond does, in windows that end where a page does.
fn one_instant(dice: &mut Dice) -> Plot {
    let count = dice.pick(8..30);
    let (page, digest_after) = (dice.of(&[1, 2, 3]), dice.of(&[0, 2, 20]));
    let window = page * dice.of(&[1, 2, 3]);
    let setup = Setup { page, window, digest_after, ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let burst = 20_000 + dice.pick(0..2) * 90_000;
        let at = burst + finding / page as i64 + i64::from(dice.percent(10));
        let late = if dice.percent(20) { dice.pick(1..100_000) } else { 0 };
        events.push(seen(dice, finding, at, late));
    }
    (setup, events, steady(dice, 3))
}

/// Findings are updated while the list is read, which is slow.
fn shifting_pages(dice: &mut Dice) -> Plot {
    let count = dice.pick(9..24);
    let (page, window) = (dice.of(&[2, 3]), dice.of(&[4, 9, 5_000]));
    let setup = Setup { page, window, ..Setup::plain(count as usize) };
    let mut events: Vec<Event> = (0..count).map(|f| seen(dice, f, 5_000 + f * 900, 0)).collect();
    for _ in 0..dice.pick(4..14) {
        let (finding, at) = (dice.pick(0..count), 60_000 + dice.pick(0..30_000));
        events.push(seen(dice, finding, at, 0));
    }
    let faults = (1..8).map(|nth| Fault { op: Op::List, nth, how: How::Slow(dice.of(&[2_000, 3_000])) }).collect();
    let runs = vec![RunPlan::clean(1_000), RunPlan { faults, ..RunPlan::clean(58_000) }, RunPlan::clean(60_000)];
    (setup, events, runs)
}

/// More than the state has room for.
fn flood(dice: &mut Dice) -> Plot {
    let count = dice.pick(60..100);
    let (page, digest) = (dice.of(&[3, 9]), dice.of(&[3, 500]));
    let (digest_after, bound) = (dice.of(&[0, 3]), dice.of(&[5_000, 7_000]));
    let setup = Setup { page, window: 9, digest, digest_after, bound, ..Setup::plain(count as usize) };
    let bursts = dice.pick(1..4);
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 20_000 + finding % bursts * 100_000 + dice.pick(0..20_000);
        let late = if dice.percent(10) { dice.pick(1..100_000) } else { 0 };
        events.push(seen(dice, finding, at, late));
        if dice.percent(15) {
            let again = at + dice.pick(20_000..200_000);
            events.push(seen(dice, finding, again, 0));
        }
    }
    let mut runs = steady(dice, 4);
    if dice.percent(50) {
        let i = dice.index(runs.len());
        runs[i].kill = Some(Kill { op: Some(Op::Post), call: dice.pick(1..9) as u32, after: true });
    }
    (setup, events, runs)
}

/// Runs of many windows, in which findings show up as late as they may.
fn backlog(dice: &mut Dice) -> Plot {
    let count = dice.pick(30..60);
    let setup = Setup { overlap: 60, window: 6, page: 3, digest_after: 0, ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let (at, late) = match dice.pick(0..10) {
            0 | 1 => (20_000 + dice.pick(0..10_000), dice.pick(40_000..60_001)),
            2 | 3 => (80_000 + dice.pick(0..30_000), 0),
            _ => (20_000 + dice.pick(0..10_000), 0),
        };
        events.push(seen(dice, finding, at, late));
    }
    (setup, events, steady(dice, 2))
}

/// A list so long that it is divided into parts, which are read at the same time: unevenly filled, with many findings in
/// one millisecond, updated, archived and visible late while it is read, in several windows, and with lists and details
/// that are slow, break off, repeat a token or leave findings out.
fn divided_list(dice: &mut Dice) -> Plot {
    let count = dice.pick(24..70);
    let sources = dice.of(&[1, 1, 2]);
    let (page, window) = (dice.of(&[2, 3]), dice.of(&[9, 30, 5_000, 5_000]));
    let findings = (0..count).map(|i| make(dice, sources, i)).collect();
    let (overlap, digest_after) = (dice.of(&[120, 900]), dice.of(&[3, 20]));
    let setup = Setup { sources, page, window, overlap, digest_after, findings, ..Setup::plain(0) };
    let burst = 5_000 + dice.pick(0..50_000);
    let mut events = Vec::new();
    for finding in 0..count {
        let at = match dice.pick(0..10) {
            0..3 => burst + dice.pick(0..4),
            3 | 4 => burst,
            _ => 3_000 + dice.pick(0..55_000),
        };
        let late = if dice.percent(10) { dice.pick(1..90_000) } else { 0 };
        events.push(seen(dice, finding, at, late));
    }
    for _ in 0..dice.pick(0..16) {
        let (finding, at, late) = (dice.pick(0..count), 58_000 + dice.pick(0..8_000), dice.of(&[0, 0, 2_000]));
        events.push(seen(dice, finding, at, late));
        if dice.percent(15) {
            events.push(Event { at: at + dice.pick(0..2_000), what: What::Archive(finding as usize) });
        }
    }
    let mut faults = Vec::new();
    for _ in 0..dice.pick(0..12) {
        let op = dice.of(&[Op::List, Op::List, Op::Get]);
        let odd = if op == Op::List { How::Repeat } else { How::LeaveOut };
        let how = if dice.percent(75) { How::Slow(dice.of(&[500, 2_000, 4_000])) } else { dice.of(&[odd, How::Fail]) };
        faults.push(Fault { op, nth: dice.pick(1..30) as u32, how });
    }
    let runs = vec![RunPlan::clean(1_000), RunPlan { faults, ..RunPlan::clean(56_000) }, RunPlan::clean(60_000)];
    (setup, events, runs)
}

/// Bands that rise, and runs that die between the edit and the word in the thread, or after it.
fn risen_bands(dice: &mut Dice) -> Plot {
    let count = dice.pick(1..4);
    let setup = Setup { remind_after: dice.of(&[60, 600, 21_600]), ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        for (n, severity) in [2.0, 5.0, 8.0, 9.0].into_iter().enumerate().skip(dice.index(2)) {
            let at = 10_000 + n as i64 * 90_000 + dice.pick(0..40_000);
            events.push(state(finding, severity, dice.pick(1..4), n as i64 + 1, at, 0));
        }
    }
    let mut runs = steady(dice, 5);
    for run in &mut runs[1..] {
        let (op, after) = dice.of(&[(Op::Update, true), (Op::Post, true), (Op::Post, false)]);
        let kill = Kill { op: Some(op), call: dice.pick(1..3) as u32, after };
        run.kill = dice.percent(60).then_some(kill);
    }
    (setup, events, runs)
}

/// Digests, and runs that die after them; the next one comes at once, or when the lease is over.
fn digests_and_deaths(dice: &mut Dice) -> Plot {
    let count = dice.pick(5..20);
    let (digest_after, digest) = (dice.of(&[1, 2]), dice.of(&[3, 500]));
    let setup = Setup { digest_after, digest, routed: dice.percent(30), ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 10_000 + dice.pick(0..3) * 80_000 + dice.pick(0..30_000);
        events.push(seen(dice, finding, at, 0));
    }
    let mut runs = steady(dice, 5);
    for run in &mut runs[1..] {
        let kill = Kill { op: Some(Op::Post), call: dice.pick(1..5) as u32, after: dice.percent(80) };
        run.kill = dice.percent(60).then_some(kill);
        if dice.percent(40) {
            run.gap = dice.pick(100..9_000);
        }
    }
    (setup, events, runs)
}

/// Two runs at a time.
fn side_by_side(dice: &mut Dice) -> Plot {
    let count = dice.pick(4..20);
    let setup = Setup { digest_after: dice.of(&[0, 3, 20]), ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 10_000 + dice.pick(0..3) * 80_000 + dice.pick(0..20_000);
        events.push(seen(dice, finding, at, 0));
    }
    let mut runs = Vec::new();
    for mut run in steady(dice, 3) {
        // One that hangs in a post has nothing to record, and but renews its lease.
        if dice.percent(50) {
            let how = dice.of(&[How::Slow(40_000), How::Throttle(30)]);
            run.faults.push(Fault { op: Op::Post, nth: dice.pick(1..3) as u32, how });
        }
        let gap = if dice.percent(50) { dice.pick(0..300) } else { dice.pick(300..12_000) };
        let beside = RunPlan { overlaps: true, skew: dice.pick(-14_000..14_000), ..RunPlan::clean(gap) };
        runs.extend([run, beside]);
    }
    (setup, events, runs)
}

/// A run dies; the next one can read but one of two histories.
fn dead_twice(dice: &mut Dice) -> Plot {
    let count = dice.pick(4..12);
    let setup = Setup { routed: true, ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 10_000 + dice.pick(0..2) * 80_000 + dice.pick(0..30_000);
        events.push(state(finding, dice.of(&[5.0, 8.0]), 1, 1, at, 0));
    }
    let kill = Kill { op: Some(Op::Post), call: dice.pick(2..6) as u32, after: dice.percent(80) };
    let faults = vec![Fault { op: Op::History, nth: dice.pick(1..3) as u32, how: How::Fail }];
    let runs = vec![
        RunPlan::clean(1_000),
        RunPlan { kill: Some(kill), ..RunPlan::clean(50_000) },
        RunPlan { faults, ..RunPlan::clean(dice.pick(61_000..90_000)) },
        RunPlan::clean(dice.pick(1_000..90_000)),
    ];
    (setup, events, runs)
}

/// Findings that go from channel to channel, and messages that people delete.
fn moves(dice: &mut Dice) -> Plot {
    let count = dice.pick(2..7);
    let digest_after = dice.of(&[1, 20, 20]);
    let setup = Setup { routed: true, digest_after, ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        for n in 0..dice.pick(2..5) {
            let at = 10_000 + n * 80_000 + dice.pick(0..40_000);
            events.push(state(finding, dice.of(&[2.0, 5.0, 8.0, 9.0]), dice.pick(1..4), n + 1, at, 0));
            if dice.percent(25) {
                events.push(Event { at: at + 60_000, what: What::Delete(finding as usize) });
            }
        }
    }
    let mut runs = steady(dice, 5);
    for run in &mut runs[1..] {
        let kill = Kill { op: Some(dice.of(&[Op::Update, Op::Post])), call: 1, after: dice.percent(50) };
        run.kill = dice.percent(25).then_some(kill);
    }
    (setup, events, runs)
}

/// Slack answers no, or not at all.
fn refusals(dice: &mut Dice) -> Plot {
    let count = dice.pick(3..10);
    let (routed, no_mentions) = (dice.percent(70), dice.percent(50));
    let setup = Setup { routed, no_mentions, digest_after: dice.of(&[2, 20]), ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 10_000 + dice.pick(0..160_000);
        events.push(seen(dice, finding, at, 0));
    }
    let mut runs = steady(dice, 4);
    for run in &mut runs[1..] {
        for _ in 0..3 {
            let how = dice.of(&[
                How::Vanish,
                How::Lost,
                How::Throttle(5),
                How::Throttle(0),
                How::Channel,
                How::NewCode,
                How::Content,
                How::Fail,
            ]);
            run.faults.push(Fault { op: Op::Post, nth: dice.pick(1..6) as u32, how });
        }
    }
    (setup, events, runs)
}

/// Threads reject replies for a while, in which runs die; severity levels increase, and other regions show the same.
fn rejected_replies(dice: &mut Dice) -> Plot {
    let no_replies_until = dice.of(&[i64::MAX, 150_000, 250_000, 350_000]);
    let (routed, no_mentions) = (dice.percent(30), dice.percent(50));
    let (setup, events, mut runs) = risen_bands(dice);
    let setup = Setup { no_replies_until, routed, no_mentions, ..setup };
    for run in &mut runs[1..] {
        let how = dice.of(&[How::Lost, How::Vanish, How::Throttle(0)]);
        run.faults.extend(dice.percent(30).then(|| Fault { op: Op::Post, nth: dice.pick(1..4) as u32, how }));
    }
    (setup, events, runs)
}

/// Somebody asks for a replay, while runs come and die.
fn replayed(dice: &mut Dice) -> Plot {
    let count = dice.pick(3..10);
    let digest_after = dice.of(&[2, 20]);
    let setup = Setup { digest_after, routed: dice.percent(50), ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        for n in 0..dice.of(&[1, 1, 2]) {
            let at = 10_000 + n * 150_000 + dice.pick(0..200_000);
            events.push(seen(dice, finding, at, 0));
        }
    }
    for _ in 0..dice.pick(1..3) {
        events.push(Event { at: dice.pick(100_000..400_000), what: What::Replay(dice.pick(30..400)) });
    }
    (setup, events, dying(dice, 6))
}

/// The state is deleted, or put back from a copy.
fn meddled_with(dice: &mut Dice) -> Plot {
    let count = dice.pick(3..10);
    let digest_after = dice.of(&[2, 20, 20]);
    let setup = Setup { digest_after, routed: dice.percent(30), ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        for n in 0..dice.of(&[1, 1, 2]) {
            let at = 10_000 + n * 150_000 + dice.pick(0..300_000);
            events.push(seen(dice, finding, at, 0));
        }
    }
    let what = dice.of(&[What::Lose, What::Restore(60), What::Restore(150), What::Restore(300)]);
    events.push(Event { at: dice.pick(100_000..450_000), what });
    (setup, events, dying(dice, 6))
}

/// Regions come and go, detectors are deleted, made anew, disabled, or cannot be read; filters archive.
fn sources_that_change(dice: &mut Dice) -> Plot {
    let sources = dice.of(&[1, 3]);
    let count = dice.pick(3..12);
    let findings = (0..count).map(|i| make(dice, sources, i)).collect();
    let setup = Setup { sources, all: sources > 1 && dice.percent(60), findings, ..Setup::plain(0) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 10_000 + dice.pick(0..700_000);
        events.push(seen(dice, finding, at, 0));
    }
    for source in 0..sources {
        let mut at = 80_000 + dice.pick(0..100_000);
        let mut turn = |dice: &mut Dice, turn| {
            events.push(Event { at, what: What::Turn(source, turn) });
            at += dice.pick(70_000..250_000);
        };
        if setup.all && source > 0 {
            turn(dice, Turn::Region(true));
        }
        let denied = dice.percent(50);
        let story: &[Turn] = match dice.pick(0..9) {
            0 => &[Turn::Gone, Turn::Anew],
            1 => &[Turn::Gone],
            2 => &[Turn::Anew],
            3 => &[Turn::Enabled(false), Turn::Enabled(true)],
            5 if setup.all && source > 0 => &[Turn::Region(false), Turn::Region(true)],
            4 => &[Turn::Enabled(false), Turn::Filter(1)],
            _ => &[Turn::Unreadable { denied }, Turn::Readable, Turn::Filter(2)],
        };
        story.iter().for_each(|t| turn(dice, *t));
    }
    let mut runs = steady(dice, 10);
    for run in &mut runs[1..] {
        let kill = Kill { op: Some(dice.of(&[Op::Post, Op::Save])), call: 1, after: dice.percent(50) };
        run.kill = dice.percent(15).then_some(kill);
    }
    (setup, events, runs)
}

/// Days go by, in which Slack refuses some findings, and GuardDuty does not tell others.
fn days(dice: &mut Dice) -> Plot {
    const HOUR: i64 = 3_600_000;
    let count = dice.pick(4..10);
    let (cursed, remind_after) = (dice.pick(1..count) as usize, dice.of(&[600, 21_600]));
    let setup = Setup { cursed, remind_after, ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let mut at = 10_000 + dice.pick(0..20 * HOUR);
        for n in 0..dice.of(&[1, 2, 4]) {
            events.push(state(finding, dice.of(&[2.0, 5.0, 8.0, 9.0]), dice.pick(1..4), n + 1, at, 0));
            at += dice.pick(60_000..12 * HOUR);
        }
    }
    let mut runs = vec![RunPlan::clean(1_000)];
    runs.extend((0..dice.pick(6..12)).map(|_| RunPlan::clean(dice.pick(HOUR / 60..8 * HOUR))));
    for run in &mut runs[1..] {
        let kill = Kill { op: Some(Op::Post), call: dice.pick(1..4) as u32, after: dice.percent(50) };
        run.kill = dice.percent(15).then_some(kill);
    }
    (setup, events, runs)
}

/// People react to messages, and take it back, while runs archive, escalate, summarize and die.
fn triaged(dice: &mut Dice) -> Plot {
    let count = dice.pick(2..7);
    let (triage, escalate, summary) = (dice.of(&["show", "archive", "archive"]), dice.percent(60), dice.percent(60));
    let setup = Setup { triage, escalate, summary, ..Setup::plain(count as usize) };
    let mut events = Vec::new();
    for finding in 0..count {
        let at = 5_000 + dice.pick(0..150_000);
        events.push(seen(dice, finding, at, 0));
        if dice.percent(20) {
            events.push(seen(dice, finding, at + dice.clone().pick(60_000..400_000), 0));
        }
        for _ in 0..dice.of(&[0, 1, 1, 2]) {
            let user = dice.of(&[LISTED[0], LISTED[1], STRANGER]);
            let reaction = Reaction { emoji: dice.of(&[ACKNOWLEDGE, RESOLVE, RESOLVE]), user };
            let at = at + dice.pick(60_000..450_000);
            events.push(Event { at, what: What::React { finding: finding as usize, reaction, is_added: true } });
            if dice.percent(30) {
                let at = at + dice.pick(30_000..250_000);
                events.push(Event { at, what: What::React { finding: finding as usize, reaction, is_added: false } });
            }
        }
    }
    let mut runs = steady(dice, 9);
    for run in &mut runs[1..] {
        let op = dice.of(&[None, None, Some(Op::Archive), Some(Op::Post), Some(Op::Save), Some(Op::Update)]);
        let call = if op.is_none() { dice.pick(1..40) } else { 1 } as u32;
        run.kill = dice.percent(40).then_some(Kill { op, call, after: dice.percent(60) });
        let op = dice.of(&[Op::Post, Op::Archive, Op::Reactions, Op::Update]);
        let how = match op {
            Op::Reactions => How::Fail,
            _ => dice.of(&[How::Fail, How::Lost, How::Slow(12_000)]),
        };
        run.faults.extend(dice.percent(25).then(|| Fault { op, nth: dice.pick(1..3) as u32, how }));
    }
    (setup, events, runs)
}

/// Steady runs, of which some die, and some writes fail.
fn dying(dice: &mut Dice, count: usize) -> Vec<RunPlan> {
    let mut runs = steady(dice, count);
    for run in &mut runs[1..] {
        let kill =
            Kill { op: Some(dice.of(&[Op::Post, Op::Save])), call: dice.pick(1..4) as u32, after: dice.percent(60) };
        run.kill = dice.percent(35).then_some(kill);
        let how = dice.of(&[How::Fail, How::Lost]);
        run.faults.extend(dice.percent(20).then(|| Fault { op: Op::Save, nth: dice.pick(1..3) as u32, how }));
    }
    runs
}

/// So many runs after a first one, each about when the lease of the one before would be over.
fn steady(dice: &mut Dice, count: usize) -> Vec<RunPlan> {
    let mut runs = vec![RunPlan::clean(1_000)];
    runs.extend((0..count).map(|_| RunPlan::clean(dice.pick(55_000..90_000))));
    runs
}

fn seen(dice: &mut Dice, finding: i64, at: i64, late: i64) -> Event {
    state(finding, dice.of(&[2.0, 5.0, 8.0, 9.0]), dice.pick(1..4), 1, at, late)
}

fn state(finding: i64, severity: f64, ip: i64, count: i64, at: i64, late: i64) -> Event {
    let (finding, ip, count) = (finding as usize, ip as u8, count as u64);
    Event { at, what: What::State { finding, severity, ip, count, late } }
}

fn setup(dice: &mut Dice) -> Setup {
    let sources = dice.of(&[1, 1, 2, 3]);
    let access =
        dice.of(&[Access::Bot, Access::Bot, Access::Bot, Access::Bot, Access::Bot, Access::Blind, Access::Webhook]);
    let flood = dice.percent(15);
    let count = if flood { dice.pick(30..80) } else { dice.pick(1..16) };
    let findings = (0..count).map(|i| make(dice, sources, i)).collect();
    // As in earnest, the state has room for several windows.
    let tight = flood && sources == 1 && dice.percent(50);
    Setup {
        access,
        sources,
        page: if tight { 3 } else { dice.of(&[2, 3, 5, 50]) },
        overlap: dice.of(&[120, 300, 900]),
        digest_after: dice.of(&[0, 2, 3, 20]),
        recurrence: dice.of(&["update", "update", "update", "update", "repost", "ignore"]),
        remind_after: dice.of(&[60, 600, 21_600]),
        timeout: dice.of(&[60, 480, 480]),
        routed: dice.percent(50),
        named: dice.percent(30),
        lag: 9_000,
        window: if tight { 9 } else { dice.of(&[4, 9, 5_000, 5_000]) },
        digest: dice.of(&[3, 500]),
        bound: if tight { dice.of(&[9_000, 12_000]) } else { BOUND },
        watch: dice.percent(50),
        all: false,
        cursed: usize::MAX,
        wild: dice.percent(8),
        no_replies_until: 0,
        no_mentions: false,
        triage: "off",
        summary: false,
        escalate: false,
        findings,
    }
}

/// Source 2 is another account in the region of source 0, which may show the same findings; source 1 is another region.
fn make(dice: &mut Dice, sources: usize, i: i64) -> Make {
    let wide = (sources > 1 && dice.percent(20)).then_some((i / 2) as u32);
    let own = if wide.is_some() { (i % 2) as usize } else { dice.index(sources) };
    let both = sources == 3 && own != 1 && dice.percent(40);
    Make { sources: if both { vec![0, 2] } else { vec![own] }, wide }
}

fn run(dice: &mut Dice, setup: &Setup) -> RunPlan {
    let overlaps = dice.percent(12);
    let gap = match dice.pick(0..10) {
        _ if overlaps => dice.pick(0..20_000),
        0..3 => dice.pick(500..15_000),
        3..5 => dice.pick(55_000..80_000),
        _ => dice.pick(60_000..330_000),
    };
    let deep = if dice.percent(70) { 25 } else { 90 };
    let kill = dice.percent(45).then(|| Kill { op: None, call: dice.pick(1..deep) as u32, after: dice.percent(60) });
    let skew = if setup.wild && dice.percent(40) { 7_200_000 } else { 14_000 };
    let skew = dice.pick(-skew..skew);
    let term = dice.percent(8).then(|| dice.pick(0..30_000));
    let count = if dice.percent(50) { dice.pick(1..5) } else { 0 };
    let faults = (0..count).map(|_| fault(dice)).collect();
    let overlap = if dice.percent(10) { 3 } else { 1 };
    RunPlan { overlaps, gap, skew, kill, term, overlap, faults }
}

fn fault(dice: &mut Dice) -> Fault {
    let slack = [Op::Post, Op::Post, Op::Post, Op::Update, Op::Update, Op::History, Op::Replies];
    let others =
        [Op::Load, Op::Save, Op::Save, Op::Save, Op::Identity, Op::Detectors, Op::List, Op::List, Op::Get, Op::Watch];
    let op = if dice.percent(55) { dice.of(&slack) } else { dice.of(&others) };
    let slow = How::Slow(dice.of(&[3_000, 12_000, 40_000]));
    let throttle = How::Throttle(dice.of(&[1, 5, 30, 90]));
    let how = match op {
        Op::Post => dice.of(&[
            slow,
            How::Fail,
            How::Lost,
            How::Lost,
            How::Lost,
            How::Vanish,
            throttle,
            How::Content,
            How::Channel,
            How::App,
        ]),
        Op::Update => dice.of(&[slow, How::Fail, How::Lost, How::Vanish, throttle, How::Content]),
        Op::History | Op::Replies => dice.of(&[slow, How::Fail]),
        Op::Load => dice.of(&[How::Copy(dice.clone().pick(0..120)), How::Copy(60), How::Fail]),
        Op::Save => dice.of(&[slow, How::Fail, How::Lost]),
        Op::Identity => How::Fail,
        Op::Detectors => dice.of(&[slow, How::Fail, How::Denied]),
        Op::List => dice.of(&[slow, How::Fail, How::Repeat]),
        Op::Get => dice.of(&[slow, How::Fail, How::LeaveOut]),
        Op::Watch => How::Denied,
        Op::Reactions | Op::Archive => How::Fail,
    };
    let many = matches!(op, Op::Post | Op::Save | Op::Update | Op::List | Op::Get);
    Fault { op, nth: dice.pick(1..if many { 5 } else { 3 }) as u32, how }
}

fn events(dice: &mut Dice, setup: &Setup, length: i64) -> Vec<Event> {
    let mut events = Vec::new();
    for finding in 0..setup.findings.len() {
        life(dice, setup, finding, length, &mut events);
    }
    for _ in 0..dice.of(&[0, 0, 0, 1]) {
        events.push(Event { at: dice.pick(0..length), what: What::Touch });
    }
    events
}

fn life(dice: &mut Dice, setup: &Setup, finding: usize, length: i64, events: &mut Vec<Event>) {
    // Several findings in one millisecond, and in the next.
    let mut at = if dice.percent(30) {
        length / 4 + dice.pick(0..3) * length / 8 + dice.pick(-1..2).max(0)
    } else {
        dice.pick(0..length)
    };
    let mut severity = dice.of(&[1.0, 2.0, 5.0, 8.0, 9.0]);
    for n in 0..dice.of(&[1, 1, 1, 2, 2, 3, 5]) {
        let overlap = setup.overlap * 1_000;
        let late = if dice.percent(25) { dice.of(&[dice.clone().pick(1..overlap), overlap]) } else { 0 };
        if n > 0 && dice.percent(50) {
            severity = dice.of(&[1.0, 2.0, 5.0, 8.0, 9.0]);
        }
        events
            .push(Event { at, what: What::State { finding, severity, ip: dice.pick(1..4) as u8, count: n + 1, late } });
        let soon = at + dice.pick(1_000..120_000);
        match dice.pick(0..40) {
            0 | 1 => events.push(Event { at: soon, what: What::Archive(finding) }),
            2 => events.push(Event { at: soon, what: What::Delete(finding) }),
            3 => events.push(Event { at: at + late, what: What::Forge(finding) }),
            4 => {
                events.push(Event { at: soon, what: What::Archive(finding) });
                events.push(Event { at: soon + dice.pick(1_000..400_000), what: What::BringBack(finding) });
            }
            _ => {}
        }
        at += dice.of(&[dice.clone().pick(1..2_000), dice.clone().pick(2_000..400_000), 60_000]);
    }
}
