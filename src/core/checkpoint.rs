//! Checkpoints: decides when the state is saved, and handles failed saves. A delivery is recorded after it was
//! acknowledged, never before, and in few writes. Intents are saved before ([`write_ahead`](super::write_ahead)).

use std::time::Duration;

use crate::config::Config;
use crate::core::Core;
use crate::core::event::{Effect, Generation, Save};
use crate::core::gate::SaveStatus;
use crate::state::store::SaveError;
use crate::state::{CompactionReport, Unrecorded};
use crate::time::Timestamp;

/// Number of deliveries, and time after the last save, at which a checkpoint is due.
const CHECKPOINT_DELIVERIES: usize = 20;
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

/// How far the state of a run is saved.
#[derive(Debug)]
pub(super) struct Checkpoints {
    lease: Duration,
    is_dry_run: bool,
    /// Reason why nothing can be saved in this run.
    unrecordable: Option<String>,
    /// Another writer changed the state: this run stops posting.
    conflict: Option<String>,
    /// Reason why the last save failed.
    failed: Option<String>,
    /// Saves contain the posting intent of this run.
    has_intent: bool,
    /// Number of deliveries since the last save.
    unsaved: usize,
    saved_at: Timestamp,
    /// Bytes of the last document.
    pub bytes: usize,
    last: Generation,
    answered: Generation,
    /// The save that has no response yet, and its time.
    in_flight: Option<(Generation, Timestamp)>,
    is_queued: bool,
}

/// A save for which a step waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DueSave(Generation);

impl Checkpoints {
    pub(super) fn new(config: &Config, unrecordable: Option<String>, now: Timestamp) -> Self {
        Self {
            lease: config.lease,
            is_dry_run: config.dry_run,
            unrecordable,
            conflict: None,
            failed: None,
            has_intent: false,
            unsaved: 0,
            saved_at: now,
            bytes: 0,
            last: Generation::default(),
            answered: Generation::default(),
            in_flight: None,
            is_queued: false,
        }
    }

    /// Counts one delivery that is not saved yet.
    pub(super) fn count_delivery(&mut self) {
        self.unsaved += 1;
    }

    /// From the next save on, the state has the posting intent of this run.
    pub(super) fn begin_posting(&mut self) {
        self.has_intent = true;
    }

    /// How far the store has what must be saved before a message is sent.
    pub(super) fn status_of_intents(&self, has_unsaved_id: bool) -> SaveStatus {
        let is_unsaved = !self.has_intent || has_unsaved_id || self.is_saving();
        match self.status_of_last_save() {
            SaveStatus::Conflict => SaveStatus::Conflict,
            _ if is_unsaved => SaveStatus::Pending,
            status => status,
        }
    }

    /// How far the store has what was sent to it last.
    pub(super) fn status_of_last_save(&self) -> SaveStatus {
        if self.conflict.is_some() {
            SaveStatus::Conflict
        } else if self.unrecordable.is_some() || self.failed.is_some() {
            SaveStatus::Failed
        } else {
            SaveStatus::Saved
        }
    }

    /// Returns true if nothing can be saved in this run.
    pub(super) fn is_unrecordable(&self) -> bool {
        self.unrecordable.is_some()
    }

    /// Returns true if another writer changed the state.
    pub(super) fn has_conflict(&self) -> bool {
        self.conflict.is_some()
    }

    /// Returns true while a save has no response.
    pub(super) fn is_saving(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Returns true if a checkpoint is due, or the lease is to be renewed, and no save is in progress.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let is_full = self.unsaved >= CHECKPOINT_DELIVERIES && !self.is_saving();
        is_full || self.next_due().is_some_and(|due| due <= now)
    }

