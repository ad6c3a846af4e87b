//! Renders values of open maps: JSON as text, times as times, unknown values omitted.

use serde_json::Value;

use super::line::{Line, join_limited};
use crate::time::Timestamp;

/// Maximum number of values of a list that are shown.
const SHOWN: usize = 6;

/// Renders a value under its key. Empty if the value has no content.
pub(super) fn value_line(key: &str, value: &Value) -> Line {
    if let Some(at) = time(key, value) {
        return Line::new().time(at);
    }
    match value {
        Value::Bool(is) => Line::new().literal(if *is { "yes" } else { "no" }),
        Value::Array(items) => join_limited(items.iter().map(text), SHOWN),
        Value::String(text) if text.contains("asnNumber:") => networks(text),
        Value::String(text) if text.contains(" , ") => join_limited(text.split(" , ").map(str::trim), SHOWN),
        other => {
            let text = text(other);
            if text.is_empty() { Line::new() } else { Line::new().code(&text) }
        }
    }
}

/// A time in milliseconds, under a key that names one: `hoursOfDay`, `lastSeen`.
fn time(key: &str, value: &Value) -> Option<Timestamp> {
    let key = key.to_ascii_lowercase();
    let named = ["hour", "time", "date", "firstseen", "lastseen"].iter().any(|word| key.contains(word));
    let single = match value {
        Value::Array(items) if items.len() == 1 => &items[0],
        other => other,
    };
    let number = single.as_i64().or_else(|| single.as_str()?.trim().parse().ok())?;
    (named && (100_000_000_000..10_000_000_000_000).contains(&number)).then_some(Timestamp(number))
}

/// `asnNumber: 60729 asnOrg: Example , asnNumber: …` as `AS60729 Example, …`.
fn networks(text: &str) -> Line {
    let mut phrase = Line::new();
    for network in text.split("asnNumber:").filter(|network| !network.trim().is_empty()).take(SHOWN) {
        let (number, name) = network.split_once("asnOrg:").unwrap_or((network, ""));
        let number = number.trim().trim_end_matches(',').trim();
        let name = name.trim().trim_end_matches(',').trim();
        phrase = if phrase.is_empty() { phrase } else { phrase.literal(", ") };
        phrase = match number.bytes().all(|b| b.is_ascii_digit()) {
            true => phrase.literal(format!("AS{number}")),
            false => phrase.untrusted(number),
        };
        phrase = if name.is_empty() { phrase } else { phrase.literal(" ").untrusted(name) };
    }
    phrase
}

/// JSON as text: `{"api": "ListBuckets", "count": 3}` is `api ListBuckets, count 3`.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(words) if is_unknown(words) => String::new(),
        Value::String(words) => match nested(words) {
            Some(value) => text(&value),
            None => words.trim().to_owned(),
        },
        Value::Array(items) => joined(items.iter().map(text)),
        Value::Object(map) => joined(map.iter().map(|(key, value)| match text(value) {
            words if words.is_empty() => words,
            words => format!("{} {words}", super::profile::words(key)),
        })),
        other => other.to_string(),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// JSON inside a string.
fn nested(words: &str) -> Option<Value> {
    let words = words.trim();
    let value = words.starts_with(['{', '[']).then(|| serde_json::from_str(words).ok())??;
    matches!(value, Value::Array(_) | Value::Object(_)).then_some(value)
}

pub(super) fn is_unknown(words: &str) -> bool {
    words.trim().is_empty() || words.trim().eq_ignore_ascii_case("unknown")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_readable_text() {
        for (key, value, words) in [
            ("hoursOfDay", json!(["1513609200000"]), "2017-12-18T15:00:00.000Z"),
            ("hoursOfDay", json!(1_513_609_200_000_i64), "2017-12-18T15:00:00.000Z"),
            ("count", json!(1_513_609_200_000_i64), "1513609200000"),
            ("recentApiCalls", json!({"api": "ListBuckets", "count": 3}), "API ListBuckets, count 3"),
            ("recentApiCalls", json!([{"api": "A"}, {"api": "B"}]), "API A, API B"),
            ("recentApiCalls", json!("{\"api\":\"A\"}"), "API A"),
            ("city", json!("UNKNOWN"), ""),
            ("cities", json!(["Unknown", "Berlin"]), "Berlin"),
            ("networks", json!("asnNumber: 1 asnOrg: One , asnNumber: 2 asnOrg: Two"), "AS1 One, AS2 Two"),
            ("APIs", json!("A , B"), "A, B"),
            ("nothing", json!(null), ""),
        ] {
            assert_eq!(value_line(key, &value).to_plain(), words, "{key} {value}");
        }
    }
}
