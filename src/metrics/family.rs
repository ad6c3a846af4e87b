//! Builds families of metrics and their samples.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::snapshot::DelayHistogram;

pub(super) fn metric_family(name: &str, help: &str, metrics: Vec<Metric>) -> MetricFamily {
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

pub(super) fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let mut metric = Metric::from_label(label_pairs(labels));
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    metric.set_gauge(gauge);
    metric
}

pub(super) fn counter(labels: &[(&str, &str)], value: u64) -> Metric {
    let mut metric = Metric::from_label(label_pairs(labels));
    let mut counter = Counter::default();
    counter.set_value(value as f64);
    metric.set_counter(counter);
    metric
}

/// Builds a histogram from the state. The histogram of the crate starts at 0 and cannot be set.
pub(super) fn histogram(delay: &DelayHistogram) -> Metric {
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

pub(super) fn bool_value(on: bool) -> f64 {
    f64::from(u8::from(on))
}
