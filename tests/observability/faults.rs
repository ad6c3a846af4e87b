//! Each alert fires in the fault that its runbook describes: the program runs into the fault, and promtool evaluates the
//! alerts with the metrics that the runs pushed.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use guardduty_slack_support::aws::Scan;
use guardduty_slack_support::fault::error;
use guardduty_slack_support::findings::{critical, high, iso, medium, now};
use guardduty_slack_support::world::{ACCOUNT, REGION, World};
use serde_json::Value;

use crate::history::{History, Labels};
use crate::queries::SCOPES;
use crate::services::{Service, pushgateway};

/// Minutes between two runs: the default schedule.
const INTERVAL: i64 = 5;
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Runs of a release every five minutes, and the alerts that fire some minutes after the first one.
struct Scenario {
    name: &'static str,
    gateway: Service,
    history: History,
    world: Option<World>,
    after: i64,
    fires: Vec<&'static str>,
}

impl Scenario {
    fn new(name: &'static str) -> Self {
        let gateway = pushgateway();
        let world = World::new(env!("CARGO_BIN_EXE_guardduty-slack"))
            .env("PUSHGATEWAY_URL", format!("http://127.0.0.1:{}", gateway.port))
            .env("PUSHGATEWAY_LABELS", "namespace=security,release=rel");
        Self { name, gateway, history: History::default(), world: Some(world), after: 0, fires: Vec::new() }
    }

    /// Changes the world before the next run.
    fn given(mut self, change: impl FnOnce(World) -> World) -> Self {
        self.world = self.world.take().map(change);
        self
    }

    fn state(self, edit: impl FnOnce(&mut Value)) -> Self {
        self.given(|world| {
            let mut state = world.state();
            edit(&mut state);
            world.set_state(&state.to_string())
        })
    }

    fn runs(mut self, count: usize) -> Self {
        for _ in 0..count {
            self = self.given(World::run);
            let (_, exposition) = self.gateway.get("/metrics").expect("a running Pushgateway answers");
            let minute = INTERVAL * i64::try_from(self.history.runs.len()).expect("a few runs");
            self.history.add("rel", 60 * minute, false, &exposition);
        }
        self
    }

