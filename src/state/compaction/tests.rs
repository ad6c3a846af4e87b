//! Compaction of states that are too large.

mod baselines;
mod limits;

use std::sync::LazyLock;

use super::*;
use crate::slack::{MessageRef, SentMessage};
use crate::state::{MAX_STATE_BYTES, SourceState, UnfetchedFinding};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const OVERLAP: Duration = Duration::from_mins(15);
const DAY: u64 = 86_400;
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

fn message() -> SentMessage {
    MessageRef { channel: "C0SECURITY".into(), ts: "1.0".into(), thread_ts: None }.into()
}

fn with_message(updated_at: Timestamp) -> FindingRecord {
    FindingRecord { updated_at: Some(updated_at), message: Some(message()), count: 3, ..FindingRecord::default() }
}

fn old_message() -> MessageRef {
    MessageRef { channel: "C0OLD".into(), ts: "2.0".into(), thread_ts: None }
}

/// Findings of each kind: with and without a message, failing, in another channel, listable and not.
fn mixed() -> State {
    let mut state = flooded(40, 60_000);
    let since = Some(NOW.minus(Duration::from_mins(1)));
    for (n, record) in state.findings.values_mut().enumerate() {
        record.message = (n % 2 == 0).then(message);
        record.failing_since = since.filter(|_| n % 7 == 0);
        record.edited_at = record.updated_at;
        record.unknown.insert("of another version".to_owned(), n.into());
        if n % 5 == 0 {
            record.superseded = vec![old_message()];
        }
    }
    state
}

fn compact_to(state: &mut State, bound: usize) -> CompactionReport {
    state.compact(bound, OVERLAP, &InFlight::default(), NOW)
}

fn ids(state: &State) -> Vec<&str> {
    state.findings.keys().map(String::as_str).collect()
}

fn listed(oldest: Timestamp) -> InFlight<'static> {
    let oldest = HashMap::from([(&*KEY, oldest)]);
    InFlight { oldest_updated_at: oldest, ..InFlight::default() }
}

#[test]
fn compaction_discards_entries_without_a_message_below_the_floor() {
    let mut state = flooded(10, 60_000);
    let report = state.compact(MAX_STATE_BYTES, Duration::from_mins(5), &InFlight::default(), NOW);
    assert_eq!((state.findings.len(), report.raised_floors.len()), (5, 0));
}

#[test]
fn longer_overlap_does_not_list_discarded_findings() {
    let mut state = flooded(10, 60_000);
    let before = state.clone();
    state.compact(MAX_STATE_BYTES, Duration::from_mins(5), &InFlight::default(), NOW);
    let from = state.source(&KEY).unwrap().lower_bound(Duration::from_hours(1));
    let listable = before.findings.iter().filter(|(_, e)| e.updated_at >= Some(from));
    assert!(listable.into_iter().all(|(id, _)| state.findings.contains_key(id)));
}

#[test]
fn compaction_raises_the_floor_past_discarded_entries() {
    let mut state = flooded(30_000, 1);
    let report = state.compact(MAX_STATE_BYTES, Duration::from_mins(15), &InFlight::default(), NOW);
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
    let report = state.compact(MAX_STATE_BYTES, Duration::from_mins(15), &in_flight, NOW);
    assert!(report.document.len() > MAX_STATE_BYTES, "the rest must wait");
    assert!(state.min_bytes(MAX_STATE_BYTES, Duration::from_mins(15), &in_flight) > MAX_STATE_BYTES);
    assert!(state.source(&KEY).unwrap().floor <= oldest);
}

#[test]
fn the_capacity_without_any_finding_is_known_before_compaction() {
    let mut state = flooded(3_000, 1_000);
    let least = state.min_bytes(0, OVERLAP, &InFlight::default());
    let watermark = state.source(&KEY).unwrap().watermark;
    assert!(state.findings.values().all(|record| record.updated_at < Some(watermark)));
    let report = compact_to(&mut state, 0);
    assert_eq!((state.findings.len(), report.document.len()), (0, least));
}

#[test]
fn required_capacity_is_known_before_compaction() {
    let mut state = flooded(3_000, 1_000);
    let in_flight = listed(Timestamp(NOW.0 - 500_000));
    let stays = state.min_bytes(MAX_STATE_BYTES, Duration::from_mins(15), &in_flight);
    assert!(stays < state.to_json().len());
    let report = state.compact(0, Duration::from_mins(15), &in_flight, NOW);
    assert_eq!(stays, report.document.len());
}

