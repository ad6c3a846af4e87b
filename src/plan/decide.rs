//! The decision about one finding: is its state known, settled without a word, or to be told, and how.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{Access, Config, Recurrence, Samples};
use crate::finding::{Assessment, Finding};
use crate::message::{Marks, News, Reopened};
use crate::plan::{Destination, Routed, route};
use crate::slack::At;
use crate::state::{Entry, Outcome, RelatedMessage, State};
use crate::time::Millis;

/// `chat.update` allows some 50 calls a minute: a recurrence that brings nothing but a later time and a higher
/// count is not worth one while the message is younger than this.
const FRESH_ENOUGH: Duration = Duration::from_secs(3600);

/// What is to be done about a state of a finding.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// This state was said.
    Known,
    /// Nothing is to be said.
    Settled(Outcome, Reason),
    Post(Post),
    Update(Update),
}

/// Why a finding is settled without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    BelowMinSeverity,
    NotIncluded,
    Excluded,
    Sample,
    Archived,
    DropRoute,
    RecurrenceIgnored,
    NothingNew,
    WebhookCannotEdit,
}

impl Reason {
    pub fn text(self) -> &'static str {
        match self {
            Reason::BelowMinSeverity => "below GUARDDUTY_MIN_SEVERITY",
            Reason::NotIncluded => "type not in GUARDDUTY_INCLUDE_TYPES",
            Reason::Excluded => "type in GUARDDUTY_EXCLUDE_TYPES",
            Reason::Sample => "sample finding (GUARDDUTY_SAMPLES=drop)",
            Reason::Archived => "archived before it was announced",
            Reason::DropRoute => "dropped by a route",
            Reason::RecurrenceIgnored => "recurrence (SLACK_RECURRENCE=ignore)",
            Reason::NothingNew => "recurrence with only a later time and a higher count",
            Reason::WebhookCannotEdit => "recurrence at the same severity level; a webhook cannot edit messages",
        }
    }
}

/// A message of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    pub to: Destination,
    /// The message of the same account-wide finding from another region, in whose thread this one goes.
    pub parent: Option<At>,
    /// All such messages, in whose threads it may stand already: history does not show it there.
    pub threads: Vec<At>,
    /// The finding's message in another channel, which must then say where it is told.
    pub old: Option<At>,
    /// Traits that earlier states of it showed.
    pub seen: Vec<String>,
    /// Messages to which it links.
    pub related: Vec<RelatedMessage>,
}

/// An edit of its message, and what its thread says besides.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub at: At,
    pub word: Option<Word>,
    /// Where it is posted anew if the message is gone.
    pub to: Destination,
    /// Traits that earlier states of it showed.
    pub seen: Vec<String>,
    /// Messages to which it links.
    pub related: Vec<RelatedMessage>,
    /// What its message shows of the reactions.
    pub marks: Marks,
}

/// A word in a finding's thread: what is new since it last spoke.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word {
    /// The severity shown before, where the band rose: then the word is broadcast, with the route's mention.
    pub rose_from: Option<f64>,
    pub fresh: Vec<String>,
    pub count_was: Option<u64>,
    pub reopened: Option<Reopened>,
    /// Nobody acknowledged the finding for this time: the word is broadcast, with the mention of the destination.
    pub unacknowledged_for: Option<Duration>,
    /// The result of an investigation of the finding.
    pub assessment: Option<Rc<Assessment>>,
}

impl Word {
    /// The content of the reply that says it.
    pub fn news(&self) -> News<'_> {
        News {
            severity_was: self.rose_from,
            fresh: &self.fresh,
            count_was: self.count_was,
            reopened: self.reopened,
            unacknowledged_for: self.unacknowledged_for,
            assessment: self.assessment.as_deref(),
            ..News::default()
        }
    }

    /// Returns true if the reply mentions people and is shown in the channel.
    pub fn is_call(&self) -> bool {
        self.rose_from.is_some() || self.unacknowledged_for.is_some()
    }
}

/// Decides about one finding as fetched.
pub fn decide(state: &State, config: &Config, f: &Finding, now: Millis) -> Verdict {
    if state.knows(&f.id, f.updated) {
        return Verdict::Known;
    }
    if let Some(reason) = left_out(config, f) {
        return Verdict::Settled(Outcome::Dropped, reason);
    }
    let to = match route(config, f) {
        Routed::Drop => return Verdict::Settled(Outcome::Dropped, Reason::DropRoute),
        Routed::To(to) => to,
    };
    match state.findings.get(&f.id).and_then(|e| Some((e, e.at.as_ref()?))) {
        Some((entry, at)) => recurrence(state, config, f, entry, at, to, now),
        None if f.archived => Verdict::Settled(Outcome::Archived, Reason::Archived),
        None => {
            let siblings = siblings(state, f, &to);
            // One that is archived since is no place for news.
            let parent = siblings.iter().find(|(e, _)| !e.archived).map(|(_, at)| (*at).clone());
            let threads = siblings.into_iter().map(|(_, at)| at.clone()).collect();
            Verdict::Post(Post { parent, threads, to, old: None, seen: Vec::new(), related: state.related(f) })
        }
    }
}

