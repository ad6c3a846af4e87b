//! Converts a batch of findings to deliveries: per channel, the most severe first, and digests for findings above the limit.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::config::{Config, Target};
use crate::finding::{Attribute, Finding};
use crate::mention::Mention;
use crate::message::{Marks, Notice, Summary};
use crate::plan::{Decision, Destination, Post, Queue, Reply, SkipReason, Update, decide};
use crate::slack::{MessageRef, SentMessage};
use crate::state::{Outcome, RelatedMessage, State};
use crate::time::Timestamp;

/// Maximum number of findings of a digest: its plan then takes about 24 KB of the state.
pub(crate) const MAX_DIGEST: usize = 500;

/// One thing to deliver.
#[derive(Clone, Debug)]
pub enum Delivery {
    Notice(Notice),
    Post(Rc<Finding>, Post),
    Update(Rc<Finding>, Update),
    Digest {
        id: String,
        to: Destination,
        findings: Vec<Rc<Finding>>,
    },
    /// The message of a finding shows the reactions on it, and links to related messages.
    Refresh(Rc<Finding>, Refresh),
    Summary(Box<DueSummary>),
    /// A reply that is posted once and does not change the message of the finding: an escalation, or the result of an
    /// investigation.
    Reply(Rc<Finding>, Reply),
    /// Replaces the message at `old` with a redirect to the message at `new`, which is about the finding `id`.
    Redirect {
        id: String,
        old: MessageRef,
        new: SentMessage,
        channel: String,
    },
}

/// The summary of a due time.
#[derive(Clone, Debug, PartialEq)]
pub struct DueSummary {
    pub due: Timestamp,
    pub content: Summary,
}

/// An edit of a finding's message that announces nothing: it shows reactions or links. If the message cannot be edited,
/// the finding is not posted again.
#[derive(Clone, Debug, PartialEq)]
pub struct Refresh {
    pub message: MessageRef,
    pub marks: Marks,
    /// Attributes that earlier revisions of the finding showed.
    pub known_attributes: Vec<Attribute>,
    /// Messages to which it links.
    pub related: Vec<RelatedMessage>,
    /// The channel that rejected the message.
    pub intended_channel: Option<String>,
}

impl Delivery {
    /// Findings whose revisions it announces.
    pub fn findings(&self) -> &[Rc<Finding>] {
        match self {
            Delivery::Post(f, _) | Delivery::Update(f, _) => std::slice::from_ref(f),
            Delivery::Digest { findings, .. } => findings,
            Delivery::Notice(_)
            | Delivery::Summary(_)
            | Delivery::Refresh(..)
            | Delivery::Reply(..)
            | Delivery::Redirect { .. } => &[],
        }
    }

    /// Where it is posted. `None`: in the default channel (notice, summary), or where the message of the finding is.
    pub fn destination(&self) -> Option<&Destination> {
        match self {
            Delivery::Post(_, Post { to, .. })
            | Delivery::Update(_, Update { repost_to: to, .. })
            | Delivery::Digest { to, .. } => Some(to),
            Delivery::Notice(_)
            | Delivery::Summary(_)
            | Delivery::Refresh(..)
            | Delivery::Reply(..)
            | Delivery::Redirect { .. } => None,
        }
    }

    /// Messages to which its message links.
    pub fn related(&self) -> &[RelatedMessage] {
        match self {
            Delivery::Post(_, Post { related, .. }) | Delivery::Update(_, Update { related, .. }) => related,
            Delivery::Refresh(_, Refresh { related, .. }) => related,
            Delivery::Digest { .. }
            | Delivery::Notice(_)
            | Delivery::Summary(_)
            | Delivery::Reply(..)
            | Delivery::Redirect { .. } => &[],
        }
    }

    /// Names it for the log.
    pub fn describe(&self) -> String {
        match self {
            Delivery::Post(f, _) | Delivery::Update(f, _) => format!("finding {}", f.id),
            Delivery::Digest { id, findings, .. } => format!("digest {id} of {} findings", findings.len()),
            Delivery::Notice(notice) => format!("notice \"{}\"", notice.title),
            Delivery::Summary(summary) => summary.content.id.clone(),
            Delivery::Reply(f, _) => format!("reply to finding {}", f.id),
            Delivery::Refresh(f, _) => format!("marks and links of finding {}", f.id),
            Delivery::Redirect { id, .. } => format!("redirect for finding {id}"),
        }
    }
}

/// Decisions about one batch.
#[derive(Debug, Default)]
pub(crate) struct DeliveryPlan {
    pub queues: BTreeMap<Queue, Vec<Delivery>>,
    pub skipped: Vec<(Rc<Finding>, Outcome, SkipReason)>,
    /// Findings that wait for a sibling of this batch, in whose thread they belong.
    pub deferred: Vec<Rc<Finding>>,
}

/// How many messages of their own new findings may still have in each channel in this run.
#[derive(Debug)]
pub(crate) struct MessageBudget {
    /// `SLACK_DIGEST_AFTER`, if there is a limit.
    limit: Option<usize>,
    /// Maximum number of findings of a digest.
    max_digest_findings: usize,
    used: HashMap<String, usize>,
}

impl MessageBudget {
    pub(crate) fn new(digest_after: Option<usize>, max_digest_findings: usize) -> Self {
        Self { limit: digest_after, max_digest_findings, used: HashMap::new() }
    }

    fn try_take(&mut self, channel: &str) -> bool {
        let used = self.used.entry(channel.to_owned()).or_default();
        let free = self.limit.is_none_or(|limit| *used < limit);
        *used += usize::from(free);
        free
    }
}

