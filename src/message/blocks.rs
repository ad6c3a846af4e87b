//! Block Kit, as far as this program speaks it. A block that Slack would refuse cannot be made: constructors cut to the
//! limits, and answer `None` where nothing would be left (Slack refuses an empty text).
//! Source: docs.slack.dev, “Block Kit”, reference of each block; the limit of all blocks together: see [`body`].

pub mod body;
pub mod rich;
mod runs;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::text::{Link, Mrkdwn, Plain};

pub use body::{Body, Builder, Colour, Fallback, Rank, room_beside};
pub use rich::Rich;
pub use runs::{Runs, Style};

pub(in crate::message) const TEXT: usize = 3_000;
/// Not documented for this block: the limit of a whole message applies.
const RICH: usize = 8_500;
const FIELD: usize = 2_000;
const FIELDS: usize = 10;
const HEADER: usize = 150;
const BUTTON: usize = 75;
const BUTTONS: usize = 25;
const CONTEXT: usize = 10;

/// A text object. `mrkdwn` is `verbatim`, so that Slack makes no links and mentions by itself; `plain_text` keeps `:name:`
/// as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    Plain(Plain),
    Mrkdwn(Mrkdwn),
}

impl Text {
    fn is_empty(&self) -> bool {
        match self {
            Self::Plain(text) => text.is_empty(),
            Self::Mrkdwn(text) => text.is_empty(),
        }
    }

    fn units(&self) -> usize {
        match self {
            Self::Plain(text) => text.units(),
            Self::Mrkdwn(text) => text.units(),
        }
    }

    /// `None` if nothing is left.
    fn cut(&self, max: usize) -> Option<Self> {
        let cut = match self {
            Self::Plain(text) => Self::Plain(text.cut(max)),
            Self::Mrkdwn(text) => Self::Mrkdwn(text.cut(max)),
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

impl From<Plain> for Text {
    fn from(text: Plain) -> Self {
        Self::Plain(text)
    }
}

impl From<Mrkdwn> for Text {
    fn from(text: Mrkdwn) -> Self {
        Self::Mrkdwn(text)
    }
}

/// A button that opens a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Button {
    label: Plain,
    url: Link,
    emphasis: Option<&'static str>,
}

impl Button {
    /// The label is cut to 75; an empty one makes no button.
    pub fn new(label: &Plain, url: Link) -> Option<Self> {
        let label = Plain::line(label.as_str()).cut(BUTTON);
        (!label.is_empty()).then_some(Self { label, url, emphasis: None })
    }

    /// Green: the one thing to do next.
    pub fn primary(mut self) -> Self {
        self.emphasis = Some("primary");
        self
    }

    fn json(&self) -> Value {
        let mut button =
            json!({"type": "button", "text": Text::Plain(self.label.clone()).json(), "url": self.url.as_str()});
        if let Some(style) = self.emphasis {
            button["style"] = style.into();
        }
        button
    }
}

/// One block within its limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Block(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Header(Plain),
    Section(Text, Length),
    Fields(Vec<Text>),
    Context(Vec<Text>),
    Actions(Vec<Button>),
    Rich(Rich),
    Divider,
}

/// How Slack shows a long text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Expanded,
    /// The beginning, and "see more".
    Collapsible,
}

impl Block {
    /// One line of at most 150.
    pub fn header(text: &Plain) -> Option<Self> {
        let text = Plain::line(text.as_str()).cut(HEADER);
        (!text.is_empty()).then_some(Self(Kind::Header(text)))
    }

    /// At most 3,000.
    pub fn section(text: impl Into<Text>) -> Option<Self> {
        text.into().cut(TEXT).map(|text| Self(Kind::Section(text, Length::Expanded)))
    }

    /// At most 3,000, of which Slack may show only the beginning until the reader asks for more.
    pub fn collapsible(text: impl Into<Text>) -> Option<Self> {
        text.into().cut(TEXT).map(|text| Self(Kind::Section(text, Length::Collapsible)))
    }

    /// Two columns: at most 10 texts of 2,000; empty ones are left out.
    pub fn fields(fields: impl IntoIterator<Item = Text>) -> Option<Self> {
        some(fields.into_iter().filter_map(|f| f.cut(FIELD)).take(FIELDS)).map(|f| Self(Kind::Fields(f)))
    }

