//! Collects the lines and attributes of a finding, limited in size.

use super::decode::shapes;

use super::anomaly::Anomalies;
use super::attribute::{Attribute, AttributeKind};
use super::line::{Line, Span, non_blank};
use super::{Topic, TopicLines};
use crate::text::truncate;

/// Lines kept about one matter; the rest is counted. The message shows those that fit.
const MAX_LINES: usize = 60;
/// Identifiers kept for a route's `resource` globs. GuardDuty reports 400 resources of a sequence at most; a message names a few.
const MAX_IDENTIFIERS: usize = 64;
/// Tags kept. A resource has 50 at most (AWS General Reference, “Tagging your AWS resources”).
const MAX_TAGS: usize = 100;
/// Signals of an attack sequence kept. GuardDuty reports 100 at most (GuardDuty API Reference, `Sequence`).
const SIGNALS: usize = 100;
/// Traits kept, in all and of one kind, and their length in characters: they are kept in the state.
const MAX_ATTRIBUTES: usize = 12;
const MAX_ATTRIBUTES_PER_KIND: usize = 4;
const MAX_ATTRIBUTE_CHARS: usize = 80;
/// Maximum length of an attribute in the state. A UTF-16 unit takes at most three bytes.
const MAX_ATTRIBUTE_BYTES: usize = 120;

#[derive(Debug, Default)]
pub(super) struct FactsBuilder {
    /// The account of the finding, which need not be named again.
    pub account: Option<String>,
    /// `service.resourceRole`: whether the resource of the finding acted, if GuardDuty says so.
    pub resource_acted: Option<bool>,
    /// The action is of a shape that this version does not know: only its type is.
    pub is_action_unknown: bool,
    /// The resource in a few words.
    pub subject: Option<Line>,
    pub names: Vec<String>,
    pub tags: Vec<(String, String)>,
    /// Findings that are signals of the attack sequence: ID and title.
    pub signals: Vec<(String, String)>,
    pub anomalies: Anomalies,
    facts: Vec<(Topic, Vec<Line>, usize)>,
    traits: Vec<(AttributeKind, String)>,
}

impl FactsBuilder {
    pub(super) fn new(resource_acted: Option<bool>) -> Self {
        Self { resource_acted, ..Self::default() }
    }

    /// The first caller names the resource, later ones do not.
    pub(super) fn set_summary(&mut self, phrase: Line) {
        if self.subject.is_none() && !phrase.is_empty() {
            self.subject = Some(phrase);
        }
    }

    /// Adds a line, unless it is empty or a duplicate.
    pub(super) fn add(&mut self, about: Topic, line: Line) {
        if line.is_empty() {
            return;
        }
        let n = match self.facts.iter().position(|(a, ..)| *a == about) {
            Some(n) => n,
            None => {
                self.facts.push((about, Vec::new(), 0));
                self.facts.len() - 1
            }
        };
        let (_, lines, more) = &mut self.facts[n];
        if lines.contains(&line) {
        } else if lines.len() < MAX_LINES {
            lines.push(line);
        } else {
            *more += 1;
        }
    }

    /// Adds a part to the last line about a matter, or makes it the first one.
    pub(super) fn add_detail(&mut self, about: Topic, detail: Line) {
        match self.facts.iter_mut().find(|(a, ..)| *a == about).and_then(|(_, lines, _)| lines.last_mut()) {
            Some(line) => *line = std::mem::take(line).separated(detail),
            None => self.add(about, detail),
        }
    }

    /// Returns true if a line contains the value already.
    pub(super) fn mentions(&self, value: &str) -> bool {
        let spans = self.facts.iter().flat_map(|(_, lines, _)| lines).flat_map(|line| &line.0);
        spans.filter_map(Span::untrusted).any(|text| text == value)
    }

    /// Returns true if the lines contain every value of a phrase already.
    pub(super) fn mentions_all(&self, phrase: &Line) -> bool {
        phrase.0.iter().filter_map(Span::untrusted).all(|text| self.mentions(text))
    }

