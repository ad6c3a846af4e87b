//! Fake store of the state: one document, with its versions and their content.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use guardduty_slack::message::Notice;
use guardduty_slack::source_key::SourceOrIdentity;
use guardduty_slack::state::store::SaveError;
use guardduty_slack::state::{DetectorStatus, DigestPlan, Lease, State};
use guardduty_slack::time::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::history::WorldEvent;

#[derive(Default)]
pub(crate) struct FakeStore {
    /// Every document that was saved, oldest first. None: it was deleted.
    pub versions: Vec<(Timestamp, Option<Rc<str>>)>,
    /// Value of the key `replay`.
    pub replay: Option<String>,
    /// Deletions and restores of the document by another writer.
    pub external_changes: Vec<(Timestamp, WorldEvent)>,
    /// What the oracle reads of the newest document at every save.
    pub saved: Option<SavedState>,
    /// The newest document as runs read it, once somebody asks for it.
    state: OnceCell<State>,
    /// Findings of each digest by its ID, from every document that was sent.
    pub plans: HashMap<String, Vec<(String, Timestamp)>>,
    /// ID of the run in the saved lease, and the time since which it is saved.
    pub lease_holder: Option<(String, Timestamp)>,
    /// Watermark of each source before the newest document. An excluded source has none: it starts again.
    pub before: BTreeMap<SourceOrIdentity, Timestamp>,
    /// Floor at which each source started.
    pub began: BTreeMap<SourceOrIdentity, Timestamp>,
}

/// What the oracle reads of every document that is saved.
#[derive(Deserialize)]
pub(crate) struct SavedState {
    pub lease: Option<Lease>,
    pub sources: BTreeMap<SourceOrIdentity, SavedSource>,
    #[serde(default)]
    pub notices: Vec<Notice>,
}

/// The digest plans of a document.
#[derive(Deserialize)]
pub(crate) struct SavedPlans {
    pub digest_plans: BTreeMap<String, DigestPlan>,
}

#[derive(Deserialize)]
pub(crate) struct SavedSource {
    #[serde(deserialize_with = "read_time")]
    pub watermark: Timestamp,
    #[serde(deserialize_with = "read_time")]
    pub floor: Timestamp,
    #[serde(default)]
    pub detector_status: DetectorStatus,
}

fn read_time<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = <&str>::deserialize(from)?;
    Timestamp::parse(text).ok_or_else(|| serde::de::Error::custom("a time is expected"))
}

/// Reads a part of a document.
pub(crate) fn read<'de, T: Deserialize<'de>>(document: &'de str) -> T {
    serde_json::from_str(document).expect("a run writes a valid state")
}

impl FakeStore {
    pub(crate) fn version(&self) -> usize {
        self.versions.len()
    }

    pub(crate) fn document(&self) -> Option<&Rc<str>> {
        self.versions.last()?.1.as_ref()
    }

    /// Returns the newest document as runs read it.
    pub(crate) fn state(&self) -> Option<&State> {
        let document = self.document()?;
        Some(self.state.get_or_init(|| State::parse(document).expect("a run writes a valid state")))
    }

    /// Returns the document as it was at an earlier time.
    pub(crate) fn copy(&self, at_or_before: Timestamp) -> Option<Rc<str>> {
        self.versions.iter().rev().find(|(at, _)| *at <= at_or_before)?.1.clone()
    }

    /// Writes the document as another writer, without a change of its content.
    pub(crate) fn touch_by_other_writer(&mut self, now: Timestamp) {
        if let Some(document) = self.document() {
            let document = format!("{document} ");
            self.versions.push((now, Some(document.into())));
        }
    }

    /// Deletes the document or restores an old one, as another writer.
    pub(crate) fn apply_external_change(&mut self, what: &WorldEvent, now: Timestamp) {
        let document = match what {
            WorldEvent::Restore(age) => match self.copy(now.minus(Duration::from_secs(*age as u64))) {
                Some(document) => Some(document),
                None => return,
            },
            _ => None,
        };
        self.saved = document.as_deref().map(read);
        self.lease_holder = self.saved.as_ref().and_then(|s| s.lease.as_ref()).map(|r| (r.id.clone(), now));
        self.before.clear();
        self.began.retain(|key, _| self.saved.as_ref().is_some_and(|s| s.sources.contains_key(key)));
        self.external_changes.push((now, what.clone()));
        self.push(document, now);
    }

    fn push(&mut self, document: Option<Rc<str>>, now: Timestamp) {
        self.versions.push((now, document));
        self.state = OnceCell::new();
    }

    /// Compares and swaps. `mine`: writes of the same run without a response.
    pub(crate) fn swap(
        &mut self,
        compare: bool,
        base: usize,
        mine: &[Rc<str>],
        document: Rc<str>,
        now: Timestamp,
    ) -> Result<usize, SaveError> {
        let is_own_write = self.document().is_some_and(|d| mine.iter().any(|m| m == d));
        if self.version() != base && !is_own_write && compare {
            return Err(SaveError::Conflict("modified by another writer".into()));
        }
        let saved: SavedState = read(&document);
        for (key, source) in &saved.sources {
            let began = self.began.entry(key.clone()).or_insert(source.floor);
            if source.detector_status == DetectorStatus::Excluded {
                *began = Timestamp::MAX;
            } else if *began == Timestamp::MAX {
                *began = source.floor;
            }
        }
        let holder = saved.lease.as_ref().map(|r| &r.id);
        if holder != self.lease_holder.as_ref().map(|(id, _)| id) {
            self.lease_holder = holder.map(|id| (id.clone(), now));
        }
        let before = self.saved.replace(saved);
        let polled = before.into_iter().flat_map(|s| s.sources);
        let polled = polled.filter(|(_, s)| s.detector_status != DetectorStatus::Excluded);
        self.before = polled.map(|(key, s)| (key, s.watermark)).collect();
        self.push(Some(document), now);
        Ok(self.version())
    }
}
