//! Checkpoints after deliveries and after failed saves.

use super::*;
use crate::state::store::SaveError;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn checkpoints() -> Checkpoints {
    let vars = [("SLACK_BOT_TOKEN", "xoxb-1"), ("SLACK_CHANNEL", "C0SECURITY")];
    let config = Config::from_env(vars.map(|(k, v)| (k.to_owned(), v.to_owned())), false).unwrap();
    Checkpoints::new(&config, None, NOW)
}

fn generation_of(saves: usize) -> Generation {
    (0..saves).fold(Generation::default(), |generation, _| generation.next())
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

#[test]
fn a_checkpoint_is_due_after_twenty_deliveries_or_ten_seconds_and_a_renewal_after_a_third_of_the_lease() {
    // The lease is 60 s.
    for (unsaved, has_intent, seconds, expected) in [
        (0, false, 3_600, false),
        (1, false, 9, false),
        (1, false, 10, true),
        (19, true, 9, false),
        (20, true, 0, true),
        (0, true, 19, false),
        (0, true, 20, true),
    ] {
        let checkpoints = Checkpoints { has_intent, unsaved, ..checkpoints() };
        assert_eq!(checkpoints.is_due(after(seconds)), expected, "{unsaved} {has_intent} {seconds}");
    }
}

#[test]
fn a_save_that_has_no_answer_is_not_followed_by_another() {
    let saving =
        Checkpoints { unsaved: CHECKPOINT_DELIVERIES, in_flight: Some((generation_of(1), NOW)), ..checkpoints() };
    assert!(!saving.is_due(after(3_600)));
    assert_eq!(saving.next_due(), None);
}

#[test]
fn intents_are_saved_only_after_the_answer_of_the_store() {
    let posting = || Checkpoints { has_intent: true, ..checkpoints() };
    let saving = Some((generation_of(1), NOW));
    for (checkpoints, has_unsaved_id, expected) in [
        (checkpoints(), false, SaveStatus::Pending),
        (posting(), false, SaveStatus::Saved),
        (posting(), true, SaveStatus::Pending),
        (Checkpoints { in_flight: saving, ..posting() }, false, SaveStatus::Pending),
        (Checkpoints { failed: Some("503".into()), ..posting() }, false, SaveStatus::Failed),
        (Checkpoints { failed: Some("503".into()), ..posting() }, true, SaveStatus::Pending),
        (Checkpoints { unrecordable: Some("403".into()), ..posting() }, false, SaveStatus::Failed),
        (Checkpoints { conflict: Some("409".into()), ..posting() }, false, SaveStatus::Conflict),
        (Checkpoints { conflict: Some("409".into()), in_flight: saving, ..posting() }, true, SaveStatus::Conflict),
    ] {
        assert_eq!(checkpoints.status_of_intents(has_unsaved_id), expected, "{checkpoints:?}");
    }
}

#[test]
fn an_answer_counts_only_for_the_last_save() {
    let unavailable = || Err(SaveError::Unavailable("503".into()));
    for (generation, result, is_recorded) in [
        (2, Ok(()), true),
        (2, unavailable(), false),
        (2, Err(SaveError::Conflict("409".into())), false),
        (1, Ok(()), true),
        (1, unavailable(), true),
    ] {
        let mut checkpoints = Checkpoints { in_flight: Some((generation_of(2), NOW)), ..checkpoints() };
        let saved = checkpoints.on_answer(generation_of(generation), result.clone());
        assert_eq!(saved, (generation == 2 && result.is_ok()).then_some(NOW), "{generation} {result:?}");
        assert_eq!(checkpoints.is_recorded(), is_recorded, "{generation} {result:?}");
        assert_eq!(checkpoints.is_saving(), generation == 1);
    }
}

#[test]
fn nothing_is_saved_after_a_conflict_or_into_a_store_that_cannot_be_written_or_in_a_dry_run() {
    let unrecordable = || Checkpoints { unrecordable: Some("403".into()), ..checkpoints() };
    for (checkpoints, can_save, is_unrecordable, has_conflict, problem) in [
        (checkpoints(), true, false, false, None),
        (Checkpoints { failed: Some("503".into()), ..checkpoints() }, true, false, false, Some("503")),
        (Checkpoints { is_dry_run: true, ..checkpoints() }, false, false, false, None),
        (unrecordable(), false, true, false, Some("403")),
        (Checkpoints { conflict: Some("409".into()), ..checkpoints() }, false, false, true, Some("409")),
        (Checkpoints { conflict: Some("409".into()), ..unrecordable() }, false, true, true, Some("409")),
    ] {
        assert_eq!(checkpoints.can_save(), can_save, "{checkpoints:?}");
        assert_eq!(checkpoints.is_unrecordable(), is_unrecordable, "{checkpoints:?}");
        assert_eq!(checkpoints.has_conflict(), has_conflict, "{checkpoints:?}");
        assert_eq!(checkpoints.problem().as_deref(), problem, "{checkpoints:?}");
    }
}

#[test]
fn every_delivery_counts_toward_the_next_checkpoint() {
    let mut checkpoints = checkpoints();
    for _ in 1..CHECKPOINT_DELIVERIES {
        checkpoints.count_delivery();
    }
    assert!(!checkpoints.is_due(NOW));
    checkpoints.count_delivery();
    assert!(checkpoints.is_due(NOW));
}
