//! Parses `SLACK_TRIAGE`: the meaning of reactions on the messages of findings, and the people whose reactions count.

use std::collections::BTreeSet;

use super::values::{ParseResult, quote_redacted, split_list};
use crate::user::UserId;

/// Triage by reactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triage {
    pub mode: TriageMode,
    /// `SLACK_TRIAGE_USERS`. `None` for everyone in the channel.
    pub users: Option<BTreeSet<UserId>>,
    /// `SLACK_TRIAGE_EMOJI`
    pub emoji: TriageEmoji,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriageMode {
    /// The message shows the reactions.
    Show,
    /// A resolution also archives the finding in GuardDuty.
    Archive,
}

/// The name of the emoji of each meaning, without colons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriageEmoji {
    pub acknowledge: String,
    pub resolve: String,
    pub mute: String,
}

impl Default for TriageEmoji {
    fn default() -> Self {
        Self { acknowledge: "eyes".into(), resolve: "white_check_mark".into(), mute: "no_bell".into() }
    }
}

/// Returns `None` without triage.
pub(super) fn mode(value: &str) -> ParseResult<Option<TriageMode>> {
    match value {
        "off" => Ok(None),
        "show" => Ok(Some(TriageMode::Show)),
        "archive" => Ok(Some(TriageMode::Archive)),
        _ => Err(format!("invalid value {}: expected off, show or archive", quote_redacted(value))),
    }
}

/// An empty list is an error, because it could mean everyone or nobody.
pub(super) fn users(value: &str) -> ParseResult<BTreeSet<UserId>> {
    let parse = |id: &str| {
        UserId::parse(id).ok_or_else(|| {
            format!(
                "invalid user {}: expected the ID of a user, such as U012AB3CD (profile, Copy member ID)",
                quote_redacted(id)
            )
        })
    };
    let users = split_list(value).map(parse).collect::<ParseResult<BTreeSet<UserId>>>()?;
    if users.is_empty() { Err("empty list: expected user IDs such as U012AB3CD,U045EF6GH".into()) } else { Ok(users) }
}

/// The emoji of the given meanings. The others keep their default.
pub(super) fn emoji(value: &str) -> ParseResult<TriageEmoji> {
    let mut emoji = TriageEmoji::default();
    let mut named = BTreeSet::new();
    for item in split_list(value) {
        let (meaning, name) = item.split_once('=').map_or((item, ""), |(meaning, name)| (meaning.trim(), name.trim()));
        let slot = match meaning {
            "acknowledge" => &mut emoji.acknowledge,
            "resolve" => &mut emoji.resolve,
            "mute" => &mut emoji.mute,
            _ => {
                return Err(format!(
                    "unknown meaning {}: expected acknowledge, resolve or mute",
                    quote_redacted(meaning)
                ));
            }
        };
        if !is_emoji(name) {
            return Err(format!(
                "invalid emoji {}: expected {meaning}=NAME, the name without colons",
                quote_redacted(name)
            ));
        }
        if !named.insert(meaning) {
            return Err(format!("duplicate meaning {meaning}"));
        }
        name.clone_into(slot);
    }
    let TriageEmoji { acknowledge, resolve, mute } = &emoji;
    if acknowledge == resolve || acknowledge == mute || resolve == mute {
        return Err(
            "two meanings have the same emoji: expected a different one for acknowledge, resolve and mute".into()
        );
    }
    Ok(emoji)
}

/// Names of emoji in Slack have at most 100 lowercase letters, digits and some signs. Names of custom emoji may have letters
/// of any script.
fn is_emoji(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() && !c.is_uppercase() || "_-+'".contains(c);
    (1..=100).contains(&name.chars().count()) && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_that_are_not_named_keep_their_default() {
        let TriageEmoji { acknowledge, resolve, mute } = emoji(" resolve = done-by_the+team ").unwrap();
        assert_eq!([acknowledge.as_str(), &resolve, &mute], ["eyes", "done-by_the+team", "no_bell"]);
        assert_eq!(emoji("acknowledge=white_check_mark,resolve=eyes").unwrap().resolve, "eyes", "the two swapped");
    }

    #[test]
    fn ambiguous_emoji_are_rejected() {
        for bad in [
            "acknowledge",
            "acknowledge=",
            "applaud=clap",
            "acknowledge=:eyes:",
            "resolve=eyes",
            "acknowledge=x,resolve=x",
            "mute=x,mute=y",
            "mute=with space",
            "resolve=ok_hand::skin-tone-2",
        ] {
            assert!(emoji(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn users_are_named_by_their_ids() {
        assert_eq!(users("U0ALICE, W0BOB ,").unwrap().len(), 2);
        for bad in ["@alice", "alice", "U0ALICE,bob@example.com", "S0TEAM", ",", ""] {
            assert!(users(bad).is_err(), "{bad}");
        }
    }
}
