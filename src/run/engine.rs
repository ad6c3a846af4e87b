//! One run, from what the sources show to what is recorded. One task owns the state; sources are read and channels
//! are written side by side, and tell it what came of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::config::Config;
use crate::core::channels::Channels;
use crate::core::gate::{Permission, Situation, may_send};
use crate::core::outbox::{Answer, Call, CallId, Context, LAG, Outbox};
use crate::core::posted::{Past, PostedMessages};
use crate::finding::Finding;
use crate::guardduty::Detector;
use crate::message::Wording;
use crate::metrics::Requests;
use crate::plan::silence::{Open, Stamp};
use crate::plan::{Act, Budget, default_destination};
use crate::run::intake::{Identity, Intake};
use crate::run::poll::{Known, Room};
use crate::run::recall::Recall;
use crate::run::record::Record;
use crate::run::stop::Stop;
use crate::run::triage::{Reactions, time_for_triage};
use crate::slack::Chat;
use crate::state::Unrecorded;
use crate::state::store::Store;
use crate::time::{Clock, Millis};

/// So many findings at most are in hand, over all sources: of so many at once, the most severe come first.
const WINDOW: usize = 5_000;
/// So many bytes of the state a finding takes while it is in hand: one with a message of its own, and one that a digest
/// sums up, whose plan names it besides.
const MESSAGE: usize = 300;
const SUMMED_UP: usize = 100;
/// What cannot be delivered, or fetched, for so long is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Messages are planned when every source has answered, or after a quarter of `RUN_TIMEOUT`, so long at most.
const BARRIER: Duration = Duration::from_secs(60);
/// So long before its end a run waits for no source any more.
const RESERVE: Duration = Duration::from_secs(5);
/// Calls under way when the run must end may still answer so long.
const GRACE: Duration = Duration::from_millis(1_500);
/// A run that lasts says this often how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

type Calling<'a> = Pin<Box<dyn Future<Output = (CallId, Answer)> + 'a>>;

/// What the sources showed and was not planned yet.
#[derive(Default)]
pub(super) struct Arrived {
    pub(super) findings: Vec<Rc<Finding>>,
    /// Findings whose archiving was looked up.
    pub(super) looked_up: Vec<Rc<Finding>>,
    pub(super) left_out: Vec<String>,
    /// Sources new to the state, and what was open in them before.
    pub(super) newcomers: Vec<(String, Option<Open>)>,
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

/// A run at work.
pub struct Engine<'a, D, C, S> {
    pub config: &'a Config,
    pub(super) chat: &'a C,
    wording: &'a Wording,
    /// Names this run.
    pub(super) id: String,
    pub(super) channels: Channels,
    pub(super) outbox: Outbox,
    calls: FuturesUnordered<Calling<'a>>,
    /// Spreads retries: from 0 to 1.
    chance: fn() -> f64,
    pub clock: Clock,
    pub(super) stop: Stop,
    pub record: Record<'a, S>,
    pub intake: Intake<'a, D>,
    pub tally: Tally,
    /// So many findings at most are in hand, over all sources.
    pub window: usize,
    pub(super) requests: Requests,
    /// Prints instead of posting.
    pub(super) print: Option<&'a dyn Fn(&Act)>,
    pub(super) stamp: Stamp,
    /// There was no state.
    pub(super) afresh: bool,
    pub(super) recall: Option<Recall>,
    pub(super) memory: Option<PostedMessages>,
    pub(super) past: Past,
    pub(super) arrived: Arrived,
    pub budget: Budget,
    pub(super) digests: usize,
    /// What was tried and failed is not tried again in this run.
    pub(super) tried: HashSet<String>,
    /// Findings that Slack does not show, or only in the minimal form, and that are not logged in full yet.
    pub(super) unshown: Vec<Rc<Finding>>,
    /// The outcome of a message is not known.
    pub(super) unknown: bool,
    /// An identity could not be used.
    pub(super) unreachable: bool,
    pub(super) reported: Instant,
    pub(super) reactions: Reactions,
}

