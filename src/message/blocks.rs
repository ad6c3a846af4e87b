//! Builds the blocks of Block Kit that messages use. The constructors ensure that Slack accepts each block: they truncate
//! to the limits, and return `None` for an empty text, which Slack rejects.
//! See docs.slack.dev, “Block Kit”, reference of each block. For the limit of all blocks together, see [`body`].

pub mod body;
mod rich_text;
mod runs;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::text::{Link, Mrkdwn, SafeText};

pub use body::{Body, BodyBuilder, Color, FallbackText, Priority, remaining_capacity};
pub use rich_text::Rich;
pub use runs::{Runs, Style};

pub(in crate::message) const MAX_TEXT: usize = 3_000;
/// The limit of a whole message. Slack documents none for this block.
const RICH: usize = 8_500;
const MAX_FIELD: usize = 2_000;
const MAX_FIELDS: usize = 10;
const MAX_HEADER: usize = 150;
const MAX_BUTTON: usize = 75;
const MAX_BUTTONS: usize = 25;
const MAX_CONTEXT_ELEMENTS: usize = 10;

/// A text object. `mrkdwn` is `verbatim`, so that Slack creates no links and mentions by itself. `plain_text` does not
/// convert `:name:` to an emoji.
#[derive(Clone, Debug, PartialEq)]
pub enum TextObject {
    Plain(SafeText),
    Mrkdwn(Mrkdwn),
}

impl TextObject {
    fn is_empty(&self) -> bool {
        match self {
            Self::Plain(text) => text.is_empty(),
            Self::Mrkdwn(text) => text.is_empty(),
        }
    }

    fn utf16_len(&self) -> usize {
        match self {
            Self::Plain(text) => text.utf16_len(),
            Self::Mrkdwn(text) => text.utf16_len(),
        }
    }

    /// Returns `None` if the text is empty.
    fn truncate(&self, max: usize) -> Option<Self> {
        let cut = match self {
            Self::Plain(text) => Self::Plain(text.truncate(max)),
            Self::Mrkdwn(text) => Self::Mrkdwn(text.truncate(max)),
        };
        (!cut.is_empty()).then_some(cut)
    }

    fn json(&self) -> Value {
        match self {
            Self::Plain(text) => json!({"type": "plain_text", "text": text, "emoji": false}),
            Self::Mrkdwn(text) => json!({"type": "mrkdwn", "text": text.render(), "verbatim": true}),
        }
    }
}

impl From<SafeText> for TextObject {
    fn from(text: SafeText) -> Self {
        Self::Plain(text)
    }
}

impl From<Mrkdwn> for TextObject {
    fn from(text: Mrkdwn) -> Self {
        Self::Mrkdwn(text)
    }
}

/// A button that opens a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Button {
    label: SafeText,
    url: Link,
    emphasis: Option<&'static str>,
}

impl Button {
    /// Truncates the label to 75 units. Returns `None` if it is empty.
    pub fn new(label: &SafeText, url: Link) -> Option<Self> {
        let label = SafeText::single_line(label.as_str()).truncate(MAX_BUTTON);
        (!label.is_empty()).then_some(Self { label, url, emphasis: None })
    }

    /// Makes the button green, for the most important action.
    pub fn primary(mut self) -> Self {
        self.emphasis = Some("primary");
        self
    }

    fn json(&self) -> Value {
        let mut button =
            json!({"type": "button", "text": TextObject::Plain(self.label.clone()).json(), "url": self.url.as_str()});
        if let Some(style) = self.emphasis {
            button["style"] = style.into();
        }
        button
    }
}

/// One block within its limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Block(BlockKind);

#[derive(Clone, Debug, PartialEq)]
enum BlockKind {
    Header(SafeText),
    Section(TextObject, Length),
    Fields(Vec<TextObject>),
    Context(Vec<TextObject>),
    Actions(Vec<Button>),
    Rich(Rich),
    Divider,
}

/// How Slack shows a long text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Expanded,
    /// The beginning, and “see more”.
    Collapsible,
}

impl Block {
    /// One line of at most 150 units.
    pub fn header(text: &SafeText) -> Option<Self> {
        let text = SafeText::single_line(text.as_str()).truncate(MAX_HEADER);
        (!text.is_empty()).then_some(Self(BlockKind::Header(text)))
    }

    /// At most 3,000 units.
    pub fn section(text: impl Into<TextObject>) -> Option<Self> {
        text.into().truncate(MAX_TEXT).map(|text| Self(BlockKind::Section(text, Length::Expanded)))
    }

    /// At most 3,000 units. Slack may show only the beginning until the reader expands it.
    pub fn collapsible(text: impl Into<TextObject>) -> Option<Self> {
        text.into().truncate(MAX_TEXT).map(|text| Self(BlockKind::Section(text, Length::Collapsible)))
    }

