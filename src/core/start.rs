//! The input of a run, and the core before its first event.

use std::collections::HashSet;
use std::rc::Rc;

use crate::config::Config;
use crate::core::Core;
use crate::core::channels::Channels;
use crate::core::checkpoint::Checkpoints;
use crate::core::limits::Limits;
use crate::core::outbox::Outbox;
use crate::core::posted::HistoryRange;
use crate::core::query::Queries;
use crate::core::reconcile::EarlierPosts;
use crate::core::results::Tally;
use crate::core::source_reports::Arrived;
use crate::core::sources::Sources;
use crate::core::triage::ReactionProgress;
use crate::message::Writer;
use crate::metrics::RequestCounts;
use crate::plan::{MessageBudget, NoticeEpoch, default_destination};
use crate::poll::Capacity;
use crate::state::State;
use crate::time::Timestamp;

/// What a run starts with.
pub struct RunInput<'a> {
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
    /// There was no state, or it had no source.
    pub is_new_installation: bool,
    /// Reason why the state cannot be saved.
    pub unrecordable: Option<String>,
    /// What earlier runs may have posted.
    pub earlier: Option<EarlierPosts>,
    pub begun: Timestamp,
    pub now: Timestamp,
    /// Time at which the run must end.
    pub end: Timestamp,
}

impl<'a> Core<'a> {
    pub fn new(input: RunInput<'a>) -> Self {
        let RunInput { config, writer, limits, id, mut state, now, begun, end, earlier, .. } = input;
        let look_back = now.minus(config.lookback);
        // An identity that could not be used does not shorten the period that was not read.
        let unread_since = state.sources.iter().filter(|(key, _)| key.is_identity()).map(|(_, s)| s.watermark).min();
        let start = [state.replay_since, unread_since].into_iter().flatten().fold(look_back, Timestamp::min);
        state.schedule_summaries(config.slack.summary.is_some(), now);
        let epoch = NoticeEpoch(state.saved_at.unwrap_or(now));
        let history_range = HistoryRange::since(earlier.map_or(now, |earlier| earlier.since), state.replayed_at);
        Self {
            config,
            writer,
            limits,
            id,
            chance: input.chance,
            requests: input.requests,
            begun,
            now,
            end,
            is_shutdown_requested: false,
            progress_logged_at: now,
            channels: Channels::new(default_destination(config), state.channels.clone()),
            checkpoints: Checkpoints::new(config, input.unrecordable, now),
            sources: Sources::new(config, input.identities, start),
            tally: Tally::default(),
            outbox: Outbox::default(),
            outbox_wake_at: None,
            agenda: Core::first_agenda(),
            effects: Vec::new(),
            queries: Queries::default(),
            epoch,
            is_new_installation: input.is_new_installation,
            earlier,
            posted: None,
            history_range,
            arrived: Arrived::default(),
            capacity: Rc::new(Capacity::new(0)),
            known: Rc::default(),
            budget: MessageBudget::new(config.slack.digest_after, limits.digest),
            digests: 0,
            tried: HashSet::new(),
            tried_notices: HashSet::new(),
            fixed_notices: state.notices.iter().map(|notice| notice.id.clone()).collect(),
            tried_redirects: HashSet::new(),
            unshown: Vec::new(),
            is_outcome_unknown: false,
            is_identity_unusable: false,
            is_complete: false,
            reactions: ReactionProgress::default(),
            state,
        }
    }
}
