//! Reads the anomalies that the machine learning of GuardDuty reports.

use super::Topic;
use super::decode::shapes;
use super::facts_builder::FactsBuilder;
use super::line::{Line, join_limited};
use super::profile;

/// Maximum number of values of one attribute that are named.
const VALUES: usize = 6;

/// Unusual values, each with the scopes for which it is unusual.
#[derive(Debug, Default)]
pub(super) struct Anomalies(Vec<Anomaly>);

#[derive(Debug)]
struct Anomaly {
    /// Name of the kind, in the singular.
    attribute: String,
    values: Line,
    /// How unusual the value is, or the usual value: ` (never seen)`.
    note: Line,
    scopes: Vec<String>,
}

impl Anomalies {
    /// Adds values of an attribute. Of a value that was added already, only the scope is added.
    pub(super) fn add(&mut self, attribute: &str, values: Line, scope: Option<String>, note: Line) {
        if values.is_empty() {
            return;
        }
        let attribute = attribute.strip_suffix('s').unwrap_or(attribute).to_owned();
        match self.0.iter_mut().find(|one| one.attribute == attribute && one.values.to_plain() == values.to_plain()) {
            Some(known) => {
                known.scopes.extend(scope.filter(|scope| !known.scopes.contains(scope)));
                if known.note.is_empty() {
                    known.note = note;
                }
            }
            None => self.0.push(Anomaly { attribute, values, note, scopes: scope.into_iter().collect() }),
        }
    }

    /// Returns one line for all values that are unusual for the same scopes.
    fn lines(self) -> Vec<Line> {
        let mut lines: Vec<(Vec<String>, Line)> = Vec::new();
        for mut anomaly in self.0 {
            anomaly.scopes.sort();
            let scopes = anomaly.scopes.clone();
            let value = anomaly.phrase();
            match lines.iter_mut().find(|(known, _)| *known == scopes) {
                Some((_, line)) => *line = std::mem::take(line).separated(value),
                None => lines.push((scopes, value)),
            }
        }
        lines.into_iter().map(|(scopes, line)| for_scopes(&scopes, line)).collect()
    }
}

impl Anomaly {
    /// `user agent curl/8.5 (never seen)`; networks name themselves.
    fn phrase(self) -> Line {
        let is_named = self.attribute.starts_with("network") && self.values.to_plain().starts_with("AS");
        let name = if is_named { Line::new() } else { Line::new().untrusted(&self.attribute).literal(" ") };
        name.concat(self.values).concat(self.note)
    }
}

/// `for account and user: AS60729 Example`
fn for_scopes(scopes: &[String], line: Line) -> Line {
    match scopes.is_empty() {
        true => line,
        false => Line::new().literal("for ").untrusted(&scopes.join(" and ")).literal(": ").concat(line),
    }
}

/// Adds the lines about all anomalies.
pub(super) fn add_lines(draft: &mut FactsBuilder) {
    for line in std::mem::take(&mut draft.anomalies).lines() {
        draft.add(Topic::Anomalies, line);
    }
}

/// Reads `unusual.behavior`: group → attribute → observation. The profiles that it is compared with add little.
pub(super) fn add_anomaly(draft: &mut FactsBuilder, anomaly: &shapes::Anomaly) {
    let groups = anomaly.unusual().map(|unusual| unusual.behavior()).unwrap_or_default();
    for (group, attributes) in groups {
        for (attribute, object) in attributes.entries() {
            add_observation(draft, attribute, object, Some(scope(group)));
        }
    }
    if groups.is_empty() {
        add_profiles(draft, anomaly);
    }
}

fn add_profiles(draft: &mut FactsBuilder, anomaly: &shapes::Anomaly) {
    for (group, attributes) in anomaly.profiles() {
        for (attribute, objects) in attributes.entries() {
            for object in objects.iter().filter(|object| is_rare(object)) {
                add_observation(draft, attribute, object, Some(scope(group)));
            }
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

fn is_rare(object: &shapes::AnomalyObject) -> bool {
    matches!(object.profile_subtype(), Some("UNSEEN" | "RARE" | "INFREQUENT"))
}

fn add_observation(draft: &mut FactsBuilder, attribute: &str, object: &shapes::AnomalyObject, scope: Option<String>) {
    let Some(seen) = object.observations() else { return };
    let values = match seen.text().is_empty() {
        true => numbers(seen.number()),
        false if is_place(attribute) => Line::new().separated_untrusted(&seen.text().join(", ")),
        false => join_limited(seen.text(), VALUES),
    };
    let note = match object.profile_subtype() {
        Some("UNSEEN") => Line::new().literal(" (never seen)"),
        Some("RARE") => Line::new().literal(" (rare)"),
        Some("INFREQUENT") => Line::new().literal(" (infrequent)"),
        Some("FREQUENT") => Line::new().literal(" (frequent)"),
        _ => Line::new(),
    };
    draft.anomalies.add(&profile::parse(attribute).attribute, values, scope, note);
}

/// Returns true if the values are names of countries or cities, which nobody copies.
fn is_place(attribute: &str) -> bool {
    let attribute = attribute.to_ascii_lowercase();
    ["country", "countries", "city", "cities", "location"].iter().any(|place| attribute.contains(place))
}

fn numbers(numbers: &[i64]) -> Line {
    let shown: Vec<String> = numbers.iter().take(VALUES).map(i64::to_string).collect();
    Line::new().literal(shown.join(", ")).and_more(numbers.len(), VALUES)
}