    /// Time of the next checkpoint, or renewal of the lease, if nothing more is delivered.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let checkpoint = (self.unsaved > 0).then(|| self.saved_at.plus(CHECKPOINT_INTERVAL));
        let renewal = self.has_intent.then(|| self.saved_at.plus(self.lease / 3));
        checkpoint.into_iter().chain(renewal).min().filter(|_| !self.is_saving())
    }

    /// Returns false if the last save failed. Before the first save the state is the one that was loaded.
    pub(super) fn is_recorded(&self) -> bool {
        self.status_of_last_save() == SaveStatus::Saved
    }

    /// Returns the reason why the state is not saved.
    pub(super) fn problem(&self) -> Option<String> {
        self.conflict.clone().or_else(|| self.unrecordable.clone()).or_else(|| self.failed.clone())
    }

    fn can_save(&self) -> bool {
        self.unrecordable.is_none() && self.conflict.is_none() && !self.is_dry_run
    }

    /// Records the response of the store. Returns the time at which the document was created, if it was saved.
    fn on_answer(&mut self, generation: Generation, result: Result<(), SaveError>) -> Option<Timestamp> {
        let (_, made_at) = self.in_flight.take_if(|(in_flight, _)| *in_flight == generation)?;
        self.answered = generation;
        match result {
            Ok(()) => {
                self.failed = None;
                return Some(made_at);
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
        None
    }
}

impl Core<'_> {
    /// Saves the state after the previous save has its response.
    pub(super) fn save(&mut self) -> DueSave {
        if self.checkpoints.is_saving() {
            self.checkpoints.is_queued = true;
            return DueSave(self.checkpoints.last.next());
        }
        self.begin_save()
    }

    fn begin_save(&mut self) -> DueSave {
        self.announce_sources();
        self.state.note_channels(self.channels.ids().clone());
        self.sources.advance_watermarks(&mut self.state);
        if self.checkpoints.has_intent {
            self.state.renew_lease(&self.id, self.now);
        }
        let save = self.emit_save();
        self.channels.set_ids_saved();
        save
    }

    /// Saves the state for the last time, with the lease released. This replaces a save that has no response.
    pub(super) fn save_finally(&mut self, unrecorded: Option<Unrecorded>) -> DueSave {
        self.state.release_lease(&self.id, unrecorded);
        self.state.replay_since = None;
        self.checkpoints.has_intent = false;
        self.checkpoints.in_flight = None;
        self.emit_save()
    }

    pub(super) fn save_if_due(&mut self) {
        if self.checkpoints.is_due(self.now) && !self.is_stopping() {
            self.save();
        }
    }

    pub(super) fn on_saved(&mut self, generation: Generation, result: Result<(), SaveError>) {
        if let Some(made_at) = self.checkpoints.on_answer(generation, result) {
            self.state.set_saved(Some(made_at));
        }
        if self.checkpoints.is_queued && !self.checkpoints.is_saving() && !self.is_stopping() {
            self.begin_save();
        }
    }

    /// Returns true if a step must still wait for a save. A run that must end waits for its last save only.
    pub(super) fn is_waiting_for(&self, save: DueSave) -> bool {
        self.checkpoints.answered < save.0 && !self.is_stopping()
    }

    pub(super) fn is_waiting_for_last(&self, save: DueSave) -> bool {
        self.checkpoints.answered < save.0
    }

    fn emit_save(&mut self) -> DueSave {
        let saved = self.state.set_saved(Some(self.now));
        let document = self.compact();
        self.state.set_saved(saved);
        let checkpoints = &mut self.checkpoints;
        // A save that failed is repeated when the next checkpoint is due, not at every delivery.
        (checkpoints.unsaved, checkpoints.saved_at, checkpoints.is_queued) = (0, self.now, false);
        checkpoints.last = checkpoints.last.next();
        let generation = checkpoints.last;
        if checkpoints.can_save() {
            checkpoints.in_flight = Some((generation, self.now));
            self.effects.push(Effect::Save(Save { generation, document }));
        } else {
            checkpoints.answered = generation;
        }
        DueSave(generation)
    }

    fn compact(&mut self) -> String {
        let in_flight = self.sources.in_flight();
        let CompactionReport { raised_floors: raised, unwatched, lost_messages, document } =
            self.state.compact(self.limits.state_bytes, self.config.overlap, &in_flight, self.now);
        for (source, floor) in raised {
            tracing::warn!(
                %source,
                floor = floor.to_rfc3339(),
                "state compacted: findings that become visible late, updated before `floor`, will not be detected"
            );
        }
        if lost_messages > 0 {
            tracing::warn!(
                findings = lost_messages,
                "state is full: a recurrence of these findings starts a new message"
            );
        }
        if let Some(source) = unwatched.first() {
            tracing::warn!(
                sources = unwatched.len(),
                %source,
                "state is full: changes of the configuration of these sources are not announced. Install several releases, each with fewer sources"
            );
        }
        self.checkpoints.bytes = document.len();
        document
    }

    /// Bytes that are free for additional findings now.
    pub(super) fn free_bytes(&self) -> usize {
        self.limits.state_bytes.saturating_sub(self.state.bytes())
    }

    /// Bytes that are free for additional findings, once everything is discarded that may be.
    pub(super) fn max_free_bytes(&self) -> usize {
        let in_flight = self.sources.in_flight();
        let limit = self.limits.state_bytes;
        limit.saturating_sub(self.state.min_bytes(limit, self.config.overlap, &in_flight))
    }
}

#[cfg(test)]
mod tests;
