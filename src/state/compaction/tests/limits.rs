//! A compaction discards and reports no more than it must.

use super::*;

#[test]
fn a_state_that_fits_after_one_step_of_the_compaction_loses_nothing_more() {
    let mut state = flooded(10, 1_000);
    for record in state.findings.values_mut() {
        (record.message, record.count) = (Some(message()), 3);
    }
    compact_to(&mut state, usize::MAX);
    let fits = state.clone();
    state.findings.insert("unlistable".to_owned(), with_message(NOW.minus(OVERLAP * 2)));
    let report = compact_to(&mut state, fits.to_json().len());
    assert_eq!((report.document, report.raised_floors.len()), (fits.to_json(), 0), "no floor is raised");

    let mut state = fits;
    let watermark = state.source(&KEY).unwrap().watermark;
    let below = Timestamp(watermark.0 - 1);
    state.findings.values_mut().take(5).for_each(|record| record.updated_at = Some(watermark));
    state.findings.values_mut().skip(5).for_each(|record| record.updated_at = Some(below));
    let mut fits = state.clone();
    fits.findings.retain(|_, record| record.updated_at == Some(watermark));
    fits.source_mut(&KEY).unwrap().floor = watermark;
    let report = compact_to(&mut state, fits.to_json().len());
    assert_eq!(report.document, fits.to_json(), "no reference to a message is discarded");
}

#[test]
fn a_floor_that_changes_no_poll_is_not_reported() {
    let same: SourceKey = "444455556666/eu-west-1".parse().expect("a key of a source");
    let floor_of_other = |floor: Timestamp| {
        let mut state = flooded(100, 1_000);
        let watermark = Timestamp(NOW.0 - 1_000);
        let source = SourceState { id: 1, watermark, floor, ..SourceState::default() };
        state.sources.insert(same.clone().into(), source);
        state.compact(state.to_json().len() - 1, OVERLAP, &InFlight::default(), NOW).raised_floors
    };
    let floor = floor_of_other(Timestamp(NOW.0 - 500_000))[&KEY.clone().into()];
    for (before, is_reported) in [(Timestamp(floor.0 - 1), true), (floor, false)] {
        assert_eq!(floor_of_other(before).contains_key(&same.clone().into()), is_reported, "{before:?}");
    }
}

#[test]
fn a_reference_to_a_message_goes_if_nothing_is_to_be_done_with_the_message() {
    let source_id = 7;
    let live = FindingRecord { source_id, ..with_message(NOW) };
    let bare = FindingRecord { source_id, updated_at: Some(NOW), ..FindingRecord::default() };
    assert_eq!(without_message(&live), Some(bare));
    for (what, record) in [
        ("no message", FindingRecord { message: None, ..live.clone() }),
        ("a message to redirect", FindingRecord { superseded: vec![old_message()], ..live.clone() }),
        ("a failing finding", FindingRecord { failing_since: Some(NOW), ..live.clone() }),
    ] {
        assert_eq!(without_message(&record), None, "{what}");
    }
}