    /// Two columns of at most 10 texts of 2,000 units. Empty texts are omitted.
    pub fn fields(fields: impl IntoIterator<Item = TextObject>) -> Option<Self> {
        non_empty(fields.into_iter().filter_map(|f| f.truncate(MAX_FIELD)).take(MAX_FIELDS))
            .map(|f| Self(BlockKind::Fields(f)))
    }

    /// Small text: at most 10 texts of 3,000 units. Empty texts are omitted.
    pub fn context(elements: impl IntoIterator<Item = TextObject>) -> Option<Self> {
        non_empty(elements.into_iter().filter_map(|e| e.truncate(MAX_TEXT)).take(MAX_CONTEXT_ELEMENTS))
            .map(|e| Self(BlockKind::Context(e)))
    }

    /// A row of at most 25 buttons. Buttons that are `None` are omitted.
    pub fn actions(buttons: impl IntoIterator<Item = Option<Button>>) -> Option<Self> {
        non_empty(buttons.into_iter().flatten().take(MAX_BUTTONS)).map(|b| Self(BlockKind::Actions(b)))
    }

    pub fn rich_text(rich: Rich) -> Option<Self> {
        rich.truncate(RICH).map(|rich| Self(BlockKind::Rich(rich)))
    }

    pub fn divider() -> Self {
        Self(BlockKind::Divider)
    }

    fn is_divider(&self) -> bool {
        self.0 == BlockKind::Divider
    }

    /// Number of UTF-16 code units of all texts in the block, which the limit of all blocks together counts.
    pub fn utf16_len(&self) -> usize {
        match &self.0 {
            BlockKind::Header(text) => text.utf16_len(),
            BlockKind::Section(text, _) => text.utf16_len(),
            BlockKind::Fields(texts) | BlockKind::Context(texts) => texts.iter().map(TextObject::utf16_len).sum(),
            BlockKind::Actions(buttons) => buttons.iter().map(|b| b.label.utf16_len()).sum(),
            BlockKind::Rich(rich) => rich.utf16_len(),
            BlockKind::Divider => 0,
        }
    }

    /// Returns the beginning that fits into `max` units, or `None` if nothing fits.
    fn truncate(&self, max: usize) -> Option<Self> {
        let kind = match &self.0 {
            _ if self.utf16_len() <= max => self.0.clone(),
            BlockKind::Header(text) => BlockKind::Header(text.truncate(max)),
            BlockKind::Section(text, length) => BlockKind::Section(text.truncate(max)?, *length),
            BlockKind::Fields(texts) => {
                BlockKind::Fields(truncate_items(texts, max, TextObject::utf16_len, TextObject::truncate)?)
            }
            BlockKind::Context(texts) => {
                BlockKind::Context(truncate_items(texts, max, TextObject::utf16_len, TextObject::truncate)?)
            }
            BlockKind::Actions(buttons) => {
                BlockKind::Actions(truncate_items(buttons, max, |b| b.label.utf16_len(), |_, _| None)?)
            }
            BlockKind::Rich(rich) => BlockKind::Rich(rich.truncate(max)?),
            BlockKind::Divider => BlockKind::Divider,
        };
        (kind != BlockKind::Header(SafeText::default())).then_some(Self(kind))
    }

    fn json(&self) -> Value {
        let all = |texts: &[TextObject]| texts.iter().map(TextObject::json).collect::<Vec<_>>();
        match &self.0 {
            BlockKind::Header(text) => json!({"type": "header", "text": TextObject::Plain(text.clone()).json()}),
            BlockKind::Section(text, length) => {
                json!({"type": "section", "text": text.json(), "expand": *length == Length::Expanded})
            }
            BlockKind::Fields(fields) => json!({"type": "section", "fields": all(fields)}),
            BlockKind::Context(elements) => json!({"type": "context", "elements": all(elements)}),
            BlockKind::Actions(buttons) => {
                json!({"type": "actions", "elements": buttons.iter().map(Button::json).collect::<Vec<_>>()})
            }
            BlockKind::Rich(rich) => json!({"type": "rich_text", "elements": rich.json()}),
            BlockKind::Divider => json!({"type": "divider"}),
        }
    }
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(s)
    }
}

fn non_empty<T>(items: impl Iterator<Item = T>) -> Option<Vec<T>> {
    Some(items.collect::<Vec<_>>()).filter(|items| !items.is_empty())
}

/// Returns the first items that fit into `max` units together. `cut` truncates the first item that does not fit.
fn truncate_items<T: Clone>(
    items: &[T],
    max: usize,
    units: impl Fn(&T) -> usize,
    cut: impl Fn(&T, usize) -> Option<T>,
) -> Option<Vec<T>> {
    let mut capacity = max;
    let mut kept = Vec::new();
    for item in items {
        let size = units(item);
        if size > capacity {
            kept.extend(cut(item, capacity));
            break;
        }
        capacity -= size;
        kept.push(item.clone());
    }
    non_empty(kept.into_iter())
}

#[cfg(test)]
mod tests;
