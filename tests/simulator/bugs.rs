//! Known bugs, planted at the seams: what the core asks and is told is bent as if it had them. That the simulator
//! sees each of them shows that it would see them in the core, too.

use std::collections::HashSet;
use std::time::Duration;

use Bug::*;
use guardduty_slack::config::Config;
use guardduty_slack::finding::Finding;
use guardduty_slack::guardduty::ListPage;
use guardduty_slack::slack::{BotMessage, MessageRef, SlackError};
use guardduty_slack::state::store::LoadedDocument;
use guardduty_slack::state::{Archiving, DetectorStatus, Escalation, State};
use guardduty_slack::time::Timestamp;

use crate::fake_slack::SimMessage;
use crate::fake_slack::channel_id;
use crate::history::{History, Reaction};
use crate::plain_writer::Payload;
use crate::scenarios::{THEMES, Theme};
use crate::world::{World, name};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    // What is looked at.
    NoOverlap,
    ExclusiveLowerBound,
    OnePerMillisecond,
    /// What moved while its list was read is taken for what it was.
    MovesUnseen,
    /// The parts of a list do not meet: the last millisecond of each is on none.
    PartsApart,
    /// Of a part of a list only the first page is read.
    PartsCut,
    // Where the watermark goes.
    WatermarkFromLastListed,
    WatermarkFromClock,
    FloorAtWatermark,
    FloorNotSaved,
    // What is recorded, and when.
    SaveBeforePost,
    DeduplicateById,
    DiscardWithoutFloor,
    SizeLimitIgnored,
    NoCompareAndSwap,
    LeaseIgnored,
    NoPostingIntent,
    SinceMoves,
    NoDigestPlan,
    // What is taken as said.
    NoReconciliation,
    OtherBotReconciled,
    NoWaitForHistory,
    RepliesNotRead,
    UpdateMarksProcessed,
    UnknownIsFailure,
    UnknownIsSuccess,
    ThrottleIsSuccess,
    ChannelRejectionIsSuccess,
    MentionRefusalIsSuccess,
    ReplyRefusalIsSuccess,
    RepliesInTheChannelUnread,
    DeletedIsSuccess,
    // What a message says for its whole life.
    ArchivingNotChecked,
    RedirectNotPosted,
    // What is announced, or said later.
    DurationNotSaved,
    GivenUpTooEarly,
    FingerprintsNotSaved,
    DetectorStatusNotSaved,
    UnreadableSinceNotSaved,
    // What people say by reactions, and what is done for them.
    /// A finding that was archived is archived again by the next run.
    ArchivedTwice,
    /// The intent to archive is not saved.
    ArchivedBeforeIntent,
    /// Reactions of people who are not on the list count.
    StrangersCount,
    /// A reaction that was removed still counts.
    RemovalUnseen,
    EscalatedTwice,
    SummarizedTwice,
}

impl Bug {
    pub const ALL: &[Bug] = &[
        NoOverlap,
        ExclusiveLowerBound,
        OnePerMillisecond,
        MovesUnseen,
        PartsApart,
        PartsCut,
        WatermarkFromLastListed,
        WatermarkFromClock,
        FloorAtWatermark,
        FloorNotSaved,
        SaveBeforePost,
        DeduplicateById,
        DiscardWithoutFloor,
        SizeLimitIgnored,
        NoCompareAndSwap,
        LeaseIgnored,
        NoPostingIntent,
        SinceMoves,
        NoDigestPlan,
        NoReconciliation,
        OtherBotReconciled,
        NoWaitForHistory,
        RepliesNotRead,
        UpdateMarksProcessed,
        UnknownIsFailure,
        UnknownIsSuccess,
        ThrottleIsSuccess,
        ChannelRejectionIsSuccess,
        MentionRefusalIsSuccess,
        ReplyRefusalIsSuccess,
        RepliesInTheChannelUnread,
        DeletedIsSuccess,
        ArchivingNotChecked,
        RedirectNotPosted,
        DurationNotSaved,
        GivenUpTooEarly,
        FingerprintsNotSaved,
        DetectorStatusNotSaved,
        UnreadableSinceNotSaved,
        ArchivedTwice,
        ArchivedBeforeIntent,
        StrangersCount,
        RemovalUnseen,
        EscalatedTwice,
        SummarizedTwice,
    ];

