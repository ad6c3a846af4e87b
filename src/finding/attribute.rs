//! Attributes of a finding, which are compared between its revisions.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// One attribute. Its text, as the state contains it: `ip 203.0.113.7`, `country Germany`, `api ListBuckets`, `port 22`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Attribute {
    Known(AttributeKind, String),
    /// An attribute that this release does not know. It is kept, and not shown.
    Unknown(String),
}

/// Kinds of attributes, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttributeKind {
    Ip,
    Country,
    Domain,
    Api,
    Port,
    User,
    Process,
    Threat,
}

impl AttributeKind {
    pub const ALL: [Self; 8] =
        [Self::Ip, Self::Country, Self::Domain, Self::Api, Self::Port, Self::User, Self::Process, Self::Threat];

    fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Country => "country",
            Self::Domain => "domain",
            Self::Api => "api",
            Self::Port => "port",
            Self::User => "user",
            Self::Process => "process",
            Self::Threat => "threat",
        }
    }
}

impl Attribute {
    /// The value, if the attribute is of this kind.
    pub fn value_of(&self, kind: AttributeKind) -> Option<&str> {
        match self {
            Self::Known(own, value) if *own == kind => Some(value),
            Self::Known(..) | Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(kind, value) => write!(f, "{} {value}", kind.name()),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        let known = text.split_once(' ').filter(|(_, value)| !value.trim().is_empty()).and_then(|(name, value)| {
            let kind = AttributeKind::ALL.into_iter().find(|kind| kind.name() == name)?;
            Some(Self::Known(kind, value.to_owned()))
        });
        known.unwrap_or_else(|| Self::Unknown(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_written_as_it_was_read() {
        for kind in AttributeKind::ALL {
            let attribute = Attribute::Known(kind, "a b".into());
            assert_eq!(Attribute::from(attribute.to_string()), attribute);
        }
        for text in ["", "ip", "ip ", "later x"] {
            assert_eq!(Attribute::from(text), Attribute::Unknown(text.into()));
            assert_eq!(Attribute::from(text).to_string(), text);
        }
    }
}
