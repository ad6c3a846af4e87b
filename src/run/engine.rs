//! One run, from what the sources show to what is recorded. One task owns the state; sources are read and channels
//! are written side by side, and tell it what came of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::config::{Config, Regions, Role};
use crate::finding::Finding;
use crate::guardduty::Detector;
use crate::message::{Level, Notice};
use crate::metrics::Requests;
use crate::plan::silence::{self, Open, Reading, Stamp};
use crate::plan::{self, Act, Budget, Routed, UPDATES, Update, default_destination, route};
use crate::run::deliver::{Desk, Done, lane};
use crate::run::intake::{Identity, Intake, Unreachable};
use crate::run::look::Look;
use crate::run::poll::{Known, Room};
use crate::run::recall::{Memory, Past, Recall, recall};
use crate::run::record::Record;
use crate::run::stop::Stop;
use crate::slack::Chat;
use crate::state::store::Store;
use crate::state::{Outcome, Standing, Unfetched};
use crate::time::{Clock, Millis};

/// So many findings at most are in hand, over all sources.
const WINDOW: usize = 5_000;
/// What cannot be delivered, or fetched, for so long is given up.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Messages are planned when every source has answered, or after a quarter of `RUN_TIMEOUT`, so long at most.
const BARRIER: Duration = Duration::from_secs(60);
/// Calls under way when the run must end may still answer so long.
const GRACE: Duration = Duration::from_millis(1_500);
/// So many notices at most wait in the state.
const NOTICES: usize = 200;
/// A run that lasts says this often how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

type Lane<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
type Told = (String, Act, Done);

/// What the sources showed and was not planned yet.
#[derive(Default)]
struct Arrived {
    findings: Vec<Finding>,
    /// Findings whose archiving was looked up.
    looked_up: Vec<Finding>,
    left_out: Vec<String>,
    /// Sources new to the state, and what was open in them before.
    newcomers: Vec<(String, Option<Open>)>,
}

/// What became of the messages of this run.
#[derive(Debug, Default)]
pub struct Tally {
    pub posted: usize,
    pub settled: usize,
    /// By configured channel: what failed and is not settled.
    pub failed: BTreeMap<String, u64>,
    /// Why not everything is settled, each reason once.
    pub problems: BTreeSet<String>,
}

pub struct Engine<'a, D, C, S> {
    pub config: &'a Config,
    desk: Rc<Desk<'a, C>>,
    pub clock: Clock,
    stop: Stop,
    pub record: Record<'a, S>,
    pub intake: Intake<'a, D>,
    pub tally: Tally,
    requests: Requests,
    /// Prints instead of posting.
    print: Option<&'a dyn Fn(&Act)>,
    stamp: Stamp,
    /// There was no state.
    afresh: bool,
    recall: Option<Recall>,
    memory: Option<Memory>,
    past: Past,
    /// Channels that could not be read after an unclean end: nothing is posted there.
    silent: BTreeSet<String>,
    lanes: FuturesUnordered<Lane<'a>>,
    told: (mpsc::UnboundedSender<Told>, mpsc::UnboundedReceiver<Told>),
    arrived: Arrived,
    budget: Budget,
    digests: usize,
    /// What was tried and failed is not tried again in this run.
    tried: HashSet<String>,
    /// The outcome of a message is not known.
    unknown: bool,
    /// An identity could not be used.
    unreachable: bool,
    reported: Instant,
}

