//! Omits the parts of a mention that a channel rejects.

use std::collections::HashSet;

use crate::mention::{Mention, MentionPart};

/// Parts of mentions that channels reject.
#[derive(Clone, Debug, Default)]
pub(super) struct RejectedMentions(HashSet<(String, MentionPart)>);

impl RejectedMentions {
    /// A mention for a channel, without the parts that the channel is known to reject.
    pub(super) fn mentions(&self, channel: &str, mention: Option<&Mention>) -> Mentions {
        let parts = mention.into_iter().flat_map(Mention::parts).cloned();
        let (omitted, sent) = parts.partition(|part| self.0.contains(&(channel.to_owned(), part.clone())));
        Mentions { sent, omitted }
    }

    /// Notes that the channel accepted a message without these parts of its mention.
    pub(super) fn add(&mut self, channel: &str, mentions: &Mentions) {
        self.0.extend(mentions.omitted.iter().map(|part| (channel.to_owned(), part.clone())));
    }
}

/// The mention of one message: the parts that are sent, and those that are omitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    sent: Vec<MentionPart>,
    omitted: Vec<MentionPart>,
}

impl Mentions {
    /// Omits what the channel may reject: at first mentions of everybody, then all others. Returns false if nothing was
    /// left to omit.
    pub(crate) fn omit_next(&mut self) -> bool {
        let sent = std::mem::take(&mut self.sent);
        let (broadcasts, others): (Vec<_>, Vec<_>) = sent.into_iter().partition(MentionPart::is_broadcast);
        let (omitted, sent) = if broadcasts.is_empty() { (others, broadcasts) } else { (broadcasts, others) };
        let changed = !omitted.is_empty();
        self.sent = sent;
        self.omitted.extend(omitted);
        changed
    }

    pub(crate) fn sent(&self) -> Option<Mention> {
        Mention::of_parts(self.sent.iter().cloned())
    }

    pub(crate) fn omitted(&self) -> Option<Mention> {
        Mention::of_parts(self.omitted.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(mention: Option<&str>) -> Vec<(Option<Mention>, Option<Mention>)> {
        let mut mentions = RejectedMentions::default().mentions("C1", mention.and_then(Mention::parse).as_ref());
        let mut steps = vec![(mentions.sent(), mentions.omitted())];
        while mentions.omit_next() {
            steps.push((mentions.sent(), mentions.omitted()));
        }
        steps
    }

    fn some(text: &str) -> Option<Mention> {
        Some(Mention::parse(text).expect("a mention"))
    }

    #[test]
    fn mentions_of_everybody_are_omitted_first() {
        assert_eq!(steps(None), [(None, None)]);
        assert_eq!(steps(Some("<!channel>")), [(some("<!channel>"), None), (None, some("<!channel>"))]);
        assert_eq!(steps(Some("<@U12>")), [(some("<@U12>"), None), (None, some("<@U12>"))]);
        let both = [
            (some("<!here> <!subteam^S12>"), None),
            (some("<!subteam^S12>"), some("<!here>")),
            (None, some("<!here> <!subteam^S12>")),
        ];
        assert_eq!(steps(Some("<!here> <!subteam^S12>")), both);
    }

    #[test]
    fn a_mention_is_omitted_at_once_where_it_is_known_to_be_rejected() {
        let mut rejected = RejectedMentions::default();
        let mut mentions = rejected.mentions("C1", some("<!here> <@U12>").as_ref());
        assert!(mentions.omit_next());
        rejected.add("C1", &mentions);
        assert_eq!(rejected.mentions("C1", some("<!here> <@U12>").as_ref()), mentions);
        assert_eq!(rejected.mentions("C2", some("<!here>").as_ref()).omitted(), None);
    }
}
