//! Records the channels of a run: their IDs, which of them can be read, and what they reject.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use crate::config::Target;
use crate::core::mentions::{Mentions, RejectedMentions};
use crate::core::replies::PostedReplies;
use crate::mention::Mention;
use crate::plan::{Destination, Queue};

/// Time that a message to a channel whose ID was just learned waits: its turn was taken under the name.
pub(crate) const AFTER_FIRST_MESSAGE: Duration = Duration::from_secs(1);

/// Channels are identified by their ID where it is known, else by the configured name; webhooks by their variable.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    pub default: Destination,
    ids: BTreeMap<String, String>,
    /// An ID was learned and is not saved: without it, the history of that channel could not be read.
    has_unsaved_id: bool,
    /// Channels whose history the app may not read, or that do not exist: messages there are delivered at least once.
    unreadable: BTreeSet<String>,
    /// Channels whose history could not be read after an unclean end: nothing is posted there.
    closed: BTreeSet<String>,
    /// The history of a channel could not be read for a transient reason.
    is_history_unread: bool,
    /// Replies that the history shows as messages in a channel, because their thread rejected them.
    standalone_replies: PostedReplies,
    /// Channels that reject messages as such, with the reason.
    rejecting: HashMap<String, String>,
    mentions: RejectedMentions,
    /// IDs of channels whose configured name does not exist any more.
    renamed: HashMap<String, String>,
    app_rejection: Option<String>,
}

/// A channel whose ID is known: its history can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedChannel {
    /// As configured.
    pub name: String,
    pub id: String,
}

impl Channels {
    /// `ids`: the IDs of channels by their configured names, from the state.
    pub(crate) fn new(default: Destination, ids: BTreeMap<String, String>) -> Self {
        Self {
            default,
            ids,
            has_unsaved_id: false,
            unreadable: BTreeSet::new(),
            closed: BTreeSet::new(),
            is_history_unread: false,
            standalone_replies: PostedReplies::default(),
            rejecting: HashMap::new(),
            mentions: RejectedMentions::default(),
            renamed: HashMap::new(),
            app_rejection: None,
        }
    }

    /// The ID of a channel as configured, if it is known.
    pub(crate) fn id(&self, name: &str) -> Option<String> {
        if name.starts_with('#') { self.ids.get(name).cloned() } else { Some(name.to_owned()) }
    }

    /// The configured name of a channel, or its ID.
    pub(crate) fn name(&self, id: &str) -> String {
        self.ids.iter().find(|(_, known)| *known == id).map_or(id, |(name, _)| name).to_owned()
    }

    /// The IDs of channels by their configured names.
    pub(crate) fn ids(&self) -> &BTreeMap<String, String> {
        &self.ids
    }

    /// The ID of a channel where it is known, else its name.
    pub(crate) fn id_or_name(&self, name: &str) -> String {
        self.id(name).unwrap_or_else(|| name.to_owned())
    }

    /// The queue whose rate limit messages to a target share.
    pub(crate) fn queue(&self, target: &Target) -> Queue {
        Queue::Channel(self.id_or_name(target.name()))
    }

    pub(crate) fn is_default(&self, target: &Target) -> bool {
        self.id_or_name(target.name()) == self.id_or_name(self.default.name())
    }

    pub(crate) fn has_unsaved_id(&self) -> bool {
        self.has_unsaved_id
    }

    /// Notes that all IDs were offered to the store.
    pub(crate) fn set_ids_saved(&mut self) {
        self.has_unsaved_id = false;
    }

    /// Notes the ID of a channel that accepted a message. Returns true if it was not known.
    pub(crate) fn note_id(&mut self, name: &str, id: &str) -> bool {
        if !name.starts_with('#') {
            return false;
        }
        let known = self.ids.insert(name.to_owned(), id.to_owned());
        let is_new = known.as_deref() != Some(id);
        self.has_unsaved_id |= is_new;
        is_new
    }

    /// Returns true if the history shows the messages in a channel. A webhook has none.
    pub(crate) fn is_readable(&self, target: &Target) -> bool {
        matches!(target, Target::Channel(name) if !self.unreadable.contains(&self.id_or_name(name)))
    }

    pub(crate) fn set_unreadable(&mut self, id: String) {
        self.unreadable.insert(id);
    }

    /// Returns true if nothing may be posted to a channel, by its ID or its name.
    pub(crate) fn is_closed(&self, name: &str) -> bool {
        self.closed.contains(&self.id_or_name(name))
    }

    pub(crate) fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    pub(crate) fn close(&mut self, id: String) {
        self.closed.insert(id);
    }

    pub(crate) fn is_history_unread(&self) -> bool {
        self.is_history_unread
    }

    pub(crate) fn set_history_unread(&mut self) {
        self.is_history_unread = true;
    }

    pub(crate) fn standalone_replies(&self) -> &PostedReplies {
        &self.standalone_replies
    }

    pub(crate) fn set_standalone_replies(&mut self, replies: PostedReplies) {
        self.standalone_replies = replies;
    }
}

/// What Slack rejected.
impl Channels {
    /// Returns the reason why a channel rejects messages, if it does.
    pub(crate) fn rejection(&self, target: &Target) -> Option<&str> {
        self.rejecting.get(&self.id_or_name(target.name())).map(String::as_str)
    }

    /// Returns false if it was known.
    pub(crate) fn add_rejection(&mut self, target: &Target, reason: &str) -> bool {
        self.rejecting.insert(self.id_or_name(target.name()), reason.to_owned()).is_none()
    }

    pub(crate) fn is_app_rejected(&self) -> bool {
        self.app_rejection.is_some()
    }

    /// Returns false if it was known.
    pub(crate) fn add_app_rejection(&mut self, reason: &str) -> bool {
        self.app_rejection.replace(reason.to_owned()).is_none()
    }

    /// The target by which a channel is addressed: by its ID if it was renamed.
    pub(crate) fn address(&self, target: &Target) -> Target {
        match self.renamed.get(target.name()) {
            Some(id) => Target::Channel(id.clone()),
            None => target.clone(),
        }
    }

    /// Addresses a channel that was renamed by its ID. Returns false if that is unknown, or in use already.
    pub(crate) fn add_renamed(&mut self, name: &str) -> bool {
        let Some(id) = self.id(name).filter(|_| name.starts_with('#')) else { return false };
        let is_new = self.renamed.insert(name.to_owned(), id.clone()).is_none();
        if is_new {
            tracing::warn!(channel = name, id, "channel was renamed; using its ID. Set its new name or its ID");
        }
        is_new
    }

    /// A mention for a target, without the parts that it is known to reject.
    pub(crate) fn mentions(&self, target: &Target, mention: Option<&Mention>) -> Mentions {
        self.mentions.mentions(&self.id_or_name(target.name()), mention)
    }

    pub(crate) fn add_rejected_mentions(&mut self, target: &Target, mentions: &Mentions) {
        self.mentions.add(&self.id_or_name(target.name()), mentions);
    }
}

#[cfg(test)]
mod tests;