    /// Small print: at most 10 texts of 3,000; empty ones are left out.
    pub fn context(elements: impl IntoIterator<Item = Text>) -> Option<Self> {
        some(elements.into_iter().filter_map(|e| e.cut(TEXT)).take(CONTEXT)).map(|e| Self(Kind::Context(e)))
    }

    /// A row of at most 25 buttons; those that could not be made are left out.
    pub fn actions(buttons: impl IntoIterator<Item = Option<Button>>) -> Option<Self> {
        some(buttons.into_iter().flatten().take(BUTTONS)).map(|b| Self(Kind::Actions(b)))
    }

    pub fn rich(rich: Rich) -> Option<Self> {
        rich.cut(RICH).map(|rich| Self(Kind::Rich(rich)))
    }

    pub fn divider() -> Self {
        Self(Kind::Divider)
    }

    fn is_divider(&self) -> bool {
        self.0 == Kind::Divider
    }

    /// UTF-16 code units of every text in it: what the limit of all blocks together counts.
    pub fn units(&self) -> usize {
        match &self.0 {
            Kind::Header(text) => text.units(),
            Kind::Section(text, _) => text.units(),
            Kind::Fields(texts) | Kind::Context(texts) => texts.iter().map(Text::units).sum(),
            Kind::Actions(buttons) => buttons.iter().map(|b| b.label.units()).sum(),
            Kind::Rich(rich) => rich.units(),
            Kind::Divider => 0,
        }
    }

    /// What of it fits into `max` units, from its start; `None` if that is nothing.
    fn cut(&self, max: usize) -> Option<Self> {
        let kind = match &self.0 {
            _ if self.units() <= max => self.0.clone(),
            Kind::Header(text) => Kind::Header(text.cut(max)),
            Kind::Section(text, length) => Kind::Section(text.cut(max)?, *length),
            Kind::Fields(texts) => Kind::Fields(first(texts, max, Text::units, Text::cut)?),
            Kind::Context(texts) => Kind::Context(first(texts, max, Text::units, Text::cut)?),
            Kind::Actions(buttons) => Kind::Actions(first(buttons, max, |b| b.label.units(), |_, _| None)?),
            Kind::Rich(rich) => Kind::Rich(rich.cut(max)?),
            Kind::Divider => Kind::Divider,
        };
        (kind != Kind::Header(Plain::default())).then_some(Self(kind))
    }

    fn json(&self) -> Value {
        let all = |texts: &[Text]| texts.iter().map(Text::json).collect::<Vec<_>>();
        match &self.0 {
            Kind::Header(text) => json!({"type": "header", "text": Text::Plain(text.clone()).json()}),
            Kind::Section(text, length) => {
                json!({"type": "section", "text": text.json(), "expand": *length == Length::Expanded})
            }
            Kind::Fields(fields) => json!({"type": "section", "fields": all(fields)}),
            Kind::Context(elements) => json!({"type": "context", "elements": all(elements)}),
            Kind::Actions(buttons) => {
                json!({"type": "actions", "elements": buttons.iter().map(Button::json).collect::<Vec<_>>()})
            }
            Kind::Rich(rich) => json!({"type": "rich_text", "elements": rich.json()}),
            Kind::Divider => json!({"type": "divider"}),
        }
    }
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(s)
    }
}

fn some<T>(items: impl Iterator<Item = T>) -> Option<Vec<T>> {
    Some(items.collect::<Vec<_>>()).filter(|items| !items.is_empty())
}

/// The first items that fit into `max` units together; of the one that does not, what `cut` leaves of it.
fn first<T: Clone>(
    items: &[T],
    max: usize,
    units: impl Fn(&T) -> usize,
    cut: impl Fn(&T, usize) -> Option<T>,
) -> Option<Vec<T>> {
    let mut room = max;
    let mut kept = Vec::new();
    for item in items {
        let size = units(item);
        if size > room {
            kept.extend(cut(item, room));
            break;
        }
        room -= size;
        kept.push(item.clone());
    }
    some(kept.into_iter())
}

#[cfg(test)]
mod tests;
