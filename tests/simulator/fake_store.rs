//! The state as it is kept: one document, its versions, and what each one says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use guardduty_slack::state::store::SaveError;
use guardduty_slack::state::{DetectorStatus, State};
use guardduty_slack::time::Timestamp;

use crate::history::WorldEvent;

#[derive(Default)]
pub struct FakeStore {
    /// Every document that was ever kept, oldest first; none: it was deleted.
    pub versions: Vec<(Timestamp, Option<String>)>,
    /// What stands in the key `replay`.
    pub replay: Option<String>,
    /// When somebody deleted it, or put back an old one.
    pub meddled: Vec<(Timestamp, WorldEvent)>,
    /// The newest one, read.
    pub state: Option<State>,
    /// Digest id → whom it sums up, of every document that was ever sent.
    pub plans: HashMap<String, Vec<(String, Timestamp)>>,
    /// Digests whose plan was kept at some time.
    pub planned: BTreeSet<String>,
    /// Since when the note that is kept names its run.
    pub noted: Option<(String, Timestamp)>,
    /// How far each source was before the newest document.
    pub before: BTreeMap<String, Timestamp>,
    /// Where each source began.
    pub began: BTreeMap<String, Timestamp>,
}

impl FakeStore {
    pub fn version(&self) -> usize {
        self.versions.len()
    }

    pub fn document(&self) -> Option<&str> {
        self.versions.last()?.1.as_deref()
    }

    /// As it was some time ago.
    pub fn copy(&self, then: Timestamp) -> Option<&str> {
        self.versions.iter().rev().find(|(at, _)| *at <= then)?.1.as_deref()
    }

    /// Somebody else writes the key; what it says stays the same.
    pub fn touch_by_other_writer(&mut self, now: Timestamp) {
        if let Some(document) = self.document() {
            let document = format!("{document} ");
            self.versions.push((now, Some(document)));
        }
    }

    /// Somebody deletes it, or puts back an old one.
    pub fn apply_external_change(&mut self, what: &WorldEvent, now: Timestamp) {
        let document = match what {
            WorldEvent::Restore(age) => match self.copy(now.minus(Duration::from_secs(*age as u64))) {
                Some(document) => Some(document.to_owned()),
                None => return,
            },
            _ => None,
        };
        self.state = document.as_deref().map(|d| State::parse(d).expect("it was kept before"));
        self.noted = self.state.as_ref().and_then(|s| s.lease.as_ref()).map(|r| (r.id.clone(), now));
        self.before.clear();
        self.began.retain(|key, _| self.state.as_ref().is_some_and(|s| s.sources.contains_key(&key.as_str().into())));
        self.meddled.push((now, what.clone()));
        self.versions.push((now, document));
    }

    /// Compare and swap. `mine`: writes of the same run that were not answered.
    pub fn swap(
        &mut self,
        compare: bool,
        base: usize,
        mine: &[String],
        document: String,
        now: Timestamp,
    ) -> Result<usize, SaveError> {
        let ours = self.document().is_some_and(|d| mine.iter().any(|m| m == d));
        if self.version() != base && !ours && compare {
            return Err(SaveError::Conflict("somebody else wrote it".into()));
        }
        let state = State::parse(&document).expect("what a run writes can be read");
        self.planned.extend(state.digest_plans.keys().cloned());
        for (key, source) in &state.sources {
            let began = self.began.entry(key.to_string()).or_insert(source.floor);
            if source.detector_status == DetectorStatus::Excluded {
                *began = Timestamp::MAX;
            } else if *began == Timestamp::MAX {
                *began = source.floor;
            }
        }
        let holder = state.lease.as_ref().map(|r| r.id.clone());
        if holder.as_ref() != self.noted.as_ref().map(|(id, _)| id) {
            self.noted = holder.map(|id| (id, now));
        }
        let before = self.state.replace(state);
        self.before = before.into_iter().flat_map(|s| s.sources).map(|(key, s)| (key.into(), s.watermark)).collect();
        self.versions.push((now, Some(document)));
        Ok(self.version())
    }
}
