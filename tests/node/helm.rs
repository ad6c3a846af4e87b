//! Upgrade, rollback, and two releases in one namespace.

use guardduty_slack_support::findings::{critical, high, medium};
use guardduty_slack_support::world::ACCOUNT;
use serde_json::json;

use crate::kit::Helm;
use crate::site::{RELEASE, Site};

fn image(site: &Site, job: &str) -> String {
    let pod = site.pod(job).expect("the Pod of the run");
    pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default().to_owned()
}

fn assert_upgrade_and_rollback_repeat_no_finding(helm: Helm, namespace: &str) {
    let mut site = Site::new(namespace);
    site.helm(helm, "install", "0.1.0", json!({})).assert_success();
    site.add([high("f1")]);
    site.run("installed").assert_success();

    site.helm(helm, "upgrade", "0.1.1", json!({})).assert_success();
    site.add([medium("f2")]);
    site.run("upgraded").assert_success();
    assert!(image(&site, "upgraded").ends_with(":0.1.1"), "{}", image(&site, "upgraded"));

    site.helm_plain(helm, &["rollback", RELEASE, "1"]).assert_success();
    site.add([critical("f3")]);
    site.run("rolled-back").assert_success();
    assert!(image(&site, "rolled-back").ends_with(":0.1.0"), "{}", image(&site, "rolled-back"));
    assert_eq!(site.announced(), ["f1", "f2", "f3"]);
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn upgrade_and_rollback_with_helm_3_repeat_no_finding() {
    assert_upgrade_and_rollback_repeat_no_finding(Helm::Three, "upgrade-by-3");
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn upgrade_and_rollback_with_helm_4_repeat_no_finding() {
    assert_upgrade_and_rollback_repeat_no_finding(Helm::Four, "upgrade-by-4");
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn two_releases_in_one_namespace_announce_the_findings_of_their_regions() {
    let mut site = Site::new("two-releases");
    for (release, region) in [("eu", "eu-west-1"), ("us", "us-east-1")] {
        let values = json!({ "config": { "guardduty": { "regions": [region] } } });
        site.helm_release(Helm::Four, "install", release, "0.1.0", values).assert_success();
    }
    site.add([high("f1")]);
    site.add_in(ACCOUNT, "us-east-1", [high("f2")]);
    for release in ["eu", "us"] {
        let cronjob = format!("--from=cronjob/{release}-guardduty-slack");
        site.kubectl(&["create", "job", &cronjob, release]).assert_success();
        site.ended(release).assert_success();
    }
    assert_eq!(site.announced(), ["f1", "f2"]);
}
