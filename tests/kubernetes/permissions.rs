//! Permissions of the ServiceAccount, and the requests in the audit log of the API server.

use guardduty_slack_support::findings::{findings, high};
use serde_json::Value;

use crate::kit::{Helm, cluster};
use crate::site::{FULL, STATE, Site};

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn service_account_can_only_get_and_patch_its_state() {
    let site = Site::new("permissions");
    site.helm(Helm::Three, "install", &[]).assert_success();
    for verb in ["get", "patch"] {
        site.as_service_account(&["auth", "can-i", verb, &format!("configmap/{STATE}")]).assert_success();
    }
    for verb in ["list", "watch", "create", "update", "delete", "deletecollection"] {
        site.as_service_account(&["auth", "can-i", verb, &format!("configmap/{STATE}")]).assert_failure("");
    }
    for (verb, what) in [
        ("get", "configmap/kube-root-ca.crt"),
        ("get", "secret/guardduty-slack"),
        ("list", "secrets"),
        ("get", "pods"),
        ("create", "jobs.batch"),
        ("patch", "cronjobs.batch/rel-guardduty-slack"),
        ("create", "serviceaccounts/token"),
        ("get", "namespaces"),
    ] {
        site.as_service_account(&["auth", "can-i", verb, what]).assert_failure("");
    }
    site.as_service_account(&["get", "configmap", "kube-root-ca.crt"]).assert_failure("orbidden");
    site.as_service_account(&["get", "secret", "guardduty-slack"]).assert_failure("orbidden");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn run_reads_only_its_state_and_writes_with_compare_and_swap() {
    let mut site = Site::new("audited");
    site.helm(Helm::Four, "install", &[]).assert_success();
    site.run(findings("f", 3)).last_run();
    site.run([high("late")]).last_run();

    let requests = audited_requests(&site.namespace);
    let other: Vec<&Value> = requests.iter().filter(|event| !is_access_to_state(event)).collect();
    assert!(other.is_empty(), "other requests: {other:?}");
    let writes: Vec<&Value> = requests.iter().filter(|event| event["verb"] == "patch").collect();
    assert!(writes.len() >= 2, "two runs with new findings write at least twice: {requests:?}");
    for write in writes {
        assert!(
            is_compare_and_swap(&write["requestObject"]),
            "a write without compare-and-swap: {}",
            write["requestObject"]
        );
        assert_eq!(write["responseStatus"]["code"], 200);
    }
    let state = site.kubectl(&["get", "configmap", STATE, "--output=json", "--show-managed-fields"]).assert_success();
    assert!(state.contains(r#""manager": "guardduty-slack""#), "the field manager is missing: {state}");
}

/// Completed requests of the ServiceAccount.
fn audited_requests(namespace: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(cluster().join("audit.log")).expect("the API server keeps an audit log");
    let user = format!("system:serviceaccount:{namespace}:{FULL}");
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("the log is JSON lines"));
    events.filter(|event| event["user"]["username"] == user.as_str() && event["stage"] == "ResponseComplete").collect()
}

fn is_access_to_state(event: &Value) -> bool {
    let object = &event["objectRef"];
    let verb = event["verb"].as_str().is_some_and(|verb| matches!(verb, "get" | "patch"));
    verb && object["resource"] == "configmaps" && object["name"] == STATE
}

/// Returns true for a merge patch with a resource version, and for a JSON patch that tests it.
fn is_compare_and_swap(patch: &Value) -> bool {
    let merge = patch["metadata"]["resourceVersion"].is_string();
    let tests = |step: &Value| step["op"] == "test" && step["path"] == "/metadata/resourceVersion";
    merge || patch.as_array().is_some_and(|steps| steps.iter().any(tests))
}
