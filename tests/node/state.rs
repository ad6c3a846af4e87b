//! The state in the ConfigMap: through the API server, and as the kubelet mounts it.

use guardduty_slack_support::findings::{high, medium};
use serde_json::json;

use crate::kit::command;
use crate::site::Site;

/// Drops the packets of Pods to the API server, until it is dropped itself.
struct ApiServerOutOfReach;

impl ApiServerOutOfReach {
    fn new() -> Self {
        Self::change("--insert");
        Self
    }

    fn change(verb: &str) {
        let rule = ["--source", "10.201.0.0/24", "--destination", "10.96.0.1", "--jump", "DROP"];
        command("iptables", &[&["--table", "raw", verb, "PREROUTING"], &rule[..]].concat(), "").assert_success();
    }
}

impl Drop for ApiServerOutOfReach {
    fn drop(&mut self) {
        Self::change("--delete");
    }
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn run_that_cannot_reach_the_api_server_continues_from_the_mounted_state() {
    let mut site = Site::new("mounted-state");
    site.install(json!({ "config": { "run": { "timeout": "1m" } } }));
    site.add([high("f1")]);
    site.run("first").assert_success();

    let state = site.state();
    site.add([medium("f2")]);
    let out_of_reach = ApiServerOutOfReach::new();
    site.run("unreachable").assert_code(1);
    drop(out_of_reach);
    assert_eq!(site.announced(), ["f1", "f2"]);
    assert_eq!(site.state(), state, "nothing could be saved");

    site.run("reachable").assert_success();
    assert_eq!(site.announced(), ["f1", "f2"]);
    assert_ne!(site.state(), state);
}
