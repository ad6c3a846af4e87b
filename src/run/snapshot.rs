//! Collects the metrics of a run, which are pushed at its end.

use crate::config::Config;
use crate::core::{PolledSource, RunReport};
use crate::guardduty::DetectorInfo;
use crate::metrics::{self, CumulativeCounters, RunMetrics, SourceMetrics};
use crate::poll::watched;
use crate::source_key::SourceOrIdentity;
use crate::state::totals::DelayHistogram;
use crate::state::{DetectorStatus, SourceState, State};
use crate::telemetry;
use crate::time::{Clock, Time};

/// The metrics of a run.
pub(super) fn of(report: &RunReport, config: &Config, clock: &Clock) -> RunMetrics {
    let state = report.state;
    let has_triage = config.slack.triage.is_some();
    let carried = report.is_recorded.then(|| CumulativeCounters {
        findings: state.totals.findings.clone(),
        types: state.totals.types.clone(),
        notifications: state.totals.notifications.clone(),
        requests: state.totals.requests.clone(),
        delay: delay_sample(&state.totals.delay),
        acknowledge_delay: has_triage.then(|| delay_sample(&state.totals.acknowledge_delay)),
        channels: channels(config),
    });
    RunMetrics {
        success: report.is_success,
        last_success: state.totals.last_success,
        sources: sources(report),
        unacknowledged: has_triage.then(|| unacknowledged(state)),
        state_bytes: Some(report.state_bytes),
        counters: carried,
        ..of_failure(clock)
    }
}

fn delay_sample(delay: &DelayHistogram) -> metrics::DelayHistogram {
    metrics::DelayHistogram { cumulative: delay.cumulative(), sum: delay.sum, count: delay.count }
}

fn unacknowledged(state: &State) -> metrics::Unacknowledged {
    let mut unacknowledged = metrics::Unacknowledged::default();
    for (level, first) in state.unacknowledged() {
        *unacknowledged.findings.entry(level).or_default() += 1;
        let oldest = unacknowledged.oldest.entry(level).or_insert(first);
        *oldest = first.min(*oldest);
    }
    unacknowledged
}

fn sources(report: &RunReport) -> Vec<SourceMetrics> {
    let polled = report.sources.iter().map(|polled| polled_source(polled, report.state.source(polled.key)));
    let down = report.not_read.iter().map(|(key, source)| sample(key, false, Some(source)));
    polled.chain(down).collect()
}

fn polled_source(polled: &PolledSource, source: Option<&SourceState>) -> SourceMetrics {
    SourceMetrics {
        pending: polled.pending as u64,
        open: polled.open.cloned(),
        detector_enabled: detector_enabled(polled.detector_info, source),
        coverage: coverage(source),
        destinations_failing: watched::destinations_failing(source),
        missed_scans: watched::missed_scans(source),
        features: polled.detector_info.map(|detector| detector.features.clone()).unwrap_or_default(),
        ..sample(&polled.key.clone().into(), polled.is_read, source)
    }
}

/// The number of resources with unhealthy runtime coverage, by resource type, as last read.
fn coverage(source: Option<&SourceState>) -> std::collections::BTreeMap<String, u64> {
    let coverage = source.and_then(|source| source.watch_baseline.as_ref()?.coverage.as_ref());
    coverage.into_iter().flatten().map(|(name, unhealthy)| (name.clone(), unhealthy.count)).collect()
}

/// Returns false for a disabled and for a missing detector, and None if the status is not readable.
fn detector_enabled(status: Option<&DetectorInfo>, source: Option<&SourceState>) -> Option<bool> {
    let is_missing = source.is_some_and(|source| source.detector_status == DetectorStatus::Missing);
    status.map(|status| status.enabled).or(is_missing.then_some(false))
}

fn sample(key: &SourceOrIdentity, up: bool, source: Option<&SourceState>) -> SourceMetrics {
    let (account, region) = key.labels();
    SourceMetrics {
        account: account.to_owned(),
        region: region.to_owned(),
        up,
        watermark: source.map(|s| s.watermark),
        floor: source.map(|s| s.floor),
        ..SourceMetrics::default()
    }
}

/// Channels as configured.
fn channels(config: &Config) -> Vec<String> {
    let mut names: Vec<String> = config.targets().iter().map(|target| target.name().to_owned()).collect();
    names.sort_unstable();
    names
}

/// The metrics that every run has, and all metrics of a run whose state or `replay` is invalid.
pub(super) fn of_failure(clock: &Clock) -> RunMetrics {
    RunMetrics {
        version: telemetry::VERSION.into(),
        revision: telemetry::REVISION.into(),
        duration: clock.elapsed(),
        last_run: clock.now(),
        ..RunMetrics::default()
    }
}
