//! Builds `rich_text` blocks, in which Slack interprets nothing. Text that an attacker can choose is shown in them.

use serde_json::{Value, json};

use super::super::text::SafeText;
use super::{MAX_TEXT, Runs};

/// The elements of one `rich_text` block in order: sections, lists, preformatted text. Empty elements are omitted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rich(Vec<Element>);

#[derive(Clone, Debug, PartialEq)]
enum Element {
    Section(Runs),
    Quote(Runs),
    Bullets(Vec<Runs>),
    Preformatted(SafeText),
}

impl Rich {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn section(self, runs: Runs) -> Self {
        self.with(!runs.is_empty(), Element::Section(runs))
    }

    pub fn quote(self, runs: Runs) -> Self {
        self.with(!runs.is_empty(), Element::Quote(runs))
    }

    pub fn bullets(self, items: impl IntoIterator<Item = Runs>) -> Self {
        let items: Vec<_> = items.into_iter().filter(|runs| !runs.is_empty()).collect();
        self.with(!items.is_empty(), Element::Bullets(items))
    }

    /// A gray box of fixed-width text.
    pub fn preformatted(self, text: &SafeText) -> Self {
        self.with(!text.is_empty(), Element::Preformatted(text.truncate(MAX_TEXT)))
    }

    fn with(mut self, there: bool, element: Element) -> Self {
        if there {
            self.0.push(element);
        }
        self
    }

    pub fn utf16_len(&self) -> usize {
        self.0.iter().map(Element::utf16_len).sum()
    }

    /// Returns the beginning that fits into `max` units, or `None` if nothing fits.
    pub(super) fn truncate(&self, max: usize) -> Option<Self> {
        super::truncate_items(&self.0, max, Element::utf16_len, Element::truncate).map(Self)
    }

    pub(super) fn json(&self) -> Vec<Value> {
        self.0.iter().map(Element::json).collect()
    }
}

impl Element {
    fn utf16_len(&self) -> usize {
        match self {
            Self::Section(runs) | Self::Quote(runs) => runs.utf16_len(),
            Self::Bullets(items) => items.iter().map(Runs::utf16_len).sum(),
            Self::Preformatted(text) => text.utf16_len(),
        }
    }

    fn truncate(&self, max: usize) -> Option<Self> {
        match self {
            Self::Section(runs) => runs.truncate(max).map(Self::Section),
            Self::Quote(runs) => runs.truncate(max).map(Self::Quote),
            Self::Bullets(items) => {
                super::truncate_items(items, max, Runs::utf16_len, Runs::truncate).map(Self::Bullets)
            }
            Self::Preformatted(text) => Some(text.truncate(max)).filter(|t| !t.is_empty()).map(Self::Preformatted),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Section(runs) => section(runs),
            Self::Quote(runs) => json!({"type": "rich_text_quote", "elements": runs.json()}),
            Self::Bullets(items) => {
                json!({"type": "rich_text_list", "style": "bullet", "elements": items.iter().map(section).collect::<Vec<_>>()})
            }
            Self::Preformatted(text) => {
                json!({"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]})
            }
        }
    }
}

fn section(runs: &Runs) -> Value {
    json!({"type": "rich_text_section", "elements": runs.json()})
}

#[cfg(test)]
mod tests;
