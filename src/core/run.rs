//! The state machine of a run: its data and its handling of events.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::config::Config;
use crate::core::agenda::Step;
use crate::core::channels::Channels;
use crate::core::checkpoint::Checkpoints;
use crate::core::event::{Effect, Event};
use crate::core::gate::{Permission, Situation, may_send};
use crate::core::limits::MAX_IN_FLIGHT;
use crate::core::outbox::{Context, Outbox};
use crate::core::posted::{Past, PostedMessages};
use crate::core::query::OpenQuery;
use crate::core::reconcile::EarlierPosts;
use crate::core::sources::Arrived;
use crate::core::tracks::Sources;
use crate::core::triage::{Reactions, time_for_triage};
use crate::finding::Finding;
use crate::message::Writer;
use crate::metrics::RequestCounts;
use crate::plan::source_health::NoticeEpoch;
use crate::plan::{MAX_DIGEST, MessageBudget, default_destination};
use crate::poll::{Capacity, Known};
use crate::state::{MAX_STATE_BYTES, State};
use crate::time::Timestamp;

/// Interval at which a run logs its progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// Results of the deliveries of this run.
#[derive(Debug, Default)]
pub struct Tally {
    pub delivered: usize,
    pub processed: usize,
    /// By configured channel: findings that failed and are not processed.
    pub failed: BTreeMap<String, u64>,
    /// Reasons why not everything is processed, each once.
    pub problems: BTreeSet<String>,
}

/// Limits of a run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of findings in flight, over all sources.
    pub in_flight: usize,
    /// Maximum number of findings of one digest.
    pub digest: usize,
    pub state_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_flight: MAX_IN_FLIGHT, digest: MAX_DIGEST, state_bytes: MAX_STATE_BYTES }
    }
}

/// What a run starts with.
pub struct Start<'a> {
    pub config: &'a Config,
    pub writer: &'a dyn Writer,
    pub limits: Limits,
    /// Names this run in the lease.
    pub id: String,
    /// Spreads retries: from 0 to 1.
    pub chance: fn() -> f64,
    /// Requests that were made, which the last save counts.
    pub requests: RequestCounts,
    /// Number of identities whose sources will be discovered.
    pub identities: usize,
    pub state: State,
    /// There was no state.
    pub is_new_installation: bool,
    /// Reason why the state cannot be saved.
    pub unrecordable: Option<String>,
    /// What earlier runs may have posted.
    pub earlier: Option<EarlierPosts>,
    /// Time since which updated findings are announced again.
    pub replay: Option<Timestamp>,
    pub begun: Timestamp,
    pub now: Timestamp,
    /// Time at which the run must end.
    pub end: Timestamp,
}

/// A run.
pub struct Core<'a> {
    pub config: &'a Config,
    writer: &'a dyn Writer,
    pub(super) limits: Limits,
    pub(super) id: String,
    chance: fn() -> f64,
    pub(super) requests: RequestCounts,
    pub(super) begun: Timestamp,
    pub(super) now: Timestamp,
    pub(super) end: Timestamp,
    pub(super) is_shutdown_requested: bool,
    progress_logged_at: Timestamp,

    pub state: State,
    pub checkpoints: Checkpoints,
    pub sources: Sources<'a>,
    pub tally: Tally,
    pub(super) channels: Channels,
    pub(super) outbox: Outbox,
    pub(super) outbox_wake_at: Option<Timestamp>,

    pub(super) agenda: VecDeque<Step>,
    pub(super) effects: Vec<Effect>,
    pub(super) open_query: Option<OpenQuery>,
    pub(super) last_query: u64,

    pub(super) epoch: NoticeEpoch,
    pub(super) is_new_installation: bool,
    pub(super) earlier: Option<EarlierPosts>,
    /// What the history shows, once it was read.
    pub(super) posted: Option<PostedMessages>,
    pub(super) past: Past,
    pub(super) arrived: Arrived,
    pub(super) capacity: Rc<Capacity>,
    pub(super) known: Rc<Known>,
    pub(super) budget: MessageBudget,
    /// Number of digests that were planned.
    pub(super) digests: usize,
    /// IDs of what was tried and failed, and is not tried again in this run.
    pub(super) tried: HashSet<String>,
    /// Findings that Slack does not show, or only in the minimal form, and that are not logged in full yet.
    pub(super) unshown: Vec<Rc<Finding>>,
    /// The outcome of a message is unknown.
    pub(super) is_outcome_unknown: bool,
    /// An identity could not be used.
    pub(super) is_identity_unusable: bool,
    pub(super) reactions: Reactions,
}

