//! One finding, one message, for its whole life.

use guardduty_slack_support::fault::ok;
use guardduty_slack_support::findings::{FindingBuilder, Kind, critical, finding_of, high};
use guardduty_slack_support::journal::Call;
use guardduty_slack_support::world::{ACCOUNT, REGION, World};
use serde_json::json;

use crate::kit::world;

#[test]
fn a_recurrence_updates_the_message_in_place_and_the_thread_says_what_is_new() {
    let world =
        world().env("SLACK_REMIND_AFTER", "0s").findings([finding_of(Kind::TorCaller, "f1")]).run().posted(["f1"]);
    let again = finding_of(Kind::TorCaller, "f1").updated_ago(5).count(47).ip("203.0.113.77");
    let world = world.findings([again]).run().posted([]).updated(["f1"]).replied(["f1"]).exit(0);
    let reply = world.new_messages().remove(0).visible();
    assert!(reply.contains("203[.]0[.]113[.]77"), "{reply}");
    assert!(world.message_of("f1").visible().contains("47"));
    world.run().posted_nothing().updated([]).exit(0);
}

#[test]
fn message_deleted_between_update_and_reply_is_posted_again() {
    let world = world().findings([high("f1").severity(5.0)]).run().posted(["f1"]);
    let (slack, ts) = (world.slack.clone(), world.message_of("f1").ts);
    let deletes = move |call: &Call| {
        if call.operation == "chat.postMessage" {
            slack.delete(&ts);
        }
        false
    };
    let world = world.fault(deletes, [ok()]).findings([high("f1").severity(8.0).updated_ago(5)]);
    world.run().posted(["f1"]).replied([]).exit(0).run().posted_nothing().exit(0);
}

#[test]
fn no_reply_before_the_reminder_interval() {
    let world = world().findings([finding_of(Kind::TorCaller, "f1")]).run().posted(["f1"]);
    let again = finding_of(Kind::TorCaller, "f1").updated_ago(5).count(2).ip("203.0.113.77");
    world.findings([again]).run().posted_nothing().updated(["f1"]).exit(0);
}

#[test]
fn recurrence_with_only_a_later_time_is_coalesced() {
    let world = world().findings([high("f1")]).run().posted(["f1"]);
    world
        .findings([high("f1").updated_ago(5).count(2)])
        .run()
        .posted_nothing()
        .updated([])
        .exit(0)
        .run()
        .posted_nothing()
        .exit(0);
}

#[test]
fn severity_increase_is_broadcast_immediately_with_the_mention() {
    let routes = json!([{ "match": { "type": ["*"] }, "channel": "C0SECURITY", "mention": "<!subteam^S0ONCALL>" }]);
    let world = world().env("SLACK_ROUTES", routes).findings([high("f1").severity(5.0)]).run().posted(["f1"]);
    let world = world.findings([high("f1").severity(8.0).updated_ago(5)]).run().updated(["f1"]).replied(["f1"]).exit(0);
    let reply = world.new_messages().remove(0).payload;
    assert_eq!(reply["reply_broadcast"], true);
    assert!(reply.to_string().contains("S0ONCALL"), "{reply}");
    assert_eq!(world.message_of("f1").metadata_value("severity"), "8.0");
}

#[test]
fn archiving_and_restoring_update_the_message() {
    let world = world().findings([high("f1")]).run().posted(["f1"]);
    let archive = |world: &World, yes: bool| {
        world.aws.source(ACCOUNT, REGION, |source| source.change("f1", |f| f["service"]["archived"] = yes.into()));
    };
    archive(&world, true);
    let world = world.run().posted_nothing().updated(["f1"]).exit(0);
    assert!(world.message_of("f1").visible().to_lowercase().contains("archived"));
    archive(&world, false);
    let world = world.run().posted_nothing().updated(["f1"]).exit(0);
    assert!(!world.message_of("f1").visible().to_lowercase().contains("archived"));
}

#[test]
fn deleted_or_locked_message_is_posted_again_once() {
    let world = world().findings([high("deleted"), high("frozen").updated_ago(60)]).run().posted(["deleted", "frozen"]);
    world.slack.delete(&world.message_of("deleted").ts);
    world.slack.freeze(&world.message_of("frozen").ts, "edit_window_closed");
    let again = |id| high(id).updated_ago(5).severity(7.5).count(3).ip("203.0.113.9");
    let world = world.findings([again("deleted"), again("frozen")]).run().posted(["deleted", "frozen"]).exit(0);
    world.run().posted_nothing().exit(0);
}

