//! Each member of each sample is broken in turn: the finding is decoded, and every other member is still rendered.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::finding::Span;

fn origin() -> Arc<Origin> {
    Arc::new(Origin { account: "444455556666".into(), region: "us-gov-west-1".into(), detector: "d1".into() })
}

fn samples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/findings");
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let value = value.get("detail").cloned().unwrap_or(value);
        let value = value.get("findings").or(value.get("Findings")).map_or(value.clone(), |list| list[0].clone());
        samples.push((path.file_stem().unwrap().to_string_lossy().into_owned(), value));
    }
    samples
}

/// The JSON pointers of all members and list items of a value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.replace('/', "~1"), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (step, child) in children {
        let pointer = format!("{at}/{step}");
        pointers(child, &pointer, found);
        found.push(pointer);
    }
}

const PLACE: &str = "the place of the broken member";

/// Values of every kind, also those that a JSON parser rejects.
const BROKEN: [&str; 11] = [
    "null",
    r#""odd""#,
    "-7.5",
    "22",
    "true",
    r#"[null, "odd"]"#,
    r"[[[null]]]",
    r#"{"odd": {"deep": [null]}, "odd": 1}"#,
    r#""odd \ud800 surrogate""#,
    "123456789012345678901234567890e999",
    "NaN",
];

fn replaced(sample: &Value, pointer: &str, broken: &str) -> String {
    let mut sample = sample.clone();
    *sample.pointer_mut(pointer).unwrap() = json!(PLACE);
    sample.to_string().replace(&format!("{PLACE:?}"), broken)
}

fn removed(sample: &Value, pointer: &str) -> String {
    let mut sample = sample.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match sample.pointer_mut(parent).unwrap() {
        Value::Object(members) => _ = members.remove(&name.replace("~1", "/")),
        Value::Array(items) => _ = items.remove(name.parse().unwrap()),
        _ => unreachable!("a pointer leads into a list or an object"),
    }
    sample.to_string()
}

/// Everything that a message could show of a finding and that GuardDuty chose.
fn shown(finding: &Finding) -> BTreeSet<String> {
    let mut shown = BTreeSet::from([
        format!("type {}", finding.kind),
        format!("title {:?}", finding.title),
        format!("description {:?}", finding.details().description),
        format!("rule {:?}", finding.details().rule),
        format!("severity {}", finding.severity),
        format!("account {} region {}", finding.account_id, finding.region),
        format!("created {:?}", finding.created),
        format!("seen {:?} {:?}", finding.first_seen, finding.last_seen),
    ]);
    let lines = finding.details().facts.iter().flat_map(|fact| &fact.lines).chain([finding.subject()]);
    if finding.count > 1 {
        shown.insert(format!("count {}", finding.count));
    }
    for span in lines.flat_map(|line| &line.0) {
        match span {
            Span::Literal(_) => {}
            Span::Untrusted(text) | Span::Code(text) | Span::Address(text) | Span::Hash(text) => {
                _ = shown.insert(text.to_string());
            }
            Span::Time(time) | Span::Clock(time) => _ = shown.insert(time.to_rfc3339()),
        }
    }
    shown
}

#[test]
fn any_member_of_a_sample_may_be_broken() {
    let origin = origin();
    let mut checked = 0;
    for (name, sample) in samples() {
        let whole = shown(&decode(&sample.to_string(), &origin).unwrap());
        let id = decode(&sample.to_string(), &origin).unwrap().id;
        let mut all = Vec::new();
        pointers(&sample, "", &mut all);
        for pointer in all.iter().filter(|pointer| *pointer != "/id" && *pointer != "/arn") {
            // The text of a broken member may appear through another member only if the broken one is absent.
            let own = sample.pointer(pointer).unwrap().to_string();
            let without = shown(&decode(&removed(&sample, pointer), &origin).unwrap());
            for broken in BROKEN {
                let finding = decode(&replaced(&sample, pointer, broken), &origin).unwrap();
                assert_eq!(finding.id, id, "{name}, {pointer}: {broken}");
                assert!(finding.raw.is_none() || name == "minimal", "{name}, {pointer}: {broken}");
                let shown = shown(&finding);
                let is_shown = |text: &String| shown.iter().any(|shown| shown.contains(text));
                let is_lost = |text: &&String| !is_shown(text) && !own.contains(text.as_str());
                let lost: Vec<_> = whole.intersection(&without).filter(is_lost).collect();
                assert!(lost.is_empty(), "{name}, {pointer}: {broken} hides {lost:?}");
                checked += 1;
            }
        }
    }
    assert!(checked > 5_000, "{checked}");
}

