//! The watermark and the lower bound of the next poll.

use super::*;

fn progress(complete_until: i64, pending_ids: &[i64], limit: Option<i64>) -> PollProgress {
    PollProgress {
        complete_until: Some(Timestamp(complete_until)),
        pending: pending_ids.iter().map(|u| (u.to_string(), Timestamp(*u))).collect(),
        watermark_limit: limit.map(Timestamp),
        ..PollProgress::default()
    }
}

#[test]
fn watermark_stops_before_unprocessed_findings() {
    let mut source = SourceState { watermark: Timestamp(100), ..SourceState::default() };
    source.advance_watermark(&progress(500, &[300, 400], None));
    assert_eq!(source.watermark, Timestamp(299));
    source.advance_watermark(&progress(500, &[], Some(350)));
    assert_eq!(source.watermark, Timestamp(349));
    source.advance_watermark(&progress(500, &[], None));
    assert_eq!(source.watermark, Timestamp(500));
}

#[test]
fn the_watermark_never_moves_backwards_nor_without_evidence() {
    let mut source = SourceState { watermark: Timestamp(100), ..SourceState::default() };
    source.advance_watermark(&progress(90, &[], None));
    source.advance_watermark(&PollProgress::default());
    assert_eq!(source.watermark, Timestamp(100));
}

#[test]
fn a_run_that_does_not_move_the_watermark_moves_no_lower_bound() {
    let mut source = SourceState { watermark: Timestamp(100_000), ..SourceState::default() };
    let overlap = Duration::from_secs(10);
    source.advance_watermark(&PollProgress { poll_duration: Duration::from_secs(1), ..progress(200_000, &[], None) });
    assert_eq!(source.lower_bound(overlap), Timestamp(189_000));
    for to in [200_000, 150_000] {
        source.advance_watermark(&PollProgress { poll_duration: Duration::from_secs(30), ..progress(to, &[], None) });
        assert_eq!(source.lower_bound(overlap), Timestamp(189_000));
    }
}

#[test]
fn next_poll_starts_at_the_overlap_but_not_below_the_floor() {
    let source = SourceState { watermark: Timestamp(60_000), floor: Timestamp(30_000), ..SourceState::default() };
    assert_eq!(source.lower_bound(Duration::from_secs(10)), Timestamp(50_000));
    assert_eq!(source.lower_bound(Duration::from_hours(1)), Timestamp(30_000));
}

/// Builds with debug assertions only: what is not processed could be discarded.
#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "floor")]
fn a_floor_above_the_watermark_is_a_bug() {
    let mut source = SourceState { watermark: Timestamp(100), ..SourceState::default() };
    source.raise_floor(Timestamp(101));
}

#[test]
fn the_duration_of_the_last_poll_is_kept_between_runs() {
    let source = SourceState { poll_duration: Duration::from_millis(2_345), ..SourceState::default() };
    let document = serde_json::to_string(&source).unwrap();
    assert_eq!(serde_json::from_str::<SourceState>(&document).unwrap().poll_duration, source.poll_duration);
}