#[test]
fn a_recurrence_that_routes_elsewhere_gets_a_message_there_and_the_old_one_says_where() {
    let routes = json!([{ "match": { "severity": ">=7" }, "channel": "C0CRITICAL" }]);
    let world = world().env("SLACK_ROUTES", routes).findings([high("f1").severity(5.0)]).run().posted(["f1"]);
    let world = world.findings([high("f1").severity(8.0).updated_ago(5)]).run().posted(["f1"]).exit(0);
    let messages = world.slack.messages();
    let own: Vec<_> = messages.iter().filter(|m| m.metadata_value("finding_id") == "f1").collect();
    assert_eq!(own.iter().map(|m| m.channel.as_str()).collect::<Vec<_>>(), ["C0SECURITY", "C0CRITICAL"]);
    assert!(
        own[0].visible().contains("C0CRITICAL") || own[0].visible().contains("sec-critical"),
        "{}",
        own[0].visible()
    );
}

#[test]
fn global_finding_of_another_region_is_posted_in_the_first_thread() {
    let user = |id: &str| {
        let details = "/resource/accessKeyDetails";
        finding_of(Kind::TorCaller, id)
            .with(&format!("{details}/userName"), "deploy-bot")
            .with(&format!("{details}/principalId"), "AIDAEXAMPLEPRINCIPAL")
    };
    let world = world().env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1").findings([user("first")]);
    world.aws.source(ACCOUNT, "us-east-1", |_| ());
    let world = world.run().posted(["first"]).exit(0);
    let world = world.findings_in(ACCOUNT, "us-east-1", [user("sibling").updated_ago(30)]);
    let world = world.run().posted(["sibling"]).exit(0);
    assert_eq!(world.message_of("sibling").thread, world.message_of("first").ts);
    world.run().posted_nothing().exit(0);
}

#[test]
fn recurrence_can_be_reposted_or_ignored() {
    for (mode, expected) in [("repost", vec!["f1"]), ("ignore", vec![])] {
        let world = world().env("SLACK_RECURRENCE", mode).findings([high("f1")]).run().posted(["f1"]).exit(0);
        let again = high("f1").updated_ago(5).count(9).ip("203.0.113.77");
        world.findings([again]).run().posted(expected).exit(0).run().posted_nothing().exit(0);
    }
}

#[test]
fn messages_of_other_bots_are_ignored() {
    let world = world().findings([high("f1")]);
    let document = world.aws.source(ACCOUNT, REGION, |source| source.documents().remove(0));
    world.slack.plant(
        "C0SECURITY",
        json!({
            "text": "not the program's",
            "metadata": { "event_type": "guardduty_finding", "event_payload": { "finding_id": "f1", "updated_at": document["updatedAt"] } },
        }),
    );
    world.run().posted(["f1"]).exit(0);
}

/// The finding `f1`, which is a signal of the attack sequence `sequence`.
pub(crate) fn signal_and_sequence() -> [FindingBuilder; 2] {
    let arn = format!("arn:aws:guardduty:{REGION}:{ACCOUNT}:detector/d/finding/sequence");
    let signals = json!([{ "uid": "f1", "type": "FINDING", "name": "Recon:EC2/Portscan" }]);
    let sequence = critical("sequence").with("/service/detection/sequence/signals", signals);
    [high("f1").updated_ago(5).severity(8.5).with("/associatedAttackSequenceArn", arn), sequence]
}

/// Each of the two messages links to the other.
pub(crate) fn are_linked(world: &World) -> bool {
    let link = |id| format!("/p{}", world.message_of(id).ts.replace('.', ""));
    let links = |from, to| world.message_of(from).payload.to_string().contains(&link(to));
    links("f1", "sequence") && links("sequence", "f1")
}

#[test]
fn an_attack_sequence_and_its_signals_link_each_other_within_two_runs() {
    let world = world().findings([high("f1")]).run().posted(["f1"]);
    let world = world.findings(signal_and_sequence()).run().posted(["sequence"]).exit(0).run().posted_nothing().exit(0);
    assert!(are_linked(&world), "{:#?}", world.slack.messages());
    world.run().posted_nothing().updated([]).exit(0);
}

#[test]
fn a_message_that_cannot_be_edited_is_not_posted_again_only_to_add_a_link() {
    let world = world().findings([high("f1")]).run().posted(["f1"]);
    world.slack.freeze(&world.message_of("f1").ts, "edit_window_closed");
    let [_, sequence] = signal_and_sequence();
    let world = world.findings([sequence]).run().posted(["sequence"]).exit(0);
    world.slack.freeze(&world.message_of("sequence").ts, "edit_window_closed");
    world.run().posted_nothing().exit(0).run().posted_nothing().exit(0).run().posted_nothing().exit(0);
}
