//! One run: read what the sources show, decide, deliver, record; then tell the metrics, and how it ended.

mod dry_run;
pub mod engine;
mod full_log;
pub mod intake;
mod investigations;
pub mod look;
pub mod looks;
mod notices;
pub mod poll;
pub mod recall;
pub mod record;
pub mod session;
mod sources;
pub mod stop;
mod summary;
mod tell;
mod triage;
mod watched;

use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::{AccountNames, Config, RouteTo, Target};
use crate::exit::Exit;
use crate::guardduty::{Aws, DetectorStatus, Source};
use crate::message::Wording;
use crate::metrics::{self, Carried, Requests, Snapshot, SourceSample};
use crate::output::Output;
use crate::plan::{Act, default_destination};
use crate::preview::wording;
use crate::slack::Chat;
use crate::state::State;
use crate::state::backing::Backing;
use crate::state::store::Store;
use crate::state::totals::Delay;
use crate::time::Clock;
use crate::{http, slack, telemetry};

use dry_run::Printer;
use engine::{Begin, Engine};
use intake::{Identity, Unreachable};
use record::Record;
use session::{Opening, Start, StartError, open};
use stop::Stop;

/// What the last checkpoint and the push need of `RUN_TIMEOUT`.
fn margin(timeout: Duration) -> Duration {
    (timeout / 4).clamp(Duration::from_secs(2), Duration::from_secs(15))
}

/// One run, from the configuration to the exit status.
pub async fn run(config: &Config, output: &Output) -> Exit {
    let clock = Clock::system();
    tracing::info!(version = telemetry::VERSION, revision = telemetry::REVISION, "run started");
    let requests = Requests::default();
    http::install_crypto();
    let aws_client = http::aws_client(config.aws.ca_bundle.as_deref());
    let (client, aws_client) = match (http::client(http::Timeouts::default()), aws_client) {
        (Ok(client), Ok(aws)) => (client, aws),
        (Err(e), _) | (_, Err(e)) => {
            tracing::error!(error = %e, "invalid configuration");
            return Exit::Wrong;
        }
    };
    let stop = Stop::new(terminated(), config.run_timeout.saturating_sub(margin(config.run_timeout)));
    let mut store = Backing::new(&config.state, requests.clone());
    let connect = async {
        let aws = Aws::connect(&config.aws, aws_client, requests.clone()).await;
        aws.inspect(Aws::warm_up)
    };
    let (aws, loaded) = futures_util::future::join(connect, store.load()).await;
    let aws = match aws {
        Ok(aws) => Rc::new(aws),
        Err(e) => {
            tracing::error!(error = %e, "invalid configuration");
            return Exit::Wrong;
        }
    };
    let start = match open(loaded, config, clock.now()) {
        Ok(Opening::Go(start)) => *start,
        Ok(Opening::Busy { id, until }) => {
            let lease_expires_at = until.iso();
            tracing::info!(lease_holder = id, lease_expires_at, "lease is held by another run; exiting");
            return Exit::Settled;
        }
        Err(problems) => {
            for error in problems {
                let location = location(config, &error);
                tracing::error!(location, %error, docs = "docs/operations.md", "state cannot be used; it was not changed");
            }
            push(config, &client, failed(&clock), &stop).await;
            return Exit::Wrong;
        }
    };
    let wording = named(config, &aws, &stop).await;
    let chat = slack::Client::new(client.clone(), &config.slack.access, &config.slack.api_url, requests.clone());
    let (success, snapshot) =
        told(config, start, store, &chat, &wording, identities(&aws), clock, &stop, requests, output).await;
    push(config, &client, snapshot, &stop).await;
    Exit::of(success)
}

/// Where a value of the state is: a key of the ConfigMap, or a file.
fn location(config: &Config, error: &StartError) -> String {
    let file = &config.state.file;
    match (&config.state.configmap, error) {
        (Some(name), _) => format!("key {} of ConfigMap {name}", error.key()),
        (None, StartError::State(_)) => file.display().to_string(),
        (None, StartError::Replay(_)) => file.with_file_name(error.key()).display().to_string(),
    }
}

