//! The lines about the signals of a sequence, and about the resources to contain.

use serde_json::{Value, json};

use crate::finding::documents::read_documents;
use crate::finding::{Finding, Topic};

/// A sequence of this number of signals, one per minute. The third is the most severe.
fn sequence(signals: usize) -> Finding {
    let rows: Vec<Value> = (0..signals).map(signal).collect();
    let finding = json!({
        "id": "s1",
        "type": "AttackSequence:IAM/CompromisedCredentials",
        "resource": {"resourceType": "AttackSequence"},
        "service": {"detection": {"sequence": {
            "signals": rows,
            "actors": [
                {"id": "actor-1", "user": {"name": "ci-deployer", "type": "IAMUser", "credentialUid": "AKIAIOSFODNN7EXAMPLE"}},
                {"id": "actor-2", "user": {"uid": "AROAEXAMPLE", "type": "AssumedRole", "credentialUid": "ASIAIOSFODNN7EXAMPLE"}},
            ],
            "resources": [
                {"uid": "b1", "name": "payroll", "resourceType": "S3_BUCKET"},
                {"uid": "w1", "name": "checkout", "resourceType": "KUBERNETES_WORKLOAD", "data": {"kubernetesWorkload": {"namespace": "payments", "type": "DEPLOYMENTS"}}},
                {"uid": "i-1", "resourceType": "EC2_INSTANCE"},
                {"uid": "eni-1", "resourceType": "EC2_NETWORK_INTERFACE", "data": {"ec2NetworkInterface": {"publicIp": "198.51.100.9"}}},
                {"uid": "AKIA1", "resourceType": "ACCESS_KEY", "data": {"accessKey": {"userName": "ci-deployer"}}},
            ],
            "endpoints": [{"id": "e1", "ip": "203.0.113.7", "connection": {"direction": "INBOUND"}}],
            "additionalSequenceTypes": ["AttackSequence:S3/CompromisedData"],
        }}},
    });
    read_documents(&finding.to_string()).findings.remove(0)
}

fn signal(n: usize) -> Value {
    let time = 1_795_521_600 + 60 * n;
    json!({
        "uid": format!("u{n}"), "type": "CLOUD_TRAIL", "name": format!("Signal{n:02}"),
        "severity": if n == 2 { 9.3 } else { 4.0 }, "count": n + 1,
        "firstSeenAt": time, "lastSeenAt": time + 5,
        "actorIds": [if n.is_multiple_of(2) { "actor-2" } else { "actor-1" }],
        "resourceUids": ["b1", "unknown-resource"], "endpointIds": ["e1"],
        "activities": [{"api": {"operation": "CreateUser", "service": "iam.amazonaws.com", "error": "AccessDenied"}}],
    })
}

fn lines(finding: &Finding, about: Topic) -> Vec<String> {
    finding.lines_about(about).iter().map(crate::finding::Line::to_plain).collect()
}

#[test]
fn the_most_severe_signal_comes_first_and_the_newest_next() {
    let finding = sequence(18);
    let signals = lines(&finding, Topic::Signals);
    assert_eq!(signals.len(), 1 + 18);
    for (at, name) in [(1, "Signal02"), (2, "Signal17"), (3, "Signal16"), (18, "Signal00")] {
        assert!(signals[at].contains(name), "{}", signals[at]);
    }
}

#[test]
fn line_of_a_signal_has_time_action_actor_resource_and_endpoint() {
    insta::assert_snapshot!(lines(&sequence(3), Topic::Signals)[1], @"2026-11-24T12:02:05.000Z · 9.3 · Signal02 · iam:CreateUser denied · 3 times · by AROAEXAMPLE on payroll, unknown-resource from 203.0.113.7");
}

#[test]
fn contain_lists_credentials_then_compute_resources_then_data() {
    insta::assert_snapshot!(lines(&sequence(1), Topic::Contain).join("\n"), @r"
    access key AKIAIOSFODNN7EXAMPLE (ci-deployer)
    access key ASIAIOSFODNN7EXAMPLE (AROAEXAMPLE)
    access key AKIA1 (ci-deployer)
    deployment payments/checkout
    EC2 instance i-1
    network interface eni-1 (198.51.100.9)
    S3 bucket payroll
    ");
}

#[test]
fn other_types_of_the_sequence_stand_beside_the_number_of_its_signals() {
    let total = "2, most severe and newest first · also AttackSequence:S3/CompromisedData";
    assert_eq!(lines(&sequence(2), Topic::Signals)[0], total);
}
