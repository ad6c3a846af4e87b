//! `rich_text`: the block in which Slack interprets nothing. What an attacker can choose stands here.

use serde_json::{Value, json};

use super::super::text::{Link, Mention, Plain, cut, units};
use super::TEXT;

/// The elements of one `rich_text` block: sections, lists, preformatted text, in their order. Empty ones are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rich(Vec<Element>);

#[derive(Clone, Debug, PartialEq)]
enum Element {
    Section(Runs),
    Quote(Runs),
    Bullets(Vec<Runs>),
    Preformatted(Plain),
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

    /// A grey box of fixed width.
    pub fn preformatted(self, text: &Plain) -> Self {
        self.with(!text.is_empty(), Element::Preformatted(text.cut(TEXT)))
    }

    fn with(mut self, there: bool, element: Element) -> Self {
        if there {
            self.0.push(element);
        }
        self
    }

    pub fn units(&self) -> usize {
        self.0.iter().map(Element::units).sum()
    }

    /// What of it fits into `max` units, from its start; `None` if that is nothing.
    pub(super) fn cut(&self, max: usize) -> Option<Self> {
        super::first(&self.0, max, Element::units, Element::cut).map(Self)
    }

    pub(super) fn json(&self) -> Vec<Value> {
        self.0.iter().map(Element::json).collect()
    }
}

impl Element {
    fn units(&self) -> usize {
        match self {
            Self::Section(runs) | Self::Quote(runs) => runs.units(),
            Self::Bullets(items) => items.iter().map(Runs::units).sum(),
            Self::Preformatted(text) => text.units(),
        }
    }

    fn cut(&self, max: usize) -> Option<Self> {
        match self {
            Self::Section(runs) => runs.cut(max).map(Self::Section),
            Self::Quote(runs) => runs.cut(max).map(Self::Quote),
            Self::Bullets(items) => super::first(items, max, Runs::units, Runs::cut).map(Self::Bullets),
            Self::Preformatted(text) => Some(text.cut(max)).filter(|t| !t.is_empty()).map(Self::Preformatted),
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

/// One line or paragraph of `rich_text`: runs of text, each with a style. Empty runs are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runs(Vec<Run>);

#[derive(Clone, Debug, PartialEq)]
enum Run {
    Text(String, Option<Style>),
    Link(Link, Plain),
    Date {
        seconds: i64,
        format: &'static str,
        otherwise: Plain,
    },
    /// One, in Slack's syntax.
    Mention(String),
}

/// How a run looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Bold,
    Italic,
    Strike,
    Code,
}

impl Style {
    fn name(self) -> &'static str {
        match self {
            Self::Bold => "bold",
            Self::Italic => "italic",
            Self::Strike => "strike",
            Self::Code => "code",
        }
    }
}

impl Runs {
    pub fn new() -> Self {
        Self::default()
    }

    /// Words of our own, spaces at their ends included.
    pub fn say(self, words: &'static str) -> Self {
        self.run(words, None)
    }

    /// Words of our own in bold: a label.
    pub fn label(self, words: &'static str) -> Self {
        self.run(words, Some(Style::Bold))
    }

    pub fn text(self, text: &Plain) -> Self {
        self.run(text.as_str(), None)
    }

    pub fn styled(self, style: Style, text: &Plain) -> Self {
        self.run(text.as_str(), Some(style))
    }

    pub fn bold(self, text: &Plain) -> Self {
        self.styled(Style::Bold, text)
    }

    pub fn code(self, text: &Plain) -> Self {
        self.styled(Style::Code, text)
    }

    /// A link; its label is the URL where there is no other.
    pub fn link(mut self, to: &Link, label: &Plain) -> Self {
        let label = if label.is_empty() { Plain::line(to.as_str()) } else { label.clone() };
        self.0.push(Run::Link(to.clone(), label.cut(TEXT)));
        self
    }

    /// An instant in the reader's time zone, such as `{date_short_pretty} {time}`; `otherwise` is shown by what cannot do that.
    pub fn date(mut self, seconds: i64, format: &'static str, otherwise: &Plain) -> Self {
        self.0.push(Run::Date { seconds, format, otherwise: otherwise.clone() });
        self
    }

    pub fn mention(mut self, who: &Mention) -> Self {
        for (n, one) in who.each().enumerate() {
            self = if n == 0 { self } else { self.say(" ") };
            self.0.push(Run::Mention(one.to_owned()));
        }
        self
    }

