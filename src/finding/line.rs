//! Lines about a finding, in spans that are either literals or untrusted text.
//!
//! A finding contains many strings that an attacker chose (user agents, object keys, pod names, process arguments).
//! A [`Line`] separates them from literals until the message is built, so that no renderer can confuse them.

use std::borrow::Cow;

use crate::text::{and_more, truncate};
use crate::time::Timestamp;

/// Maximum length, in UTF-16 code units, of an untrusted string that is kept, so that findings stay small.
pub(crate) const MAX_UNTRUSTED_CHARS: usize = 240;

/// One piece of a [`Line`].
#[derive(Clone, Debug, PartialEq)]
pub enum Span {
    /// Text of the program itself.
    Literal(Cow<'static, str>),
    /// Untrusted text that reads as text: a description, an organization, a country.
    Untrusted(Box<str>),
    /// An untrusted identifier, shown as code: an instance ID, an API, a path, a user agent.
    Code(Box<str>),
    /// An address that must not become a link: a public IP, a domain, a URL. Shown defanged.
    Address(Box<str>),
    /// A file hash or an image digest. Shown as code; a message shortens a long one.
    Hash(Box<str>),
    /// Date and time, shown in the time zone of the reader.
    Time(Timestamp),
    /// Time of day, shown in the time zone of the reader: for a time less than a day before another one that is shown
    /// with its date.
    Clock(Timestamp),
}

impl Span {
    /// The untrusted string of the span, if it has one.
    pub fn untrusted(&self) -> Option<&str> {
        match self {
            Self::Untrusted(text) | Self::Code(text) | Self::Address(text) | Self::Hash(text) => Some(text),
            Self::Literal(_) | Self::Time(_) | Self::Clock(_) => None,
        }
    }
}

/// A line about a finding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line(pub Vec<Span>);

impl Line {
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends literal text, which becomes one span with literal text before it.
    pub fn literal(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.push(Span::Literal(text.into()));
        self
    }

    fn push(&mut self, span: Span) {
        if matches!(&span, Span::Literal(words) if words.is_empty()) {
            return;
        }
        match (self.0.last_mut(), span) {
            (Some(Span::Literal(before)), Span::Literal(more)) => before.to_mut().push_str(&more),
            (_, span) => self.0.push(span),
        }
    }

    pub fn untrusted(mut self, text: &str) -> Self {
        self.0.push(Span::Untrusted(truncate(text, MAX_UNTRUSTED_CHARS).into()));
        self
    }

    pub fn code(mut self, text: &str) -> Self {
        self.0.push(Span::Code(truncate(text, MAX_UNTRUSTED_CHARS).into()));
        self
    }

    pub fn address(mut self, text: &str) -> Self {
        self.0.push(Span::Address(truncate(text, MAX_UNTRUSTED_CHARS).into()));
        self
    }

    pub fn time(mut self, time: Timestamp) -> Self {
        self.0.push(Span::Time(time));
        self
    }

    pub fn clock(mut self, time: Timestamp) -> Self {
        self.0.push(Span::Clock(time));
        self
    }

    /// Appends literal text and an untrusted identifier, or nothing if there is no identifier: `.with_code(" in ", vpc)`.
    pub fn with_code(self, words: impl Into<Cow<'static, str>>, text: Option<&str>) -> Self {
        match non_blank(text) {
            Some(text) => self.literal(words).code(text),
            None => self,
        }
    }

    /// Appends another line after a separating dot. An empty line adds nothing.
    pub fn separated(mut self, other: Line) -> Self {
        if other.is_empty() {
            return self;
        }
        if !self.is_empty() {
            self.push(Span::Literal(Cow::Borrowed(" · ")));
        }
        self.concat(other)
    }

    /// Appends literal text as a separate part.
    pub fn separated_literal(self, text: impl Into<Cow<'static, str>>) -> Self {
        // An empty text adds nothing.
        self.separated(Line::new().literal(text))
    }

    /// Appends untrusted text as a separate part, if there is any.
    pub fn separated_untrusted(self, text: &str) -> Self {
        match non_blank(Some(text)) {
            Some(text) => self.separated(Line::new().untrusted(text)),
            None => self,
        }
    }

    /// Appends literal text and an untrusted identifier as a separate part, if there is an identifier.
    pub fn separated_code(self, words: impl Into<Cow<'static, str>>, text: Option<&str>) -> Self {
        match non_blank(text) {
            Some(text) => self.separated(Line::new().literal(words).code(text)),
            None => self,
        }
    }

