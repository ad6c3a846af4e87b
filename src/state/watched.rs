//! What the state records of the configuration that decides what GuardDuty reports.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{Unknown, iso_always};
use crate::time::Millis;

/// By ID. Suppression rules and trusted lists: the fingerprint of each. Everything else: the name of each that is active,
/// empty if it is the ID.
pub type Items = BTreeMap<String, String>;

/// The configuration of a source as last seen. `None`: never seen, so that there is nothing to compare with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Items>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_sets: Option<Items>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_entity_sets: Option<Items>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat_intel_sets: Option<Items>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat_entity_sets: Option<Items>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Items>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Items>,
    /// Resources with unhealthy runtime coverage, by resource type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<BTreeMap<String, Unhealthy>>,
    /// Names of the suppression rules and trusted lists that are active, by `kind/id`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub active: BTreeMap<String, String>,
    /// What was announced as inactive or removed, by `kind/name`: its return is announced, too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lost: BTreeSet<String>,
    /// When everything was last compared.
    #[serde(with = "iso_always")]
    pub compared: Millis,
    #[serde(flatten)]
    pub unknown: Unknown,
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
