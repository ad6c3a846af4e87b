//! Recording what was delivered: after it, never before; in few writes; by compare-and-swap.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Config;
use crate::core::gate::Intents;
use crate::state::store::{SaveError, Store};
use crate::state::{BOUND, Forgotten, InHand, State, Unrecorded};
use crate::time::{Clock, Millis};

/// A checkpoint is due after so many deliveries, or so much time.
const DELIVERIES: usize = 20;
const CHECKPOINT: Duration = Duration::from_secs(10);

/// The state of a run, and whether it is recorded.
pub struct Record<'a, S> {
    pub state: State,
    config: &'a Config,
    store: S,
    clock: Clock,
    /// Names this run in lease and note.
    id: String,
    /// The next write also takes up a replay.
    replay: bool,
    /// Why nothing can be recorded in this run.
    pub unrecordable: Option<String>,
    /// Another writer changed the state: this run stops posting.
    pub conflict: Option<String>,
    /// Why the last write failed.
    failed: Option<String>,
    noted: bool,
    unsaved: usize,
    saved_at: Instant,
    pub bytes: usize,
    /// How many bytes the document may have.
    pub bound: usize,
}

impl<'a, S: Store> Record<'a, S> {
    pub fn new(
        state: State,
        config: &'a Config,
        store: S,
        clock: Clock,
        id: String,
        replay: bool,
        unrecordable: Option<String>,
    ) -> Self {
        let saved_at = Instant::now();
        let (conflict, failed) = (None, None);
        Self {
            state,
            config,
            store,
            clock,
            id,
            replay,
            unrecordable,
            conflict,
            failed,
            noted: false,
            unsaved: 0,
            saved_at,
            bytes: 0,
            bound: BOUND,
        }
    }

    /// Notes one delivery that is not recorded yet.
    pub fn delivered(&mut self) {
        self.unsaved += 1;
    }

    /// How far the store has what must be saved before a message is sent.
    pub fn intents(&self, has_unsaved_id: bool) -> Intents {
        if self.conflict.is_some() {
            Intents::Conflict
        } else if !self.noted || has_unsaved_id {
            Intents::Unsaved
        } else if self.unrecordable.is_some() || self.failed.is_some() {
            Intents::NotAnswered
        } else {
            Intents::Saved
        }
    }

    /// Whether a checkpoint is due, or the lease is to be renewed.
    pub fn is_due(&self) -> bool {
        let age = self.saved_at.elapsed();
        self.unsaved >= DELIVERIES
            || (self.unsaved > 0 && age >= CHECKPOINT)
            || (self.noted && age >= self.config.lease / 3)
    }

    /// Writes what the run is about to do, before it does it: “posting since”, digests, notices that are due.
    pub async fn ahead(&mut self, in_hand: &InHand<'_>) {
        self.begin_posting();
        self.checkpoint(in_hand).await;
    }

    /// From the next write on, the state has the posting intent of this run.
    pub fn begin_posting(&mut self) {
        self.noted = true;
    }

    /// Writes what is settled, and with it renews the lease.
    pub async fn checkpoint(&mut self, in_hand: &InHand<'_>) {
        if self.noted {
            self.state.renew_lease(&self.id, self.clock.now());
        }
        self.write(in_hand).await;
    }

    /// The last write releases the lease. `unrecorded`: messages that may exist in Slack and are not in the state.
    pub async fn close(&mut self, in_hand: &InHand<'_>, unrecorded: Option<Unrecorded>) {
        self.state.release_lease(&self.id, unrecorded);
        self.noted = false;
        self.write(in_hand).await;
    }

    /// Whether everything up to the last write is recorded.
    pub fn is_recorded(&self) -> bool {
        self.unrecordable.is_none() && self.conflict.is_none() && self.failed.is_none()
    }

    /// Why it is not.
    pub fn problem(&self) -> Option<String> {
        self.conflict.clone().or_else(|| self.unrecordable.clone()).or_else(|| self.failed.clone())
    }

    async fn write(&mut self, in_hand: &InHand<'_>) {
        let now = self.clock.now();
        // What fails is tried again when the next checkpoint is due, not at every delivery.
        (self.unsaved, self.saved_at) = (0, Instant::now());
        let saved = self.state.set_saved(Some(now));
        let document = self.shrink(in_hand, now);
        if self.unrecordable.is_some() || self.conflict.is_some() || self.config.dry_run {
            self.state.set_saved(saved);
            return;
        }
        match self.store.save(&document, self.replay).await {
            Ok(()) => {
                self.replay = false;
                self.failed = None;
                return;
            }
            Err(SaveError::Conflict(why)) => {
                tracing::error!(error = why, "state was modified by another writer; stopping delivery");
                self.conflict = Some(why);
            }
            Err(error) => {
                tracing::warn!(%error, reason = error.reason(), "failed to save state");
                self.failed = Some(error.to_string());
            }
        }
        self.state.set_saved(saved);
    }

    /// Bytes that are free for further findings, once all is forgotten that may be.
    pub fn free(&self, in_hand: &InHand<'_>) -> usize {
        self.bound.saturating_sub(self.state.unforgettable(self.config.overlap, in_hand))
    }

    fn shrink(&mut self, in_hand: &InHand<'_>, now: Millis) -> String {
        let Forgotten { raised, bytes } = self.state.forget(self.bound, self.config.overlap, in_hand, now);
        for (source, floor) in raised {
            tracing::warn!(
                source,
                floor = floor.iso(),
                "state compacted: findings that become visible late, updated before `floor`, will not be detected"
            );
        }
        self.bytes = bytes;
        self.state.encode()
    }
}