    /// The alerts that fire at this minute; the Pushgateway keeps the metrics of the last run.
    fn fires(mut self, after: i64, alerts: &[&'static str]) -> Self {
        (self.after, self.fires) = (after, alerts.to_vec());
        self
    }

    /// The scenario as a test of promtool.
    fn test(&self) -> String {
        let mut text = format!("  - name: {}\n    interval: 1m\n    input_series:\n", self.name);
        let series: BTreeSet<&(String, Labels)> = self.history.runs.iter().flat_map(|run| run.samples.keys()).collect();
        for series in series {
            let values: Vec<String> = (0..=self.after).map(|minute| self.value(series, minute)).collect();
            writeln!(text, "      - series: '{}'\n        values: '{}'", selector(series), values.join(" "))
                .expect("a string can be written to");
        }
        // kube-state-metrics is not part of a scenario
        let firing = "group by (alertname) (ALERTS{alertstate=\"firing\",alertname!~\".*(CronJob|Pod).*\"})";
        let expected: Vec<String> =
            self.fires.iter().map(|alert| format!("{{labels: '{{alertname=\"{alert}\"}}', value: 1}}")).collect();
        write!(
            text,
            "    promql_expr_test:\n      - expr: '{firing}'\n        eval_time: {}m\n        exp_samples: [{}]\n",
            self.after,
            expected.join(", ")
        )
        .expect("a string can be written to");
        text
    }

    /// Value of a series at a minute, `_` while it does not exist.
    fn value(&self, series: &(String, Labels), minute: i64) -> String {
        let run = self.history.runs.iter().rev().find(|run| run.at <= 60 * minute);
        run.and_then(|run| run.samples.get(series)).map_or_else(|| "_".into(), f64::to_string)
    }
}

fn selector((name, labels): &(String, Labels)) -> String {
    let pairs: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
    format!("{name}{{{}}}", pairs.join(","))
}

fn token_refused(world: World) -> World {
    world.findings([high("f1")]).slack([error("invalid_auth").for_ever()])
}

pub(crate) fn failed_scan() -> Scan {
    Scan {
        id: "s1".into(),
        resource: "arn:aws:ec2:eu-west-1:111122223333:instance/i-1".into(),
        resource_type: "EC2_INSTANCE".into(),
        status: "FAILED".into(),
        reason: "ACCESS_DENIED".into(),
        age: 60,
    }
}

fn scenarios() -> Vec<Scenario> {
    let denied = || error("AccessDeniedException").for_ever();
    vec![
        Scenario::new("successful runs")
            .given(|world| world.findings([high("f1"), medium("m1")]))
            .runs(5)
            .fires(24, &[]),
        Scenario::new("one failed run")
            .runs(1)
            .given(token_refused)
            .runs(1)
            .given(World::clear_faults)
            .runs(3)
            .fires(24, &[]),
        Scenario::new("a refused token")
            .runs(1)
            .given(token_refused)
            .runs(6)
            .fires(30, &["GuardDutySlackDeliveriesFailing", "GuardDutySlackNoSuccess"]),
        Scenario::new("a token that was never valid")
            .given(token_refused)
            .runs(6)
            .fires(25, &["GuardDutySlackDeliveriesFailing", "GuardDutySlackMetricsAbsent"]),
        Scenario::new("a denied source")
            .runs(1)
            .given(|world| world.fault(|call| call.service == "guardduty", [denied()]))
            .runs(6)
            .fires(30, &["GuardDutySlackNoSuccess", "GuardDutySlackSourceDown"]),
        Scenario::new("credentials that are not valid")
            .runs(1)
            .given(|world| {
                world.fault(
                    |call| matches!(call.service, "sts" | "guardduty"),
                    [error("ExpiredTokenException").for_ever()],
                )
            })
            .runs(6)
            .fires(30, &["GuardDutySlackNoSuccess", "GuardDutySlackSourceDown"]),
        Scenario::new("a disabled detector")
            .runs(1)
            .given(|world| {
                world.aws.source(ACCOUNT, REGION, |source| source.status = "DISABLED");
                world
            })
            .runs(2)
            .fires(10, &["GuardDutySlackDetectorDisabled"]),
        Scenario::new("a deleted detector")
            .runs(1)
            .given(|world| {
                world.aws.remove_source(ACCOUNT, REGION);
                world
            })
            .runs(2)
            .fires(10, &["GuardDutySlackDetectorDisabled"]),
        Scenario::new("a finding that cannot be fetched")
            .runs(1)
            .given(|world| {
                world.aws.omit_from_get_findings(["withheld"]);
                world.findings([high("withheld").updated_ago(10)])
            })
            .runs(4)
            .fires(100, &["GuardDutySlackNoSuccess", "GuardDutySlackWatermarkStuck"]),
        Scenario::new("the first finding that is given up")
            .given(|world| {
                world.aws.omit_from_get_findings(["withheld"]);
                world.findings([high("withheld").updated_ago(10)])
            })
            .runs(1)
            .state(|state| state["unfetched"]["withheld"]["since"] = iso(now() - 25 * DAY / 24).into())
            .runs(2)
            .fires(10, &["GuardDutySlackGivenUp"]),
        Scenario::new("a protection plan that is disabled")
            .runs(1)
            .given(|world| {
                world
                    .aws
                    .source(ACCOUNT, REGION, |source| _ = source.features.insert("RDS_LOGIN_EVENTS".into(), false));
                world
            })
            .runs(1)
            .fires(10, &["GuardDutySlackFeatureDisabled"]),
        Scenario::new("unhealthy runtime coverage")
            .given(|world| {
                let uncovered = ("EKS".into(), "payments".into(), "No pods running".into());
                world.aws.source(ACCOUNT, REGION, |source| source.uncovered.push(uncovered));
                world
            })
            .runs(1)
            .fires(190, &["GuardDutySlackCoverageUnhealthy", "GuardDutySlackNoSuccess"]),
        Scenario::new("an export that fails")
            .given(|world| {
                let stopped = ("arn:aws:s3:::archive".into(), "STOPPED".into());
                world.aws.source(ACCOUNT, REGION, |source| source.destinations.insert("d1".into(), stopped));
                world
            })
            .runs(1)
            .fires(190, &["GuardDutySlackExportFailing", "GuardDutySlackNoSuccess"]),
        Scenario::new("malware scans that fail")
            .given(|world| {
                world.aws.source(ACCOUNT, REGION, |source| source.scans.push(failed_scan()));
                world
            })
            .runs(1)
            .fires(1_570, &["GuardDutySlackMalwareScansFailing", "GuardDutySlackNoSuccess"]),
        Scenario::new("a critical finding that nobody acknowledges")
            .given(|world| {
                world.slack.scopes(SCOPES);
                world.env("SLACK_TRIAGE", "show").findings([critical("c1")])
            })
            .runs(1)
            .fires(65, &["GuardDutySlackCriticalUnacknowledged", "GuardDutySlackNoSuccess"]),
        Scenario::new("a state near its limit")
            .runs(1)
            .state(|state| state["of_a_newer_release"] = "x".repeat(650_000).into())
            .runs(4)
            .fires(22, &["GuardDutySlackStateNearlyFull"]),
    ]
}

#[test]
#[ignore = "needs prometheus and prometheus-pushgateway: tests/observability/run"]
fn alerts_fire_in_the_faults_of_their_runbooks() {
    let rules = std::env::var_os("GUARDDUTY_SLACK_ALERTS").map(PathBuf::from).expect("run by tests/observability/run");
    let scenarios = scenarios();
    let tests: Vec<String> = scenarios.iter().map(Scenario::test).collect();
    let text = format!("rule_files: ['{}']\nevaluation_interval: 1m\ntests:\n{}", rules.display(), tests.concat());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("faults.yaml");
    std::fs::write(&file, text).expect("the temporary folder can be written to");
    let output = Command::new("promtool").args(["test", "rules"]).arg(&file).output().expect("promtool starts");
    let report = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{report}");
    every_alert_has_a_fault(&rules, &scenarios);
}

fn every_alert_has_a_fault(rules: &PathBuf, scenarios: &[Scenario]) {
    let text = std::fs::read_to_string(rules).expect("the alerts are readable");
    let alerts = text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("alert: "));
    let fired: BTreeSet<&str> = scenarios.iter().flat_map(|scenario| scenario.fires.iter().copied()).collect();
    // kube-state-metrics pushes the metrics of the others
    let own = |alert: &&str| !alert.contains("CronJob") && !alert.contains("Pod");
    let without: Vec<&str> = alerts.filter(own).filter(|alert| !fired.contains(alert)).collect();
    assert!(without.is_empty(), "no fault makes {without:?} fire");
}
