//! Every number of the dashboard is true, for ranges of one hour, six hours and a day: real runs push to a real
//! Pushgateway, a real Prometheus has its scrapes, and each query is compared with what the runs did.

use std::collections::BTreeMap;

use guardduty_slack_support::fault::{error, status};
use guardduty_slack_support::findings::{Kind, critical, finding_of, high, low, medium};
use guardduty_slack_support::world::{ACCOUNT, World};
use serde_json::Value;

use crate::dashboard::{Target, targets};
use crate::history::{END, History, Labels};
use crate::panels::expected;
use crate::queries::SCOPES;
use crate::services::{Service, prometheus_with_blocks, pushgateway};
use crate::truth::{Values, Window};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
/// Time ranges of the dashboard and the step that Grafana chooses for them.
const RANGES: [(i64, i64); 3] = [(HOUR, MINUTE), (6 * HOUR, MINUTE), (24 * HOUR, 2 * MINUTE)];
const ROUTES: &str = r#"[{"match": {"severity": ">=9"}, "channel": "C0CRITICAL"}]"#;

fn world(gateway: &Service, release: &str) -> World {
    World::new(env!("CARGO_BIN_EXE_guardduty-slack"))
        .env("PUSHGATEWAY_URL", format!("http://127.0.0.1:{}", gateway.port))
        .env("PUSHGATEWAY_LABELS", format!("namespace=security,release={release}"))
}

/// What is read once an hour is read by the next run. The counters of these requests are then higher than those of a
/// first run: a counter that begins again and reaches its old value in one run does not look like one that began again.
fn an_hour_later(world: World) -> World {
    let mut state = world.state();
    for source in state["sources"].as_object_mut().expect("a run saved its sources").values_mut() {
        source["watched"]["compared_at"] = "2024-01-01T00:00:00.000Z".into();
    }
    world.set_state(&state.to_string())
}

/// Runs of two releases over 26 hours: first runs, recurrences, an acknowledgment, a lost state, an upgrade, failures, new finding types,
/// and 20 minutes without a scrape at the beginning of the last hour.
fn history(gateway: &Service) -> History {
    let exposition = || gateway.get("/metrics").expect("a running Pushgateway answers").1;
    let mut history = History { outages: vec![(END - 75 * MINUTE, END - 55 * MINUTE)], ..History::default() };

    let rel = world(gateway, "rel");
    rel.slack.scopes(SCOPES);
    let rel = rel
        .env("SLACK_TRIAGE", "show")
        .env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1")
        .env("SLACK_ROUTES", ROUTES)
        .findings([low("l1"), medium("m1"), high("h1"), high("h2"), high("h7")])
        .findings_in(ACCOUNT, "us-east-1", [critical("c1")])
        .run()
        .exit(0);
    let old_version = |text: String| text.replace("version=\"", "version=\"0.0.9-");
    history.add("rel", END - (25 * HOUR + 30 * MINUTE), false, &old_version(exposition()));
    let rel = an_hour_later(rel)
        .findings([high("h1").updated_ago(110).count(7), medium("m2")])
        .slack([status(429).retry_after(1)])
        .run()
        .exit(0);
    history.add("rel", END - (23 * HOUR + 40 * MINUTE), false, &old_version(exposition()));
    std::fs::remove_file(rel.state_path()).expect("a run saved its state");
    let recent = [high("h3").updated_ago(20), high("h4").updated_ago(20)];
    let rel = rel.env("GUARDDUTY_LOOKBACK", "80s").findings(recent).run().exit(0);
    history.add("rel", END - 13 * HOUR, true, &exposition());
    let rel = rel
        .findings([high("h5").updated_ago(10), low("l5").updated_ago(10)])
        .slack([error("invalid_auth").for_ever()])
        .run()
        .exit(1);
    history.add("rel", END - 5 * HOUR, false, &exposition());
    let rel = rel.clear_faults().run().exit(0);
    history.add("rel", END - (4 * HOUR + 40 * MINUTE), false, &exposition());
    let rel = rel
        .findings([
            finding_of(Kind::TorCaller, "t1").updated_ago(10),
            finding_of(Kind::Mining, "x1").updated_ago(10),
            finding_of(Kind::Mining, "x2").updated_ago(10),
        ])
        .run()
        .exit(0);
    history.add("rel", END - (2 * HOUR + 10 * MINUTE), false, &exposition());

    let other =
        world(gateway, "other").findings([high("o1").updated_ago(10), high("o2").updated_ago(10)]).run().exit(0);
    history.add("other", END - 110 * MINUTE, false, &exposition());
    let rel = rel.findings([low("l6").updated_ago(10)]).run().exit(0);
    history.add("rel", END - 65 * MINUTE, false, &exposition());
    let denied = error("AccessDeniedException").for_ever();
    rel.slack.react(&rel.message_of("t1").ts, "eyes", "U0ALICE");
    let rel = rel
        .findings([finding_of(Kind::TorCaller, "t2").updated_ago(10), high("h6").updated_ago(10)])
        .fault(|call| call.service == "guardduty" && call.place.ends_with("us-east-1"), [denied])
        .run()
        .exit(1);
    history.add("rel", END - 50 * MINUTE, false, &exposition());
    drop(other.findings([medium("o3").updated_ago(10)]).run().exit(0));
    history.add("other", END - 20 * MINUTE, false, &exposition());
    let rel = rel.clear_faults().findings([low("l7").updated_ago(10), low("withheld").updated_ago(10)]);
    rel.aws.omit_from_get_findings(["withheld"]);
    rel.aws.source(ACCOUNT, "us-east-1", |source| source.status = "DISABLED");
    drop(rel.run().exit(1));
    history.add("rel", END - 8 * MINUTE, false, &exposition());
    history
}