    pub fn append(mut self, other: Runs) -> Self {
        self.0.extend(other.0);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn units(&self) -> usize {
        self.0.iter().map(Run::units).sum()
    }

    fn run(mut self, text: &str, style: Option<Style>) -> Self {
        if !text.is_empty() {
            self.0.push(Run::Text(cut(text, TEXT), style));
        }
        self
    }

    /// At most `max` units, with an ellipsis; a link, a date or a mention stays whole or goes. `None` if no run is left.
    pub fn cut(&self, max: usize) -> Option<Self> {
        if self.units() <= max {
            return Some(self.clone());
        }
        let mut room = max.checked_sub(1)?;
        let mut kept = Vec::new();
        for run in &self.0 {
            let size = run.units();
            if size > room {
                kept.push(run.head(room + 1));
                break;
            }
            room -= size;
            kept.push(run.clone());
        }
        Some(Self(kept))
    }

    fn json(&self) -> Vec<Value> {
        self.0.iter().map(Run::json).collect()
    }
}

impl Run {
    fn units(&self) -> usize {
        match self {
            Self::Text(text, _) => units(text),
            Self::Link(_, label) => label.units(),
            Self::Date { otherwise, .. } => otherwise.units(),
            Self::Mention(who) => units(who),
        }
    }

    /// Its head and an ellipsis, `max` units together; an ellipsis alone for what has no head.
    fn head(&self, max: usize) -> Self {
        match self {
            Self::Text(text, style) => Self::Text(cut(text, max), *style),
            _ => Self::Text("…".into(), None),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text, None) => json!({"type": "text", "text": text}),
            Self::Text(text, Some(style)) => json!({"type": "text", "text": text, "style": {style.name(): true}}),
            Self::Link(to, label) => json!({"type": "link", "url": to.as_str(), "text": label}),
            Self::Date { seconds, format, otherwise } if otherwise.is_empty() => {
                json!({"type": "date", "timestamp": seconds, "format": format})
            }
            Self::Date { seconds, format, otherwise } => {
                json!({"type": "date", "timestamp": seconds, "format": format, "fallback": otherwise})
            }
            Self::Mention(who) => mention(who),
        }
    }
}

/// In rich text a mention is an element of its own kind, not a control sequence.
fn mention(who: &str) -> Value {
    let inner = who.trim_matches(['<', '>']);
    if let Some(id) = inner.strip_prefix('@') {
        return json!({"type": "user", "user_id": id});
    }
    match inner.strip_prefix("!subteam^") {
        Some(id) => json!({"type": "usergroup", "usergroup_id": id}),
        None => json!({"type": "broadcast", "range": inner.trim_start_matches('!')}),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str) -> Plain {
        Plain::line(text)
    }

    #[test]
    fn every_run_has_slacks_shape() {
        let link = Link::new("https://docs.aws.amazon.com/").unwrap();
        let runs = Runs::new()
            .label("Actor ")
            .code(&plain("<!here> `x`"))
            .text(&plain(""))
            .link(&link, &plain("type"))
            .date(1_700_000_000, "{time}", &plain("22:13"))
            .mention(&Mention::parse("<!here>").unwrap())
            .mention(&Mention::parse("<!subteam^S1>").unwrap())
            .mention(&Mention::parse("<@U1>").unwrap());
        let rich = Rich::new()
            .section(runs)
            .bullets([Runs::new().say("a")])
            .quote(Runs::new().say("q"))
            .preformatted(&Plain::lines("x\ny"));
        assert_snapshot!(rich.json().iter().map(Value::to_string).collect::<Vec<_>>().join("\n"), @r#"
        {"elements":[{"style":{"bold":true},"text":"Actor ","type":"text"},{"style":{"code":true},"text":"<!here> `x`","type":"text"},{"text":"type","type":"link","url":"https://docs.aws.amazon.com/"},{"fallback":"22:13","format":"{time}","timestamp":1700000000,"type":"date"},{"range":"here","type":"broadcast"},{"type":"usergroup","usergroup_id":"S1"},{"type":"user","user_id":"U1"}],"type":"rich_text_section"}
        {"elements":[{"elements":[{"text":"a","type":"text"}],"type":"rich_text_section"}],"style":"bullet","type":"rich_text_list"}
        {"elements":[{"text":"q","type":"text"}],"type":"rich_text_quote"}
        {"elements":[{"text":"x\ny","type":"text"}],"type":"rich_text_preformatted"}
        "#);
    }

    #[test]
    fn a_cut_keeps_whole_links_and_shows_an_ellipsis() {
        let link = Link::new("https://docs.aws.amazon.com/").unwrap();
        let runs = Runs::new().say("abc").link(&link, &plain("label"));
        assert_eq!(runs.cut(8), Some(runs.clone()));
        assert_eq!(runs.cut(7), Some(Runs::new().say("abc").say("…")));
        assert_eq!(runs.cut(2), Some(Runs::new().say("a…")));
        assert_eq!(runs.cut(0), None);
    }

    proptest! {
        #[test]
        fn a_cut_never_exceeds_its_bound(texts in prop::collection::vec(any::<String>(), 1..5), max in 0usize..40) {
            let runs = |t: &String| Runs::new().bold(&plain(t)).code(&plain(t));
            let rich = Rich::new().bullets(texts.iter().map(runs)).section(runs(&texts[0])).preformatted(&plain(&texts[0]));
            if let Some(cut) = rich.cut(max) {
                prop_assert!(cut.units() <= max && !cut.0.is_empty());
                prop_assert!(!format!("{:?}", cut.json()).contains("String(\"\")"), "an empty run");
            }
        }
    }
}