/// What a run begins with.
pub struct Begin<'a, D, C, S> {
    pub config: &'a Config,
    pub desk: Rc<Desk<'a, C>>,
    pub clock: Clock,
    pub stop: Stop,
    pub record: Record<'a, S>,
    pub identities: Vec<Identity<D>>,
    pub afresh: bool,
    pub recall: Option<Recall>,
    pub requests: Requests,
    pub print: Option<&'a dyn Fn(&Act)>,
}

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    pub fn new(begin: Begin<'a, D, C, S>) -> Self {
        let Begin { config, desk, clock, stop, record, identities, afresh, recall, requests, print } = begin;
        let stamp = Stamp(record.state.saved.unwrap_or(clock.now()));
        let past = recall.map_or(Past::since(clock.now(), record.state.replayed), |r| r.past);
        Self {
            config,
            desk,
            clock,
            stop,
            record,
            intake: Intake::new(config, identities),
            tally: Tally::default(),
            requests,
            print,
            stamp,
            afresh,
            recall,
            memory: None,
            past,
            silent: BTreeSet::new(),
            lanes: FuturesUnordered::new(),
            told: mpsc::unbounded_channel(),
            arrived: Arrived::default(),
            budget: Budget::new(config.slack.digest_after),
            digests: 0,
            tried: HashSet::new(),
            unknown: false,
            unreachable: false,
            reported: Instant::now(),
        }
    }

    /// Windows, one after another, until everything is told or the run must end; then the last checkpoint.
    pub async fn run(&mut self) {
        self.adopt_or_drop_without_history();
        let room = self.room();
        let known = self.known();
        self.gather(&room, &known).await;
        self.back_in_reach();
        loop {
            self.cycle().await;
            if self.is_over() {
                break;
            }
            let (room, known) = (self.room(), self.known());
            let more = self.record.full || self.intake.next_windows(&room, &known);
            if self.intake.is_idle() && !more && self.arrived.is_empty() {
                break;
            }
            self.gather(&room, &known).await;
            if self.record.full && self.intake.is_idle() {
                break;
            }
        }
        self.close().await;
    }

    fn is_over(&self) -> bool {
        self.desk.over() || self.record.conflict.is_some()
    }

    /// A webhook tells no history: what was written ahead may repeat.
    fn adopt_or_drop_without_history(&mut self) {
        if !self.desk.readable.get() {
            self.record.state.plans.clear();
            self.recall = None;
        }
    }

    /// How many findings may be taken in hand now. Without digests no more than can be posted.
    fn room(&self) -> Rc<Room> {
        let postable = usize::try_from(self.stop.left().as_secs()).unwrap_or(WINDOW).max(50);
        let limit =
            if self.config.slack.digest_after == 0 && !self.config.dry_run { postable.min(WINDOW) } else { WINDOW };
        Rc::new(Room::new(limit))
    }

    fn known(&self) -> Rc<Known> {
        let state = &self.record.state;
        let said = state.findings.iter().map(|(id, e)| (id.clone(), e.u)).collect();
        let passed = state.unfetched.iter().filter(|(_, u)| u.passed).map(|(id, _)| id.clone()).collect();
        Rc::new(Known { said, passed })
    }

    /// When sources that answer later are planned without.
    fn barrier(&self) -> Instant {
        Instant::now() + (self.config.run_timeout / 4).min(BARRIER)
    }

    /// Waits until every source that was asked has answered, or until the barrier, if anything answered by then.
    async fn gather(&mut self, room: &Rc<Room>, known: &Rc<Known>) {
        let (mut tick, barrier) = (ticks(), self.barrier());
        while !self.intake.is_idle() && !self.is_over() && (Instant::now() < barrier || self.arrived.is_empty()) {
            let stop = self.stop.clone();
            tokio::select! {
                Some(identity) = self.intake.identities.next() => self.identified(identity, room, known),
                Some(look) = self.intake.looks.next() => self.seen(look),
                _ = tick.tick() => self.tick().await,
                () = stop.wait() => break,
            }
        }
    }

    /// What stood for the sources of an identity that could not be used, once every identity can.
    fn back_in_reach(&mut self) {
        if self.unreachable || !self.intake.identities.is_empty() {
            return;
        }
        let now = self.clock.now();
        let keys: Vec<String> = self.record.state.sources.keys().filter(|k| k.ends_with("/*")).cloned().collect();
        for key in keys {
            if let Some(mut source) = self.record.state.sources.remove(&key) {
                let notice = silence::seen_again(&key, &mut source, self.stamp, now);
                self.announce(notice.into_iter().collect());
            }
        }
    }

    fn identified(&mut self, identity: Result<Vec<D>, Unreachable>, room: &Rc<Room>, known: &Rc<Known>) {
        match identity {
            Ok(sources) => {
                let (state, now) = (&self.record.state, self.clock.now());
                for source in sources {
                    self.intake.first_look(source, state, room, known, now);
                }
            }
            Err(unreachable) => self.unreachable(&unreachable),
        }
    }

    /// Nothing is known of an identity's sources but what the state remembers.
    fn unreachable(&mut self, u: &Unreachable) {
        tracing::error!(identity = u.identity, error = %u.error, "the identity cannot be used");
        self.tally.problems.insert(format!("{}: {}", u.identity, u.error));
        self.unreachable = true;
        let others: Vec<&str> = self.config.aws.roles.iter().filter_map(role_account).collect();
        let mine = |key: &str| {
            let account = key.split('/').next().unwrap_or_default();
            u.account.as_deref().map_or_else(|| !others.contains(&account), |a| a == account)
        };
        let mut keys: Vec<String> = self.record.state.sources.keys().filter(|k| mine(k)).cloned().collect();
        if keys.is_empty() {
            keys.push(format!("{}/*", u.account.as_deref().unwrap_or(&u.identity)));
        }
        for key in keys {
            self.stand(&key, &Reading::Failed(&u.error));
        }
    }

    /// Notes what a source answered.
    fn seen(&mut self, mut look: Look) {
        let key = look.key.to_string();
        for warning in look.warnings.drain(..) {
            tracing::warn!(source = key, warning, "not all that is watched could be read");
        }
        if look.first {
            self.first_seen(&key, &look);
        }
        if let Some(error) = look.error().filter(|_| self.is_polled(&key)) {
            tracing::error!(source = key, %error, reason = error.reason(), "the source could not be read");
            self.tally.problems.insert(format!("{key}: {error}"));
        }
        let Some(n) = self.record.state.sources.get(&key).map(|s| s.n) else { return };
        self.missing(&look, n);
        let fresh = self.intake.take(&mut look);
        if let Some(track) = self.intake.tracks.get_mut(&key) {
            track.n = n;
        }
        tracing::debug!(source = key, new = fresh.len(), more = look.window.more, "read");
        self.arrived.findings.extend(fresh);
        self.arrived.looked_up.append(&mut look.looked_up);
    }

    fn first_seen(&mut self, key: &str, look: &Look) {
        let reading = match (look.error(), &look.detector) {
            (Some(error), _) => Reading::Failed(error),
            (None, Ok(Some(id))) => Reading::Detector { id, enabled: look.enabled },
            (None, _) => Reading::NoDetector,
        };
        if self.stand(key, &reading) {
            self.arrived.newcomers.push((key.to_owned(), look.open_before.clone()));
        }
        self.watch(key, look);
    }

    /// Notes how a source stands, and what is to be announced of it. Whether it is a newcomer that is looked at.
    fn stand(&mut self, key: &str, reading: &Reading) -> bool {
        let (now, all) = (self.clock.now(), self.config.aws.regions == Regions::All);
        let start = now.minus(self.config.lookback);
        let (source, new) = self.record.state.source(key, start);
        let was_out = source.standing == Standing::LeftOut;
        source.configured = Some(now);
        let notices = silence::standing(key, source, new, all, reading, self.stamp, now);
        let out = source.standing == Standing::LeftOut;
        if was_out && !out {
            (source.watermark, source.floor) = (start, start);
        }
        if out && new {
            self.arrived.left_out.push(key.to_owned());
        }
        self.announce(notices);
        (new || was_out) && !out
    }

    fn watch(&mut self, key: &str, look: &Look) {
        let now = self.clock.now();
        let Some(source) = self.record.state.sources.get_mut(key) else { return };
        if let Some(last) = look.looked_up.iter().map(|f| &f.id).max_by_key(|id| (*id <= &source.looked_up, *id)) {
            source.looked_up.clone_from(last);
        }
        if look.filters.is_none() && look.ip_sets.is_none() {
            return;
        }
        let baseline = source.watched.is_some();
        let due = silence::compare_due(source, now);
        let known = source.watched.get_or_insert_default();
        if due {
            known.compared = now;
        }
        let mut notices = Vec::new();
        if let Some(seen) = &look.filters {
            notices.extend(silence::watched(
                key,
                &silence::FILTER,
                &mut known.filters,
                &seen.ids,
                &seen.read,
                baseline,
                self.stamp,
            ));
        }
        if let Some(seen) = &look.ip_sets {
            notices.extend(silence::watched(
                key,
                &silence::IP_SET,
                &mut known.ip_sets,
                &seen.ids,
                &seen.read,
                baseline,
                self.stamp,
            ));
        }
        self.announce(notices);
    }

    /// What was listed and not told when asked for is given up after a day.
    fn missing(&mut self, look: &Look, n: u32) {
        let now = self.clock.now();
        for id in &look.window.missing {
            let state = &mut self.record.state;
            let unfetched = state.unfetched.entry(id.clone()).or_insert(Unfetched { s: n, since: now, passed: false });
            tracing::warn!(finding = id, source = %look.key, since = unfetched.since.iso(), "listed, but not told when asked for");
            self.tally.problems.insert(format!("{}: a finding is listed but cannot be fetched", look.key));
        }
    }

    fn announce(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            tracing::warn!(notice = notice.title, "to be announced");
            let due = &mut self.record.state.notices;
            if due.iter().all(|n| n.id != notice.id) {
                due.push(notice);
            }
        }
        let due = &mut self.record.state.notices;
        let over = due.len().saturating_sub(NOTICES);
        due.drain(..over);
    }

    /// One notice for all newcomers, one for all regions that are left out.
    fn announce_sources(&mut self) {
        let newcomers = std::mem::take(&mut self.arrived.newcomers);
        let known: Vec<&Open> = newcomers.iter().filter_map(|(_, open)| open.as_ref()).collect();
        let open = (!known.is_empty()).then(|| sum(&known));
        let keys: Vec<String> = newcomers.iter().map(|(key, _)| key.clone()).collect();
        let lookback = self.config.lookback;
        let mut notices = Vec::new();
        if self.afresh && self.intake.tracks.values().any(|t| t.looked) {
            self.afresh = false;
            notices.push(silence::afresh(lookback, open.as_ref(), self.stamp));
        } else if !keys.is_empty() && self.record.state.saved.is_some() {
            notices.push(silence::new_sources(&keys, lookback, open.as_ref(), self.stamp));
        }
        let out = std::mem::take(&mut self.arrived.left_out);
        if !out.is_empty() {
            notices.push(silence::left_out(&out, self.stamp));
        }
        self.announce(notices);
    }

    /// Plans what has arrived, writes ahead what is about to be done, does it, records it.
    async fn cycle(&mut self) {
        self.announce_sources();
        let mut window = std::mem::take(&mut self.arrived.findings);
        let mut looked_up = std::mem::take(&mut self.arrived.looked_up);
        loop {
            window = self.newest(window);
            if !self.remember(&window).await {
                return;
            }
            let held = self.tell(window, std::mem::take(&mut looked_up)).await;
            if held.is_empty() || self.is_over() {
                break;
            }
            window = held;
        }
        self.intake.advance(&mut self.record.state);
    }

    /// Of a finding that two sources show, the newest state; nothing that was settled, or tried in this run.
    fn newest(&self, window: Vec<Finding>) -> Vec<Finding> {
        let mut newest: std::collections::HashMap<String, Finding> = std::collections::HashMap::new();
        for f in window.into_iter().filter(|f| !self.tried.contains(&f.id)) {
            match newest.get(&f.id) {
                Some(known) if known.updated >= f.updated => {}
                _ => {
                    newest.insert(f.id.clone(), f);
                }
            }
        }
        newest.into_values().collect()
    }

    /// Before anything is said: what stands in Slack that the state does not know. False: the run is over.
    async fn remember(&mut self, window: &[Finding]) -> bool {
        let (state, now) = (&self.record.state, self.clock.now());
        let unsaid = |f: &Finding| !state.knows(&f.id, f.updated);
        let something = window.iter().any(unsaid) || !state.notices.is_empty() || !state.plans.is_empty();
        if !something || self.print.is_some() {
            return true;
        }
        if self.memory.is_none() {
            let (memory, silent) = match &self.recall {
                Some(ask) => recall(&self.desk, state, ask, now).await,
                None => Default::default(),
            };
            if self.stop.is_set() {
                return false;
            }
            self.silent = silent;
            self.memory = Some(memory);
        }
        self.adopt(window);
        true
    }

    fn adopt(&mut self, window: &[Finding]) {
        let Some(memory) = &self.memory else { return };
        let (state, now) = (&mut self.record.state, self.clock.now());
        let adopted = memory.adopt(state, now);
        if !adopted.findings.is_empty() || adopted.digests > 0 {
            tracing::info!(
                findings = adopted.findings.len(),
                digests = adopted.digests,
                "taken as said: they stand in Slack"
            );
        }
        // Planned, yet not there: planned anew. Where the channel could not be read, that is not known.
        let silent = &self.silent;
        state.plans.retain(|_, p| silent.contains(&p.channel));
        for f in window {
            if !state.knows(&f.id, f.updated) {
                continue;
            }
            if adopted.findings.contains(&f.id) {
                state.learn(f);
            }
            self.intake.settled(&f.id);
        }
    }

    /// Decides, writes ahead, delivers. What must wait for a sibling's message is given back.
    async fn tell(&mut self, window: Vec<Finding>, looked_up: Vec<Finding>) -> Vec<Finding> {
        let now = self.clock.now();
        let (digests, id) = (&mut self.digests, self.desk.id.clone());
        let next_id = || {
            *digests += 1;
            format!("{id}-{digests}")
        };
        let mut plan = plan::plan(&self.record.state, self.config, window, &mut self.budget, next_id, now);
        for (f, outcome, reason) in plan.settled.drain(..) {
            tracing::info!(finding = f.id, kind = f.kind.as_str(), reason = reason.text(), "settled without a word");
            self.settle(&f, &outcome);
        }
        self.add_archived(&mut plan, looked_up);
        self.add_pointers(&mut plan);
        self.add_notices(&mut plan);
        let silent = &self.silent;
        plan.lanes.retain(|_, acts| !acts.is_empty());
        plan.lanes.retain(|name, _| !silent.contains(name));
        if let Some(print) = self.print {
            plan.lanes.values().flatten().for_each(print);
        } else if !plan.lanes.is_empty() {
            self.deliver(plan.lanes).await;
        }
        plan.held
    }

    /// A finding that was archived, or brought back, says so on its message.
    fn add_archived(&self, plan: &mut plan::Plan, looked_up: Vec<Finding>) {
        let planned: HashSet<String> =
            plan.lanes.values().flatten().filter_map(|a| a.finding().map(|f| f.id.clone())).collect();
        for f in looked_up {
            let Some(entry) = self.record.state.findings.get(&f.id) else { continue };
            let Some(at) = entry.at.clone().filter(|_| entry.archived != f.archived && !planned.contains(&f.id)) else {
                continue;
            };
            let to = match route(self.config, &f) {
                Routed::To(to) => to,
                Routed::Drop => default_destination(self.config),
            };
            let update = Update { at, word: None, to, seen: entry.seen.clone() };
            plan.lanes.entry(UPDATES.into()).or_default().push(Act::Update(f, update));
        }
    }

    fn add_pointers(&self, plan: &mut plan::Plan) {
        for (id, entry) in &self.record.state.findings {
            if let (Some(old), Some(at)) = (&entry.old, &entry.at)
                && !self.tried.contains(id)
            {
                let channel = self.channel_name(&at.channel);
                let act = Act::Point { id: id.clone(), old: old.clone(), now: at.clone(), channel };
                plan.lanes.entry(UPDATES.into()).or_default().push(act);
            }
        }
    }

    fn add_notices(&self, plan: &mut plan::Plan) {
        let due = self.record.state.notices.iter().filter(|n| !self.tried.contains(&n.id)).cloned().map(Act::Notice);
        plan.lanes.entry(self.desk.default.name().to_owned()).or_default().splice(0..0, due);
    }

    /// The configured name of a channel, or its id.
    fn channel_name(&self, id: &str) -> String {
        let names = self.desk.channels.borrow();
        names.iter().find(|(_, known)| *known == id).map_or(id, |(name, _)| name).to_owned()
    }

    async fn deliver(&mut self, lanes: BTreeMap<String, Vec<Act>>) {
        self.write_ahead(&lanes).await;
        if self.is_over() {
            return;
        }
        for (name, acts) in lanes {
            let report = self.told.0.clone();
            self.lanes.push(Box::pin(lane(self.desk.clone(), name, acts, self.past, report)));
        }
        self.drive().await;
        // What moved to another channel is said where it stood before.
        let mut plan = plan::Plan::default();
        self.add_pointers(&mut plan);
        if !plan.lanes.is_empty() && !self.is_over() {
            for (name, acts) in plan.lanes {
                self.lanes.push(Box::pin(lane(self.desk.clone(), name, acts, self.past, self.told.0.clone())));
            }
            self.drive().await;
        }
    }

    async fn write_ahead(&mut self, lanes: &BTreeMap<String, Vec<Act>>) {
        let numbers = self.intake.numbers();
        for act in lanes.values().flatten() {
            if let Act::Digest { id, to, findings } = act {
                let n = |f: &Finding| numbers.get(&f.origin.key()).copied().unwrap_or(0);
                let findings = findings.iter().map(|f| (f.id.clone(), f.updated, n(f))).collect();
                let plan = crate::state::Plan { channel: to.name().to_owned(), findings };
                self.record.state.plans.insert(id.clone(), plan);
            }
        }
        self.intake.advance(&mut self.record.state);
        self.record.ahead(&self.intake.unsettled()).await;
    }

    /// Until every lane is done: what comes of it is settled, checkpoints are written, late sources are heard.
    async fn drive(&mut self) {
        let mut tick = ticks();
        let (room, known) = (Rc::new(Room::new(0)), self.known());
        let mut grace = None;
        while !self.lanes.is_empty() {
            let stop = self.stop.clone();
            let ended = async move {
                match grace {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => stop.wait().await,
                }
            };
            tokio::select! {
                biased;
                Some(told) = self.told.1.recv() => self.done(told),
                Some(()) = self.lanes.next() => {}
                Some(look) = self.intake.looks.next() => self.seen(look),
                Some(identity) = self.intake.identities.next() => self.identified(identity, &room, &known),
                _ = tick.tick() => self.tick().await,
                () = ended => match grace {
                    Some(_) => break,
                    None => grace = Some(Instant::now() + GRACE),
                },
            }
            if self.record.is_due() {
                self.checkpoint().await;
            }
            if self.record.conflict.is_some() {
                break;
            }
        }
        self.unknown |= self.desk.in_flight.get() > 0;
        self.desk.in_flight.set(0);
        self.lanes.clear();
        while let Ok(told) = self.told.1.try_recv() {
            self.done(told);
        }
    }

    async fn checkpoint(&mut self) {
        self.record.state.channels.extend(self.desk.channels.borrow().clone());
        self.intake.advance(&mut self.record.state);
        self.record.checkpoint(&self.intake.unsettled()).await;
    }

    async fn tick(&mut self) {
        if self.record.is_due() {
            self.checkpoint().await;
        }
        if self.reported.elapsed() >= PROGRESS {
            self.reported = Instant::now();
            let seconds = self.clock.elapsed().as_secs();
            tracing::info!(seconds, posted = self.tally.posted, pending = self.intake.pending(), "still at work");
        }
    }

    /// What came of an act.
    fn done(&mut self, (lane, act, done): Told) {
        match (act, done) {
            (Act::Post(f, _) | Act::Update(f, _), Done::Settled(outcome)) => self.settle(&f, &outcome),
            (Act::Digest { id, to, findings }, Done::Digested) => {
                self.record.state.plans.remove(&id);
                for f in &findings {
                    self.settle_in(f, to.name(), &Outcome::Digested);
                }
            }
            (Act::Notice(notice), Done::Said) => {
                self.record.state.notices.retain(|n| n.id != notice.id);
                self.record.delivered();
            }
            (Act::Point { id, .. }, Done::Said) => {
                if let Some(entry) = self.record.state.findings.get_mut(&id) {
                    entry.old = None;
                }
                self.record.delivered();
            }
            (act, Done::Unknown(why)) => {
                self.unknown = true;
                self.not_said(&lane, act, &why, true);
            }
            (act, Done::Failed(why)) => self.not_said(&lane, act, &why, false),
            (act, Done::Left) => {
                if let Act::Digest { id, .. } = &act {
                    self.record.state.plans.remove(id);
                }
            }
            (_, Done::Settled(_) | Done::Digested | Done::Said) => {}
        }
    }

    fn settle(&mut self, f: &Finding, outcome: &Outcome) {
        let channel = match route(self.config, f) {
            Routed::To(to) => to.name().to_owned(),
            Routed::Drop => default_destination(self.config).name().to_owned(),
        };
        self.settle_in(f, &channel, outcome);
    }

    fn settle_in(&mut self, f: &Finding, channel: &str, outcome: &Outcome) {
        let n = self.intake.tracks.get(&f.origin.key()).map_or(0, |t| t.n);
        self.record.state.settle(f, n, channel, outcome, self.clock.now());
        self.intake.settled(&f.id);
        self.tally.settled += 1;
        if matches!(outcome, Outcome::Posted { .. } | Outcome::Updated { .. } | Outcome::Digested) {
            self.tally.posted += 1;
            self.record.delivered();
        }
    }

    /// What was not said stays to be said, for a day.
    fn not_said(&mut self, lane: &str, act: Act, why: &str, unknown: bool) {
        tracing::error!(lane, why, "not delivered; the next run tries again");
        self.tally.problems.insert(format!("{lane}: {why}"));
        match act {
            Act::Post(f, _) | Act::Update(f, _) => self.failed(f, lane, why, unknown),
            Act::Digest { id, findings, .. } => {
                if !unknown {
                    self.record.state.plans.remove(&id);
                }
                findings.into_iter().for_each(|f| self.failed(f, lane, why, unknown));
            }
            Act::Notice(notice) => {
                self.tried.insert(notice.id);
            }
            Act::Point { id, .. } => {
                self.tried.insert(id);
            }
        }
    }

    fn failed(&mut self, f: Finding, lane: &str, why: &str, unknown: bool) {
        let n = self.intake.tracks.get(&f.origin.key()).map_or(0, |t| t.n);
        let now = self.clock.now();
        let since = self.record.state.failed(&f.id, n, now);
        self.tried.insert(f.id.clone());
        *self.tally.failed.entry(lane.to_owned()).or_default() += 1;
        if since < PATIENCE || unknown {
            return;
        }
        tracing::error!(finding = ?f, why, "given up after a day; here it is in full");
        let title = format!("given up: finding {} of account {} in {}", f.id, f.account_id, f.origin.region);
        let lines = vec![
            format!("{} · severity {}", f.kind.as_str(), f.severity),
            format!("could not be delivered for a day: {why}"),
        ];
        self.announce(vec![self.stamp.notice(&format!("given-up-{}", f.id), Level::Warning, title, lines)]);
        self.settle(&f, &Outcome::GivenUp);
    }

    /// The last checkpoint. The note stays where the outcome of a message is unknown.
    async fn close(&mut self) {
        self.give_up_unfetched();
        self.record.state.channels.extend(self.desk.channels.borrow().clone());
        self.intake.advance(&mut self.record.state);
        let unsettled = self.intake.unsettled();
        for (channel, count) in &self.tally.failed {
            for _ in 0..*count {
                self.record.state.totals.count_notification(channel, "failed");
            }
        }
        self.count_requests();
        if self.record.conflict.is_none() {
            let since = self.unsure_since();
            let before = self.record.state.totals.last_success;
            if self.is_success() {
                self.record.state.totals.last_success = Some(self.clock.now());
            }
            self.record.close(&unsettled, since).await;
            if !self.record.is_recorded() {
                self.record.state.totals.last_success = before;
            }
        }
    }

    fn count_requests(&mut self) {
        for ((service, operation, code), count) in self.requests.drain() {
            let total = self.record.state.totals.requests.entry(format!("{service}|{operation}|{code}")).or_default();
            *total += count;
        }
    }

    /// Whether a source is one that is polled: a region that is left out is none.
    pub fn is_polled(&self, key: &str) -> bool {
        self.record.state.sources.get(key).is_some_and(|s| s.standing != Standing::LeftOut)
    }

    /// Since when messages may stand in Slack that the state does not know, for the next run to look them up.
    fn unsure_since(&self) -> Option<Millis> {
        let all_read = self.intake.tracks.values().all(|t| t.looked && t.up) && !self.unreachable;
        let begun = self.clock.now().minus(self.clock.elapsed());
        match &self.recall {
            // Something went out, and nobody knows whether it arrived.
            _ if self.unknown => Some(self.recall.map_or(begun, |r| r.since)),
            // What an earlier run may have said was not looked up, or not everywhere.
            Some(r) if self.memory.is_none() && (r.unclean || !all_read) => Some(r.since),
            Some(r) if !self.silent.is_empty() => Some(r.since),
            _ => None,
        }
    }

    /// What was listed for a day and never told is passed; a notice names it in the next run.
    fn give_up_unfetched(&mut self) {
        let now = self.clock.now();
        let old = |u: &Unfetched| !u.passed && now.since(u.since) >= PATIENCE;
        let unfetched = self.record.state.unfetched.iter_mut().filter(|(_, u)| old(u));
        let ids: Vec<String> = unfetched
            .map(|(id, u)| {
                u.passed = true;
                id.clone()
            })
            .collect();
        for id in ids {
            tracing::error!(finding = id, "given up: it was listed for a day, and never told when asked for");
            let title = format!("given up: finding {id} is listed but cannot be fetched");
            self.announce(vec![self.stamp.notice(&format!("unfetched-{id}"), Level::Warning, title, vec![])]);
            let default = self.desk.default.name().to_owned();
            self.record.state.totals.count_notification(&default, Outcome::GivenUp.label());
        }
    }

    /// Whether everything that was found is settled, every source was read, and all of it is recorded.
    pub fn is_success(&self) -> bool {
        let read = self.tally.problems.is_empty() && self.intake.tracks.values().all(|t| t.looked);
        // A dry run tells what it would do, and settles nothing.
        let told = self.config.dry_run
            || self.intake.pending() == 0 && self.record.state.notices.is_empty() && !self.intake.goes_on();
        read && told && !self.unknown && !self.desk.over() && self.record.is_recorded()
    }
}

impl Arrived {
    fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.looked_up.is_empty() && self.left_out.is_empty() && self.newcomers.is_empty()
    }
}

/// The account of `arn:aws:iam::123456789012:role/name`.
fn role_account(role: &Role) -> Option<&str> {
    match role {
        Role::Own => None,
        Role::Arn(arn) => arn.split(':').nth(4),
    }
}

fn sum(all: &[&Open]) -> Open {
    let mut total = Open::new();
    for (band, count) in all.iter().flat_map(|o| o.iter()) {
        *total.entry(*band).or_default() += count;
    }
    total
}

fn ticks() -> tokio::time::Interval {
    let mut tick = interval(Duration::from_millis(500));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