    /// The theme whose histories bring the bug about.
    pub fn theme(self) -> &'static Theme {
        let name = match self {
            NoOverlap | PartsApart | FloorAtWatermark => "one millisecond",
            ExclusiveLowerBound | DurationNotSaved => "backlog",
            OnePerMillisecond | MovesUnseen | PartsCut => "divided list",
            WatermarkFromLastListed | GivenUpTooEarly => "long outages",
            WatermarkFromClock | SaveBeforePost | DeduplicateById | RepliesNotRead | UpdateMarksProcessed => {
                "rising severity"
            }
            FloorNotSaved | SizeLimitIgnored => "flood",
            DiscardWithoutFloor | DeletedIsSuccess | RedirectNotPosted => "moved findings",
            NoCompareAndSwap | LeaseIgnored => "concurrent runs",
            NoPostingIntent | SinceMoves => "killed twice",
            NoDigestPlan | NoReconciliation => "digests and kills",
            OtherBotReconciled | ArchivingNotChecked => "random history",
            NoWaitForHistory
            | UnknownIsFailure
            | UnknownIsSuccess
            | ThrottleIsSuccess
            | ChannelRejectionIsSuccess
            | MentionRefusalIsSuccess => "rejections",
            ReplyRefusalIsSuccess | RepliesInTheChannelUnread => "rejected replies",
            FingerprintsNotSaved | DetectorStatusNotSaved | UnreadableSinceNotSaved => "sources that change",
            ArchivedTwice | ArchivedBeforeIntent | StrangersCount | RemovalUnseen | EscalatedTwice
            | SummarizedTwice => "triage",
        };
        THEMES.iter().find(|theme| theme.name == name).expect("a theme of scenarios.rs")
    }
}

/// The configuration of every run.
pub fn configure(bug: Option<Bug>, config: &mut Config) {
    if bug == Some(NoOverlap) {
        config.overlap = std::time::Duration::ZERO;
    }
    if let Some(triage) = config.slack.triage.as_mut().filter(|_| bug == Some(StrangersCount)) {
        triage.users = None;
    }
}

/// The history itself.
pub fn prepare(bug: Option<Bug>, history: &mut History) {
    if bug == Some(NoWaitForHistory) {
        // To a core that does not wait for it, nine seconds are as long as a minute is to ours.
        history.setup.lag = 60_000;
    }
}

/// How many bytes the state may have.
pub fn bound(w: &World) -> usize {
    if w.bug == Some(SizeLimitIgnored) { usize::MAX } else { w.history.setup.bound }
}

/// What a run reads as its state.
pub fn loaded(w: &World, source: LoadedDocument) -> LoadedDocument {
    let bend = |text: String| match w.bug {
        Some(DeduplicateById) => {
            rewrite(&text, |s| s.findings.values_mut().for_each(|e| e.updated_at = Some(Timestamp(i64::MAX / 2))))
        }
        Some(LeaseIgnored) => rewrite(&text, |s| s.lease.iter_mut().for_each(|r| r.released = true)),
        Some(UpdateMarksProcessed) => rewrite(&text, |s| take_edits_as_said(w, s)),
        Some(FloorNotSaved) => rewrite(&text, |s| s.sources.values_mut().for_each(|s| s.floor = Timestamp(0))),
        Some(DurationNotSaved) => {
            rewrite(&text, |s| s.sources.values_mut().for_each(|s| s.poll_duration = Duration::ZERO))
        }
        Some(GivenUpTooEarly) => rewrite(&text, |s| {
            s.findings.values_mut().filter_map(|e| e.failing_since.as_mut()).for_each(|f| *f = Timestamp(0));
        }),
        Some(FingerprintsNotSaved) => rewrite(&text, |s| s.sources.values_mut().for_each(|s| s.watch_baseline = None)),
        Some(DetectorStatusNotSaved) => {
            rewrite(&text, |s| s.sources.values_mut().for_each(|s| s.detector_status = DetectorStatus::default()))
        }
        Some(ArchivedTwice) => rewrite(&text, |s| replace_archiving(s, Archiving::Archived, Some(Archiving::Archive))),
        Some(EscalatedTwice) => rewrite(&text, |s| {
            let done = s.findings.values_mut().filter(|e| e.escalation == Some(Escalation::Done));
            done.for_each(|e| e.escalation = Some(Escalation::Due(Timestamp(0))));
        }),
        Some(SummarizedTwice) => {
            rewrite(&text, |s| s.summary.iter_mut().for_each(|summary| summary.done = Timestamp(0)))
        }
        Some(UnreadableSinceNotSaved) => {
            rewrite(&text, |s| s.sources.values_mut().for_each(|s| s.unreadable_since = None))
        }
        _ => text,
    };
    match source {
        LoadedDocument::Current(text) => LoadedDocument::Current(bend(text)),
        LoadedDocument::MountedCopy { text, why } => LoadedDocument::MountedCopy { text: bend(text), why },
        other => other,
    }
}

