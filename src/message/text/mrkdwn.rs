//! Slack's own mark-up, with no way to smuggle a control sequence in.
//! Source: docs.slack.dev, “Formatting message text”.

use unicode_segmentation::UnicodeSegmentation;

use super::{Link, Plain, units};

/// Whom to notify, one or several: `<!here>`, `<!channel>`, `<!everyone>`, `<@U…>`, `<!subteam^S…>`. It comes from the
/// configuration only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention(Vec<String>);

impl Mention {
    /// `None` for anything else than the forms above, with blanks between.
    pub fn parse(text: &str) -> Option<Self> {
        let each: Vec<String> = text.split_whitespace().map(one).collect::<Option<_>>()?;
        (!each.is_empty()).then_some(Self(each))
    }

    pub fn each(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns true if it notifies everybody in the channel: `<!here>`, `<!channel>` or `<!everyone>`.
    pub fn is_broadcast(&self) -> bool {
        self.each().any(|one| matches!(one, "<!here>" | "<!channel>" | "<!everyone>"))
    }

    /// What it mentions, in a form that notifies nobody: `@here, @S0123`.
    pub fn names(&self) -> String {
        let name = |one: &str| format!("@{}", one.trim_matches(['<', '>', '!', '@']).trim_start_matches("subteam^"));
        self.each().map(name).collect::<Vec<_>>().join(", ")
    }
}

fn one(text: &str) -> Option<String> {
    let inner = text.strip_prefix('<')?.strip_suffix('>')?;
    let id = inner.strip_prefix("!subteam^").or_else(|| inner.strip_prefix('@'));
    let named = matches!(inner, "!here" | "!channel" | "!everyone");
    let known = id.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
    (named || known).then(|| text.to_owned())
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// not yet escaped
    Text(String),
    /// between back-ticks; not yet escaped
    Code(String),
    /// as Slack reads it; all of it or nothing
    Token(String),
}

/// Text in Slack's mrkdwn. `&`, `<` and `>` are escaped and nothing else is; links, dates and mentions exist only
/// through their constructors. What an attacker can choose goes through [`Mrkdwn::code`], or not into mrkdwn at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mrkdwn(Vec<Part>);

impl Mrkdwn {
    pub fn new() -> Self {
        Self::default()
    }

    /// Words of our own, `*bold*` and the like included.
    pub fn say(mut self, words: &'static str) -> Self {
        self.0.push(Part::Text(words.into()));
        self
    }

    /// Escaped, yet `*`, `_`, `~` and back-ticks in it still format: for numbers, names and ids that AWS checks, and for
    /// the top-level fallback.
    pub fn text(mut self, text: &Plain) -> Self {
        self.0.push(Part::Text(text.as_str().into()));
        self
    }

    /// Between back-ticks, where nothing formats; back-ticks of its own become `ˋ`. On one line. Slack sees it as code
    /// only between spaces or punctuation.
    pub fn code(mut self, text: &Plain) -> Self {
        let text = Plain::line(text.as_str()).as_str().replace('`', "ˋ");
        if !text.is_empty() {
            self.0.push(Part::Code(text));
        }
        self
    }

    pub fn link(mut self, to: &Link, label: &Plain) -> Self {
        let label = Plain::line(label.as_str()).as_str().replace('|', "¦");
        let url = escape(to.as_str());
        self.0.push(Part::Token(if label.is_empty() {
            format!("<{url}>")
        } else {
            format!("<{url}|{}>", escape(&label))
        }));
        self
    }

    /// An instant in the reader's time zone, such as `{date_short_pretty} {time}`; `otherwise` is shown by what cannot do that.
    pub fn date(mut self, seconds: i64, format: &'static str, otherwise: &Plain) -> Self {
        let otherwise = Plain::line(otherwise.as_str()).as_str().replace(['|', '^'], " ");
        self.0.push(Part::Token(format!("<!date^{seconds}^{format}|{}>", escape(&otherwise))));
        self
    }

    pub fn mention(mut self, who: &Mention) -> Self {
        for (n, one) in who.each().enumerate() {
            self = if n == 0 { self } else { self.say(" ") };
            self.0.push(Part::Token(one.to_owned()));
        }
        self
    }

    pub fn append(mut self, other: Mrkdwn) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Nothing that would be seen: Slack refuses an empty text.
    pub fn is_empty(&self) -> bool {
        self.render().trim().is_empty()
    }

    /// UTF-16 code units, escapes counted as written.
    pub fn units(&self) -> usize {
        units(&self.render())
    }

    /// As Slack wants it.
    pub fn render(&self) -> String {
        self.0.iter().map(Part::render).collect()
    }

    /// Every line break a space: for the top-level fallback.
    pub fn one_line(mut self) -> Self {
        for part in &mut self.0 {
            if let Part::Text(text) = part {
                *text = text.replace('\n', " ");
            }
        }
        self
    }

