//! Validation of all manifests by the API server.

use std::path::Path;

use crate::kit::{CommandOutput, Helm, ROOT, features, kubectl, kubectl_with};
use crate::site::{FULL, namespace_that_is_restricted};

/// Validates manifests on the server without storing them: unknown fields, types, semantics.
pub(crate) fn apply_strictly(manifests: &str) -> CommandOutput {
    let strict = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"];
    kubectl_with(manifests, &strict)
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn api_server_accepts_the_manifests_of_every_feature_from_both_helms() {
    namespace_that_is_restricted("strict");
    namespace_that_is_restricted("monitoring");
    // a dry run does not create the ServiceAccount that the Pod of the test hook requires
    kubectl(&["--namespace=strict", "create", "serviceaccount", FULL]).assert_success();
    for values in features() {
        for helm in [Helm::Three, Helm::Four] {
            let output = apply_strictly(&helm.template("strict", &values));
            assert!(output.success, "{} by {helm:?}: {}", values.display(), output.stderr);
            assert!(!output.stderr.contains("Warning"), "{} by {helm:?}: {}", values.display(), output.stderr);
        }
    }
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn api_server_rejects_an_unknown_field() {
    namespace_that_is_restricted("typo");
    let manifests = Helm::Three.template("typo", &features()[0]).replace("backoffLimit", "backofLimit");
    apply_strictly(&manifests).assert_failure("backofLimit");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn api_server_accepts_the_plain_manifests_and_an_apply_keeps_the_watermark() {
    let overlay = Path::new(ROOT).join("k8s/example");
    let apply = |more: &[&str]| {
        let overlay = overlay.to_str().expect("a path in UTF-8");
        kubectl(&[&["apply", "--validate=strict", "--kustomize", overlay], more].concat())
    };
    apply(&[]).assert_success();
    let state = ["--namespace=guardduty-slack", "configmap", "guardduty-slack-state"];
    let patch = r#"{"data":{"watermark.json":"{}"}}"#;
    kubectl(&[&["patch"], &state[..], &["--type=merge", "--patch", patch]].concat()).assert_success();
    apply(&[]).assert_success();
    apply(&["--server-side", "--force-conflicts"]).assert_success();
    let kept = kubectl(&[&["get"], &state[..], &["--output=jsonpath={.data}"]].concat()).assert_success();
    assert_eq!(kept, r#"{"watermark.json":"{}"}"#);
}
