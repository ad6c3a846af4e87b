//! A page that looks like Slack: message payloads as a reader sees them, in one file that loads nothing.
//!
//! An imitation, close enough to judge a message by: light and dark theme, blocks, attachments with their bar, threads. What
//! a payload holds is escaped everywhere.

mod blocks;
pub(crate) mod mrkdwn;
pub(crate) mod when;

use serde_json::Value;

/// One channel of the page.
pub struct Channel {
    /// Without the `#`.
    pub name: String,
    pub messages: Vec<Shown>,
}

/// A message in its current form.
pub struct Shown {
    /// What was sent: `text`, `blocks`, `attachments`.
    pub payload: Value,
    /// Slack's `ts`: seconds since the epoch, a point, six digits.
    pub ts: String,
    pub edited: bool,
    /// Names of emoji and how many people reacted with them.
    pub reactions: Vec<(String, usize)>,
    pub replies: Vec<Self>,
}

impl Shown {
    pub fn new(payload: Value, ts: &str) -> Self {
        Self { payload, ts: ts.into(), edited: false, reactions: Vec::new(), replies: Vec::new() }
    }
}

/// The channels of a workspace that the program has posted to, with every message and thread in them.
pub fn channels(slack: &crate::slack::Slack) -> Vec<Channel> {
    let (messages, inner) = (slack.messages(), slack.lock());
    let reactions =
        |m: &crate::slack::Message| m.reactions.iter().map(|(name, users)| (name.clone(), users.len())).collect();
    let shown = |m: &crate::slack::Message| Shown {
        edited: m.versions.len() > 1,
        reactions: reactions(m),
        ..Shown::new(m.payload.clone(), &m.ts)
    };
    let in_channel = |id: &str| {
        let existing: Vec<_> = messages.iter().filter(|m| m.channel == id && !m.deleted).collect();
        let top = existing.iter().filter(|m| m.thread.is_empty());
        let replies = |ts: &str| existing.iter().filter(|m| m.thread == ts).map(|m| shown(m)).collect();
        top.map(|m| Shown { replies: replies(&m.ts), ..shown(m) }).collect::<Vec<_>>()
    };
    let all = inner.channels.iter().map(|c| Channel { name: c.name.clone(), messages: in_channel(&c.id) });
    all.filter(|c| !c.messages.is_empty()).collect()
}

/// The whole page.
pub fn page(title: &str, channels: &[Channel]) -> String {
    let tabs: String = channels.iter().map(|c| format!("<a href=\"#{0}\"># {0}</a>", escape(&c.name))).collect();
    let pages: String = channels.iter().map(channel).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{}</style></head>\n\
         <body><nav><h1>{title}</h1><p>Channels</p>{tabs}</nav>\n<main>{pages}</main></body></html>\n",
        include_str!("style.css"),
        title = escape(title),
    )
}

fn channel(channel: &Channel) -> String {
    let name = escape(&channel.name);
    let mut body = String::new();
    let mut day = String::new();
    for shown in &channel.messages {
        let on = when::day(&shown.ts);
        if on != day {
            body.push_str(&format!("<div class=\"day\"><span>{}</span></div>\n", escape(&on)));
            day = on;
        }
        body.push_str(&message(shown));
    }
    format!("<section class=\"channel\" id=\"{name}\"><h2><i>#</i> {name}</h2>\n{body}</section>\n")
}

const SHIELD: &str = "<svg class=\"avatar\" viewBox=\"0 0 36 36\" aria-hidden=\"true\"><rect width=\"36\" height=\"36\" rx=\"5\" fill=\"#c8102e\"/>\
    <path d=\"M18 6l10 4v7c0 6.5-4.2 11-10 13.5C12.2 28 8 23.5 8 17v-7z\" fill=\"#fff\"/>\
    <path d=\"M18 10.2l6 2.4v4.6c0 4-2.4 7-6 8.9z\" fill=\"#c8102e\"/></svg>";

fn message(shown: &Shown) -> String {
    let edited = if shown.edited { "<span class=\"edited\">(edited)</span>" } else { "" };
    let broadcast = match shown.payload["reply_broadcast"] == true {
        true => "<div class=\"broadcast\">also sent to the channel</div>",
        false => "",
    };
    format!(
        "<article class=\"message\">{SHIELD}<div class=\"body\">{broadcast}<header><b>GuardDuty</b><span class=\"app\">APP</span>\
         <time>{}</time></header>\n{}{edited}{}{}</div></article>\n",
        escape(&when::clock(&shown.ts)),
        content(&shown.payload),
        reactions(&shown.reactions),
        thread(&shown.replies),
    )
}

