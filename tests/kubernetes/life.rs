//! The life of a release: installed, run, upgraded, rolled back, uninstalled, installed again. The watermark stays.

use guardduty_slack_support::findings::{critical, high, medium};

use crate::kit::{CHART, Helm, kubectl_with};
use crate::site::{FULL, RELEASE, STATE, Site};

/// The names of the findings that the last run posted.
fn posted(site: &Site) -> Vec<String> {
    site.world.as_ref().map(|world| world.posted_ids()).unwrap_or_default()
}

fn an_installed_release_moves_its_watermark(helm: Helm, namespace: &str) {
    let mut site = Site::new(namespace);
    let packages = tempfile::tempdir().expect("a temporary folder");
    let folder = packages.path().to_str().expect("a temporary folder's path is text");
    helm.run(&["package", CHART, "--destination", folder]).must();
    let package = format!("{folder}/guardduty-slack-0.1.0.tgz");
    let channel = format!("config.slack.channel={}", guardduty_slack_support::slack::CHANNEL);
    let values = ["--set", "secret.existingSecret=guardduty-slack", "--set", &channel];
    site.helm_plain(helm, &[&["install", RELEASE, package.as_str()], &values[..]].concat()).must();
    assert_eq!(site.watermark(), None, "a fresh release has no state");

    site.run([high("f1"), medium("f2")]).ran();
    assert_eq!(site.world.as_ref().and_then(|w| w.ran().code), Some(0));
    assert_eq!(posted(&site).len(), 2);
    let first = site.watermark().expect("the run recorded its watermark");

    site.run([critical("f3")]).ran();
    assert_eq!(posted(&site).len(), 1, "the second run says only what is new");
    assert_ne!(site.watermark().expect("and records it"), first);
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn a_release_installed_by_helm_3_moves_its_watermark_in_its_service_accounts_name() {
    an_installed_release_moves_its_watermark(Helm::Three, "install-by-3");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn a_release_installed_by_helm_4_moves_its_watermark_in_its_service_accounts_name() {
    an_installed_release_moves_its_watermark(Helm::Four, "install-by-4");
}

/// Installs by one Helm, runs, and lets the other Helm (or the same) do all that happens to a release.
fn the_watermark_outlives(installer: Helm, upgrader: Helm, namespace: &str) {
    let mut site = Site::new(namespace);
    site.helm(installer, "install", &[]).must();
    site.run([high("f1")]).ran();
    let watermark = site.watermark().expect("the run recorded its watermark");
    let kept = |site: &Site, after: &str| assert_eq!(site.watermark().as_ref(), Some(&watermark), "lost by {after}");

    site.helm(upgrader, "upgrade", &["schedule=*/10 * * * *", "commonLabels.team=security"]).must();
    kept(&site, "an upgrade");
    site.helm_plain(upgrader, &["rollback", RELEASE, "1"]).must();
    kept(&site, "a rollback");
    site.helm(installer, "upgrade", &["commonAnnotations.note=again"]).must();
    kept(&site, "an upgrade by the first Helm");
    site.helm_plain(upgrader, &["uninstall", RELEASE]).must();
    site.kubectl(&["get", "cronjob", FULL]).must_fail("not found");
    kept(&site, "an uninstall");
    site.helm(upgrader, "install", &[]).must();
    kept(&site, "a reinstall");

    site.run([]).ran();
    assert_eq!(posted(&site), Vec::<String>::new(), "nothing is said twice after all this");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_watermark_outlives_whatever_helm_3_does() {
    the_watermark_outlives(Helm::Three, Helm::Three, "life-by-3");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_watermark_outlives_whatever_helm_4_does() {
    the_watermark_outlives(Helm::Four, Helm::Four, "life-by-4");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_watermark_outlives_a_change_from_helm_3_to_helm_4_and_back() {
    the_watermark_outlives(Helm::Three, Helm::Four, "life-by-3-and-4");
}

fn a_cronjob_suspended_by_hand_stays_so(helm: Helm, namespace: &str) {
    let site = Site::new(namespace);
    site.helm(helm, "install", &[]).must();
    site.kubectl(&["patch", "cronjob", FULL, "--patch", r#"{"spec":{"suspend":true}}"#]).must();
    site.helm(helm, "upgrade", &["schedule=*/10 * * * *"]).must();
    let cronjob = site.object("cronjob", FULL);
    assert_eq!(cronjob["spec"]["suspend"], true);
    assert_eq!(cronjob["spec"]["schedule"], "*/10 * * * *");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn a_cronjob_suspended_by_hand_stays_so_through_an_upgrade_by_helm_3() {
    a_cronjob_suspended_by_hand_stays_so(Helm::Three, "suspended-by-3");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn a_cronjob_suspended_by_hand_stays_so_through_an_upgrade_by_helm_4() {
    a_cronjob_suspended_by_hand_stays_so(Helm::Four, "suspended-by-4");
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn two_releases_stand_side_by_side_in_one_namespace() {
    let site = Site::new("side-by-side");
    for (helm, release) in [(Helm::Three, "eu"), (Helm::Four, "us")] {
        site.helm_plain(helm, &["install", release, CHART, "--set", "secret.existingSecret=guardduty-slack"]).must();
    }
    let names = site.kubectl(&["get", "cronjobs,configmaps", "--output=name"]).must();
    for expected in ["eu-guardduty-slack", "us-guardduty-slack", "eu-guardduty-slack-state", "us-guardduty-slack-state"]
    {
        assert!(names.lines().any(|name| name.ends_with(&format!("/{expected}"))), "{expected} is missing: {names}");
    }
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn a_replay_asked_for_with_kubectl_is_taken_up_once() {
    let mut site = Site::new("replay");
    site.helm(Helm::Four, "install", &[]).must();
    site.run([high("f1")]).ran();
    site.kubectl(&["patch", "configmap", STATE, "--type=merge", "--patch", r#"{"data":{"replay":"6h"}}"#]).must();
    site.run([]).ran();
    assert_eq!(posted(&site).len(), 1, "the finding is announced anew");
    assert_eq!(site.object("configmap", STATE)["data"].get("replay"), None, "and the request is gone");
    site.run([]).ran();
    assert_eq!(posted(&site), Vec::<String>::new());
}

#[test]
#[ignore = "needs a cluster: tests/kubernetes/run"]
fn the_test_hook_proves_the_set_up_without_posting() {
    let mut site = Site::new("test-hook");
    site.helm(Helm::Three, "install", &[]).must();
    let hooks = site.helm_plain(Helm::Three, &["get", "hooks", RELEASE]).must();
    let pod = kubectl_with(&hooks, &["create", "--dry-run=client", "--output=json", "--filename=-"]).must();
    let pod: serde_json::Value = serde_json::from_str(&pod).expect("kubectl prints JSON");
    let world = site.run_container(&pod["spec"]["containers"][0]);
    assert_eq!(world.ran().code, Some(0), "{}\n{}", world.ran().stdout, world.ran().stderr);
    assert!(world.posted_ids().is_empty());
    assert_eq!(site.watermark(), None, "a check records nothing");
}
