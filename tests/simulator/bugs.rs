//! Planted bugs: the adapters change requests and responses as if the core had known bugs. A simulator that detects
//! each of them would detect the same bugs in the core.

use std::collections::HashSet;
use std::rc::Rc;
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bug {
    // Bugs of the poll.
    NoOverlap,
    ExclusiveLowerBound,
    OnePerMillisecond,
    /// A finding that changes while its list is read keeps its earlier `updatedAt`.
    MovesUnseen,
    /// The parts of a divided list have gaps: the last millisecond of each part is in no part.
    PartsApart,
    /// Only the first page of each part of a list is read.
    PartsCut,
    // Bugs of the watermark.
    WatermarkFromLastListed,
    WatermarkFromClock,
    FloorAtWatermark,
    FloorNotSaved,
    // Bugs of the saved state.
    SaveBeforePost,
    DeduplicateById,
    DiscardWithoutFloor,
    SizeLimitIgnored,
    NoCompareAndSwap,
    LeaseIgnored,
    NoPostingIntent,
    SinceMoves,
    NoDigestPlan,
    // Bugs of the delivery status.
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
    // Bugs of message updates.
    ArchivingNotChecked,
    RedirectNotPosted,
    // Bugs of deferred notices.
    DurationNotSaved,
    GivenUpTooEarly,
    FingerprintsNotSaved,
    DetectorStatusNotSaved,
    UnreadableSinceNotSaved,
    // Bugs of triage.
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
    pub(crate) const ALL: &[Self] = &[
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

    /// Returns the theme whose histories provoke the bug.
    pub(crate) fn theme(self) -> &'static Theme {
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

/// Changes the configuration of every run.
pub(crate) fn configure(bug: Option<Bug>, config: &mut Config) {
    if bug == Some(NoOverlap) {
        config.overlap = std::time::Duration::ZERO;
    }
    if let Some(triage) = config.slack.triage.as_mut().filter(|_| bug == Some(StrangersCount)) {
        triage.users = None;
    }
}

/// Changes the history.
pub(crate) fn prepare(bug: Option<Bug>, history: &mut History) {
    if bug == Some(NoWaitForHistory) {
        // For a core that does not wait for the history lag, nine seconds have the effect of a minute.
        history.setup.lag = 60_000;
    }
}

/// Returns the maximum size of the state in bytes.
pub(crate) fn max_state_bytes(w: &World) -> usize {
    if w.bug == Some(SizeLimitIgnored) { usize::MAX } else { w.history.setup.max_state_bytes }
}

/// Changes the state that a run loads.
pub(crate) fn change_loaded(w: &World, source: LoadedDocument) -> LoadedDocument {
    let change_text = |text: String| match w.bug {
        Some(DeduplicateById) => {
            rewrite(&text, |s| s.findings.values_mut().for_each(|e| e.updated_at = Some(Timestamp(i64::MAX / 2))))
        }
        Some(LeaseIgnored) => rewrite(&text, |s| s.lease.iter_mut().for_each(|r| r.released = true)),
        Some(UpdateMarksProcessed) => rewrite(&text, |s| mark_edits_processed(w, s)),
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
        LoadedDocument::Current(text) => LoadedDocument::Current(change_text(text)),
        LoadedDocument::MountedCopy { text, why } => LoadedDocument::MountedCopy { text: change_text(text), why },
        other => other,
    }
}

/// Changes the state that a run saves.
pub(crate) fn change_saved(w: &World, document: &str) -> Rc<str> {
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
        Some(DiscardWithoutFloor) => rewrite(document, discard_half),
        Some(NoPostingIntent) => rewrite(document, |s| s.lease = None),
        Some(SinceMoves) => rewrite(document, |s| s.lease.iter_mut().for_each(|r| r.posting_since = r.renewed_at)),
        Some(NoDigestPlan) => rewrite(document, |s| s.digest_plans.clear()),
        Some(ArchivedBeforeIntent) => rewrite(document, |s| replace_archiving(s, Archiving::Archive, None)),
        _ => return document.into(),
    }
    .into()
}

fn rewrite(document: &str, change: impl FnOnce(&mut State)) -> String {
    let mut state = State::parse(document).expect("a run writes a valid state");
    change(&mut state);
    state.to_json()
}

fn replace_archiving(state: &mut State, from: Archiving, to: Option<Archiving>) {
    let triages = state.findings.values_mut().filter_map(|entry| entry.triage.as_mut());
    triages.filter(|triage| triage.archiving == Some(from)).for_each(|triage| triage.archiving = to);
}

fn mark_edits_processed(w: &World, state: &mut State) {
    let slack = w.slack.borrow();
    for (id, entry) in &mut state.findings {
        let message =
            slack.messages.iter().find(|m| m.is_about(id) && entry.bot_message().is_some_and(|at| at.ts == m.ts));
        let updated = message.and_then(|m| m.updated());
        entry.updated_at = updated.max(entry.updated_at);
    }
}

fn watermark_from_last_seen(state: &mut State) {
    for source in state.sources.values_mut() {
        let last = state.findings.values().filter(|e| e.source_id == source.id).filter_map(|e| e.updated_at).max();
        source.watermark = source.watermark.max(last.unwrap_or_default());
    }
}

/// Records all visible revisions as delivered, before they are.
fn record_all(w: &World, state: &mut State) {
    if state.lease.as_ref().is_none_or(|r| r.released) {
        return;
    }
    for f in 0..w.history.setup.findings.len() {
        if let Some(n) = w.visible_revision(f, w.now()) {
            let entry = state.findings.entry(name(f)).or_default();
            entry.updated_at = entry.updated_at.max(Some(w.revisions(f)[n].updated));
        }
    }
}

fn discard_half(state: &mut State) {
    let mut oldest: Vec<(Option<Timestamp>, String)> =
        state.findings.iter().map(|(id, e)| (e.updated_at, id.clone())).collect();
    oldest.sort_unstable();
    for (_, id) in oldest.iter().take(oldest.len() / 2) {
        state.findings.remove(id);
    }
}

/// Changes a page of a list.
pub(crate) fn page(w: &World, source: usize, from: Timestamp, to: Option<Timestamp>, token: Option<&str>) -> ListPage {
    match w.bug {
        Some(ExclusiveLowerBound) => w.page(source, Timestamp(from.0 + 1), to, token),
        Some(PartsApart) => w.page(source, from, to.map(|to| Timestamp(to.0 - 1)), token),
        Some(PartsCut) if to.is_some() && token.is_some() => ListPage::default(),
        Some(OnePerMillisecond) => {
            let mut page = w.page(source, from, to, token);
            let mut listed = HashSet::new();
            page.ids.retain(|id| {
                let f: usize = id[1..].parse().expect("a finding's number");
                w.visible_revision(f, w.now()).is_some_and(|n| listed.insert(w.revisions(f)[n].updated))
            });
            page
        }
        _ => w.page(source, from, to, token),
    }
}

pub(crate) fn details(w: &World, source: usize, ids: &[String]) -> Vec<Finding> {
    let mut found = w.details(source, ids);
    if w.bug == Some(MovesUnseen) {
        found.iter_mut().for_each(|f| f.updated = updated_a_while_ago(w, f));
    }
    if matches!(w.bug, Some(ArchivingNotChecked | ArchivedTwice)) {
        found.iter_mut().for_each(|f| f.archived = false);
    }
    found
}

/// Returns the `updatedAt` of a finding as listed some seconds ago.
fn updated_a_while_ago(w: &World, f: &Finding) -> Timestamp {
    let finding: usize = f.id[1..].parse().expect("a finding's number");
    let earlier = w.visible_revision(finding, w.now().minus(Duration::from_secs(10)));
    earlier.map_or(f.updated, |n| w.revisions(finding)[n].updated)
}

/// Changes the response of Slack to a post.
pub(crate) fn post_response(
    w: &World,
    response: Result<MessageRef, SlackError>,
    channel: &str,
) -> Result<MessageRef, SlackError> {
    let as_delivered = || {
        let ts = format!("{}.000000", w.now().0 / 1_000);
        Ok(MessageRef { channel: channel_id(channel), ts, thread_ts: None })
    };
    match (w.bug, response) {
        (Some(UnknownIsFailure), Err(SlackError::OutcomeUnknown(why))) => Err(SlackError::NotSent(why)),
        (Some(UnknownIsSuccess), Err(SlackError::OutcomeUnknown(_))) => as_delivered(),
        (Some(ThrottleIsSuccess), Err(SlackError::RateLimited(_))) => as_delivered(),
        (Some(ChannelRejectionIsSuccess), Err(SlackError::ChannelRejected(_))) => as_delivered(),
        (Some(MentionRefusalIsSuccess), Err(SlackError::Restricted(_))) => as_delivered(),
        (Some(ReplyRefusalIsSuccess), Err(SlackError::ThreadRejected(_))) => as_delivered(),
        (_, response) => response,
    }
}

/// Changes the response of Slack to an edit.
pub(crate) fn edit_response(w: &World, response: Result<(), SlackError>) -> Result<(), SlackError> {
    match (w.bug, response) {
        (Some(DeletedIsSuccess), Err(SlackError::MessageNotFound(_))) => Ok(()),
        (_, response) => response,
    }
}

/// Returns true if an edit is not sent.
pub(crate) fn is_withheld(w: &World, payload: &Payload) -> bool {
    w.bug == Some(RedirectNotPosted) && payload.event_type.is_empty()
}

/// Changes the history of a channel.
pub(crate) fn shown(w: &World, channel: &str, thread: Option<&str>, oldest: Timestamp) -> Vec<BotMessage> {
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

/// Returns the reactions on a message, with the removed ones if the bug is that they still count.
pub(crate) fn reactions(w: &World, message: &SimMessage) -> Vec<Reaction> {
    match w.bug {
        Some(RemovalUnseen) => message.added.iter().map(|(_, reaction)| *reaction).collect(),
        _ => message.reactions.clone(),
    }
}
