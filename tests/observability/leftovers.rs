//! The documented command deletes the metrics of an uninstalled release from the Pushgateway.

use guardduty_slack_support::world::World;

use crate::services::pushgateway;

const RUNBOOK: &str = include_str!("../../docs/alerts.md");
const BASE: &str = "http://localhost:9091";

/// Path of the request that the runbook documents.
fn documented_path() -> &'static str {
    let command = RUNBOOK.lines().find(|line| line.starts_with("curl --fail --request DELETE ")).expect("a command");
    command.split_once(BASE).expect("a URL of the Pushgateway").1
}

#[test]
#[ignore = "needs prometheus-pushgateway: tests/observability/run"]
fn the_documented_command_deletes_the_metrics_of_a_release() {
    let gateway = pushgateway();
    for release in ["guardduty-slack", "other"] {
        let labels = format!("namespace=guardduty-slack,release={release}");
        World::new(env!("CARGO_BIN_EXE_guardduty-slack"))
            .env("PUSHGATEWAY_URL", format!("http://127.0.0.1:{}", gateway.port))
            .env("PUSHGATEWAY_LABELS", labels)
            .run()
            .exit(0);
    }
    let (status, _) = gateway.request("DELETE", documented_path()).expect("a running Pushgateway answers");
    assert_eq!(status, 202);
    let (_, metrics) = gateway.get("/metrics").expect("a running Pushgateway answers");
    assert!(!metrics.contains("release=\"guardduty-slack\"") && metrics.contains("release=\"other\""), "{metrics}");
}
