//! A window of findings made into acts: per channel the most severe first, digests of what exceeds the budget.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use crate::config::{Config, Target};
use crate::finding::Finding;
use crate::message::Notice;
use crate::plan::{Destination, Post, Reason, Update, Verdict, decide};
use crate::slack::At;
use crate::slack::pace::UPDATES;
use crate::state::{Outcome, State};
use crate::time::Millis;

/// A digest sums up so many findings at most: its plan then takes some 24 KB of the state.
const DIGEST: usize = 500;

/// One thing to say.
#[derive(Clone, Debug)]
pub enum Act {
    Notice(Notice),
    Post(Rc<Finding>, Post),
    Update(Rc<Finding>, Update),
    Digest {
        id: String,
        to: Destination,
        findings: Vec<Rc<Finding>>,
    },
    /// The message at `old` says where finding `id` is told now.
    Point {
        id: String,
        old: At,
        now: At,
        channel: String,
    },
}

impl Act {
    /// Whose states it tells.
    pub fn findings(&self) -> &[Rc<Finding>] {
        match self {
            Act::Post(f, _) | Act::Update(f, _) => std::slice::from_ref(f),
            Act::Digest { findings, .. } => findings,
            Act::Notice(_) | Act::Point { .. } => &[],
        }
    }

    /// Where a message of its own would stand, but for a notice, which goes to the default channel.
    pub fn destination(&self) -> Option<&Destination> {
        match self {
            Act::Post(_, Post { to, .. }) | Act::Update(_, Update { to, .. }) | Act::Digest { to, .. } => Some(to),
            Act::Notice(_) | Act::Point { .. } => None,
        }
    }

    /// What it is about, for the log.
    pub fn what(&self) -> String {
        match self {
            Act::Post(f, _) | Act::Update(f, _) => format!("finding {}", f.id),
            Act::Digest { id, findings, .. } => format!("digest {id} of {} findings", findings.len()),
            Act::Notice(notice) => format!("notice «{}»", notice.title),
            Act::Point { id, .. } => format!("where finding {id} is told now"),
        }
    }
}

/// What is to be done about one window.
#[derive(Debug, Default)]
pub struct Plan {
    /// By lane: what stands in one is done in order.
    pub lanes: BTreeMap<String, Vec<Act>>,
    pub settled: Vec<(Rc<Finding>, Outcome, Reason)>,
    /// Findings that wait for a sibling of this window, in whose thread they belong.
    pub held: Vec<Rc<Finding>>,
}

/// How many messages of their own new findings may still have in each channel in this run.
#[derive(Debug)]
pub struct Budget {
    /// `SLACK_DIGEST_AFTER`; 0: without limit.
    limit: usize,
    /// A digest sums up so many findings at most.
    pub digest: usize,
    used: HashMap<String, usize>,
}

impl Budget {
    pub fn new(digest_after: usize) -> Self {
        Self { limit: digest_after, digest: DIGEST, used: HashMap::new() }
    }

    fn take(&mut self, channel: &str) -> bool {
        let used = self.used.entry(channel.to_owned()).or_default();
        let free = self.limit == 0 || *used < self.limit;
        *used += usize::from(free);
        free
    }
}

/// Decides about a window. `digest_id` gives a new id each time.
pub fn plan(
    state: &State,
    config: &Config,
    window: Vec<Rc<Finding>>,
    budget: &mut Budget,
    mut digest_id: impl FnMut() -> String,
    now: Millis,
) -> Plan {
    let mut plan = Plan::default();
    let mut posts: BTreeMap<String, Vec<(Rc<Finding>, Post)>> = BTreeMap::new();
    let mut updates = Vec::new();
    let mut families = HashSet::new();
    for f in most_severe_first(window) {
        match decide(state, config, &f, now) {
            Verdict::Known => {}
            Verdict::Settled(outcome, reason) => plan.settled.push((f, outcome, reason)),
            Verdict::Update(update) => updates.push((f, update)),
            Verdict::Post(post) if waits_for_sibling(&f, &post, &mut families) => plan.held.push(f),
            Verdict::Post(post) => posts.entry(post.to.name().to_owned()).or_default().push((f, post)),
        }
    }
    for (channel, posts) in posts {
        let acts = in_channel(&channel, posts, budget, &mut digest_id);
        plan.lanes.entry(channel).or_default().extend(acts);
    }
    // A risen band is told before anything else is edited.
    updates.sort_by_key(|(_, u)| u.word.as_ref().is_none_or(|w| w.rose_from.is_none()));
    if !updates.is_empty() {
        plan.lanes.insert(UPDATES.into(), updates.into_iter().map(|(f, u)| Act::Update(f, u)).collect());
    }
    plan
}

fn most_severe_first(mut window: Vec<Rc<Finding>>) -> Vec<Rc<Finding>> {
    window.sort_by(|a, b| b.severity.total_cmp(&a.severity).then(a.updated.cmp(&b.updated)).then(a.id.cmp(&b.id)));
    window
}

/// The first of an account-wide family in this window has a message of its own; the others come after it.
fn waits_for_sibling(f: &Finding, post: &Post, families: &mut HashSet<(String, String)>) -> bool {
    let threads = matches!(post.to.target, Target::Channel(_)) && post.parent.is_none();
    match f.account_wide_key().filter(|_| threads && post.old.is_none()) {
        Some(key) => !families.insert((key, post.to.name().to_owned())),
        None => false,
    }
}

fn in_channel(
    channel: &str,
    posts: Vec<(Rc<Finding>, Post)>,
    budget: &mut Budget,
    digest_id: &mut impl FnMut() -> String,
) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut rest = Vec::new();
    for (f, post) in posts {
        // A message in a sibling's thread does not crowd the channel. History does not show it, so that after an unclean
        // end only a look into the siblings' threads tells whether it stands: no digest may sum it up. Nor one that moved
        // here: its old message says where its new one stands.
        if !post.threads.is_empty() || post.old.is_some() || budget.take(channel) {
            acts.push(Act::Post(f, post));
        } else {
            rest.push((f, post.to));
        }
    }
    while !rest.is_empty() {
        let tail = rest.split_off(rest.len().min(budget.digest));
        let part = std::mem::replace(&mut rest, tail);
        acts.push(digest(digest_id(), part));
    }
    acts
}

/// Several routes can lead to one channel: the digest mentions whom any of its findings mentions.
fn digest(id: String, part: Vec<(Rc<Finding>, Destination)>) -> Act {
    let mut mentions: Vec<String> = Vec::new();
    for mention in part.iter().filter_map(|(_, to)| to.mention.as_ref()) {
        if !mentions.contains(mention) {
            mentions.push(mention.clone());
        }
    }
    let mention = (!mentions.is_empty()).then(|| mentions.join(" "));
    let to = Destination { mention, ..part[0].1.clone() };
    Act::Digest { id, to, findings: part.into_iter().map(|(f, _)| f).collect() }
}
