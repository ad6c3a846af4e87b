//! Renders earlier attributes of a finding from the state: GuardDuty keeps only the newest values.

use crate::finding::{Attribute, AttributeKind, Finding, Line};
use crate::text::pluralize;

/// Maximum number of earlier values that are named. The others are counted.
const MAX_NAMED: usize = 6;

/// `3 remote IPs in total, previously 203.0.113.7, 198.51.100.4`, and the same for countries, APIs and ports. Empty if
/// the finding still has all values.
pub(super) fn previously_seen(f: &Finding, seen: &[Attribute]) -> Vec<Line> {
    let now = f.attributes();
    let mut lines = Vec::new();
    for (kind, word) in [
        (AttributeKind::Ip, "remote IP"),
        (AttributeKind::Domain, "domain"),
        (AttributeKind::Country, "country"),
        (AttributeKind::Api, "API"),
        (AttributeKind::Port, "port"),
        (AttributeKind::User, "user"),
        (AttributeKind::Process, "process"),
    ] {
        let value = |attribute: &Attribute| attribute.value_of(kind).map(str::to_owned);
        let current: Vec<String> = now.iter().filter_map(value).collect();
        let mut earlier: Vec<String> = Vec::new();
        for value in seen.iter().filter_map(value) {
            if !current.contains(&value) && !earlier.contains(&value) {
                earlier.push(value);
            }
        }
        if !earlier.is_empty() {
            let total = (current.len() + earlier.len()) as u64;
            let words = format!("{} in total, previously ", pluralize_attribute(total, word));
            lines.push(append_values(Line::new().literal(words), kind, &earlier));
        }
    }
    lines
}

fn append_values(mut phrase: Line, kind: AttributeKind, values: &[String]) -> Line {
    for (n, value) in values.iter().take(MAX_NAMED).enumerate() {
        phrase = if n == 0 { phrase } else { phrase.literal(", ") };
        phrase = append_value(phrase, kind, value);
    }
    phrase.and_more(values.len(), MAX_NAMED)
}

/// Renders an attribute: addresses and domains defanged, names as text, others as code.
pub(super) fn append_value(phrase: Line, kind: AttributeKind, value: &str) -> Line {
    match kind {
        AttributeKind::Ip | AttributeKind::Domain => phrase.address(value),
        AttributeKind::Country => phrase.untrusted(value),
        _ => phrase.code(value),
    }
}

fn pluralize_attribute(n: u64, word: &str) -> String {
    match (n, word) {
        (1, _) => pluralize(n, word),
        (_, "country") => format!("{n} countries"),
        (_, "process") => format!("{n} processes"),
        _ => pluralize(n, word),
    }
}
