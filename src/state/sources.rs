//! The sources of the state, and the findings that they listed and did not return.

use std::cmp::Reverse;
use std::time::Duration;

use crate::metrics::NotificationOutcome;
use crate::source_key::{SourceKey, SourceOrIdentity};
use crate::state::compaction::{FAILING_TTL, MAX_FINDING_AGE};
use crate::state::{SourceState, State, UnfetchedFinding};
use crate::time::Timestamp;

/// A source that is configured no longer.
const UNCONFIGURED_TTL: Duration = Duration::from_hours(168);

/// Findings that were given up because they were not returned, and that are kept: the newest.
const MAX_UNFETCHED_GIVEN_UP: usize = 500;

impl State {
    /// What the state knows of a source.
    pub fn source(&self, key: &SourceKey) -> Option<&SourceState> {
        self.sources.get(&key.clone().into())
    }

    pub fn source_mut(&mut self, key: &SourceKey) -> Option<&mut SourceState> {
        self.sources.get_mut(&key.clone().into())
    }

    /// The source's entry; made, looking back to `start`, if it is new to the state.
    pub fn source_or_insert(&mut self, key: &SourceOrIdentity, start: Timestamp) -> (&mut SourceState, bool) {
        let new = !self.sources.contains_key(key);
        let n = self.next_source_id;
        self.next_source_id += u32::from(new);
        let source = self.sources.entry(key.clone()).or_insert_with(|| SourceState { id: n, ..SourceState::default() });
        if new {
            source.reset_to(start);
        }
        (source, new)
    }

    /// Replaces what is known of a source, after a decision about it.
    pub fn set_source(&mut self, key: &SourceOrIdentity, source: SourceState) {
        if let Some(known) = self.sources.get(key) {
            debug_assert_eq!(known.id, source.id, "the number of {key} never changes");
            let is_set_back = source.watermark < known.watermark;
            debug_assert!(!is_set_back || source.is_initial_watermark, "the watermark of {key} never falls");
        }
        self.sources.insert(key.clone(), source);
    }

    /// Removes an entry, such as that of an identity that can be used again.
    pub fn remove_source(&mut self, key: &SourceOrIdentity) -> Option<SourceState> {
        self.sources.remove(key)
    }

    /// Drops the sources that are no longer configured. Call it only in a run that read all configured sources: after a
    /// pause of days, a source that was not read yet cannot be distinguished from one that was removed.
    pub fn drop_unconfigured_sources(&mut self, now: Timestamp) {
        self.sources.retain(|_, s| s.last_configured_at.is_none_or(|t| now.duration_since(t) < UNCONFIGURED_TTL));
    }

    /// Notes the first detector of a source.
    pub fn note_detector(&mut self, key: &SourceKey, detector: &str) {
        if let Some(source) = self.source_mut(key) {
            source.detector_id.get_or_insert_with(|| detector.to_owned());
        }
    }

    /// Notes that a finding was listed and could not be fetched, and returns since when that is so.
    pub fn note_unfetched(&mut self, id: &str, source: u32, now: Timestamp) -> Timestamp {
        let new = UnfetchedFinding { source_id: source, since: now, given_up: false };
        self.unfetched.entry(id.to_owned()).or_insert(new).since
    }

    /// Notes that a finding was fetched.
    pub fn remove_unfetched(&mut self, id: &str) {
        self.unfetched.remove(id);
    }

    /// Returns true if a finding that was listed could not be fetched yet.
    pub fn has_unfetched(&self) -> bool {
        self.unfetched.values().any(|unfetched| !unfetched.given_up)
    }

    /// IDs of the findings that could not be fetched since such a time, and are not given up.
    pub fn unfetched_since(&self, is_due: impl Fn(Timestamp) -> bool) -> Vec<String> {
        let due = self.unfetched.iter().filter(|(_, unfetched)| !unfetched.given_up && is_due(unfetched.since));
        due.map(|(id, _)| id.clone()).collect()
    }

    /// Discards what a run will hardly list again.
    pub(super) fn discard_old_unfetched(&mut self, now: Timestamp) {
        let mut given_up: Vec<Timestamp> = self.unfetched.values().filter(|u| u.given_up).map(|u| u.since).collect();
        given_up.sort_unstable_by_key(|since| Reverse(*since));
        let oldest = given_up.get(MAX_UNFETCHED_GIVEN_UP).copied();
        self.unfetched.retain(|_, u| match u.given_up {
            true => now.duration_since(u.since) < MAX_FINDING_AGE && oldest.is_none_or(|oldest| u.since > oldest),
            false => now.duration_since(u.since) < FAILING_TTL,
        });
    }