    /// At most `max` units as rendered, with an ellipsis; no escape, link, date, mention or code is cut in two.
    pub fn cut(&self, max: usize) -> Self {
        if self.units() <= max {
            return self.clone();
        }
        let Some(mut room) = max.checked_sub(1) else { return Self::default() };
        let mut kept = Vec::new();
        for part in &self.0 {
            let size = units(&part.render());
            if size <= room {
                room -= size;
                kept.push(part.clone());
                continue;
            }
            kept.extend(part.head(room));
            break;
        }
        kept.push(Part::Text("…".into()));
        Self(kept)
    }
}

impl Part {
    fn render(&self) -> String {
        match self {
            Self::Text(text) => escape(text),
            Self::Code(text) => format!("`{}`", escape(text)),
            Self::Token(token) => token.clone(),
        }
    }

    /// As much of it as fits into `room`, without an ellipsis.
    fn head(&self, room: usize) -> Option<Part> {
        match self {
            Self::Text(text) => Some(Self::Text(head(text, room))),
            Self::Code(text) => Some(head(text, room.checked_sub(2)?)).filter(|t| !t.is_empty()).map(Self::Code),
            Self::Token(_) => None,
        }
    }
}

/// The graphemes of `text`, from its start, that are at most `room` units long once escaped.
fn head(text: &str, room: usize) -> String {
    let mut used = 0;
    let fits = |g: &&str| {
        used += units(&escape(g));
        used <= room
    };
    text.graphemes(true).take_while(fits).collect::<String>().trim_end().to_owned()
}

/// The three characters that Slack wants escaped, and only these.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hostile() -> Plain {
        Plain::line("<!channel> & <@U1> `*x*` <https://evil.example|bank>")
    }

    #[test]
    fn exactly_three_characters_are_escaped() {
        assert_eq!(
            Mrkdwn::new().text(&hostile()).render(),
            "&lt;!channel&gt; &amp; &lt;@U1&gt; `*x*` &lt;https://evil.example|bank&gt;"
        );
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(Mrkdwn::new().code(&Plain::lines("a` *b*\n`<!here>")).render(), "`aˋ *b* ˋ&lt;!here&gt;`");
        assert!(Mrkdwn::new().code(&Plain::line(" ")).is_empty());
    }

    #[test]
    fn links_dates_and_mentions_are_ours() {
        let link = Link::new("https://console.aws.amazon.com/?a=1&b=<2>").unwrap();
        let here = Mention::parse("<!subteam^S0123>").unwrap();
        let text = Mrkdwn::new()
            .link(&link, &Plain::line("a|b>"))
            .say(" *at* ")
            .date(1, "{time}", &Plain::line("00:00 ^|>"))
            .mention(&here);
        assert_eq!(
            text.render(),
            "<https://console.aws.amazon.com/?a=1&amp;b=%3C2%3E|a¦b&gt;> *at* <!date^1^{time}|00:00   &gt;><!subteam^S0123>"
        );
    }

    #[test]
    fn a_mention_is_made_of_five_forms() {
        for good in ["<!here>", "<!channel>", "<!everyone>", "<@U0AB1>", " <!subteam^S1> ", "<!here> <@U1>"] {
            assert!(Mention::parse(good).is_some(), "{good}");
        }
        for bad in
            ["@here", "<!date^1^x>", "<https://x>", "<@u1>", "<@>", "<!subteam^S1|x>", "<!here> x", "<!here><@U1>", ""]
        {
            assert_eq!(Mention::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_names_of_a_mention_notify_nobody() {
        let mention = Mention::parse("<!channel> <!subteam^S1> <@U1>").unwrap();
        assert_eq!(mention.names(), "@channel, @S1, @U1");
        assert!(mention.is_broadcast() && !Mention::parse("<!subteam^S1> <@U1>").unwrap().is_broadcast());
    }

    #[test]
    fn a_cut_leaves_no_half_token() {
        let link = Link::new("https://x/").unwrap();
        let text = Mrkdwn::new().say("a").link(&link, &Plain::line("label")).code(&Plain::line("bcdef"));
        assert_eq!(text.cut(10).render(), "a…");
        assert_eq!(text.cut(24).render(), "a<https://x/|label>`bc`…");
        assert_eq!(Mrkdwn::new().text(&Plain::line("a&&&")).cut(9).render(), "a&amp;…");
    }

    proptest! {
        #[test]
        fn no_control_sequence_but_our_own_is_live(text in "[<>!@#|&a ^`*\n]{0,40}", max in 0usize..60) {
            let plain = Plain::lines(&text);
            let all = Mrkdwn::new().text(&plain).code(&plain).cut(max);
            prop_assert!(!all.render().contains(['<', '>']));
            prop_assert!(all.units() <= max);
            let rest = all.render().replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
            prop_assert!(!rest.contains('&'), "a cut escape: {}", rest);
        }

        #[test]
        fn code_is_whole_after_any_cut(text in any::<String>(), max in 0usize..60) {
            let code = Mrkdwn::new().code(&Plain::line(&text)).cut(max).render();
            prop_assert!(matches!(code.matches('`').count(), 0 | 2));
        }
    }
}
