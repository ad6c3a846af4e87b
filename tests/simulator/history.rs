//! A history: what happens in the world, and what goes wrong. Plain data, made from a seed, so that it can be shrunk.

use guardduty_slack::state::BOUND;

use crate::dice::Dice;

/// A call that the core makes of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    Load,
    Save,
    Identity,
    Detectors,
    List,
    Get,
    Watch,
    Post,
    Update,
    History,
    Replies,
}

/// How a call goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum How {
    /// It takes longer, in milliseconds.
    Slow(i64),
    /// It certainly takes no effect.
    Fail,
    /// It takes effect, but the answer is lost.
    Lost,
    /// It takes no effect, and nothing tells so.
    Vanish,
    /// Not permitted.
    Denied,
    /// In so many seconds again.
    Throttle(i64),
    /// Slack refuses what the message says.
    Content,
    /// Slack refuses the channel.
    Channel,
    /// Slack refuses the app.
    App,
    /// Only the mounted copy can be read, so many seconds old.
    Copy(i64),
    /// The list answers with the page token that it was asked with.
    Repeat,
    /// `GetFindings` leaves some out.
    LeaveOut,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub op: Op,
    /// The how many-th call of this kind in its run.
    pub nth: u32,
    pub how: How,
}

/// Dead at the `call`-th call of a run, all kinds counted; `after`: it took effect, and its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kill {
    pub call: u32,
    pub after: bool,
}

#[derive(Clone, Debug)]
pub struct RunPlan {
    /// Starts so long after the run before it started, without waiting for its end.
    pub overlaps: bool,
    /// Milliseconds after the run before it ended.
    pub gap: i64,
    /// How far the node's clock is ahead, in milliseconds.
    pub skew: i64,
    pub kill: Option<Kill>,
    /// `SIGTERM`, so many milliseconds after its start.
    pub term: Option<i64>,
    pub faults: Vec<Fault>,
}

impl RunPlan {
    pub fn clean(gap: i64) -> Self {
        Self { overlaps: false, gap, skew: 0, kill: None, term: None, faults: Vec::new() }
    }

    pub fn fault(&self, op: Op, nth: u32) -> Option<&How> {
        self.faults.iter().find(|f| f.op == op && f.nth == nth).map(|f| &f.how)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A finding is made, or updated; it becomes visible `late` milliseconds after its `updatedAt`.
    State {
        finding: usize,
        severity: f64,
        ip: u8,
        count: u64,
        late: i64,
    },
    Archive(usize),
    BringBack(usize),
    /// The newest message of a finding is deleted by hand.
    Delete(usize),
    /// Somebody else writes the state's key.
    Touch,
    /// Another bot posts a message that looks as if it told the finding's state of that moment.
    Forge(usize),
}

#[derive(Clone, Debug)]
pub struct Event {
    /// Milliseconds after the beginning.
    pub at: i64,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Bot,
    /// A bot that may not read history.
    Blind,
    Webhook,
}

/// What never changes about a finding.
#[derive(Clone, Debug)]
pub struct Make {
    /// The sources that show it.
    pub sources: Vec<usize>,
    /// Findings with the same number are one account-wide finding.
    pub wide: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Setup {
    pub access: Access,
    pub sources: usize,
    /// Findings a page.
    pub page: usize,
    /// Seconds.
    pub overlap: i64,
    pub digest_after: usize,
    pub recurrence: &'static str,
    /// Seconds.
    pub remind_after: i64,
    /// Seconds.
    pub timeout: i64,
    /// Findings of severity 7 and more have a channel of their own, those below 2 are dropped.
    pub routed: bool,
    /// Channels are configured by `#name`.
    pub named: bool,
    /// Milliseconds until history shows a message, at most.
    pub lag: i64,
    /// Findings in hand at most.
    pub window: usize,
    /// Findings of a digest at most.
    pub digest: usize,
    /// Bytes of the state at most.
    pub bound: usize,
    /// Clocks are off by up to two hours, far beyond what the contract takes for granted: then nothing may be lost.
    pub wild: bool,
    pub findings: Vec<Make>,
}

#[derive(Clone, Debug)]
pub struct History {
    pub seed: u64,
    pub setup: Setup,
    pub events: Vec<Event>,
    pub runs: Vec<RunPlan>,
}

impl History {
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let setup = setup(&mut dice);
        let length = dice.pick(4..9);
        let mut runs = vec![RunPlan::clean(1_000)];
        runs.extend((0..length).map(|_| run(&mut dice, &setup)));
        let mut events = events(&mut dice, &setup, length * 200_000);
        events.sort_by_key(|e| e.at);
        Self { seed, setup, events, runs }
    }
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
        wild: dice.percent(8),
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
    let kill = dice.percent(45).then(|| Kill { call: dice.pick(1..deep) as u32, after: dice.percent(60) });
    let skew = if setup.wild && dice.percent(40) { 7_200_000 } else { 14_000 };
    let skew = dice.pick(-skew..skew);
    let term = dice.percent(8).then(|| dice.pick(0..30_000));
    let count = if dice.percent(50) { dice.pick(1..5) } else { 0 };
    let faults = (0..count).map(|_| fault(dice)).collect();
    RunPlan { overlaps, gap, skew, kill, term, faults }
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
        let late = if dice.percent(25) { dice.pick(1..setup.overlap * 900) } else { 0 };
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

impl History {
    /// For a person who wants to know why it fails.
    pub fn told(&self) -> String {
        let events = self.events.iter().map(|e| format!("  {:>9.3} {:?}\n", e.at as f64 / 1000.0, e.what));
        let runs = self.runs.iter().enumerate().map(|(i, r)| format!("  run {i}: {r:?}\n"));
        format!("seed {}\n{:?}\n{}{}", self.seed, self.setup, events.collect::<String>(), runs.collect::<String>())
    }
}
