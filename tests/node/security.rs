//! What the kernel enforces for the process of a run.

use guardduty_slack_support::fault::{Gate, hold};
use guardduty_slack_support::findings::high;
use serde_json::json;

use crate::process;
use crate::site::Site;

#[test]
#[ignore = "needs a node: tests/node/run"]
fn run_has_no_privileges_and_a_read_only_root() {
    let gate = Gate::default();
    let mut site = Site::new("restricted");
    site.install(json!({}));
    site.add([high("f1")]);
    site.on("chat.postMessage", [hold(&gate)]);
    site.start("first");
    site.wait_for_posts(1);

    let run = process::of_run();
    let status = run.file("status");
    for line in [
        "Uid:\t65532\t65532\t65532\t65532",
        "Gid:\t65532\t65532\t65532\t65532",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.lines().any(|found| found == line), "{line:?} is missing in:\n{status}");
    }
    let mounts = run.file("mountinfo");
    let is_read_only = |path: &str| {
        let mount = mounts.lines().rev().map(|line| line.split(' ').collect::<Vec<_>>());
        let mut of_path = mount.filter(|fields| fields.get(4) == Some(&path));
        of_path.next().is_some_and(|fields| fields[5].split(',').any(|option| option == "ro"))
    };
    for path in ["/", "/etc/guardduty-slack/secret/guardduty-slack"] {
        assert!(is_read_only(path), "{path} is not mounted read-only:\n{mounts}");
    }
    gate.open();
    site.ended("first").assert_success();
    assert_eq!(site.announced(), ["f1"]);
}
