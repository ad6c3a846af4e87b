//! Mentions in messages. They are parsed once, in the configuration.

use std::fmt;

use crate::user::UserId;

/// One person or group that a message notifies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MentionPart {
    /// The members of the channel that are active.
    Here,
    /// All members of the channel.
    Channel,
    /// All members of the workspace, in its general channel.
    Everyone,
    /// The ID of a user group: `S…`.
    Group(String),
    User(UserId),
}

impl MentionPart {
    /// Source: Slack, “Formatting text for app surfaces: mentioning groups, users and special mentions”.
    fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('<')?.strip_suffix('>')?;
        match inner {
            "!here" => return Some(Self::Here),
            "!channel" => return Some(Self::Channel),
            "!everyone" => return Some(Self::Everyone),
            _ => {}
        }
        match inner.strip_prefix("!subteam^") {
            Some(id) => is_group_id(id).then(|| Self::Group(id.to_owned())),
            None => UserId::parse(inner.strip_prefix('@')?).map(Self::User),
        }
    }

    /// Returns true if it notifies everybody in the channel.
    pub fn is_broadcast(&self) -> bool {
        matches!(self, Self::Here | Self::Channel | Self::Everyone)
    }

    /// A form that notifies nobody: `@here`, `@S0123`.
    fn name(&self) -> String {
        match self {
            Self::Here => "@here".into(),
            Self::Channel => "@channel".into(),
            Self::Everyone => "@everyone".into(),
            Self::Group(id) => format!("@{id}"),
            Self::User(id) => format!("@{id}"),
        }
    }
}

fn is_group_id(id: &str) -> bool {
    id.len() >= 2 && id.starts_with('S') && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Writes the syntax of Slack, which notifies.
impl fmt::Display for MentionPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("<!here>"),
            Self::Channel => f.write_str("<!channel>"),
            Self::Everyone => f.write_str("<!everyone>"),
            Self::Group(id) => write!(f, "<!subteam^{id}>"),
            Self::User(id) => write!(f, "<@{id}>"),
        }
    }
}

/// The people that a message notifies; at least one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention(Vec<MentionPart>);

impl Mention {
    /// Returns `None` if the text has another form. Several mentions are separated by spaces.
    pub fn parse(text: &str) -> Option<Self> {
        let parts = text.split_whitespace().map(MentionPart::parse).collect::<Option<Vec<MentionPart>>>()?;
        Self::of_parts(parts)
    }

    /// Returns `None` without parts. A part that occurs twice is kept once.
    pub fn of_parts(parts: impl IntoIterator<Item = MentionPart>) -> Option<Self> {
        let mut each: Vec<MentionPart> = Vec::new();
        for part in parts {
            if !each.contains(&part) {
                each.push(part);
            }
        }
        (!each.is_empty()).then_some(Self(each))
    }

    pub fn of_user(user: UserId) -> Self {
        Self(vec![MentionPart::User(user)])
    }

    pub fn parts(&self) -> &[MentionPart] {
        &self.0
    }

    /// The mention in a form that notifies nobody: `@here, @S0123`.
    pub fn names(&self) -> String {
        self.0.iter().map(MentionPart::name).collect::<Vec<_>>().join(", ")
    }
}

/// Writes the syntax of Slack, which notifies.
impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, part) in self.0.iter().enumerate() {
            write!(f, "{}{part}", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mention_has_five_valid_forms() {
        for good in ["<!here>", "<!channel>", "<!everyone>", "<@U0AB1>", "<@U1>", "<!subteam^S1>", "<!here> <@W012>"] {
            assert_eq!(Mention::parse(good).map(|mention| mention.to_string()).as_deref(), Some(good));
        }
        assert_eq!(Mention::parse(" <!here>   <@U12> ").map(|mention| mention.to_string()).unwrap(), "<!here> <@U12>");
        let bad = [
            "@here",
            "<!date^1^x>",
            "<https://x>",
            "<@u12>",
            "<@>",
            "<@B0BOT>",
            "<!subteam^S12|x>",
            "<!subteam^U12>",
            "<!here> x",
            "<!here><@U12>",
            "",
        ];
        for bad in bad {
            assert_eq!(Mention::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_names_of_a_mention_notify_nobody() {
        let mention = Mention::parse("<!channel> <!subteam^S12> <@U12>").unwrap();
        assert_eq!(mention.names(), "@channel, @S12, @U12");
        assert_eq!(mention.parts().iter().filter(|part| part.is_broadcast()).count(), 1);
    }

    #[test]
    fn a_part_that_occurs_twice_is_mentioned_once() {
        assert_eq!(Mention::parse("<!here> <@U12> <!here>").unwrap().to_string(), "<!here> <@U12>");
    }
}
