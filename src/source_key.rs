//! Keys of sources and identities. The state contains each as one text, which is parsed when the state is read.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// The region of an identity's key: all regions.
const ALL_REGIONS: &str = "*";
/// The account of the key of the pod's own identity.
const POD: &str = "self";

/// One account in one region, as configured for a run. A detector that is created again belongs to the same source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct SourceKey {
    /// Twelve digits.
    pub account: String,
    /// `eu-west-1`
    pub region: String,
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

impl FromStr for SourceKey {
    type Err = InvalidSourceKey;

    fn from_str(text: &str) -> Result<Self, InvalidSourceKey> {
        let is_valid = |part: &str| !part.is_empty() && !part.contains('/') && part != ALL_REGIONS;
        match text.split_once('/') {
            Some((account, region)) if is_valid(account) && is_valid(region) => {
                Ok(Self { account: account.into(), region: region.into() })
            }
            _ => Err(InvalidSourceKey(text.into())),
        }
    }
}

impl Serialize for SourceKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl TryFrom<String> for SourceKey {
    type Error = InvalidSourceKey;

    fn try_from(text: String) -> Result<Self, InvalidSourceKey> {
        text.parse()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("invalid source {0:?}: expected account/region")]
pub struct InvalidSourceKey(String);

/// An identity whose sources could not be listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IdentityKey {
    /// The identity of the pod, whose account is not known.
    Pod,
    /// The identity for an account.
    Account(String),
}

/// Key of an entry in the state: a source, or an identity that could not be used and has no sources in the state.
/// Written `account/region`, `account/*` or `self/*`, and ordered by that.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
pub enum SourceOrIdentity {
    Source(SourceKey),
    Identity(IdentityKey),
    /// A key that this release does not know. Its entry is kept.
    Unknown(String),
}

impl SourceOrIdentity {
    pub fn as_source(&self) -> Option<&SourceKey> {
        match self {
            Self::Source(key) => Some(key),
            Self::Identity(_) | Self::Unknown(_) => None,
        }
    }

    /// The account, if the entry is about one.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Source(key) => Some(&key.account),
            Self::Identity(IdentityKey::Account(account)) => Some(account),
            Self::Identity(IdentityKey::Pod) | Self::Unknown(_) => None,
        }
    }

    pub fn region(&self) -> Option<&str> {
        self.as_source().map(|key| key.region.as_str())
    }

    pub fn is_identity(&self) -> bool {
        matches!(self, Self::Identity(_))
    }

    /// Account and region, as metrics name them.
    pub fn labels(&self) -> (&str, &str) {
        match self {
            Self::Source(key) => (&key.account, &key.region),
            Self::Identity(IdentityKey::Pod) => (POD, ALL_REGIONS),
            Self::Identity(IdentityKey::Account(account)) => (account, ALL_REGIONS),
            Self::Unknown(text) => (text, ""),
        }
    }
}

impl fmt::Display for SourceOrIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.labels()) {
            (Self::Unknown(text), _) => f.write_str(text),
            (_, (account, region)) => write!(f, "{account}/{region}"),
        }
    }
}

impl From<&str> for SourceOrIdentity {
    fn from(text: &str) -> Self {
        if let Ok(key) = text.parse() {
            return Self::Source(key);
        }
        match text.split_once('/') {
            Some((POD, ALL_REGIONS)) => Self::Identity(IdentityKey::Pod),
            Some((account, ALL_REGIONS)) if !account.is_empty() => {
                Self::Identity(IdentityKey::Account(account.to_owned()))
            }
            _ => Self::Unknown(text.to_owned()),
        }
    }
}

impl From<String> for SourceOrIdentity {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl Serialize for SourceOrIdentity {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl From<SourceKey> for SourceOrIdentity {
    fn from(key: SourceKey) -> Self {
        Self::Source(key)
    }
}

impl PartialOrd for SourceOrIdentity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SourceOrIdentity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.labels().cmp(&other.labels())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_written_as_account_and_region() {
        let key = SourceKey { account: "111122223333".into(), region: "eu-west-1".into() };
        assert_eq!(key.to_string().parse::<SourceKey>().unwrap(), key);
        assert_eq!(serde_json::to_string(&key).unwrap(), r#""111122223333/eu-west-1""#);
        for bad in ["", "/", "1/", "/eu-west-1", "1/2/3", "1/*", "self/*"] {
            assert!(bad.parse::<SourceKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_of_the_state_is_written_as_it_was_read() {
        let account = IdentityKey::Account("111122223333".into());
        let source = SourceKey { account: "111122223333".into(), region: "eu-west-1".into() };
        let keys = [
            ("", SourceOrIdentity::Unknown(String::new())),
            ("/*", SourceOrIdentity::Unknown("/*".into())),
            ("1/2/3", SourceOrIdentity::Unknown("1/2/3".into())),
            ("111122223333/*", SourceOrIdentity::Identity(account)),
            ("111122223333/eu-west-1", SourceOrIdentity::Source(source)),
            ("self/*", SourceOrIdentity::Identity(IdentityKey::Pod)),
        ];
        for (text, key) in &keys {
            assert_eq!(SourceOrIdentity::from(*text), *key);
            assert_eq!(key.to_string(), *text);
        }
        assert!(keys.is_sorted_by_key(|(_, key)| key), "ordered as their texts");
    }
}
