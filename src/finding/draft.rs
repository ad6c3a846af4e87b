//! Where the readers of the shapes put what they found, bounded whatever a finding holds.

use super::decode::shapes;

use super::anomaly::Anomalies;
use super::phrase::{Phrase, Span, filled, short};
use super::{About, Fact};

/// Lines kept about one matter; the rest is counted. The message shows those that fit.
const LINES: usize = 60;
/// Identifiers kept for a route's `resource` globs. GuardDuty reports 400 resources of a sequence at most; a message names a few.
const NAMES: usize = 64;
/// Tags kept. A resource has 50 at most (AWS General Reference, “Tagging your AWS resources”).
const TAGS: usize = 100;
/// Signals of an attack sequence kept. GuardDuty reports 100 at most (GuardDuty API Reference, `Sequence`).
const SIGNALS: usize = 100;
/// Traits kept, in all and of one kind, and their length in characters: they are kept in the state.
const TRAITS: usize = 12;
const TRAITS_OF_A_KIND: usize = 4;
const TRAIT_LENGTH: usize = 80;

#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The account of the finding, which need not be named again.
    pub account: Option<String>,
    /// `service.resourceRole`: whether the resource of the finding acted, if GuardDuty says so.
    pub resource_acted: Option<bool>,
    /// The action is of a shape that this version does not know: only its type is.
    pub is_action_unknown: bool,
    /// The resource in a few words.
    pub subject: Option<Phrase>,
    pub names: Vec<String>,
    pub tags: Vec<(String, String)>,
    /// Findings that are signals of the attack sequence: ID and title.
    pub signals: Vec<(String, String)>,
    pub anomalies: Anomalies,
    facts: Vec<(About, Vec<Phrase>, usize)>,
    traits: Vec<(Trait, String)>,
}

/// What may be new when a finding recurs, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trait {
    Ip,
    Country,
    Domain,
    Api,
    Port,
    User,
    Process,
    Threat,
}

impl Trait {
    fn word(self) -> &'static str {
        match self {
            Trait::Ip => "ip",
            Trait::Country => "country",
            Trait::Domain => "domain",
            Trait::Api => "api",
            Trait::Port => "port",
            Trait::User => "user",
            Trait::Process => "process",
            Trait::Threat => "threat",
        }
    }
}

impl Draft {
    pub fn new(resource_acted: Option<bool>) -> Self {
        Self { resource_acted, ..Self::default() }
    }

    /// The first caller names the resource, later ones do not.
    pub fn subject(&mut self, phrase: Phrase) {
        if self.subject.is_none() && !phrase.is_empty() {
            self.subject = Some(phrase);
        }
    }

    /// Adds a line, unless it says nothing or was said before.
    pub fn add(&mut self, about: About, line: Phrase) {
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
        } else if lines.len() < LINES {
            lines.push(line);
        } else {
            *more += 1;
        }
    }

    /// Adds a part to the last line about a matter, or makes it the first one.
    pub fn add_detail(&mut self, about: About, detail: Phrase) {
        match self.facts.iter_mut().find(|(a, ..)| *a == about).and_then(|(_, lines, _)| lines.last_mut()) {
            Some(line) => *line = std::mem::take(line).part(detail),
            None => self.add(about, detail),
        }
    }

    /// Returns true if a line contains the value already.
    pub fn mentions(&self, value: &str) -> bool {
        let spans = self.facts.iter().flat_map(|(_, lines, _)| lines).flat_map(|line| &line.0);
        spans.filter_map(Span::untrusted).any(|text| text == value)
    }

    /// Returns true if the lines contain every value of a phrase already.
    pub fn mentions_all(&self, phrase: &Phrase) -> bool {
        phrase.0.iter().filter_map(Span::untrusted).all(|text| self.mentions(text))
    }

    /// The value, unless a line contains it already.
    pub fn unless_mentioned<'v>(&self, value: Option<&'v str>) -> Option<&'v str> {
        filled(value).filter(|value| !self.mentions(value))
    }

    /// Counts what the reader of a long list did not even turn into a line.
    pub fn more(&mut self, about: About, left_out: usize) {
        if let Some((_, _, more)) = self.facts.iter_mut().find(|(a, ..)| *a == about) {
            *more += left_out;
        }
    }

    pub fn name(&mut self, name: Option<&str>) {
        if let Some(name) = filled(name)
            && self.names.len() < NAMES
            && !self.names.iter().any(|n| n == name)
        {
            self.names.push(short(name, 400));
        }
    }

    pub fn tags(&mut self, tags: &[shapes::Tag]) {
        for tag in tags {
            let pair = (short(tag.key().unwrap_or_default(), 200), short(tag.value().unwrap_or_default(), 300));
            if self.tags.len() < TAGS && !pair.0.is_empty() && !self.tags.contains(&pair) {
                self.tags.push(pair);
            }
        }
    }

    /// Adds a finding that is a signal. `uid`: its ID, or its ARN.
    pub fn signal(&mut self, uid: Option<&str>, title: Option<&str>) {
        let Some(uid) = filled(uid).filter(|_| self.signals.len() < SIGNALS) else { return };
        let id = uid.rsplit_once("/finding/").map_or(uid, |(_, id)| id);
        self.signals.push((short(id, 200), short(title.unwrap_or_default(), 200)));
    }

    pub fn seen(&mut self, what: Trait, value: Option<&str>) {
        let Some(value) = filled(value) else { return };
        let value = short(value.trim(), TRAIT_LENGTH);
        let of_its_kind = self.traits.iter().filter(|(w, _)| *w == what).count();
        if of_its_kind < TRAITS_OF_A_KIND && !self.traits.iter().any(|(w, v)| *w == what && *v == value) {
            self.traits.push((what, value));
        }
    }

    pub fn has_seen(&self, what: Trait, value: &str) -> bool {
        self.traits.iter().any(|(kind, known)| *kind == what && known == value)
    }

    pub fn seen_port(&mut self, port: Option<i64>) {
        self.seen(Trait::Port, port.map(|p| p.to_string()).as_deref());
    }

    pub fn has(&self, about: About) -> bool {
        self.facts.iter().any(|(a, ..)| *a == about)
    }

    pub fn into_facts(mut self) -> (Vec<Fact>, Vec<String>) {
        self.facts.sort_by_key(|(about, ..)| *about);
        let facts = self
            .facts
            .into_iter()
            .map(|(about, mut lines, left_out)| {
                lines.iter_mut().for_each(|line| line.0.shrink_to_fit());
                lines.shrink_to_fit();
                Fact { about, lines, left_out }
            })
            .collect();
        self.traits.sort_by_key(|(what, _)| *what);
        let traits =
            self.traits.into_iter().take(TRAITS).map(|(what, value)| format!("{} {value}", what.word())).collect();
        (facts, traits)
    }
}
