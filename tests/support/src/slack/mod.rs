//! Slack as far as the program sees it: the Web API, incoming webhooks, their limits and their errors.

mod api;
pub mod blockkit;
mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::findings::now;
use crate::scripted_faults::FaultScript;

/// The program's own `bot_id`, as `auth.test` returns it.
pub const OWN_BOT: &str = "B0GUARDDUTY";
/// The bot token that the fake accepts.
pub const TOKEN: &str = "xoxb-1111-2222-fakeBotTokenNeverPrinted";
/// The default channel's id; its name is `security`.
pub const CHANNEL: &str = "C0SECURITY";

/// Slack takes one message a second and channel, and tolerates short bursts.
const BURST: f64 = 10.0;
const THROTTLED: &str = "ratelimited";

/// A message, and every payload that it had.
#[derive(Clone, Debug)]
pub struct Message {
    pub channel: String,
    pub ts: String,
    /// Empty for a message at top level.
    pub thread: String,
    pub bot: String,
    pub payload: Value,
    pub versions: Vec<Value>,
    /// Deleted by a person: no longer in the channel.
    pub deleted: bool,
    /// Emoji and who reacted with it, in order.
    pub reactions: Vec<(String, Vec<String>)>,
    /// The error that an update of it gets, such as `edit_window_closed`.
    pub frozen: Option<String>,
    posted: Instant,
}

impl Message {
    pub fn event_type(&self) -> &str {
        self.payload["metadata"]["event_type"].as_str().unwrap_or_default()
    }

    /// A member of the metadata's payload as text.
    pub fn metadata_value(&self, member: &str) -> String {
        match &self.payload["metadata"]["event_payload"][member] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// Everything that a reader sees of it.
    pub fn visible(&self) -> String {
        blockkit::visible(&self.payload)
    }
}

#[derive(Clone, Debug)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub private: bool,
    pub member: bool,
    pub archived: bool,
}

impl Channel {
    pub fn new(id: &str, name: &str) -> Self {
        Self { id: id.into(), name: name.into(), private: false, member: true, archived: false }
    }
}

/// Whether a payload is rejected, in addition to Slack's rules.
pub type Refusal = fn(&Value) -> bool;

/// The error that the arguments of `chat.postMessage` get, if any: a rule of the workspace or of a channel.
pub type Rejection = fn(&Value) -> Option<&'static str>;

pub(crate) struct Inner {
    pub channels: Vec<Channel>,
    pub messages: Vec<Message>,
    pub scopes: BTreeSet<String>,
    /// Path of a webhook and the channel it posts to.
    webhooks: Vec<(String, String)>,
    /// How long history does not show a message yet.
    pub lag: Duration,
    /// Messages a page of history at most.
    pub page: usize,
    refuses: Refusal,
    rejects: Rejection,
    /// Event types whose metadata is discarded, as by a schema that it does not fit.
    pub discards: BTreeSet<String>,
    posted: u64,
    /// By channel: what is left of its burst, and since when.
    buckets: BTreeMap<String, (f64, Instant)>,
}

#[derive(Clone)]
pub struct Slack {
    stage: FaultScript,
    inner: Arc<Mutex<Inner>>,
}

impl Slack {
    pub(crate) fn new(stage: FaultScript) -> Self {
        let scopes = ["chat:write", "channels:history", "groups:history"];
        let private = Channel { private: true, ..Channel::new("G0PRIVATE", "sec-private") };
        let outside = Channel { member: false, ..Channel::new("C0OUTSIDE", "outside") };
        let inner = Inner {
            channels: vec![
                Channel::new(CHANNEL, "security"),
                Channel::new("C0CRITICAL", "sec-critical"),
                private,
                outside,
            ],
            messages: Vec::new(),
            scopes: scopes.into_iter().map(Into::into).collect(),
            webhooks: Vec::new(),
            lag: Duration::ZERO,
            page: 999,
            refuses: |_| false,
            rejects: |_| None,
            discards: BTreeSet::new(),
            posted: 0,
            buckets: BTreeMap::new(),
        };
        Self { stage, inner: Arc::new(Mutex::new(inner)) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of an incoming webhook into a channel; it is a secret.
    pub fn webhook(&self, name: &str, channel: &str) -> String {
        let path = format!("/services/T0TEAM/{name}/fakeWebhookSecret{name}");
        self.lock().webhooks.push((path.clone(), channel.into()));
        path
    }

    pub fn channel(&self, channel: Channel) {
        let mut inner = self.lock();
        inner.channels.retain(|c| c.id != channel.id);
        inner.channels.push(channel);
    }

    /// The name, without `#`, of a channel by its id.
    pub fn channel_name(&self, id: &str) -> String {
        self.lock().by_id(id).map(|c| c.name.clone()).unwrap_or_default()
    }

    pub fn scopes<'a>(&self, scopes: impl IntoIterator<Item = &'a str>) {
        self.lock().scopes = scopes.into_iter().map(Into::into).collect();
    }

    pub fn lag(&self, lag: Duration) {
        self.lock().lag = lag;
    }

    pub fn page(&self, size: usize) {
        self.lock().page = size;
    }

    /// Refuses, as invalid blocks or arguments, every payload of which `refuses` says so.
    pub fn refuse(&self, refuses: Refusal) {
        self.lock().refuses = refuses;
    }

    /// Rejects every message for which `rejects` names an error.
    pub fn reject(&self, rejects: Rejection) {
        self.lock().rejects = rejects;
    }

    /// All messages that the program ever posted, in order, those deleted since included.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.iter().filter(|m| m.bot == OWN_BOT).cloned().collect()
    }

