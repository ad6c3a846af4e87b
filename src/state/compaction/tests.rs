//! Compaction of states that are too large.

use std::sync::LazyLock;

use super::*;
use crate::state::{MAX_STATE_BYTES, SourceState};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
static KEY: LazyLock<SourceKey> = LazyLock::new(|| "111122223333/eu-west-1".parse().expect("a key of a source"));

fn flooded(count: i64, spread: i64) -> State {
    let mut state = State::default();
    let watermark = Timestamp(NOW.0 - 1_000);
    state.sources.insert(KEY.clone().into(), SourceState { watermark, ..SourceState::default() });
    for i in 0..count {
        let u = Timestamp(watermark.0 - (count - i) * spread);
        state.findings.insert(format!("{i:032x}"), FindingRecord { updated_at: Some(u), ..FindingRecord::default() });
    }
    state
}

fn listed(oldest: Timestamp) -> InFlight<'static> {
    let oldest = HashMap::from([(&*KEY, oldest)]);
    InFlight { oldest_updated_at: oldest, ..InFlight::default() }
}

#[test]
fn compaction_discards_entries_without_a_message_below_the_floor() {
    let mut state = flooded(10, 60_000);
    let report = state.compact(MAX_STATE_BYTES, Duration::from_secs(5 * 60), &InFlight::default(), NOW);
    assert_eq!((state.findings.len(), report.raised_floors.len()), (5, 0));
}

#[test]
fn longer_overlap_does_not_list_discarded_findings() {
    let mut state = flooded(10, 60_000);
    let before = state.clone();
    state.compact(MAX_STATE_BYTES, Duration::from_secs(5 * 60), &InFlight::default(), NOW);
    let from = state.source(&KEY).unwrap().lower_bound(Duration::from_secs(60 * 60));
    let listable = before.findings.iter().filter(|(_, e)| e.updated_at >= Some(from));
    assert!(listable.into_iter().all(|(id, _)| state.findings.contains_key(id)));
}

#[test]
fn compaction_raises_the_floor_past_discarded_entries() {
    let mut state = flooded(30_000, 1);
    let report = state.compact(MAX_STATE_BYTES, Duration::from_secs(900), &InFlight::default(), NOW);
    let floor = state.source(&KEY).unwrap().floor;
    assert!(report.document.len() <= MAX_STATE_BYTES);
    assert!(state.findings.values().all(|e| e.updated_at >= Some(floor)), "nothing below the floor is kept");
    assert!(state.findings.len() > 5_000, "{} are kept", state.findings.len());
    assert_eq!(report.raised_floors[&KEY.clone().into()], floor);
}

#[test]
fn floor_stays_at_or_below_unprocessed_findings() {
    let mut state = flooded(30_000, 1);
    let oldest = Timestamp(NOW.0 - 1_000 - 29_000);
    let in_flight = listed(oldest);
    let report = state.compact(MAX_STATE_BYTES, Duration::from_secs(900), &in_flight, NOW);
    assert!(report.document.len() > MAX_STATE_BYTES, "the rest must wait");
    assert!(state.min_bytes(Duration::from_secs(900), &in_flight) > MAX_STATE_BYTES);
    assert!(state.source(&KEY).unwrap().floor <= oldest);
}

#[test]
fn required_capacity_is_known_before_compaction() {
    let mut state = flooded(3_000, 1_000);
    let in_flight = listed(Timestamp(NOW.0 - 500_000));
    let stays = state.min_bytes(Duration::from_secs(900), &in_flight);
    assert!(stays < state.to_json().len());
    let report = state.compact(0, Duration::from_secs(900), &in_flight, NOW);
    assert_eq!(stays, report.document.len());
}

#[test]
fn the_document_of_a_compaction_is_the_compacted_state() {
    for (count, bound) in [(10, MAX_STATE_BYTES), (3_000, 50_000)] {
        let mut state = flooded(count, 1_000);
        let report = state.compact(bound, Duration::from_secs(900), &InFlight::default(), NOW);
        assert_eq!(report.document, state.to_json());
        assert_eq!(report.document.len(), state.bytes());
    }
}

#[test]
fn compaction_keeps_findings_in_flight() {
    let mut state = flooded(3_000, 1_000);
    let id = format!("{:032x}", 7);
    let in_flight = InFlight { ids: HashSet::from([id.as_str()]), ..InFlight::default() };
    state.findings.get_mut(&id).unwrap().message =
        Some(crate::slack::MessageRef { channel: "C0SECURITY".into(), ts: "1.0".into(), thread_ts: None }.into());
    state.compact(2_000, Duration::from_secs(900), &in_flight, NOW);
    assert!(state.findings.contains_key(&id));
}

#[test]
fn compaction_keeps_findings_of_one_millisecond_together() {
    let entries = vec![(Timestamp(5), 10), (Timestamp(5), 10), (Timestamp(5), 10), (Timestamp(6), 10)];
    assert_eq!(floor_to_free(entries.clone(), 15, Timestamp(100)), Some(Timestamp(6)));
    assert_eq!(floor_to_free(entries.clone(), 35, Timestamp(100)), Some(Timestamp(7)));
    assert_eq!(floor_to_free(entries, 15, Timestamp(5)), None);
}
