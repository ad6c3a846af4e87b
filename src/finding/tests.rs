//! The details that are decoded from the fixtures. Their rendering is tested with the messages.

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

fn attributes(name: &str) -> Vec<String> {
    fixture(name).attributes().iter().map(Attribute::to_string).collect()
}

#[test]
fn traits_are_what_may_be_new_and_name_the_port_that_was_called() {
    assert_eq!(attributes("ec2-c2-connection"), ["ip 198.51.100.200", "country Bulgaria", "port 4444"]);
    assert_eq!(attributes("ec2-ssh-brute-force-ipv6"), ["ip 2001:db8:bad::1", "country Vietnam", "port 22"]);
    assert_eq!(
        attributes("iam-tor-caller"),
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
    let key = fixture("iam-tor-caller").global_key();
    assert_eq!(key.as_deref(), Some("d622254c"));
    assert_eq!(read(&elsewhere).global_key(), key);
    elsewhere["resource"]["accessKeyDetails"]["userName"] = json!("someone-else");
    assert_ne!(read(&elsewhere).global_key(), key);
    assert_eq!(fixture("s3-exfiltration").global_key(), None);
}

#[test]
fn size_of_a_finding_is_limited() {
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
    assert!(f.lines_about(Topic::Actor).iter().any(|line| line.to_plain().contains("and 493 more")));
    assert_eq!(f.attributes().len(), 7);
}

#[test]
fn displayed_severity_never_rounds_up_to_a_higher_level() {
    for (severity, number) in [(8.95, "8.9"), (8.999, "8.9"), (3.99, "3.9"), (9.0, "9.0"), (10.0, "10.0"), (0.0, "0.0")]
    {
        assert_eq!(SeverityLevel::format_score(severity), number, "{severity}");
    }
    for tenths in 0..=100 {
        let severity = f64::from(tenths) / 10.0;
        assert_eq!(SeverityLevel::format_score(severity), format!("{severity:.1}"));
    }
}

/// The first finding that has the given members of `service` and `resource`.
fn made(resource: Value, service: Value) -> Finding {
    read(&json!({"id": "f1", "resource": resource, "service": service}))
}

fn connection(role: &str, direction: &str) -> Finding {
    let action = json!({"actionType": "NETWORK_CONNECTION", "networkConnectionAction": {"connectionDirection": direction,
        "protocol": "6", "remoteIpDetails": {"ipAddressV4": "203.0.113.7", "city": {"cityName": "UNKNOWN"}, "organization": {"asn": "7", "asnOrg": "Amazon.com"}}}});
    made(
        json!({"resourceType": "Instance", "instanceDetails": {"instanceId": "i-1"}}),
        json!({"resourceRole": role, "action": action}),
    )
}

#[test]
fn the_other_end_is_named_by_its_role() {
    for (role, direction, about) in [
        ("TARGET", "INBOUND", Topic::Actor),
        ("ACTOR", "OUTBOUND", Topic::Target),
        ("ACTOR", "INBOUND", Topic::Target),
        ("TARGET", "OUTBOUND", Topic::Target),
        ("", "UNKNOWN", Topic::RemoteHost),
    ] {
        let finding = connection(role, direction);
        assert_eq!(finding.lines_about(about)[0].to_plain(), "203.0.113.7 · AS7 Amazon.com", "{role} {direction}");
        assert_eq!(finding.other_end(), about);
    }
    let finding = connection("TARGET", "INBOUND");
    assert_eq!(finding.lines_about(Topic::Action)[0].to_plain(), "inbound TCP");
}

#[test]
fn value_unusual_for_several_scopes_is_shown_once() {
    let value = json!({"unusualBehavior": {
        "unusualASNsAccountProfiling": "asnNumber: 60729 asnOrg: Example", "unusualASNsUserIdentityProfiling": "asnNumber: 60729 asnOrg: Example",
        "networkClusterProfiling": "MTN", "applicationNameClusterProfiling": "psql", "cityClusterProfiling": "UNKNOWN"}});
    let finding = made(json!({}), json!({"additionalInfo": {"type": "default", "value": value.to_string()}}));
    let mut lines: Vec<String> = finding.lines_about(Topic::Anomalies).iter().map(Line::to_plain).collect();
    lines.sort();
    assert_eq!(lines, ["for account and user: AS60729 Example", "for cluster: application psql · network MTN"]);
}

#[test]
fn a_workload_with_only_a_namespace_is_a_namespace() {
    let workload = json!({"kubernetesDetails": {"kubernetesWorkloadDetails": {"namespace": "payments"}}});
    assert_eq!(made(workload, json!({})).subject().to_plain(), "namespace payments");
}

#[test]
fn an_exec_keeps_its_command_and_an_impersonated_user_the_groups() {
    let user = json!({"username": "eve", "impersonatedUser": {"username": "root", "groups": ["system:masters"]}});
    let call = json!({"verb": "create", "resource": "pods", "subresource": "exec", "requestUri": "/api/v1/namespaces/a/pods/b/exec?command=id"});
    let finding = made(
        json!({"kubernetesDetails": {"kubernetesUserDetails": user}}),
        json!({"action": {"kubernetesApiCallAction": call}}),
    );
    let lines = |about| finding.lines_about(about).iter().map(Line::to_plain).collect::<Vec<_>>().join("\n");
    assert!(lines(Topic::Actor).contains("impersonated groups system:masters"), "{}", lines(Topic::Actor));
    assert!(lines(Topic::Action).contains("command id"), "{}", lines(Topic::Action));
}

#[test]
fn a_name_is_not_taken_for_a_domain() {
    let mut finding = fixture("ec2-miner-dns");
    finding.details();
    let details = Arc::get_mut(finding.details.get_mut().unwrap()).unwrap();
    let domain =
        details.traits.iter().find_map(|attribute| attribute.value_of(AttributeKind::Domain)).unwrap().to_owned();
    details.resource.names.extend(["john.doe".into(), domain.clone()]);
    assert!(finding.names().contains(&"john.doe"));
    assert!(!finding.names().contains(&domain.as_str()));
}

#[test]
fn the_lineage_says_where_the_user_changes() {
    let lineage = json!([{"executablePath": "/bin/su", "userId": 33, "euid": 0}, {"executablePath": "/usr/sbin/apache2", "userId": 33, "euid": 33}, {"executablePath": "/sbin/init", "userId": 0, "euid": 0}]);
    let process = json!({"executablePath": "/tmp/x", "startTime": 1_795_521_600, "lineage": lineage});
    let finding = made(json!({}), json!({"runtimeDetails": {"process": process}}));
    assert_eq!(
        finding.lines_about(Topic::Process)[1].to_plain(),
        "started by /sbin/init › /usr/sbin/apache2 (uid 33) › /bin/su (uid 33, effective uid 0)"
    );
}
