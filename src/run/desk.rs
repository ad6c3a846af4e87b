//! What the lanes of a run share: the way to Slack, its pace, and what was learned of its channels.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};

use tokio::sync::Notify;

use crate::config::{Config, Target};
use crate::message::Wording;
use crate::plan::Destination;
use crate::run::refusals::Refusals;
use crate::run::send::Unsent;
use crate::run::stop::Stop;
use crate::slack::ReplyId;
use crate::slack::pace::Pace;

/// What all lanes of a run share.
pub struct Desk<'a, C> {
    pub config: &'a Config,
    pub wording: &'a Wording,
    /// Names this run.
    pub id: String,
    pub chat: &'a C,
    pub pace: Pace,
    pub stop: Stop,
    pub default: Destination,
    /// Channels, by their ids, whose history the token may not read: there a message is delivered at least once.
    pub unreadable: RefCell<BTreeSet<String>>,
    pub refusals: Refusals,
    /// Replies that history shows as messages in a channel, because their thread rejected them.
    pub standalone_replies: RefCell<HashSet<ReplyId>>,
    /// The history of a channel could not be read for a transient reason.
    pub history_unread: Cell<bool>,
    /// Ids of channels that could not be read after an unclean end: nothing is posted there, by whichever way.
    pub silent: RefCell<BTreeSet<String>>,
    /// Ids of channels by their configured names, as Slack told them.
    pub channels: RefCell<BTreeMap<String, String>>,
    /// One of them was learned and is not recorded yet: nothing is posted meanwhile, for without it the history of
    /// that channel could not be read.
    pub learned: Cell<bool>,
    pub recorded: Notify,
    /// IDs of findings that Slack shows in the minimal form only.
    pub minimal: RefCell<HashSet<String>>,
    /// What spreads retries: from 0 to 1.
    pub chance: fn() -> f64,
}

impl<C> Desk<'_, C> {
    /// Nothing more may be sent.
    pub fn over(&self) -> bool {
        self.stop.is_set() || self.refusals.is_app_refused()
    }

    /// Waits until what was learned of a channel is recorded.
    pub(super) async fn until_recorded(&self) {
        while self.learned.get() {
            self.recorded.notified().await;
        }
    }

    /// What was learned stands in the state.
    pub fn set_recorded(&self) {
        self.learned.set(false);
        self.recorded.notify_waiters();
    }

    /// What is only read may be broken off when the run must end.
    pub(super) async fn in_time<T>(&self, call: impl Future<Output = T>) -> Result<T, Unsent> {
        self.stop.unless(call).await.ok_or(Unsent::Left)
    }

    /// The id of a channel as configured, if it is known.
    pub fn channel_id(&self, name: &str) -> Option<String> {
        if name.starts_with('#') { self.channels.borrow().get(name).cloned() } else { Some(name.to_owned()) }
    }

    /// The configured name of a channel, or its ID.
    pub fn channel_name(&self, id: &str) -> String {
        let names = self.channels.borrow();
        names.iter().find(|(_, known)| *known == id).map_or(id, |(name, _)| name).to_owned()
    }

    /// Whether history can tell what stands there. A webhook has none.
    pub fn is_readable(&self, target: &Target) -> bool {
        matches!(target, Target::Channel(name) if !self.unreadable.borrow().contains(&self.lane(name)))
    }

    /// Whether nothing may be posted to a channel, by its id or its name.
    pub fn is_silent(&self, target: &str) -> bool {
        self.silent.borrow().contains(&self.lane(target))
    }

    /// What paces messages to a channel, whether it is named by its id or by its name.
    pub fn lane(&self, target: &str) -> String {
        self.channel_id(target).unwrap_or_else(|| target.to_owned())
    }
}
