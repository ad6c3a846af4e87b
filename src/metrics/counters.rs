//! Renders the counters, which accumulate over runs.

use std::collections::BTreeMap;

use prometheus::proto::{Metric, MetricFamily};

use super::family::{counter, histogram, metric_family};
use super::labels::NotificationOutcome;
use super::snapshot::{CumulativeCounters, SourceMetrics};
use crate::finding::SeverityLevel;

pub(super) fn counter_families(c: &CumulativeCounters, sources: &[SourceMetrics]) -> Vec<MetricFamily> {
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
