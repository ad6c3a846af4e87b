//! The result of a GuardDuty investigation goes into the thread of its finding, once.

use guardduty_slack_support::aws::Investigation;
use guardduty_slack_support::fault::{error, reset};
use guardduty_slack_support::findings::high;
use guardduty_slack_support::slack::Message;
use guardduty_slack_support::world::{ACCOUNT, REGION, World};

use crate::endings::kill_at_every_write;
use crate::kit::{each, world};

const FINDING: &str = "1ab2c3d4e5f6a7b8c9d0e1f2a3b4c5d6";

fn investigation(id: &str, prompt: &str) -> Investigation {
    Investigation {
        id: id.into(),
        prompt: prompt.into(),
        status: "COMPLETED".into(),
        summary: "The key was used from two countries.\nRecommended actions\nRotate the key of http://evil.example"
            .into(),
        age: 60,
    }
}

fn prompt() -> String {
    format!("Investigate finding {FINDING} in account {ACCOUNT}")
}

/// A finding that was announced, in an account that can start investigations.
fn announced(world: World) -> World {
    world.aws.source(ACCOUNT, REGION, |source| source.features.insert("AI_ANALYST".into(), true));
    world.findings([high(FINDING)]).run().posted([FINDING]).exit(0)
}

fn investigated(world: World) -> World {
    let investigation = investigation("0a1b-2c", &prompt());
    world.aws.source(ACCOUNT, REGION, |source| source.investigations.push(investigation));
    world
}

fn results(world: &World) -> Vec<Message> {
    let is_result = |message: &Message| message.payload.to_string().contains("Investigation: risk");
    world.slack.messages().into_iter().filter(is_result).collect()
}

#[test]
fn the_result_of_an_investigation_is_a_reply_in_the_thread_of_its_finding() {
    let world = investigated(announced(world()).calls("ListInvestigations", 1)).run().replied([FINDING]).exit(0);
    let result = results(&world).remove(0);
    assert_eq!(result.payload["thread_ts"], world.message_of(FINDING).ts);
    let text = result.visible();
    let shown =
        ["risk HIGH, confidence medium", "Tor exit node", "two countries", "Rotate the key", "hxxp://evil[.]example"];
    assert!(shown.iter().all(|shown| text.contains(shown)), "{text}");
    assert!(!text.contains("http://evil"), "{text}");
    world.run().posted_nothing().calls("GetInvestigation", 1).exit(0);
}

#[test]
fn result_is_posted_once_when_the_run_is_killed_at_any_write() {
    kill_at_every_write(
        |world| investigated(announced(world)),
        |world| assert_eq!(results(world).len(), 1, "{:#?}", world.lines()),
    );
}

#[test]
fn a_result_of_unknown_outcome_is_not_repeated_though_the_finding_recurs() {
    let world = investigated(announced(world())).slack([reset().after_effect()]).run();
    assert_eq!(results(&world).len(), 1, "{:#?}", world.lines());
    let world = world.findings([high(FINDING).updated_ago(5).severity(7.5)]).run().exit(0).run().exit(0);
    assert_eq!(results(&world).len(), 1, "{:#?}", world.lines());
}

#[test]
fn each_investigation_has_its_own_result() {
    let world = investigated(announced(world())).run().replied([FINDING]);
    let second = investigation("ffff", &format!("is {FINDING} a false positive?"));
    world.aws.source(ACCOUNT, REGION, |source| source.investigations.push(second));
    let world = world.run().replied([FINDING]).exit(0).run().posted_nothing().exit(0);
    assert_eq!(results(&world).len(), 2);
}

#[test]
fn investigations_of_other_things_and_old_or_unfinished_ones_are_left_alone() {
    let world = announced(world());
    let other = FINDING.replace('1', "2");
    let asked = |prompt: &str| investigation("01", prompt);
    world.aws.source(ACCOUNT, REGION, |source| {
        source.investigations.push(asked("Analyze findings in my organization"));
        source.investigations.push(asked(&format!("Investigate finding {other}")));
        source.investigations.push(asked(&format!("Compare {FINDING} and {other}")));
        source.investigations.push(Investigation { status: "RUNNING".into(), ..asked(&prompt()) });
        source.investigations.push(Investigation { age: 90_000, ..asked(&prompt()) });
        source.investigations.push(Investigation { id: "<!channel>".into(), ..asked(&prompt()) });
    });
    world.run().posted_nothing().calls("GetInvestigation", 0).exit(0);
}

#[test]
fn investigations_are_listed_only_where_the_account_can_start_them() {
    let world = world().findings([high(FINDING)]).run().posted([FINDING]);
    investigated(world).run().posted_nothing().calls("ListInvestigations", 0).exit(0);
}

#[test]
fn a_missing_operation_or_permission_is_one_warning() {
    each(vec!["AccessDeniedException", "UnknownOperationException", "BadRequestException"], 3, |code| {
        let world = investigated(announced(world())).on("ListInvestigations", [error(code).for_ever()]);
        let warned = |world: &World| world.last_run().stderr.matches("cannot list investigations").count();
        let world = world.run().posted_nothing().exit(0);
        assert_eq!(warned(&world), 1, "{:#?}", world.lines());
        let world = world.run().posted_nothing().exit(0);
        assert_eq!(warned(&world), 0, "{:#?}", world.lines());
        world.clear_faults().run().replied([FINDING]).exit(0);
    });
}

#[test]
fn an_investigation_that_cannot_be_read_is_read_by_the_next_run() {
    let world = investigated(announced(world())).on("GetInvestigation", [error("AccessDeniedException").for_ever()]);
    world.run().posted_nothing().exit(0).clear_faults().run().replied([FINDING]).exit(0);
}

#[test]
fn a_muted_thread_gets_no_result() {
    let world = world();
    world.slack.scopes(crate::triage::SCOPES);
    let world = announced(world.env("SLACK_TRIAGE", "show"));
    world.slack.react(&world.message_of(FINDING).ts, "no_bell", "U0ALICE");
    let world = investigated(world).run().exit(0);
    assert!(results(&world.run().posted_nothing().exit(0)).is_empty());
}
