//! Many sources leave space for findings.

use serde_json::json;

use super::*;

/// A source with all protection plans and an export, as most of an organization are. `more`: also a suppression rule and a
/// trusted list.
fn source(n: usize, more: bool) -> serde_json::Value {
    let (detector, list) = (format!("d0{n:030x}"), format!("a1{n:030x}"));
    let mut watched = json!({
        "features": "0123456789abcdef",
        "destinations": {format!("d1{n:030x}"): {"bucket": "arn:aws:s3:::acme-guardduty-findings", "publishes": true}},
        "compared_at": NOW.to_rfc3339(),
    });
    if more {
        watched["filters"] = json!({"Scanners": {"fingerprint": "f0616f141345b1f7"}});
        watched["ip_sets"] = json!({list.clone(): {"fingerprint": "0616f141345b1f7f"}});
        watched["active"] = json!({"suppression-rule": {"Scanners": "Scanners"}, "trusted-ip-list": {list: "office"}});
    }
    json!({
        "id": n,
        "detector": detector,
        "watermark": NOW.to_rfc3339(),
        "floor": NOW.minus(OVERLAP).to_rfc3339(),
        "initial": true,
        "poll_ms": 1234,
        "last_read_at": NOW.to_rfc3339(),
        "last_configured_at": NOW.to_rfc3339(),
        "watched": watched,
    })
}

fn with_sources(count: usize, more: bool) -> State {
    let key = |n: usize| format!("{:012}/ap-southeast-{}", n / 10, n % 10);
    let sources: serde_json::Map<_, _> = (0..count).map(|n| (key(n), source(n, more))).collect();
    let plans =
        ["CLOUD_TRAIL", "DNS_LOGS", "EBS_MALWARE_PROTECTION", "EKS_AUDIT_LOGS", "FLOW_LOGS", "RDS_LOGIN_EVENTS"];
    let document = json!({"version": 1, "sources": sources, "shared_sets": {"0123456789abcdef": plans}});
    State::parse(&document.to_string()).expect("a document of this version")
}

fn watched(state: &State) -> usize {
    state.sources.values().filter(|source| source.watch_baseline.is_some()).count()
}

#[test]
fn a_thousand_sources_are_watched_and_leave_a_third_of_the_document_to_findings() {
    let mut state = with_sources(1_000, false);
    let report = compact_to(&mut state, MAX_STATE_BYTES);
    assert_eq!((report.unwatched.len(), watched(&state)), (0, 1_000));
    assert!(report.document.len() < MAX_STATE_BYTES / 3 * 2, "{}", report.document.len());
}

#[test]
fn sources_that_need_more_than_their_share_are_not_watched_once_findings_need_the_space() {
    let mut state = with_sources(1_000, true);
    assert!(compact_to(&mut state, MAX_STATE_BYTES).unwatched.is_empty(), "there is space left");
    let least = state.min_bytes(MAX_STATE_BYTES, OVERLAP, &InFlight::default());
    assert!(least < MAX_STATE_BYTES / 10 * 6 + 1_000, "findings are accepted: {least}");
    for n in 0..600 {
        state.findings.insert(format!("{n:0300x}"), with_message(NOW));
    }
    let report = compact_to(&mut state, MAX_STATE_BYTES);
    assert_eq!(report.document, state.to_json());
    assert!(report.document.len() <= MAX_STATE_BYTES);
    assert_eq!(state.findings.len(), 600, "no finding was discarded");
    assert!(state.findings.values().all(|record| record.message.is_some()), "none lost its message");
    assert_eq!(watched(&state) + report.unwatched.len(), 1_000);
    assert!(watched(&state) >= 333, "only {} are watched", watched(&state));
}

#[test]
fn the_largest_baselines_are_discarded_first_and_those_of_the_same_sources_again() {
    let mut state = with_sources(40, false);
    let large = with_sources(40, true);
    let keys: Vec<SourceOrIdentity> = large.sources.keys().take(3).cloned().collect();
    let grow = |state: &mut State| {
        for key in &keys {
            state.sources.insert(key.clone(), large.sources[key].clone());
        }
    };
    grow(&mut state);
    let bound = (state.to_json().len() - 1_000) / 6 * 10;
    for n in 0..400 {
        state.findings.insert(format!("{n:0300x}"), with_message(NOW));
    }
    for _ in 0..2 {
        let report = compact_to(&mut state, bound);
        assert!(!report.unwatched.is_empty() && report.unwatched.len() <= 3, "{:?}", report.unwatched);
        assert!(report.unwatched.iter().all(|key| keys.contains(key)));
        grow(&mut state);
    }
}
