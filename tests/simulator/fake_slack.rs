//! Fake Slack: channels, threads, edits, and a history that shows them with a lag.

use std::collections::BTreeMap;
use std::rc::Rc;

use guardduty_slack::slack::{BotMessage, MessageRef, SlackError};
use guardduty_slack::time::Timestamp;
use serde_json::json;

use crate::history::History;
use crate::history::Reaction;
use crate::plain_writer::Payload;
use crate::rng::hash;

/// Kind of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimKind {
    Post,
    Update,
    Reply,
    Digest,
    Notice,
}

/// Announcement of a revision of a finding, or of a notice.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryClaim {
    pub at: Timestamp,
    pub run: usize,
    pub kind: ClaimKind,
    pub id: String,
    pub updated: Timestamp,
    pub severity: f64,
    /// A reply that calls people, because the severity level increased.
    pub is_call: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct SimMessage {
    pub channel: String,
    pub ts: String,
    pub thread: Option<String>,
    /// Versions with metadata, and since when the history shows them.
    pub versions: Vec<(Timestamp, Rc<Payload>)>,
    pub deleted: Option<Timestamp>,
    /// Posted by another bot.
    pub forged: bool,
    /// Redirects to the message that replaced it.
    pub moved: bool,
    pub text: String,
    /// In the order in which they were added.
    pub reactions: Vec<Reaction>,
    /// Every reaction that was ever added.
    pub added: Vec<(Timestamp, Reaction)>,
}

/// A summary or an escalation.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    pub run: usize,
    /// ID of the summary or of the finding.
    pub id: String,
}

#[derive(Default)]
pub(crate) struct FakeSlack {
    pub messages: Vec<SimMessage>,
    pub claims: Vec<DeliveryClaim>,
    pub summaries: Vec<Once>,
    pub escalations: Vec<Once>,
    last: i64,
}

/// Returns the ID of a channel by its configured name.
pub(crate) fn channel_id(name: &str) -> String {
    name.strip_prefix('#').map_or_else(|| name.to_owned(), |n| format!("C{}", n.to_uppercase()))
}

impl FakeSlack {
    fn next_ts(&mut self, now: Timestamp) -> String {
        self.last = (self.last + 1).max(now.0 * 1_000);
        format!("{}.{:06}", self.last / 1_000_000, self.last % 1_000_000)
    }

    /// Posts a message.
    pub(crate) fn post(
        &mut self,
        channel: &str,
        payload: &Rc<Payload>,
        thread: Option<&str>,
        now: Timestamp,
        history: &History,
    ) -> Result<MessageRef, SlackError> {
        let channel = channel_id(channel);
        if thread.is_some_and(|root| {
            !self.messages.iter().any(|m| m.channel == channel && m.ts == root && m.deleted.is_none())
        }) {
            return Err(SlackError::MessageNotFound("thread_not_found".into()));
        }
        let ts = self.next_ts(now);
        let shown = Timestamp(now.0 + lag(history, self.messages.len() as u64));
        self.messages.push(SimMessage {
            channel: channel.clone(),
            ts: ts.clone(),
            thread: thread.map(str::to_owned),
            versions: vec![(shown, payload.clone())],
            deleted: None,
            forged: false,
            moved: false,
            text: payload.text.clone(),
            reactions: Vec::new(),
            added: Vec::new(),
        });
        Ok(MessageRef { channel, ts, thread_ts: thread.map(str::to_owned) })
    }

    /// Edits a message.
    pub(crate) fn edit(
        &mut self,
        at: &MessageRef,
        payload: &Rc<Payload>,
        now: Timestamp,
        history: &History,
    ) -> Result<(), SlackError> {
        let position =
            self.messages.iter().position(|m| m.channel == at.channel && m.ts == at.ts && m.deleted.is_none());
        let index = position.ok_or_else(|| SlackError::MessageNotFound("message_not_found".into()))?;
        let shown = Timestamp(now.0 + lag(history, index as u64 * 1_000 + self.messages[index].versions.len() as u64));
        let message = &mut self.messages[index];
        message.text.clone_from(&payload.text);
        if payload.event_type.is_empty() {
            message.moved = true;
        } else {
            message.moved = false;
            message.versions.push((shown, payload.clone()));
        }
        Ok(())
    }

    /// Deletes the newest message of a finding, as a person does.
    pub(crate) fn delete(&mut self, id: &str, now: Timestamp) {
        let own = |m: &&mut SimMessage| m.is_about(id) && m.deleted.is_none() && !m.forged;
        if let Some(message) = self.messages.iter_mut().rev().find(own) {
            message.deleted = Some(now);
        }
    }

