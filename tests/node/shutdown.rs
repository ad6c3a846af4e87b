//! Ends of a Pod while its run posts. The next run announces the rest, and nothing twice.

use guardduty_slack_support::fault::{Gate, hang, hold, ok};
use guardduty_slack_support::findings::findings;
use serde_json::json;

use crate::kit::{eventually, kubectl};
use crate::process::{self, Process};
use crate::site::Site;

const FINDINGS: usize = 5;

/// A site whose run `first` waits for the response to its second message.
fn site_with_held_run(namespace: &str, gate: &Gate) -> Site {
    let mut site = Site::new(namespace);
    site.install(json!({ "config": { "run": { "lease": "15s", "timeout": "1m" } } }));
    site.add(findings("f", FINDINGS));
    site.on("chat.postMessage", [ok(), hold(gate)]);
    site.start("first");
    site.wait_for_posts(2);
    site
}

/// Runs until no lease of an ended run is left, and checks that every finding was announced once.
fn assert_next_run_announces_the_rest(site: &Site) {
    let mut runs = 0;
    eventually("a run that gets the lease", || {
        runs += 1;
        let run = site.run(&format!("next-{runs}"));
        run.assert_success();
        (!run.log.contains("lease is held by another run")).then_some(())
    });
    assert_eq!(site.announced(), ["f1", "f2", "f3", "f4", "f5"]);
}

/// Waits until the run has received SIGTERM, and lets Slack respond.
fn let_run_end(site: &Site, gate: &Gate) {
    eventually("the shutdown", || site.log("first").contains("shutdown requested").then_some(()));
    gate.open();
    process::wait_for_none();
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn run_whose_pod_is_deleted_saves_what_it_delivered() {
    let gate = Gate::default();
    let site = site_with_held_run("pod-deletion", &gate);
    let label = "--selector=batch.kubernetes.io/job-name=first";
    site.kubectl(&["delete", "pod", label, "--wait=false"]).assert_success();
    let_run_end(&site, &gate);
    assert_next_run_announces_the_rest(&site);
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn run_on_a_drained_node_saves_what_it_delivered() {
    let gate = Gate::default();
    let site = site_with_held_run("drain", &gate);
    let drain = std::thread::spawn(|| kubectl(&["drain", "node1", "--force", "--timeout=120s"]));
    let_run_end(&site, &gate);
    let drained = drain.join().expect("kubectl does not panic");
    kubectl(&["uncordon", "node1"]).assert_success();
    drained.assert_success();
    assert_next_run_announces_the_rest(&site);
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn message_of_a_killed_run_is_not_repeated() {
    let mut site = Site::new("killed");
    site.install(json!({ "config": { "run": { "lease": "15s", "timeout": "1m" } } }));
    site.add(findings("f", FINDINGS));
    site.on("chat.postMessage", [ok(), hang().after_effect()]);
    site.start("first");
    site.wait_for_posts(2);
    process::of_run().signal("KILL");
    site.ended("first").assert_code(137);
    assert_next_run_announces_the_rest(&site);
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn message_posted_while_the_api_server_is_away_is_not_repeated() {
    let gate = Gate::default();
    let site = site_with_held_run("api-server-away", &gate);
    let api_server = Process::of_service("kube-apiserver");
    api_server.signal("STOP");
    gate.open();
    process::wait_for_none();
    api_server.signal("CONT");
    site.ended("first").assert_code(1);
    assert_next_run_announces_the_rest(&site);
}
