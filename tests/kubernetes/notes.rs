//! The notes that Helm prints after an installation, with what it finds in the cluster.

use crate::kit::{Helm, kubectl};
use crate::site::Site;

fn notes_name_the_missing_key(helm: Helm, namespace: &str) {
    let site = Site::new(namespace);
    let token = "--from-literal=token=xoxb-example";
    kubectl(&["--namespace", namespace, "create", "secret", "generic", "other", token]).assert_success();
    let notes = site.helm(helm, "install", &["secret.existingSecret=other"]).assert_success();
    let expected = format!("Secret other in namespace {namespace} has no key bot-token, which SLACK_BOT_TOKEN_FILE");
    assert!(notes.contains(&expected), "{notes}");
    let notes =
        site.helm(helm, "upgrade", &["secret.existingSecret=other", "secret.keys.botToken=token"]).assert_success();
    assert!(!notes.contains("Secret other"), "{notes}");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn notes_name_the_missing_key_of_the_secret_with_helm_3() {
    notes_name_the_missing_key(Helm::Three, "missing-key-3");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn notes_name_the_missing_key_of_the_secret_with_helm_4() {
    notes_name_the_missing_key(Helm::Four, "missing-key-4");
}