fn reactions(reactions: &[(String, usize)]) -> String {
    let pill = |(name, count): &(String, usize)| {
        let shown = mrkdwn::emoji(name).map_or_else(|| escape(name), str::to_owned);
        format!("<span class=\"reaction\"><span class=\"emoji\">{shown}</span> {count}</span>")
    };
    match reactions.is_empty() {
        true => String::new(),
        false => format!("<div class=\"reactions\">{}</div>", reactions.iter().map(pill).collect::<String>()),
    }
}

fn thread(replies: &[Shown]) -> String {
    if replies.is_empty() {
        return String::new();
    }
    let plural = if replies.len() == 1 { "reply" } else { "replies" };
    let inner: String = replies.iter().map(message).collect();
    format!("<details class=\"thread\" open><summary>{} {plural}</summary>{inner}</details>", replies.len())
}

/// Slack shows `text` where there are no blocks at top level (above the attachments, if there are any).
fn content(payload: &Value) -> String {
    let blocks = payload["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = payload["text"].as_str().unwrap_or_default();
    let mut out = match (blocks.is_empty(), text.is_empty()) {
        (false, _) => blocks::all(blocks),
        (true, false) => format!("<div class=\"text\">{}</div>", mrkdwn::html(text)),
        (true, true) => String::new(),
    };
    for attachment in payload["attachments"].as_array().into_iter().flatten() {
        let color = attachment["color"]
            .as_str()
            .filter(|c| c.trim_start_matches('#').chars().all(|c| c.is_ascii_alphanumeric()));
        let inner = attachment["blocks"].as_array().map_or_else(
            || mrkdwn::html(attachment["text"].as_str().or(attachment["fallback"].as_str()).unwrap_or_default()),
            |b| blocks::all(b),
        );
        let color = color.map_or_else(|| "#ddd".to_owned(), |c| format!("#{}", c.trim_start_matches('#')));
        out.push_str(&format!(
            "<div class=\"attachment\"><span class=\"bar\" style=\"background:{color}\"></span><div>{inner}</div></div>\n"
        ));
    }
    out
}

/// Text for HTML, quotes included.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A link that a browser may follow, or nothing clickable.
pub(crate) fn link(url: &str, label: &str) -> String {
    match url.starts_with("https://") || url.starts_with("http://") {
        true => format!("<a class=\"link\" href=\"{}\">{label}</a>", escape(url)),
        false => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_in_a_payload_becomes_markup_of_the_page() {
        let evil = "<script>alert(1)</script>\"'><img src=x>";
        let payload = json!({
            "text": evil,
            "attachments": [{ "color": "red;}\"><script>", "blocks": [
                { "type": "header", "text": { "type": "plain_text", "text": evil } },
                { "type": "section", "text": { "type": "mrkdwn", "text": format!("*{evil}* `{evil}` <javascript:x|{evil}>") },
                  "fields": [{ "type": "mrkdwn", "text": evil }], "accessory": { "type": "button", "url": evil, "text": { "type": "plain_text", "text": evil } } },
                { "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [
                    { "type": "text", "text": evil }, { "type": "link", "url": "javascript:alert(1)", "text": evil }, { "type": "emoji", "name": evil } ] }] },
                { "type": evil },
            ]}],
        });
        let html = page(evil, &[Channel { name: evil.into(), messages: vec![Shown::new(payload, evil)] }]);
        assert!(
            !html.contains("<script") && !html.contains("<img src=x") && !html.contains("href=\"javascript"),
            "{html}"
        );
    }

    #[test]
    fn text_is_shown_only_where_there_are_no_blocks() {
        let blocks = json!([{ "type": "section", "text": { "type": "mrkdwn", "text": "the block" } }]);
        let with = content(&json!({ "text": "the fallback", "blocks": blocks }));
        let attached = content(&json!({ "text": "the fallback", "attachments": [{ "blocks": blocks }] }));
        assert!(with.contains("the block") && !with.contains("the fallback"));
        assert!(attached.contains("the block") && attached.contains("the fallback"));
    }
}
