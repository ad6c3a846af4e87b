//! Performs one run: the core decides, and the driver performs the effects. Then the metrics are pushed.

pub mod driver;
mod dry_run;
pub mod session;
mod snapshot;
mod source_reads;
mod stop;
mod workers;

use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::Duration;

use driver::{SourceDiscovery, Systems, drive};
use dry_run::Printer;
use session::{LoadedRun, Opening, StartError, begin_replay, open};
use stop::Stop;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::{AccountNames, Config};
use crate::core::{Core, Limits, RunInput, RunReport, UnusableIdentity};
use crate::exit::ExitStatus;
use crate::guardduty::{Aws, SourceClient};
use crate::message::MessageOptions;
use crate::metrics::{self, RequestCounts, RunMetrics};
use crate::output::Output;
use crate::plan::default_destination;
use crate::preview::message_options;
use crate::state::configured_store::ConfiguredStore;
use crate::state::store::Store;
use crate::time::{Clock, Time};
use crate::{http, slack, telemetry};

/// One run, from the configuration to the exit status.
pub async fn run(config: &Config, output: &Output) -> ExitStatus {
    let clock = Clock::from_system_clock();
    tracing::info!(version = telemetry::VERSION, revision = telemetry::REVISION, "run started");
    let requests = RequestCounts::default();
    http::install_crypto_provider();
    let aws_client = http::aws_client(config.aws.ca_bundle.as_deref());
    let (client, aws_client) = match (http::client(http::Timeouts::default()), aws_client) {
        (Ok(client), Ok(aws)) => (client, aws),
        (Err(e), _) | (_, Err(e)) => {
            tracing::error!(error = %e, "invalid configuration");
            return ExitStatus::InvalidInput;
        }
    };
    let stop = Stop::new(shutdown_signal(), config.run_timeout.saturating_sub(margin(config.run_timeout)));
    let mut store = ConfiguredStore::new(&config.state, requests.clone());
    let connect = async {
        let aws = Aws::connect(&config.aws, aws_client, requests.clone()).await;
        aws.inspect(Aws::prefetch_credentials)
    };
    let (aws, loaded) = futures_util::future::join(connect, store.load()).await;
    let aws = match aws {
        Ok(aws) => Rc::new(aws),
        Err(e) => {
            tracing::error!(error = %e, "invalid configuration");
            return ExitStatus::InvalidInput;
        }
    };
    let run_id = format!("{:016x}", RandomState::new().hash_one(clock.now().0));
    let opening = match open(loaded, config, clock.now()) {
        Ok(Opening::Go(start)) => begin_replay(*start, &run_id, &mut store, config, &clock).await,
        other => other,
    };
    let start = match opening {
        Ok(Opening::Go(start)) => *start,
        Ok(Opening::Busy { id, until }) => {
            let lease_expires_at = until.to_rfc3339();
            tracing::info!(lease_holder = id, lease_expires_at, "lease is held by another run; exiting");
            return ExitStatus::Success;
        }
        Err(problems) => {
            for error in problems {
                let location = location(config, &error);
                tracing::error!(location, %error, docs = "docs/operations.md", "state cannot be used; it was not changed");
            }
            push(config, &client, snapshot::of_failure(&clock), &stop).await;
            return ExitStatus::InvalidInput;
        }
    };
    let wording = message_options_with_account_names(config, &aws, &stop).await;
    let chat = slack::Client::new(client.clone(), &config.slack.access, &config.slack.api_url, requests.clone());
    let parts = Parts { config, aws: &aws, chat: &chat, wording: &wording, clock, requests, output };
    let (success, snapshot) = run_core(parts, run_id, start, store, &stop).await;
    push(config, &client, snapshot, &stop).await;
    ExitStatus::from_success(success)
}

/// What the last checkpoint and the push need of `RUN_TIMEOUT`.
fn margin(timeout: Duration) -> Duration {
    (timeout / 4).clamp(Duration::from_secs(2), Duration::from_secs(15))
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

/// What a run needs besides its state.
struct Parts<'a> {
    config: &'a Config,
    aws: &'a Rc<Aws>,
    chat: &'a slack::Client,
    wording: &'a MessageOptions,
    clock: Clock,
    requests: RequestCounts,
    output: &'a Output,
}

