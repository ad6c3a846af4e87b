//! What was unusual, where GuardDuty's machine learning says so.

use super::decode::shapes;

use super::About;
use super::draft::Draft;
use super::phrase::{Phrase, listed};
use super::profile;

/// `unusual.behavior` is group → attribute → observation; the profiles that it is compared with say little more.
pub(super) fn read(draft: &mut Draft, anomaly: &shapes::Anomaly) {
    let groups = anomaly.unusual().map(|unusual| unusual.behavior()).unwrap_or_default();
    if groups.is_empty() {
        return profiles(draft, anomaly);
    }
    for (group, attributes) in groups {
        for (attribute, object) in attributes.entries() {
            let line = observation(attribute, object).ours(" for ").then(Phrase::new().theirs(&scope(group)));
            draft.say(About::Unusual, line);
        }
    }
}

/// `userIdentity` → `user`
fn scope(group: &str) -> String {
    match group {
        "userIdentity" => "user".to_owned(),
        "dbInstance" => "database instance".to_owned(),
        other => profile::words(other),
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
    let mut phrase = Phrase::new().theirs(&profile::parse(attribute).attribute);
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