/// What is kept of what a run writes.
pub fn saved(w: &World, document: &str) -> String {
    match w.bug {
        Some(WatermarkFromLastListed) => rewrite(document, watermark_from_last_seen),
        Some(WatermarkFromClock) => rewrite(document, |s| {
            let now = w.now();
            s.sources.values_mut().for_each(|source| source.watermark = source.watermark.max(now));
        }),
        Some(FloorAtWatermark) => rewrite(document, |s| {
            s.sources.values_mut().for_each(|source| source.floor = source.watermark);
        }),
        Some(SaveBeforePost) => rewrite(document, |s| record_all(w, s)),
        Some(DiscardWithoutFloor) => rewrite(document, forget_half),
        Some(NoPostingIntent) => rewrite(document, |s| s.lease = None),
        Some(SinceMoves) => rewrite(document, |s| s.lease.iter_mut().for_each(|r| r.posting_since = r.renewed_at)),
        Some(NoDigestPlan) => rewrite(document, |s| s.digest_plans.clear()),
        Some(ArchivedBeforeIntent) => rewrite(document, |s| replace_archiving(s, Archiving::Archive, None)),
        _ => document.to_owned(),
    }
}

fn rewrite(document: &str, change: impl FnOnce(&mut State)) -> String {
    let mut state = State::parse(document).expect("a run writes what can be read");
    change(&mut state);
    state.to_json()
}

fn replace_archiving(state: &mut State, from: Archiving, to: Option<Archiving>) {
    let triages = state.findings.values_mut().filter_map(|entry| entry.triage.as_mut());
    triages.filter(|triage| triage.archiving == Some(from)).for_each(|triage| triage.archiving = to);
}

fn take_edits_as_said(w: &World, state: &mut State) {
    let slack = w.slack.borrow();
    for (id, entry) in &mut state.findings {
        let message = slack.said.iter().find(|m| m.tells(id) && entry.bot_message().is_some_and(|at| at.ts == m.ts));
        let updated = message.and_then(|m| m.versions.last()?.2.get("updated_at")?.as_str().and_then(Timestamp::parse));
        entry.updated_at = updated.max(entry.updated_at);
    }
}

fn watermark_from_last_seen(state: &mut State) {
    for source in state.sources.values_mut() {
        let last = state.findings.values().filter(|e| e.source_id == source.id).filter_map(|e| e.updated_at).max();
        source.watermark = source.watermark.max(last.unwrap_or_default());
    }
}

/// All that can be seen now is written as said, before it is.
fn record_all(w: &World, state: &mut State) {
    if state.lease.as_ref().is_none_or(|r| r.released) {
        return;
    }
    for f in 0..w.history.setup.findings.len() {
        if let Some(n) = w.state_of(f, w.now()) {
            let entry = state.findings.entry(name(f)).or_default();
            entry.updated_at = entry.updated_at.max(Some(w.states(f)[n].updated));
        }
    }
}

fn forget_half(state: &mut State) {
    let mut oldest: Vec<(Option<Timestamp>, String)> =
        state.findings.iter().map(|(id, e)| (e.updated_at, id.clone())).collect();
    oldest.sort_unstable();
    for (_, id) in oldest.iter().take(oldest.len() / 2) {
        state.findings.remove(id);
    }
}

