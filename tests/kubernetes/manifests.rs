//! Every manifest, of every feature and of the plain files, is one that the API server takes at its strictest.

use std::path::Path;

use crate::kit::{Helm, ROOT, Said, features, kubectl, kubectl_with};
use crate::site::{FULL, namespace_that_is_restricted};

/// Validates manifests on the server without storing them: unknown fields, types, semantics.
pub fn apply_strictly(manifests: &str) -> Said {
    let strict = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"];
    kubectl_with(manifests, &strict)
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_api_server_takes_the_manifests_of_every_feature_from_either_helm() {
    namespace_that_is_restricted("strict");
    namespace_that_is_restricted("monitoring");
    // a dry run keeps no ServiceAccount, and the test's Pod is asked for its own
    kubectl(&["--namespace=strict", "create", "serviceaccount", FULL]).must();
    for values in features() {
        for helm in [Helm::Three, Helm::Four] {
            let said = apply_strictly(&helm.template("strict", &values));
            assert!(said.ok, "{} by {helm:?}: {}", values.display(), said.err);
            assert!(!said.err.contains("Warning"), "{} by {helm:?}: {}", values.display(), said.err);
        }
    }
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_api_server_would_refuse_a_typo() {
    namespace_that_is_restricted("typo");
    let manifests = Helm::Three.template("typo", &features()[0]).replace("backoffLimit", "backofLimit");
    apply_strictly(&manifests).must_fail("backofLimit");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_api_server_takes_the_plain_manifests_and_an_apply_keeps_the_watermark() {
    let overlay = Path::new(ROOT).join("k8s/example");
    let apply = |more: &[&str]| {
        let overlay = overlay.to_str().expect("paths of this repository are text");
        kubectl(&[&["apply", "--validate=strict", "--kustomize", overlay], more].concat())
    };
    apply(&[]).must();
    let state = ["--namespace=guardduty-slack", "configmap", "guardduty-slack-state"];
    let patch = r#"{"data":{"watermark.json":"{}"}}"#;
    kubectl(&[&["patch"], &state[..], &["--type=merge", "--patch", patch]].concat()).must();
    apply(&[]).must();
    apply(&["--server-side", "--force-conflicts"]).must();
    let kept = kubectl(&[&["get"], &state[..], &["--output=jsonpath={.data}"]].concat()).must();
    assert_eq!(kept, r#"{"watermark.json":"{}"}"#);
}
