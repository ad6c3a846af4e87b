//! The rendered metrics, parsed as Prometheus parses them.

use std::io::Write;
use std::process::{Command, Stdio};

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::metrics::labels::ScanOutcome;
use crate::metrics::snapshot::{CumulativeCounters, DelayHistogram};

pub(in crate::metrics) fn full() -> RunMetrics {
    let counts = |pairs: &[(&str, u64)]| pairs.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect();
    RunMetrics {
        version: "1.2.3".into(),
        revision: "abc".into(),
        success: true,
        duration: Duration::from_millis(1_500),
        last_run: Timestamp(1_764_000_000_123),
        last_success: Some(Timestamp(1_764_000_000_000)),
        sources: vec![
            SourceMetrics {
                account: "111122223333".into(),
                region: "eu-west-1".into(),
                up: true,
                watermark: Some(Timestamp(1_763_999_000_000)),
                floor: Some(Timestamp(1_763_998_000_000)),
                pending: 2,
                open: Some(BTreeMap::from([(SeverityLevel::High, 3)])),
                detector_enabled: Some(true),
                features: BTreeMap::from([("S3_DATA_EVENTS".to_owned(), false)]),
                coverage: counts(&[("EKS", 2)]),
                destinations_failing: Some(1),
                missed_scans: BTreeMap::from([(ScanOutcome::Failed, 3), (ScanOutcome::Skipped, 0)]),
            },
            SourceMetrics { account: "111122223333".into(), region: "us-east-1".into(), ..SourceMetrics::default() },
        ],
        state_bytes: Some(4_096),
        counters: Some(CumulativeCounters {
            findings: BTreeMap::from([("high".to_owned(), BTreeMap::from([("111122223333/eu-west-1".into(), 7)]))]),
            types: BTreeMap::from([("Recon:EC2/Portscan".to_owned(), 7)]),
            notifications: BTreeMap::from([
                ("#sec".to_owned(), counts(&[("posted", 5)])),
                ("#odd|name".to_owned(), counts(&[("failed", 1)])),
            ]),
            requests: BTreeMap::from([(
                "slack".to_owned(),
                BTreeMap::from([("chat.postMessage".to_owned(), counts(&[("200", 5)]))]),
            )]),
            delay: DelayHistogram { cumulative: vec![(60.0, 1), (300.0, 4)], sum: 900.5, count: 5 },
            acknowledge_delay: Some(DelayHistogram { cumulative: vec![(60.0, 0), (300.0, 1)], sum: 120.0, count: 1 }),
            channels: vec!["#sec".into()],
        }),
        unacknowledged: Some(Unacknowledged {
            findings: BTreeMap::from([(SeverityLevel::High, 2)]),
            oldest: BTreeMap::from([(SeverityLevel::High, Timestamp(1_763_990_000_000))]),
        }),
    }
}

