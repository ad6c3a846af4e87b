//! Starts a run with its state: the loaded state, the lease, and the history that must be read first.

use crate::config::Config;
use crate::core::outbox::HISTORY_LAG;
use crate::core::{EarlierPosts, log_queued};
use crate::plan::{NoticeEpoch, source_notices};
use crate::state::store::{Loaded, LoadedDocument, Store, parse_replay};
use crate::state::{State, StateError};
use crate::time::{Time, Timestamp};

/// Whether a run starts, and with what.
#[derive(Debug)]
pub enum Opening {
    Go(Box<LoadedRun>),
    /// Another run holds the lease.
    Busy {
        id: String,
        until: Timestamp,
    },
}

/// A state to start from.
#[derive(Debug)]
pub struct LoadedRun {
    pub state: State,
    /// There is no state, or it has no source yet: a new installation, or one whose state was deleted.
    pub is_new_installation: bool,
    /// The reason why this run cannot save its state. `None`: it can.
    pub unrecordable: Option<String>,
    /// Messages of earlier runs that Slack may have and the state does not.
    pub earlier: Option<EarlierPosts>,
    /// A replay is requested: findings updated since then are to be announced again.
    pub replay: Option<Timestamp>,
}

/// Reason why a run does not start. A retry cannot help.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{0}")]
    Replay(String),
}

impl StartError {
    /// Key of the ConfigMap, or file beside the state, that holds the value.
    pub fn key(&self) -> &'static str {
        match self {
            Self::State(_) => "watermark.json",
            Self::Replay(_) => "replay",
        }
    }
}

/// Decides how to start. A dry run ignores the lease of another run. Returns all problems at once.
pub fn open(loaded: Loaded, config: &Config, now: Timestamp) -> Result<Opening, Vec<StartError>> {
    let replay_from = loaded.replay.as_deref().map(|text| parse_replay(text, now)).transpose();
    let replay_from = replay_from.map_err(StartError::Replay);
    let mut start = match start_from(loaded.document, config, now) {
        Ok(start) => start,
        Err(error) => return Err([error.into()].into_iter().chain(replay_from.err()).collect()),
    };
    if let Some(lease) = start.state.lease.as_ref().filter(|lease| !lease.released && !config.dry_run) {
        let until = lease.renewed_at.plus(config.lease);
        if is_ahead(lease.renewed_at, config, now) {
            // By this clock, the lease may not expire for long. If its holder still runs, compare-and-swap stops one of the two.
            tracing::warn!(
                lease_holder = lease.id,
                lease_renewed_at = lease.renewed_at.to_rfc3339(),
                now = now.to_rfc3339(),
                "lease timestamp is in the future (clock skew); taking over the lease"
            );
        } else if now < until {
            return Ok(Opening::Busy { id: lease.id.clone(), until });
        }
    }
    let replay_from = replay_from.map_err(|error| vec![error])?;
    start.replay = replay_from.filter(|_| start.unrecordable.is_none());
    Ok(Opening::Go(Box::new(start)))
}

fn start_from(source: LoadedDocument, config: &Config, now: Timestamp) -> Result<LoadedRun, StateError> {
    Ok(match source {
        // A first run that could not save may have posted.
        LoadedDocument::Absent => {
            LoadedRun { is_new_installation: true, ..start_from_lookback(None, None, config, now) }
        }
        LoadedDocument::Current(text) => start_from_state(State::parse(&text)?, None, config, now),
        LoadedDocument::MountedCopy { text, why } => match State::parse(&text) {
            Ok(state) => start_from_state(state, Some(why), config, now),
            Err(error) => start_without_readable_state(format!("{why}; mounted copy: {error}"), config, now),
        },
        LoadedDocument::Unreadable(why) => start_without_readable_state(why, config, now),
        LoadedDocument::Corrupt(why) => return Err(StateError::Corrupt(why)),
    })
}

/// Returns true if a clock that is ahead of ours by more than half a lease wrote this time. The clocks of nodes must agree
/// within that.
fn is_ahead(written: Timestamp, config: &Config, now: Timestamp) -> bool {
    written > now.plus(config.lease / 2)
}

fn start_from_state(mut state: State, unrecordable: Option<String>, config: &Config, now: Timestamp) -> LoadedRun {
    correct_clock_skew(&mut state, config, now);
    let earlier = earlier_posts(&state, unrecordable.is_some(), config, now);
    LoadedRun { is_new_installation: state.sources.is_empty(), state, unrecordable, earlier, replay: None }
}

