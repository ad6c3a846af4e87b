//! The recorded reactions of people, and the remaining actions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::config::Escalate;
use crate::finding::{Finding, SeverityLevel};
use crate::message::Marks;
use crate::state::{FindingRecord, State};
use crate::time::Timestamp;
use crate::user::UserId;

/// The reactions on the message of a finding, as last read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triage {
    #[serde(flatten)]
    pub marks: Marks,
    /// Everyone whose reaction resolves, the first one first.
    #[serde(rename = "by", default, skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<UserId>,
    /// People whose resolution was overtaken: their reaction means nothing until they remove it and set it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub void: Vec<UserId>,
    /// The message may show other marks: an update is due.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archiving: Option<Archiving>,
}

/// How far a resolution is carried to GuardDuty. An intent is saved before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Archiving {
    /// Intent: the finding is to be archived.
    Archive,
    /// The program archived the finding.
    Archived,
    /// Intent: the finding is to be unarchived.
    Unarchive,
}

impl Triage {
    /// Returns true if the message, or the archiving status in GuardDuty, does not match the reactions.
    pub fn is_due(&self) -> bool {
        self.stale || matches!(self.archiving, Some(Archiving::Archive | Archiving::Unarchive))
    }

    /// Opens the finding again: no resolution that was read so far counts any more.
    pub fn reopen(&mut self) {
        self.void.clone_from(&self.resolvers);
        self.marks = self.marks.reopened();
        self.archiving = None;
    }
}

/// The escalation of a finding that nobody acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Escalation {
    /// When it is due.
    Due(Timestamp),
    /// It was made, which happens once for a finding.
    Done,
}

/// What reading reactions needs from one run to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriageProgress {
    /// The last finding whose reactions were read by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_to: Option<String>,
    /// Users that are bots, according to Slack.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub bots: BTreeSet<UserId>,
}

impl TriageProgress {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Maximum number of bots that the state lists.
const MAX_BOTS: usize = 200;

impl State {
    /// Notes the last finding whose reactions were read by themselves.
    pub fn note_reactions_read_to(&mut self, id: &str) {
        self.triage.read_to = Some(id.to_owned());
    }

    /// Records that a user is a bot, according to Slack.
    pub fn note_bot(&mut self, user: &UserId) {
        if self.triage.bots.len() < MAX_BOTS {
            self.triage.bots.insert(user.clone());
        }
    }

    /// Records the meaning of the reactions on the message of a finding, as read now.
    pub fn set_triage(&mut self, id: &str, triage: Triage, now: Timestamp) {
        if let Some(entry) = self.findings.get_mut(id) {
            let is_new = triage.marks.is_handled() && !entry.marks().is_handled();
            if let Some(first) = entry.first_message().filter(|_| is_new) {
                self.totals.acknowledge_delay.observe(now.duration_since(first).as_secs_f64());
            }
            // The run that was to unarchive the finding may have done it, and then nobody else did.
            let before = entry.triage.as_ref().and_then(|triage| triage.archiving);
            if before == Some(Archiving::Unarchive) && triage.archiving == Some(Archiving::Archive) {
                entry.archived = false;
            }
            entry.triage = (triage != Triage::default()).then(|| Box::new(triage));
        }
    }

    /// Records whether a finding is archived in GuardDuty, and that its message must show it.
    pub fn set_archiving(&mut self, id: &str, archiving: Option<Archiving>, is_archived: bool) {
        let Some(entry) = self.findings.get_mut(id) else { return };
        let is_new = entry.archived != is_archived;
        entry.archived = is_archived;
        if let Some(triage) = &mut entry.triage {
            triage.archiving = archiving;
            triage.stale |= is_new;
        }
        if is_new && is_archived {
            self.count_archived();
        }
    }

    /// Schedules the escalation of a finding that was announced in a message of its own. A scheduled time is kept:
    /// recurrences do not restart it.
    pub fn schedule_escalation(&mut self, f: &Finding, escalate: Option<&Escalate>) {
        let Some((entry, escalate)) = self.findings.get_mut(&f.id).zip(escalate) else { return };
        let is_own = entry.message.as_ref().is_some_and(|sent| !sent.is_reply());
        if let (true, None, Some(first)) =
            (is_own && entry.updated_at == Some(f.updated), entry.escalation, entry.first_message())
        {
            entry.escalation = Some(Escalation::Due(first.plus(escalate.after)));
        }
    }

    /// Findings whose escalation is due now.
    pub fn due_escalations(&self, now: Timestamp) -> Vec<String> {
        let is_due = |entry: &FindingRecord| {
            let is_open = !entry.archived && !entry.marks().is_handled() && entry.message.is_some();
            is_open && matches!(entry.escalation, Some(Escalation::Due(at)) if at <= now)
        };
        self.findings.iter().filter(|(_, entry)| is_due(entry)).map(|(id, _)| id.clone()).collect()
    }

    /// The severity level and the time of the first message of each finding that nobody acknowledged.
    pub fn unacknowledged(&self) -> impl Iterator<Item = (SeverityLevel, Timestamp)> {
        let open = self.findings.values().filter(|entry| !entry.archived && !entry.marks().is_handled());
        open.filter_map(|entry| Some((entry.severity_level(), entry.message.as_ref().and(entry.first_message())?)))
    }

    /// Notes that the call was made.
    pub fn set_escalated(&mut self, id: &str) {
        if let Some(entry) = self.findings.get_mut(id) {
            entry.escalation = Some(Escalation::Done);
        }
    }

    /// Notes that the message of a finding shows these marks.
    pub fn set_shown(&mut self, id: &str, marks: &Marks) {
        let Some(entry) = self.findings.get_mut(id) else { return };
        let Some(triage) = &mut entry.triage else { return };
        if triage.marks == *marks {
            triage.stale = false;
        }
        if **triage == Triage::default() {
            entry.triage = None;
        }
    }
}

#[cfg(test)]
mod tests;