    /// Number of deliveries. It is constant after the backlog is drained.
    pub(crate) fn count_deliveries(&self) -> usize {
        self.claims.len() + self.summaries.len() + self.escalations.len()
    }

    /// Adds a person's reaction to the newest message of a finding, or removes it.
    pub(crate) fn react(&mut self, id: &str, reaction: Reaction, is_added: bool, now: Timestamp) {
        let own = |m: &&mut SimMessage| m.is_about(id) && m.deleted.is_none() && !m.forged && m.thread.is_none();
        let Some(message) = self.messages.iter_mut().rev().find(own) else { return };
        message.reactions.retain(|r| *r != reaction);
        if is_added {
            message.reactions.push(reaction);
            message.added.push((now, reaction));
        }
    }

    /// Posts a message of another bot with metadata of the same form.
    pub(crate) fn post_forged_message(&mut self, id: &str, updated: &str, now: Timestamp, history: &History) {
        let event = json!({"finding_id": id, "updated_at": updated, "region": "eu-west-1", "detector_id": "d0", "severity": 5.0});
        let event = event.as_object().expect("a JSON object").clone();
        let payload = Rc::new(Payload { event_type: "guardduty_finding".into(), event, text: String::new() });
        let channel = if history.setup.has_named_channels { "#security" } else { "CSECURITY" };
        if self.post(channel, &payload, None, now, history).is_ok()
            && let Some(message) = self.messages.last_mut()
        {
            message.forged = true;
        }
    }

    /// Returns the history of a channel, newest first, or of a thread, oldest first. `forged`: also of other bots.
    pub(crate) fn shown(
        &self,
        channel: &str,
        thread: Option<&str>,
        oldest: Timestamp,
        now: Timestamp,
        forged: bool,
    ) -> Vec<BotMessage> {
        let matching = self.messages.iter().filter(|m| {
            m.channel == channel
                && m.thread.as_deref() == thread
                && m.deleted.is_none()
                && (forged || !m.forged)
                && posted(&m.ts) >= oldest
        });
        let mut shown: Vec<BotMessage> = matching.filter_map(|m| m.shown(now)).collect();
        if thread.is_none() {
            shown.reverse();
        }
        shown
    }
}

impl SimMessage {
    /// Returns true if the current metadata names this finding.
    pub(crate) fn is_about(&self, id: &str) -> bool {
        let (_, payload) = self.versions.last().expect("a message has a version");
        payload.event_type == "guardduty_finding" && payload.event_text("finding_id") == id
    }

    pub(crate) fn is_notice(&self) -> bool {
        self.versions.last().is_some_and(|(_, payload)| payload.event_type == "guardduty_notice")
    }

    /// Returns the `updatedAt` of the revision in the current metadata.
    pub(crate) fn updated(&self) -> Option<Timestamp> {
        Timestamp::parse(self.versions.last()?.1.event_text("updated_at"))
    }

    fn shown(&self, now: Timestamp) -> Option<BotMessage> {
        let (_, payload) = self.versions.iter().rev().find(|(since, _)| *since <= now)?;
        Some(BotMessage {
            ts: self.ts.clone(),
            thread_ts: self.thread.clone(),
            event_type: payload.event_type.clone(),
            payload: payload.event.clone(),
        })
    }
}

fn lag(history: &History, index: u64) -> i64 {
    let random = hash(&[history.seed, 77, index]);
    // Most messages are visible at once, except in histories about the lag.
    if random.is_multiple_of(3) || history.setup.lag > 10_000 {
        (random >> 8) as i64 % (history.setup.lag + 1)
    } else {
        0
    }
}

fn posted(ts: &str) -> Timestamp {
    let (seconds, micros) = ts.split_once('.').expect("a ts contains a dot");
    Timestamp(seconds.parse::<i64>().expect("a number") * 1_000 + micros.parse::<i64>().expect("a number") / 1_000)
}

/// Returns the announcements of each finding, in order.
pub(crate) fn by_finding(claims: &[DeliveryClaim]) -> BTreeMap<&str, Vec<&DeliveryClaim>> {
    let mut by_id: BTreeMap<&str, Vec<&DeliveryClaim>> = BTreeMap::new();
    for claim in claims.iter().filter(|c| c.kind != ClaimKind::Notice) {
        by_id.entry(&claim.id).or_default().push(claim);
    }
    by_id
}
