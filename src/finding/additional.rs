//! Reads the additional information of GuardDuty: an open map, which describes unusual behavior, among others.

use serde_json::{Map, Value};

use super::Topic;
use super::action::api_name;
use super::attribute::AttributeKind;
use super::decode::ServiceAdditionalInfo;
use super::facts_builder::FactsBuilder;
use super::line::Line;
use super::{outcome, profile, value};
use crate::text::pluralize;
use crate::time::Timestamp;

/// Maximum number of API calls of a list that are named.
const CALLS: usize = 12;

pub(super) fn read(draft: &mut FactsBuilder, info: &ServiceAdditionalInfo) {
    let map = info.members();
    let behavior = Behavior::of(map.iter().map(|(key, value)| (key.as_str(), value)));
    // The evidence names the same threats, with more detail.
    let known: &[&str] = if draft.has_topic(Topic::Evidence) { &["threatListName", "threatName"] } else { &[] };
    for (key, value) in map {
        // A sample finding is marked as such as a whole.
        if key != "sample" && !known.contains(&key.as_str()) {
            add_member(draft, &behavior, key, value);
        }
    }
    behavior.add_calls(draft);
}

fn add_member(draft: &mut FactsBuilder, behavior: &Behavior, key: &str, value: &Value) {
    match key {
        "threatListName" => draft.add(Topic::Evidence, Line::new().separated_code("threat list ", value.as_str())),
        "threatName" => draft.add(Topic::Evidence, Line::new().separated_code("threat ", value.as_str())),
        "domain" => {
            if let Some(domain) = value.as_str() {
                draft.add_attribute(AttributeKind::Domain, Some(domain));
                draft.add(Topic::Evidence, Line::new().literal("domain ").address(domain));
            }
        }
        "anomalies" | "unusual" | "unusualBehavior" => unusual(draft, behavior, value),
        // Read together with the unusual behavior.
        "profiledBehavior" => {}
        // The call names its user agent.
        "userAgent" if draft.has_topic(Topic::Action) => {}
        "apiCalls" => calls(draft, value),
        _ => draft.add(Topic::Evidence, pair(key, value)),
    }
}

/// The members of the additional information that belong together.
#[derive(Default)]
struct Behavior<'v> {
    /// Service, API and error of calls that were unusual.
    calls: Vec<(&'v str, &'v str, Option<&'v str>)>,
    /// The scopes for which the calls are unusual.
    call_scopes: Vec<&'static str>,
    /// The usual behavior.
    profiled: Option<&'v Map<String, Value>>,
}

impl<'v> Behavior<'v> {
    fn of(members: impl Iterator<Item = (&'v str, &'v Value)>) -> Self {
        let mut behavior = Self::default();
        for (key, value) in members {
            let Some(map) = value.as_object() else { continue };
            if key == "profiledBehavior" {
                behavior.profiled = Some(map);
            }
            if let Some(calls) = map.get("anomalousAPIs").and_then(Value::as_str) {
                behavior.calls = anomalous_calls(calls);
            }
            let keys = map.keys().filter(|key| key.starts_with("unusual")).map(|key| profile::parse(key));
            behavior.call_scopes.extend(keys.filter(|key| key.attribute == "APIs").filter_map(|key| key.scope));
        }
        behavior
    }

    /// `2 calls unusual for user: iam:AttachRolePolicy, iam:CreateRole (denied: AccessDenied)`
    fn add_calls(&self, draft: &mut FactsBuilder) {
        if self.calls.is_empty() {
            return;
        }
        let count = self.calls.len() as u64;
        let words = match self.call_scopes.is_empty() {
            true => pluralize(count, "unusual call"),
            false => format!("{} unusual for {}", pluralize(count, "call"), self.call_scopes.join(" and ")),
        };
        let mut line = Line::new().literal(words).literal(": ");
        for (n, (service, name, error)) in self.calls.iter().take(CALLS).enumerate() {
            draft.add_attribute(AttributeKind::Api, Some(name));
            line = if n == 0 { line } else { line.literal(", ") };
            line = line.concat(api_name(Some(service), Some(name)));
            line = line.concat(outcome::brief_error(*error));
        }
        draft.add(Topic::Action, line.and_more(self.calls.len(), CALLS));
    }

    /// Returns true if the calls name all these APIs.
    fn names_apis(&self, value: &Value) -> bool {
        let names = value.as_str().unwrap_or_default();
        !self.calls.is_empty()
            && names.split(" , ").all(|name| self.calls.iter().any(|(_, call, _)| *call == name.trim()))
    }

