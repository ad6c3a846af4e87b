//! Identifies people and apps in Slack.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// The ID of a user in Slack, also of a bot: `U…`, or `W…` in an Enterprise organization.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct UserId(String);

/// A text that is not the ID of a user.
#[derive(Debug, thiserror::Error)]
#[error("invalid Slack user ID")]
pub struct NotAUserId;

impl UserId {
    /// Returns `None` for a text that is not an ID. An ID contains no control characters, so it can be part of a mention.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let is_id = (2..=30).contains(&text.len()) && text.starts_with(['U', 'W']) && is_plain;
        is_id.then(|| Self(text.to_owned()))
    }

    /// A mention in Slack's syntax.
    pub fn to_mention(&self) -> String {
        format!("<@{}>", self.0)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl TryFrom<String> for UserId {
    type Error = NotAUserId;

    fn try_from(text: String) -> Result<Self, NotAUserId> {
        Self::parse(&text).ok_or(NotAUserId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_plain_word_of_slack() {
        for good in ["U0ALICE", "W012A3CDE", "USLACKBOT"] {
            assert_eq!(UserId::parse(good).map(|id| id.to_mention()), Some(format!("<@{good}>")));
        }
        for bad in ["", "U", "u0alice", "C0SECURITY", "U0>", "<@U0ALICE>", "U0 ALICE", "@alice", "U0ÄLICE"] {
            assert_eq!(UserId::parse(bad), None, "{bad}");
        }
    }
}
