//! What stands in Slack that the state does not know: a run that died, or could not record, may have spoken.
//!
//! Only messages of its own bot count, for anyone can write metadata. A finding's message that the state already
//! knows settles nothing: an edit may have been followed by a word in the thread that is still owed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use crate::config::{RouteTo, Target};
use crate::run::desk::Desk;
use crate::slack::{At, Chat, HistoryError, OwnMessage, ReplyId};
use crate::state::{PostedFinding, State};
use crate::time::Millis;

/// Slack's clock and ours may disagree by so much.
const SKEW: Duration = Duration::from_secs(60);

/// So many channels are read at a time: Slack allows some 50 such calls a minute, and bursts.
const HISTORIES: usize = 4;

/// Since when messages may stand in Slack that the state does not know.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// History is read from here.
    pub oldest: Millis,
    /// A replay: what was posted before counts as nothing said.
    pub replayed: Option<Millis>,
}

impl Past {
    pub fn since(since: Millis, replayed: Option<Millis>) -> Self {
        let oldest = since.minus(SKEW);
        Self { oldest: replayed.map_or(oldest, |r| oldest.max(r)), replayed }
    }
}

/// What its own bot said: findings by id (the newest message each), digests, notices.
#[derive(Debug, Default)]
pub struct Memory {
    findings: BTreeMap<String, PostedFinding>,
    pub digests: HashSet<String>,
    pub notices: HashSet<String>,
    pub summaries: HashSet<String>,
    /// Replies that are messages in a channel, because their thread rejected them.
    pub standalone_replies: HashSet<ReplyId>,
}

/// What was taken as said.
#[derive(Debug, Default)]
pub struct Adopted {
    /// Findings whose message was not known, by id.
    pub findings: BTreeSet<String>,
    pub digests: usize,
}

impl Memory {
    /// Adds the messages of one channel: its name as configured, its id.
    pub fn add(&mut self, channel: (&str, &str), messages: Vec<OwnMessage>, past: &Past) {
        for m in messages {
            if past.replayed.is_some_and(|r| m.posted() <= r) {
                continue;
            }
            match m.event_type.as_str() {
                "guardduty_finding" => self.add_finding(channel, &m),
                "guardduty_digest" => self.digests.extend(text(&m, "digest_id")),
                "guardduty_notice" => self.notices.extend(text(&m, "notice_id")),
                "guardduty_summary" => self.summaries.extend(text(&m, "summary_id")),
                "guardduty_reply" => self.standalone_replies.extend(m.reply_id()),
                _ => {}
            }
        }
    }

    fn add_finding(&mut self, (name, id_of_channel): (&str, &str), m: &OwnMessage) {
        let Some(id) = text(m, "finding_id") else { return };
        // A finding without a time that can be read is identified by its ID alone.
        let updated = text(m, "updated_at").and_then(|t| Millis::parse(&t)).unwrap_or_default();
        if self.findings.get(&id).is_some_and(|known| known.at.ts >= m.ts) {
            return;
        }
        let standing = PostedFinding {
            updated,
            at: At { channel: id_of_channel.to_owned(), ts: m.ts.clone(), thread: None },
            channel: name.to_owned(),
            severity: m.event.get("severity").and_then(|v| v.as_f64()).filter(|s| s.is_finite()).unwrap_or(0.0),
            region: text(m, "region").unwrap_or_default(),
            detector: text(m, "detector_id").unwrap_or_default(),
        };
        self.findings.insert(id, standing);
    }

    /// Where this state of a finding, or a later one, stands.
    pub fn finding(&self, id: &str, updated: Millis) -> Option<At> {
        self.findings.get(id).filter(|s| s.updated >= updated).map(|s| s.at.clone())
    }