    /// ` (usually terraform)`
    fn usual(&self, attribute: &str, scope: Option<&str>) -> Line {
        let entries = self.profiled.into_iter().flatten();
        let usual = entries.filter_map(|(key, value)| {
            let key = profile::parse(key.strip_prefix("frequentProfiled")?);
            (key.attribute == attribute && key.scope == scope).then(|| value::value_line(attribute, value))
        });
        match usual.into_iter().find(|values| !values.is_empty()) {
            Some(values) => Line::new().literal(" (usually ").concat(values).literal(")"),
            None => Line::new(),
        }
    }
}

fn unusual(draft: &mut FactsBuilder, behavior: &Behavior, value: &Value) {
    let Value::Object(map) = value else { return draft.add(Topic::Anomalies, value::value_line("", value)) };
    for (key, value) in map.iter().filter(|(key, value)| !key.starts_with("numberOf") && !is_false(value)) {
        let parsed = profile::parse(key);
        let is_named_already = key == "anomalousAPIs" && !behavior.calls.is_empty()
            || parsed.attribute == "APIs" && behavior.names_apis(value);
        if !is_named_already {
            let usual = behavior.usual(&parsed.attribute, parsed.scope);
            let values = value::value_line(&parsed.attribute, value);
            draft.anomalies.add(&parsed.attribute, values, parsed.scope.map(str::to_owned), usual);
        }
    }
}

fn is_false(value: &Value) -> bool {
    *value == Value::Bool(false) || value.as_str() == Some("false")
}

/// `iam.amazonaws.com:[AttachRolePolicy:success , CreateRole:AccessDenied]` as (service, API, error).
fn anomalous_calls(text: &str) -> Vec<(&str, &str, Option<&str>)> {
    let mut calls = Vec::new();
    for part in text.split(']') {
        let Some((service, apis)) = part.split_once(":[") else { continue };
        let service = service.trim_start_matches([' ', ',']);
        for call in apis.split(',').map(str::trim).filter(|c| !c.is_empty()) {
            let (api, outcome) = call.split_once(':').unwrap_or((call, "success"));
            calls.push((service, api, Some(outcome).filter(|o| *o != "success")));
        }
    }
    calls
}

/// `apiCalls: [{"name": "ListBuckets", "count": 3, "firstSeen": 1795521840}]`
fn calls(draft: &mut FactsBuilder, value: &Value) {
    let named = value.as_array().into_iter().flatten().filter_map(|call| Some((call.get("name")?.as_str()?, call)));
    let mut calls = Vec::new();
    for (name, call) in named {
        // The action names its own call.
        let details = count_and_times(call);
        if !(details.is_empty() && draft.has_seen(AttributeKind::Api, name)) {
            calls.push(Line::new().code(name).concat(details));
        }
        draft.add_attribute(AttributeKind::Api, Some(name));
    }
    let shown = calls.iter().take(CALLS).cloned().enumerate();
    let line =
        shown.fold(Line::new(), |line, (n, call)| line.literal(if n == 0 { "calls " } else { ", " }).concat(call));
    draft.add(Topic::Action, line.and_more(calls.len(), CALLS));
}

/// ` 3 times, 12:04–12:31`
fn count_and_times(call: &Value) -> Line {
    let count = call.get("count").and_then(Value::as_u64).filter(|count| *count > 1);
    let phrase = count.map_or_else(Line::new, |count| Line::new().literal(format!(" {count} times")));
    match (seen_at(call, "firstSeen"), seen_at(call, "lastSeen")) {
        (Some(first), Some(last)) if first != last => phrase.literal(" ").time(first).literal("–").clock(last),
        (Some(time), _) | (None, Some(time)) => phrase.literal(" ").time(time),
        (None, None) => phrase,
    }
}

/// A time in seconds, in milliseconds or as text.
fn seen_at(call: &Value, member: &str) -> Option<Timestamp> {
    const SECONDS_UNTIL: i64 = 100_000_000_000;
    match call.get(member)? {
        Value::String(text) => Timestamp::parse(text),
        number => {
            #[expect(clippy::cast_possible_truncation, reason = "times are whole seconds or milliseconds")]
            let number = number.as_f64()? as i64;
            Some(Timestamp(if number < SECONDS_UNTIL { number * 1_000 } else { number }))
        }
    }
}

fn pair(key: &str, value: &Value) -> Line {
    let (attribute, values) = (profile::words(key), value::value_line(key, value));
    if values.is_empty() { values } else { Line::new().untrusted(&attribute).literal(" ").concat(values) }
}
