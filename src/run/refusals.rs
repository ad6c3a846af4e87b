//! What a run learned from Slack's rejections, so that it does not ask again.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use crate::message::text::Mention;

/// Channels are named as in the rate limiter: by their ID where it is known, else as configured.
#[derive(Debug, Default)]
pub struct Refusals {
    /// Channels that reject messages as such, with Slack's reason.
    channels: RefCell<HashMap<String, String>>,
    /// Channels that reject a message because of this mention.
    mentions: RefCell<HashSet<(String, String)>>,
    /// IDs of channels whose configured name does not exist any more.
    renamed: RefCell<HashMap<String, String>>,
    /// Slack rejects the app: nothing more is sent.
    app: RefCell<Option<String>>,
}

impl Refusals {
    /// Returns the reason why a channel rejects messages, if it does.
    pub(super) fn of_channel(&self, channel: &str) -> Option<String> {
        self.channels.borrow().get(channel).cloned()
    }

    /// Returns false if it was known.
    pub(super) fn add_channel(&self, channel: &str, reason: &str) -> bool {
        self.channels.borrow_mut().insert(channel.to_owned(), reason.to_owned()).is_none()
    }

    pub fn is_app_refused(&self) -> bool {
        self.app.borrow().is_some()
    }

    /// Returns false if it was known.
    pub(super) fn add_app(&self, reason: &str) -> bool {
        self.app.borrow_mut().replace(reason.to_owned()).is_none()
    }

    /// The ID by which a renamed channel is addressed.
    pub(super) fn renamed(&self, name: &str) -> Option<String> {
        self.renamed.borrow().get(name).cloned()
    }

    /// Returns false if it was known.
    pub(super) fn add_renamed(&self, name: &str, id: &str) -> bool {
        self.renamed.borrow_mut().insert(name.to_owned(), id.to_owned()).is_none()
    }

    /// A mention for a channel, without the parts that the channel is known to reject.
    pub(super) fn mentions(&self, channel: &str, mention: Option<&str>) -> Mentions {
        let rejected = self.mentions.borrow();
        let parts = mention.unwrap_or_default().split_whitespace().map(str::to_owned);
        let (omitted, sent) = parts.partition(|part| rejected.contains(&(channel.to_owned(), part.clone())));
        Mentions { sent, omitted }
    }

    /// The channel accepted a message without these parts of its mention.
    pub(super) fn add_mentions(&self, channel: &str, mentions: &Mentions) {
        let omitted = mentions.omitted.iter().map(|part| (channel.to_owned(), part.clone()));
        self.mentions.borrow_mut().extend(omitted);
    }
}

/// The mention of one message: the parts that are sent, and those that are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    sent: Vec<String>,
    omitted: Vec<String>,
}

impl Mentions {
    /// Leaves out what the channel may reject: at first mentions of everybody, then all others. Returns false if nothing
    /// was left to leave out.
    pub(super) fn omit_next(&mut self) -> bool {
        let is_broadcast = |part: &String| Mention::parse(part).is_some_and(|mention| mention.is_broadcast());
        let (broadcasts, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sent).into_iter().partition(is_broadcast);
        let (omitted, sent) = if broadcasts.is_empty() { (others, broadcasts) } else { (broadcasts, others) };
        let changed = !omitted.is_empty();
        self.sent = sent;
        self.omitted.extend(omitted);
        changed
    }

    pub(super) fn sent(&self) -> Option<String> {
        (!self.sent.is_empty()).then(|| self.sent.join(" "))
    }

    pub(super) fn omitted(&self) -> Option<String> {
        (!self.omitted.is_empty()).then(|| self.omitted.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(mention: Option<&str>) -> Vec<(Option<String>, Option<String>)> {
        let mut mentions = Refusals::default().mentions("C1", mention);
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
    fn mentions_of_everybody_are_left_out_first() {
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
    fn a_mention_is_left_out_at_once_where_it_is_known_to_be_rejected() {
        let refusals = Refusals::default();
        let mut mentions = refusals.mentions("C1", Some("<!here> <@U1>"));
        assert!(mentions.omit_next());
        refusals.add_mentions("C1", &mentions);
        assert_eq!(refusals.mentions("C1", Some("<!here> <@U1>")), mentions);
        assert_eq!(refusals.mentions("C2", Some("<!here>")).omitted(), None);
    }
}
