//! Renders the metrics of a run in the text format of Prometheus. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::labels::{NotificationOutcome, ScanOutcome};
use crate::finding::SeverityLevel;
use crate::source_key::SourceOrIdentity;
use crate::time::Timestamp;

/// Data of the metrics of one run, collected at its end.
#[derive(Clone, Debug, Default)]
pub struct RunMetrics {
    pub version: String,
    /// The commit.
    pub revision: String,
    /// All findings are processed, and the state is saved (exit status 0).
    pub success: bool,
    pub duration: Duration,
    /// The end of this run.
    pub last_run: Timestamp,
    /// The end of the last successful run, which may be this one. `None` if it is unknown.
    pub last_success: Option<Timestamp>,
    pub sources: Vec<SourceMetrics>,
    /// `None` without `SLACK_TRIAGE`.
    pub unacknowledged: Option<Unacknowledged>,
    /// Size of the document. `None` if the state could not be read.
    pub state_bytes: Option<usize>,
    /// The counters. `None` after a run that could not save them, because the next run would decrease them.
    pub counters: Option<CumulativeCounters>,
}

/// Findings with a message that nobody acknowledged, by severity level.
#[derive(Clone, Debug, Default)]
pub struct Unacknowledged {
    pub findings: BTreeMap<SeverityLevel, u64>,
    /// Time of the first message of the oldest one.
    pub oldest: BTreeMap<SeverityLevel, Timestamp>,
}

/// One source. A value that is `None` is unknown or not permitted, and is not reported.
#[derive(Clone, Debug, Default)]
pub struct SourceMetrics {
    pub account: String,
    pub region: String,
    /// True if the source could be read.
    pub up: bool,
    pub watermark: Option<Timestamp>,
    /// Findings updated before this time are not listed again.
    pub floor: Option<Timestamp>,
    /// Findings that are listed but not processed.
    pub pending: u64,
    /// Open findings by severity, from `GetFindingsStatistics`.
    pub open: Option<BTreeMap<SeverityLevel, u64>>,
    pub detector_enabled: Option<bool>,
    /// True for each feature of the detector that is enabled.
    pub features: BTreeMap<String, bool>,
    /// Resources with unhealthy runtime coverage, by resource type.
    pub coverage: BTreeMap<String, u64>,
    /// Publishing destinations to which GuardDuty does not export findings.
    pub destinations_failing: Option<u64>,
    /// Malware scans of the last day that did not search their resource, by outcome.
    pub missed_scans: BTreeMap<ScanOutcome, u64>,
}

/// The counters in the state, which accumulate over runs.
#[derive(Clone, Debug, Default)]
pub struct CumulativeCounters {
    /// By severity level and source.
    pub findings: BTreeMap<String, BTreeMap<SourceOrIdentity, u64>>,
    /// By type.
    pub types: BTreeMap<String, u64>,
    /// By channel and outcome.
    pub notifications: BTreeMap<String, BTreeMap<String, u64>>,
    /// By service, operation and code.
    pub requests: BTreeMap<String, BTreeMap<String, BTreeMap<String, u64>>>,
    pub delay: DelayHistogram,
    /// Time from the first message of a finding to its acknowledgment. `None` without `SLACK_TRIAGE`.
    pub acknowledge_delay: Option<DelayHistogram>,
    /// Configured channels. Every outcome is reported for each of them, from 0 on.
    pub channels: Vec<String>,
}

/// A histogram, in seconds.
#[derive(Clone, Debug, Default)]
pub struct DelayHistogram {
    /// Upper bounds in ascending order, without infinity, each with the number of values up to it.
    pub cumulative: Vec<(f64, u64)>,
    pub sum: f64,
    pub count: u64,
}

