//! What was unusual, where GuardDuty's machine learning says so.

use std::collections::HashMap;

use aws_sdk_guardduty::types as sdk;

use super::About;
use super::draft::Draft;
use super::phrase::{Phrase, listed};

/// `unusual.behavior` is group → attribute → observation; the profiles that it is compared with say little more.
pub(super) fn read(draft: &mut Draft, anomaly: &sdk::Anomaly) {
    let Some(groups) = anomaly.unusual().and_then(|u| u.behavior()) else {
        return profiles(draft, anomaly);
    };
    for (group, attributes) in sorted(groups) {
        for (attribute, object) in sorted(attributes) {
            let line = observation(attribute, object).ours(" for ").then(Phrase::new().theirs(&words(group)));
            draft.say(About::Unusual, line);
        }
    }
}

fn profiles(draft: &mut Draft, anomaly: &sdk::Anomaly) {
    let Some(groups) = anomaly.profiles() else { return };
    for (_, attributes) in sorted(groups) {
        for (attribute, objects) in sorted(attributes) {
            for object in objects.iter().filter(|o| is_rare(o)) {
                let line = observation(attribute, object);
                draft.say(About::Unusual, line);
            }
        }
    }
}

/// The SDK hands maps over in random order.
fn sorted<V>(map: &HashMap<String, V>) -> Vec<(&String, &V)> {
    let mut all: Vec<_> = map.iter().collect();
    all.sort_by_key(|(key, _)| *key);
    all
}

fn is_rare(object: &sdk::AnomalyObject) -> bool {
    matches!(object.profile_subtype().map(|s| s.as_str()), Some("UNSEEN" | "RARE" | "INFREQUENT"))
}

/// `user agent curl/8.5 (never seen)`
fn observation(attribute: &str, object: &sdk::AnomalyObject) -> Phrase {
    let mut phrase = Phrase::new().theirs(&words(attribute));
    if let Some(seen) = object.observations() {
        let numbers: Vec<String> = seen.number().iter().map(|n| n.to_string()).collect();
        let values = listed(seen.text().iter().chain(&numbers).map(String::as_str), 3);
        if !values.is_empty() {
            phrase = phrase.ours(" ").then(values);
        }
    }
    match object.profile_subtype().map(|s| s.as_str()) {
        Some("UNSEEN") => phrase.ours(" (never seen)"),
        Some("RARE") => phrase.ours(" (rare)"),
        Some("INFREQUENT") => phrase.ours(" (infrequent)"),
        Some("FREQUENT") => phrase.ours(" (frequent)"),
        _ => phrase,
    }
}

/// `userAgent` → `user agent`, `apisAccountProfiling` → `apis account profiling`.
pub(super) fn words(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    let mut previous_lower = false;
    for c in key.chars() {
        if c.is_uppercase() && previous_lower {
            out.push(' ');
        }
        previous_lower = c.is_lowercase() || c.is_ascii_digit();
        if c == '_' { out.push(' ') } else { out.extend(c.to_lowercase()) }
    }
    out.replace("apis", "APIs").replace("asns", "networks").replace("asn", "network")
}