    /// Takes as said what stands in Slack: findings of sources that the state knows, digests written ahead, notices
    /// that are due. `here`: the source, by its `n`, of each finding that this run was just shown: a message about one
    /// of those is known whichever detector it names.
    pub fn adopt(&self, state: &mut State, here: &HashMap<&str, u32>, now: Millis) -> Adopted {
        let mut adopted = Adopted::default();
        let planned: Vec<String> = state.plans.keys().filter(|id| self.digests.contains(*id)).cloned().collect();
        for id in planned {
            adopted.digests += usize::from(state.adopt_digest(&id).is_some());
        }
        self.notices.iter().for_each(|id| state.remove_notice(id));
        for (id, posted) in &self.findings {
            if state.adopt_finding(id, posted, here.get(id.as_str()).copied(), now) {
                adopted.findings.insert(id.clone());
            }
        }
        adopted
    }
}

fn text(m: &OwnMessage, key: &str) -> Option<String> {
    m.event.get(key).and_then(|v| v.as_str()).map(str::to_owned)
}

/// What a run must know before it speaks.
#[derive(Clone, Copy, Debug)]
pub struct Recall {
    /// Since when something may have been said that the state does not know.
    pub since: Millis,
    pub past: Past,
    /// Not before this instant: until then history may lack what was posted.
    pub not_before: Option<Millis>,
    /// A run ended without a clean end: what cannot be looked up must not be said.
    pub unclean: bool,
}

/// The history of every channel that may have been posted to, and the ids of those that must stay silent for now.
pub async fn recall<C: Chat>(
    desk: &Desk<'_, C>,
    state: &State,
    ask: &Recall,
    now: Millis,
) -> (Memory, BTreeSet<String>) {
    let (mut memory, mut silent) = (Memory::default(), BTreeSet::new());
    if let Some(wait) = ask.not_before.map(|t| t.since(now)).filter(|w| !w.is_zero()) {
        tracing::info!(
            wait_seconds = wait.as_secs(),
            "a previous run may have posted messages; waiting for Slack history to catch up"
        );
        if desk.stop.unless(tokio::time::sleep(wait)).await.is_none() {
            return (memory, silent);
        }
    }
    let read = async |(id, name): (String, String)| {
        let history = desk.stop.unless(desk.chat.history(&id, ask.past.oldest)).await;
        (name, id, history)
    };
    let mut histories = pin!(stream::iter(channels(desk, state)).map(read).buffered(HISTORIES));
    while let Some((name, id, history)) = histories.next().await {
        let Some(history) = history else { break };
        match history {
            Ok(messages) => memory.add((&name, &id), messages, &ask.past),
            Err(HistoryError::Denied(why)) => {
                let hint =
                    if why.contains("scope") { "; add the scopes channels:history and groups:history" } else { "" };
                tracing::warn!(
                    channel = name,
                    error = why,
                    "channel history is not readable; duplicates are possible after a crash{hint}"
                );
                desk.unreadable.borrow_mut().insert(id);
            }
            // A channel that cannot be read because it refuses the app cannot have been posted to.
            Err(HistoryError::Channel(why)) => {
                tracing::debug!(channel = name, error = why, "channel history is not available")
            }
            Err(HistoryError::Unavailable(why)) => {
                let after_unclean_shutdown = ask.unclean;
                tracing::warn!(channel = name, error = why, after_unclean_shutdown, "failed to read channel history");
                desk.history_unread.set(true);
                if ask.unclean {
                    silent.insert(id);
                }
            }
        }
    }
    (memory, silent)
}

/// Every channel that is configured, that a plan names, or where a message of ours may stand though it is configured no
/// longer: names by ids.
fn channels<C>(desk: &Desk<'_, C>, state: &State) -> BTreeMap<String, String> {
    let routed = desk.config.routes.0.iter().filter_map(|r| match &r.to {
        RouteTo::Target(Target::Channel(name)) => Some(name.as_str()),
        _ => None,
    });
    let planned = state.plans.values().map(|p| p.channel.as_str());
    let stand = state.findings.values().filter_map(|e| e.at.as_ref()).filter(|at| !at.is_webhook());
    let names = [desk.default.name()].into_iter().chain(routed).chain(planned);
    let names = names.chain(state.channels.keys().map(String::as_str)).chain(stand.map(|at| at.channel.as_str()));
    let mut channels = BTreeMap::new();
    for name in names {
        if let Some(id) = desk.channel_id(name) {
            channels.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    channels
}
