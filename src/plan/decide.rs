//! Decides for one finding: already processed, skipped, new message or update, and its reply.

use std::time::Duration;

use crate::config::{Config, RecurrencePolicy, SamplePolicy, SlackAuth};
use crate::finding::{Attribute, Finding};
use crate::message::{Marks, Reopened};
use crate::plan::{Changes, Destination, Reply, ReplySubject, RouteDecision, route};
use crate::slack::MessageRef;
use crate::state::{FindingRecord, Outcome, RelatedMessage, State};
use crate::time::Timestamp;

/// `chat.update` allows some 50 calls a minute: a recurrence that brings nothing but a later time and a higher
/// count is not worth one while the message is younger than this.
const MIN_EDIT_INTERVAL: Duration = Duration::from_hours(1);

/// What is to be done about a state of a finding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    /// This revision is processed.
    AlreadyProcessed,
    /// Processed without a message.
    Skip(Outcome, SkipReason),
    Post(Post),
    Update(Update),
}

/// Why a finding is processed without a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SkipReason {
    BelowMinSeverity,
    TypeNotIncluded,
    TypeExcluded,
    SampleDropped,
    ArchivedFirst,
    DroppedByRoute,
    RecurrenceIgnored,
    NoNewInformation,
    WebhookCannotEdit,
}

impl SkipReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SkipReason::BelowMinSeverity => "below GUARDDUTY_MIN_SEVERITY",
            SkipReason::TypeNotIncluded => "type not in GUARDDUTY_INCLUDE_TYPES",
            SkipReason::TypeExcluded => "type in GUARDDUTY_EXCLUDE_TYPES",
            SkipReason::SampleDropped => "sample finding (GUARDDUTY_SAMPLES=drop)",
            SkipReason::ArchivedFirst => "archived before it was announced",
            SkipReason::DroppedByRoute => "dropped by a route",
            SkipReason::RecurrenceIgnored => "recurrence (SLACK_RECURRENCE=ignore)",
            SkipReason::NoNewInformation => "recurrence with only a later time and a higher count",
            SkipReason::WebhookCannotEdit => "recurrence at the same severity level; a webhook cannot edit messages",
        }
    }
}

/// A message of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    pub to: Destination,
    /// The message of the same account-wide finding from another region, in whose thread this one goes.
    pub reply_to: Option<MessageRef>,
    /// All such messages. The finding may already be in one of their threads, which the channel history does not contain.
    pub candidate_threads: Vec<MessageRef>,
    /// A message about an earlier revision in one of these threads is edited, instead of posting a second one.
    pub edits_earlier: bool,
    /// The finding's message in another channel, which is then replaced by a redirect.
    pub superseded: Option<MessageRef>,
    /// Attributes that earlier revisions of the finding showed.
    pub known_attributes: Vec<Attribute>,
    /// Messages to which it links.
    pub related: Vec<RelatedMessage>,
}

/// An edit of the message of a finding, and the reply in its thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub message: MessageRef,
    pub reply: Option<Reply>,
    /// The channel to which the finding is posted again if its message was deleted.
    pub repost_to: Destination,
    /// Attributes that earlier revisions of the finding showed.
    pub known_attributes: Vec<Attribute>,
    /// Messages to which it links.
    pub related: Vec<RelatedMessage>,
    /// What its message shows of the reactions.
    pub marks: Marks,
    /// The channel that rejected the message.
    pub intended_channel: Option<String>,
}

/// Decides about one finding as fetched.
pub(crate) fn decide(state: &State, config: &Config, f: &Finding, now: Timestamp) -> Decision {
    if state.is_processed(&f.id, f.updated) {
        return Decision::AlreadyProcessed;
    }
    if let Some(reason) = skip_reason(config, f) {
        return Decision::Skip(Outcome::Dropped, reason);
    }
    let to = match route(config, f) {
        RouteDecision::Drop => return Decision::Skip(Outcome::Dropped, SkipReason::DroppedByRoute),
        RouteDecision::To(to) => to,
    };
    match state.findings.get(&f.id).filter(|entry| entry.message.is_some()) {
        Some(entry) => decide_recurrence(state, config, f, entry, to, now),
        None if f.archived => Decision::Skip(Outcome::ArchivedFirst, SkipReason::ArchivedFirst),
        None => {
            let siblings = regional_duplicates(state, f, &to);
            // A reply about a finding that was archived since is not posted.
            let parent = siblings.iter().find(|(e, _)| !e.archived).map(|(_, at)| (*at).clone());
            let threads = siblings.into_iter().map(|(_, at)| at.clone()).collect();
            Decision::Post(Post {
                reply_to: parent,
                candidate_threads: threads,
                edits_earlier: config.slack.recurrence == RecurrencePolicy::Update,
                to,
                superseded: None,
                known_attributes: Vec::new(),
                related: state.related(f),
            })
        }
    }
}

/// Why a filter leaves the finding out, if one does.
pub(crate) fn skip_reason(config: &Config, f: &Finding) -> Option<SkipReason> {
    let filter = &config.filter;
    let name = f.kind.as_str();
    // What cannot be read of a finding does not hide it.
    if f.has_severity() && f.severity < filter.min_severity {
        Some(SkipReason::BelowMinSeverity)
    } else if !name.is_empty() && !filter.include.is_empty() && !filter.include.iter().any(|g| g.matches(name)) {
        Some(SkipReason::TypeNotIncluded)
    } else if filter.exclude.iter().any(|g| g.matches(name)) {
        Some(SkipReason::TypeExcluded)
    } else if f.sample && filter.samples == SamplePolicy::Drop {
        Some(SkipReason::SampleDropped)
    } else {
        None
    }
}

