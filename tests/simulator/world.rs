//! The simulated world: its time, its calls with what goes wrong in them, and what it remembers.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use guardduty_slack::finding::Finding;
use guardduty_slack::time::Millis;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::bugs::Bug;
use crate::dice::fate;
use crate::history::{Event, History, How, Op, RunPlan, What};
use crate::kept::Kept;
use crate::sky::Life;
use crate::workspace::Workspace;

/// When every history begins: 2026-11-24T06:40:00Z.
pub const BEGIN: i64 = 1_795_502_400_000;

type Effect = Box<dyn FnOnce(&World)>;
type Arriving<T> = Box<dyn FnOnce(&World) -> T>;
/// A finding, which of its states, whether archived, the source and its how many-th detector that show it.
type Shown = (usize, usize, bool, usize, usize);

pub struct World {
    pub history: History,
    pub lives: Vec<Life>,
    pub bug: Option<Bug>,
    started: Instant,
    then: Cell<Option<Millis>>,
    pub slack: RefCell<Workspace>,
    pub kept: RefCell<Kept>,
    pub runs: RefCell<Vec<Rc<Run>>>,
    /// What takes effect later: requests under way when their sender died, and what people do.
    later: RefCell<BTreeMap<(Millis, u64), Effect>>,
    scheduled: Cell<u64>,
    /// Told step by step, if wanted.
    pub trace: Option<RefCell<Vec<String>>>,
    /// What went wrong, how often.
    pub met: RefCell<BTreeMap<String, u64>>,
    pub broken: RefCell<Vec<String>>,
    pub replays: RefCell<Vec<Replay>>,
    pub details: RefCell<HashMap<Shown, Finding>>,
    /// What runs archived, or unarchived, and when.
    pub archivings: RefCell<Vec<(Millis, usize, bool)>>,
}

/// A run takes up what is to be said anew.
pub struct Replay {
    pub run: usize,
    pub at: Millis,
    /// A write told that it was taken up.
    pub recorded: bool,
    /// What was said before, and is to be said anew.
    pub due: Vec<String>,
}

/// One run of the program, as the world sees it.
pub struct Run {
    pub index: usize,
    pub plan: RunPlan,
    pub started: Millis,
    pub ended: Cell<Option<Millis>>,
    /// It knows that it cannot record.
    pub unrecordable: Cell<bool>,
    /// A history could not be read.
    pub blind: Cell<bool>,
    calls: Cell<u32>,
    nth: RefCell<HashMap<Op, u32>>,
    pub crash: Notify,
    pub dead: Cell<bool>,
    /// Digests whose plan was never sent to be kept: id, and when.
    pub unplanned: RefCell<Vec<(String, Millis, usize)>>,
}

impl World {
    pub fn new(history: History, bug: Option<Bug>, traced: bool) -> Rc<Self> {
        let world = Rc::new(Self {
            lives: Life::all(&history),
            bug,
            started: Instant::now(),
            then: Cell::new(None),
            slack: RefCell::default(),
            kept: RefCell::default(),
            runs: RefCell::default(),
            later: RefCell::default(),
            scheduled: Cell::new(0),
            trace: traced.then(RefCell::default),
            met: RefCell::default(),
            broken: RefCell::default(),
            replays: RefCell::default(),
            details: RefCell::default(),
            archivings: RefCell::default(),
            history,
        });
        for Event { at, what } in world.history.events.clone() {
            world.at(Millis(BEGIN + at), Box::new(move |w| w.happens(&what)));
        }
        world
    }

    pub fn seed(&self) -> u64 {
        self.history.seed
    }

    pub fn now(&self) -> Millis {
        self.then.get().unwrap_or_else(|| Millis(BEGIN).plus(self.started.elapsed()))
    }

    pub fn at(&self, at: Millis, effect: Effect) {
        self.scheduled.set(self.scheduled.get() + 1);
        self.later.borrow_mut().insert((at, self.scheduled.get()), effect);
    }

