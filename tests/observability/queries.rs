//! Every query of the dashboard and of the alerts returns data after real runs, and uses only metrics that exist.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use guardduty_slack_support::fault::{error, status};
use guardduty_slack_support::findings::{critical, high, low, medium};
use guardduty_slack_support::world::{ACCOUNT, REGION, World};

use crate::dashboard::{annotations, interpolate, metrics_in, read, targets};
use crate::faults::failed_scan;
use crate::services::{Service, eventually, prometheus, pushgateway};

/// Scopes of the app, with triage.
pub(crate) const SCOPES: [&str; 5] =
    ["chat:write", "channels:history", "groups:history", "reactions:read", "users:read"];

const RANGE: i64 = 3_600;
const STEP: i64 = 60;

/// Waits until Prometheus has scraped the last push. The Pushgateway exposes its time.
fn wait_for_scrape(gateway: &Service, prometheus: &Service) {
    let (_, text) = gateway.get("/metrics").expect("a running Pushgateway answers");
    let line = text.lines().find(|line| line.starts_with("push_time_seconds{")).expect("a run pushed");
    let pushed: f64 = line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a time is a number");
    eventually("the scrape of a push", || {
        prometheus.values("push_time_seconds").iter().any(|scraped| *scraped >= pushed).then_some(())
    });
}

/// A successful run, with unhealthy runtime coverage, a failing export and a failed malware scan; one with an acknowledgment, recurrences and a rate limit; one in which a region is denied, the other has a
/// disabled detector and Slack rejects the token.
fn run_three_times(gateway: &Service, prometheus: &Service) {
    let world = World::new(env!("CARGO_BIN_EXE_guardduty-slack"));
    world.slack.scopes(SCOPES);
    world.aws.source(ACCOUNT, REGION, |source| {
        source.uncovered.push(("EKS".into(), "payments".into(), "No pods running".into()));
        source.destinations.insert("d1".into(), ("arn:aws:s3:::archive".into(), "STOPPED".into()));
        source.scans.push(failed_scan());
    });
    let world = world
        .env("PUSHGATEWAY_URL", format!("http://127.0.0.1:{}", gateway.port))
        .env("PUSHGATEWAY_LABELS", "namespace=security,release=rel")
        .env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1")
        .env("SLACK_TRIAGE", "show")
        .findings([low("l1"), medium("m1"), high("h1")])
        .findings_in(ACCOUNT, "us-east-1", [critical("c1")])
        .run()
        .exit(0);
    wait_for_scrape(gateway, prometheus);
    world.slack.react(&world.message_of("h1").ts, "eyes", "U0ALICE");
    let world = world
        .findings([high("h1").updated_ago(5).count(7), medium("m2")])
        .slack([status(429).retry_after(1)])
        .run()
        .exit(0);
    wait_for_scrape(gateway, prometheus);
    world.aws.source(ACCOUNT, REGION, |source| source.status = "DISABLED");
    world
        .findings([high("h2"), low("l2")])
        .fault(
            |call| call.service == "guardduty" && call.place.ends_with("us-east-1"),
            [error("AccessDeniedException").for_ever()],
        )
        .slack([error("invalid_auth").for_ever()])
        .run()
        .exit(1);
    wait_for_scrape(gateway, prometheus);
}

/// Output of `promtool check metrics` for the program's own metrics.
fn check_metrics(metrics: &str) -> String {
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
fn queries_return_data_after_real_runs() {
    let rules = std::env::var_os("GUARDDUTY_SLACK_ALERTS").map(PathBuf::from).expect("run by tests/observability/run");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gateway = pushgateway();
    let prometheus = prometheus(folder.path(), &gateway, &rules);
    run_three_times(&gateway, &prometheus);

    let names = prometheus.api("label/__name__/values", &[]);
    let names = names.as_array().expect("names are a list").iter();
    let pushed: BTreeSet<String> = names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
    check_panels(&prometheus, &pushed);
    check_variables(&prometheus);
    check_alerts(&prometheus, &pushed);
    check_coverage(&prometheus, &pushed);

    let (_, text) = gateway.get("/metrics").expect("a running Pushgateway answers");
    let own: String = text.lines().filter(|l| l.contains("guardduty_slack_")).map(|l| format!("{l}\n")).collect();
    assert_eq!(check_metrics(&own), "");
}

fn check_panels(prometheus: &Service, pushed: &BTreeSet<String>) {
    for target in targets() {
        let query = target.query(RANGE, STEP);
        let unknown: Vec<String> = metrics_in(&query).difference(pushed).cloned().collect();
        assert!(unknown.is_empty(), "panel \"{}\" uses metrics that no run pushes: {unknown:?}", target.title);
        assert!(!prometheus.values(&query).is_empty(), "panel \"{}\" is empty: {query}", target.title);
    }
    for annotation in annotations() {
        let query = interpolate(&annotation, RANGE, STEP);
        eventually(&format!("the annotation {query}"), || (!prometheus.values(&query).is_empty()).then_some(()));
    }
}

fn check_variables(prometheus: &Service) {
    let dashboard = read();
    let variables = dashboard["templating"]["list"].as_array().expect("the dashboard has variables").clone();
    for variable in variables.iter().filter(|variable| variable["type"] == "query") {
        let query = variable["query"]["query"].as_str().expect("a variable has a query");
        let query = interpolate(query, RANGE, STEP);
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).expect("label values");
        let (selector, label) = inner.rsplit_once(", ").expect("a selector and a label");
        assert!(!prometheus.values(&format!("count by ({label}) ({selector})")).is_empty(), "{query}");
    }
}

/// An alert that does not fire returns nothing, so each of its selectors is a query of its own.
fn check_alerts(prometheus: &Service, pushed: &BTreeSet<String>) {
    let loaded = prometheus.api("rules", &[]);
    let rules = loaded["groups"][0]["rules"].as_array().expect("the alerts are loaded").clone();
    assert!(rules.len() >= 8, "{loaded}");
    for rule in rules {
        let (name, query) = (&rule["name"], rule["query"].as_str().expect("an alert has a query"));
        let unknown: Vec<String> = metrics_in(query).difference(pushed).cloned().collect();
        assert!(unknown.is_empty(), "{name} uses metrics that no run pushes: {unknown:?}");
        for selector in selectors(query) {
            assert!(!prometheus.values(&selector).is_empty(), "{name} selects nothing: {selector}");
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

fn check_coverage(prometheus: &Service, pushed: &BTreeSet<String>) {
    let alerts = prometheus.api("rules", &[]).to_string();
    let in_panels = targets().into_iter().flat_map(|target| metrics_in(&target.expression));
    let used: BTreeSet<String> = in_panels.chain(metrics_in(&alerts)).collect();
    let own = pushed.iter().filter(|name| name.starts_with("guardduty_slack_"));
    let unused: Vec<&String> = own.filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "no panel and no alert uses {unused:?}");
}
