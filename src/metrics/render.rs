//! Renders the metrics of a run in the text format of Prometheus. Pure.

use prometheus::TextEncoder;
use prometheus::proto::{Metric, MetricFamily};

use super::counters::counter_families;
use super::family::{bool_value, gauge, metric_family};
use super::snapshot::{RunMetrics, SourceMetrics, Unacknowledged};
use crate::finding::SeverityLevel;
use crate::time::Timestamp;

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

#[cfg(test)]
pub(super) mod tests;
