//! The simulated world: its time, its calls with their faults, and the recorded events.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::bugs::Bug;
use crate::executor::{Crash, SimTime};
use crate::fake_guardduty::{FindingHistory, source_changes};
use crate::fake_slack::FakeSlack;
use crate::fake_store::FakeStore;
use crate::history::{FaultEffect, History, OPS, Op, RunPlan, SourceChange, WorldEvent};
use crate::rng::hash;
use guardduty_slack::time::{Time, Timestamp};

/// Start of every history: 2026-11-24T06:40:00Z.
pub(crate) const BEGIN: i64 = 1_795_502_400_000;

type Effect = Box<dyn FnOnce(&World)>;
/// When an effect is due, and its number.
type EffectId = (Timestamp, u64);

pub(crate) struct World {
    pub history: History,
    pub finding_histories: Vec<FindingHistory>,
    /// Changes of each source, by time.
    pub source_changes: Vec<Vec<(Timestamp, SourceChange)>>,
    pub bug: Option<Bug>,
    pub time: SimTime,
    fixed_time: Cell<Option<Timestamp>>,
    pub slack: RefCell<FakeSlack>,
    pub store: RefCell<FakeStore>,
    pub runs: RefCell<Vec<Rc<Run>>>,
    /// Effects that are scheduled: requests in flight when their run was killed, and actions of people.
    pending_effects: RefCell<BTreeMap<EffectId, Effect>>,
    effects_scheduled: Cell<u64>,
    /// Trace of all steps, on request.
    pub trace: Option<RefCell<Vec<String>>>,
    /// Number of occurrences of each fault and event.
    pub counts: RefCell<BTreeMap<String, u64>>,
    pub violations: RefCell<Vec<String>>,
    pub replays: RefCell<Vec<Replay>>,
    /// Findings that runs archived (true) or unarchived, with the time.
    pub archivings: RefCell<Vec<(Timestamp, usize, bool)>>,
}

/// Replay that a run started.
pub(crate) struct Replay {
    pub run: usize,
    pub at: Timestamp,
    /// A saved state contains the start of the replay.
    pub recorded: bool,
    /// Announced findings that are to be announced again.
    pub due: Vec<String>,
}

/// One run of the program.
pub(crate) struct Run {
    pub index: usize,
    pub plan: RunPlan,
    pub started: Timestamp,
    pub ended: Cell<Option<Timestamp>>,
    /// The run has detected that it cannot save the state.
    pub unrecordable: Cell<bool>,
    calls: Cell<u32>,
    /// Number of calls of each kind.
    nth: [Cell<u32>; OPS],
    pub crash: Crash,
    pub killed: Cell<bool>,
    /// Digests whose plan was never sent to the store: ID and time.
    pub unplanned: RefCell<Vec<(String, Timestamp)>>,
}

impl World {
    pub(crate) fn new(history: History, bug: Option<Bug>, traced: bool) -> Rc<Self> {
        let world = Rc::new(Self {
            finding_histories: FindingHistory::all(&history),
            source_changes: source_changes(&history),
            bug,
            time: SimTime::starting_at(Timestamp(BEGIN)),
            fixed_time: Cell::new(None),
            slack: RefCell::default(),
            store: RefCell::default(),
            runs: RefCell::default(),
            pending_effects: RefCell::default(),
            effects_scheduled: Cell::new(0),
            trace: traced.then(RefCell::default),
            counts: RefCell::default(),
            violations: RefCell::default(),
            replays: RefCell::default(),
            archivings: RefCell::default(),
            history,
        });
        for (n, event) in world.history.events.iter().enumerate() {
            let is_read_from_history =
                matches!(event.what, WorldEvent::Revision { .. } | WorldEvent::Archive(_) | WorldEvent::Unarchive(_));
            if !is_read_from_history || traced {
                world.at(Timestamp(BEGIN + event.at), Box::new(move |w| w.apply_event(&w.history.events[n].what)));
            }
        }
        world
    }

    pub(crate) fn seed(&self) -> u64 {
        self.history.seed
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.fixed_time.get().unwrap_or_else(|| self.time.now())
    }

    pub(crate) fn at(&self, at: Timestamp, effect: Effect) -> EffectId {
        self.effects_scheduled.set(self.effects_scheduled.get() + 1);
        let id = (at, self.effects_scheduled.get());
        self.pending_effects.borrow_mut().insert(id, effect);
        id
    }

    /// Cancels an effect that is not due.
    fn cancel(&self, effect: EffectId) {
        if effect.0 > self.now() {
            self.pending_effects.borrow_mut().remove(&effect);
        }
    }

