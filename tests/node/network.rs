//! The NetworkPolicy of the chart, enforced by a controller.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use guardduty_slack_support::server::{Outcome, Reply, Server};
use serde_json::json;

use crate::kit::{eventually, kubectl, kubectl_with};
use crate::process::{self, Process};
use crate::site::Site;

/// Starts a Pod that only sleeps, with the labels and the security context of the Pods of the CronJob, and returns its
/// process.
fn sleeping_pod(site: &Site, namespace: &str, name: &str) -> Process {
    let template = &site.object("cronjob", "guardduty-slack")["spec"]["jobTemplate"]["spec"]["template"];
    let command = ["/pause", name];
    let container = json!({
        "name": "pause", "image": "localhost/pause:node", "imagePullPolicy": "Never", "command": command,
        "securityContext": template["spec"]["containers"][0]["securityContext"],
    });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "labels": template["metadata"]["labels"] },
        "spec": {
            "containers": [container], "securityContext": template["spec"]["securityContext"],
            "terminationGracePeriodSeconds": 0,
        },
    });
    kubectl_with(&pod.to_string(), &["create", "--filename=-"]).assert_success();
    process::of_command(&command.join(" "))
}

/// Whether a TCP connection from the network of a process succeeds.
fn connects(from: &Process, host: &str, port: u16) -> bool {
    let script = format!("exec 3<>/dev/tcp/{host}/{port}");
    from.in_network(&["timeout", "5", "bash", "-c", &script]).success
}

/// Listens in the network of a process; ends with this value.
struct Listener(Child);

impl Listener {
    fn start(place: &Process, port: u16) -> Self {
        let port = port.to_string();
        let arguments = ["--net", "--target", place.id(), "python3", "-m", "http.server", &port];
        let child = Command::new("nsenter").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.expect("nsenter starts"))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn network_policy_is_enforced_in_both_directions() {
    let other_port = SocketAddr::from(([10, 200, 0, 2], 8443));
    let _other_service = Server::start_at(other_port, |_, _| Outcome::Reply(Reply::text(200, "text/plain", "")));
    let site = Site::new("network-policy");
    site.install(json!({}));
    let member = sleeping_pod(&site, &site.namespace, "member");
    let neighbor = sleeping_pod(&site, "default", "neighbor");
    let address = site.object("pod", "member")["status"]["podIP"].as_str().unwrap_or_default().to_owned();
    let _listener = Listener::start(&member, 8080);
    eventually("the listener", || connects(&member, "127.0.0.1", 8080).then_some(()));

    for (host, port) in [("10.200.0.2", 8443), ("10.200.0.1", 10250), ("10.200.0.1", 9091)] {
        eventually("denial of egress that no run requires", || (!connects(&member, host, port)).then_some(()));
    }
    eventually("denial of ingress", || (!connects(&neighbor, &address, 8080)).then_some(()));
    for (host, port) in [("10.200.0.2", 443), ("10.200.0.3", 443), ("10.200.0.1", 6443), ("169.254.170.23", 80)] {
        assert!(connects(&member, host, port), "{host}:{port} is required by a run, and not reachable");
    }

    // What was denied was denied by the policy.
    site.kubectl(&["delete", "networkpolicy", "--all"]).assert_success();
    eventually("egress without the policy", || connects(&member, "10.200.0.2", 8443).then_some(()));
    eventually("ingress without the policy", || connects(&neighbor, &address, 8080).then_some(()));
    kubectl(&["delete", "pod", "neighbor", "--wait=false"]).assert_success();
}
