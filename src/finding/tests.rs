//! What the fixtures are taken apart into. What messages make of it is tested there.

use std::path::Path;

use serde_json::{Value, json};

use super::documents::read_documents;
use super::*;

fn read(value: &Value) -> Finding {
    read_documents(&value.to_string()).findings.remove(0)
}

fn raw(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/findings").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn fixture(name: &str) -> Finding {
    read(&raw(name))
}

#[test]
fn a_route_matches_the_kind_and_each_identifier() {
    let names = fixture("runtime-reverse-shell").resource_names();
    for name in [
        "EKSCluster",
        "payments",
        "checkout/api-7d9c-xk2",
        "payments/checkout/api-7d9c-xk2",
        "i-0a1b2c3d4e5f60718",
        "web-1",
        "api",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} is not among {names:?}");
    }
    let names = fixture("iam-anomalous-behavior").resource_names();
    assert_eq!(names[..4], ["AccessKey", "DataPipeline", "ASIAIOSFODNN7EXAMPLE", "AROACKCEVSQ6C2EXAMPLE:nightly-etl"]);
    assert_eq!(fixture("s3-exfiltration").tags(), [("data-owner".to_owned(), "billing".to_owned())]);
}

#[test]
fn traits_are_what_may_be_new_and_name_the_port_that_was_called() {
    assert_eq!(fixture("ec2-c2-connection").traits(), ["ip 198.51.100.200", "country Bulgaria", "port 4444"]);
    assert_eq!(fixture("ec2-ssh-brute-force-ipv6").traits(), ["ip 2001:db8:bad::1", "country Vietnam", "port 22"]);
    assert_eq!(
        fixture("iam-tor-caller").traits(),
        [
            "ip 185.220.101.34",
            "country Germany",
            "api ListBuckets",
            "api GetBucketPolicy",
            "api GetCallerIdentity",
            "threat Tor exit node"
        ]
    );
}

#[test]
fn a_finding_about_a_principal_has_one_key_in_all_regions() {
    let mut elsewhere = raw("iam-tor-caller");
    elsewhere["region"] = json!("us-east-1");
    elsewhere["id"] = json!("another");
    let key = fixture("iam-tor-caller").account_wide_key();
    assert_eq!(key.as_deref(), Some("d622254c"));
    assert_eq!(read(&elsewhere).account_wide_key(), key);
    elsewhere["resource"]["accessKeyDetails"]["userName"] = json!("someone-else");
    assert_ne!(read(&elsewhere).account_wide_key(), key);
    assert_eq!(fixture("s3-exfiltration").account_wide_key(), None);
}

#[test]
fn whatever_guardduty_sends_a_finding_stays_small() {
    let mut huge = raw("eks-anonymous-access");
    let long = "x".repeat(10_000);
    huge["title"] = json!(long);
    huge["resource"]["eksClusterDetails"]["tags"] =
        (0..500).map(|n| json!({"key": format!("{n}-{long}"), "value": long})).collect();
    huge["service"]["action"]["kubernetesApiCallAction"]["sourceIPs"] =
        (0..500).map(|n| json!(format!("198.51.100.{n}"))).collect();
    huge["service"]["action"]["kubernetesApiCallAction"]["userAgent"] = json!(long);
    let f = read(&huge);
    assert!(format!("{f:?}").len() < 80_000, "{}", format!("{f:?}").len());
    assert!(f.left_out(About::Actor) > 400);
    assert_eq!(f.traits().len(), 7);
}

#[test]
fn the_number_shown_never_belongs_to_a_higher_band() {
    for (severity, number) in [(8.95, "8.9"), (8.999, "8.9"), (3.99, "3.9"), (9.0, "9.0"), (10.0, "10.0"), (0.0, "0.0")]
    {
        assert_eq!(Band::number(severity), number, "{severity}");
    }
    for tenths in 0..=100 {
        let severity = f64::from(tenths) / 10.0;
        assert_eq!(Band::number(severity), format!("{severity:.1}"));
    }
}
