//! Defines the state: one small JSON document that a person can read.
//!
//! GuardDuty returns only the newest revision of a finding. A revision is therefore processed if `findings[id].u` is not
//! less than its `updatedAt`, and one map contains both the processed revisions and the references to messages. Unknown
//! fields are kept, so that a rollback neither stops the delivery nor loses data of a newer release.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::Notice;
use crate::source_key::SourceOrIdentity;
use crate::state::finding_record::{FindingRecord, zero_if_none};
use crate::state::formats::{is_false, rfc3339, rfc3339_option};
use crate::state::lease::Lease;
use crate::state::shared_sets::SharedSets;
use crate::state::source_state::SourceState;
use crate::state::summary::SummaryProgress;
use crate::state::totals::Totals;
use crate::state::triage::TriageProgress;
use crate::time::Timestamp;

/// The version that this release writes. A document of a higher one is never overwritten.
pub(super) const VERSION: u64 = 1;

/// The document never grows beyond this many bytes: a ConfigMap holds 1 MiB, and etcd keeps a copy of every write.
pub const MAX_STATE_BYTES: usize = 768 * 1024;

pub(super) type UnknownFields = BTreeMap<String, Value>;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    pub version: u64,
    /// When this document was last recorded.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub saved_at: Option<Timestamp>,
    /// Lease and posting intent of the run that is posting; absent after a clean shutdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Time of the last replay. Messages in Slack from before that time do not count.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub replayed_at: Option<Timestamp>,
    /// Time since which a replay that has begun announces again, until a run that has begun or continued it ends.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub replay_since: Option<Timestamp>,
    /// The ID of the next source that is new.
    #[serde(default)]
    pub next_source_id: u32,
    #[serde(default)]
    pub sources: BTreeMap<SourceOrIdentity, SourceState>,
    #[serde(default, skip_serializing_if = "SharedSets::is_empty")]
    pub shared_sets: SharedSets,
    /// By finding id.
    #[serde(default, deserialize_with = "zero_if_none::read_findings")]
    pub findings: BTreeMap<String, FindingRecord>,
    /// Digest plans, saved before the digests are posted, by digest ID.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest_plans: BTreeMap<String, DigestPlan>,
    /// Notices that are due, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// IDs of the channels that received messages, by configured name. The ID of a `#name` is the one that Slack returned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, String>,
    /// Findings that were listed but not returned by `GetFindings`, by ID.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unfetched: BTreeMap<String, UnfetchedFinding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<SummaryProgress>,
    #[serde(default, skip_serializing_if = "TriageProgress::is_empty")]
    pub triage: TriageProgress,
    #[serde(default)]
    pub totals: Totals,
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

/// A digest that may have been posted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DigestPlan {
    /// As configured.
    pub channel: String,
    /// Findings of the digest: ID, `updatedAt`, source ID.
    pub findings: Vec<(String, Timestamp, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfetchedFinding {
    #[serde(rename = "s")]
    pub source_id: u32,
    #[serde(with = "rfc3339")]
    pub since: Timestamp,
    /// Given up: it no longer blocks the watermark.
    #[serde(default, skip_serializing_if = "is_false")]
    pub given_up: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            saved_at: None,
            lease: None,
            replayed_at: None,
            replay_since: None,
            next_source_id: 0,
            sources: BTreeMap::new(),
            shared_sets: SharedSets::default(),
            findings: BTreeMap::new(),
            digest_plans: BTreeMap::new(),
            notices: Vec::new(),
            channels: BTreeMap::new(),
            unfetched: BTreeMap::new(),
            summary: None,
            triage: TriageProgress::default(),
            totals: Totals::default(),
            unknown: BTreeMap::new(),
        }
    }
}

/// A document that must be neither used nor overwritten.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("state is corrupt ({0}): restore a backup, or delete it to start over from GUARDDUTY_LOOKBACK")]
    Corrupt(String),
    #[error(
        "state has version {found}, but this release supports version {VERSION}: use the newer release again, or delete the state to start over from GUARDDUTY_LOOKBACK"
    )]
    TooNew { found: u64 },
}

#[derive(Deserialize)]
struct Header {
    version: Option<Value>,
}

impl State {
    pub fn parse(text: &str) -> Result<Self, StateError> {
        let corrupt = |error: serde_json::Error| StateError::Corrupt(error.to_string());
        if !text.trim_start().starts_with('{') {
            return Err(StateError::Corrupt("it is not a JSON object".into()));
        }
        // A newer document may not fit.
        let parsed: Result<Self, _> = serde_json::from_str(text);
        let version = match &parsed {
            Ok(state) => Some(state.version),
            Err(_) => {
                serde_json::from_str::<Header>(text).map_err(corrupt)?.version.and_then(|version| version.as_u64())
            }
        };
        match version {
            Some(found) if found > VERSION => Err(StateError::TooNew { found }),
            Some(VERSION) => parsed.map_err(corrupt),
            _ => Err(StateError::Corrupt("it has no supported version".into())),
        }
    }

    /// Compact JSON, one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a state holds only strings, finite numbers and maps with string keys")
    }

    /// Sets the time at which this document was saved, and returns the one before.
    pub fn set_saved(&mut self, time: Option<Timestamp>) -> Option<Timestamp> {
        std::mem::replace(&mut self.saved_at, time)
    }
}

#[cfg(test)]
mod tests;
