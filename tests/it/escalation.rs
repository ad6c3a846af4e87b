//! A route calls again about a finding that nobody acknowledged in time.

use guardduty_slack_support::fault::{reset, status};
use guardduty_slack_support::findings::high;
use guardduty_slack_support::world::{ACCOUNT, REGION, World};
use serde_json::{Value, json};

use crate::endings::kill_at_every_write;
use crate::kit::{each, world};
use crate::triage::{CHECK, EYES, SCOPES, announced, react, unreact, with_triage};

const CALLED: &str = "S0CALLED";

/// A finding that nobody acknowledged in time; the run that announced it could not read reactions.
fn unacknowledged(world: World) -> World {
    let escalate = json!({ "after": "0s", "mention": format!("<!subteam^{CALLED}>") });
    let routes = json!([{ "match": { "severity": ">=7" }, "channel": "C0CRITICAL", "escalate": escalate }]);
    let world = with_triage(world).env("SLACK_ROUTES", routes);
    world.slack.scopes(["chat:write", "channels:history", "groups:history"]);
    let world = announced(world);
    world.slack.scopes(SCOPES);
    world
}

fn calls(world: &World) -> Vec<Value> {
    let payloads = world.slack.messages().into_iter().map(|message| message.payload);
    payloads.filter(|payload| payload.to_string().contains(CALLED)).collect()
}

#[test]
fn unacknowledged_finding_is_escalated_once_when_the_run_is_killed_at_any_write() {
    kill_at_every_write(unacknowledged, |world| {
        let calls = calls(world);
        assert_eq!(calls.len(), 1, "{:#?}", world.lines());
        assert_eq!(
            (&calls[0]["reply_broadcast"], &calls[0]["thread_ts"]),
            (&json!(true), &json!(world.message_of("f1").ts))
        );
    });
}

#[test]
fn a_call_of_unknown_outcome_is_not_repeated() {
    let world = unacknowledged(world()).slack([reset().after_effect()]).run().exit(0);
    assert_eq!(calls(&world).len(), 1, "{:#?}", world.lines());
    assert_eq!(calls(&world.run().posted_nothing().exit(0)).len(), 1);
}

#[test]
fn nobody_is_called_about_a_finding_that_is_handled() {
    let archive = |world: World| {
        world.aws.source(ACCOUNT, REGION, |source| source.change("f1", |f| f["service"]["archived"] = true.into()));
        world
    };
    let handled: Vec<fn(World) -> World> =
        vec![|world| react(world, EYES, "U0ALICE"), |world| react(world, CHECK, "U0ALICE"), archive];
    each(handled, 3, |handle| {
        let world = handle(unacknowledged(world())).run().posted_nothing().exit(0);
        assert!(calls(&world).is_empty());
    });
}

#[test]
fn an_acknowledgment_that_is_taken_back_after_the_time_is_followed_by_the_call() {
    let world = react(unacknowledged(world()), EYES, "U0ALICE").run().posted_nothing().exit(0);
    let world = unreact(world, EYES, "U0ALICE").run().replied(["f1"]).updated(["f1"]).exit(0);
    assert_eq!(calls(&world).len(), 1);
    // Once: also if it is acknowledged and taken back again, or recurs.
    let world = unreact(react(world, EYES, "U0BOB").run().posted_nothing().exit(0), EYES, "U0BOB")
        .run()
        .posted_nothing()
        .exit(0);
    let world = world.findings([high("f1").updated_ago(5).severity(7.5)]).run().exit(0);
    assert_eq!(calls(&world).len(), 1);
}

#[test]
fn nobody_is_called_while_the_reactions_cannot_be_read() {
    let world = react(unacknowledged(world()), EYES, "U0ALICE");
    let world = world.on("conversations.history", [status(500)]).on("reactions.get", [status(500)]);
    let world = world.run().posted_nothing().exit(0);
    assert!(calls(&world).is_empty() && calls(&world.run().posted_nothing().exit(0)).is_empty());
}