/// Renders the exposition format: families sorted by name, each with its help text, sorted labels, a trailing newline.
pub fn render(snapshot: &RunMetrics) -> String {
    let mut families = run_families(snapshot);
    families.extend(source_families(&snapshot.sources));
    families.extend(snapshot.unacknowledged.iter().flat_map(unacknowledged_families));
    families.extend(snapshot.counters.iter().flat_map(|c| counter_families(c, &snapshot.sources)));
    families.retain(|f| !f.get_metric().is_empty());
    families.sort_by(|a, b| a.name().cmp(b.name()));
    // The encoder fails for a family without a name or a sample, which does not occur, or if writing to memory fails. The
    // result is empty instead of a panic, because a run never fails because of its metrics.
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

fn run_families(s: &RunMetrics) -> Vec<MetricFamily> {
    let optional = |value: Option<f64>| value.map(|v| gauge(&[], v)).into_iter().collect();
    // A run that could not save the state may have read an older copy. It must not decrease the time.
    let last_success = s.last_success.filter(|_| s.success || s.counters.is_some());
    vec![
        metric_family(
            "build_info",
            "Build information: version and commit.",
            vec![gauge(&[("version", &s.version), ("revision", &s.revision)], 1.0)],
        ),
        metric_family(
            "run_success",
            "Whether the last run processed everything that it found (1) or not (0).",
            vec![gauge(&[], bool_value(s.success))],
        ),
        metric_family("run_duration_seconds", "Duration of the last run.", vec![gauge(&[], s.duration.as_secs_f64())]),
        metric_family(
            "last_run_timestamp_seconds",
            "Unix time at which the last run finished.",
            vec![gauge(&[], s.last_run.as_secs_f64())],
        ),
        metric_family(
            "last_success_timestamp_seconds",
            "Unix time at which the last successful run finished.",
            optional(last_success.map(Timestamp::as_secs_f64)),
        ),
        metric_family("state_bytes", "Size of the state.", optional(s.state_bytes.map(|b| b as f64))),
    ]
}

fn source_families(sources: &[SourceMetrics]) -> Vec<MetricFamily> {
    let each = |value: &dyn Fn(&SourceMetrics) -> Option<f64>| {
        let sample = |s: &SourceMetrics| Some(gauge(&[("account", &s.account), ("region", &s.region)], value(s)?));
        sources.iter().filter_map(sample).collect()
    };
    vec![
        metric_family(
            "source_watermark_timestamp_seconds",
            "Watermark of the source: findings updated up to this time are processed.",
            each(&|s| s.watermark.map(Timestamp::as_secs_f64)),
        ),
        metric_family(
            "source_up",
            "Whether the last run could read the source (1) or not (0).",
            each(&|s| Some(bool_value(s.up))),
        ),
        metric_family("pending_findings", "Findings listed but not yet processed.", each(&|s| Some(s.pending as f64))),
        metric_family(
            "detector_enabled",
            "Whether the detector of the source is enabled (1) or not (0).",
            each(&|s| s.detector_enabled.map(bool_value)),
        ),
        metric_family(
            "source_floor_timestamp_seconds",
            "Lower bound of the source: findings updated before this time are not listed again.",
            each(&|s| s.floor.map(Timestamp::as_secs_f64)),
        ),
        metric_family(
            "feature_enabled",
            "Whether a feature (protection plan) of the detector is enabled (1) or not (0).",
            features(sources),
        ),
        metric_family(
            "coverage_unhealthy_resources",
            "Resources whose runtime coverage is unhealthy, by resource type.",
            coverage(sources),
        ),
        metric_family(
            "publishing_destinations_failing",
            "Publishing destinations to which GuardDuty does not export findings.",
            each(&|s| s.destinations_failing.map(|count| count as f64)),
        ),
        metric_family(
            "malware_scans_missed",
            "Malware scans of about the last day that failed or were skipped, at most 50 of each.",
            missed_scans(sources),
        ),
        metric_family("open_findings", "Findings in GuardDuty that are not archived.", open_findings(sources)),
    ]
}

fn unacknowledged_families(unacknowledged: &Unacknowledged) -> Vec<MetricFamily> {
    let mut counts = Vec::new();
    let mut oldest = Vec::new();
    for level in SeverityLevel::ALL {
        let labels = [("severity", level.name())];
        counts.push(gauge(&labels, unacknowledged.findings.get(&level).copied().unwrap_or(0) as f64));
        oldest.extend(unacknowledged.oldest.get(&level).map(|time| gauge(&labels, time.as_secs_f64())));
    }
    vec![
        metric_family(
            "unacknowledged_findings",
            "Announced findings that are neither acknowledged nor resolved nor archived.",
            counts,
        ),
        metric_family(
            "oldest_unacknowledged_timestamp_seconds",
            "Unix time of the first message of the oldest unacknowledged finding.",
            oldest,
        ),
    ]
}

fn features(sources: &[SourceMetrics]) -> Vec<Metric> {
    let mut samples = Vec::new();
    for s in sources {
        for (feature, is_enabled) in &s.features {
            let labels = [("account", s.account.as_str()), ("region", &s.region), ("feature", feature)];
            samples.push(gauge(&labels, bool_value(*is_enabled)));
        }
    }
    samples
}

fn coverage(sources: &[SourceMetrics]) -> Vec<Metric> {
    let mut samples = Vec::new();
    for s in sources {
        for (resource_type, count) in &s.coverage {
            let labels = [("account", s.account.as_str()), ("region", &s.region), ("resource_type", resource_type)];
            samples.push(gauge(&labels, *count as f64));
        }
    }
    samples
}

fn missed_scans(sources: &[SourceMetrics]) -> Vec<Metric> {
    let mut samples = Vec::new();
    for s in sources {
        for (outcome, count) in &s.missed_scans {
            let labels = [("account", s.account.as_str()), ("region", &s.region), ("outcome", outcome.name())];
            samples.push(gauge(&labels, *count as f64));
        }
    }
    samples
}

fn open_findings(sources: &[SourceMetrics]) -> Vec<Metric> {
    let mut samples = Vec::new();
    for s in sources {
        for (level, n) in
            s.open.iter().flat_map(|open| SeverityLevel::ALL.map(|b| (b, open.get(&b).copied().unwrap_or(0))))
        {
            let labels = [("account", s.account.as_str()), ("region", &s.region), ("severity", level.name())];
            samples.push(gauge(&labels, n as f64));
        }
    }
    samples
}

fn counter_families(c: &CumulativeCounters, sources: &[SourceMetrics]) -> Vec<MetricFamily> {
    vec![
        metric_family("findings_total", "Finding revisions processed.", finding_counters(c, sources)),
        metric_family(
            "findings_by_type_total",
            "Finding revisions processed, by finding type.",
            c.types.iter().map(|(kind, n)| counter(&[("type", kind)], *n)).collect(),
        ),
        metric_family("notifications_total", "Finding revisions by delivery outcome.", notification_counters(c)),
        metric_family("api_requests_total", "Requests to AWS, Slack and Kubernetes APIs.", request_counters(c)),
        metric_family(
            "notification_delay_seconds",
            "Delay from the updatedAt of a finding to the acknowledgment by Slack.",
            vec![histogram(&c.delay)],
        ),
        metric_family(
            "acknowledge_delay_seconds",
            "Delay from the first message of a finding to the run that read its acknowledgment.",
            c.acknowledge_delay.iter().map(histogram).collect(),
        ),
    ]
}

/// Every severity level is reported for every source, from 0 on, so that the first finding is an increase.
fn finding_counters(c: &CumulativeCounters, sources: &[SourceMetrics]) -> Vec<Metric> {
    let mut counts: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for source in sources {
        for level in SeverityLevel::ALL {
            counts.insert((level.name(), &source.account, &source.region), 0);
        }
    }
    for (level, by_source) in &c.findings {
        for (source, n) in by_source {
            let (account, region) = source.labels();
            counts.insert((level, account, region), *n);
        }
    }
    let sample =
        |((level, account, region), n)| counter(&[("severity", level), ("account", account), ("region", region)], n);
    counts.into_iter().map(sample).collect()
}

/// Every outcome is reported for every configured channel, from 0 on, so that the first notification is an increase.
fn notification_counters(c: &CumulativeCounters) -> Vec<Metric> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for channel in &c.channels {
        counts.extend(NotificationOutcome::ALL.map(|outcome| ((channel.as_str(), outcome.name()), 0)));
    }
    for (channel, by_outcome) in &c.notifications {
        counts.extend(by_outcome.iter().map(|(outcome, n)| ((channel.as_str(), outcome.as_str()), *n)));
    }
    let sample = |((channel, outcome), n)| counter(&[("channel", channel), ("outcome", outcome)], n);
    counts.into_iter().map(sample).collect()
}

