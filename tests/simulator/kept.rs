//! The state as it is kept: one document, its versions, and what each one says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use guardduty_slack::state::State;
use guardduty_slack::state::store::SaveError;
use guardduty_slack::time::Millis;

#[derive(Default)]
pub struct Kept {
    /// Every document that was ever kept, oldest first.
    pub versions: Vec<(Millis, String)>,
    /// The newest one, read.
    pub state: Option<State>,
    /// Digest id → whom it sums up, of every document that was ever sent.
    pub plans: HashMap<String, Vec<(String, Millis)>>,
    /// Digests whose plan was kept at some time.
    pub planned: BTreeSet<String>,
    /// Since when the note that is kept names its run.
    pub noted: Option<(String, Millis)>,
    /// How far each source was before the newest document.
    pub before: BTreeMap<String, Millis>,
    /// Where each source began.
    pub began: BTreeMap<String, Millis>,
}

impl Kept {
    pub fn version(&self) -> usize {
        self.versions.len()
    }

    pub fn document(&self) -> Option<&str> {
        self.versions.last().map(|(_, d)| d.as_str())
    }

    /// As it was some time ago.
    pub fn copy(&self, then: Millis) -> Option<&str> {
        self.versions.iter().rev().find(|(at, _)| *at <= then).map(|(_, d)| d.as_str())
    }

    /// Somebody else writes the key; what it says stays the same.
    pub fn touch(&mut self, now: Millis) {
        if let Some(document) = self.document() {
            let document = format!("{document} ");
            self.versions.push((now, document));
        }
    }

    /// Compare and swap. `mine`: writes of the same run that were not answered.
    pub fn swap(
        &mut self,
        compare: bool,
        base: usize,
        mine: &[String],
        document: String,
        now: Millis,
    ) -> Result<usize, SaveError> {
        let ours = self.document().is_some_and(|d| mine.iter().any(|m| m == d));
        if self.version() != base && !ours && compare {
            return Err(SaveError::Conflict("somebody else wrote it".into()));
        }
        let state = State::parse(&document).expect("what a run writes can be read");
        self.planned.extend(state.plans.keys().cloned());
        for (key, source) in &state.sources {
            self.began.entry(key.clone()).or_insert(source.watermark);
        }
        let holder = state.run.as_ref().map(|r| r.id.clone());
        if holder.as_ref() != self.noted.as_ref().map(|(id, _)| id) {
            self.noted = holder.map(|id| (id, now));
        }
        let before = self.state.replace(state);
        self.before = before.into_iter().flat_map(|s| s.sources).map(|(key, s)| (key, s.watermark)).collect();
        self.versions.push((now, document));
        Ok(self.version())
    }
}
