//! A replay announces again what was announced since then, and only that. Times of a wrong clock are replaced.

use super::*;
use crate::source_key::SourceKey;
use crate::state::{DigestPlan, FindingRecord, SourceState};

const SINCE: Timestamp = Timestamp(1_000);
const NOW: Timestamp = Timestamp(9_000);

fn key(text: &str) -> SourceOrIdentity {
    text.parse::<SourceKey>().expect("a key of a source").into()
}

fn source(watermark: i64, is_initial_watermark: bool) -> SourceState {
    let time = Timestamp(watermark);
    SourceState { watermark: time, floor: time, is_initial_watermark, ..SourceState::default() }
}

fn times(state: &State) -> Vec<(i64, i64)> {
    state.sources.values().map(|source| (source.watermark.0, source.floor.0)).collect()
}

#[test]
fn a_replay_resets_the_sources_that_are_later_and_discards_what_was_announced_since_then() {
    let mut state = State::default();
    for (name, watermark) in [("eu-north-1", 500), ("eu-west-1", 1_000), ("eu-west-2", 5_000)] {
        state.sources.insert(key(&format!("111122223333/{name}")), source(watermark, false));
    }
    for (id, updated_at) in [("failing", None), ("before", Some(999)), ("at", Some(1_000)), ("after", Some(1_001))] {
        let updated_at = updated_at.map(Timestamp);
        state.findings.insert(id.to_owned(), FindingRecord { updated_at, ..FindingRecord::default() });
    }
    state.save_digest_plan("d", DigestPlan { channel: "#c".into(), findings: Vec::new() });
    state.renew_lease("run", NOW);
    state.begin_replay(SINCE, NOW);
    assert_eq!(times(&state), [(500, 500), (1_000, 1_000), (1_000, 1_000)]);
    assert_eq!(state.findings.keys().collect::<Vec<_>>(), ["before", "failing"]);
    assert!(state.digest_plans.is_empty() && state.lease.is_none());
    assert_eq!((state.replayed_at, state.replay_since), (Some(NOW), Some(SINCE)));
}

#[test]
fn times_of_a_clock_that_was_ahead_are_replaced_and_others_stay() {
    let is_wrong = |time: Timestamp| time > NOW;
    let record = |time: i64| FindingRecord {
        edited_at: Some(Timestamp(time)),
        notified_at: Some(Timestamp(time)),
        ..FindingRecord::default()
    };
    let mut state = State::default();
    state.findings.extend([("right".to_owned(), record(8_000)), ("wrong".to_owned(), record(9_001))]);
    for (name, watermark, is_initial) in
        [("eu-north-1", 9_001, true), ("eu-west-1", 9_001, false), ("eu-west-2", 8_000, true)]
    {
        state.sources.insert(key(&format!("111122223333/{name}")), source(watermark, is_initial));
    }
    state.renew_lease("run", Timestamp(9_001));
    (state.saved_at, state.replayed_at) = (Some(Timestamp(9_001)), Some(Timestamp(9_001)));
    assert_eq!(state.correct_times(is_wrong, SINCE, NOW), [key("111122223333/eu-north-1")]);
    assert_eq!(times(&state), [(1_000, 1_000), (9_001, 9_001), (8_000, 8_000)], "a watermark is a time of GuardDuty");
    assert_eq!((state.findings["right"].clone(), state.findings["wrong"].clone()), (record(8_000), record(9_000)));
    assert_eq!(state.lease.as_ref().map(|lease| lease.posting_since), Some(SINCE));
    assert_eq!((state.saved_at, state.replayed_at), (Some(SINCE), Some(NOW)));
    let corrected = state.to_json();
    assert_eq!(state.correct_times(|_| false, SINCE, NOW), []);
    assert_eq!(state.to_json(), corrected);
}

#[test]
fn a_replay_from_the_watermark_lets_findings_be_visible_as_late_as_before() {
    let mut state = State::default();
    let floor = Timestamp(SINCE.0 - 500);
    state.sources.insert(key("111122223333/eu-west-1"), SourceState { floor, ..source(SINCE.0, false) });
    state.begin_replay(SINCE, NOW);
    assert_eq!(times(&state), [(SINCE.0, floor.0)]);
}