fn decide_recurrence(
    state: &State,
    config: &Config,
    f: &Finding,
    entry: &FindingRecord,
    to: Destination,
    now: Timestamp,
) -> Decision {
    // A message can be edited only with a bot token, and only if a bot posted it.
    let editable = entry.bot_message().filter(|_| matches!(config.slack.access, SlackAuth::Bot { .. }));
    let post_again = |superseded| Post {
        to: to.clone(),
        reply_to: None,
        candidate_threads: Vec::new(),
        edits_earlier: false,
        superseded,
        known_attributes: entry.attributes.clone(),
        related: state.related(f),
    };
    match (config.slack.recurrence, editable) {
        (RecurrencePolicy::Ignore, _) => Decision::Skip(Outcome::Ignored, SkipReason::RecurrenceIgnored),
        (RecurrencePolicy::Repost, _) => Decision::Post(post_again(None)),
        (RecurrencePolicy::Update, None) if f.severity_level() > entry.severity_level() && !f.archived => {
            Decision::Post(post_again(None))
        }
        (RecurrencePolicy::Update, None) => Decision::Skip(Outcome::Coalesced, SkipReason::WebhookCannotEdit),
        (RecurrencePolicy::Update, Some(at)) if route_changed(state, entry, at, &to) && !f.archived => {
            Decision::Post(post_again(Some(at.clone())))
        }
        (RecurrencePolicy::Update, Some(at)) => decide_edit(config, f, entry, at, to, state.related(f), now),
    }
}

fn decide_edit(
    config: &Config,
    f: &Finding,
    entry: &FindingRecord,
    at: &MessageRef,
    to: Destination,
    related: Vec<RelatedMessage>,
    now: Timestamp,
) -> Decision {
    let changes = changes_to_announce(config.slack.remind_after, f, entry, now);
    let same = entry.marks().resolved.is_none()
        && entry.new_attributes(&f.attributes()).is_empty()
        && entry.severity == f.severity
        && entry.archived == f.archived
        && entry.has_links(&related);
    let is_recent = entry.edited_at.is_some_and(|edited| now.duration_since(edited) < MIN_EDIT_INTERVAL);
    if changes.is_none() && same && is_recent {
        return Decision::Skip(Outcome::Coalesced, SkipReason::NoNewInformation);
    }
    let marks = if f.archived { entry.marks() } else { entry.marks().reopened() };
    let reply = changes.map(|changes| Reply {
        message: at.clone(),
        mention: to.mention.clone().filter(|_| changes.previous_severity.is_some()),
        subject: ReplySubject::Changes(changes),
    });
    Decision::Update(Update {
        message: at.clone(),
        reply,
        repost_to: to,
        known_attributes: entry.attributes.clone(),
        related,
        marks,
        intended_channel: entry.intended_channel.clone(),
    })
}

/// What a reply is due about: immediately if the severity level increased, otherwise once `SLACK_REMIND_AFTER` has passed.
fn changes_to_announce(remind_after: Duration, f: &Finding, entry: &FindingRecord, now: Timestamp) -> Option<Changes> {
    let increased = f.severity_level() > entry.severity_level();
    let marks = entry.marks();
    let reopened = marks.resolved.is_some().then_some(Reopened::Recurred);
    let is_reminder_due = entry.notified_at.is_none_or(|notified| now.duration_since(notified) >= remind_after);
    let is_due = reopened.is_some() || is_reminder_due;
    if f.archived || (!increased && (marks.muted.is_some() || !is_due)) {
        return None;
    }
    let pending = entry.attributes.iter().skip(entry.notified_attributes);
    let changes = Changes {
        previous_severity: increased.then_some(entry.severity),
        since: entry.updated_at,
        new_attributes: pending.chain(entry.new_attributes(&f.attributes())).cloned().collect(),
        previous_count: (f.count > entry.notified_count && entry.notified_count > 0).then_some(entry.notified_count),
        reopened,
    };
    (increased || reopened.is_some() || !changes.new_attributes.is_empty() || changes.previous_count.is_some())
        .then_some(changes)
}

/// Returns true if the finding now routes to another channel than that of its message.
fn route_changed(state: &State, entry: &FindingRecord, at: &MessageRef, to: &Destination) -> bool {
    let name = to.name();
    let id = state.channels.get(name).map_or(name, String::as_str);
    at.channel != id && entry.intended_channel.as_deref() != Some(name)
}

/// The messages of the same account-wide finding from other regions in the same channel, oldest first.
fn regional_duplicates<'a>(
    state: &'a State,
    f: &Finding,
    to: &Destination,
) -> Vec<(&'a FindingRecord, &'a MessageRef)> {
    let Some(wide) = f.global_key() else { return Vec::new() };
    let own = Some(f.origin.region.as_str());
    let here: Vec<u32> = state.sources.iter().filter(|(key, _)| key.region() == own).map(|(_, s)| s.id).collect();
    let id = state.channels.get(to.name()).map_or(to.name(), String::as_str);
    let same = |e: &&FindingRecord| e.global_key.as_ref() == Some(&wide) && !here.contains(&e.source_id);
    let mut found: Vec<(&FindingRecord, &MessageRef)> = (state.findings.values().filter(same))
        .filter_map(|e| Some((e, e.bot_message()?)))
        .filter(|(_, at)| at.thread_ts.is_none() && at.channel == id)
        .collect();
    found.sort_by(|(_, a), (_, b)| a.ts.cmp(&b.ts));
    found
}
