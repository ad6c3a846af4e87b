//! What a CronJob's Pods would meet: the restricted Pod Security Standard, the Job controller, a run's end.

use serde_json::{Value, json};

use crate::kit::{Helm, Said, eventually, features, kubectl, kubectl_with};
use crate::site::{FULL, Site, namespace_that_is_restricted};

/// Every Pod that a manifest would lead to: the test's own, and those of the CronJob's template.
fn pods(manifests: &str) -> Vec<Value> {
    let said = kubectl_with(manifests, &["create", "--dry-run=client", "--output=json", "--filename=-"]).must();
    let documents: Vec<Value> = serde_json::Deserializer::from_str(&said)
        .into_iter::<Value>()
        .map(|document| document.expect("kubectl prints JSON"))
        .flat_map(|document| document["items"].as_array().cloned().unwrap_or_else(|| vec![document]))
        .collect();
    documents.into_iter().filter_map(as_pod).collect()
}

fn as_pod(document: Value) -> Option<Value> {
    match document["kind"].as_str()? {
        "Pod" => Some(document),
        "CronJob" => {
            let template = &document["spec"]["jobTemplate"]["spec"]["template"];
            let metadata = json!({ "name": "of-the-template", "labels": template["metadata"]["labels"] });
            Some(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] }))
        }
        _ => None,
    }
}

fn admit(namespace: &str, pod: &Value) -> Said {
    let mut pod = pod.clone();
    pod["metadata"]["namespace"] = namespace.into();
    // the account that the Pod runs as is another test's concern
    pod["spec"]["serviceAccountName"] = "default".into();
    kubectl_with(&pod.to_string(), &["create", "--dry-run=server", "--filename=-"])
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_pods_of_every_feature_are_admitted_under_the_restricted_standard() {
    namespace_that_is_restricted("admission");
    eventually("the default service account", || {
        kubectl(&["-n", "admission", "get", "sa", "default"]).ok.then_some(())
    });
    for values in features() {
        let pods = pods(&Helm::Four.template("admission", &values));
        assert_eq!(pods.len(), 2, "the CronJob's and the test's: {}", values.display());
        for pod in pods {
            let said = admit("admission", &pod);
            assert!(said.ok && !said.err.contains("Warning"), "{}: {}", values.display(), said.err);
        }
    }
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn a_pod_without_the_charts_security_context_would_be_refused() {
    namespace_that_is_restricted("refusal");
    eventually("the default service account", || kubectl(&["-n", "refusal", "get", "sa", "default"]).ok.then_some(()));
    let mut pod = pods(&Helm::Three.template("refusal", &features()[0])).remove(0);
    pod["spec"]["containers"][0]["securityContext"] = json!({});
    admit("refusal", &pod).must_fail("violates PodSecurity");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn a_job_started_by_hand_gets_its_pod_with_the_service_accounts_token() {
    let site = Site::new("by-hand");
    let said = site.helm(Helm::Four, "install", &[]);
    assert!(!said.err.contains("would violate PodSecurity"), "{}", said.err);
    said.must();
    let pod = start_by_hand(&site);
    assert_eq!(pod["spec"]["serviceAccountName"], FULL);
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], Value::Null, "the deadline is the Job's");
    assert_eq!(site.object("job", "by-hand")["spec"]["activeDeadlineSeconds"], 600);
    let volumes = pod["spec"]["volumes"].to_string();
    assert!(volumes.contains("serviceAccountToken"), "a projected token: {volumes}");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn a_failed_run_fails_its_job_at_once_and_leaves_the_retry_to_the_schedule() {
    let site = Site::new("failed-run");
    site.helm(Helm::Three, "install", &[]).must();
    let pod = start_by_hand(&site);
    let name = pod["metadata"]["name"].as_str().expect("a Pod has a name");
    let terminated = json!({ "exitCode": 1, "reason": "Error" });
    let status = json!({ "status": { "phase": "Failed", "containerStatuses": [{
        "name": "guardduty-slack", "image": "-", "imageID": "-", "ready": false, "restartCount": 0,
        "state": { "terminated": terminated },
    }] } });
    site.kubectl(&["patch", "pod", name, "--subresource=status", "--type=merge", "--patch", &status.to_string()])
        .must();
    let failed = eventually("the Job's failure", || {
        let job = site.object("job", "by-hand");
        let conditions = job["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|condition| condition["type"] == "Failed")
    });
    assert_eq!(failed["reason"], "BackoffLimitExceeded");
    let pods = site.kubectl(&["get", "pods", "--output=name"]).must();
    assert_eq!(pods.lines().count(), 1, "no second Pod: {pods}");
}

fn start_by_hand(site: &Site) -> Value {
    site.kubectl(&["create", "job", &format!("--from=cronjob/{FULL}"), "by-hand"]).must();
    let name = eventually("the Job's Pod", || {
        let selector = "--selector=batch.kubernetes.io/job-name=by-hand";
        let names = site.kubectl(&["get", "pods", selector, "--output=jsonpath={.items[*].metadata.name}"]).must();
        (!names.is_empty()).then_some(names)
    });
    site.object("pod", &name)
}