#[test]
fn the_document_of_a_compaction_is_the_compacted_state() {
    for (count, bound) in [(10, MAX_STATE_BYTES), (3_000, 50_000)] {
        let mut state = flooded(count, 1_000);
        let report = state.compact(bound, Duration::from_mins(15), &InFlight::default(), NOW);
        assert_eq!(report.document, state.to_json());
        assert_eq!(report.document.len(), state.bytes());
    }
}

#[test]
fn compaction_keeps_findings_in_flight() {
    let mut state = flooded(3_000, 1_000);
    let id = format!("{:032x}", 7);
    let in_flight = InFlight { ids: HashSet::from([id.as_str()]), ..InFlight::default() };
    state.findings.get_mut(&id).unwrap().message = Some(message());
    state.compact(2_000, Duration::from_mins(15), &in_flight, NOW);
    assert!(state.findings.contains_key(&id));
}

#[test]
fn compaction_keeps_findings_of_one_millisecond_together() {
    let entries = vec![(Timestamp(5), 10), (Timestamp(5), 10), (Timestamp(5), 10), (Timestamp(6), 10)];
    assert_eq!(floor_to_free(entries.clone(), 15, Timestamp(100)), Some(Timestamp(6)));
    assert_eq!(floor_to_free(entries.clone(), 35, Timestamp(100)), Some(Timestamp(7)));
    assert_eq!(floor_to_free(entries, 15, Timestamp(5)), None);
}

#[test]
fn a_finding_is_kept_while_it_can_be_listed_or_its_message_can_be_needed() {
    let lower = NOW.minus(Duration::from_mins(15));
    let ago = |seconds| NOW.minus(Duration::from_secs(seconds));
    let failing = |seconds| FindingRecord { failing_since: Some(ago(seconds)), ..FindingRecord::default() };
    let moved =
        |updated_at| FindingRecord { message: None, superseded: vec![old_message()], ..with_message(updated_at) };
    let bare = |updated_at| FindingRecord { updated_at: Some(updated_at), ..FindingRecord::default() };
    let cases = [
        ("at the lower bound", bare(lower), true),
        ("below the lower bound, without a message", bare(Timestamp(lower.0 - 1)), false),
        ("with a message, 94 days old", with_message(ago(94 * DAY)), true),
        ("with a message, 95 days old", with_message(ago(95 * DAY)), false),
        ("with an old message that is not a redirect yet", moved(ago(94 * DAY)), true),
        ("never processed, failing for less than three days", failing(3 * DAY - 1), true),
        ("never processed, failing for three days", failing(3 * DAY), false),
    ];
    for (what, record, expected) in cases {
        assert_eq!(is_retained(&record, Some(lower), NOW), expected, "{what}");
    }
    assert!(!is_retained(&bare(lower), None, NOW), "of a source that the state does not know");
}

#[test]
fn an_unfetched_finding_is_kept_for_three_days_and_a_given_up_one_while_it_can_be_listed() {
    for (given_up, seconds, expected) in [
        (false, 3 * DAY - 1, true),
        (false, 3 * DAY, false),
        (true, 3 * DAY, true),
        (true, 95 * DAY - 1, true),
        (true, 95 * DAY, false),
    ] {
        let mut state = flooded(0, 0);
        let since = NOW.minus(Duration::from_secs(seconds));
        state.unfetched.insert("a".to_owned(), UnfetchedFinding { source_id: 0, since, given_up });
        compact_to(&mut state, MAX_STATE_BYTES);
        assert_eq!(state.unfetched.contains_key("a"), expected, "given up: {given_up}, {seconds} s");
    }
}

#[test]
fn the_strongest_compaction_of_any_findings_leaves_what_was_announced_before() {
    for in_flight in [vec![], vec![format!("{:032x}", 2), format!("{:032x}", 38)]] {
        let mut state = mixed();
        let oldest = Timestamp(NOW.0 - 1_000 - 5 * 60_000);
        let in_flight = InFlight { ids: in_flight.iter().map(String::as_str).collect(), ..listed(oldest) };
        compact_to(&mut state, usize::MAX);
        let (least, lower) = (state.min_bytes(0, OVERLAP, &in_flight), state.lower_bounds(OVERLAP)[&0]);
        let before = state.clone();
        let report = state.compact(0, OVERLAP, &in_flight, NOW);
        assert_eq!(report.document.len(), least);
        assert_eq!(report.document.len(), state.to_json().len());
        for id in &in_flight.ids {
            assert_eq!(state.findings[*id], before.findings[*id], "a finding in flight is not touched");
        }
        for (id, record) in &before.findings {
            let kept = state.findings.get(id);
            let may_go = record.failing_since.is_none() || record.updated_at < Some(lower);
            assert!(may_go || kept == Some(record), "a failing finding that can be listed is not touched");
            let Some(kept) = kept else { continue };
            assert_eq!((kept.updated_at, &kept.unknown), (record.updated_at, &record.unknown));
            assert_eq!(kept.superseded, record.superseded);
        }
    }
}