/// The run itself. Returns whether it is a success, and its metrics.
async fn run_core(
    parts: Parts<'_>,
    id: String,
    start: LoadedRun,
    store: ConfiguredStore,
    stop: &Stop,
) -> (bool, RunMetrics) {
    let Parts { config, aws, chat, wording, clock, requests, output } = parts;
    if let Some(error) = &start.unrecordable {
        tracing::error!(error, "state cannot be saved by this run; delivering anyway");
    }
    let discoveries = discoveries(aws);
    let now = clock.now();
    let mut core = Core::new(RunInput {
        config,
        writer: wording,
        limits: Limits::default(),
        id,
        chance: crate::retry::jitter,
        requests,
        identities: discoveries.len(),
        state: start.state,
        is_new_installation: start.is_new_installation,
        unrecordable: start.unrecordable,
        earlier: start.earlier,
        begun: now.minus(clock.elapsed()),
        now,
        end: now.plus(stop.left()),
    });
    let printer = Printer { wording, output, default: default_destination(config) };
    let systems = Systems { discoveries, chat, store, print: &|delivery| printer.print(delivery) };
    drive(&mut core, systems, clock, stop.shutdown()).await;
    let report = core.report();
    log_end(&report, config.dry_run, clock);
    (report.is_success, snapshot::of(&report, config, &clock))
}

fn log_end(report: &RunReport, is_dry_run: bool, clock: Clock) {
    let RunReport { is_success: success, processed, delivered, pending, problems: errors, state_bytes, .. } = *report;
    if !success && report.is_timed_out {
        tracing::warn!("run timeout reached; remaining findings are left to the next run");
    }
    if let Some(error) = &report.save_error {
        tracing::error!(error, "run finished without saving its state");
    }
    let duration_seconds = clock.elapsed().as_millis() as f64 / 1000.0;
    if is_dry_run {
        tracing::info!(success, pending, errors, duration_seconds, "dry run finished; nothing was posted or saved");
        return;
    }
    tracing::info!(success, processed, delivered, pending, errors, state_bytes, duration_seconds, "run finished");
}

/// Turns true at `SIGTERM`, or `SIGINT` on a terminal.
fn shutdown_signal() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
            // Without handlers the signals have their default effect, which loses nothing either.
            return sender.closed().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::warn!("shutdown requested; saving state");
        let _ = sender.send(true);
        sender.closed().await;
    });
    receiver
}

/// The sources of every identity, each as soon as it is known.
fn discoveries(aws: &Rc<Aws>) -> Vec<SourceDiscovery<SourceClient>> {
    let one = |index: usize| -> SourceDiscovery<SourceClient> {
        let aws = aws.clone();
        Box::pin(async move {
            let discovered = aws.discover_sources(index).await;
            discovered.sources.map_err(|error| UnusableIdentity {
                identity: discovered.identity,
                account: discovered.account,
                error,
            })
        })
    };
    (0..aws.identity_count()).map(one).collect()
}

/// Findings do not wait longer for the names of their accounts.
const ACCOUNT_NAMES_TIMEOUT: Duration = Duration::from_secs(20);

/// The options of messages, with the names of the accounts from the organization, if that is configured and permitted.
async fn message_options_with_account_names(config: &Config, aws: &Aws, stop: &Stop) -> MessageOptions {
    let mut wording = message_options(config);
    if config.wording.account_names == AccountNames::Organization {
        let names = tokio::time::timeout(ACCOUNT_NAMES_TIMEOUT, aws.organization_account_names());
        let error = match stop.unless(names).await {
            Some(Ok(Ok(names))) => {
                wording.account_names = names;
                return wording;
            }
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(_)) => format!("no response within {} s", ACCOUNT_NAMES_TIMEOUT.as_secs()),
            None => return wording,
        };
        tracing::warn!(error, "account names are not available; showing account IDs");
    }
    wording
}

/// Pushes the metrics: within what is left of `RUN_TIMEOUT`, soon after a signal, never in a dry run. A failure is a warning.
async fn push(config: &Config, client: &reqwest::Client, snapshot: RunMetrics, stop: &Stop) {
    let Some(gateway) = config.pushgateway.as_ref().filter(|_| !config.dry_run) else { return };
    let left = config.run_timeout.saturating_sub(snapshot.duration);
    let limit = if stop.is_shutdown_requested() { Duration::from_secs(2) } else { left.max(Duration::from_secs(1)) };
    match tokio::time::timeout(limit, metrics::push(gateway, &snapshot, client)).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => tracing::warn!(error = %e, "failed to push metrics"),
        Err(_) => tracing::warn!("metrics not pushed: run timeout reached"),
    }
}
