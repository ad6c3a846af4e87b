//! Builds texts in mrkdwn, the markup of Slack, in which untrusted text cannot add a control sequence.
//! See docs.slack.dev, “Formatting message text”.

use unicode_segmentation::UnicodeSegmentation;

use super::{Link, SafeText};
use crate::mention::Mention;
use crate::text::utf16_len;

#[derive(Clone, Debug, PartialEq, Eq)]
enum MrkdwnPart {
    /// Not yet escaped.
    Text(String),
    /// Between backticks; not yet escaped.
    Code(String),
    /// In the syntax of Slack. It is never truncated.
    Token(String),
}

/// Text in mrkdwn. Only `&`, `<` and `>` are escaped. Only the constructors create links, dates and mentions. Text that
/// an attacker can choose is added with [`Mrkdwn::code`], or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mrkdwn(Vec<MrkdwnPart>);

impl Mrkdwn {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a literal, in which marks such as `*bold*` format.
    pub fn literal(mut self, words: &'static str) -> Self {
        self.0.push(MrkdwnPart::Text(words.into()));
        self
    }

    /// Adds escaped text, in which `*`, `_`, `~` and backticks still format. It is for numbers, names and IDs that AWS
    /// validates, and for the top-level fallback.
    pub fn text(mut self, text: &SafeText) -> Self {
        self.0.push(MrkdwnPart::Text(text.as_str().into()));
        self
    }

    /// Adds text between backticks, on one line. Nothing in it formats, and its own backticks become `ˋ`. Slack renders it
    /// as code only between spaces or punctuation.
    pub fn code(mut self, text: &SafeText) -> Self {
        let text = SafeText::single_line(text.as_str()).as_str().replace('`', "ˋ");
        if !text.is_empty() {
            self.0.push(MrkdwnPart::Code(text));
        }
        self
    }

    pub fn link(mut self, to: &Link, label: &SafeText) -> Self {
        let label = SafeText::single_line(label.as_str()).as_str().replace('|', "¦");
        let url = escape(to.as_str());
        self.0.push(MrkdwnPart::Token(if label.is_empty() {
            format!("<{url}>")
        } else {
            format!("<{url}|{}>", escape(&label))
        }));
        self
    }

    /// Adds a time in the time zone of the reader, such as `{date_short_pretty} {time}`. Clients that do not support
    /// dates show `otherwise`.
    pub fn date(mut self, seconds: i64, format: &'static str, otherwise: &SafeText) -> Self {
        let otherwise = SafeText::single_line(otherwise.as_str()).as_str().replace(['|', '^'], " ");
        self.0.push(MrkdwnPart::Token(format!("<!date^{seconds}^{format}|{}>", escape(&otherwise))));
        self
    }

    pub fn mention(mut self, who: &Mention) -> Self {
        for (n, part) in who.parts().iter().enumerate() {
            self = if n == 0 { self } else { self.literal(" ") };
            self.0.push(MrkdwnPart::Token(part.to_string()));
        }
        self
    }

    pub fn append(mut self, other: Mrkdwn) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns true if the text shows nothing. Slack rejects an empty text.
    pub fn is_empty(&self) -> bool {
        self.render().trim().is_empty()
    }

    /// Number of UTF-16 code units, with escapes as written.
    pub fn utf16_len(&self) -> usize {
        utf16_len(&self.render())
    }

    /// The text in the syntax of Slack.
    pub fn render(&self) -> String {
        self.0.iter().map(MrkdwnPart::render).collect()
    }

    /// Replaces every line break by a space, for the top-level fallback.
    pub fn one_line(mut self) -> Self {
        for part in &mut self.0 {
            if let MrkdwnPart::Text(text) = part {
                *text = text.replace('\n', " ");
            }
        }
        self
    }

    /// Truncates the text to `max` units as rendered, with an ellipsis. Escapes, links, dates, mentions and code are never
    /// cut in two.
    pub fn truncate(&self, max: usize) -> Self {
        if self.utf16_len() <= max {
            return self.clone();
        }
        let Some(mut capacity) = max.checked_sub(1) else { return Self::default() };
        let mut kept = Vec::new();
        for part in &self.0 {
            let size = utf16_len(&part.render());
            if size <= capacity {
                capacity -= size;
                kept.push(part.clone());
                continue;
            }
            kept.extend(part.prefix(capacity));
            break;
        }
        kept.push(MrkdwnPart::Text("…".into()));
        Self(kept)
    }
}