/// What a list shows.
pub fn page(w: &World, source: usize, from: Timestamp, to: Option<Timestamp>, token: Option<&str>) -> ListPage {
    match w.bug {
        Some(ExclusiveLowerBound) => w.page(source, Timestamp(from.0 + 1), to, token),
        Some(PartsApart) => w.page(source, from, to.map(|to| Timestamp(to.0 - 1)), token),
        Some(PartsCut) if to.is_some() && token.is_some() => ListPage::default(),
        Some(OnePerMillisecond) => {
            let mut page = w.page(source, from, to, token);
            let mut seen = HashSet::new();
            page.ids.retain(|id| {
                let f: usize = id[1..].parse().expect("a finding's number");
                w.state_of(f, w.now()).is_some_and(|n| seen.insert(w.states(f)[n].updated))
            });
            page
        }
        _ => w.page(source, from, to, token),
    }
}

pub fn details(w: &World, source: usize, ids: &[String]) -> Vec<Finding> {
    let mut found = w.details(source, ids);
    if w.bug == Some(MovesUnseen) {
        found.iter_mut().for_each(|f| f.updated = updated_a_while_ago(w, f));
    }
    if matches!(w.bug, Some(ArchivingNotChecked | ArchivedTwice)) {
        found.iter_mut().for_each(|f| f.archived = false);
    }
    found
}

/// When a finding was updated, as a list showed that was read some seconds ago.
fn updated_a_while_ago(w: &World, f: &Finding) -> Timestamp {
    let finding: usize = f.id[1..].parse().expect("a finding's number");
    let then = w.state_of(finding, w.now().minus(Duration::from_secs(10)));
    then.map_or(f.updated, |n| w.states(finding)[n].updated)
}

/// What a run takes Slack's answer for.
pub fn answer(w: &World, answer: Result<MessageRef, SlackError>, channel: &str) -> Result<MessageRef, SlackError> {
    let stands = || {
        let ts = format!("{}.000000", w.now().0 / 1_000);
        Ok(MessageRef { channel: channel_id(channel), ts, thread_ts: None })
    };
    match (w.bug, answer) {
        (Some(UnknownIsFailure), Err(SlackError::OutcomeUnknown(why))) => Err(SlackError::NotSent(why)),
        (Some(UnknownIsSuccess), Err(SlackError::OutcomeUnknown(_))) => stands(),
        (Some(ThrottleIsSuccess), Err(SlackError::RateLimited(_))) => stands(),
        (Some(ChannelRejectionIsSuccess), Err(SlackError::ChannelRejected(_))) => stands(),
        (Some(MentionRefusalIsSuccess), Err(SlackError::Restricted(_))) => stands(),
        (Some(ReplyRefusalIsSuccess), Err(SlackError::Reply(_))) => stands(),
        (_, answer) => answer,
    }
}

/// The same for an edit.
pub fn edited(w: &World, answer: Result<(), SlackError>) -> Result<(), SlackError> {
    match (w.bug, answer) {
        (Some(DeletedIsSuccess), Err(SlackError::MessageNotFound(_))) => Ok(()),
        (_, answer) => answer,
    }
}

/// Whether an edit is not even sent.
pub fn withheld(w: &World, payload: &Payload) -> bool {
    w.bug == Some(RedirectNotPosted) && payload.event_type.is_empty()
}

/// What history shows.
pub fn shown(w: &World, channel: &str, thread: Option<&str>, oldest: Timestamp) -> Vec<BotMessage> {
    match w.bug {
        Some(NoReconciliation) => Vec::new(),
        Some(RepliesNotRead | EscalatedTwice) if thread.is_some() => Vec::new(),
        Some(SummarizedTwice) => {
            let mut shown = w.slack.borrow().shown(channel, thread, oldest, w.now(), false);
            shown.retain(|m| m.event_type != "guardduty_summary");
            shown
        }
        Some(RepliesInTheChannelUnread) => {
            let mut shown = w.slack.borrow().shown(channel, thread, oldest, w.now(), false);
            shown.retain(|m| thread.is_some() || m.event_type != "guardduty_reply");
            shown
        }
        bug => w.slack.borrow().shown(channel, thread, oldest, w.now(), bug == Some(OtherBotReconciled)),
    }
}

/// The reactions on a message as Slack shows them: those that were removed, too, if that is not seen.
pub fn reactions(w: &World, message: &SimMessage) -> Vec<Reaction> {
    match w.bug {
        Some(RemovalUnseen) => message.added.iter().map(|(_, reaction)| *reaction).collect(),
        _ => message.reactions.clone(),
    }
}
