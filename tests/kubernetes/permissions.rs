//! The least that the program needs, and nothing besides: asked of the API server, and read from its audit log.

use guardduty_slack_support::findings::{high, many};
use serde_json::Value;

use crate::kit::{Helm, cluster};
use crate::site::{FULL, STATE, Site};

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_service_account_may_get_and_patch_its_state_and_nothing_else() {
    let site = Site::new("permissions");
    site.helm(Helm::Three, "install", &[]).must();
    for verb in ["get", "patch"] {
        site.as_service_account(&["auth", "can-i", verb, &format!("configmap/{STATE}")]).must();
    }
    for verb in ["list", "watch", "create", "update", "delete", "deletecollection"] {
        site.as_service_account(&["auth", "can-i", verb, &format!("configmap/{STATE}")]).must_fail("");
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
        site.as_service_account(&["auth", "can-i", verb, what]).must_fail("");
    }
    site.as_service_account(&["get", "configmap", "kube-root-ca.crt"]).must_fail("orbidden");
    site.as_service_account(&["get", "secret", "guardduty-slack"]).must_fail("orbidden");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn a_run_asks_only_for_its_state_and_every_write_is_a_compare_and_swap() {
    let mut site = Site::new("audited");
    site.helm(Helm::Four, "install", &[]).must();
    site.run(many("f", 3)).ran();
    site.run([high("late")]).ran();

    let asked = audited(&site.namespace);
    let foreign: Vec<&Value> = asked.iter().filter(|event| !of_the_state(event)).collect();
    assert!(foreign.is_empty(), "asked for something else: {foreign:?}");
    let writes: Vec<&Value> = asked.iter().filter(|event| event["verb"] == "patch").collect();
    assert!(writes.len() >= 2, "two runs with news write twice at least: {asked:?}");
    for write in writes {
        assert!(names_what_it_read(&write["requestObject"]), "a blind write: {}", write["requestObject"]);
        assert_eq!(write["responseStatus"]["code"], 200);
    }
    let state = site.kubectl(&["get", "configmap", STATE, "--output=json", "--show-managed-fields"]).must();
    assert!(state.contains(r#""manager": "guardduty-slack""#), "the data's field manager has a name: {state}");
}

/// What the site's ServiceAccount asked of the API server, finished requests only.
fn audited(namespace: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(cluster().join("audit.log")).expect("the API server keeps an audit log");
    let user = format!("system:serviceaccount:{namespace}:{FULL}");
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("the log is JSON lines"));
    events.filter(|event| event["user"]["username"] == user.as_str() && event["stage"] == "ResponseComplete").collect()
}

fn of_the_state(event: &Value) -> bool {
    let object = &event["objectRef"];
    let verb = event["verb"].as_str().is_some_and(|verb| matches!(verb, "get" | "patch"));
    verb && object["resource"] == "configmaps" && object["name"] == STATE
}

/// A merge patch with the resource version that was read, or a JSON patch that tests it.
fn names_what_it_read(patch: &Value) -> bool {
    let merge = patch["metadata"]["resourceVersion"].is_string();
    let tests = |step: &Value| step["op"] == "test" && step["path"] == "/metadata/resourceVersion";
    merge || patch.as_array().is_some_and(|steps| steps.iter().any(tests))
}
