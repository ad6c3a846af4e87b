//! A history: what happens in the world, and what goes wrong. Plain data, made from a seed, so that it can be shrunk.

use guardduty_slack::state::MAX_STATE_BYTES;

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
    Reactions,
    Archive,
}

/// How a call goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultEffect {
    /// It takes longer, in milliseconds.
    Slow(i64),
    /// It certainly takes no effect.
    Fail,
    /// It takes effect, but the answer is lost.
    ResponseLost,
    /// It takes no effect, and nothing tells so.
    RequestLost,
    /// Not permitted.
    Denied,
    /// In so many seconds again; 0: Slack does not say when.
    Throttle(i64),
    /// Slack refuses what the message says.
    Content,
    /// Slack refuses the channel.
    Channel,
    /// Slack refuses with a code that nobody knows.
    NewCode,
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
    pub how: FaultEffect,
}

/// Dead at the `call`-th call of a run, of one kind or all kinds counted; `after`: it took effect, and its answer was
/// lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kill {
    pub op: Option<Op>,
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
    /// `GUARDDUTY_OVERLAP` is so many times as long as it was set up.
    pub overlap: u32,
    pub faults: Vec<Fault>,
}

impl RunPlan {
    pub fn clean(gap: i64) -> Self {
        Self { overlaps: false, gap, skew: 0, kill: None, term: None, overlap: 1, faults: Vec::new() }
    }

    pub fn fault(&self, op: Op, nth: u32) -> Option<&FaultEffect> {
        self.faults.iter().find(|f| f.op == op && f.nth == nth).map(|f| &f.how)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum WorldEvent {
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
    /// Somebody asks for what was updated in so many seconds to be said anew.
    Replay(i64),
    /// The state is deleted.
    Lose,
    /// The state is put back from a copy that is so many seconds old.
    Restore(i64),
    /// Something changes about a source.
    Turn(usize, SourceChange),
    /// Somebody adds a reaction to the message of a finding, or removes it.
    React {
        finding: usize,
        reaction: Reaction,
        is_added: bool,
    },
}

/// An emoji and the user who reacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaction {
    pub emoji: &'static str,
    pub user: &'static str,
}

/// What changes about a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SourceChange {
    /// The account enables its region, or disables it.
    Region(bool),
    /// Its detector is deleted, with its findings, or made anew.
    Gone,
    Anew,
    Enabled(bool),
    /// It can be read, or not; and whether that is for a permission.
    Readable,
    Unreadable {
        denied: bool,
    },
    /// A filter that archives.
    Filter(u8),
}

#[derive(Clone, Debug)]
pub struct Event {
    /// Milliseconds after the beginning.
    pub at: i64,
    pub what: WorldEvent,
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
pub struct FindingSpec {
    /// The sources that show it.
    pub sources: Vec<usize>,
    /// Findings with the same number are one account-wide finding.
    pub wide: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Installation {
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
    /// `GUARDDUTY_WATCH`
    pub watch: bool,
    /// `GUARDDUTY_REGIONS=all`
    pub all: bool,
    /// The findings from this one on: Slack refuses the messages of every third, whatever they look like; of another
    /// third `GetFindings` never tells.
    pub cursed: usize,
    /// Clocks are off by up to two hours, far beyond what the contract takes for granted: then nothing may be lost.
    pub wild: bool,
    /// Milliseconds after the beginning until which Slack rejects replies in threads.
    pub no_replies_until: i64,
    /// The route of severe findings mentions the channel, and Slack rejects that.
    pub no_mentions: bool,
    /// `SLACK_TRIAGE`
    pub triage: &'static str,
    /// A summary is due some minutes after the beginning.
    pub summary: bool,
    /// Findings that nobody acknowledges within two minutes are escalated.
    pub escalate: bool,
    pub findings: Vec<FindingSpec>,
}

impl Installation {
    /// Whether Slack refuses whatever is said of it.
    pub fn is_refused(&self, finding: usize) -> bool {
        finding >= self.cursed && finding.is_multiple_of(3)
    }

    /// Whether it is listed and never told.
    pub fn is_never_returned(&self, finding: usize) -> bool {
        finding >= self.cursed && finding % 3 == 1
    }

    /// As by default, with so many findings of one source.
    pub fn plain(findings: usize) -> Self {
        Self {
            access: Access::Bot,
            sources: 1,
            page: 50,
            overlap: 900,
            digest_after: 20,
            recurrence: "update",
            remind_after: 21_600,
            timeout: 480,
            routed: false,
            named: false,
            lag: 9_000,
            window: 5_000,
            digest: 500,
            bound: MAX_STATE_BYTES,
            watch: false,
            all: false,
            cursed: usize::MAX,
            wild: false,
            no_replies_until: 0,
            no_mentions: false,
            triage: "off",
            summary: false,
            escalate: false,
            findings: vec![FindingSpec { sources: vec![0], wide: None }; findings],
        }
    }
}

#[derive(Clone, Debug)]
pub struct History {
    pub seed: u64,
    pub theme: &'static str,
    pub setup: Installation,
    pub events: Vec<Event>,
    pub runs: Vec<RunPlan>,
}

impl History {
    /// Number of runs without news after which nothing is left to announce. Whether findings are archived is looked up in
    /// turn.
    pub fn quiet_runs(&self) -> usize {
        let is_archived = |e: &Event| matches!(e.what, WorldEvent::Archive(_) | WorldEvent::BringBack(_));
        if self.events.iter().any(is_archived) { 2 } else { 1 }
    }

    /// For a person who wants to know why it fails.
    pub fn describe(&self) -> String {
        let events = self.events.iter().map(|e| format!("  {:>9.3} {:?}\n", e.at as f64 / 1000.0, e.what));
        let runs = self.runs.iter().enumerate().map(|(i, r)| format!("  run {i}: {r:?}\n"));
        format!(
            "seed {}, {}\n{:?}\n{}{}",
            self.seed,
            self.theme,
            self.setup,
            events.collect::<String>(),
            runs.collect::<String>()
        )
    }
}