    /// The value, unless a line contains it already.
    pub(super) fn unless_mentioned<'v>(&self, value: Option<&'v str>) -> Option<&'v str> {
        non_blank(value).filter(|value| !self.mentions(value))
    }

    /// Counts items of a long list for which no line was built.
    pub(super) fn add_omitted(&mut self, about: Topic, omitted: usize) {
        if let Some((_, _, more)) = self.facts.iter_mut().find(|(a, ..)| *a == about) {
            *more += omitted;
        }
    }

    pub(super) fn add_identifier(&mut self, name: Option<&str>) {
        if let Some(name) = non_blank(name)
            && self.names.len() < MAX_IDENTIFIERS
            && !self.names.iter().any(|n| n == name)
        {
            self.names.push(truncate(name, 400));
        }
    }

    pub(super) fn add_tags(&mut self, tags: &[shapes::Tag]) {
        for tag in tags {
            let pair = (truncate(tag.key().unwrap_or_default(), 200), truncate(tag.value().unwrap_or_default(), 300));
            if self.tags.len() < MAX_TAGS && !pair.0.is_empty() && !self.tags.contains(&pair) {
                self.tags.push(pair);
            }
        }
    }

    /// Adds a finding that is a signal. `uid`: its ID, or its ARN.
    pub(super) fn signal(&mut self, uid: Option<&str>, title: Option<&str>) {
        let Some(uid) = non_blank(uid).filter(|_| self.signals.len() < SIGNALS) else { return };
        let id = uid.rsplit_once("/finding/").map_or(uid, |(_, id)| id);
        self.signals.push((truncate(id, 200), truncate(title.unwrap_or_default(), 200)));
    }

    pub(super) fn add_attribute(&mut self, what: AttributeKind, value: Option<&str>) {
        let Some(value) = non_blank(value) else { return };
        let value = attribute_text(value);
        let of_its_kind = self.traits.iter().filter(|(w, _)| *w == what).count();
        if of_its_kind < MAX_ATTRIBUTES_PER_KIND && !self.traits.iter().any(|(w, v)| *w == what && *v == value) {
            self.traits.push((what, value));
        }
    }

    pub(super) fn has_seen(&self, what: AttributeKind, value: &str) -> bool {
        self.traits.iter().any(|(kind, known)| *kind == what && known == value)
    }

    pub(super) fn add_port(&mut self, port: Option<i64>) {
        self.add_attribute(AttributeKind::Port, port.map(|p| p.to_string()).as_deref());
    }

    pub(super) fn has_topic(&self, about: Topic) -> bool {
        self.facts.iter().any(|(a, ..)| *a == about)
    }

    pub(super) fn build(mut self) -> (Vec<TopicLines>, Vec<Attribute>) {
        self.facts.sort_by_key(|(about, ..)| *about);
        let facts = self
            .facts
            .into_iter()
            .map(|(about, mut lines, omitted)| {
                lines.iter_mut().for_each(|line| line.0.shrink_to_fit());
                lines.shrink_to_fit();
                TopicLines { topic: about, lines, omitted }
            })
            .collect();
        self.traits.sort_by_key(|(what, _)| *what);
        let traits =
            self.traits.into_iter().take(MAX_ATTRIBUTES).map(|(kind, value)| Attribute::Known(kind, value)).collect();
        (facts, traits)
    }
}

/// The text of an attribute: short, because the state keeps it, and without characters that JSON escapes to six bytes.
fn attribute_text(value: &str) -> String {
    let spaced: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = truncate(spaced.trim(), MAX_ATTRIBUTE_CHARS);
    if text.len() <= MAX_ATTRIBUTE_BYTES { text } else { truncate(&text, MAX_ATTRIBUTE_BYTES / 3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_short_in_the_state_whatever_its_characters() {
        for (value, chars, case) in [
            ("a".repeat(80), 80, "as long as possible"),
            ("a".repeat(500), 80, "longer"),
            ("\u{1}".repeat(10) + "b", 1, "control characters"),
            ("ж".repeat(60), 60, "two bytes each"),
            ("漢".repeat(500), 40, "three bytes each"),
            ("💥".repeat(500), 20, "four bytes each, in two units"),
        ] {
            let text = attribute_text(&value);
            assert!(serde_json::json!(text).to_string().len() <= MAX_ATTRIBUTE_BYTES + 2, "{case}: {text}");
            assert_eq!(text.chars().count(), chars, "{case}");
        }
    }
}
