//! A run as a state machine without IO: no clock, no requests. [`Core::handle`] takes an event and the time, and returns
//! the effects to perform.
//!
//! A run is an agenda of steps ([`agenda`]). A step that needs a response stays on top of the agenda until the response
//! arrives. Meanwhile, sources are read, messages are delivered and the state is saved.
//!
//! In the order of a run: [`start`] → [`gather`] (requests of [`sources`], results in [`source_reports`]) → [`planning`],
//! with [`reconcile`] → [`write_ahead`] → [`delivery`] of a batch → [`outbox`] (all queues) → `outbox::queue` (one queue) →
//! [`exchange`] (one delivery) → [`send`] (one message) → [`results`] or [`undelivered`] → [`checkpoint`]. After the
//! batches: [`triage`], [`investigations`], [`summary`], [`closing`], [`run_report`]. Notices wait in the [`notice_queue`].

mod agenda;
pub(crate) mod call;
pub(crate) mod channels;
mod checkpoint;
mod closing;
mod delivery;
mod delivery_log;
mod event;
mod exchange;
mod full_log;
mod gate;
mod gather;
mod investigations;
mod limits;
mod mentions;
mod notice_queue;
pub(crate) mod outbox;
mod planning;
pub(crate) mod posted;
mod query;
mod rate_limit;
mod reconcile;
mod replies;
mod results;
mod run_report;
mod send;
mod source_reports;
mod sources;
mod start;
mod summary;
mod triage;
mod undelivered;
mod unsaved_notices;
mod verdict;
mod write_ahead;

pub use event::{
    ChannelHistory, DetectorRef, Effect, Event, FindingIds, Generation, Query, QueryId, QueryResponse, Save,
    SourceRequest, UnusableIdentity,
};
pub use limits::Limits;
pub(crate) use notice_queue::log_queued;
pub use reconcile::EarlierPosts;
pub(crate) use run_report::PolledSource;
pub use run_report::RunReport;
pub use start::RunInput;

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::config::Config;
use crate::core::agenda::Step;
use crate::core::channels::Channels;
use crate::core::checkpoint::Checkpoints;
use crate::core::outbox::Outbox;
use crate::core::posted::{HistoryRange, PostedMessages};
use crate::core::query::Queries;
use crate::core::results::Tally;
use crate::core::source_reports::Arrived;
use crate::core::sources::Sources;
use crate::core::triage::ReactionProgress;
use crate::finding::Finding;
use crate::message::{NoticeId, Writer};
use crate::metrics::RequestCounts;
use crate::plan::{MessageBudget, NoticeEpoch};
use crate::poll::{Capacity, Known};
use crate::state::State;
use crate::time::Timestamp;

/// Interval at which a run logs its progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// A run.
pub struct Core<'a> {
    config: &'a Config,
    writer: &'a dyn Writer,
    limits: Limits,
    id: String,
    chance: fn() -> f64,
    requests: RequestCounts,
    begun: Timestamp,
    now: Timestamp,
    end: Timestamp,
    is_shutdown_requested: bool,
    progress_logged_at: Timestamp,

    state: State,
    checkpoints: Checkpoints,
    sources: Sources<'a>,
    tally: Tally,
    channels: Channels,
    outbox: Outbox,
    outbox_wake_at: Option<Timestamp>,

    agenda: VecDeque<Step>,
    effects: Vec<Effect>,
    queries: Queries,

    epoch: NoticeEpoch,
    is_new_installation: bool,
    earlier: Option<EarlierPosts>,
    /// What the history shows, once it was read.
    posted: Option<PostedMessages>,
    history_range: HistoryRange,
    arrived: Arrived,
    capacity: Rc<Capacity>,
    known: Rc<Known>,
    budget: MessageBudget,
    /// Number of digests that were planned.
    digests: usize,
    /// Findings that were tried and failed, and are not tried again in this run.
    tried: HashSet<String>,
    /// The same for notices.
    tried_notices: HashSet<NoticeId>,
    /// Notices that may be posted under their own ID: they are neither combined nor discarded.
    fixed_notices: HashSet<NoticeId>,
    /// Findings one of whose redirects failed.
    tried_redirects: HashSet<String>,
    /// Findings that Slack does not show, or only in the minimal form, and that are not logged in full yet.
    unshown: Vec<Rc<Finding>>,
    /// The outcome of a message is unknown.
    is_outcome_unknown: bool,
    /// An identity could not be used.
    is_identity_unusable: bool,
    /// Everything was read and processed when the last save began.
    is_complete: bool,
    reactions: ReactionProgress,
}

impl Core<'_> {
    /// The first effects of the run.
    pub fn begin(&mut self, now: Timestamp) -> Vec<Effect> {
        self.now = now;
        self.skip_reconciliation_without_history();
        self.begin_gathering();
        self.advance()
    }

    /// Takes an event, and returns what is to be done.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        self.now = now;
        match event {
            Event::SourcesDiscovered(sources) => self.on_sources_discovered(sources),
            Event::SourceRead(report) => self.on_source_read(*report),
            Event::CallAnswered(id, response) => self.on_call_answered(id, response),
            Event::QueryAnswered(id, response) => self.on_query_answered(id, response),
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
        let times =
            [self.wake_of_step(), next_save, self.queries.wake_at(), Some(self.next_progress()), Some(self.end)];
        times.into_iter().flatten().filter(|time| *time > self.now).min()
    }

    fn next_progress(&self) -> Timestamp {
        self.progress_logged_at.plus(PROGRESS_INTERVAL)
    }

    fn log_progress(&mut self) {
        if self.now < self.next_progress() {
            return;
        }
        self.progress_logged_at = self.now;
        let elapsed_seconds = self.now.duration_since(self.begun).as_secs();
        let (delivered, pending) = (self.tally.delivered, self.sources.announceable());
        tracing::info!(elapsed_seconds, delivered, pending, "run in progress");
    }
}

#[cfg(test)]
mod tests;
