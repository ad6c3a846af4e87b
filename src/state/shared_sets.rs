//! Sets of names that many sources have in common: the features of a detector, the member accounts of an administrator.
//! The document contains each set once, because it supports 1,000 sources.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::guardduty::fingerprint;
use crate::state::State;

/// Identifies a set by its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SetId(String);

/// The sets, by ID.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SharedSets(BTreeMap<SetId, BTreeSet<String>>);

impl SharedSets {
    /// Returns `None` for a set that was never recorded.
    pub fn get(&self, id: Option<&SetId>) -> Option<&BTreeSet<String>> {
        self.0.get(id?)
    }

    pub fn insert(&mut self, names: BTreeSet<String>) -> SetId {
        let id = SetId(fingerprint(&serde_json::json!(names).to_string()));
        self.0.insert(id.clone(), names);
        id
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl State {
    /// Discards the sets that no source has any more.
    pub(super) fn discard_unused_sets(&mut self) {
        let baselines = self.sources.values().filter_map(|source| source.watch_baseline.as_ref());
        let used: BTreeSet<&SetId> =
            baselines.flat_map(|watched| [&watched.features, &watched.members]).flatten().collect();
        self.shared_sets.0.retain(|id, _| used.contains(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source_key::SourceKey;
    use crate::state::{SourceState, WatchBaseline};

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn equal_sets_have_one_id_and_others_have_others() {
        let mut sets = SharedSets::default();
        let ids =
            [&["a", "b"][..], &["b", "a"], &["a"], &["a,b"], &["a\",\"b"], &[]].map(|of| (sets.insert(names(of)), of));
        for (id, of) in &ids {
            assert_eq!(sets.get(Some(id)), Some(&names(of)));
        }
        assert_eq!(ids[0].0, ids[1].0);
        assert_eq!(ids.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), 5);
        assert_eq!(sets.get(None), None);
    }

    #[test]
    fn a_set_is_kept_as_long_as_a_source_has_it() {
        let mut state = State::default();
        let [features, members, unused] =
            [&["S3"][..], &["111122223333"], &["RDS"]].map(|of| state.shared_sets.insert(names(of)));
        let key: SourceKey = "111122223333/eu-west-1".parse().expect("a key of a source");
        let watch_baseline = WatchBaseline {
            features: Some(features.clone()),
            members: Some(members.clone()),
            ..WatchBaseline::default()
        };
        state
            .sources
            .insert(key.into(), SourceState { watch_baseline: Some(watch_baseline), ..SourceState::default() });
        state.discard_unused_sets();
        assert_eq!(
            [&features, &members, &unused].map(|id| state.shared_sets.get(Some(id)).is_some()),
            [true, true, false]
        );
    }
}
