//! Keeps the watched configuration of the sources within their share of the document.

use std::cmp::Reverse;

use super::size::json_len;
use crate::source_key::SourceOrIdentity;
use crate::state::State;

impl State {
    /// Discards the largest baselines, as long as the sources take more than their share. Returns their sources.
    pub(super) fn discard_baselines(&mut self, bound: usize) -> Vec<SourceOrIdentity> {
        let discarded = self.excess_baselines(bound);
        for key in &discarded {
            if let Some(source) = self.sources.get_mut(key) {
                source.watch_baseline = None;
            }
        }
        self.discard_unused_sets();
        discarded
    }

    /// The sources whose baseline does not fit into the share of the sources.
    pub(super) fn excess_baselines(&self, bound: usize) -> Vec<SourceOrIdentity> {
        let mut excess = (json_len(&self.sources) + json_len(&self.shared_sets)).saturating_sub(source_bytes(bound));
        let watched = self.sources.iter().filter_map(|(key, source)| Some((key, source.watch_baseline.as_ref()?)));
        let mut by_size: Vec<_> = watched.map(|(key, watched)| (json_len(watched), key)).collect();
        by_size.sort_unstable_by_key(|(size, _)| Reverse(*size));
        let discarded = by_size.into_iter().take_while(|(size, _)| {
            let is_needed = excess > 0;
            excess = excess.saturating_sub(*size);
            is_needed
        });
        discarded.map(|(_, key)| key.clone()).collect()
    }
}

/// The share of the document that sources have: what most of 1,000 sources need. Findings have the rest.
fn source_bytes(bound: usize) -> usize {
    bound / 10 * 6
}
