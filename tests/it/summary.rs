//! A summary of the open findings is posted once for each due time.

use guardduty_slack_support::fault::{error, reset, status};
use guardduty_slack_support::findings::{Kind, finding_of, high};
use guardduty_slack_support::slack::Message;
use guardduty_slack_support::world::World;

use crate::endings::kill_at_every_write;
use crate::kit::{each, world};

const MINUTE: i64 = 60_000;

/// `HH:MM` in UTC, some minutes ago.
fn minutes_ago(minutes: i64) -> String {
    let of_day = (guardduty_slack_support::findings::now() / MINUTE - minutes).rem_euclid(24 * 60);
    format!("{:02}:{:02}", of_day / 60, of_day % 60)
}

/// The run before was two hours ago; a summary was due three minutes ago.
fn due(world: World) -> World {
    let mut state = world.state();
    state["saved_at"] =
        guardduty_slack_support::findings::iso(guardduty_slack_support::findings::now() - 120 * MINUTE).into();
    world.set_state(&state.to_string()).env("SLACK_SUMMARY", format!("daily {}", minutes_ago(3)))
}

fn summaries(world: &World) -> Vec<Message> {
    world.slack.messages().into_iter().filter(|message| message.event_type() == "guardduty_summary").collect()
}

fn announced(world: World) -> World {
    let findings = [high("f1").severity(8.5), finding_of(Kind::TorCaller, "f2").severity(5.0).count(40)];
    world.findings(findings).run().posted(["f1", "f2"]).exit(0)
}

#[test]
fn a_summary_counts_what_is_open_and_links_to_the_messages() {
    let world = due(announced(world())).run().exit(0);
    let [summary] = &summaries(&world)[..] else { panic!("{:#?}", world.lines()) };
    let text = summary.visible();
    assert!(text.contains("0 critical · 1 high · 1 medium · 0 low"), "{text}");
    let payload = summary.payload.to_string();
    for id in ["f1", "f2"] {
        assert!(payload.contains(&world.message_of(id).ts.replace('.', "")), "{id}: {payload}");
    }
    assert!(text.contains("aws guardduty create-filter") && text.contains("40 times"), "{text}");
    world.run().posted_nothing().exit(0);
}

#[test]
fn summary_is_posted_once_when_the_run_is_killed_at_any_write() {
    kill_at_every_write(
        |world| due(announced(world)),
        |world| assert_eq!(summaries(world).len(), 1, "{:#?}", world.lines()),
    );
}

#[test]
fn summary_of_unknown_outcome_is_not_repeated() {
    let world = due(announced(world())).slack([reset().after_effect()]).run().exit(0);
    assert_eq!(summaries(&world).len(), 1, "{:#?}", world.lines());
}

#[test]
fn summary_that_fails_is_posted_by_the_next_run() {
    each(vec![error("not_in_channel"), status(500)], 2, |step| {
        let world = due(announced(world())).env("RUN_TIMEOUT", "16s").slack([step.for_ever()]).run().exit(1);
        let world = world.clear_faults().env("RUN_TIMEOUT", "8m").run().exit(0);
        assert_eq!(summaries(&world).len(), 1, "{:#?}", world.lines());
    });
}

#[test]
fn a_new_installation_does_not_summarize_what_was_due_before() {
    let world = world().findings([high("f1")]).env("SLACK_SUMMARY", format!("daily {}", minutes_ago(3)));
    let world = world.run().exit(0).run().exit(0);
    assert!(summaries(&world).is_empty());
}

#[test]
fn a_summary_says_what_it_cannot_know() {
    let world = announced(world()).on("GetFindingsStatistics", [error("AccessDeniedException").times(99)]);
    let world = due(world).run().exit(0);
    let text = summaries(&world).remove(0).visible();
    assert!(
        text.contains("not known") && text.contains("GetFindingsStatistics") && !text.contains("0 critical"),
        "{text}"
    );
}
