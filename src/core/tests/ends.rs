//! The end of a run: whether it is a success, how far the watermark moved, and whether the next run must read the history.

use super::*;
use crate::core::event::UnusableIdentity;
use crate::guardduty::{ReadError, TransientReason};
use crate::metrics::Service;

fn unreadable() -> ReadError {
    ReadError::Transient { reason: TransientReason::Timeout, text: "no response".into() }
}

fn batch_of(ids: &[&str]) -> PolledBatch {
    PolledBatch {
        new_findings: ids.iter().map(|id| finding(id)).collect(),
        complete_until: Some(NOW),
        ..PolledBatch::default()
    }
}

#[test]
fn a_run_is_a_success_only_if_everything_was_read_and_processed() {
    const ACCEPTED: Option<fn() -> SlackError> = None;
    const NOT_SENT: Option<fn() -> SlackError> = Some(|| SlackError::NotSent("connection refused".into()));
    const APP_REJECTED: Option<fn() -> SlackError> = Some(|| SlackError::AppRejected("invalid_auth".into()));
    const BEFORE: Timestamp = Timestamp(NOW.0 - 1);
    let nothing: Circumstance = |run| run.show(&[]);
    let findings: Circumstance = |run| run.show(&["f1", "f2"]);
    let no_sources: Circumstance = |_| {};
    let no_response: Circumstance = |run| run.handle(Event::SourcesDiscovered(Ok(vec![source()])));
    let no_identity: Circumstance = |run| {
        let unreachable =
            UnusableIdentity { identity: "self".into(), account: Some(ACCOUNT.into()), error: unreadable() };
        run.handle(Event::SourcesDiscovered(Err(unreachable)));
    };
    let no_detector: Circumstance = |run| {
        run.handle(Event::SourcesDiscovered(Ok(vec![source()])));
        run.handle(Event::SourceRead(Box::new(SourceReport::of(source(), Err(unreadable()), true))));
    };
    let incomplete: Circumstance =
        |run| run.read(PolledBatch { error: Some(unreadable()), complete_until: None, ..batch_of(&["f1"]) });
    let missing: Circumstance =
        |run| run.read(PolledBatch { unfetched: vec!["f2".into()], watermark_limit: Some(NOW), ..batch_of(&["f1"]) });
    for (circumstance, slack, is_success, watermark, case) in [
        (nothing, ACCEPTED, true, NOW, "no findings"),
        (findings, ACCEPTED, true, NOW, "all findings were announced"),
        (findings, NOT_SENT, false, BEFORE, "Slack cannot be reached"),
        (findings, APP_REJECTED, false, BEFORE, "Slack rejects the app"),
        (no_sources, ACCEPTED, false, START, "the sources are not known"),
        (no_response, ACCEPTED, false, START, "the source does not respond"),
        (no_identity, ACCEPTED, false, START, "the identity cannot be used"),
        (no_detector, ACCEPTED, false, START, "the detector cannot be read"),
        (incomplete, ACCEPTED, false, START, "the list is incomplete"),
        (missing, ACCEPTED, false, BEFORE, "a listed finding was not returned"),
    ] {
        let config = config(&[]);
        let mut run = begin(&config);
        circumstance(&mut run);
        run.play_to_end(slack);
        let state = &run.core.state;
        assert_eq!(run.core.is_success(), is_success, "{case}");
        assert_eq!(state.totals.last_success.is_some(), is_success, "{case}");
        assert_eq!(state.source(&source()).map(|source| source.watermark), Some(watermark), "{case}");
    }
}

#[test]
fn what_an_earlier_run_posted_is_looked_for_until_everything_was_read() {
    let all_read: Circumstance = |run| run.show(&[]);
    let not_read: Circumstance =
        |run| run.read(PolledBatch { error: Some(unreadable()), complete_until: None, ..PolledBatch::default() });
    let no_response: Circumstance = |run| run.handle(Event::SourcesDiscovered(Ok(vec![source()])));
    let not_returned: Circumstance =
        |run| run.read(PolledBatch { unfetched: vec!["f1".into()], watermark_limit: Some(NOW), ..batch_of(&[]) });
    // The run announces nothing, so that it does not read the history.
    for (is_unclean, circumstance, is_left, case) in [
        (false, all_read, false, "a clean end: what an unsaved run posted would be listed"),
        (false, not_read, true, "a clean end, and a source that cannot be read"),
        (false, no_response, true, "a clean end, and a source that does not respond"),
        (false, not_returned, true, "a clean end, and a listed finding that was not returned"),
        (true, all_read, true, "a crash"),
        (true, not_read, true, "a crash, and a source that cannot be read"),
    ] {
        let config = config(&[]);
        let since = Timestamp(NOW.0 - 600_000);
        let earlier = EarlierPosts { since, readable_at: None, is_unclean };
        let mut run = begin_after(&config, 1, Some(earlier));
        circumstance(&mut run);
        run.play_to_end(None);
        let lease = run.core.state.lease.as_ref();
        assert_eq!(
            lease.map(|lease| (lease.posting_since, lease.released)),
            is_left.then_some((since, true)),
            "{case}"
        );
    }
}