fn request_counters(c: &CumulativeCounters) -> Vec<Metric> {
    let mut samples = Vec::new();
    for (service, by_operation) in &c.requests {
        for (operation, by_code) in by_operation {
            for (code, n) in by_code {
                samples.push(counter(&[("service", service), ("operation", operation), ("code", code)], *n));
            }
        }
    }
    samples
}

fn metric_family(name: &str, help: &str, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(format!("guardduty_slack_{name}"));
    family.set_help(help.to_owned());
    family.set_field_type(match name {
        "notification_delay_seconds" | "acknowledge_delay_seconds" => MetricType::HISTOGRAM,
        _ if name.ends_with("_total") => MetricType::COUNTER,
        _ => MetricType::GAUGE,
    });
    family.set_metric(metrics);
    family
}

fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let mut metric = Metric::from_label(label_pairs(labels));
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    metric.set_gauge(gauge);
    metric
}

fn counter(labels: &[(&str, &str)], value: u64) -> Metric {
    let mut metric = Metric::from_label(label_pairs(labels));
    let mut counter = Counter::default();
    counter.set_value(value as f64);
    metric.set_counter(counter);
    metric
}

/// Builds a histogram from the state. The histogram of the crate starts at 0 and cannot be set.
fn histogram(delay: &DelayHistogram) -> Metric {
    let bucket = |(bound, n): &(f64, u64)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(*n);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(delay.cumulative.iter().map(bucket).collect());
    histogram.set_sample_sum(delay.sum);
    histogram.set_sample_count(delay.count);
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    metric
}

fn label_pairs(labels: &[(&str, &str)]) -> Vec<LabelPair> {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    let pair = |(name, value): (&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    labels.into_iter().map(pair).collect()
}

fn bool_value(on: bool) -> f64 {
    f64::from(u8::from(on))
}

#[cfg(test)]
pub(super) mod tests;