    /// Lets happen what was to happen by now.
    pub fn catch_up(&self) {
        loop {
            let due = self.later.borrow().keys().next().copied().filter(|(at, _)| *at <= self.now());
            let Some((at, effect)) = due.and_then(|key| Some((key.0, self.later.borrow_mut().remove(&key)?))) else {
                return;
            };
            // It happened when it was due, though nobody looked.
            self.then.set(Some(at));
            effect(self);
            self.then.set(None);
        }
    }

    fn happens(&self, what: &What) {
        self.tell(|| format!("{what:?}"));
        match what {
            What::Delete(finding) => self.slack.borrow_mut().delete(&name(*finding), self.now()),
            What::Touch => {
                self.met("write by somebody else");
                self.kept.borrow_mut().touch(self.now());
            }
            What::Forge(finding) => {
                if let Some(state) = self.state_of(*finding, self.now()) {
                    let updated = self.states(*finding)[state].updated.iso();
                    self.slack.borrow_mut().forge(&name(*finding), &updated, self.now(), &self.history);
                }
            }
            What::Replay(seconds) => {
                self.met("replays asked for");
                self.kept.borrow_mut().replay = Some(format!("{seconds}s"));
            }
            What::Lose | What::Restore(_) => {
                self.met(if *what == What::Lose { "state deleted" } else { "state restored from a copy" });
                self.kept.borrow_mut().meddle(what, self.now());
            }
            What::React { finding, reaction, is_added } => {
                self.met(if *is_added { "reactions added" } else { "reactions removed" });
                self.slack.borrow_mut().react(&name(*finding), *reaction, *is_added, self.now());
            }
            What::Turn(..) => self.met("a source changes"),
            What::State { .. } | What::Archive(_) | What::BringBack(_) => {}
        }
    }

    pub fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let at = self.now().0 - BEGIN;
            trace.borrow_mut().push(format!("{:>9.3} {}", at as f64 / 1000.0, line()));
        }
    }

    pub fn met(&self, what: &str) {
        *self.met.borrow_mut().entry(what.to_owned()).or_default() += 1;
    }

    /// A promise is broken.
    pub fn broken(&self, promise: String) {
        self.tell(|| format!("BROKEN {promise}"));
        self.broken.borrow_mut().push(promise);
    }
}

pub fn name(finding: usize) -> String {
    format!("f{finding:03}")
}

impl Run {
    pub fn new(index: usize, plan: RunPlan, started: Millis) -> Rc<Self> {
        Rc::new(Self {
            index,
            plan,
            started,
            ended: Cell::new(None),
            unrecordable: Cell::new(false),
            blind: Cell::new(false),
            calls: Cell::new(0),
            nth: RefCell::default(),
            crash: Notify::new(),
            dead: Cell::new(false),
            unplanned: RefCell::default(),
        })
    }

    /// How it names itself in lease and note.
    pub fn id(&self) -> String {
        format!("run{}", self.index)
    }

    /// It got as far as its sources, and to its end.
    pub fn worked(&self) -> bool {
        !self.dead.get() && self.ended.get().is_some() && self.nth.borrow().contains_key(&Op::Identity)
    }

    fn count(&self, op: Op) -> (u32, u32) {
        self.calls.set(self.calls.get() + 1);
        let mut nth = self.nth.borrow_mut();
        let nth = nth.entry(op).or_default();
        *nth += 1;
        (self.calls.get(), *nth)
    }
}

/// A run's line to the world.
#[derive(Clone)]
pub struct Line {
    pub world: Rc<World>,
    pub run: Rc<Run>,
}

/// An effect on its way: if its sender dies, it may yet arrive.
struct UnderWay<T: 'static> {
    world: Rc<World>,
    due: Millis,
    arrives: bool,
    effect: Option<Arriving<T>>,
}

impl<T: 'static> UnderWay<T> {
    fn arrive(&mut self) -> T {
        self.world.catch_up();
        let effect = self.effect.take().expect("it arrives once");
        effect(&self.world)
    }
}

impl<T: 'static> Drop for UnderWay<T> {
    fn drop(&mut self) {
        if let Some(effect) = self.effect.take().filter(|_| self.arrives) {
            effect_later(&self.world, self.due, effect);
        }
    }
}

