//! A history: the events of the world, and the faults. Plain data, generated from a seed, so that it can be shrunk.

use guardduty_slack::state::MAX_STATE_BYTES;

/// Number of kinds of calls.
pub(crate) const OPS: usize = Op::Archive as usize + 1;

/// Kind of call from the core to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Op {
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

/// Effect of a fault on a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FaultEffect {
    /// The call takes longer, in milliseconds.
    Slow(i64),
    /// The call has no effect, and its error says so.
    Fail,
    /// The call takes effect, but the response is lost.
    ResponseLost,
    /// The call has no effect and times out, so that the caller cannot know the outcome.
    RequestLost,
    /// Not permitted.
    Denied,
    /// Rate limited, with the seconds until a retry. 0: Slack does not specify them.
    Throttle(i64),
    /// Slack rejects the content of the message.
    Content,
    /// Slack rejects the channel.
    Channel,
    /// Slack rejects the call with an unknown code.
    NewCode,
    /// Slack rejects the app.
    App,
    /// Only the mounted copy is readable. Its age in seconds.
    Copy(i64),
    /// The list returns the page token of the request again.
    Repeat,
    /// `GetFindings` omits some findings.
    LeaveOut,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub op: Op,
    /// Number of the call among the calls of this kind in its run, from 1.
    pub nth: u32,
    pub effect: FaultEffect,
}

/// Kill at the `call`-th call of a run, among calls of one kind or of all kinds. `after`: the call took effect, and its
/// response was lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Kill {
    pub op: Option<Op>,
    pub call: u32,
    pub after: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct RunPlan {
    /// `gap` counts from the start of the previous run, not from its end.
    pub overlaps: bool,
    /// Milliseconds after the end of the previous run.
    pub gap: i64,
    /// Milliseconds by which the clock of the node is ahead.
    pub skew: i64,
    pub kill: Option<Kill>,
    /// Milliseconds from the start of the run to `SIGTERM`.
    pub term: Option<i64>,
    /// Factor of `GUARDDUTY_OVERLAP` in this run.
    pub overlap: u32,
    pub faults: Vec<Fault>,
}

impl RunPlan {
    pub(crate) fn clean(gap: i64) -> Self {
        Self { overlaps: false, gap, skew: 0, kill: None, term: None, overlap: 1, faults: Vec::new() }
    }

    pub(crate) fn fault(&self, op: Op, nth: u32) -> Option<&FaultEffect> {
        self.faults.iter().find(|f| f.op == op && f.nth == nth).map(|f| &f.effect)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum WorldEvent {
    /// A finding is created or updated. It becomes visible `late` milliseconds after its `updatedAt`.
    Revision {
        finding: usize,
        severity: f64,
        ip: u8,
        count: u64,
        late: i64,
    },
    Archive(usize),
    Unarchive(usize),
    /// A person deletes the newest message of a finding.
    Delete(usize),
    /// Another writer writes the key of the state.
    Touch,
    /// Another bot posts a message with the metadata of the present revision.
    Forge(usize),
    /// A replay of the findings that were updated in the last seconds is requested.
    Replay(i64),
    /// The state is deleted.
    DeleteState,
    /// The state is restored from a copy. Its age in seconds.
    Restore(i64),
    /// A source changes.
    ChangeSource(usize, SourceChange),
    /// A person adds a reaction to the message of a finding, or removes it.
    React {
        finding: usize,
        reaction: Reaction,
        is_added: bool,
    },
}

/// An emoji and the user who reacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reaction {
    pub emoji: &'static str,
    pub user: &'static str,
}

/// Change of a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SourceChange {
    /// The account enables its region, or disables it.
    Region(bool),
    /// The detector is deleted with its findings, or replaced.
    Deleted,
    Replaced,
    Enabled(bool),
    /// The source is readable or unreadable. `denied`: a permission is missing.
    Readable,
    Unreadable {
        denied: bool,
    },
    /// A filter that archives.
    Filter(u8),
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Milliseconds after the start of the history.
    pub at: i64,
    pub what: WorldEvent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Bot,
    /// A bot without permission to read history.
    BotWithoutHistory,
    Webhook,
}

