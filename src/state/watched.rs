//! The recorded configuration that decides what GuardDuty reports.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{State, UnknownFields};
use super::finding_record::FindingRecord;
use super::formats::rfc3339_option;
use super::shared_sets::SetId;
use super::watched_kind::WatchedKind;
use crate::guardduty::{ConfigVersion, short_hash};
use crate::source_key::SourceKey;
use crate::time::Timestamp;

/// The versions of suppression rules or trusted lists, by ID.
pub type Versions = BTreeMap<String, ConfigVersion>;
/// The names of items that are active, by ID.
pub type Names = BTreeMap<String, String>;

/// Lost items that are recorded per source.
const MAX_LOST: usize = 500;

/// The configuration of a source as last read. `None`: never read, so that there is nothing to compare with. The document
/// has `null` then, and omits what was read and is empty, because most sources have nothing of most kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchBaseline {
    #[serde(default = "read_and_empty", skip_serializing_if = "is_read_and_empty")]
    pub filters: Option<Versions>,
    #[serde(default = "read_and_empty", skip_serializing_if = "is_read_and_empty")]
    pub ip_sets: Option<Versions>,
    #[serde(default = "read_and_empty", skip_serializing_if = "is_read_and_empty")]
    pub trusted_entity_sets: Option<Versions>,
    #[serde(default = "read_and_empty", skip_serializing_if = "is_read_and_empty")]
    pub threat_intel_sets: Option<Names>,
    #[serde(default = "read_and_empty", skip_serializing_if = "is_read_and_empty")]
    pub threat_entity_sets: Option<Names>,
    /// Names of the features and options that are enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<SetId>,
    /// IDs of the member accounts that are monitored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<SetId>,
    /// Resources with unhealthy runtime coverage, by resource type.
    #[serde(default = "read_and_empty", skip_serializing_if = "is_read_and_empty")]
    pub coverage: Option<BTreeMap<String, Unhealthy>>,
    /// Publishing destinations, by ID.
    #[serde(default = "read_and_empty", skip_serializing_if = "is_read_and_empty")]
    pub destinations: Option<BTreeMap<String, Exported>>,
    /// Malware scans that failed or were skipped.
    #[serde(default = "read_and_empty", skip_serializing_if = "is_read_and_empty")]
    pub scans: Option<Scans>,
    /// Suppression rules and trusted lists that are active.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub active: BTreeMap<WatchedKind, Names>,
    /// Names of what was announced as inactive or removed: its return is announced, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: BTreeMap<WatchedKind, BTreeSet<String>>,
    /// The investigations of the source cannot be listed, which was logged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_investigations: bool,
    /// When everything was last compared.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub compared_at: Option<Timestamp>,
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

impl WatchBaseline {
    /// Records that an item hides findings. Returns the name that was recorded.
    pub fn set_active(&mut self, kind: &WatchedKind, id: &str, name: &str) -> Option<String> {
        self.active.entry(kind.clone()).or_default().insert(id.to_owned(), name.to_owned())
    }

    /// Records that an item hides no findings. Returns the name that was recorded.
    pub fn set_inactive(&mut self, kind: &WatchedKind, id: &str) -> Option<String> {
        let names = self.active.get_mut(kind)?;
        let name = names.remove(id);
        self.active.retain(|_, names| !names.is_empty());
        name
    }

    /// Records that the loss of an item was announced, if not too many are recorded.
    pub fn set_lost(&mut self, kind: &WatchedKind, name: &str) {
        if self.lost.values().map(BTreeSet::len).sum::<usize>() < MAX_LOST {
            self.lost.entry(kind.clone()).or_default().insert(name.to_owned());
        }
    }

    /// Returns true if the loss of the item was announced, and records that it is back.
    pub fn take_lost(&mut self, kind: &WatchedKind, name: &str) -> bool {
        let was_lost = self.lost.get_mut(kind).is_some_and(|names| names.remove(name));
        self.lost.retain(|_, names| !names.is_empty());
        was_lost
    }

    /// Returns true if the loss of any item of a kind was announced, and records that all are back.
    pub fn take_all_lost(&mut self, kind: &WatchedKind) -> bool {
        self.lost.remove(kind).is_some()
    }
}

/// Resources of one type whose runtime coverage is unhealthy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unhealthy {
    pub count: u64,
    /// Hashes of their IDs, if they are few.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ids: BTreeSet<String>,
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// A publishing destination as last read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// ARN of the bucket.
    pub bucket: String,
    pub publishes: bool,
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// Malware scans that failed or were skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scans {
    /// Hashes of the IDs of those that started within the last day.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ids: BTreeSet<String>,
    /// How many of them failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// How many of them were skipped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// When a kind of scan (`EC2_INSTANCE failed`) was last announced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub announced: BTreeMap<String, Timestamp>,
    /// How many of each kind wait for the next notice.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting: BTreeMap<String, u64>,
    /// The reasons of those that wait, as far as they were read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// Maximum number of investigations that the state lists for a finding.
const MAX_INVESTIGATIONS: usize = 20;

impl FindingRecord {
    /// Returns true if the thread of the finding has the result of the investigation.
    pub fn has_investigation(&self, investigation: &str) -> bool {
        self.investigations.contains(&short_hash(investigation))
    }
}

impl State {
    /// Notes that the thread of a finding has the result of an investigation.
    pub fn set_investigated(&mut self, id: &str, investigation: &str) {
        let Some(entry) = self.findings.get_mut(id).filter(|entry| !entry.has_investigation(investigation)) else {
            return;
        };
        entry.investigations.push(short_hash(investigation));
        let excess = entry.investigations.len().saturating_sub(MAX_INVESTIGATIONS);
        entry.investigations.drain(..excess);
    }

    /// Notes whether the investigations of a source can be listed. Returns true if that has changed.
    pub fn note_investigations(&mut self, key: &SourceKey, can_be_listed: bool) -> bool {
        let Some(watched) = self.source_mut(key).and_then(|source| source.watch_baseline.as_mut()) else {
            return true;
        };
        std::mem::replace(&mut watched.no_investigations, !can_be_listed) == can_be_listed
    }
}

#[expect(clippy::unnecessary_wraps, reason = "serde needs the type of the field")]
fn read_and_empty<T: Default>() -> Option<T> {
    Some(T::default())
}

fn is_read_and_empty<T: Default + PartialEq>(value: &Option<T>) -> bool {
    value.as_ref().is_some_and(|value| *value == T::default())
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests;
