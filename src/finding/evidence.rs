//! Threat lists and GuardDuty's additional information.

use super::decode::{ServiceAdditionalInfo, Text, shapes};
use serde_json::{Map, Value};

use super::About;
use super::action::api;
use super::anomaly::words;
use super::draft::{Draft, Trait};
use super::phrase::{Phrase, filled, listed, plural};

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

/// What `service.additionalInfo` says of the finding itself.
#[derive(Debug, Default)]
pub(super) struct Additional {
    pub sample: bool,
}

pub(super) fn additional(draft: &mut Draft, info: &ServiceAdditionalInfo) -> Additional {
    let map = info.members();
    let sample = matches!(map.get("sample"), Some(Value::Bool(true)));
    // What the evidence said already, with more detail.
    let told = if draft.has(About::Evidence) { ["threatListName", "threatName"].as_slice() } else { &[] };
    for (key, value) in map {
        if key != "sample" && !told.contains(&key.as_str()) {
            tell(draft, key, value);
        }
    }
    Additional { sample }
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
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(key, value)| !key.starts_with("numberOf") && !is_false(value)) {
                match value.as_str().filter(|_| key == "anomalousAPIs").map(anomalous_calls) {
                    Some(calls) if !calls.is_empty() => tell_calls(draft, &calls),
                    _ => draft.say(About::Unusual, unusual_pair(key, value)),
                }
            }
        }
        other => draft.say(About::Unusual, scalar(other)),
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

/// `3 unusual calls, 1 refused: iam:AttachRolePolicy, iam:CreateRole (AccessDenied)`
fn tell_calls(draft: &mut Draft, calls: &[(&str, &str, Option<&str>)]) {
    let refused = calls.iter().filter(|(.., error)| error.is_some()).count();
    let refused = if refused > 0 { format!(", {refused} refused: ") } else { ": ".to_owned() };
    let mut line = Phrase::new().ours(plural(calls.len() as u64, "unusual call")).ours(refused);
    for (n, (service, name, error)) in calls.iter().take(6).enumerate() {
        draft.seen(Trait::Api, Some(name));
        line = if n == 0 { line } else { line.ours(", ") };
        line = line.then(api(Some(service), Some(name)));
        if let Some(error) = error {
            line = line.ours(" (").code(error).ours(")");
        }
    }
    if calls.len() > 6 {
        line = line.ours(format!(" and {} more", calls.len() - 6));
    }
    draft.say(About::Action, line);
}

/// `unusualAPIsAccountProfiling` is what was unusual (`APIs`) and for whom (`account`).
fn unusual_pair(key: &str, value: &Value) -> Phrase {
    let what = key.strip_prefix("unusual").or_else(|| key.strip_prefix("anomalous")).unwrap_or(key);
    let (what, whom) = match () {
        () if what.ends_with("AccountProfiling") => {
            (what.trim_end_matches("AccountProfiling"), " (unusual for the account)")
        }
        () if what.ends_with("UserIdentityProfiling") => {
            (what.trim_end_matches("UserIdentityProfiling"), " (unusual for the user)")
        }
        () if what.ends_with("BucketProfiling") => {
            (what.trim_end_matches("BucketProfiling"), " (unusual for the bucket)")
        }
        () => (what, ""),
    };
    let line = pair(what, value);
    if line.is_empty() || whom.is_empty() { line } else { line.ours(whom) }
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
    let said = match value {
        Value::Object(map) => map_words(map),
        other => scalar(other),
    };
    match said.is_empty() {
        true => said,
        false => Phrase::new().theirs(&words(key)).ours(" ").then(said),
    }
}

fn scalar(value: &Value) -> Phrase {
    match value {
        Value::String(s) if !s.trim().is_empty() => Phrase::new().code(s),
        Value::Number(n) => Phrase::new().code(&n.to_string()),
        Value::Bool(b) => Phrase::new().ours(b.to_string()),
        Value::Array(items) => {
            let texts: Vec<String> =
                items.iter().map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned)).collect();
            listed(texts, 6)
        }
        _ => Phrase::new(),
    }
}

fn map_words(map: &Map<String, Value>) -> Phrase {
    let texts: Vec<String> =
        map.values().filter_map(|v| v.as_str()).filter(|s| !s.trim().is_empty()).map(str::to_owned).collect();
    listed(texts, 3)
}
