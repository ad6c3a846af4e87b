//! Results of runs.

use super::*;

const COMPLETE: Facts = Facts {
    is_dry_run: false,
    has_problems: false,
    is_all_read: true,
    has_pending: false,
    is_outcome_unknown: false,
    is_over: false,
};

#[test]
fn a_run_is_complete_only_if_everything_is_read_and_processed() {
    for (facts, expected, case) in [
        (COMPLETE, true, "all is done"),
        (Facts { has_problems: true, ..COMPLETE }, false, "something failed"),
        (Facts { is_all_read: false, ..COMPLETE }, false, "a source did not answer"),
        (Facts { has_pending: true, ..COMPLETE }, false, "findings are left"),
        (Facts { is_outcome_unknown: true, ..COMPLETE }, false, "a message may not exist"),
        (Facts { is_over: true, ..COMPLETE }, false, "the run had to end"),
        (Facts { is_dry_run: true, has_pending: true, ..COMPLETE }, true, "a dry run processes nothing"),
        (Facts { is_dry_run: true, is_all_read: false, ..COMPLETE }, false, "a dry run reads everything"),
    ] {
        assert_eq!(is_complete(facts), expected, "{case}");
    }
}

const BEGUN: Timestamp = Timestamp(2_000);
const ENDED: Timestamp = Timestamp(60_000);
const CRASHED: Option<EarlierPosts> =
    Some(EarlierPosts { since: Timestamp(1_000), readable_at: None, is_unclean: true });
/// The last run ended cleanly and could not save its state, perhaps.
const CLEAN: Option<EarlierPosts> =
    Some(EarlierPosts { since: Timestamp(1_000), readable_at: None, is_unclean: false });

const NEUTRAL: Posting = Posting {
    begun: BEGUN,
    ended: ENDED,
    has_delivered: false,
    is_outcome_unknown: false,
    earlier: None,
    is_reconciled: false,
    has_closed_channel: false,
    is_history_unread: false,
    is_all_readable: true,
    has_pending: false,
};

#[test]
fn the_posting_history_is_uncertain_until_it_was_read_or_nothing_is_left() {
    let reconciled = Posting { is_reconciled: true, ..NEUTRAL };
    for (posting, expected, case) in [
        (NEUTRAL, None, "nothing was uncertain"),
        (Posting { has_pending: true, ..NEUTRAL }, None, "what is left was not posted"),
        (Posting { is_outcome_unknown: true, ..NEUTRAL }, Some(2_000), "a message of this run"),
        (Posting { is_outcome_unknown: true, earlier: CLEAN, ..reconciled }, Some(1_000), "and of an earlier run"),
        (Posting { earlier: CRASHED, ..NEUTRAL }, Some(1_000), "after a crash, nothing was read"),
        (Posting { earlier: CRASHED, has_pending: true, ..reconciled }, None, "after a crash, all was read"),
        (Posting { earlier: CLEAN, ..NEUTRAL }, None, "nothing is left that could be posted twice"),
        (Posting { earlier: CLEAN, has_pending: true, ..NEUTRAL }, Some(1_000), "a finding is left"),
        (Posting { earlier: CLEAN, is_all_readable: false, ..NEUTRAL }, Some(1_000), "a source is left"),
        (Posting { earlier: CRASHED, has_closed_channel: true, ..reconciled }, Some(1_000), "a channel was not read"),
        (Posting { earlier: CLEAN, is_history_unread: true, ..reconciled }, None, "and nothing is left"),
        (
            Posting { earlier: CLEAN, is_history_unread: true, has_pending: true, ..reconciled },
            Some(1_000),
            "a channel was not read, and a finding is left",
        ),
    ] {
        assert_eq!(uncertain_since(&posting), expected.map(Timestamp), "{case}");
    }
}

#[test]
fn a_run_that_ends_with_an_unknown_outcome_says_when_the_message_may_have_been_posted() {
    let unknown = Posting { is_outcome_unknown: true, ..NEUTRAL };
    let readable_at = |seconds: i64| {
        let readable_at = Some(Timestamp(seconds * 1_000));
        CRASHED.map(|crashed| EarlierPosts { readable_at, ..crashed })
    };
    let (begun, ended) = (BEGUN.0, ENDED.0);
    for (posting, expected, case) in [
        (unknown, Some((begun, ended)), "a message of this run"),
        (Posting { has_delivered: true, ..unknown }, Some((begun, ended)), "and others that are recorded"),
        (Posting { earlier: CRASHED, is_reconciled: true, ..unknown }, Some((1_000, ended)), "after a crash"),
        (Posting { has_delivered: true, ..NEUTRAL }, None, "all that was delivered is recorded"),
        (Posting { earlier: CRASHED, ..NEUTRAL }, Some((1_000, begun)), "a crash that nobody reconciled"),
        (Posting { earlier: readable_at(45), ..NEUTRAL }, Some((1_000, 35_000)), "whose lease lasted on"),
        (Posting { earlier: readable_at(90), ..NEUTRAL }, Some((1_000, ended)), "or lasts until after this run"),
        (
            Posting { earlier: readable_at(45), has_delivered: true, ..NEUTRAL },
            Some((1_000, ended)),
            "this run posted without a record, too",
        ),
    ] {
        let found = unrecorded(&posting).map(|unrecorded| (unrecorded.since.0, unrecorded.last_post.0));
        assert_eq!(found, expected, "{case}");
    }
}
