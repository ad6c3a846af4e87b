//! Kinds of configuration whose items are watched, as the state names them.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A kind of watched items.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub enum WatchedKind {
    SuppressionRule,
    TrustedIpList,
    TrustedEntityList,
    ThreatIpList,
    ThreatEntityList,
    Feature,
    Member,
    Destination,
    /// A kind that this release does not know. Its items are kept.
    Unknown(String),
}

const KNOWN: [WatchedKind; 8] = [
    WatchedKind::SuppressionRule,
    WatchedKind::TrustedIpList,
    WatchedKind::TrustedEntityList,
    WatchedKind::ThreatIpList,
    WatchedKind::ThreatEntityList,
    WatchedKind::Feature,
    WatchedKind::Member,
    WatchedKind::Destination,
];

impl WatchedKind {
    fn name(&self) -> &str {
        match self {
            Self::SuppressionRule => "suppression-rule",
            Self::TrustedIpList => "trusted-ip-list",
            Self::TrustedEntityList => "trusted-entity-list",
            Self::ThreatIpList => "threat-ip-list",
            Self::ThreatEntityList => "threat-entity-list",
            Self::Feature => "feature",
            Self::Member => "member",
            Self::Destination => "destination",
            Self::Unknown(name) => name,
        }
    }
}

impl fmt::Display for WatchedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for WatchedKind {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl From<String> for WatchedKind {
    fn from(text: String) -> Self {
        KNOWN.into_iter().find(|kind| kind.name() == text).unwrap_or(Self::Unknown(text))
    }
}

#[cfg(test)]
mod tests;