/// The run itself, whatever stands behind its seams.
#[allow(clippy::too_many_arguments)] // the parts of a run, each used once
async fn told<C: Chat, S: Store>(
    config: &Config,
    start: Start,
    store: S,
    chat: &C,
    wording: &Wording,
    identities: Vec<Identity<Source>>,
    clock: Clock,
    stop: &Stop,
    requests: Requests,
    output: &Output,
) -> (bool, Snapshot) {
    let Start { state, afresh, unrecordable, recall, replay } = start;
    if let Some(why) = &unrecordable {
        tracing::error!(error = why, "state cannot be saved by this run; delivering anyway");
    }
    let id = format!("{:016x}", RandomState::new().hash_one(clock.now().0));
    let record = Record::new(state, config, store, clock, id.clone(), replay.is_some(), unrecordable);
    let printer = Printer { wording, output, default: default_destination(config) };
    let print = |act: &Act| printer.print(act);
    let print: Option<&dyn Fn(&Act)> = if config.dry_run { Some(&print) } else { None };
    let begin = Begin {
        config,
        chat,
        wording,
        id,
        chance: crate::retry::chance,
        clock,
        stop: stop.clone(),
        record,
        identities,
        afresh,
        recall,
        replay,
        requests,
        print,
    };
    let mut engine = Engine::new(begin);
    engine.run().await;
    let success = engine.is_success();
    if !success && stop.is_set() && !stop.is_told() {
        tracing::warn!("run timeout reached; remaining findings are left to the next run");
    }
    if let Some(why) = engine.record.problem() {
        tracing::error!(error = why, "run finished without saving its state");
    }
    log_end(&engine, success);
    (success, snapshot(&engine, success))
}

fn log_end<D: crate::guardduty::Detector + 'static, C: Chat, S: Store>(engine: &Engine<'_, D, C, S>, success: bool) {
    let duration_seconds = engine.clock.elapsed().as_millis() as f64 / 1000.0;
    let pending: usize = engine.intake.tracks.values().map(|track| track.pending()).sum();
    let errors = engine.tally.problems.len();
    if engine.config.dry_run {
        tracing::info!(success, pending, errors, duration_seconds, "dry run finished; nothing was posted or saved");
        return;
    }
    let (processed, delivered, state_bytes) = (engine.tally.settled, engine.tally.posted, engine.record.bytes);
    tracing::info!(success, processed, delivered, pending, errors, state_bytes, duration_seconds, "run finished");
}

/// Turns true at `SIGTERM`, or `SIGINT` on a terminal.
fn terminated() -> watch::Receiver<bool> {
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
            // Without handlers the signals end the process at once, which loses nothing either.
            return tell.closed().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::warn!("shutdown requested; saving state");
        let _ = tell.send(true);
        tell.closed().await;
    });
    told
}

/// The sources of every identity, each as soon as it is known.
fn identities(aws: &Rc<Aws>) -> Vec<Identity<Source>> {
    let one = |index: usize| -> Identity<Source> {
        let aws = aws.clone();
        Box::pin(async move {
            let seen = aws.sources_of(index).await;
            seen.sources.map_err(|error| Unreachable { identity: seen.identity, account: seen.account, error })
        })
    };
    (0..aws.identities()).map(one).collect()
}

/// The accounts' names, also from the organization where that is asked for and permitted.
async fn named(config: &Config, aws: &Aws, stop: &Stop) -> Wording {
    let mut wording = wording(config);
    if config.wording.account_names == AccountNames::Organization {
        match stop.unless(aws.organization()).await {
            Some(Ok(names)) => wording.account_names = names,
            Some(Err(e)) => {
                tracing::warn!(error = %e, "account names are not available; showing account IDs")
            }
            None => {}
        }
    }
    wording
}

fn snapshot<D: crate::guardduty::Detector + 'static, C: Chat, S: Store>(
    engine: &Engine<'_, D, C, S>,
    success: bool,
) -> Snapshot {
    let record = &engine.record;
    let state = &record.state;
    let has_triage = engine.config.slack.triage.is_some();
    let carried = record.is_recorded().then(|| Carried {
        findings: state.totals.findings.clone(),
        types: state.totals.types.clone(),
        notifications: state.totals.notifications.clone(),
        requests: state.totals.requests.clone(),
        delay: delay_sample(&state.totals.delay),
        acknowledge_delay: has_triage.then(|| delay_sample(&state.totals.acknowledge_delay)),
        channels: channels(engine.config),
    });
    Snapshot {
        success,
        last_success: state.totals.last_success,
        sources: sources(engine),
        unacknowledged: has_triage.then(|| unacknowledged(state)),
        state_bytes: Some(record.bytes),
        carried,
        ..failed(&engine.clock)
    }
}