    /// Applies the scheduled effects that are due.
    pub(crate) fn catch_up(&self) {
        loop {
            let due = self.pending_effects.borrow().keys().next().copied().filter(|(at, _)| *at <= self.now());
            let Some((at, effect)) = due.and_then(|key| Some((key.0, self.pending_effects.borrow_mut().remove(&key)?)))
            else {
                return;
            };
            // The effect has the time at which it was due, not the present time.
            self.fixed_time.set(Some(at));
            effect(self);
            self.fixed_time.set(None);
        }
    }

    fn apply_event(&self, what: &WorldEvent) {
        self.trace(|| format!("{what:?}"));
        match what {
            WorldEvent::Delete(finding) => self.slack.borrow_mut().delete(&name(*finding), self.now()),
            WorldEvent::Touch => {
                self.count_event("write by another writer");
                self.store.borrow_mut().touch_by_other_writer(self.now());
            }
            WorldEvent::Forge(finding) => {
                if let Some(revision) = self.visible_revision(*finding, self.now()) {
                    let updated = self.revisions(*finding)[revision].updated.to_rfc3339();
                    self.slack.borrow_mut().post_forged_message(&name(*finding), &updated, self.now(), &self.history);
                }
            }
            WorldEvent::Replay(seconds) => {
                self.count_event("replays requested");
                self.store.borrow_mut().replay = Some(format!("{seconds}s"));
            }
            WorldEvent::DeleteState | WorldEvent::Restore(_) => {
                self.count_event(if *what == WorldEvent::DeleteState {
                    "state deleted"
                } else {
                    "state restored from a copy"
                });
                self.store.borrow_mut().apply_external_change(what, self.now());
            }
            WorldEvent::React { finding, reaction, is_added } => {
                self.count_event(if *is_added { "reactions added" } else { "reactions removed" });
                self.slack.borrow_mut().react(&name(*finding), *reaction, *is_added, self.now());
            }
            WorldEvent::ChangeSource(..) => self.count_event("source changes"),
            WorldEvent::Revision { .. } | WorldEvent::Archive(_) | WorldEvent::Unarchive(_) => {}
        }
    }

    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let at = self.now().0 - BEGIN;
            trace.borrow_mut().push(format!("{:>9.3} {}", at as f64 / 1000.0, line()));
        }
    }

    pub(crate) fn count_event(&self, what: &str) {
        *self.counts.borrow_mut().entry(what.to_owned()).or_default() += 1;
    }

    /// Reports the violation of a guarantee.
    pub(crate) fn report_violation(&self, violation: String) {
        self.trace(|| format!("VIOLATION {violation}"));
        self.violations.borrow_mut().push(violation);
    }
}

pub(crate) fn name(finding: usize) -> String {
    let digit = |power: usize| char::from(b'0' + (finding / power % 10) as u8);
    ['f', digit(100), digit(10), digit(1)].into_iter().collect()
}

/// The finding with this ID.
pub(crate) fn number(id: &str) -> usize {
    id[1..].parse().expect("an ID is a letter and a number")
}

impl Run {
    pub(crate) fn new(index: usize, plan: RunPlan, started: Timestamp) -> Rc<Self> {
        Rc::new(Self {
            index,
            plan,
            started,
            ended: Cell::new(None),
            unrecordable: Cell::new(false),
            calls: Cell::new(0),
            nth: Default::default(),
            crash: Crash::default(),
            killed: Cell::new(false),
            unplanned: RefCell::default(),
        })
    }

    /// Returns the ID of the run in its lease.
    pub(crate) fn id(&self) -> String {
        format!("run{}", self.index)
    }

    /// Returns true if the run reached its sources and ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        !self.killed.get() && self.ended.get().is_some() && self.nth[Op::Identity as usize].get() > 0
    }

    fn count(&self, op: Op) -> (u32, u32) {
        self.calls.set(self.calls.get() + 1);
        let nth = &self.nth[op as usize];
        nth.set(nth.get() + 1);
        (self.calls.get(), nth.get())
    }
}

/// Connection of a run to the simulated world.
#[derive(Clone)]
pub(crate) struct Connection {
    pub world: Rc<World>,
    pub run: Rc<Run>,
}

/// A call in flight. Its effect may arrive after its run is killed.
struct InFlightCall<T: 'static> {
    world: Rc<World>,
    effect: EffectId,
    arrives: bool,
    response: Rc<Cell<Option<T>>>,
}

impl<T: 'static> InFlightCall<T> {
    fn new(world: &Rc<World>, due: Timestamp, arrives: bool, effect: impl FnOnce(&World) -> T + 'static) -> Self {
        let response = Rc::new(Cell::new(None));
        let to = response.clone();
        let effect = world.at(due, Box::new(move |w: &World| to.set(Some(effect(w)))));
        Self { world: world.clone(), effect, arrives, response }
    }

    /// Returns the response of a call that took effect.
    fn response(&self) -> T {
        self.world.catch_up();
        self.response.take().expect("the effect was due")
    }
}