/// What a run begins with.
pub struct Begin<'a, D, C, S> {
    pub config: &'a Config,
    pub chat: &'a C,
    pub wording: &'a Wording,
    /// Names this run.
    pub id: String,
    /// Spreads retries: from 0 to 1.
    pub chance: fn() -> f64,
    pub clock: Clock,
    pub stop: Stop,
    pub record: Record<'a, S>,
    pub identities: Vec<Identity<D>>,
    pub afresh: bool,
    pub recall: Option<Recall>,
    /// What was updated since is announced anew.
    pub replay: Option<Millis>,
    pub requests: Requests,
    pub print: Option<&'a dyn Fn(&Act)>,
}

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    pub fn new(begin: Begin<'a, D, C, S>) -> Self {
        let Begin {
            config,
            chat,
            wording,
            id,
            chance,
            clock,
            stop,
            mut record,
            identities,
            afresh,
            recall,
            replay,
            requests,
            print,
        } = begin;
        let look_back = clock.now().minus(config.lookback);
        // What was not known of a source, because its identity could not be used, is no shorter for that.
        let blind = record.state.sources.iter().filter(|(key, _)| key.ends_with("/*")).map(|(_, s)| s.watermark).min();
        let start = [replay, blind].into_iter().flatten().fold(look_back, Millis::min);
        record.state.schedule_summaries(config.slack.summary.is_some(), clock.now());
        let stamp = Stamp(record.state.saved.unwrap_or(clock.now()));
        let channels = Channels::new(default_destination(config), record.state.channels.clone());
        let past = recall.map_or(Past::since(clock.now(), record.state.replayed), |r| r.past);
        Self {
            config,
            chat,
            wording,
            id,
            channels,
            outbox: Outbox::default(),
            calls: FuturesUnordered::new(),
            chance,
            clock,
            stop,
            record,
            intake: Intake::new(config, identities, start),
            tally: Tally::default(),
            window: WINDOW,
            requests,
            print,
            stamp,
            afresh,
            recall,
            memory: None,
            past,
            arrived: Arrived::default(),
            budget: Budget::new(config.slack.digest_after),
            digests: 0,
            tried: HashSet::new(),
            unshown: Vec::new(),
            unknown: false,
            unreachable: false,
            reported: Instant::now(),
            reactions: Reactions::default(),
        }
    }

    /// Windows, one after another, until everything is told or the run must end; then the last checkpoint.
    pub async fn run(&mut self) {
        self.adopt_or_drop_without_history();
        let room = self.room();
        let known = self.known();
        self.gather(&room, &known).await;
        self.back_in_reach();
        while !self.is_over() {
            self.cycle().await;
            let (room, known) = (self.room(), self.known());
            let now = self.clock.now();
            let more =
                !room.is_none() && !self.is_over() && self.intake.next_windows(&self.record.state, &room, &known, now);
            let nothing = self.intake.is_idle() && !more && self.arrived.is_empty() && !self.is_notice_due();
            if nothing || self.is_late() {
                break;
            }
            self.gather(&room, &known).await;
        }
        self.unheard();
        if self.is_notice_due() && !self.is_over() {
            self.cycle().await;
        }
        self.triage().await;
        self.report_investigations().await;
        self.summarize().await;
        self.close().await;
    }

    pub(super) fn is_over(&self) -> bool {
        self.permission() == Permission::Stop
    }

    /// What has not answered by now is said to be silent, while there is still time to say it.
    pub(super) fn is_late(&self) -> bool {
        self.stop.left() <= (self.config.run_timeout / 8).min(RESERVE)
    }

    /// A notice came up while others were delivered.
    fn is_notice_due(&self) -> bool {
        let silent = self.config.dry_run || self.channels.is_closed(self.channels.default.name());
        !silent && self.record.state.notices.iter().any(|n| !self.tried.contains(&n.id))
    }

    /// How many findings may be taken in hand now: no more than the state can hold, and without digests no more than can
    /// be posted.
    pub(super) fn room(&self) -> Rc<Room> {
        let free = self.record.free(&self.intake.in_hand());
        let limit = if self.config.slack.digest_after == 0 && !self.config.dry_run {
            let postable = usize::try_from(self.stop.left().as_secs()).unwrap_or(self.window).max(50);
            postable.min(free / MESSAGE)
        } else {
            free / SUMMED_UP
        };
        if limit == 0 {
            tracing::error!(free_bytes = free, "state size limit reached; no more findings are accepted in this run");
        }
        Rc::new(Room::new(limit.min(self.window)))
    }

    pub(super) fn known(&self) -> Rc<Known> {
        let state = &self.record.state;
        let said = state.findings.iter().map(|(id, e)| (id.clone(), e.u)).collect();
        let passed = state.unfetched.iter().filter(|(_, u)| u.passed).map(|(id, _)| id.clone()).collect();
        Rc::new(Known { said, passed })
    }

    /// When sources that answer later are planned without.
    pub(super) fn barrier(&self) -> Instant {
        Instant::now() + (self.config.run_timeout / 4).min(BARRIER)
    }

    /// Waits until every source that was asked has answered, or until the barrier, if anything answered by then.
    pub(super) async fn gather(&mut self, room: &Rc<Room>, known: &Rc<Known>) {
        let (mut tick, barrier) = (ticks(), self.barrier());
        while !self.intake.is_idle()
            && !self.is_over()
            && !self.is_late()
            && (Instant::now() < barrier || self.arrived.is_empty())
        {
            let stop = self.stop.clone();
            tokio::select! {
                biased;
                Some(identity) = self.intake.identities.next() => self.identified(identity, room, known),
                Some(look) = self.intake.looks.next() => self.seen(look),
                _ = tick.tick() => self.tick().await,
                () = stop.wait() => break,
            }
        }
    }

    /// Whether a message may be sent now.
    pub(super) fn permission(&self) -> Permission {
        may_send(Situation {
            intents: self.record.intents(self.channels.has_unsaved_id()),
            is_ending: self.stop.is_set(),
            is_app_rejected: self.channels.is_app_rejected(),
        })
    }

    /// What the deliveries need to know, beside the outbox itself.
    fn outbox(&mut self) -> (&mut Outbox, Context<'_>) {
        let permission = self.permission();
        let now = self.clock.now();
        let left = self.stop.left();
        let context = Context {
            channels: &mut self.channels,
            wording: self.wording,
            past: self.past,
            permission,
            now,
            left: if self.stop.is_set() { Duration::ZERO } else { left },
            refresh_until: now.plus(time_for_triage(left, self.config.run_timeout)),
            chance: (self.chance)(),
        };
        (&mut self.outbox, context)
    }

    /// Begins what can be begun, and notes what ended. Returns the time at which there is more to do.
    fn advance_outbox(&mut self) -> Option<Millis> {
        let (outbox, mut context) = self.outbox();
        let work = outbox.advance(&mut context);
        for (id, call) in work.calls {
            let answer = ask(self.chat, call);
            self.calls.push(Box::pin(async move { (id, answer.await) }));
        }
        for report in work.reports {
            self.on_report(report);
        }
        work.wake_at
    }

    /// Until all is delivered: what comes of it is noted, checkpoints are written, late sources are read.
    pub(super) async fn drive(&mut self) {
        let mut tick = ticks();
        let (room, known) = (Rc::new(Room::new(0)), self.known());
        let mut grace = None;
        loop {
            let wake_at = self.advance_outbox();
            if self.outbox.is_empty() || self.record.conflict.is_some() {
                break;
            }
            // The ID of a channel is saved before a second message goes there: by it its history can be read.
            // When the run must end, the last write brings all of it.
            let must_save = self.permission() == Permission::Wait;
            if (must_save || self.record.is_due()) && !self.stop.is_set() {
                if must_save {
                    self.record.begin_posting();
                }
                self.checkpoint().await;
                continue;
            }
            let stop = self.stop.clone();
            let ended = async move {
                match grace {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => stop.wait().await,
                }
            };
            let now = self.clock.now();
            let wake = async move {
                match wake_at {
                    Some(time) => tokio::time::sleep(time.since(now)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some((id, answer)) = self.calls.next() => {
                    let (outbox, mut context) = self.outbox();
                    outbox.on_answer(id, answer, &mut context);
                }
                Some(look) = self.intake.looks.next() => self.seen(look),
                Some(identity) = self.intake.identities.next() => self.identified(identity, &room, &known),
                _ = tick.tick() => self.tick().await,
                () = wake => {}
                () = ended => match grace {
                    Some(_) => break,
                    None => grace = Some(Instant::now() + GRACE),
                },
            }
        }
        // A request that is cut off may take effect.
        self.unknown |= self.outbox.abandon();
        self.calls.clear();
        self.log_in_full().await;
    }

    pub(super) async fn checkpoint(&mut self) {
        self.record.state.note_channels(self.channels.ids().clone());
        self.intake.advance(&mut self.record.state);
        let in_hand = self.intake.in_hand();
        // The last write brings all of it: one that is under way when the run must end is not waited for.
        self.stop.unless(self.record.checkpoint(&in_hand)).await;
        self.channels.set_saved();
    }

    pub(super) async fn tick(&mut self) {
        if self.record.is_due() {
            self.checkpoint().await;
        }
        if self.reported.elapsed() >= PROGRESS {
            self.reported = Instant::now();
            let elapsed_seconds = self.clock.elapsed().as_secs();
            let (delivered, pending) = (self.tally.posted, self.intake.pending());
            tracing::info!(elapsed_seconds, delivered, pending, "run in progress");
        }
    }

    /// The last checkpoint. The note stays where the outcome of a message is unknown.
    pub(super) async fn close(&mut self) {
        self.give_up_unfetched();
        if self.intake.is_idle() {
            self.record.state.forget_unconfigured(self.clock.now());
        }
        self.record.state.note_channels(self.channels.ids().clone());
        self.intake.advance(&mut self.record.state);
        self.record.state.count_failed(&self.tally.failed);
        self.count_requests();
        if self.record.conflict.is_none() {
            let since = self.unsure_since();
            let before = self.record.state.totals.last_success;
            if self.is_success() {
                self.record.state.set_last_success(Some(self.clock.now()));
            }
            let unrecorded = since.map(|since| Unrecorded { since, last_post: self.last_possible_post() });
            self.record.close(&self.intake.in_hand(), unrecorded).await;
            if !self.record.is_recorded() {
                self.record.state.set_last_success(before);
            }
        }
    }

    pub(super) fn count_requests(&mut self) {
        for ((service, operation, code), count) in self.requests.drain() {
            self.record.state.count_requests((service, &operation, &code), count);
        }
    }

    /// When this run began.
    pub(super) fn begun(&self) -> Millis {
        self.clock.now().minus(self.clock.elapsed())
    }

    /// Time of the last message that an earlier run or this one may have posted without a record in the state.
    fn last_possible_post(&self) -> Millis {
        if self.unknown || self.tally.posted > 0 {
            return self.clock.now();
        }
        let of_earlier_runs = self.recall.and_then(|recall| recall.not_before).map(|readable| readable.minus(LAG));
        of_earlier_runs.unwrap_or_else(|| self.begun()).min(self.clock.now())
    }

    /// Since when messages may stand in Slack that the state does not know, for the next run to look them up.
    pub(super) fn unsure_since(&self) -> Option<Millis> {
        let all_read = self.intake.tracks.values().all(|t| t.looked && t.up) && !self.unreachable;
        let unsaid = self.intake.pending() > 0 || !self.record.state.notices.is_empty();
        match &self.recall {
            // Something went out, and nobody knows whether it arrived.
            _ if self.unknown => Some(self.recall.map_or(self.begun(), |r| r.since)),
            // What an earlier run may have said was not looked up, or not everywhere.
            Some(r) if self.memory.is_none() && (r.unclean || !all_read || unsaid) => Some(r.since),
            Some(r) if self.channels.has_closed() => Some(r.since),
            // What is left for the next run may be in the history that this run could not read.
            Some(r) if self.channels.is_history_unread() && (!all_read || unsaid) => Some(r.since),
            _ => None,
        }
    }

    /// Whether everything that was found is settled, every source was read, and all of it is recorded.
    pub fn is_success(&self) -> bool {
        let read =
            self.tally.problems.is_empty() && self.intake.is_idle() && self.intake.tracks.values().all(|t| t.looked);
        // A dry run tells what it would do, and settles nothing.
        let told = self.config.dry_run
            || self.intake.pending() == 0 && self.record.state.notices.is_empty() && !self.intake.goes_on();
        read && told && !self.unknown && !self.is_over() && self.record.is_recorded()
    }
}

impl Arrived {
    pub(super) fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.looked_up.is_empty() && self.left_out.is_empty() && self.newcomers.is_empty()
    }
}

/// Makes one request to Slack.
async fn ask<C: Chat>(chat: &C, call: Call) -> Answer {
    match call {
        Call::Post { to, message, thread } => {
            let thread = thread.as_ref().map(|(ts, broadcast)| (ts.as_str(), *broadcast));
            Answer::Posted(chat.post(&to, &message, thread).await.map(|posted| posted.at))
        }
        Call::Update { at, message } => Answer::Updated(chat.update(&at, &message).await),
        Call::Permalink { at } => Answer::Permalink(chat.permalink(&at).await),
        Call::History { channel, oldest } => Answer::Messages(chat.history(&channel, oldest).await),
        Call::Replies { channel, thread, oldest } => Answer::Messages(chat.replies(&channel, &thread, oldest).await),
    }
}

pub(super) fn ticks() -> tokio::time::Interval {
    let mut tick = interval(Duration::from_millis(500));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
