//! Consistency of chart, image, IAM policies and documents. These tests need no cluster.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::kit::{CHART, ROOT};

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn chart_version_is_the_version_of_the_crate() {
    let chart = std::fs::read_to_string(Path::new(CHART).join("Chart.yaml")).expect("the chart is there");
    let version = env!("CARGO_PKG_VERSION");
    let image = format!("      image: ghcr.io/guardduty-slack/guardduty-slack:{version}");
    for expected in [format!("version: {version}"), format!("appVersion: \"{version}\""), image] {
        assert!(chart.lines().any(|line| line == expected), "no line {expected} in {chart}");
    }
}

#[test]
fn image_is_built_with_the_toolchain_of_the_repository() {
    let toolchain = text("rust-toolchain.toml");
    let channel =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).expect("a channel").trim_matches('"');
    let dockerfile = text("Dockerfile");
    for named in [format!("/rust:{channel}-"), format!("RUSTUP_TOOLCHAIN={channel} ")] {
        assert!(dockerfile.contains(&named), "no {named} in the Dockerfile");
    }
}

/// Actions that a policy allows.
fn allowed(policy: &str) -> BTreeSet<String> {
    let policy: Value = serde_json::from_str(&text(policy)).expect("a policy is JSON");
    let statements = policy["Statement"].as_array().expect("a policy has statements");
    let actions = statements.iter().flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        action => vec![action.clone()],
    });
    actions.filter_map(|action| action.as_str().map(str::to_owned)).collect()
}

#[test]
fn policies_allow_the_required_actions_without_wildcards() {
    let needed = ["guardduty:GetFindings", "guardduty:ListDetectors", "guardduty:ListFindings"];
    let optional = [
        "account:ListRegions",
        "guardduty:DescribePublishingDestination",
        "guardduty:GetDetector",
        "guardduty:GetFilter",
        "guardduty:GetFindingsStatistics",
        "guardduty:GetIPSet",
        "guardduty:GetInvestigation",
        "guardduty:GetMalwareScan",
        "guardduty:GetThreatEntitySet",
        "guardduty:GetThreatIntelSet",
        "guardduty:GetTrustedEntitySet",
        "guardduty:ListCoverage",
        "guardduty:ListFilters",
        "guardduty:ListIPSets",
        "guardduty:ListInvestigations",
        "guardduty:ListMalwareScans",
        "guardduty:ListMembers",
        "guardduty:ListPublishingDestinations",
        "guardduty:ListThreatEntitySets",
        "guardduty:ListThreatIntelSets",
        "guardduty:ListTrustedEntitySets",
        "organizations:ListAccounts",
    ];
    let set = |actions: &[&str]| actions.iter().map(|a| (*a).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(allowed("k8s/iam-policy.json"), set(&needed));
    assert_eq!(allowed("k8s/iam-policy-optional.json"), &set(&needed) | &set(&optional));
    let archive = ["guardduty:ArchiveFindings", "guardduty:UnarchiveFindings"];
    assert_eq!(allowed("k8s/iam-policy-archive.json"), set(&archive));
}

/// Name of the SDK method of an operation: `list_ip_sets` for `ListIPSets`.
fn method(operation: &str) -> String {
    let letters: Vec<char> = operation.chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_small = at > 0 && letters[at - 1].is_lowercase();
        let before_small = at > 0 && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_small || before_small) {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// Source code of the program.
fn sources(folder: &Path) -> String {
    let entries =
        std::fs::read_dir(folder).expect("a folder of the program").map(|entry| entry.expect("readable").path());
    let read = |path: std::path::PathBuf| match path.is_dir() {
        true => sources(&path),
        false => std::fs::read_to_string(&path).unwrap_or_default(),
    };
    entries.map(read).collect()
}

#[test]
fn policies_allow_only_actions_that_the_program_calls() {
    let program = sources(&Path::new(ROOT).join("src"));
    for action in &allowed("k8s/iam-policy-optional.json") | &allowed("k8s/iam-policy-archive.json") {
        let (_, operation) = action.split_once(':').expect("an action names its service");
        let call = format!(".{}()", method(operation));
        assert!(program.contains(&call), "{action} is allowed, and nothing calls {call}");
    }
}

#[test]
fn every_iam_example_grants_the_same_actions_as_the_policy() {
    let read = allowed("k8s/iam-policy.json");
    // The role of a member can be given the permission to archive.
    let read_and_archive = &read | &allowed("k8s/iam-policy-archive.json");
    for (snippet, policy) in [
        ("k8s/iam/eksctl-irsa.yaml", &read),
        ("k8s/iam/eksctl-pod-identity.yaml", &read),
        ("k8s/iam/member-role.yaml", &read_and_archive),
    ] {
        let granted: BTreeSet<String> =
            text(snippet).split('"').filter(|word| word.starts_with("guardduty:")).map(str::to_owned).collect();
        assert_eq!(&granted, policy, "{snippet}");
    }
}

#[test]
fn slack_manifest_requests_only_required_scopes() {
    let manifest = text("slack-manifest.yaml");
    let scopes: Vec<&str> = manifest
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("bot:"))
        .filter_map(|line| line.trim().strip_prefix("- "))
        .filter_map(|scope| scope.split_whitespace().next())
        .collect();
    assert_eq!(scopes, ["chat:write", "channels:history", "groups:history", "reactions:read"]);
}

#[test]
fn every_alert_has_a_section_in_the_runbook() {
    let runbook = text("docs/alerts.md");
    let rules = text("helm/guardduty-slack/templates/prometheusrule.yaml");
    let alerts = rules.split("\"alert\" \"").skip(1).filter_map(|rest| rest.split('"').next());
    let alerts: Vec<&str> = alerts.collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in alerts {
        assert!(runbook.lines().any(|line| line == format!("## {alert}")), "no section {alert}");
    }
}
