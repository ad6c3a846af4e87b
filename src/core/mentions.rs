//! Omits the parts of a mention that a channel rejects.

use std::collections::HashSet;

use crate::message::text::Mention;

/// Parts of mentions that channels reject.
#[derive(Clone, Debug, Default)]
pub struct RejectedMentions(HashSet<(String, String)>);

impl RejectedMentions {
    /// A mention for a channel, without the parts that the channel is known to reject.
    pub fn mentions(&self, channel: &str, mention: Option<&str>) -> Mentions {
        let parts = mention.unwrap_or_default().split_whitespace().map(str::to_owned);
        let (omitted, sent) = parts.partition(|part| self.0.contains(&(channel.to_owned(), part.clone())));
        Mentions { sent, omitted }
    }

    /// Notes that the channel accepted a message without these parts of its mention.
    pub fn add(&mut self, channel: &str, mentions: &Mentions) {
        self.0.extend(mentions.omitted.iter().map(|part| (channel.to_owned(), part.clone())));
    }
}

/// The mention of one message: the parts that are sent, and those that are omitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    sent: Vec<String>,
    omitted: Vec<String>,
}

impl Mentions {
    /// Omits what the channel may reject: at first mentions of everybody, then all others. Returns false if nothing was
    /// left to omit.
    pub fn omit_next(&mut self) -> bool {
        let is_broadcast = |part: &String| Mention::parse(part).is_some_and(|mention| mention.is_broadcast());
        let (broadcasts, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sent).into_iter().partition(is_broadcast);
        let (omitted, sent) = if broadcasts.is_empty() { (others, broadcasts) } else { (broadcasts, others) };
        let changed = !omitted.is_empty();
        self.sent = sent;
        self.omitted.extend(omitted);
        changed
    }

    pub fn sent(&self) -> Option<String> {
        (!self.sent.is_empty()).then(|| self.sent.join(" "))
    }

    pub fn omitted(&self) -> Option<String> {
        (!self.omitted.is_empty()).then(|| self.omitted.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(mention: Option<&str>) -> Vec<(Option<String>, Option<String>)> {
        let mut mentions = RejectedMentions::default().mentions("C1", mention);
        let mut steps = vec![(mentions.sent(), mentions.omitted())];
        while mentions.omit_next() {
            steps.push((mentions.sent(), mentions.omitted()));
        }
        steps
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn mentions_of_everybody_are_omitted_first() {
        assert_eq!(steps(None), [(None, None)]);
        assert_eq!(steps(Some("<!channel>")), [(some("<!channel>"), None), (None, some("<!channel>"))]);
        assert_eq!(steps(Some("<@U1>")), [(some("<@U1>"), None), (None, some("<@U1>"))]);
        let both = [
            (some("<!here> <!subteam^S1>"), None),
            (some("<!subteam^S1>"), some("<!here>")),
            (None, some("<!here> <!subteam^S1>")),
        ];
        assert_eq!(steps(Some("<!here> <!subteam^S1>")), both);
    }

    #[test]
    fn a_mention_is_omitted_at_once_where_it_is_known_to_be_rejected() {
        let mut rejected = RejectedMentions::default();
        let mut mentions = rejected.mentions("C1", Some("<!here> <@U1>"));
        assert!(mentions.omit_next());
        rejected.add("C1", &mentions);
        assert_eq!(rejected.mentions("C1", Some("<!here> <@U1>")), mentions);
        assert_eq!(rejected.mentions("C2", Some("<!here>")).omitted(), None);
    }
}
