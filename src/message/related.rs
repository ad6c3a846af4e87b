//! Renders the links between an attack sequence and the findings that are its signals.

use super::blocks::Runs;
use super::text::{Link, Mrkdwn, SafeText};

/// Maximum number of links to messages of signals.
const LINKS: usize = 10;
/// Maximum length of a link's label.
const LABEL: usize = 80;

/// A related finding that has a message of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    pub relation: Relation,
    /// Name for the link, such as the finding type or the title; untrusted.
    pub title: String,
    /// Address of the message, as `chat.getPermalink` returned it.
    pub permalink: String,
}

/// Relation of the related finding to the finding of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The attack sequence of which the finding is a signal.
    Sequence,
    /// A signal of the attack sequence.
    Signal,
}

impl Relation {
    fn label(self) -> &'static str {
        match self {
            Self::Sequence => "Attack sequence",
            Self::Signal => "Messages of signals",
        }
    }
}

/// Returns a line for each relation: `Attack sequence  <title>`, `Messages of signals  <title> · <title> · +2 more`.
pub(super) fn lines(related: &[Related]) -> Vec<Runs> {
    [Relation::Sequence, Relation::Signal].into_iter().filter_map(|relation| line(related, relation)).collect()
}

/// Returns true if there is a link to the message of an attack sequence.
pub(super) fn has_sequence(related: &[Related]) -> bool {
    links(related, Relation::Sequence).next().is_some()
}

/// The same links for the text of a message without blocks. Each begins with a separator.
pub(super) fn fallback(related: &[Related]) -> Mrkdwn {
    let ordered = [Relation::Sequence, Relation::Signal].into_iter().flat_map(|relation| links(related, relation));
    ordered.take(LINKS).fold(Mrkdwn::new(), |text, (link, label)| text.literal(" · ").link(&link, &label))
}

fn line(related: &[Related], relation: Relation) -> Option<Runs> {
    let all: Vec<_> = links(related, relation).collect();
    let mut runs = Runs::new().label(relation.label());
    for (n, (link, label)) in all.iter().take(LINKS).enumerate() {
        runs = runs.literal(if n == 0 { "  " } else { " · " }).link(link, label);
    }
    if all.len() > LINKS {
        runs = runs.literal(" · ").text(&SafeText::single_line(&format!("+{} more", all.len() - LINKS)));
    }
    (!all.is_empty()).then_some(runs)
}

/// Address and label of each related message; an address that is not a web link is omitted.
fn links(related: &[Related], relation: Relation) -> impl Iterator<Item = (Link, SafeText)> {
    let of_relation = related.iter().filter(move |one| one.relation == relation);
    of_relation.filter_map(|one| {
        let label = SafeText::single_line(&one.title).defang().truncate(LABEL);
        let label = if label.is_empty() { SafeText::single_line("open the message") } else { label };
        Some((Link::new(&one.permalink)?, label))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::blocks::{Block, Rich};

    fn related(relation: Relation, title: &str, n: usize) -> Related {
        let permalink = format!("https://example.slack.com/archives/C1/p{n}");
        Related { relation, title: title.to_owned(), permalink }
    }

    fn shown(related: &[Related]) -> String {
        let rich = lines(related).into_iter().fold(Rich::new(), Rich::section);
        json!(Block::rich_text(rich)).to_string()
    }

    #[test]
    fn a_signal_links_to_its_sequence() {
        let sequence = [related(Relation::Sequence, "AttackSequence:IAM/CompromisedCredentials", 1)];
        assert!(has_sequence(&sequence));
        let shown = shown(&sequence);
        assert!(shown.contains("Attack sequence") && shown.contains("https://example.slack.com/archives/C1/p1"));
        assert_eq!(
            fallback(&sequence).render(),
            " · <https://example.slack.com/archives/C1/p1|AttackSequence:IAM/CompromisedCredentials>"
        );
    }

    #[test]
    fn a_sequence_links_to_its_signals_and_counts_the_others() {
        let signals: Vec<Related> = (0..13).map(|n| related(Relation::Signal, "Recon:EC2/Portscan", n)).collect();
        let shown = shown(&signals);
        assert_eq!(shown.matches("\"link\"").count(), LINKS);
        assert!(shown.contains("+3 more") && !has_sequence(&signals), "{shown}");
    }

    #[test]
    fn a_title_is_inert_and_a_bad_address_is_omitted() {
        let bad = Related { permalink: "javascript:alert(1)".to_owned(), ..related(Relation::Signal, "x", 1) };
        assert!(lines(&[bad]).is_empty());
        let hostile = [related(Relation::Signal, "<!here> evil.example|x", 1), related(Relation::Signal, " ", 2)];
        assert_eq!(
            fallback(&hostile).render(),
            " · <https://example.slack.com/archives/C1/p1|&lt;!here&gt; evil[.]example¦x> \
             · <https://example.slack.com/archives/C1/p2|open the message>"
        );
    }
}
