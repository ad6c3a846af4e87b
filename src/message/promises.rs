//! Checks the properties that every message has, for any content of a finding. The property tests and the fuzz targets
//! use it.

use serde_json::Value;

/// Checks the limits of Slack and the safety of text for a payload without a mention. Returns the first violation.
pub(crate) fn kept(payload: &Value) -> Result<(), String> {
    let ok = |kept: bool, what: &str| if kept { Ok(()) } else { Err(format!("{what}: {payload}")) };
    let fallback = payload["text"].as_str().unwrap_or_default();
    ok(!fallback.trim().is_empty() && !fallback.contains('\n'), "the fallback is one line")?;
    ok(units(fallback) <= 4_000, "the fallback is too long")?;
    ok(payload["unfurl_links"] == false && payload["unfurl_media"] == false, "links unfurl")?;
    ok(unformatted(fallback), "the fallback formats")?;
    let values = payload["metadata"]["event_payload"].as_object().into_iter().flat_map(|m| m.values());
    ok(values.into_iter().all(|v| v.is_string() || v.is_number()), "metadata is flat")?;
    let mut total = 0;
    each(payload, &mut |object| {
        let kind = object.get("type").and_then(Value::as_str);
        ok(!matches!(kind, Some("user" | "usergroup" | "broadcast" | "channel" | "emoji")), "somebody is mentioned")?;
        let url = object.get("url").and_then(Value::as_str);
        ok(url.is_none_or(|url| ours(url) && units(url) <= 3_000), "an unexpected link")?;
        let Some(text) = object.get("text").and_then(Value::as_str) else { return Ok(()) };
        total += units(text);
        ok(!text.is_empty() && units(text) <= if kind.is_none() { 4_000 } else { 3_000 }, "the length of a text")?;
        ok(!text.contains(hidden), "hidden text")?;
        ok(kind.is_some_and(|kind| kind != "mrkdwn") || live(text).is_empty(), "a live control sequence")
    })?;
    ok(total < 9_000 || payload.get("blocks").is_none(), "all texts together are too long")?;
    let all = |of: &Value| of["blocks"].as_array().map_or(0, Vec::len);
    let attached = all(&payload["attachments"][0]);
    ok(attached <= 20, "too many blocks in an attachment")?;
    ok(all(payload) + attached <= 50, "too many blocks")
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Checks every object of a payload, except the metadata, which Slack does not show.
fn each(
    value: &Value,
    ask: &mut impl FnMut(&serde_json::Map<String, Value>) -> Result<(), String>,
) -> Result<(), String> {
    match value {
        Value::Array(all) => all.iter().try_for_each(|v| each(v, ask)),
        Value::Object(map) => {
            ask(map)?;
            map.iter().filter(|(key, _)| *key != "metadata").try_for_each(|(_, v)| each(v, ask))
        }
        _ => Ok(()),
    }
}

fn hidden(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns each `<…>` of mrkdwn that is neither an expected link nor a date.
fn live(text: &str) -> Vec<&str> {
    let inner = text.split('<').skip(1).map(|rest| rest.split_once('>').map_or(rest, |(inner, _)| inner));
    inner.filter(|t| !(t.starts_with("!date^") || ours(t.split('|').next().unwrap_or_default()))).collect()
}

/// Returns true if nothing outside backticks and links is formatted, and every backtick is paired.
fn unformatted(text: &str) -> bool {
    let parts: Vec<&str> = text.split('`').collect();
    parts.len() % 2 == 1 && parts.iter().step_by(2).all(|part| plain(part))
}

/// Returns true if no mark formats outside links. A `_` after a letter or digit, as in `LD_PRELOAD` or the truncated `LD_…`,
/// does not begin formatting.
fn plain(part: &str) -> bool {
    let mut links = part.split('<');
    let first = links.next().into_iter();
    let mut outside = first.chain(links.map(|rest| rest.split_once('>').map_or("", |(_, after)| after)));
    outside.all(|text| {
        let follows_word = |at: usize| text[..at].ends_with(char::is_alphanumeric);
        !text.contains(['*', '~']) && text.match_indices('_').all(|(at, _)| follows_word(at))
    })
}

/// AWS's console and documentation, and the wiki of the tests.
fn ours(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    [
        "docs.aws.amazon.com",
        "docs.amazonaws.cn",
        "console.aws.amazon.com",
        "console.amazonaws.cn",
        "console.amazonaws-us-gov.com",
        "wiki.corp.example",
    ]
    .iter()
    .any(|ours| host == *ours || host.strip_suffix(ours).is_some_and(|region| region.ends_with('.')))
}