#[test]
#[ignore = "needs prometheus and prometheus-pushgateway: tests/observability/run"]
fn every_number_of_the_dashboard_is_true() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gateway = pushgateway();
    let history = history(&gateway);
    history.write_blocks(folder.path());
    let prometheus = prometheus_with_blocks(folder.path());
    let mut wrong = Vec::new();
    for (range, step) in RANGES {
        for target in targets() {
            let query = target.query(range, step);
            let compared = if target.instant {
                compare_instant(&prometheus, &history, &target, &query, range)
            } else {
                compare_steps(&prometheus, &history, &target, &query, range, step)
            };
            wrong.extend(compared.err().map(|why| format!("{} [{range} s] {why}\n{query}", target.title)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn expected_values(history: &History, target: &Target, window: Window) -> Values {
    expected(&target.title, target.index, history, window)
        .unwrap_or_else(|| panic!("no expectation for panel \"{}\"", target.title))
}

fn compare_instant(
    prometheus: &Service,
    history: &History,
    target: &Target,
    query: &str,
    range: i64,
) -> Result<(), String> {
    let result = prometheus.query_at(query, END);
    let shown = result.iter().map(|row| (labels(&row["metric"]), number(&row["value"]))).collect();
    let expected = expected_values(history, target, Window { start: END - range, end: END });
    compare(&shown, &expected)
}

fn compare_steps(
    prometheus: &Service,
    history: &History,
    target: &Target,
    query: &str,
    range: i64,
    step: i64,
) -> Result<(), String> {
    let mut shown: BTreeMap<i64, Values> = BTreeMap::new();
    for row in prometheus.query_range(query, END - range, END, step) {
        for point in row["values"].as_array().expect("a series has points") {
            let time = point[0].as_i64().expect("a step is at a whole second");
            shown.entry(time).or_default().insert(labels(&row["metric"]), number(point));
        }
    }
    for time in (END - range..=END).step_by(usize::try_from(step).expect("a step is positive")) {
        let expected = expected_values(history, target, Window { start: time - step, end: time });
        let at = |why| format!("{} s before the end: {why}", END - time);
        compare(&shown.remove(&time).unwrap_or_default(), &expected).map_err(at)?;
    }
    Ok(())
}

fn labels(metric: &Value) -> Labels {
    let pairs = metric.as_object().expect("labels are an object");
    let shown = pairs.iter().filter(|(name, _)| name.as_str() != "__name__");
    shown.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn number(point: &Value) -> f64 {
    point[1].as_str().and_then(|text| text.parse().ok()).expect("a value is a number")
}

fn compare(shown: &Values, expected: &Values) -> Result<(), String> {
    // Counts are exact. A sum of seconds is rounded if the state was lost within the range.
    let close = |a: f64, b: f64| (a - b).abs() <= if a.fract() == 0.0 { 1e-9 } else { 1e-3 * a.abs() };
    let same = shown.len() == expected.len()
        && shown.iter().all(|(labels, value)| expected.get(labels).is_some_and(|wanted| close(*wanted, *value)));
    if same { Ok(()) } else { Err(format!("shows {shown:?}\n  instead of {expected:?}")) }
}
