//! Builds the text of one line of `rich_text`.

use serde_json::{Value, json};

use super::super::text::{Link, SafeText};
use super::MAX_TEXT;
use crate::mention::{Mention, MentionPart};
use crate::text::{truncate, utf16_len};

/// One line or paragraph of `rich_text`: runs of text, each with a style. Empty runs are omitted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runs(Vec<Run>);

#[derive(Clone, Debug, PartialEq)]
enum Run {
    Text(String, Option<Style>),
    Link(Link, SafeText),
    Date { seconds: i64, format: &'static str, otherwise: SafeText },
    Mention(MentionPart),
}

/// Style of a run.
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

    /// Adds a literal with the spaces at its ends.
    pub fn literal(self, words: &'static str) -> Self {
        self.run(words, None)
    }

    /// Adds a label: a literal in bold.
    pub fn label(self, words: &'static str) -> Self {
        self.run(words, Some(Style::Bold))
    }

    pub fn text(self, text: &SafeText) -> Self {
        self.run(text.as_str(), None)
    }

    pub fn styled(self, style: Style, text: &SafeText) -> Self {
        self.run(text.as_str(), Some(style))
    }

    pub fn bold(self, text: &SafeText) -> Self {
        self.styled(Style::Bold, text)
    }

    pub fn code(self, text: &SafeText) -> Self {
        self.styled(Style::Code, text)
    }

    /// Adds a link. An empty label is replaced by the URL.
    pub fn link(mut self, to: &Link, label: &SafeText) -> Self {
        let label = if label.is_empty() { SafeText::single_line(to.as_str()) } else { label.clone() };
        self.0.push(Run::Link(to.clone(), label.truncate(MAX_TEXT)));
        self
    }

    /// Adds a time in the time zone of the reader, such as `{date_short_pretty} {time}`. Clients that do not support
    /// dates show `otherwise`.
    pub fn date(mut self, seconds: i64, format: &'static str, otherwise: &SafeText) -> Self {
        self.0.push(Run::Date { seconds, format, otherwise: otherwise.clone() });
        self
    }

    pub fn mention(mut self, who: &Mention) -> Self {
        for (n, one) in who.parts().iter().enumerate() {
            self = if n == 0 { self } else { self.literal(" ") };
            self.0.push(Run::Mention(one.clone()));
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

    pub fn utf16_len(&self) -> usize {
        self.0.iter().map(Run::utf16_len).sum()
    }

    fn run(mut self, text: &str, style: Option<Style>) -> Self {
        if !text.is_empty() {
            self.0.push(Run::Text(truncate(text, MAX_TEXT), style));
        }
        self
    }

    /// Truncates to `max` units, with an ellipsis. Links, dates and mentions are kept whole or removed. Returns `None` if
    /// no run is left.
    pub fn truncate(&self, max: usize) -> Option<Self> {
        if self.utf16_len() <= max {
            return Some(self.clone());
        }
        let mut capacity = max.checked_sub(1)?;
        let mut kept = Vec::new();
        for run in &self.0 {
            let size = run.utf16_len();
            if size > capacity {
                kept.push(run.head(capacity + 1));
                break;
            }
            capacity -= size;
            kept.push(run.clone());
        }
        Some(Self(kept))
    }

    pub(super) fn json(&self) -> Vec<Value> {
        self.0.iter().map(Run::json).collect()
    }
}

impl Run {
    fn utf16_len(&self) -> usize {
        match self {
            Self::Text(text, _) => utf16_len(text),
            Self::Link(_, label) => label.utf16_len(),
            Self::Date { otherwise, .. } => otherwise.utf16_len(),
            Self::Mention(who) => utf16_len(&who.to_string()),
        }
    }

    /// Returns the beginning and an ellipsis, at most `max` units together, or only an ellipsis for a run that cannot be
    /// truncated.
    fn head(&self, max: usize) -> Self {
        match self {
            Self::Text(text, style) => Self::Text(truncate(text, max), *style),
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

/// Returns the element of a mention. In rich text, a mention is a separate element and not a control sequence.
fn mention(who: &MentionPart) -> Value {
    match who {
        MentionPart::User(id) => json!({"type": "user", "user_id": id}),
        MentionPart::Group(id) => json!({"type": "usergroup", "usergroup_id": id}),
        MentionPart::Here => json!({"type": "broadcast", "range": "here"}),
        MentionPart::Channel => json!({"type": "broadcast", "range": "channel"}),
        MentionPart::Everyone => json!({"type": "broadcast", "range": "everyone"}),
    }
}