#[test]
fn finding_without_a_readable_id_is_identified_by_its_arn() {
    for broken in BROKEN.iter().filter(|broken| {
        !broken.contains("odd\"") && !broken.contains("odd \\") && broken.parse::<f64>().is_err() && **broken != "true"
    }) {
        let raw = format!(r#"{{"id": {broken}, "arn": "arn:aws:guardduty:eu-west-1:1:detector/d/finding/f9"}}"#);
        assert_eq!(decode(&raw, &origin()).unwrap().id, "f9", "{broken}");
        assert_eq!(decode(&format!(r#"{{"id": {broken}}}"#), &origin()).err(), Some(NoId), "{broken}");
    }
}

#[test]
fn an_unreadable_time_of_the_update_leaves_the_latest_other_time() {
    let read = |updated: &str, times: &str| {
        decode(&format!(r#"{{"id": "f", "type": "t", "updatedAt": {updated}{times}}}"#), &origin()).unwrap()
    };
    let times = r#", "createdAt": 1767225600, "service": {"eventLastSeen": "2026-01-02T00:00:00Z"}"#;
    for broken in BROKEN {
        let finding = read(broken, times);
        assert_eq!((finding.updated_at.as_str(), finding.listed_at()), ("2026-01-02T00:00:00.000Z", None), "{broken}");
        let finding = read(broken, "");
        assert_eq!(
            (finding.updated_at.as_str(), finding.updated, finding.changed()),
            ("", Timestamp(0), None),
            "{broken}"
        );
    }
    for (given, kept) in [
        (r#""2026-01-01T00:00:00Z""#, "2026-01-01T00:00:00Z"),
        (r#""2026-01-01 00:00:00""#, "2026-01-01T00:00:00.000Z"),
        ("1767225600", "2026-01-01T00:00:00.000Z"),
        ("1767225600000", "2026-01-01T00:00:00.000Z"),
    ] {
        let finding = read(given, times);
        assert_eq!(
            (finding.updated_at.as_str(), finding.listed_at()),
            (kept, Some(Timestamp(1_767_225_600_000))),
            "{given}"
        );
    }
}

#[test]
fn the_path_of_a_member_that_is_omitted_is_recorded() {
    let raw = json!({"id": "f", "updatedAt": "soon", "severity": "high", "resource": {"instanceDetails": {"tags": [null, 7, {"key": ["k"]}]}},
        "service": {"count": 2.5, "additionalInfo": "none", "unknown": {"a": 1}, "runtimeDetails": {"process": {"euid": "1000", "pid": "five"}},
        "action": {"portProbeAction": {"portProbeDetails": [{"localPortDetails": {"port": {"odd": [22]}}}]}},
        "detection": {"anomaly": {"unusual": {"behavior": {"USER": {"API": {"observations": {"number": [1, "x"]}}}}}}}}});
    let raw = raw.to_string();
    let faults = Faults::default();
    read_noting::<shapes::Details>(&raw, &faults).unwrap();
    let mut omitted = [read::<Item>(&raw).unwrap().omitted, faults.into_paths()].concat();
    omitted.sort();
    insta::assert_snapshot!(omitted.join("\n"), @"
    resource.instanceDetails.tags[1]
    resource.instanceDetails.tags[2].key
    service.action.portProbeAction.portProbeDetails[0].localPortDetails.port
    service.additionalInfo
    service.count
    service.detection.anomaly.unusual.behavior.USER.API.observations.number[1]
    service.runtimeDetails.process.pid
    severity
    updatedAt
    ");
}

#[test]
fn what_aws_has_sent_is_read() {
    let raw = r#"{"id": "f", "updatedAt": "2026-01-01T00:00:00.000Z", "severity": "8", "service": {"count": 1099511627776, "archived": "false",
        "runtimeDetails": {"process": {"name": "curl", "pid": 5, "userId": "1001", "euid": "1000"}},
        "action": {"awsApiCallAction": {"userAgent": "curl \ud800 alone", "remoteIpDetails": {"organization": {"asn": 60729, "asnOrg": "Example"}}}},
        "detection": {"anomaly": {"unusual": {"behavior": {"USER": {"API": {"observations": {"text": ["ListBuckets", null]}}}}}}}},
        "resource": {"accessKeyDetails": {"userType": "Hologram", "userName": "ada"},
        "kubernetesDetails": {"kubernetesUserDetails": {"groups": "system:masters"}}}}"#;
    let finding = decode(raw, &origin()).unwrap();
    assert_eq!((finding.severity, finding.count, finding.archived), (8.0, 1 << 40, false));
    let lines: Vec<String> =
        finding.details().facts.iter().flat_map(|fact| &fact.lines).map(|line| line.to_plain()).collect();
    let shown = lines.join("\n");
    for text in ["ada", "system:masters", "AS60729", "curl \u{fffd} alone", "1001", "1000", "ListBuckets"] {
        assert!(shown.contains(text), "{text} is not in {shown}");
    }
}

#[test]
fn only_the_id_can_be_read() {
    let raw = r#"{"id": "f", "accountId": {"odd": 1}, "region": null, "severity": "odd", "service": "odd", "resource": [null], "new": 1}"#;
    let finding = decode(raw, &origin()).unwrap();
    assert_eq!((finding.raw.as_deref(), finding.account_id.as_str()), (Some(raw), "444455556666"));
    let ids = ["f".to_owned(), "g".to_owned()];
    let body = format!(r#"{{"findings": [null, "odd", {raw}, {{"id": "g", "title": "t"}}]}}"#);
    let answer = decode_answer(body.as_bytes(), &ids, &origin()).unwrap();
    let raws: Vec<_> = answer.findings.iter().map(|finding| finding.raw.as_deref()).collect();
    assert_eq!(raws, [Some(raw), None]);
}

#[test]
fn an_answer_is_json_with_findings() {
    let decode = |body: &[u8]| decode_answer(body, &[], &origin()).map(|answer| answer.findings.len());
    for body in [
        "",
        "<html>",
        "null",
        "[]",
        "{}",
        r#"{"message": "x"}"#,
        r#"{"findings": [{"id": "f""#,
        r#"{"findings": null}"#,
    ] {
        assert_eq!(decode(body.as_bytes()), Err(NotAnAnswer::of(body)), "{body}");
    }
    for (body, count) in [
        (br#"{"findings": []}"#.as_slice(), 0),
        (br#"{"Findings": {"id": "f"}}"#, 1),
        (b"{\"findings\": [{\"id\": \"f\", \"title\": \"\xff\"}]}", 1),
    ] {
        assert_eq!(decode(body), Ok(count));
    }
    let deep =
        format!(r#"{{"findings": [{{"id": "f", "service": {}1{}}}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let deep = decode_answer(deep.as_bytes(), &[], &origin()).unwrap();
    assert!(deep.findings.len() == 1 && deep.findings[0].raw.is_some());
}

#[test]
fn the_json_of_a_finding_is_kept_if_it_shows_nothing_and_not_everything_was_understood() {
    let time = r#""updatedAt": "2026-01-01T00:00:00Z""#;
    for (members, is_kept) in [
        (time.to_owned(), false),
        (format!(r#"{time}, "severity": "odd""#), true),
        (format!(r#"{time}, "resource": "odd""#), true),
        (format!(r#"{time}, "description": ["odd"]"#), true),
        (format!(r#"{time}, "service": {{"action": "odd"}}"#), true),
        (r#""new": 1"#.to_owned(), true),
    ] {
        let finding = decode(&format!(r#"{{"id": "f", {members}}}"#), &origin()).unwrap();
        assert_eq!(finding.raw.is_some(), is_kept, "{members}");
    }
}

#[test]
fn a_sample_is_recognized_in_every_form_of_the_additional_information() {
    for (info, is_sample) in [
        (r#"{"sample": true}"#, true),
        (r#"{"Sample": true, "type": "default"}"#, true),
        (r#"{"value": "{\"sample\":true}", "type": "default"}"#, true),
        (r#"{"value": {"sample": true}}"#, true),
        (r#"{"value": "{\"sample\":true, \"text\": \"\ud800\"}"}"#, true),
        (r#"{"value": "{\"sample\":true, \"text\": \"\\ud800\"}"}"#, true),
        (r#"{"sample": false}"#, false),
        (r#"{"example": true}"#, false),
        (r#"{"value": "a sample"}"#, false),
        (r#""sample""#, false),
    ] {
        let raw = format!(r#"{{"id": "f", "service": {{"additionalInfo": {info}}}}}"#);
        assert_eq!(decode(&raw, &origin()).unwrap().sample, is_sample, "{info}");
    }
}

#[test]
fn additional_information_that_is_almost_json_is_read() {
    for info in
        [r#"{"value": "{\"domain\": \"evil.example\", \"n\": NaN}"}"#, r#"{"value": "{\"domain\": \"evil.example\"}"}"#]
    {
        let raw = format!(r#"{{"id": "f", "service": {{"additionalInfo": {info}}}}}"#);
        let finding = decode(&raw, &origin()).unwrap();
        let lines = finding.details().facts.iter().flat_map(|fact| &fact.lines);
        assert!(lines.map(|line| line.to_plain()).any(|line| line.contains("evil.example")), "{info}");
    }
}
