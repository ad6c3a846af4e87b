//! Runs a history: the real core, run after run, in the simulated world, then runs without faults until it is drained.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use guardduty_slack::config::Config;
use guardduty_slack::core::{Core, Limits, RunInput, UnusableIdentity};
use guardduty_slack::guardduty::{ReadError, TransientReason};
use guardduty_slack::message::Writer;
use guardduty_slack::metrics::RequestCounts;
use guardduty_slack::run::driver::{SourceDiscovery, Systems, drive};
use guardduty_slack::run::session::{self, Opening, begin_replay, open};
use guardduty_slack::state::State;
use guardduty_slack::state::store::Store;
use guardduty_slack::time::{Time, Timestamp};
use tokio::sync::watch;

use crate::adapters::{SimGuardDuty, SimSlack, SimStore};
use crate::bugs::{self, Bug};
use crate::configuration::config;
use crate::executor::SimTime;
use crate::fake_slack::ClaimKind;
use crate::history::{History, Op, RunPlan};
use crate::plain_writer::PlainWriter;
use crate::world::{BEGIN, Connection, Replay, Run, World};

/// Maximum number of runs without faults until every finding is processed.
const DRAIN: usize = 12;

/// Result of a history.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Violations of guarantees.
    pub violations: Vec<String>,
    pub trace: Vec<String>,
    /// Number of faults by kind, and of other events.
    pub counts: BTreeMap<String, u64>,
}

/// End of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ended {
    Killed,
    Busy,
    /// The run ended with this exit status.
    Exit(u8),
}

pub(crate) fn run_history(history: &History, bug: Option<Bug>, traced: bool) -> Report {
    let mut history = history.clone();
    bugs::prepare(bug, &mut history);
    let world = World::new(history, bug, traced);
    world.time.run(run_all(&world));
    let trace = world.trace.as_ref().map(RefCell::take).unwrap_or_default();
    Report { violations: world.violations.take(), trace, counts: world.counts.take() }
}

async fn run_all(world: &Rc<World>) {
    let config = config(&world.history.setup, world.bug);
    let mut running = FuturesUnordered::new();
    for plan in world.history.runs.clone() {
        if !plan.overlaps {
            while running.next().await.is_some() {}
        }
        let mut gap = pin!(world.time.sleep(Duration::from_millis(plan.gap as u64)));
        loop {
            tokio::select! {
                biased;
                Some(_) = running.next() => {}
                () = &mut gap => break,
            }
        }
        running.push(run(world.clone(), &config, plan));
    }
    while running.next().await.is_some() {}
    run_until_drained(world, &config).await;
    world.check_invariants();
}

/// Starts runs without faults until there is nothing to announce.
async fn run_until_drained(world: &Rc<World>, config: &Config) {
    let last = world.history.events.iter().map(|e| e.at).max().unwrap_or(0);
    let last = (0..world.history.setup.findings.len())
        .flat_map(|f| world.revisions(f))
        .map(|s| s.visible.0)
        .max()
        .unwrap_or(0)
        .max(BEGIN + last);
    world.time.sleep_until(Timestamp(last)).await;
    // Findings that cannot be delivered are given up after a day.
    let interval =
        Duration::from_secs(if world.history.setup.first_undeliverable < usize::MAX { 8 * 3_600 } else { 300 });
    let mut quiet = 0;
    for n in 0..DRAIN {
        world.time.sleep(interval).await;
        world.catch_up();
        let before = (world.slack.borrow().count_deliveries(), world.store.borrow().version());
        let ended = run(world.clone(), config, RunPlan::clean(0)).await;
        let after = (world.slack.borrow().count_deliveries(), world.store.borrow().version());
        let saves = after.1 - before.1;
        let is_quiet = ended == Ended::Exit(0) && before.0 == after.0;
        quiet = if is_quiet { quiet + 1 } else { 0 };
        // The first quiet run may save more than once, because it reconciles.
        if quiet >= world.history.quiet_runs() && saves <= 1 {
            world.counts.borrow_mut().insert(format!("drained by clean run {n:>2}"), 1);
            return;
        }
    }
    world.report_violation("the backlog does not drain".into());
}

async fn run(world: Rc<World>, config: &Config, plan: RunPlan) -> Ended {
    world.catch_up();
    let index = world.runs.borrow().len();
    let run = Run::new(index, plan, world.now());
    world.runs.borrow_mut().push(run.clone());
    world.trace(|| format!("run {index} starts"));
    let connection = Connection { world: world.clone(), run: run.clone() };
    let ended = run_once(&connection, config).await;
    world.catch_up();
    run.ended.set(Some(world.now()));
    world.trace(|| format!("run {index} ended: {ended:?}"));
    world.count_event(match ended {
        Ended::Killed => "runs killed",
        Ended::Busy => "runs that exit because of a lease",
        Ended::Exit(0) => "runs exit 0",
        Ended::Exit(_) => "runs exit 1",
    });
    ended
}

