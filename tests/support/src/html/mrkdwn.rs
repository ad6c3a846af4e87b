//! Slack's mrkdwn: bold, italic, strike, code, quotes, `<…>` links, mentions and dates, `:emoji:`.

use super::{escape, link, when};

/// mrkdwn as HTML.
pub(super) fn html(text: &str) -> String {
    let mut out = String::new();
    for (i, part) in text.split("```").enumerate() {
        match i % 2 {
            1 => out.push_str(&format!("<pre>{}</pre>", escape(&decode(part.trim_matches('\n'))))),
            _ => out.push_str(&lines(part)),
        }
    }
    out
}

/// The characters of mrkdwn that a reader sees.
pub(crate) fn visible(text: &str) -> String {
    let html = html(text).replace("<br>", "\n");
    let mut parts = html.split('<');
    let first = parts.next().unwrap_or_default().to_owned();
    let outside = parts.filter_map(|part| part.split_once('>').map(|(_, after)| after));
    let text = outside.fold(first, |text, part| text + part);
    decode(&text.replace("&quot;", "\"").replace("&#39;", "'"))
}

/// `plain_text` as HTML: nothing but `:emoji:` is interpreted.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (piece, length) = emoji_at(rest).unwrap_or_else(|| (escape(&c.to_string()), c.len_utf8()));
        out.push_str(&piece);
        rest = &rest[length..];
    }
    out.replace('\n', "<br>")
}