#[test]
fn a_state_at_its_bound_stays_as_it_is() {
    let mut state = mixed();
    compact_to(&mut state, usize::MAX);
    let (bound, before) = (state.to_json().len(), state.clone());
    let report = compact_to(&mut state, bound);
    assert_eq!((state.findings, report.raised_floors.len()), (before.findings, 0));
}

#[test]
fn above_the_bound_messages_that_were_not_edited_for_long_go_first_until_a_fifth_is_free() {
    let mut state = flooded(0, 0);
    let lower = state.lower_bounds(OVERLAP)[&0];
    for n in 0..100 {
        let record =
            FindingRecord { edited_at: Some(Timestamp(lower.0 - 1_000 + n)), ..with_message(lower.minus(OVERLAP)) };
        state.findings.insert(format!("{:032x}", (n * 37) % 100), record);
    }
    let newest = |state: &State| state.findings.values().filter_map(|record| record.edited_at).min();
    let bound = state.to_json().len() - 1;
    let before = state.clone();
    let report = compact_to(&mut state, bound);
    assert!((bound * 7 / 10..=bound * 8 / 10).contains(&report.document.len()), "{} of {bound}", report.document.len());
    assert_eq!(report.raised_floors.len(), 0);
    let left: Vec<_> = before.findings.iter().filter(|(_, record)| record.edited_at >= newest(&state)).collect();
    assert_eq!(left.len(), state.findings.len(), "{:?}", ids(&state));
}

#[test]
fn references_to_messages_go_where_the_watermark_is_blocked_those_not_edited_for_long_first() {
    let mut state = flooded(0, 0);
    let watermark = Timestamp(NOW.0 - 1_000);
    for n in 0..100 {
        let record = FindingRecord { edited_at: Some(Timestamp(watermark.0 + n)), ..with_message(watermark) };
        state.findings.insert(format!("{:032x}", (n * 37) % 100), record);
    }
    let (count, bound) = (state.findings.len(), state.to_json().len() - 1);
    let report = compact_to(&mut state, bound);
    assert!((bound * 7 / 10..=bound * 8 / 10).contains(&report.document.len()), "{} of {bound}", report.document.len());
    assert_eq!((state.findings.len(), report.raised_floors.len()), (count, 0), "no revision is discarded");
    let oldest_left = state.findings.values().filter_map(|record| record.edited_at).min().expect("messages are left");
    let with_message = state.findings.values().filter(|record| record.message.is_some()).count();
    assert_eq!(i64::try_from(with_message).unwrap(), watermark.0 + 100 - oldest_left.0, "those that were edited last");
}

#[test]
fn a_floor_is_reported_where_it_rises_and_frees_nothing_of_other_regions() {
    let mut state = flooded(100, 1_000);
    let other: SourceKey = "444455556666/us-east-1".parse().expect("a key of a source");
    let same: SourceKey = "444455556666/eu-west-1".parse().expect("a key of a source");
    let watermark = Timestamp(NOW.0 - 1_000);
    for (id, key) in [(1, &other), (2, &same)] {
        let source = SourceState { id, watermark, floor: watermark, ..SourceState::default() };
        state.sources.insert(key.clone().into(), source);
    }
    for n in 0..10 {
        let record = FindingRecord { updated_at: Some(watermark), source_id: 1, ..FindingRecord::default() };
        state.findings.insert(format!("other {n}"), record);
    }
    let report = state.compact(state.to_json().len() - 1, OVERLAP, &InFlight::default(), NOW);
    assert_eq!(report.raised_floors.keys().collect::<Vec<_>>(), [&KEY.clone().into()]);
    assert_eq!(state.findings.keys().filter(|id| id.starts_with("other")).count(), 10);
}
