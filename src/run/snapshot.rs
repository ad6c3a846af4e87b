//! The metrics of a run, as they are pushed at its end.

use crate::config::{Config, RouteAction, Target};
use crate::core::Core;
use crate::guardduty::DetectorInfo;
use crate::metrics::{self, CumulativeCounters, RunMetrics, SourceMetrics};
use crate::poll::watched;
use crate::state::State;
use crate::state::totals::DelayHistogram;
use crate::telemetry;
use crate::time::Clock;

/// The metrics of a run.
pub(super) fn of(core: &Core, success: bool, clock: &Clock) -> RunMetrics {
    let state = &core.state;
    let has_triage = core.config.slack.triage.is_some();
    let carried = core.checkpoints.is_recorded().then(|| CumulativeCounters {
        findings: state.totals.findings.clone(),
        types: state.totals.types.clone(),
        notifications: state.totals.notifications.clone(),
        requests: state.totals.requests.clone(),
        delay: delay_sample(&state.totals.delay),
        acknowledge_delay: has_triage.then(|| delay_sample(&state.totals.acknowledge_delay)),
        channels: channels(core.config),
    });
    RunMetrics {
        success,
        last_success: state.totals.last_success,
        sources: sources(core),
        unacknowledged: has_triage.then(|| unacknowledged(state)),
        state_bytes: Some(core.checkpoints.bytes),
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

fn sources(core: &Core) -> Vec<SourceMetrics> {
    let state = &core.state;
    let down =
        state.sources.iter().filter(|(key, s)| s.unreadable_since.is_some() && !core.sources.tracks.contains_key(*key));
    let down = down.map(|(key, s)| sample(key, false, Some(s)));
    let polled = core.sources.tracks.iter().filter(|(key, _)| core.is_polled(key)).map(|(key, t)| SourceMetrics {
        pending: t.pending() as u64,
        open: t.open.clone(),
        detector_enabled: detector_enabled(t.status.as_ref(), state.sources.get(key)),
        coverage: coverage(state.sources.get(key)),
        destinations_failing: watched::destinations_failing(state.sources.get(key)),
        missed_scans: watched::missed_scans(state.sources.get(key)),
        features: t.status.as_ref().map(|status| status.features.clone()).unwrap_or_default(),
        ..sample(key, t.up && t.looked, state.sources.get(key))
    });
    polled.chain(down).collect()
}

/// The number of resources with unhealthy runtime coverage, by resource type, as last read.
fn coverage(source: Option<&crate::state::SourceState>) -> std::collections::BTreeMap<String, u64> {
    let coverage = source.and_then(|source| source.watch_baseline.as_ref()?.coverage.as_ref());
    coverage.into_iter().flatten().map(|(name, unhealthy)| (name.clone(), unhealthy.count)).collect()
}

/// Returns false for a disabled and for a missing detector, and None if the status is not readable.
fn detector_enabled(status: Option<&DetectorInfo>, source: Option<&crate::state::SourceState>) -> Option<bool> {
    let is_missing = source.is_some_and(|source| source.detector_status == crate::state::DetectorStatus::Missing);
    status.map(|status| status.enabled).or(is_missing.then_some(false))
}

fn sample(key: &str, up: bool, source: Option<&crate::state::SourceState>) -> SourceMetrics {
    let (account, region) = key.split_once('/').unwrap_or((key, ""));
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
    let routed = config.routes.0.iter().filter_map(|r| match &r.action {
        RouteAction::Target(target) => Some(target.name().to_owned()),
        RouteAction::Drop => None,
    });
    let mut names: Vec<String> =
        routed.chain([config.slack.access.default_target()].iter().map(Target::name).map(str::to_owned)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The metrics of a run that ended with an invalid configuration.
pub(super) fn of_failure(clock: &Clock) -> RunMetrics {
    RunMetrics {
        version: telemetry::VERSION.into(),
        revision: telemetry::REVISION.into(),
        duration: clock.elapsed(),
        last_run: clock.now(),
        ..RunMetrics::default()
    }
}
