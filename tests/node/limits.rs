//! The memory limit of the container.

use guardduty_slack_support::findings::findings;
use serde_json::json;

use crate::site::Site;

#[test]
#[ignore = "needs a node: tests/node/run"]
fn backlog_of_thousands_stays_within_the_default_limit() {
    let mut site = Site::new("backlog");
    site.install(json!({ "config": { "guardduty": { "lookback": "2h" } } }));
    site.add(findings("f", 3000));
    let run = site.run("first");
    run.assert_success();
    assert!(run.log.contains("run finished"), "{}", run.log);
}

#[test]
#[ignore = "needs a node: tests/node/run"]
fn run_after_one_that_exceeded_its_limit_announces_the_findings() {
    let mut site = Site::new("out-of-memory");
    let large = "x".repeat(900_000);
    site.add(findings("f", 10).map(|finding| finding.with("/service/additionalInfo/value", large.as_str())));
    let limited = json!({ "requests": { "memory": "8Mi" }, "limits": { "memory": "8Mi" } });
    site.install(json!({ "resources": limited }));
    let run = site.run("limited");
    assert_eq!((run.reason.as_str(), run.code), ("OOMKilled", Some(137)), "{}", run.log);

    site.helm(crate::kit::Helm::Four, "upgrade", "0.1.0", json!({})).assert_success();
    site.run("unlimited").assert_success();
    assert_eq!(site.announced().len(), 10);
}