/// Decides about a batch. `digest_id` gives a new id each time.
pub(crate) fn plan_deliveries(
    state: &State,
    config: &Config,
    batch: Vec<Rc<Finding>>,
    budget: &mut MessageBudget,
    mut digest_id: impl FnMut() -> String,
    now: Timestamp,
) -> DeliveryPlan {
    let mut plan = DeliveryPlan::default();
    let mut channels: BTreeMap<String, ChannelPlan> = BTreeMap::new();
    let mut updates = Vec::new();
    let mut first_sightings = FirstSightings::default();
    for f in most_severe_first(batch) {
        match decide(state, config, &f, now) {
            Decision::AlreadyProcessed => {}
            Decision::Skip(outcome, reason) => plan.skipped.push((f, outcome, reason)),
            Decision::Update(update) => updates.push((f, update)),
            Decision::Post(post) if first_sightings.precede(&f, &post) => plan.deferred.push(f),
            Decision::Post(post) => {
                let channel = channels.entry(post.to.name().to_owned()).or_default();
                if needs_own_message(&post) || budget.try_take(post.to.name()) {
                    first_sightings.add(&f, &post);
                    channel.messages.push((f, post));
                } else {
                    channel.summarize(f, post);
                }
            }
        }
    }
    for (name, channel) in channels {
        plan.queues.insert(Queue::Channel(name), channel.into_deliveries(budget.max_digest_findings, &mut digest_id));
    }
    // An increased severity level is announced before anything else is edited.
    updates.sort_by_key(|(_, u)| !u.reply.as_ref().is_some_and(Reply::is_broadcast));
    if !updates.is_empty() {
        plan.queues.insert(Queue::Edits, updates.into_iter().map(|(f, u)| Delivery::Update(f, u)).collect());
    }
    plan
}

fn most_severe_first(mut batch: Vec<Rc<Finding>>) -> Vec<Rc<Finding>> {
    batch.sort_by(|a, b| b.severity.total_cmp(&a.severity).then(a.updated.cmp(&b.updated)).then(a.id.cmp(&b.id)));
    batch
}

/// Returns true if no digest may summarize the finding. A message in the thread of a sibling does not crowd the channel,
/// and the history of the channel does not contain it: after an unclean shutdown only the siblings' threads show whether
/// it exists. A message in another channel must point to a message in this one.
fn needs_own_message(post: &Post) -> bool {
    !post.candidate_threads.is_empty() || post.superseded.is_some()
}

/// Account-wide findings that get a message of their own in this plan: by account-wide key and channel, the regions that
/// show them.
#[derive(Default)]
struct FirstSightings(HashMap<(String, String), Vec<String>>);

impl FirstSightings {
    /// Returns true if the same account-wide finding from another region gets a message of its own in this plan.
    /// Only such a message has a thread that the finding can wait for: a digest has none, and findings of one region are
    /// different findings.
    fn precede(&self, f: &Finding, post: &Post) -> bool {
        let regions = account_wide(f, post).and_then(|key| self.0.get(&key));
        regions.is_some_and(|regions| regions.iter().any(|region| *region != f.origin.region))
    }

    fn add(&mut self, f: &Finding, post: &Post) {
        if let Some(key) = account_wide(f, post) {
            self.0.entry(key).or_default().push(f.origin.region.clone());
        }
    }
}

/// The account-wide key and the channel of a new message that is not in a thread; a webhook has no threads.
fn account_wide(f: &Finding, post: &Post) -> Option<(String, String)> {
    let is_new = post.reply_to.is_none() && post.superseded.is_none();
    if !is_new || !matches!(post.to.target, Target::Channel(_)) {
        return None;
    }
    Some((f.global_key()?, post.to.name().to_owned()))
}

/// First sightings for one channel, the most severe first.
#[derive(Default)]
struct ChannelPlan {
    messages: Vec<(Rc<Finding>, Post)>,
    /// Findings beyond the budget. In a flood most have the same post, which is kept once.
    summarized: Vec<(Rc<Finding>, Rc<Post>)>,
}

impl ChannelPlan {
    fn summarize(&mut self, f: Rc<Finding>, post: Post) {
        let same = self.summarized.last().map(|(_, last)| last).filter(|last| ***last == post);
        let post = same.cloned().unwrap_or_else(|| Rc::new(post));
        self.summarized.push((f, post));
    }

    /// Builds digests of at most `limit` findings. A digest of one finding would show less than a message of its own, so
    /// the finding gets its own message.
    fn into_deliveries(self, limit: usize, digest_id: &mut impl FnMut() -> String) -> Vec<Delivery> {
        let mut messages = self.messages;
        let mut digests = Vec::new();
        for part in self.summarized.chunks(limit) {
            match part {
                [(f, post)] => messages.push((f.clone(), Post::clone(post))),
                part => digests.push(build_digest(digest_id(), part)),
            }
        }
        messages.into_iter().map(|(f, post)| Delivery::Post(f, post)).chain(digests).collect()
    }
}

/// Several routes can lead to one channel: the digest has the mentions of all its findings.
fn build_digest(id: String, part: &[(Rc<Finding>, Rc<Post>)]) -> Delivery {
    let mentions = part.iter().filter_map(|(_, post)| post.to.mention.as_ref());
    let mention = Mention::of_parts(mentions.flat_map(Mention::parts).cloned());
    let to = Destination { mention, ..part[0].1.to.clone() };
    Delivery::Digest { id, to, findings: part.iter().map(|(f, _)| f.clone()).collect() }
}
