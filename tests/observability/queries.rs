//! Every query of the dashboard and of the alerts finds something after real runs, and names only what is pushed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use guardduty_slack_support::fault::{error, status};
use guardduty_slack_support::findings::{critical, high, low, medium};
use guardduty_slack_support::world::{ACCOUNT, World};

use crate::dashboard::{asked, metrics_in, queries, read};
use crate::peers::{Peer, eventually, prometheus, pushgateway};

/// Waits until Prometheus has seen what the last run pushed: the Pushgateway notes when that was.
fn scraped(gateway: &Peer, prometheus: &Peer) {
    let (_, text) = gateway.get("/metrics").expect("a running Pushgateway answers");
    let line = text.lines().find(|line| line.starts_with("push_time_seconds{")).expect("something was pushed");
    let pushed: f64 = line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a time is a number");
    eventually("the scrape of a push", || {
        prometheus.values("push_time_seconds").iter().any(|seen| *seen >= pushed).then_some(())
    });
}

/// Three runs as a site has them: a good one; one with recurrences and a throttle; one in which a region is denied
/// and Slack refuses the app.
fn runs(gateway: &Peer, prometheus: &Peer) {
    let world = World::new(env!("CARGO_BIN_EXE_guardduty-slack"))
        .env("PUSHGATEWAY_URL", format!("http://127.0.0.1:{}", gateway.port))
        .env("PUSHGATEWAY_LABELS", "namespace=security,release=rel")
        .env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1")
        .findings([low("l1"), medium("m1"), high("h1")])
        .findings_in(ACCOUNT, "us-east-1", [critical("c1")])
        .run()
        .exit(0);
    scraped(gateway, prometheus);
    let world = world
        .findings([high("h1").updated_ago(5).count(7), medium("m2")])
        .slack([status(429).retry_after(1)])
        .run()
        .exit(0);
    scraped(gateway, prometheus);
    world
        .findings([high("h2"), low("l2")])
        .fault(|call| call.service == "guardduty" && call.place.ends_with("us-east-1"), [denied()])
        .slack([error("invalid_auth").for_ever()])
        .run()
        .exit(1);
    scraped(gateway, prometheus);
}

fn denied() -> guardduty_slack_support::fault::Step {
    error("AccessDeniedException").for_ever()
}

/// What `promtool check metrics` finds to say about the program's own metrics.
fn promtool_says(metrics: &str) -> String {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let pipe = child.stdin.take().expect("its input is a pipe");
    drop(std::io::Write::write_all(&mut &pipe, metrics.as_bytes()));
    drop(pipe);
    let output = child.wait_with_output().expect("a child that was started can be waited for");
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

#[test]
#[ignore = "needs prometheus and prometheus-pushgateway: tests/observability/run"]
fn every_query_finds_something_after_real_runs() {
    let rules = std::env::var_os("GUARDDUTY_SLACK_ALERTS").map(PathBuf::from).expect("run by tests/observability/run");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gateway = pushgateway();
    let prometheus = prometheus(folder.path(), &gateway, &rules);
    runs(&gateway, &prometheus);

    let names = prometheus.api("label/__name__/values", "");
    let pushed: BTreeSet<String> = names
        .as_array()
        .expect("names are a list")
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    panels_find_something(&prometheus, &pushed);
    variables_offer_something(&prometheus);
    alerts_can_fire(&prometheus, &pushed);
    every_metric_is_looked_at(&prometheus, &pushed);

    let (_, text) = gateway.get("/metrics").expect("a running Pushgateway answers");
    let own: String = text.lines().filter(|l| l.contains("guardduty_slack_")).map(|l| format!("{l}\n")).collect();
    assert_eq!(promtool_says(&own), "");
}

fn panels_find_something(prometheus: &Peer, pushed: &BTreeSet<String>) {
    for (title, query) in queries() {
        let unknown: Vec<String> = metrics_in(&query).difference(pushed).cloned().collect();
        assert!(unknown.is_empty(), "«{title}» asks for what nobody pushes: {unknown:?}");
        assert!(!prometheus.values(&asked(&query)).is_empty(), "«{title}» is empty: {query}");
    }
}

fn variables_offer_something(prometheus: &Peer) {
    let dashboard = read();
    let variables = dashboard["templating"]["list"].as_array().expect("the dashboard has variables").clone();
    for variable in variables.iter().filter(|variable| variable["type"] == "query") {
        let query = asked(variable["query"]["query"].as_str().expect("a variable has a query"));
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).expect("label values");
        let (selector, label) = inner.rsplit_once(", ").expect("a selector and a label");
        assert!(!prometheus.values(&format!("count by ({label}) ({selector})")).is_empty(), "{query}");
    }
}

/// An alert that does not fire is empty, so each of its selectors is asked for itself.
fn alerts_can_fire(prometheus: &Peer, pushed: &BTreeSet<String>) {
    let loaded = prometheus.api("rules", "");
    let rules = loaded["groups"][0]["rules"].as_array().expect("the alerts are loaded").clone();
    assert!(rules.len() >= 8, "{loaded}");
    for rule in rules {
        let (name, query) = (&rule["name"], rule["query"].as_str().expect("an alert has a query"));
        let unknown: Vec<String> = metrics_in(query).difference(pushed).cloned().collect();
        assert!(unknown.is_empty(), "{name} asks for what nobody pushes: {unknown:?}");
        for selector in selectors(query) {
            assert!(!prometheus.values(&selector).is_empty(), "{name} looks at nothing: {selector}");
        }
    }
    let down = "ALERTS{alertname=\"GuardDutySlackSourceDown\",region=\"us-east-1\"}";
    eventually("the alert of the region that was denied", || (!prometheus.values(down).is_empty()).then_some(()));
}

/// The program's metrics in a query, with their matchers.
fn selectors(query: &str) -> Vec<String> {
    let starts = query.match_indices("guardduty_slack_").map(|(at, _)| &query[at..]);
    starts.map(|rest| rest.split_inclusive('}').next().unwrap_or(rest).to_owned()).collect()
}

fn every_metric_is_looked_at(prometheus: &Peer, pushed: &BTreeSet<String>) {
    let alerts = prometheus.api("rules", "").to_string();
    let seen: BTreeSet<String> =
        queries().iter().flat_map(|(_, query)| metrics_in(query)).chain(metrics_in(&alerts)).collect();
    // a histogram is looked at through its buckets
    let whole = |name: &&String| !name.ends_with("_sum") && !name.ends_with("_count");
    let ours = pushed.iter().filter(|name| name.starts_with("guardduty_slack_")).filter(whole);
    let unseen: Vec<&String> = ours.filter(|name| !seen.contains(*name)).collect();
    assert!(unseen.is_empty(), "pushed and shown nowhere: {unseen:?}");
}