impl<T: 'static> Drop for InFlightCall<T> {
    fn drop(&mut self) {
        if !self.arrives {
            self.world.cancel(self.effect);
        }
    }
}

impl Connection {
    /// Runs one call: the request, its effect and the response, with a planned fault.
    pub(crate) async fn call<T: 'static>(
        &self,
        op: Op,
        what: impl Fn() -> String,
        effect: impl FnOnce(&World) -> T + 'static,
    ) -> Result<T, FaultEffect> {
        let (world, run) = (&self.world, &self.run);
        let (call, nth) = run.count(op);
        let random = hash(&[world.seed(), run.index as u64, op as u64, u64::from(nth)]);
        let fault = run.plan.fault(op, nth).cloned();
        let kill =
            run.plan.kill.filter(|k| k.call == if k.op.is_some() { nth } else { call } && k.op.is_none_or(|o| o == op));
        if let Some(fault) = &fault {
            world.count_event(&format!("{op:?} {}", fault_name(fault)));
        }
        world.trace(|| {
            format!("run {} #{call} {op:?}/{nth} {}{}", run.index, what(), describe_fault(&fault, kill.is_some()))
        });
        if kill.is_some_and(|k| !k.after) {
            world.count_event("killed before a call took effect");
            return self.end_as_killed().await;
        }
        let (request_delay, response_delay) = round_trip_delays(op, random);
        let slow_by = match &fault {
            Some(FaultEffect::Slow(ms)) => *ms,
            Some(FaultEffect::ResponseLost | FaultEffect::RequestLost) => 10_000,
            _ => 0,
        };
        match fault {
            None | Some(FaultEffect::Slow(_) | FaultEffect::ResponseLost) => {}
            Some(FaultEffect::Copy(_)) => return Err(fault.expect("a fault is planned")),
            Some(fault) => {
                world.time.sleep(ms(request_delay + slow_by)).await;
                return if kill.is_some() { self.end_as_killed().await } else { Err(fault) };
            }
        }
        // A slow write takes effect early. Its response is slow.
        let writes = matches!(op, Op::Post | Op::Update | Op::Save | Op::Archive);
        let (early, late) = if writes { (0, slow_by) } else { (slow_by, 0) };
        let due = world.now().plus(ms(request_delay + early));
        let arrives = writes && random.is_multiple_of(2);
        let in_flight = InFlightCall::new(world, due, arrives, effect);
        if kill.is_some() {
            world.time.sleep_until(due).await;
            world.count_event("killed after a call took effect");
            return self.end_as_killed().await;
        }
        world.time.sleep_until(due.plus(ms(response_delay + late))).await;
        let response = in_flight.response();
        if matches!(fault, Some(FaultEffect::ResponseLost)) { Err(FaultEffect::ResponseLost) } else { Ok(response) }
    }

    async fn end_as_killed<T>(&self) -> T {
        self.world.trace(|| format!("run {} is KILLED", self.run.index));
        self.run.killed.set(true);
        self.run.crash.happen();
        std::future::pending().await
    }
}

fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms.max(0) as u64)
}

/// Returns the delays of request and response in milliseconds.
fn round_trip_delays(op: Op, random: u64) -> (i64, i64) {
    let longest = match op {
        Op::Load | Op::Save | Op::Identity => 20,
        Op::Post | Op::Update => 400,
        _ => 150,
    };
    // A few calls are slow without a planned fault.
    let slow = if random.is_multiple_of(61) { 3_000 } else { 0 };
    (1 + slow + (random >> 8) as i64 % longest, 1 + (random >> 32) as i64 % longest)
}

fn describe_fault(fault: &Option<FaultEffect>, killed: bool) -> String {
    let fault = fault.as_ref().map(|fault| format!(" !! {fault:?}")).unwrap_or_default();
    if killed { format!("{fault} (killed)") } else { fault }
}

fn fault_name(fault: &FaultEffect) -> &'static str {
    match fault {
        FaultEffect::Slow(_) => "slow",
        FaultEffect::Fail => "fails",
        FaultEffect::ResponseLost => "response lost",
        FaultEffect::RequestLost => "request lost",
        FaultEffect::Denied => "denied",
        FaultEffect::Throttle(_) => "throttled",
        FaultEffect::Content => "content rejected",
        FaultEffect::Channel => "channel rejected",
        FaultEffect::App => "app rejected",
        FaultEffect::Copy(_) => "only the copy",
        FaultEffect::Repeat => "page token repeated",
        FaultEffect::LeaveOut => "findings omitted",
        FaultEffect::NewCode => "rejected with an unknown code",
    }
}