fn lines(text: &str) -> String {
    let line = |l: &str| match l.strip_prefix("&gt;") {
        Some(quoted) => format!("<blockquote>{}</blockquote>", inline(quoted.trim_start())),
        None => inline(l),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("<br>").replace("</blockquote><br>", "</blockquote>")
}

fn inline(text: &str) -> String {
    let mut out = String::new();
    let (mut rest, mut before) = (text, ' ');
    while let Some(c) = rest.chars().next() {
        let found = match c {
            '`' => code_at(rest),
            '<' => token_at(rest),
            ':' => emoji_at(rest),
            '*' | '_' | '~' if !before.is_alphanumeric() => styled_at(rest, c),
            '&' => entity_at(rest),
            _ => None,
        };
        let (piece, length) = found.unwrap_or_else(|| (escape(&c.to_string()), c.len_utf8()));
        out.push_str(&piece);
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    out
}

/// The three entities that Slack decodes.
fn decode(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn entity_at(text: &str) -> Option<(String, usize)> {
    ["&lt;", "&gt;", "&amp;"].iter().find(|e| text.starts_with(**e)).map(|e| ((*e).to_owned(), e.len()))
}

fn code_at(text: &str) -> Option<(String, usize)> {
    let inner = text[1..].split('`').next().filter(|i| !i.is_empty() && !i.contains('\n'))?;
    text[1 + inner.len()..]
        .starts_with('`')
        .then(|| (format!("<code>{}</code>", escape(&decode(inner))), inner.len() + 2))
}

fn styled_at(text: &str, mark: char) -> Option<(String, usize)> {
    let tag = match mark {
        '*' => "b",
        '_' => "i",
        _ => "s",
    };
    let closes = |(i, _): &(usize, &str)| {
        let inner = &text[1..1 + i];
        let after = text[i + 2..].chars().next();
        !inner.is_empty()
            && !inner.starts_with(' ')
            && !inner.ends_with(' ')
            && after.is_none_or(|c| !c.is_alphanumeric())
    };
    let (end, _) = text[1..].match_indices(mark).find(closes)?;
    Some((format!("<{tag}>{}</{tag}>", inline(&text[1..=end])), end + 2))
}

/// `<https://…|label>`, `<@U1>`, `<#C1>`, `<!here>`, `<!subteam^S1>`, `<!date^0^{time}|fallback>`
fn token_at(text: &str) -> Option<(String, usize)> {
    let inner = text[1..].split('>').next()?;
    let length = inner.len() + 2;
    text.get(..length).filter(|t| t.ends_with('>'))?;
    let (target, label) = inner.split_once('|').map_or((inner, None), |(t, l)| (t, Some(l)));
    let mention = |name: String| format!("<span class=\"mention\">{}</span>", escape(&name));
    let html = match target.chars().next()? {
        '@' | '#' => mention(label.map_or_else(|| target.to_owned(), |l| format!("{}{l}", &target[..1]))),
        '!' => match target[1..].split('^').collect::<Vec<_>>().as_slice() {
            ["date", seconds, format, rest @ ..] => {
                let shown = when::format(seconds, format).unwrap_or_else(|| label.unwrap_or_default().to_owned());
                match rest.first() {
                    Some(url) => link(&decode(url), &escape(&decode(&shown))),
                    None => escape(&decode(&shown)),
                }
            }
            ["subteam", id, ..] => mention(label.map_or_else(|| format!("@{id}"), str::to_owned)),
            [name, ..] => mention(format!("@{name}")),
            [] => return None,
        },
        _ => link(&decode(target), &escape(&decode(label.unwrap_or(target)))),
    };
    Some((html, length))
}

fn emoji_at(text: &str) -> Option<(String, usize)> {
    let name = text.strip_prefix(':')?.split(':').next()?;
    text[1 + name.len()..].starts_with(':').then_some(())?;
    Some((format!("<span class=\"emoji\">{}</span>", emoji(name)?), name.len() + 2))
}

/// The few that alerts are likely to use.
pub(super) fn emoji(name: &str) -> Option<&'static str> {
    Some(match name {
        "rotating_light" => "🚨",
        "warning" => "⚠️",
        "red_circle" => "🔴",
        "large_orange_circle" => "🟠",
        "large_yellow_circle" => "🟡",
        "large_blue_circle" => "🔵",
        "large_green_circle" => "🟢",
        "white_circle" => "⚪",
        "black_circle" => "⚫",
        "large_red_square" => "🟥",
        "large_orange_square" => "🟧",
        "large_yellow_square" => "🟨",
        "large_blue_square" => "🟦",
        "white_check_mark" => "✅",
        "information_source" => "ℹ️",
        "file_cabinet" => "🗄️",
        "test_tube" => "🧪",
        "eyes" => "👀",
        "lock" => "🔒",
        "bell" => "🔔",
        "no_bell" => "🔕",
        "arrow_up" => "⬆️",
        "arrow_right" => "➡️",
        "repeat" => "🔁",
        "fire" => "🔥",
        "mag" => "🔍",
        "shield" => "🛡️",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::html;

    #[test]
    fn marks_links_mentions_and_dates_look_as_in_slack() {
        assert_eq!(html("*bold* _it_ ~no~ `a*b*`"), "<b>bold</b> <i>it</i> <s>no</s> <code>a*b*</code>");
        assert_eq!(html("a*b*c 2 * 3"), "a*b*c 2 * 3");
        assert_eq!(html("&lt;b&gt; &amp;amp;"), "&lt;b&gt; &amp;amp;");
        assert_eq!(
            html("<https://a.example/?a=1&amp;b|go>"),
            "<a class=\"link\" href=\"https://a.example/?a=1&amp;b\">go</a>"
        );
        assert_eq!(
            html("<!here> <!subteam^S1|@oncall>"),
            "<span class=\"mention\">@here</span> <span class=\"mention\">@oncall</span>"
        );
        assert_eq!(html("<!date^1767225600^{date_short} {time}|then>"), "Jan 1, 2026 12:00 AM");
        assert_eq!(html("&gt; said\n```\nx < y\n```"), "<blockquote>said</blockquote><pre>x &lt; y</pre>");
        assert_eq!(html("ratio 1:2:3 :warning:"), "ratio 1:2:3 <span class=\"emoji\">⚠️</span>");
    }
}
