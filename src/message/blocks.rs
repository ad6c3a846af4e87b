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

const TEXT: usize = 3_000;
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
    Section(Text),
    Fields(Vec<Text>),
    Context(Vec<Text>),
    Actions(Vec<Button>),
    Rich(Rich),
    Divider,
}

impl Block {
    /// One line of at most 150.
    pub fn header(text: &Plain) -> Option<Self> {
        let text = Plain::line(text.as_str()).cut(HEADER);
        (!text.is_empty()).then_some(Self(Kind::Header(text)))
    }

    /// At most 3,000.
    pub fn section(text: impl Into<Text>) -> Option<Self> {
        text.into().cut(TEXT).map(|text| Self(Kind::Section(text)))
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
            Kind::Section(text) => text.units(),
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
            Kind::Section(text) => Kind::Section(text.cut(max)?),
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
            Kind::Section(text) => json!({"type": "section", "text": text.json(), "expand": true}),
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
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn plain(text: &str) -> Plain {
        Plain::line(text)
    }

    #[test]
    fn every_kind_of_block_has_slacks_shape() {
        let console = Link::new("https://console.aws.amazon.com/").unwrap();
        let blocks = [
            Block::header(&plain("Critical")),
            Block::section(Mrkdwn::new().say("*Where* ").code(&plain("eu-west-1"))),
            Block::fields([Text::from(plain("a")), Text::from(Mrkdwn::new()), Text::from(plain("b"))]),
            Block::context([Text::from(plain("small"))]),
            Block::actions([Button::new(&plain("Open"), console.clone()).map(Button::primary), None]),
            Some(Block::divider()),
        ];
        assert_snapshot!(blocks.map(|b| json!(b).to_string()).join("\n"), @r#"
        {"text":{"emoji":false,"text":"Critical","type":"plain_text"},"type":"header"}
        {"expand":true,"text":{"text":"*Where* `eu-west-1`","type":"mrkdwn","verbatim":true},"type":"section"}
        {"fields":[{"emoji":false,"text":"a","type":"plain_text"},{"emoji":false,"text":"b","type":"plain_text"}],"type":"section"}
        {"elements":[{"emoji":false,"text":"small","type":"plain_text"}],"type":"context"}
        {"elements":[{"style":"primary","text":{"emoji":false,"text":"Open","type":"plain_text"},"type":"button","url":"https://console.aws.amazon.com/"}],"type":"actions"}
        {"type":"divider"}
        "#);
    }

    #[test]
    fn nothing_makes_no_block() {
        let none = || Text::from(Plain::line(" "));
        assert_eq!(Block::header(&plain("")), None);
        assert_eq!(Block::section(none()), None);
        assert_eq!(Block::fields([none()]), None);
        assert_eq!(Block::context([]), None);
        assert_eq!(Block::actions([None]), None);
        assert_eq!(Block::rich(Rich::new().section(Runs::new()).preformatted(&plain("")).bullets([Runs::new()])), None);
    }

    #[test]
    fn each_text_is_cut_to_its_own_limit() {
        let long = Plain::line(&"x".repeat(9_000));
        assert_eq!(Block::header(&long).unwrap().units(), 150);
        assert_eq!(Block::section(long.clone()).unwrap().units(), 3_000);
        assert_eq!(Block::fields(vec![Text::from(long.clone()); 12]).unwrap().units(), 20_000);
        assert_eq!(Block::context(vec![Text::from(long.clone()); 12]).unwrap().units(), 30_000);
        assert_eq!(
            Block::actions(vec![Button::new(&long, Link::new("https://x").unwrap()); 30]).unwrap().units(),
            25 * 75
        );
    }

    #[test]
    fn a_cut_keeps_what_stands_first() {
        let fields = Block::fields([Text::from(plain("abcd")), Text::from(plain("efgh"))]).unwrap();
        assert_eq!(fields.cut(6), Block::fields([Text::from(plain("abcd")), Text::from(plain("e…"))]));
        assert_eq!(fields.cut(0), None);
    }
}
