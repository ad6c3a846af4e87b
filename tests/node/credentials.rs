//! Tokens of the cluster, which STS and the Pod Identity agent have reviewed by the API server.

use guardduty_slack_support::findings::high;
use serde_json::json;

use crate::eks::Credentials;
use crate::site::Site;

#[test]
#[ignore = "needs a node: tests/node/run"]
fn irsa_exchanges_the_token_of_the_pod_at_sts() {
    let mut site = Site::with_credentials("by-irsa", Credentials::Irsa);
    site.add([high("f1")]);
    site.install(json!({}));
    site.run("first").assert_success();
    assert!(!site.world().journal().of("AssumeRoleWithWebIdentity").is_empty());
    assert_eq!(site.announced(), ["f1"]);
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn pod_identity_exchanges_the_token_of_the_pod_at_the_agent() {
    let mut site = Site::with_credentials("by-pod-identity", Credentials::PodIdentity);
    site.add([high("f1")]);
    site.install(json!({ "serviceAccount": { "roleArn": "" } }));
    site.run("first").assert_success();
    assert!(site.world().journal().of("AssumeRoleWithWebIdentity").is_empty());
    assert_eq!(site.announced(), ["f1"]);
}