impl MrkdwnPart {
    fn render(&self) -> String {
        match self {
            Self::Text(text) => escape(text),
            Self::Code(text) => format!("`{}`", escape(text)),
            Self::Token(token) => token.clone(),
        }
    }

    /// Returns the beginning that fits into `capacity`, without an ellipsis.
    fn prefix(&self, capacity: usize) -> Option<MrkdwnPart> {
        match self {
            Self::Text(text) => Some(Self::Text(prefix(text, capacity))),
            Self::Code(text) => Some(prefix(text, capacity.checked_sub(2)?)).filter(|t| !t.is_empty()).map(Self::Code),
            Self::Token(_) => None,
        }
    }
}

/// The first graphemes of `text` that are at most `capacity` units long once escaped.
fn prefix(text: &str, capacity: usize) -> String {
    let mut used = 0;
    let fits = |g: &&str| {
        used += utf16_len(&escape(g));
        used <= capacity
    };
    text.graphemes(true).take_while(fits).collect::<String>().trim_end().to_owned()
}

/// Escapes the three characters that Slack requires to be escaped, and only these.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hostile() -> SafeText {
        SafeText::single_line("<!channel> & <@U1> `*x*` <https://evil.example|bank>")
    }

    #[test]
    fn exactly_three_characters_are_escaped() {
        assert_eq!(
            Mrkdwn::new().text(&hostile()).render(),
            "&lt;!channel&gt; &amp; &lt;@U1&gt; `*x*` &lt;https://evil.example|bank&gt;"
        );
    }

    #[test]
    fn code_span_cannot_be_closed_by_its_content() {
        assert_eq!(Mrkdwn::new().code(&SafeText::multi_line("a` *b*\n`<!here>")).render(), "`aˋ *b* ˋ&lt;!here&gt;`");
        assert!(Mrkdwn::new().code(&SafeText::single_line(" ")).is_empty());
    }

    #[test]
    fn links_dates_and_mentions_are_ours() {
        let link = Link::new("https://console.aws.amazon.com/?a=1&b=<2>").unwrap();
        let here = Mention::parse("<!subteam^S0123>").unwrap();
        let text = Mrkdwn::new()
            .link(&link, &SafeText::single_line("a|b>"))
            .literal(" *at* ")
            .date(1, "{time}", &SafeText::single_line("00:00 ^|>"))
            .mention(&here);
        assert_eq!(
            text.render(),
            "<https://console.aws.amazon.com/?a=1&amp;b=%3C2%3E|a¦b&gt;> *at* <!date^1^{time}|00:00   &gt;><!subteam^S0123>"
        );
    }

    #[test]
    fn a_cut_leaves_no_half_token() {
        let link = Link::new("https://x/").unwrap();
        let text = Mrkdwn::new()
            .literal("a")
            .link(&link, &SafeText::single_line("label"))
            .code(&SafeText::single_line("bcdef"));
        assert_eq!(text.truncate(10).render(), "a…");
        assert_eq!(text.truncate(24).render(), "a<https://x/|label>`bc`…");
        assert_eq!(Mrkdwn::new().text(&SafeText::single_line("a&&&")).truncate(9).render(), "a&amp;…");
    }

    proptest! {
        #[test]
        fn no_control_sequence_but_our_own_is_live(text in "[<>!@#|&a ^`*\n]{0,40}", max in 0usize..60) {
            let plain = SafeText::multi_line(&text);
            let all = Mrkdwn::new().text(&plain).code(&plain).truncate(max);
            prop_assert!(!all.render().contains(['<', '>']));
            prop_assert!(all.utf16_len() <= max);
            let rest = all.render().replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
            prop_assert!(!rest.contains('&'), "a cut escape: {}", rest);
        }

        #[test]
        fn code_is_whole_after_any_cut(text in any::<String>(), max in 0usize..60) {
            let code = Mrkdwn::new().code(&SafeText::single_line(&text)).truncate(max).render();
            prop_assert!(matches!(code.matches('`').count(), 0 | 2));
        }
    }
}