#[test]
fn a_run_that_has_done_everything_is_a_success_although_it_must_end_during_its_last_save() {
    let shutdown: Circumstance = |run| run.handle(Event::ShutdownRequested);
    let timeout: Circumstance = |run| run.pass_to_end();
    for circumstance in [shutdown, timeout] {
        let config = config(&[]);
        let mut run = begin(&config);
        run.show(&[]);
        circumstance(&mut run);
        run.answer_save(Ok(()));
        assert!(run.core.is_finished() && run.core.report().is_success);
        assert!(run.core.state.totals.last_success.is_some());
    }
}

#[test]
fn a_failed_save_does_not_matter_if_the_last_one_succeeds() {
    for (last, is_success) in [(Ok(()), true), (Err(SaveError::Unavailable("503".into())), false)] {
        let config = config(&[]);
        let mut run = begin(&config);
        run.show(&["f1"]);
        run.answer_save(Err(SaveError::Unavailable("503".into())));
        run.acknowledge();
        run.answer_save(last);
        assert!(run.core.is_finished());
        assert_eq!(run.core.report().is_success, is_success);
        assert_eq!(run.core.state.totals.last_success.is_some(), is_success);
    }
}

#[test]
fn the_last_save_has_the_requests_of_the_run() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.core.requests.increment(Service::Slack, "chat.postMessage", "200");
    run.show(&[]);
    assert_eq!(run.core.state.totals.requests["slack"]["chat.postMessage"]["200"], 1);
    assert!(run.saves[0].document.contains("chat.postMessage"));
}

#[test]
fn a_run_timed_out_if_its_time_was_over_and_nobody_asked_it_to_end() {
    let config = config(&[]);
    let mut run = begin(&config);
    assert!(!run.core.is_timed_out());
    run.handle(Event::ShutdownRequested);
    assert!(!run.core.is_timed_out());
    let mut run = begin(&config);
    run.pass_to_end();
    assert!(run.core.is_timed_out());
}

#[test]
fn after_an_unclean_end_the_history_is_left_uncertain_up_to_the_last_message_of_this_run() {
    let since = Timestamp(NOW.0 - 600_000);
    for (delivered, expected) in [(1, NOW.plus(Duration::from_secs(7))), (0, NOW)] {
        let config = config(&[]);
        let earlier = EarlierPosts { since, readable_at: None, is_unclean: true };
        let mut run = begin_after(&config, 1, Some(earlier));
        run.core.tally.delivered = delivered;
        run.pass(Duration::from_secs(7));
        run.show(&[]);
        let lease = run.core.state.lease.as_ref().expect("the history is uncertain");
        assert_eq!(lease.renewed_at, expected, "{delivered}");
    }
}

#[test]
fn everything_is_read_once_the_sources_of_every_identity_are_known_and_read() {
    let config = config(&[]);
    let mut run = begin_with(&config, 2);
    run.show(&[]);
    assert!(!run.core.posting().is_all_readable);
    run.handle(Event::SourcesDiscovered(Ok(Vec::new())));
    assert!(run.core.posting().is_all_readable);
}

#[test]
fn a_replay_reads_new_sources_from_its_start_until_its_run_ends() {
    let config = config(&[]);
    let since = NOW.minus(config.lookback * 3);
    let state = State { saved_at: Some(NOW), replay_since: Some(since), ..State::default() };
    let mut run = begin_from(&config, 1, None, state);
    run.show(&["f1"]);
    assert_eq!(run.core.sources.start, since);
    assert!(run.saves[0].document.contains("replay_since"));
    run.play_to_end(None);
    assert_eq!(run.core.state.replay_since, None);
}
