//! Values about the Pushgateway: grouping labels and the user name.

use std::collections::BTreeMap;

use super::{ParseResult, quote_redacted, split_list};

/// Labels that the metrics have, or that Prometheus adds to histograms and groups.
const RESERVED_LABELS: [&str; 16] = [
    "account",
    "channel",
    "code",
    "feature",
    "job",
    "le",
    "operation",
    "outcome",
    "quantile",
    "region",
    "resource_type",
    "revision",
    "service",
    "severity",
    "type",
    "version",
];

pub(in crate::config) fn parse_labels(value: &str) -> ParseResult<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for item in split_list(value) {
        let (name, text) = item.split_once('=').map_or((item, ""), |(n, t)| (n.trim(), t.trim()));
        if !is_label(name) || text.is_empty() {
            return Err(format!("invalid label {}: expected name=value,name=value", quote_redacted(item)));
        }
        if RESERVED_LABELS.contains(&name) {
            return Err(format!("invalid label {name}: reserved by the metrics; choose another name"));
        }
        if labels.insert(name.to_owned(), text.to_owned()).is_some() {
            return Err(format!("duplicate label {name}"));
        }
    }
    Ok(labels)
}

fn is_label(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain && !name.is_empty() && !name.starts_with("__") && !name.as_bytes()[0].is_ascii_digit()
}

/// See RFC 7617, section 2: a colon ends the user name.
pub(in crate::config) fn parse_username(value: &str) -> ParseResult<String> {
    if value.contains(':') || value.chars().any(char::is_control) {
        return Err("invalid user name: must not contain a colon or control characters".into());
    }
    Ok(value.to_owned())
}
