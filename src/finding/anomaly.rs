//! What was unusual, where GuardDuty's machine learning says so.

use super::decode::shapes;

use super::About;
use super::draft::Draft;
use super::phrase::{Phrase, listed};

/// `unusual.behavior` is group → attribute → observation; the profiles that it is compared with say little more.
pub(super) fn read(draft: &mut Draft, anomaly: &shapes::Anomaly) {
    let groups = anomaly.unusual().map(|unusual| unusual.behavior()).unwrap_or_default();
    if groups.is_empty() {
        return profiles(draft, anomaly);
    }
    for (group, attributes) in groups {
        for (attribute, object) in attributes.entries() {
            let line = observation(attribute, object).ours(" for ").then(Phrase::new().theirs(&words(group)));
            draft.say(About::Unusual, line);
        }
    }
}

fn profiles(draft: &mut Draft, anomaly: &shapes::Anomaly) {
    for (_, attributes) in anomaly.profiles() {
        for (attribute, objects) in attributes.entries() {
            for object in objects.iter().filter(|o| is_rare(o)) {
                let line = observation(attribute, object);
                draft.say(About::Unusual, line);
            }
        }
    }
}

fn is_rare(object: &shapes::AnomalyObject) -> bool {
    matches!(object.profile_subtype(), Some("UNSEEN" | "RARE" | "INFREQUENT"))
}

/// `user agent curl/8.5 (never seen)`
fn observation(attribute: &str, object: &shapes::AnomalyObject) -> Phrase {
    let mut phrase = Phrase::new().theirs(&words(attribute));
    if let Some(seen) = object.observations() {
        let numbers = seen.number().iter().map(|n| n.to_string().into());
        let values = listed(seen.text().iter().cloned().chain(numbers), 3);
        if !values.is_empty() {
            phrase = phrase.ours(" ").then(values);
        }
    }
    match object.profile_subtype() {
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
