//! Admission of Pods under the restricted Pod Security Standard, and the Jobs of the CronJob.

use serde_json::{Value, json};

use crate::kit::{CommandOutput, Helm, eventually, features, kubectl, kubectl_with};
use crate::site::{FULL, Site, namespace_that_is_restricted};

/// Pods of the manifests: the test hook, and the Pod template of the CronJob.
fn pods(manifests: &str) -> Vec<Value> {
    let output =
        kubectl_with(manifests, &["create", "--dry-run=client", "--output=json", "--filename=-"]).assert_success();
    let documents: Vec<Value> = serde_json::Deserializer::from_str(&output)
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

fn admit(namespace: &str, pod: &Value) -> CommandOutput {
    let mut pod = pod.clone();
    pod["metadata"]["namespace"] = namespace.into();
    // the ServiceAccount does not exist in this namespace
    pod["spec"]["serviceAccountName"] = "default".into();
    kubectl_with(&pod.to_string(), &["create", "--dry-run=server", "--filename=-"])
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn pods_of_every_feature_are_admitted_under_the_restricted_standard() {
    namespace_that_is_restricted("admission");
    eventually("the default service account", || {
        kubectl(&["-n", "admission", "get", "sa", "default"]).success.then_some(())
    });
    for values in features() {
        let pods = pods(&Helm::Four.template("admission", &values));
        assert_eq!(pods.len(), 2, "one of the CronJob and one of the test hook: {}", values.display());
        for pod in pods {
            let output = admit("admission", &pod);
            assert!(output.success && !output.stderr.contains("Warning"), "{}: {}", values.display(), output.stderr);
        }
    }
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn pod_without_the_security_context_is_rejected() {
    namespace_that_is_restricted("refusal");
    eventually("the default service account", || {
        kubectl(&["-n", "refusal", "get", "sa", "default"]).success.then_some(())
    });
    let mut pod = pods(&Helm::Three.template("refusal", &features()[0])).remove(0);
    pod["spec"]["containers"][0]["securityContext"] = json!({});
    admit("refusal", &pod).assert_failure("violates PodSecurity");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn manually_created_job_runs_with_the_service_account_token() {
    let site = Site::new("manual");
    let output = site.helm(Helm::Four, "install", &[]);
    assert!(!output.stderr.contains("would violate PodSecurity"), "{}", output.stderr);
    output.assert_success();
    let pod = create_job_manually(&site);
    assert_eq!(pod["spec"]["serviceAccountName"], FULL);
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], Value::Null, "the deadline belongs to the Job");
    assert_eq!(site.object("job", "manual")["spec"]["activeDeadlineSeconds"], 600);
    let volumes = pod["spec"]["volumes"].to_string();
    assert!(volumes.contains("serviceAccountToken"), "a projected token: {volumes}");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn failed_run_fails_its_job_immediately_and_is_retried_by_the_schedule() {
    let site = Site::new("failed-run");
    site.helm(Helm::Three, "install", &[]).assert_success();
    let pod = create_job_manually(&site);
    let name = pod["metadata"]["name"].as_str().expect("a Pod has a name");
    let terminated = json!({ "exitCode": 1, "reason": "Error" });
    let status = json!({ "status": { "phase": "Failed", "containerStatuses": [{
        "name": "guardduty-slack", "image": "-", "imageID": "-", "ready": false, "restartCount": 0,
        "state": { "terminated": terminated },
    }] } });
    site.kubectl(&["patch", "pod", name, "--subresource=status", "--type=merge", "--patch", &status.to_string()])
        .assert_success();
    let failed = eventually("the Job's failure", || {
        let job = site.object("job", "manual");
        let conditions = job["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|condition| condition["type"] == "Failed")
    });
    assert_eq!(failed["reason"], "BackoffLimitExceeded");
    let pods = site.kubectl(&["get", "pods", "--output=name"]).assert_success();
    assert_eq!(pods.lines().count(), 1, "no second Pod: {pods}");
}

fn create_job_manually(site: &Site) -> Value {
    site.kubectl(&["create", "job", &format!("--from=cronjob/{FULL}"), "manual"]).assert_success();
    let name = eventually("the Job's Pod", || {
        let selector = "--selector=batch.kubernetes.io/job-name=manual";
        let names =
            site.kubectl(&["get", "pods", selector, "--output=jsonpath={.items[*].metadata.name}"]).assert_success();
        (!names.is_empty()).then_some(names)
    });
    site.object("pod", &name)
}