/// Corrects times that a run with a wrong clock wrote. The start of posting, and the start of the first poll of a source
/// without findings, become the look-back; the times of the last announcement and comparison become `now`.
fn correct_clock_skew(state: &mut State, config: &Config, now: Timestamp) {
    let look_back = now.minus(config.lookback);
    let epoch = NoticeEpoch(state.saved_at.unwrap_or(now));
    let keys = state.correct_times(|time| is_ahead(time, config, now), look_back, now);
    if let Some(notice) = source_notices::clock_skew_notice(&keys, look_back, epoch) {
        log_queued(&notice);
        state.queue_notice(notice);
    }
}

fn start_without_readable_state(why: String, config: &Config, now: Timestamp) -> LoadedRun {
    start_from_lookback(Some(why), Some(now.plus(HISTORY_LAG)), config, now)
}

/// The findings of `GUARDDUTY_LOOKBACK`, without those that the posting history of the same period shows.
fn start_from_lookback(
    unrecordable: Option<String>,
    readable_at: Option<Timestamp>,
    config: &Config,
    now: Timestamp,
) -> LoadedRun {
    let since = now.minus(config.lookback);
    let earlier = Some(EarlierPosts { since, readable_at, is_unclean: false });
    LoadedRun { state: State::default(), is_new_installation: false, unrecordable, earlier, replay: None }
}

/// Posts of the run before. After an unclean shutdown: since the posting intent of that run, and readable once the
/// history shows its last possible post. Without a posting intent: since the last checkpoint, because a run that could
/// not save its state may have posted.
fn earlier_posts(state: &State, is_unrecordable: bool, config: &Config, now: Timestamp) -> Option<EarlierPosts> {
    let since = state.lease.as_ref().map(|lease| lease.posting_since).or(state.saved_at)?;
    let last_post = state.lease.as_ref().map(|lease| match lease.released {
        // The clock of that run may be slow by half the lease.
        true => lease.renewed_at.plus(config.lease / 2).min(now),
        false => lease.renewed_at.min(now).plus(config.lease),
    });
    // A run that reads a copy may follow immediately after another run that could not save its state either.
    let readable_at = if is_unrecordable { Some(now) } else { last_post }.map(|t| t.plus(HISTORY_LAG));
    Some(EarlierPosts { since, readable_at, is_unclean: state.lease.is_some() })
}

/// Begins the replay that is requested, if one is. The write that removes the request saves the beginning before anything
/// is announced: every run would repeat a replay that is not recorded. If that write fails, the request is left to the next
/// run, and the state is read again. A dry run does not write.
pub async fn begin_replay(
    mut start: LoadedRun,
    run_id: &str,
    store: &mut impl Store,
    config: &Config,
    time: &impl Time,
) -> Result<Opening, Vec<StartError>> {
    let Some(since) = start.replay else { return Ok(Opening::Go(Box::new(start))) };
    let now = time.now();
    let before = start.state.saved_at.map(|_| start.state.to_json());
    start.state.begin_replay(since, now);
    // Earlier announcements do not count.
    start.earlier = Some(EarlierPosts { since: now, readable_at: None, is_unclean: false });
    let has_begun = |start: LoadedRun| {
        let since = since.to_rfc3339();
        tracing::info!(since, "replay requested: announcing again all findings updated since `since`");
        Ok(Opening::Go(Box::new(start)))
    };
    if config.dry_run {
        return has_begun(start);
    }
    start.state.renew_lease(run_id, now);
    start.state.set_saved(Some(now));
    let Err(error) = store.consume_replay(&start.state.to_json()).await else { return has_begun(start) };
    let mut loaded = store.load().await;
    if let LoadedDocument::Unreadable(_) | LoadedDocument::MountedCopy { .. } = loaded.document
        && let Some(text) = before
    {
        // What this run has read is newer than the mounted copy.
        loaded.document = LoadedDocument::MountedCopy { text, why: error.to_string() };
    }
    match open(loaded, config, time.now())? {
        // It was saved, although there was no response.
        Opening::Busy { id, .. } if id == run_id => has_begun(start),
        Opening::Go(start) => {
            let reason = error.reason();
            tracing::warn!(%error, reason, "replay is left to the next run: its beginning cannot be saved");
            Ok(Opening::Go(Box::new(LoadedRun { replay: None, ..*start })))
        }
        busy @ Opening::Busy { .. } => Ok(busy),
    }
}

#[cfg(test)]
mod tests;