#[test]
fn a_snapshot_reads_as_prometheus_wants_it() {
    insta::assert_snapshot!(render(&full()), @r##"
    # HELP guardduty_slack_acknowledge_delay_seconds Delay from the first message of a finding to the run that read its acknowledgment.
    # TYPE guardduty_slack_acknowledge_delay_seconds histogram
    guardduty_slack_acknowledge_delay_seconds_bucket{le="60"} 0
    guardduty_slack_acknowledge_delay_seconds_bucket{le="300"} 1
    guardduty_slack_acknowledge_delay_seconds_bucket{le="+Inf"} 1
    guardduty_slack_acknowledge_delay_seconds_sum 120
    guardduty_slack_acknowledge_delay_seconds_count 1
    # HELP guardduty_slack_api_requests_total Requests to AWS, Slack and Kubernetes APIs.
    # TYPE guardduty_slack_api_requests_total counter
    guardduty_slack_api_requests_total{code="200",operation="chat.postMessage",service="slack"} 5
    # HELP guardduty_slack_build_info Build information: version and commit.
    # TYPE guardduty_slack_build_info gauge
    guardduty_slack_build_info{revision="abc",version="1.2.3"} 1
    # HELP guardduty_slack_coverage_unhealthy_resources Resources whose runtime coverage is unhealthy, by resource type.
    # TYPE guardduty_slack_coverage_unhealthy_resources gauge
    guardduty_slack_coverage_unhealthy_resources{account="111122223333",region="eu-west-1",resource_type="EKS"} 2
    # HELP guardduty_slack_detector_enabled Whether the detector of the source is enabled (1) or not (0).
    # TYPE guardduty_slack_detector_enabled gauge
    guardduty_slack_detector_enabled{account="111122223333",region="eu-west-1"} 1
    # HELP guardduty_slack_feature_enabled Whether a feature (protection plan) of the detector is enabled (1) or not (0).
    # TYPE guardduty_slack_feature_enabled gauge
    guardduty_slack_feature_enabled{account="111122223333",feature="S3_DATA_EVENTS",region="eu-west-1"} 0
    # HELP guardduty_slack_findings_by_type_total Finding revisions processed, by finding type.
    # TYPE guardduty_slack_findings_by_type_total counter
    guardduty_slack_findings_by_type_total{type="Recon:EC2/Portscan"} 7
    # HELP guardduty_slack_findings_total Finding revisions processed.
    # TYPE guardduty_slack_findings_total counter
    guardduty_slack_findings_total{account="111122223333",region="eu-west-1",severity="critical"} 0
    guardduty_slack_findings_total{account="111122223333",region="us-east-1",severity="critical"} 0
    guardduty_slack_findings_total{account="111122223333",region="eu-west-1",severity="high"} 7
    guardduty_slack_findings_total{account="111122223333",region="us-east-1",severity="high"} 0
    guardduty_slack_findings_total{account="111122223333",region="eu-west-1",severity="low"} 0
    guardduty_slack_findings_total{account="111122223333",region="us-east-1",severity="low"} 0
    guardduty_slack_findings_total{account="111122223333",region="eu-west-1",severity="medium"} 0
    guardduty_slack_findings_total{account="111122223333",region="us-east-1",severity="medium"} 0
    # HELP guardduty_slack_last_run_timestamp_seconds Unix time at which the last run finished.
    # TYPE guardduty_slack_last_run_timestamp_seconds gauge
    guardduty_slack_last_run_timestamp_seconds 1764000000.123
    # HELP guardduty_slack_last_success_timestamp_seconds Unix time at which the last successful run finished.
    # TYPE guardduty_slack_last_success_timestamp_seconds gauge
    guardduty_slack_last_success_timestamp_seconds 1764000000
    # HELP guardduty_slack_malware_scans_missed Malware scans of about the last day that failed or were skipped, at most 50 of each.
    # TYPE guardduty_slack_malware_scans_missed gauge
    guardduty_slack_malware_scans_missed{account="111122223333",outcome="failed",region="eu-west-1"} 3
    guardduty_slack_malware_scans_missed{account="111122223333",outcome="skipped",region="eu-west-1"} 0
    # HELP guardduty_slack_notification_delay_seconds Delay from the updatedAt of a finding to the acknowledgment by Slack.
    # TYPE guardduty_slack_notification_delay_seconds histogram
    guardduty_slack_notification_delay_seconds_bucket{le="60"} 1
    guardduty_slack_notification_delay_seconds_bucket{le="300"} 4
    guardduty_slack_notification_delay_seconds_bucket{le="+Inf"} 5
    guardduty_slack_notification_delay_seconds_sum 900.5
    guardduty_slack_notification_delay_seconds_count 5
    # HELP guardduty_slack_notifications_total Finding revisions by delivery outcome.
    # TYPE guardduty_slack_notifications_total counter
    guardduty_slack_notifications_total{channel="#odd|name",outcome="failed"} 1
    guardduty_slack_notifications_total{channel="#sec",outcome="adopted"} 0
    guardduty_slack_notifications_total{channel="#sec",outcome="coalesced"} 0
    guardduty_slack_notifications_total{channel="#sec",outcome="digested"} 0
    guardduty_slack_notifications_total{channel="#sec",outcome="dropped"} 0
    guardduty_slack_notifications_total{channel="#sec",outcome="failed"} 0
    guardduty_slack_notifications_total{channel="#sec",outcome="given_up"} 0
    guardduty_slack_notifications_total{channel="#sec",outcome="ignored"} 0
    guardduty_slack_notifications_total{channel="#sec",outcome="posted"} 5
    guardduty_slack_notifications_total{channel="#sec",outcome="threaded"} 0
    guardduty_slack_notifications_total{channel="#sec",outcome="updated"} 0
    # HELP guardduty_slack_oldest_unacknowledged_timestamp_seconds Unix time of the first message of the oldest unacknowledged finding.
    # TYPE guardduty_slack_oldest_unacknowledged_timestamp_seconds gauge
    guardduty_slack_oldest_unacknowledged_timestamp_seconds{severity="high"} 1763990000
    # HELP guardduty_slack_open_findings Findings in GuardDuty that are not archived.
    # TYPE guardduty_slack_open_findings gauge
    guardduty_slack_open_findings{account="111122223333",region="eu-west-1",severity="low"} 0
    guardduty_slack_open_findings{account="111122223333",region="eu-west-1",severity="medium"} 0
    guardduty_slack_open_findings{account="111122223333",region="eu-west-1",severity="high"} 3
    guardduty_slack_open_findings{account="111122223333",region="eu-west-1",severity="critical"} 0
    # HELP guardduty_slack_pending_findings Findings listed but not yet processed.
    # TYPE guardduty_slack_pending_findings gauge
    guardduty_slack_pending_findings{account="111122223333",region="eu-west-1"} 2
    guardduty_slack_pending_findings{account="111122223333",region="us-east-1"} 0
    # HELP guardduty_slack_publishing_destinations_failing Publishing destinations to which GuardDuty does not export findings.
    # TYPE guardduty_slack_publishing_destinations_failing gauge
    guardduty_slack_publishing_destinations_failing{account="111122223333",region="eu-west-1"} 1
    # HELP guardduty_slack_run_duration_seconds Duration of the last run.
    # TYPE guardduty_slack_run_duration_seconds gauge
    guardduty_slack_run_duration_seconds 1.5
    # HELP guardduty_slack_run_success Whether the last run processed everything that it found (1) or not (0).
    # TYPE guardduty_slack_run_success gauge
    guardduty_slack_run_success 1
    # HELP guardduty_slack_source_floor_timestamp_seconds Lower bound of the source: findings updated before this time are not listed again.
    # TYPE guardduty_slack_source_floor_timestamp_seconds gauge
    guardduty_slack_source_floor_timestamp_seconds{account="111122223333",region="eu-west-1"} 1763998000
    # HELP guardduty_slack_source_up Whether the last run could read the source (1) or not (0).
    # TYPE guardduty_slack_source_up gauge
    guardduty_slack_source_up{account="111122223333",region="eu-west-1"} 1
    guardduty_slack_source_up{account="111122223333",region="us-east-1"} 0
    # HELP guardduty_slack_source_watermark_timestamp_seconds Watermark of the source: findings updated up to this time are processed.
    # TYPE guardduty_slack_source_watermark_timestamp_seconds gauge
    guardduty_slack_source_watermark_timestamp_seconds{account="111122223333",region="eu-west-1"} 1763999000
    # HELP guardduty_slack_state_bytes Size of the state.
    # TYPE guardduty_slack_state_bytes gauge
    guardduty_slack_state_bytes 4096
    # HELP guardduty_slack_unacknowledged_findings Announced findings that are neither acknowledged nor resolved nor archived.
    # TYPE guardduty_slack_unacknowledged_findings gauge
    guardduty_slack_unacknowledged_findings{severity="low"} 0
    guardduty_slack_unacknowledged_findings{severity="medium"} 0
    guardduty_slack_unacknowledged_findings{severity="high"} 2
    guardduty_slack_unacknowledged_findings{severity="critical"} 0
    "##);
}

#[test]
fn unknown_attributes_are_omitted() {
    let mut s = RunMetrics { success: false, ..full() };
    (s.counters, s.state_bytes, s.sources) = (None, None, Vec::new());
    s.unacknowledged = None;
    let text = render(&s);
    let names: Vec<&str> =
        text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split(['{', ' ']).next()).collect();
    assert_eq!(
        names,
        [
            "guardduty_slack_build_info",
            "guardduty_slack_last_run_timestamp_seconds",
            "guardduty_slack_run_duration_seconds",
            "guardduty_slack_run_success"
        ]
    );
}

#[test]
fn a_label_s_value_cannot_end_the_label() {
    let mut s = full();
    s.sources[0].account = "a\"} 1\nb\\".into();
    assert!(render(&s).contains(r#"guardduty_slack_source_up{account="a\"} 1\nb\\",region="eu-west-1"} 1"#));
}

#[test]
fn no_label_of_a_metric_is_taken_for_the_grouping_key() {
    let text = render(&full());
    let labels =
        text.lines().filter_map(|l| l.split_once('{')?.1.rsplit_once('}')).flat_map(|(labels, _)| labels.split(','));
    for label in labels.filter_map(|l| Some(l.split_once('=')?.0)) {
        let env = [("PUSHGATEWAY_LABELS".to_owned(), format!("{label}=x"))];
        let faults = crate::config::Config::for_preview(env, false).unwrap_err();
        assert!(faults.to_string().contains(&format!("invalid label {label}: reserved")), "{faults}");
    }
}

#[test]
#[ignore = "needs promtool"]
fn promtool_accepts_the_rules() {
    let mut lint = Command::new("promtool");
    lint.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = lint.spawn().unwrap();
    child.stdin.take().unwrap().write_all(render(&full()).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}
