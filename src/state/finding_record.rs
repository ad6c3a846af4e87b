//! What the state keeps of a finding: its newest processed revision, where its message is, and what the message shows.

use serde::{Deserialize, Serialize};

use crate::finding::{Attribute, Finding, SeverityLevel};
use crate::message::Marks;
use crate::slack::{MessageRef, SentMessage};
use crate::state::Outcome;
use crate::state::document::UnknownFields;
use crate::state::formats::{is_default, is_false, single_or_list};
use crate::state::triage::{Escalation, Triage};
use crate::time::Timestamp;

/// Maximum number of attributes (remote IPs, countries, ports, APIs) that are kept per finding: the newest.
const MAX_ATTRIBUTES: usize = 16;

/// What was delivered about a finding, and where its message is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// Newest processed `updatedAt`. `None`: no revision is processed, and delivery fails. The document has 0 then.
    #[serde(rename = "u", with = "zero_if_none")]
    pub updated_at: Option<Timestamp>,
    /// The ID of the source that showed it.
    #[serde(rename = "s", default, skip_serializing_if = "is_default")]
    pub source_id: u32,
    /// Its live message. Without one, a recurrence counts as a first sighting.
    #[serde(rename = "msg", default, skip_serializing_if = "Option::is_none")]
    pub message: Option<SentMessage>,
    /// The configured channel of its message, if that channel rejected it.
    #[serde(rename = "intended", default, skip_serializing_if = "Option::is_none")]
    pub intended_channel: Option<String>,
    /// Messages in other channels that must still be replaced by a redirect.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "single_or_list")]
    pub superseded: Vec<MessageRef>,
    /// Severity shown last.
    #[serde(rename = "sev", default, skip_serializing_if = "is_default")]
    pub severity: f64,
    /// Count shown last.
    #[serde(default, skip_serializing_if = "is_default")]
    pub count: u64,
    /// When the message was last posted or updated.
    #[serde(rename = "edited", default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Time of the last notification, in the message or the thread, and the count that it showed.
    #[serde(rename = "notified", default, skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub notified_count: u64,
    /// Remote IPs, countries, ports and APIs seen so far, oldest first. GuardDuty does not keep them.
    #[serde(rename = "attrs", default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
    /// Number of `attributes` at the time of the last notification.
    #[serde(rename = "notified_attrs", default, skip_serializing_if = "is_default")]
    pub notified_attributes: usize,
    #[serde(default, skip_serializing_if = "is_false")]
    pub archived: bool,
    /// Same for one account-wide finding in every region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_key: Option<String>,
    /// ID of the attack sequence of which it is a signal.
    #[serde(rename = "seq", default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// The fingerprint of the links to other messages that its message shows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub links: String,
    /// Time of its first message, if `message` is a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// Status of the escalation.
    #[serde(rename = "esc", default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// Investigations whose results its thread has, by hashes of their IDs.
    #[serde(rename = "inv", default, skip_serializing_if = "Vec::is_empty")]
    pub investigations: Vec<String>,
    /// The reactions on its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triage: Option<Box<Triage>>,
    /// Its message was found in Slack, and the finding was not read since: the record lacks what the metadata do not contain.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reconciled: bool,
    /// Since when its newest state cannot be delivered.
    #[serde(rename = "failing", default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

impl FindingRecord {
    /// The severity level that was shown last.
    pub fn severity_level(&self) -> SeverityLevel {
        SeverityLevel::from_score(self.severity)
    }

    /// Attributes of a recurrence that no earlier revision had.
    pub fn new_attributes<'a>(&self, attributes: &'a [Attribute]) -> Vec<&'a Attribute> {
        attributes.iter().filter(|t| !self.attributes.contains(t)).collect()
    }

    /// What people marked with reactions on its message.
    pub fn marks(&self) -> Marks {
        self.triage.as_ref().map(|triage| triage.marks.clone()).unwrap_or_default()
    }

    /// Its live message, if it can be read and edited: one that a webhook posted cannot.
    pub fn bot_message(&self) -> Option<&MessageRef> {
        self.message.as_ref().and_then(SentMessage::as_bot)
    }

    /// Time of its first message, if it has one.
    pub fn first_message(&self) -> Option<Timestamp> {
        self.first.or_else(|| self.bot_message().map(MessageRef::posted))
    }

    pub(super) fn reopen(&mut self) {
        if let Some(triage) = self.triage.as_mut().filter(|triage| triage.marks.resolved.is_some()) {
            triage.reopen();
        }
    }

    pub(super) fn apply_outcome(&mut self, f: &Finding, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::Posted { at, intended_channel, superseded, links } => {
                // The reactions were on the message before this one.
                (self.first, self.triage) = (self.first_message(), None);
                self.message = Some(at.clone());
                self.intended_channel.clone_from(intended_channel);
                self.superseded.extend(superseded.clone());
                self.links.clone_from(links);
                self.record_shown(f, now, true);
            }
            Outcome::Updated { notified, links } => {
                self.links.clone_from(links);
                self.record_shown(f, now, *notified);
            }
            Outcome::Digested => {
                let unknown = std::mem::take(&mut self.unknown);
                *self = FindingRecord {
                    updated_at: self.updated_at,
                    source_id: self.source_id,
                    unknown,
                    ..FindingRecord::default()
                };
            }
            Outcome::Dropped | Outcome::ArchivedFirst | Outcome::Ignored | Outcome::Coalesced | Outcome::GivenUp => {}
        }
    }

    fn record_shown(&mut self, f: &Finding, now: Timestamp, notified: bool) {
        self.reconciled = false;
        self.severity = f.severity;
        self.global_key = f.global_key();
        self.count = f.count;
        self.archived = f.archived;
        self.edited_at = Some(now);
        self.sequence = f.sequence_id().map(str::to_owned).or(self.sequence.take());
        self.add_attributes(&f.attributes());
        if notified {
            self.notified_at = Some(now);
            self.notified_count = f.count;
            self.notified_attributes = self.attributes.len();
        }
    }

    /// Adds new attributes, and discards the oldest ones beyond the limit.
    pub fn add_attributes(&mut self, attributes: &[Attribute]) {
        let new: Vec<Attribute> = self.new_attributes(attributes).into_iter().cloned().collect();
        self.attributes.extend(new);
        let over = self.attributes.len().saturating_sub(MAX_ATTRIBUTES);
        self.attributes.drain(..over);
        self.notified_attributes = self.notified_attributes.saturating_sub(over);
    }
}

/// The newest processed revision of a finding. A document has 0 for a finding of which no revision is processed, and for
/// one without a readable time that is processed. Only the former is failing.
pub(super) mod zero_if_none {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::FindingRecord;
    use crate::time::Timestamp;

    pub(crate) fn serialize<S: Serializer>(value: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        value.unwrap_or_default().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        Timestamp::deserialize(from).map(Some)
    }

    pub(crate) fn read_findings<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, FindingRecord>, D::Error> {
        let mut findings: BTreeMap<String, FindingRecord> = BTreeMap::deserialize(from)?;
        for record in findings.values_mut().filter(|record| record.failing_since.is_some()) {
            record.updated_at = record.updated_at.filter(|time| *time != Timestamp::default());
        }
        Ok(findings)
    }
}

#[cfg(test)]
mod tests;