async fn run_once(connection: &Connection, config: &Config) -> Ended {
    let (world, run) = (&connection.world, &connection.run);
    let config = match run.plan.overlap {
        1 => config,
        factor => &Config { overlap: config.overlap * factor, ..config.clone() },
    };
    let clock = world.time.ahead(run.plan.skew);
    let mut store = SimStore::new(connection.clone());
    let loaded = tokio::select! {
        biased;
        () = run.crash.wait() => return Ended::Killed,
        loaded = store.load() => loaded,
    };
    let start = match open(loaded, config, clock.now()).expect("the saved state is valid") {
        Opening::Busy { .. } => return Ended::Busy,
        Opening::Go(start) => *start,
    };
    if let Some(since) = start.replay {
        let announced = start.state.findings.iter().filter(|(_, e)| e.updated_at >= Some(since));
        let due = announced.map(|(id, _)| id.clone()).collect();
        world.count_event("replays started");
        world.replays.borrow_mut().push(Replay { run: run.index, at: world.now(), recorded: false, due });
    }
    let id = run.id();
    let opening = tokio::select! {
        biased;
        () = run.crash.wait() => return Ended::Killed,
        opening = begin_replay(start, &id, &mut store, config, &clock) => opening,
    };
    let start = match opening.expect("the saved state is valid") {
        Opening::Busy { .. } => return Ended::Busy,
        Opening::Go(start) => *start,
    };
    run.unrecordable.set(start.unrecordable.is_some());
    let processed_before: BTreeMap<String, Timestamp> =
        start.state.findings.iter().filter_map(|(id, e)| Some((id.clone(), e.updated_at?))).collect();
    let (term, shutdown) = watch::channel(false);
    let identities = identities(connection);
    let mut core = core(connection, config, start, &PlainWriter, identities.len(), &clock);
    let chat = SimSlack(connection.clone());
    let systems = Systems { discoveries: identities, chat: &chat, store, print: &|_| {} };
    let terminated = async {
        match run.plan.term {
            Some(ms) => world.time.sleep(Duration::from_millis(ms as u64)).await,
            None => std::future::pending().await,
        }
        world.count_event("SIGTERM");
        term.send_replace(true);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = run.crash.wait() => {}
        () = drive(&mut core, systems, clock, shutdown) => {}
        () = terminated => {}
    }
    world.catch_up();
    // Only the run itself knows the findings of a digest whose plan is not saved.
    for (id, at) in run.unplanned.take() {
        let state = core.report().state;
        let plan: Vec<(String, Timestamp)> = match state.digest_plans.get(&id) {
            Some(plan) => plan.findings.iter().map(|(id, u, _)| (id.clone(), *u)).collect(),
            None => processed_without_message(state, &processed_before, world),
        };
        world.claim_digest(run, &plan, at);
    }
    if run.killed.get() { Ended::Killed } else { Ended::Exit(u8::from(!core.report().is_success)) }
}

/// Returns the revisions that the run processed without a separate message.
fn processed_without_message(
    state: &State,
    before: &BTreeMap<String, Timestamp>,
    world: &World,
) -> Vec<(String, Timestamp)> {
    let is_announced = |id: &str, u: Timestamp| {
        world.slack.borrow().claims.iter().any(|c| c.kind != ClaimKind::Notice && c.id == id && c.updated == u)
    };
    let without_message = state.findings.iter().filter(|(_, e)| e.message.is_none());
    let without_message = without_message.filter_map(|(id, e)| Some((id.clone(), e.updated_at?)));
    without_message.filter(|(id, u)| before.get(id).is_none_or(|before| before < u) && !is_announced(id, *u)).collect()
}

fn core<'a>(
    connection: &Connection,
    config: &'a Config,
    start: session::LoadedRun,
    writer: &'a dyn Writer,
    identities: usize,
    clock: &SimTime,
) -> Core<'a> {
    let setup = &connection.world.history.setup;
    let now = clock.now();
    Core::new(RunInput {
        config,
        writer,
        limits: Limits {
            in_flight: setup.max_batch,
            digest: setup.digest,
            state_bytes: bugs::max_state_bytes(&connection.world),
        },
        id: connection.run.id(),
        chance: || 0.5,
        requests: RequestCounts::default(),
        identities,
        state: start.state,
        is_new_installation: start.is_new_installation,
        unrecordable: start.unrecordable,
        earlier: start.earlier,
        begun: now,
        now,
        end: now.plus(config.run_timeout).minus(Duration::from_secs(10)),
    })
}

/// The pod's own identity sees sources 0 and 1, a role sees source 2.
fn identities(connection: &Connection) -> Vec<SourceDiscovery<SimGuardDuty>> {
    let sources = connection.world.history.setup.sources;
    let groups: Vec<Vec<usize>> = vec![(0..sources.min(2)).collect(), (2..sources).collect()];
    groups.into_iter().filter(|g| !g.is_empty()).map(|group| identity(connection.clone(), group)).collect()
}

fn identity(connection: Connection, group: Vec<usize>) -> SourceDiscovery<SimGuardDuty> {
    Box::pin(async move {
        let account = crate::fake_guardduty::account(group[0]).to_owned();
        let response = connection.call(Op::Identity, || account.clone(), |_| ()).await;
        response.map_err(|_| UnusableIdentity {
            identity: account.clone(),
            account: Some(account.clone()),
            error: ReadError::Transient { reason: TransientReason::Credentials, text: "STS does not respond".into() },
        })?;
        let has_region = |source: &usize| connection.world.source_status(*source, connection.world.now()).region;
        Ok(group.into_iter().filter(has_region).map(|source| SimGuardDuty::new(connection.clone(), source)).collect())
    })
}