impl<'a> Core<'a> {
    pub fn new(start: Start<'a>) -> Self {
        let Start { config, writer, limits, id, mut state, now, begun, end, replay, earlier, .. } = start;
        let look_back = now.minus(config.lookback);
        // An identity that could not be used does not shorten the period that was not read.
        let unknown = state.sources.iter().filter(|(key, _)| key.is_identity()).map(|(_, s)| s.watermark).min();
        let first = [replay, unknown].into_iter().flatten().fold(look_back, Timestamp::min);
        state.schedule_summaries(config.slack.summary.is_some(), now);
        let epoch = NoticeEpoch(state.saved_at.unwrap_or(now));
        let past = earlier.map_or(Past::since(now, state.replayed_at), |earlier| earlier.past);
        Self {
            config,
            writer,
            limits,
            id,
            chance: start.chance,
            requests: start.requests,
            begun,
            now,
            end,
            is_shutdown_requested: false,
            progress_logged_at: now,
            channels: Channels::new(default_destination(config), state.channels.clone()),
            checkpoints: Checkpoints::new(config, replay.is_some(), start.unrecordable, now),
            sources: Sources::new(config, start.identities, first),
            tally: Tally::default(),
            outbox: Outbox::default(),
            outbox_wake_at: None,
            agenda: Core::first_agenda(),
            effects: Vec::new(),
            open_query: None,
            last_query: 0,
            epoch,
            is_new_installation: start.is_new_installation,
            earlier,
            posted: None,
            past,
            arrived: Arrived::default(),
            capacity: Rc::new(Capacity::new(0)),
            known: Rc::default(),
            budget: MessageBudget::new(config.slack.digest_after, limits.digest),
            digests: 0,
            tried: HashSet::new(),
            unshown: Vec::new(),
            is_outcome_unknown: false,
            is_identity_unusable: false,
            reactions: Reactions::default(),
            state,
        }
    }

    /// The first effects of the run.
    pub fn begin(&mut self, now: Timestamp) -> Vec<Effect> {
        self.now = now;
        self.drop_plans_without_history();
        self.begin_gathering();
        self.advance()
    }

    /// Takes an event, and returns what is to be done.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        self.now = now;
        match event {
            Event::SourcesDiscovered(sources) => self.on_sources_discovered(sources),
            Event::SourceRead(report) => self.on_source_read(*report),
            Event::CallAnswered(id, answer) => self.on_call_answered(id, answer),
            Event::QueryAnswered(id, reply) => self.on_reply(id, reply),
            Event::Saved(generation, result) => self.on_saved(generation, result),
            Event::ShutdownRequested => self.is_shutdown_requested = true,
            Event::Woken => {}
        }
        self.advance()
    }

    fn advance(&mut self) -> Vec<Effect> {
        self.proceed();
        if !self.is_finished() {
            self.save_if_due();
            self.log_progress();
            let wake_at = self.wake_at();
            self.effects.extend(wake_at.map(Effect::WakeAt));
        }
        std::mem::take(&mut self.effects)
    }

    pub fn is_finished(&self) -> bool {
        self.agenda.is_empty()
    }

    /// Time at which the next event is due. What is due now was done.
    fn wake_at(&self) -> Option<Timestamp> {
        let next_save = self.checkpoints.next_due().filter(|_| !self.is_stopping());
        let open_query = self.open_query.as_ref().map(|open_query| open_query.until);
        let times = [self.wake_of_step(), next_save, open_query, Some(self.next_progress()), Some(self.end)];
        times.into_iter().flatten().filter(|time| *time > self.now).min()
    }

    fn next_progress(&self) -> Timestamp {
        self.progress_logged_at.plus(PROGRESS)
    }

    fn log_progress(&mut self) {
        if self.now < self.next_progress() {
            return;
        }
        self.progress_logged_at = self.now;
        let elapsed_seconds = self.now.duration_since(self.begun).as_secs();
        let (delivered, pending) = (self.tally.delivered, self.sources.pending());
        tracing::info!(elapsed_seconds, delivered, pending, "run in progress");
    }
}

/// What is permitted now.
impl Core<'_> {
    /// Returns true if the run must end: the time is over, or a shutdown was requested.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_shutdown_requested || self.now >= self.end
    }

    /// Time until the run must end.
    pub(super) fn time_left(&self) -> Duration {
        self.end.duration_since(self.now)
    }

    pub(super) fn time_for_triage(&self) -> Duration {
        time_for_triage(self.time_left(), self.config.run_timeout)
    }

    /// Returns true if nothing may be sent any more.
    pub(super) fn is_over(&self) -> bool {
        self.permission() == Permission::Stop
    }

    /// Decides whether a message may be sent now.
    pub(super) fn permission(&self) -> Permission {
        may_send(Situation {
            intents: self.checkpoints.intents(self.channels.has_unsaved_id()),
            is_ending: self.is_stopping(),
            is_app_rejected: self.channels.is_app_rejected(),
        })
    }

    /// The outbox, and the context of its deliveries.
    pub(super) fn outbox(&mut self) -> (&mut Outbox, Context<'_>) {
        let permission = self.permission();
        let left = if self.is_stopping() { Duration::ZERO } else { self.time_left() };
        let refresh_until = self.now.plus(self.time_for_triage());
        let context = Context {
            channels: &mut self.channels,
            writer: self.writer,
            past: self.past,
            permission,
            now: self.now,
            left,
            refresh_until,
            chance: (self.chance)(),
        };
        (&mut self.outbox, context)
    }
}

#[cfg(test)]
mod tests;