fn effect_later<T: 'static>(world: &World, due: Millis, effect: Arriving<T>) {
    let effect: Effect = Box::new(move |w: &World| drop(effect(w)));
    world.at(due, effect);
}

impl Line {
    /// One call: its way there, its effect, its way back; and what goes wrong with it.
    pub async fn call<T: 'static>(
        &self,
        op: Op,
        what: impl Fn() -> String,
        effect: impl FnOnce(&World) -> T + 'static,
    ) -> Result<T, How> {
        let (world, run) = (&self.world, &self.run);
        let (call, nth) = run.count(op);
        let luck = fate(&[world.seed(), run.index as u64, op as u64, u64::from(nth)]);
        let fault = run.plan.fault(op, nth).cloned();
        let kill =
            run.plan.kill.filter(|k| k.call == if k.op.is_some() { nth } else { call } && k.op.is_none_or(|o| o == op));
        if let Some(how) = &fault {
            world.met(&format!("{op:?} {}", kind(how)));
        }
        world.tell(|| format!("run {} #{call} {op:?}/{nth} {}{}", run.index, what(), told(&fault, kill.is_some())));
        if kill.is_some_and(|k| !k.after) {
            world.met("killed before a call took effect");
            return self.die().await;
        }
        let (there, back) = ways(op, luck);
        let slow = match &fault {
            Some(How::Slow(ms)) => *ms,
            Some(How::Lost | How::Vanish) => 10_000,
            _ => 0,
        };
        match fault {
            None | Some(How::Slow(_) | How::Lost) => {}
            Some(How::Copy(_)) => return Err(fault.expect("it is a fault")),
            Some(how) => {
                sleep(ms(there + slow)).await;
                return if kill.is_some() { self.die().await } else { Err(how) };
            }
        }
        // What writes takes effect soon; its answer is what is slow.
        let writes = matches!(op, Op::Post | Op::Update | Op::Save | Op::Archive);
        let (early, late) = if writes { (0, slow) } else { (slow, 0) };
        let due = world.now().plus(ms(there + early));
        let arrives = writes && luck.is_multiple_of(2);
        let mut under_way = UnderWay { world: world.clone(), due, arrives, effect: Some(Box::new(effect)) };
        sleep(ms(there + early)).await;
        let answer = under_way.arrive();
        if kill.is_some() {
            world.met("killed after a call took effect");
            return self.die().await;
        }
        sleep(ms(back + late)).await;
        if matches!(fault, Some(How::Lost)) { Err(How::Lost) } else { Ok(answer) }
    }

    async fn die<T>(&self) -> T {
        self.world.tell(|| format!("run {} is KILLED", self.run.index));
        self.run.dead.set(true);
        self.run.crash.notify_one();
        std::future::pending().await
    }
}

fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms.max(0) as u64)
}

/// Milliseconds there and back.
fn ways(op: Op, luck: u64) -> (i64, i64) {
    let longest = match op {
        Op::Load | Op::Save | Op::Identity => 20,
        Op::Post | Op::Update => 400,
        _ => 150,
    };
    // Now and then a call takes long by itself.
    let slow = if luck.is_multiple_of(61) { 3_000 } else { 0 };
    (1 + slow + (luck >> 8) as i64 % longest, 1 + (luck >> 32) as i64 % longest)
}

fn told(fault: &Option<How>, killed: bool) -> String {
    let fault = fault.as_ref().map(|how| format!(" !! {how:?}")).unwrap_or_default();
    if killed { format!("{fault} (killed)") } else { fault }
}

fn kind(how: &How) -> &'static str {
    match how {
        How::Slow(_) => "slow",
        How::Fail => "fails",
        How::Lost => "answer lost",
        How::Vanish => "lost before its effect",
        How::Denied => "denied",
        How::Throttle(_) => "throttled",
        How::Content => "content refused",
        How::Channel => "channel refuses",
        How::App => "app refused",
        How::Copy(_) => "only the copy",
        How::Repeat => "page token repeats",
        How::LeaveOut => "leaves findings out",
        How::NewCode => "refused with an unknown code",
    }
}
