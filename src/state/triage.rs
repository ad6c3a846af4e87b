//! What people said about findings by reactions, and what is to be done about it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::message::Marks;
use crate::state::State;
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
    /// Returns true if the message, or GuardDuty, is not what the reactions say.
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

/// What reading reactions needs from one run to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriageProgress {
    /// The last finding whose reactions were read by themselves.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub read_to: String,
    /// Users that are bots, as Slack said.
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
        id.clone_into(&mut self.triage.read_to);
    }

    /// Notes that a user is a bot, as Slack said.
    pub fn note_bot(&mut self, user: &UserId) {
        if self.triage.bots.len() < MAX_BOTS {
            self.triage.bots.insert(user.clone());
        }
    }

    /// Notes what the reactions on the message of a finding say.
    pub fn set_triage(&mut self, id: &str, triage: Triage) {
        if let Some(entry) = self.findings.get_mut(id) {
            entry.triage = (triage != Triage::default()).then(|| Box::new(triage));
        }
    }

    /// Notes that a finding is archived in GuardDuty, or not, and that its message is to say so.
    pub fn set_archiving(&mut self, id: &str, archiving: Option<Archiving>, is_archived: bool) {
        let Some(entry) = self.findings.get_mut(id) else { return };
        let is_news = entry.archived != is_archived;
        entry.archived = is_archived;
        if let Some(triage) = &mut entry.triage {
            triage.archiving = archiving;
            triage.stale |= is_news;
        }
    }

    /// Notes that the message of a finding shows these marks.
    pub fn set_shown(&mut self, id: &str, marks: &Marks) {
        let Some(triage) = self.findings.get_mut(id).and_then(|entry| entry.triage.as_mut()) else { return };
        if triage.marks == *marks {
            triage.stale = false;
        }
        let triage = (**triage).clone();
        self.set_triage(id, triage);
    }
}
