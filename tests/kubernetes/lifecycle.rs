//! Installation, upgrade, rollback, uninstall and reinstallation of a release. The watermark is kept.

use guardduty_slack_support::findings::{critical, high, medium};

use crate::kit::{CHART, Helm, kubectl_with};
use crate::site::{FULL, RELEASE, STATE, Site};

/// IDs of the findings that the last run posted.
fn posted(site: &Site) -> Vec<String> {
    site.world.as_ref().map(guardduty_slack_support::world::World::posted_ids).unwrap_or_default()
}

fn assert_installed_release_moves_its_watermark(helm: Helm, namespace: &str) {
    let mut site = Site::new(namespace);
    let packages = tempfile::tempdir().expect("a temporary folder");
    let folder = packages.path().to_str().expect("a path in UTF-8");
    helm.run(&["package", CHART, "--destination", folder]).assert_success();
    let package = format!("{folder}/guardduty-slack-0.1.0.tgz");
    let channel = format!("config.slack.channel={}", guardduty_slack_support::slack::CHANNEL);
    let values = ["--set", "secret.existingSecret=guardduty-slack", "--set", &channel];
    site.helm_plain(helm, &[&["install", RELEASE, package.as_str()], &values[..]].concat()).assert_success();
    assert_eq!(site.watermark(), None, "a new release has no state");

    site.run([high("f1"), medium("f2")]).last_run();
    assert_eq!(site.world.as_ref().and_then(|w| w.last_run().code), Some(0));
    assert_eq!(posted(&site).len(), 2);
    let first = site.watermark().expect("the run saves its watermark");

    site.run([critical("f3")]).last_run();
    assert_eq!(posted(&site).len(), 1, "the second run posts only the new finding");
    assert_ne!(site.watermark().expect("the run saves its watermark"), first);
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn release_installed_by_helm_3_moves_its_watermark() {
    assert_installed_release_moves_its_watermark(Helm::Three, "install-by-3");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn release_installed_by_helm_4_moves_its_watermark() {
    assert_installed_release_moves_its_watermark(Helm::Four, "install-by-4");
}

/// Installs with one Helm, runs once, and applies all operations on a release with the other Helm.
fn assert_watermark_survives(installer: Helm, upgrader: Helm, namespace: &str) {
    let mut site = Site::new(namespace);
    site.helm(installer, "install", &[]).assert_success();
    site.run([high("f1")]).last_run();
    let watermark = site.watermark().expect("the run saves its watermark");
    let kept = |site: &Site, after: &str| assert_eq!(site.watermark().as_ref(), Some(&watermark), "lost by {after}");

    site.helm(upgrader, "upgrade", &["schedule=*/10 * * * *", "commonLabels.team=security"]).assert_success();
    kept(&site, "an upgrade");
    site.helm_plain(upgrader, &["rollback", RELEASE, "1"]).assert_success();
    kept(&site, "a rollback");
    site.helm(installer, "upgrade", &["commonAnnotations.note=again"]).assert_success();
    kept(&site, "an upgrade by the first Helm");
    site.helm_plain(upgrader, &["uninstall", RELEASE]).assert_success();
    site.kubectl(&["get", "cronjob", FULL]).assert_failure("not found");
    kept(&site, "an uninstall");
    site.helm(upgrader, "install", &[]).assert_success();
    kept(&site, "a reinstall");

    site.run([]).last_run();
    assert_eq!(posted(&site), Vec::<String>::new(), "no finding is announced twice");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn watermark_survives_all_operations_of_helm_3() {
    assert_watermark_survives(Helm::Three, Helm::Three, "life-by-3");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn watermark_survives_all_operations_of_helm_4() {
    assert_watermark_survives(Helm::Four, Helm::Four, "life-by-4");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn watermark_survives_a_change_between_helm_3_and_helm_4() {
    assert_watermark_survives(Helm::Three, Helm::Four, "life-by-3-and-4");
}

fn assert_manual_suspension_survives_an_upgrade(helm: Helm, namespace: &str) {
    let site = Site::new(namespace);
    site.helm(helm, "install", &[]).assert_success();
    site.kubectl(&["patch", "cronjob", FULL, "--patch", r#"{"spec":{"suspend":true}}"#]).assert_success();
    site.helm(helm, "upgrade", &["schedule=*/10 * * * *"]).assert_success();
    let cronjob = site.object("cronjob", FULL);
    assert_eq!(cronjob["spec"]["suspend"], true);
    assert_eq!(cronjob["spec"]["schedule"], "*/10 * * * *");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn manual_suspension_survives_an_upgrade_with_helm_3() {
    assert_manual_suspension_survives_an_upgrade(Helm::Three, "suspended-by-3");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn manual_suspension_survives_an_upgrade_with_helm_4() {
    assert_manual_suspension_survives_an_upgrade(Helm::Four, "suspended-by-4");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn two_releases_coexist_in_one_namespace() {
    let site = Site::new("side-by-side");
    for (helm, release) in [(Helm::Three, "eu"), (Helm::Four, "us")] {
        site.helm_plain(helm, &["install", release, CHART, "--set", "secret.existingSecret=guardduty-slack"])
            .assert_success();
    }
    let names = site.kubectl(&["get", "cronjobs,configmaps", "--output=name"]).assert_success();
    for expected in ["eu-guardduty-slack", "us-guardduty-slack", "eu-guardduty-slack-state", "us-guardduty-slack-state"]
    {
        assert!(names.lines().any(|name| name.ends_with(&format!("/{expected}"))), "{expected} is missing: {names}");
    }
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn replay_requested_with_kubectl_is_consumed_once() {
    let mut site = Site::new("replay");
    site.helm(Helm::Four, "install", &[]).assert_success();
    site.run([high("f1")]).last_run();
    site.kubectl(&["patch", "configmap", STATE, "--type=merge", "--patch", r#"{"data":{"replay":"6h"}}"#])
        .assert_success();
    site.run([]).last_run();
    assert_eq!(posted(&site).len(), 1, "the finding is announced again");
    assert_eq!(site.object("configmap", STATE)["data"].get("replay"), None, "the request is consumed");
    site.run([]).last_run();
    assert_eq!(posted(&site), Vec::<String>::new());
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn helm_test_verifies_the_setup_without_posting() {
    let mut site = Site::new("test-hook");
    site.helm(Helm::Three, "install", &[]).assert_success();
    let hooks = site.helm_plain(Helm::Three, &["get", "hooks", RELEASE]).assert_success();
    let pod = kubectl_with(&hooks, &["create", "--dry-run=client", "--output=json", "--filename=-"]).assert_success();
    let pod: serde_json::Value = serde_json::from_str(&pod).expect("kubectl prints JSON");
    let world = site.run_container(&pod["spec"]["containers"][0]);
    assert_eq!(world.last_run().code, Some(0), "{}\n{}", world.last_run().stdout, world.last_run().stderr);
    assert!(world.posted_ids().is_empty());
    assert_eq!(site.watermark(), None, "a check saves nothing");
}
