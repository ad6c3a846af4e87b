//! What a run does as time passes, and when it wakes for it.

use super::*;

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn pass_to(run: &mut Run, seconds: u64) {
    run.pass(at(seconds).duration_since(run.now));
}

#[test]
fn a_run_that_must_end_does_not_spin_when_a_checkpoint_is_due() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&["f1", "f2"]);
    run.answer_save(Ok(()));
    run.core.checkpoints.count_delivery();
    run.pass(Duration::from_secs(9));
    run.handle(Event::ShutdownRequested);
    for _ in 0..3 {
        run.pass(Duration::from_millis(400));
        assert!(run.saves.is_empty());
        assert!(run.wake_at.is_some_and(|time| time > run.now), "{:?}", run.wake_at);
    }
    run.pass(Duration::from_millis(400));
    assert_eq!(run.saves.len(), 1, "the last save has all of it");
}

#[test]
fn sources_that_do_not_answer_are_planned_without_once_something_arrived() {
    let config = config(&[]);
    let mut run = begin_with(&config, 2);
    run.show(&["f1"]);
    assert!(run.saves.is_empty());
    assert!(run.wake_at.is_some_and(|time| time <= NOW.plus(Duration::from_mins(1))));
    run.pass(Duration::from_mins(1));
    assert_eq!(run.saves.len(), 1);
}

#[test]
fn the_lease_is_renewed_while_a_run_waits() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&["f1"]);
    run.answer_save(Ok(()));
    assert!(run.saves.is_empty());
    run.pass(Duration::from_secs(20));
    assert_eq!(run.saves.len(), 1);
}

#[test]
fn a_run_wakes_every_ten_seconds_to_log_its_progress() {
    let config = config(&[]);
    let mut run = begin(&config);
    for (seconds, next) in [(0, 10), (5, 10), (10, 20), (13, 20), (25, 35)] {
        pass_to(&mut run, seconds);
        assert_eq!(run.wake_at, Some(at(next)), "{seconds}");
    }
}

#[test]
fn a_run_wakes_for_its_planning_deadline_which_is_a_quarter_of_its_time() {
    let config = config(&[("RUN_TIMEOUT", "16s")]);
    let run = begin(&config);
    assert_eq!(run.wake_at, Some(at(4)));
}

#[test]
fn unanswered_sources_are_announced_an_eighth_of_its_time_before_a_run_ends() {
    let config = config(&[("RUN_TIMEOUT", "16s")]);
    let mut run = begin(&config);
    // The run ends after 225 seconds.
    pass_to(&mut run, 222);
    assert_eq!((run.wake_at, run.saves.len()), (Some(at(223)), 0));
    pass_to(&mut run, 223);
    assert_eq!(run.saves.len(), 1);
}

#[test]
fn a_run_wakes_for_a_checkpoint() {
    let config = config(&[]);
    let mut run = begin(&config);
    pass_to(&mut run, 5);
    run.show(&["f1"]);
    run.answer_save(Ok(()));
    run.core.checkpoints.count_delivery();
    pass_to(&mut run, 10);
    assert_eq!((run.wake_at, run.saves.len()), (Some(at(15)), 0));
    pass_to(&mut run, 15);
    assert_eq!(run.saves.len(), 1);
}

#[test]
fn a_run_wakes_for_the_next_message_and_for_the_end_of_its_grace() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&["f1", "f2"]);
    run.answer_save(Ok(()));
    run.handle(Event::ShutdownRequested);
    assert_eq!(run.wake_at, Some(NOW.plus(Duration::from_millis(1_500))));
}

#[test]
fn a_run_wakes_when_the_history_can_be_read() {
    let config = config(&[]);
    let since = Timestamp(NOW.0 - 600_000);
    let mut run = begin_after(&config, 1, Some(EarlierPosts { since, readable_at: Some(at(3)), is_unclean: true }));
    run.show(&["f1"]);
    assert_eq!((run.wake_at, run.calls.len(), run.queries.len()), (Some(at(3)), 0, 0));
    pass_to(&mut run, 3);
    assert!(matches!(run.queries[..], [(_, Query::Histories { .. })]), "{:?}", run.queries);
}

#[test]
fn a_save_that_is_needed_during_another_one_follows_it() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&["f1"]);
    run.core.save();
    run.handle(Event::Woken);
    assert_eq!(run.saves.len(), 1, "the first save has no response");
    run.handle(Event::Saved(Generation::default(), Ok(())));
    assert_eq!(run.saves.len(), 1, "this is not the response to it");
    run.answer_save(Ok(()));
    assert_eq!(run.saves.len(), 1);
    run.answer_save(Ok(()));
    assert!(run.saves.is_empty());
}

#[test]
fn a_run_whose_time_is_over_wakes_for_the_end_of_its_grace() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&["f1"]);
    run.answer_save(Ok(()));
    run.pass_to_end();
    assert_eq!(run.wake_at, Some(run.core.end.plus(Duration::from_millis(1_500))));
}

#[test]
fn a_run_whose_planning_deadline_passed_wakes_when_unanswered_sources_are_announced() {
    let config = config(&[("RUN_TIMEOUT", "16s")]);
    let mut run = begin_with(&config, 2);
    pass_to(&mut run, 215);
    run.show(&["f1"]);
    run.answer_save(Ok(()));
    run.acknowledge();
    pass_to(&mut run, 219);
    assert_eq!(run.wake_at, Some(at(223)));
}

#[test]
fn a_short_run_reserves_a_sixth_of_its_time_for_its_end() {
    let secs = Duration::from_secs;
    for (left, run_timeout, expected) in [(10, 12, 8), (10, 240, 4), (5, 240, 0)] {
        assert_eq!(crate::core::limits::time_for_triage(secs(left), secs(run_timeout)), secs(expected));
    }
}
