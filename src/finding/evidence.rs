//! Threat lists and GuardDuty's additional information.

use super::decode::{ServiceAdditionalInfo, Text, shapes};
use serde_json::Value;

use super::About;
use super::action::api;
use super::draft::{Draft, Trait};
use super::phrase::{Phrase, filled, listed, plural};
use super::{outcome, profile, value};

/// Lists that name the same threats share a line: GuardDuty repeats the names with each list.
pub(super) fn read(draft: &mut Draft, evidence: &shapes::Evidence) {
    let all = evidence.threat_intelligence_details();
    let mut told: Vec<&[Text]> = Vec::new();
    for first in all {
        let threats = first.threat_names();
        if told.contains(&threats) {
            continue;
        }
        told.push(threats);
        let same = || all.iter().filter(|d| d.threat_names() == threats);
        let lists = listed(same().filter_map(|d| d.threat_list_name()), 4);
        let mut line = if lists.is_empty() { lists } else { Phrase::new().ours("on threat list ").then(lists) };
        line = line.part(listed(threats, 4));
        for hash in same().filter_map(|d| filled(d.threat_file_sha256())).take(1) {
            line = line.part_with("file SHA-256 ", Some(hash));
        }
        draft.say(About::Evidence, line);
        for name in threats {
            draft.seen(Trait::Threat, Some(name));
        }
    }
}

pub(super) fn additional(draft: &mut Draft, info: &ServiceAdditionalInfo) {
    let map = info.members();
    // What the evidence said already, with more detail.
    let told = if draft.has(About::Evidence) { ["threatListName", "threatName"].as_slice() } else { &[] };
    for (key, value) in map {
        // A sample finding is marked as such as a whole.
        if key != "sample" && !told.contains(&key.as_str()) {
            tell(draft, key, value);
        }
    }
}

fn tell(draft: &mut Draft, key: &str, value: &Value) {
    match key {
        "threatListName" => draft.say(About::Evidence, Phrase::new().part_with("on threat list ", value.as_str())),
        "threatName" => draft.say(About::Evidence, Phrase::new().part_with("threat ", value.as_str())),
        "domain" => {
            if let Some(domain) = value.as_str() {
                draft.seen(Trait::Domain, Some(domain));
                draft.say(About::Evidence, Phrase::new().ours("domain ").net(domain));
            }
        }
        "anomalies" | "unusual" | "unusualBehavior" => unusual(draft, value),
        // What is usual for the account or the user: long, and said better by what was unusual.
        "profiledBehavior" => {}
        // Said with the call itself.
        "userAgent" if draft.has(About::Action) => {}
        "apiCalls" => calls(draft, value),
        _ => draft.say(About::Evidence, pair(key, value)),
    }
}

fn unusual(draft: &mut Draft, value: &Value) {
    let Value::Object(map) = value else { return draft.say(About::Unusual, value::said("", value)) };
    let mut all: Vec<Unusual> = Vec::new();
    for (key, value) in map.iter().filter(|(key, value)| !key.starts_with("numberOf") && !is_false(value)) {
        match value.as_str().filter(|_| key == "anomalousAPIs").map(anomalous_calls) {
            Some(calls) if !calls.is_empty() => tell_calls(draft, &calls),
            _ => Unusual::of(key, value).into_iter().for_each(|one| one.join(&mut all)),
        }
    }
    for one in all {
        draft.say(About::Unusual, one.said());
    }
}

/// One value, with all that it is unusual for.
struct Unusual {
    line: Phrase,
    scopes: Vec<&'static str>,
}

impl Unusual {
    fn of(key: &str, value: &Value) -> Option<Self> {
        let key = profile::parse(key);
        let line = named(&key.attribute, value::said(&key.attribute, value));
        (!line.is_empty()).then(|| Self { line, scopes: key.scope.into_iter().collect() })
    }

    /// The same value is said once, with each scope.
    fn join(self, all: &mut Vec<Unusual>) {
        match all.iter_mut().find(|other| other.line == self.line) {
            Some(other) => other.scopes.extend(self.scopes),
            None => all.push(self),
        }
    }

    /// `APIs ListBuckets (unusual for account and user)`
    fn said(self) -> Phrase {
        match self.scopes.is_empty() {
            true => self.line,
            false => self.line.ours(format!(" (unusual for {})", self.scopes.join(" and "))),
        }
    }
}

/// The attribute before its values; networks name themselves.
fn named(attribute: &str, values: Phrase) -> Phrase {
    match values.is_empty() || attribute.starts_with("network") && values.plain().starts_with("AS") {
        true => values,
        false => Phrase::new().theirs(attribute).ours(" ").then(values),
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

/// `3 unusual calls: iam:AttachRolePolicy, iam:CreateRole (denied: AccessDenied)`
fn tell_calls(draft: &mut Draft, calls: &[(&str, &str, Option<&str>)]) {
    let mut line = Phrase::new().ours(plural(calls.len() as u64, "unusual call")).ours(": ");
    for (n, (service, name, error)) in calls.iter().take(6).enumerate() {
        draft.seen(Trait::Api, Some(name));
        line = if n == 0 { line } else { line.ours(", ") };
        line = line.then(api(Some(service), Some(name)));
        if error.is_some() {
            line = line.ours(" (").then(outcome::error(*error)).ours(")");
        }
    }
    if calls.len() > 6 {
        line = line.ours(format!(" and {} more", calls.len() - 6));
    }
    draft.say(About::Action, line);
}

/// `apiCalls: [{"name": "ListBuckets", "count": 3}]`
fn calls(draft: &mut Draft, value: &Value) {
    let names: Vec<String> =
        value.as_array().into_iter().flatten().filter_map(|c| c.get("name")?.as_str().map(str::to_owned)).collect();
    for name in &names {
        draft.seen(Trait::Api, Some(name));
    }
    super::action::further_calls(draft, &names);
}

fn pair(key: &str, value: &Value) -> Phrase {
    named(&profile::words(key), value::said(key, value))
}
