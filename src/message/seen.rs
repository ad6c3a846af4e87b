//! Earlier values of a finding: GuardDuty keeps only the newest address, the state has the earlier ones.

use crate::finding::{Finding, Phrase, phrase::plural};

/// Earlier values named before the rest is counted.
const NAMED: usize = 6;

/// `3 remote IPs in total, previously 203.0.113.7, 198.51.100.4`, and the same for countries, APIs and ports; nothing
/// where GuardDuty still has all values.
pub(super) fn so_far(f: &Finding, seen: &[String]) -> Vec<Phrase> {
    let now = f.traits();
    let mut lines = Vec::new();
    for (kind, word) in [
        ("ip", "remote IP"),
        ("domain", "domain"),
        ("country", "country"),
        ("api", "API"),
        ("port", "port"),
        ("user", "user"),
        ("process", "process"),
    ] {
        let value = |token: &String| split(token).filter(|(k, _)| *k == kind).map(|(_, v)| v.to_owned());
        let current: Vec<String> = now.iter().filter_map(value).collect();
        let mut earlier: Vec<String> = Vec::new();
        for value in seen.iter().filter_map(value) {
            if !current.contains(&value) && !earlier.contains(&value) {
                earlier.push(value);
            }
        }
        if !earlier.is_empty() {
            let total = (current.len() + earlier.len()) as u64;
            let words = format!("{} in total, previously ", plural_of(total, word));
            lines.push(list(Phrase::new().ours(words), kind, &earlier));
        }
    }
    lines
}

fn list(mut phrase: Phrase, kind: &str, values: &[String]) -> Phrase {
    for (n, value) in values.iter().take(NAMED).enumerate() {
        phrase = if n == 0 { phrase } else { phrase.ours(", ") };
        phrase = trait_value(phrase, kind, value);
    }
    match values.len().saturating_sub(NAMED) {
        0 => phrase,
        more => phrase.ours(format!(" and {more} more")),
    }
}

/// A trait as it is shown: addresses and domains defanged, names as text, the rest as code.
pub(super) fn trait_value(phrase: Phrase, kind: &str, value: &str) -> Phrase {
    match kind {
        "ip" | "domain" => phrase.net(value),
        "country" => phrase.theirs(value),
        _ => phrase.code(value),
    }
}

/// `ip` and `203.0.113.7`
pub(super) fn split(token: &str) -> Option<(&str, &str)> {
    token.split_once(' ').filter(|(_, value)| !value.trim().is_empty())
}

fn plural_of(n: u64, word: &str) -> String {
    match (n, word) {
        (1, _) => plural(n, word),
        (_, "country") => format!("{n} countries"),
        (_, "process") => format!("{n} processes"),
        _ => plural(n, word),
    }
}