/// Constant attributes of a finding.
#[derive(Clone, Debug)]
pub(crate) struct FindingSpec {
    /// The sources that show it.
    pub sources: Vec<usize>,
    /// Findings with the same number are one account-wide finding.
    pub account_wide: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub access: Access,
    pub sources: usize,
    /// Findings per page.
    pub page: usize,
    /// Seconds.
    pub overlap: i64,
    pub digest_after: usize,
    pub recurrence: &'static str,
    /// Seconds.
    pub remind_after: i64,
    /// Seconds.
    pub timeout: i64,
    /// Findings of severity 7 and more have their own channel, those below 2 are dropped.
    pub routed: bool,
    /// Channels are configured by `#name`.
    pub has_named_channels: bool,
    /// Maximum number of milliseconds until history shows a message.
    pub lag: i64,
    /// Maximum number of findings in a batch.
    pub max_batch: usize,
    /// Maximum number of findings in a digest.
    pub digest: usize,
    /// Maximum size of the state in bytes.
    pub max_state_bytes: usize,
    /// `GUARDDUTY_WATCH`
    pub watch: bool,
    /// `GUARDDUTY_REGIONS=all`
    pub all: bool,
    /// First finding that cannot be delivered. From it on, Slack rejects every message of each third finding, and
    /// `GetFindings` never returns another third.
    pub first_undeliverable: usize,
    /// Clocks are off by up to two hours, more than the contract assumes. Only the absence of loss is checked.
    pub has_wrong_clocks: bool,
    /// Milliseconds after the start of the history until which Slack rejects replies in threads.
    pub no_replies_until: i64,
    /// The route of severe findings mentions the channel, and Slack rejects that.
    pub no_mentions: bool,
    /// `SLACK_TRIAGE`
    pub triage: &'static str,
    /// A summary is due some minutes after the start of the history.
    pub summary: bool,
    /// Findings that nobody acknowledges within two minutes are escalated.
    pub escalate: bool,
    pub findings: Vec<FindingSpec>,
}

impl Installation {
    /// Returns true if Slack rejects every message about the finding.
    pub(crate) fn is_rejected(&self, finding: usize) -> bool {
        finding >= self.first_undeliverable && finding.is_multiple_of(3)
    }

    /// Returns true if the finding is listed, but never returned by `GetFindings`.
    pub(crate) fn is_never_returned(&self, finding: usize) -> bool {
        finding >= self.first_undeliverable && finding % 3 == 1
    }

    /// Returns the default configuration with a number of findings of one source.
    pub(crate) fn plain(findings: usize) -> Self {
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
            has_named_channels: false,
            lag: 9_000,
            max_batch: 5_000,
            digest: 500,
            max_state_bytes: MAX_STATE_BYTES,
            watch: false,
            all: false,
            first_undeliverable: usize::MAX,
            has_wrong_clocks: false,
            no_replies_until: 0,
            no_mentions: false,
            triage: "off",
            summary: false,
            escalate: false,
            findings: vec![FindingSpec { sources: vec![0], account_wide: None }; findings],
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct History {
    pub seed: u64,
    pub theme: &'static str,
    pub setup: Installation,
    pub events: Vec<Event>,
    pub runs: Vec<RunPlan>,
}

impl History {
    /// Number of runs without new findings after which the backlog is drained. The archive status is polled in rotating
    /// parts.
    pub(crate) fn quiet_runs(&self) -> usize {
        let is_archived = |e: &Event| matches!(e.what, WorldEvent::Archive(_) | WorldEvent::Unarchive(_));
        if self.events.iter().any(is_archived) { 2 } else { 1 }
    }

    /// Returns a readable description of the history.
    pub(crate) fn describe(&self) -> String {
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