fn delay_sample(delay: &Delay) -> metrics::Delay {
    metrics::Delay { cumulative: delay.cumulative(), sum: delay.sum, count: delay.count }
}

fn unacknowledged(state: &State) -> metrics::Unacknowledged {
    let mut unacknowledged = metrics::Unacknowledged::default();
    for (band, first) in state.unacknowledged() {
        *unacknowledged.findings.entry(band).or_default() += 1;
        let oldest = unacknowledged.oldest.entry(band).or_insert(first);
        *oldest = first.min(*oldest);
    }
    unacknowledged
}

fn sources<D: crate::guardduty::Detector + 'static, C: Chat, S: Store>(
    engine: &Engine<'_, D, C, S>,
) -> Vec<SourceSample> {
    let state = &engine.record.state;
    let down =
        state.sources.iter().filter(|(key, s)| s.blind_since.is_some() && !engine.intake.tracks.contains_key(*key));
    let down = down.map(|(key, s)| sample(key, false, Some(s)));
    let polled = engine.intake.tracks.iter().filter(|(key, _)| engine.is_polled(key)).map(|(key, t)| SourceSample {
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
fn coverage(source: Option<&crate::state::Source>) -> std::collections::BTreeMap<String, u64> {
    let coverage = source.and_then(|source| source.watched.as_ref()?.coverage.as_ref());
    coverage.into_iter().flatten().map(|(name, unhealthy)| (name.clone(), unhealthy.count)).collect()
}

/// Returns false for a disabled and for a missing detector, and None if the status is not readable.
fn detector_enabled(status: Option<&DetectorStatus>, source: Option<&crate::state::Source>) -> Option<bool> {
    let is_missing = source.is_some_and(|source| source.standing == crate::state::Standing::Gone);
    status.map(|status| status.enabled).or(is_missing.then_some(false))
}

fn sample(key: &str, up: bool, source: Option<&crate::state::Source>) -> SourceSample {
    let (account, region) = key.split_once('/').unwrap_or((key, ""));
    SourceSample {
        account: account.to_owned(),
        region: region.to_owned(),
        up,
        watermark: source.map(|s| s.watermark),
        floor: source.map(|s| s.floor),
        ..SourceSample::default()
    }
}

/// Channels as configured.
fn channels(config: &Config) -> Vec<String> {
    let routed = config.routes.0.iter().filter_map(|r| match &r.to {
        RouteTo::Target(target) => Some(target.name().to_owned()),
        RouteTo::Drop => None,
    });
    let mut names: Vec<String> =
        routed.chain([config.slack.access.default_target()].iter().map(Target::name).map(str::to_owned)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What can be told of a run that got no further than its configuration.
fn failed(clock: &Clock) -> Snapshot {
    Snapshot {
        version: telemetry::VERSION.into(),
        revision: telemetry::REVISION.into(),
        duration: clock.elapsed(),
        last_run: clock.now(),
        ..Snapshot::default()
    }
}

/// Within what is left of `RUN_TIMEOUT`, and soon after a signal; never by a dry run. A failure is a warning.
async fn push(config: &Config, client: &reqwest::Client, snapshot: Snapshot, stop: &Stop) {
    let Some(gateway) = config.pushgateway.as_ref().filter(|_| !config.dry_run) else { return };
    let left = config.run_timeout.saturating_sub(snapshot.duration);
    let patience = if stop.is_told() { Duration::from_secs(2) } else { left.max(Duration::from_secs(1)) };
    match tokio::time::timeout(patience, metrics::push(gateway, &snapshot, client)).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => tracing::warn!(error = %e, "failed to push metrics"),
        Err(_) => tracing::warn!("metrics not pushed: run timeout reached"),
    }
}