/// Why a filter leaves the finding out, if one does.
pub fn left_out(config: &Config, f: &Finding) -> Option<Reason> {
    let filter = &config.filter;
    let name = f.kind.as_str();
    // What cannot be read of a finding does not hide it.
    if f.has_severity() && f.severity < filter.min_severity {
        Some(Reason::BelowMinSeverity)
    } else if !name.is_empty() && !filter.include.is_empty() && !filter.include.iter().any(|g| g.matches(name)) {
        Some(Reason::NotIncluded)
    } else if filter.exclude.iter().any(|g| g.matches(name)) {
        Some(Reason::Excluded)
    } else if f.sample && filter.samples == Samples::Drop {
        Some(Reason::Sample)
    } else {
        None
    }
}

fn recurrence(
    state: &State,
    config: &Config,
    f: &Finding,
    entry: &Entry,
    at: &At,
    to: Destination,
    now: Millis,
) -> Verdict {
    // Neither a message that a webhook posted can be edited, nor any other without a bot's token.
    let fixed = at.is_webhook() || matches!(config.slack.access, Access::Webhook { .. });
    let anew = |old| {
        let (seen, related) = (entry.seen.clone(), state.related(f));
        Post { to: to.clone(), parent: None, threads: Vec::new(), old, seen, related }
    };
    match config.slack.recurrence {
        Recurrence::Ignore => Verdict::Settled(Outcome::Ignored, Reason::RecurrenceIgnored),
        Recurrence::Repost => Verdict::Post(anew(None)),
        Recurrence::Update if fixed && f.band() > entry.band() && !f.archived => Verdict::Post(anew(None)),
        Recurrence::Update if fixed => Verdict::Settled(Outcome::Coalesced, Reason::WebhookCannotEdit),
        Recurrence::Update if moved(state, entry, at, &to) && !f.archived => Verdict::Post(anew(Some(at.clone()))),
        Recurrence::Update => edit(config, f, entry, at, to, state.related(f), now),
    }
}

fn edit(
    config: &Config,
    f: &Finding,
    entry: &Entry,
    at: &At,
    to: Destination,
    related: Vec<RelatedMessage>,
    now: Millis,
) -> Verdict {
    let word = word(config.slack.remind_after, f, entry, now);
    let same = entry.marks().resolved.is_none()
        && entry.fresh(&f.traits()).is_empty()
        && entry.sev == f.severity
        && entry.archived == f.archived
        && entry.has_links(&related);
    if word.is_none() && same && now.since(entry.touched) < FRESH_ENOUGH {
        return Verdict::Settled(Outcome::Coalesced, Reason::NothingNew);
    }
    let marks = if f.archived { entry.marks() } else { entry.marks().reopened() };
    Verdict::Update(Update { at: at.clone(), word, to, seen: entry.seen.clone(), related, marks })
}

/// The one rule by which a thread speaks: at once when the band rose, else of what is new once it was silent long enough.
fn word(remind_after: Duration, f: &Finding, entry: &Entry, now: Millis) -> Option<Word> {
    let rose = f.band() > entry.band();
    let marks = entry.marks();
    let reopened = marks.resolved.is_some().then_some(Reopened::Recurred);
    let is_due = reopened.is_some() || now.since(entry.spoke) >= remind_after;
    if f.archived || (!rose && (marks.muted.is_some() || !is_due)) {
        return None;
    }
    let unsaid = entry.seen.iter().skip(entry.told);
    let word = Word {
        rose_from: rose.then_some(entry.sev),
        fresh: unsaid.chain(entry.fresh(&f.traits())).cloned().collect(),
        count_was: (f.count > entry.spoke_n && entry.spoke_n > 0).then_some(entry.spoke_n),
        reopened,
        unacknowledged_for: None,
        assessment: None,
    };
    (rose || reopened.is_some() || !word.fresh.is_empty() || word.count_was.is_some()).then_some(word)
}

/// Whether the finding now routes to another channel than the one its message stands in, or was meant for.
fn moved(state: &State, entry: &Entry, at: &At, to: &Destination) -> bool {
    let name = to.name();
    let id = state.channels.get(name).map_or(name, String::as_str);
    at.channel != id && entry.meant.as_deref() != Some(name)
}

/// The messages of the same account-wide finding, seen in other regions, that stand in the same channel, oldest first.
fn siblings<'a>(state: &'a State, f: &Finding, to: &Destination) -> Vec<(&'a Entry, &'a At)> {
    let Some(wide) = f.account_wide_key() else { return Vec::new() };
    let own = format!("/{}", f.origin.region);
    let here: Vec<u32> = state.sources.iter().filter(|(key, _)| key.ends_with(&own)).map(|(_, s)| s.n).collect();
    let id = state.channels.get(to.name()).map_or(to.name(), String::as_str);
    let same = |e: &&Entry| e.wide.as_ref() == Some(&wide) && !here.contains(&e.s);
    let mut found: Vec<(&Entry, &At)> = (state.findings.values().filter(same))
        .filter_map(|e| Some((e, e.at.as_ref()?)))
        .filter(|(_, at)| !at.is_webhook() && at.thread.is_none() && at.channel == id)
        .collect();
    found.sort_by(|(_, a), (_, b)| a.ts.cmp(&b.ts));
    found
}
