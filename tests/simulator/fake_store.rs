//! Fake store of the state: one document, with its versions and their content.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use guardduty_slack::state::store::SaveError;
use guardduty_slack::state::{DetectorStatus, State};
use guardduty_slack::time::Timestamp;

use crate::history::WorldEvent;

#[derive(Default)]
pub struct FakeStore {
    /// Every document that was saved, oldest first. None: it was deleted.
    pub versions: Vec<(Timestamp, Option<String>)>,
    /// Value of the key `replay`.
    pub replay: Option<String>,
    /// Deletions and restores of the document by another writer.
    pub external_changes: Vec<(Timestamp, WorldEvent)>,
    /// The newest document, parsed.
    pub state: Option<State>,
    /// Findings of each digest by its ID, from every document that was sent.
    pub plans: HashMap<String, Vec<(String, Timestamp)>>,
    /// Digests whose plan was saved at some time.
    pub planned: BTreeSet<String>,
    /// ID of the run in the saved lease, and the time since which it is saved.
    pub lease_holder: Option<(String, Timestamp)>,
    /// Watermark of each source before the newest document. An excluded source has none: it starts again.
    pub before: BTreeMap<String, Timestamp>,
    /// Floor at which each source started.
    pub began: BTreeMap<String, Timestamp>,
}

impl FakeStore {
    pub fn version(&self) -> usize {
        self.versions.len()
    }

    pub fn document(&self) -> Option<&str> {
        self.versions.last()?.1.as_deref()
    }

    /// Returns the document as it was at an earlier time.
    pub fn copy(&self, at_or_before: Timestamp) -> Option<&str> {
        self.versions.iter().rev().find(|(at, _)| *at <= at_or_before)?.1.as_deref()
    }

    /// Writes the document as another writer, without a change of its content.
    pub fn touch_by_other_writer(&mut self, now: Timestamp) {
        if let Some(document) = self.document() {
            let document = format!("{document} ");
            self.versions.push((now, Some(document)));
        }
    }

    /// Deletes the document or restores an old one, as another writer.
    pub fn apply_external_change(&mut self, what: &WorldEvent, now: Timestamp) {
        let document = match what {
            WorldEvent::Restore(age) => match self.copy(now.minus(Duration::from_secs(*age as u64))) {
                Some(document) => Some(document.to_owned()),
                None => return,
            },
            _ => None,
        };
        self.state = document.as_deref().map(|d| State::parse(d).expect("it was saved before"));
        self.lease_holder = self.state.as_ref().and_then(|s| s.lease.as_ref()).map(|r| (r.id.clone(), now));
        self.before.clear();
        self.began.retain(|key, _| self.state.as_ref().is_some_and(|s| s.sources.contains_key(&key.as_str().into())));
        self.external_changes.push((now, what.clone()));
        self.versions.push((now, document));
    }

    /// Compares and swaps. `mine`: writes of the same run without a response.
    pub fn swap(
        &mut self,
        compare: bool,
        base: usize,
        mine: &[String],
        document: String,
        now: Timestamp,
    ) -> Result<usize, SaveError> {
        let is_own_write = self.document().is_some_and(|d| mine.iter().any(|m| m == d));
        if self.version() != base && !is_own_write && compare {
            return Err(SaveError::Conflict("modified by another writer".into()));
        }
        let state = State::parse(&document).expect("a run writes a valid state");
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
        if holder.as_ref() != self.lease_holder.as_ref().map(|(id, _)| id) {
            self.lease_holder = holder.map(|id| (id, now));
        }
        let before = self.state.replace(state);
        let polled = before.into_iter().flat_map(|s| s.sources);
        let polled = polled.filter(|(_, s)| s.detector_status != DetectorStatus::Excluded);
        self.before = polled.map(|(key, s)| (key.into(), s.watermark)).collect();
        self.versions.push((now, Some(document)));
        Ok(self.version())
    }
}
