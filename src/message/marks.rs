//! The reactions of people that the message of a finding shows.

use serde::{Deserialize, Serialize};

use crate::user::UserId;

/// The first person who reacted with each meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    #[serde(rename = "ack", default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<UserId>,
    #[serde(rename = "res", default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<UserId>,
    #[serde(rename = "mute", default, skip_serializing_if = "Option::is_none")]
    pub muted: Option<UserId>,
}

impl Marks {
    /// Returns true if somebody acknowledged or resolved the finding.
    pub fn is_handled(&self) -> bool {
        self.acknowledged.is_some() || self.resolved.is_some()
    }

    /// The marks of a finding that is open again.
    pub fn reopened(&self) -> Self {
        Self { resolved: None, ..self.clone() }
    }
}