    /// Gives up a finding that could not be fetched. `channel` is for the metric.
    pub fn give_up_unfetched(&mut self, id: &str, channel: &str) {
        if let Some(unfetched) = self.unfetched.get_mut(id) {
            unfetched.given_up = true;
            self.totals.count_notification(channel, NotificationOutcome::GivenUp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn key(text: &str) -> SourceKey {
        text.parse().expect("a key of a source")
    }

    #[test]
    fn each_source_has_a_number_that_no_other_one_ever_had() {
        let (one, two, three) =
            (key("111122223333/eu-west-1"), key("111122223333/us-east-1"), key("444455556666/eu-west-1"));
        let mut state = State::default();
        assert_eq!(state.source_or_insert(&one.clone().into(), NOW).0.id, 0);
        assert_eq!(state.source_or_insert(&two.clone().into(), NOW).0.id, 1);
        assert_eq!(state.remove_source(&two.clone().into()).map(|source| source.id), Some(1));
        assert!(state.remove_source(&two.clone().into()).is_none());
        assert_eq!(state.source_or_insert(&three.clone().into(), NOW).0.id, 2);
        let (source, is_new) = state.source_or_insert(&one.into(), Timestamp(5));
        assert_eq!((source.id, source.watermark, is_new), (0, NOW, false), "a known one stays as it is");
    }

    #[test]
    fn a_decision_replaces_a_source_and_may_advance_its_watermark() {
        let one = key("111122223333/eu-west-1");
        let mut state = State::default();
        for watermark in [NOW, NOW.plus(Duration::from_secs(1))] {
            state.set_source(&one.clone().into(), SourceState { watermark, ..SourceState::default() });
            assert_eq!(state.source(&one).map(|source| source.watermark), Some(watermark));
        }
    }

    #[test]
    fn a_source_is_discarded_a_week_after_it_was_configured() {
        let mut state = State::default();
        let configured_at = |ago: Option<Duration>| ago.map(|ago| NOW.minus(ago));
        let ages = [None, UNCONFIGURED_TTL.checked_sub(Duration::from_millis(1)), Some(UNCONFIGURED_TTL)];
        for (n, ago) in ages.into_iter().enumerate() {
            let source = SourceState { last_configured_at: configured_at(ago), ..SourceState::default() };
            state.sources.insert(key(&format!("11112222333{n}/eu-west-1")).into(), source);
        }
        state.drop_unconfigured_sources(NOW);
        let left: Vec<String> = state.sources.keys().map(ToString::to_string).collect();
        assert_eq!(left, ["111122223330/eu-west-1", "111122223331/eu-west-1"]);
    }

    #[test]
    fn the_first_detector_of_a_source_is_noted() {
        let one = key("111122223333/eu-west-1");
        let mut state = State::default();
        state.note_detector(&one, "unknown source");
        state.source_or_insert(&one.clone().into(), NOW);
        for detector in ["first", "second"] {
            state.note_detector(&one, detector);
        }
        assert_eq!(state.source(&one).and_then(|source| source.detector_id.as_deref()), Some("first"));
    }

    #[test]
    fn an_unfetched_finding_is_due_since_the_first_time_until_it_is_given_up() {
        let mut state = State::default();
        assert_eq!(state.note_unfetched("a", 3, NOW), NOW);
        assert_eq!(state.note_unfetched("a", 3, Timestamp(NOW.0 + 1)), NOW);
        state.note_unfetched("b", 3, Timestamp(NOW.0 + 1));
        assert_eq!(state.unfetched_since(|since| since <= NOW), ["a"]);
        state.give_up_unfetched("a", "C1");
        state.give_up_unfetched("of no known finding", "C1");
        assert_eq!(state.unfetched_since(|_| true), ["b"]);
        assert_eq!(state.totals.notifications(NotificationOutcome::GivenUp), 1);
    }

    #[test]
    fn the_newest_findings_that_were_given_up_because_they_were_not_returned_are_kept() {
        let mut state = State::default();
        for n in 0..MAX_UNFETCHED_GIVEN_UP + 10 {
            let since = NOW.minus(Duration::from_hours(25)).plus(Duration::from_secs(n as u64));
            let unfetched = UnfetchedFinding { source_id: 0, since, given_up: n % 100 != 99 };
            state.unfetched.insert(format!("{n:04}"), unfetched);
        }
        state.discard_old_unfetched(NOW);
        let given_up: Vec<&String> = state.unfetched.iter().filter(|(_, u)| u.given_up).map(|(id, _)| id).collect();
        assert_eq!((given_up.len(), given_up[0].as_str()), (MAX_UNFETCHED_GIVEN_UP, "0005"));
        assert_eq!(state.unfetched.len() - given_up.len(), 5, "none that is not given up was discarded");
    }
}
