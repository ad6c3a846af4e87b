//! Resets times of the state: for a replay, and after a run whose clock was wrong.

use crate::source_key::SourceOrIdentity;
use crate::state::State;
use crate::time::Timestamp;

impl State {
    /// Sets the sources back, so that what was updated since then is announced again: nothing announced before counts.
    pub fn begin_replay(&mut self, since: Timestamp, now: Timestamp) {
        for source in self.sources.values_mut().filter(|source| source.watermark > since) {
            // Not below `since`: what was announced before then is discarded.
            (source.watermark, source.floor) = (since, since);
        }
        self.findings.retain(|_, entry| entry.updated_at < Some(since));
        self.digest_plans.clear();
        self.lease = None;
        (self.replayed_at, self.replay_since) = (Some(now), Some(since));
    }

    /// Replaces the times for which `is_wrong` is true: a run whose clock was ahead wrote them. Sources whose initial
    /// watermark is such a time start at `look_back`; their keys are returned.
    pub fn correct_times(
        &mut self,
        is_wrong: impl Fn(Timestamp) -> bool,
        look_back: Timestamp,
        now: Timestamp,
    ) -> Vec<SourceOrIdentity> {
        let wrong = |time: &&mut Timestamp| is_wrong(**time);
        let begins = self.lease.as_mut().map(|run| &mut run.posting_since).into_iter().chain(&mut self.saved_at);
        begins.filter(wrong).for_each(|time| *time = look_back);
        let announced =
            self.findings.values_mut().flat_map(|entry| [&mut entry.edited_at, &mut entry.notified_at]).flatten();
        let compared = self.sources.values_mut().filter_map(|source| source.watch_baseline.as_mut());
        let compared = compared.filter_map(|watched| watched.compared_at.as_mut());
        announced.chain(compared).chain(&mut self.replayed_at).filter(wrong).for_each(|time| *time = now);
        let mut keys = Vec::new();
        for (key, source) in &mut self.sources {
            if source.is_initial_watermark && is_wrong(source.watermark) {
                source.reset_to(look_back);
                keys.push(key.clone());
            }
        }
        keys
    }
}

#[cfg(test)]
mod tests;