    /// Appends literal text and untrusted text, such as a status or a version, as a separate part, if there is such text.
    pub fn part_words(self, words: impl Into<Cow<'static, str>>, text: Option<&str>) -> Self {
        match known(text) {
            Some(text) => self.separated(Line::new().literal(words).untrusted(&humanize(text))),
            None => self,
        }
    }

    /// Appends literal text and a hash as a separate part, if there is a hash.
    pub fn part_hash(self, words: impl Into<Cow<'static, str>>, hash: Option<&str>) -> Self {
        match non_blank(hash) {
            Some(hash) => {
                let mut part = Line::new().literal(words);
                part.0.push(Span::Hash(truncate(hash, MAX_UNTRUSTED_CHARS).into()));
                self.separated(part)
            }
            None => self,
        }
    }

    /// Appends literal text and a list of untrusted identifiers as a separate part, if the list is not empty.
    pub fn part_listed<S: AsRef<str>>(
        self,
        words: impl Into<Cow<'static, str>>,
        items: impl IntoIterator<Item = S>,
        max: usize,
    ) -> Self {
        let list = join_limited(items, max);
        if list.is_empty() { self } else { self.separated(Line::new().literal(words).concat(list)) }
    }

    /// ` and 4 more`, if a list of `count` items shows only `shown`.
    pub fn and_more(self, count: usize, shown: usize) -> Self {
        match and_more(count, shown) {
            Some(more) => self.literal(" ").literal(more),
            None => self,
        }
    }

    /// Appends another line without a separator.
    pub fn concat(mut self, other: Line) -> Self {
        other.0.into_iter().for_each(|span| self.push(span));
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The line as plain text, for logs and tests. Never for Slack.
    pub fn to_plain(&self) -> String {
        let mut out = String::new();
        for span in &self.0 {
            match span {
                Span::Literal(s) => out.push_str(s),
                Span::Untrusted(s) | Span::Code(s) | Span::Address(s) | Span::Hash(s) => out.push_str(s),
                Span::Time(t) | Span::Clock(t) => out.push_str(&t.to_rfc3339()),
            }
        }
        out
    }
}

/// Returns `None` if the string contains only white space.
pub(crate) fn non_blank(text: Option<&str>) -> Option<&str> {
    text.filter(|t| !t.trim().is_empty())
}

/// Returns `None` if the string has no content. GuardDuty writes `Unknown` for unknown values.
pub(crate) fn known(text: Option<&str>) -> Option<&str> {
    non_blank(text).filter(|text| !text.trim().eq_ignore_ascii_case("unknown"))
}

/// Converts constants of the API to lowercase: `NOT_PUBLIC` → `not public`. Short ones (`TCP`) and other texts stay.
pub(crate) fn humanize(text: &str) -> Cow<'_, str> {
    let constant = text.len() > 4 && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if constant { Cow::Owned(text.to_ascii_lowercase().replace('_', " ")) } else { Cow::Borrowed(text) }
}

/// Returns the first `max` of a list of identifiers in one line: `a, b, c and 4 more`.
pub(crate) fn join_limited<S: AsRef<str>>(items: impl IntoIterator<Item = S>, max: usize) -> Line {
    let mut phrase = Line::new();
    let mut count: usize = 0;
    for item in items.into_iter().filter(|item| !item.as_ref().trim().is_empty()) {
        if count < max {
            phrase = if count == 0 { phrase } else { phrase.literal(", ") }.code(item.as_ref());
        }
        count += 1;
    }
    phrase.and_more(count, max)
}

/// Maximum length, in characters, of a brief list: a line and a half on a phone.
const BRIEF: usize = 60;

/// Returns the number of items that a brief list names, at least one. `widths`: the lengths of the items in characters.
pub(super) fn brief_count(widths: impl IntoIterator<Item = usize>) -> usize {
    let mut used = 0;
    let fits = |width: &usize| {
        used += width;
        used <= BRIEF
    };
    widths.into_iter().take_while(fits).count().max(1)
}

/// Returns the first identifiers of a list, limited to a line and a half on a phone: `a, b and 4 more`.
pub(crate) fn listed_briefly<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Line {
    let items: Vec<S> = items.into_iter().filter(|item| !item.as_ref().trim().is_empty()).collect();
    let shown = brief_count(items.iter().map(|item| item.as_ref().chars().count()));
    join_limited(items, shown)
}

#[cfg(test)]
mod tests;