    /// A message of somebody else's bot, with whatever metadata it likes; its `ts`.
    pub fn plant(&self, channel: &str, payload: Value) -> String {
        self.lock().store(channel, payload, "", "B0STRANGER")
    }

    /// An action of a person.
    pub fn delete(&self, ts: &str) {
        self.lock().messages.iter_mut().filter(|m| m.ts == ts).for_each(|m| m.deleted = true);
    }

    /// From now on Slack accepts messages with metadata of this type, and stores them without it.
    pub fn discard_metadata(&self, event_type: &str) {
        self.lock().discards.insert(event_type.into());
    }

    /// A user reacts to a message.
    pub fn react(&self, ts: &str, emoji: &str, user: &str) {
        for message in self.lock().messages.iter_mut().filter(|m| m.ts == ts) {
            match message.reactions.iter_mut().find(|(name, _)| name == emoji) {
                Some((_, users)) => users.push(user.into()),
                None => message.reactions.push((emoji.into(), vec![user.into()])),
            }
        }
    }

    /// A user takes a reaction back.
    pub fn unreact(&self, ts: &str, emoji: &str, user: &str) {
        for message in self.lock().messages.iter_mut().filter(|m| m.ts == ts) {
            message
                .reactions
                .iter_mut()
                .filter(|(name, _)| name == emoji)
                .for_each(|(_, users)| users.retain(|u| u != user));
            message.reactions.retain(|(_, users)| !users.is_empty());
        }
    }

    /// From now on updates of this message get an error, such as `edit_window_closed`.
    pub fn freeze(&self, ts: &str, error: &str) {
        self.lock().messages.iter_mut().filter(|m| m.ts == ts).for_each(|m| m.frozen = Some(error.into()));
    }
}

/// An argument as text, or the empty string.
pub(crate) fn text<'a>(arguments: &'a Value, name: &str) -> &'a str {
    arguments[name].as_str().unwrap_or_default()
}

impl Inner {
    /// Removes the metadata that Slack does not store.
    fn discard(&self, payload: &mut Value) {
        if self.discards.contains(text(&payload["metadata"], "event_type")) {
            payload.as_object_mut().map(|members| members.remove("metadata"));
        }
    }

    fn by_id(&self, id: &str) -> Result<&Channel, String> {
        self.channels.iter().find(|c| c.id == id).ok_or_else(|| "channel_not_found".into())
    }

    fn by_name(&self, name: &str) -> Result<Channel, String> {
        let bare = name.trim_start_matches('#');
        self.channels.iter().find(|c| c.id == name || c.name == bare).cloned().ok_or_else(|| "channel_not_found".into())
    }

    /// Whether the channel's bucket holds one more message; takes it out.
    fn may_post(&mut self, channel: &str) -> bool {
        let (left, since) = self.buckets.get(channel).copied().unwrap_or((BURST, Instant::now()));
        let left = (left + since.elapsed().as_secs_f64()).min(BURST);
        let may = left >= 1.0;
        self.buckets.insert(channel.into(), (if may { left - 1.0 } else { left }, Instant::now()));
        may
    }

    fn store(&mut self, channel: &str, payload: Value, thread: &str, bot: &str) -> String {
        self.posted += 1;
        let ts = format!("{}.{:06}", now() / 1000, self.posted);
        self.messages.push(Message {
            channel: channel.into(),
            ts: ts.clone(),
            thread: thread.into(),
            bot: bot.into(),
            versions: vec![payload.clone()],
            payload,
            deleted: false,
            reactions: Vec::new(),
            frozen: None,
            posted: Instant::now(),
        });
        ts
    }
}
