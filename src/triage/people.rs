//! Selects the people whose reactions count. With `SLACK_TRIAGE_USERS` this is a security boundary: everybody who can see the
//! channel can react, including guests and people of connected workspaces.

use std::collections::BTreeSet;

use crate::config::Triage;
use crate::slack::Reaction;
use crate::user::UserId;

/// The bot of Slack, which `users.info` does not report as a bot.
const SLACKBOT: &str = "USLACKBOT";

/// Rules that decide whether a reaction counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReactionRules<'a> {
    pub config: &'a Triage,
    /// The app itself, and other bots.
    pub bots: &'a BTreeSet<UserId>,
}

/// The people whose reactions count, by meaning, in the order in which they reacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CountedReactions {
    pub acknowledge: Vec<UserId>,
    pub resolve: Vec<UserId>,
    pub mute: Vec<UserId>,
}

impl ReactionRules<'_> {
    /// The people who reacted to one message.
    pub(crate) fn count(&self, reactions: &[Reaction]) -> CountedReactions {
        let emoji = &self.config.emoji;
        CountedReactions {
            acknowledge: self.people(reactions, &emoji.acknowledge),
            resolve: self.people(reactions, &emoji.resolve),
            mute: self.people(reactions, &emoji.mute),
        }
    }

    /// Returns true if Slack truncated the list of people for an emoji that has a meaning.
    pub(crate) fn is_cut_short(&self, reactions: &[Reaction]) -> bool {
        let emoji = &self.config.emoji;
        let has_meaning = |reaction: &&Reaction| {
            [&emoji.acknowledge, &emoji.resolve, &emoji.mute].iter().any(|name| *name == base(reaction))
        };
        reactions.iter().filter(has_meaning).any(|reaction| !reaction.is_complete)
    }

    fn people(&self, reactions: &[Reaction], emoji: &str) -> Vec<UserId> {
        let mut people: Vec<UserId> = Vec::new();
        for user in reactions.iter().filter(|reaction| base(reaction) == emoji).flat_map(|reaction| &reaction.users) {
            if self.counts(user) && !people.contains(user) {
                people.push(user.clone());
            }
        }
        people
    }

    fn counts(&self, user: &UserId) -> bool {
        let is_bot = self.bots.contains(user) || user.to_string() == SLACKBOT;
        !is_bot && self.config.users.as_ref().is_none_or(|users| users.contains(user))
    }
}

/// The emoji without its skin tone.
fn base(reaction: &Reaction) -> &str {
    reaction.name.split_once("::").map_or(&reaction.name, |(base, _)| base)
}
