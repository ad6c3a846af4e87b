//! From `helm install` to the first message.

use guardduty_slack_support::findings::{critical, high, medium};
use guardduty_slack_support::slack::TOKEN;
use serde_json::json;

use crate::kit::Helm;
use crate::site::{RELEASE, Site};

#[test]
#[ignore = "needs a node: tests/node/run"]
fn first_run_announces_a_finding_in_slack() {
    let mut site = Site::new("first-message");
    site.add([high("f1")]);
    site.install(json!({}));
    site.run("first").assert_success();
    assert_eq!(site.announced(), ["f1"]);
    assert!(site.state().is_some(), "the run saves its watermark");

    site.add([medium("f2")]);
    site.run("second").assert_success();
    assert_eq!(site.announced(), ["f1", "f2"], "the second run announces only the new finding");
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn helm_test_succeeds_with_logs_and_posts_nothing() {
    let site = Site::new("helm-test-green");
    site.install(json!({}));
    let output = site.helm_plain(Helm::Four, &["test", RELEASE, "--logs"]).assert_success();
    assert!(output.contains("ListFindings") && output.contains("state"), "{output}");
    assert!(site.world().slack.messages().is_empty());
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn helm_test_fails_with_the_hint_for_a_revoked_token() {
    let site = Site::new("helm-test-red");
    site.write_token("xoxb-0000-0000-revoked");
    site.install(json!({}));
    let output = site.helm_plain(Helm::Three, &["test", RELEASE, "--logs"]);
    assert!(!output.success, "{}", output.stdout);
    assert!(output.stdout.contains("invalid_auth"), "{}\n{}", output.stdout, output.stderr);
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn findings_wait_for_a_rotated_token() {
    let mut site = Site::new("rotation");
    site.install(json!({}));
    site.add([high("f1")]);
    site.run("before").assert_success();

    site.write_token("xoxb-0000-0000-revoked");
    site.add([critical("f2")]);
    assert!(!site.run("revoked").succeeded, "a run with a revoked token fails");
    site.write_token(TOKEN);
    site.run("rotated").assert_success();
    assert_eq!(site.announced(), ["f1", "f2"]);
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn replay_requested_with_kubectl_announces_findings_again() {
    let mut site = Site::new("replay");
    site.install(json!({}));
    site.add([high("f1")]);
    site.run("first").assert_success();
    let request = r#"{"data":{"replay":"6h"}}"#;
    site.kubectl(&["patch", "configmap", "guardduty-slack-state", "--type", "merge", "--patch", request])
        .assert_success();
    site.run("replay").assert_success();
    site.run("third").assert_success();
    assert_eq!(site.announced(), ["f1", "f1"], "the request is consumed once");
}
