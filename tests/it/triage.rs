//! Reactions on the messages of findings acknowledge, resolve and mute them.

use guardduty_slack_support::fault::{error, kill, status};
use guardduty_slack_support::findings::{Kind, finding_of, high};
use guardduty_slack_support::journal::{Effect, Entry};
use guardduty_slack_support::world::{ACCOUNT, REGION, World};
use serde_json::{Value, json};

use crate::endings::{is_write, kill_at_every_write};
use crate::kit::{each, run_until_processed, world, world_with_short_lease};

pub(crate) const EYES: &str = "eyes";
pub(crate) const CHECK: &str = "white_check_mark";
const BELL: &str = "no_bell";
pub(crate) const SCOPES: [&str; 5] =
    ["chat:write", "channels:history", "groups:history", "reactions:read", "users:read"];

pub(crate) fn with_triage(world: World) -> World {
    world.slack.scopes(SCOPES);
    world.env("SLACK_TRIAGE", "show")
}

fn with_archiving(world: World) -> World {
    with_triage(world).env("SLACK_TRIAGE", "archive").env("SLACK_TRIAGE_USERS", "U0ALICE,U0BOB")
}

pub(crate) fn announced(world: World) -> World {
    world.findings([high("f1")]).run().posted(["f1"]).exit(0)
}

pub(crate) fn react(world: World, emoji: &str, user: &str) -> World {
    world.slack.react(&world.message_of("f1").ts, emoji, user);
    world
}

pub(crate) fn unreact(world: World, emoji: &str, user: &str) -> World {
    world.slack.unreact(&world.message_of("f1").ts, emoji, user);
    world
}

/// The users that the message of the finding names.
fn named(world: &World) -> Vec<String> {
    let payload = world.message_of("f1").payload.to_string();
    ["U0ALICE", "U0BOB", "U0EVE", "U0BOT"].into_iter().filter(|user| payload.contains(*user)).map(Into::into).collect()
}

fn shows(world: &World, word: &str) -> bool {
    world.message_of("f1").visible().contains(word)
}

/// Calls of an operation that took effect, whatever the caller learned.
fn effective(world: &World, operation: &str) -> usize {
    let took_effect = |entry: &&Entry| matches!(entry.effect, Effect::Done | Effect::Hidden(_));
    let entries = world.journal().entries();
    entries.iter().filter(|entry| entry.call.operation == operation).filter(took_effect).count()
}

#[test]
fn the_first_person_is_shown_and_a_removed_reaction_is_taken_back() {
    let world = react(react(announced(with_triage(world())), EYES, "U0ALICE"), EYES, "U0BOB");
    let world = world.run().posted_nothing().updated(["f1"]).exit(0);
    assert_eq!((named(&world), shows(&world, "Acknowledged")), (vec!["U0ALICE".to_owned()], true));
    let world =
        unreact(world.run().posted_nothing().updated([]).exit(0), EYES, "U0ALICE").run().updated(["f1"]).exit(0);
    assert_eq!(named(&world), ["U0BOB"]);
    let world = unreact(world, EYES, "U0BOB").run().posted_nothing().updated(["f1"]).exit(0);
    assert!(named(&world).is_empty() && !shows(&world, "Acknowledged"));
}

#[test]
fn reaction_is_shown_when_the_run_is_killed_at_any_write() {
    let build = |world| react(announced(with_triage(world)), EYES, "U0ALICE");
    kill_at_every_write(build, |world| {
        assert_eq!(named(world), ["U0ALICE"], "{:#?}", world.lines());
        assert_eq!(world.slack.messages().iter().filter(|m| m.event_type() != "guardduty_notice").count(), 1);
    });
}

#[test]
fn reaction_that_is_removed_after_a_killed_run_is_not_shown() {
    let build = || react(announced(with_triage(world_with_short_lease().configmap())), EYES, "U0ALICE");
    let undisturbed = build();
    let before = undisturbed.journal().len();
    let writes = undisturbed.run().journal().entries()[before..].iter().filter(|e| is_write(&e.call)).count();
    each((1..=writes).collect(), 32, |k| {
        let world = build().at_nth(k, is_write, kill().after_effect()).run().clear_faults();
        let world = run_until_processed(unreact(world, EYES, "U0ALICE"));
        assert!(named(&world).is_empty(), "killed at write {k} of {writes}: {:#?}", world.lines());
    });
}

#[test]
fn resolution_is_archived_once_when_the_run_is_killed_at_any_write() {
    let build = |world| react(announced(with_archiving(world)), CHECK, "U0ALICE");
    kill_at_every_write(build, |world| {
        assert_eq!(effective(world, "ArchiveFindings"), 1, "{:#?}", world.lines());
        assert_eq!((named(world), shows(world, "Resolved")), (vec!["U0ALICE".to_owned()], true));
    });
}

#[test]
fn removed_resolution_is_unarchived_once_when_the_run_is_killed_at_any_write() {
    let build = |world| {
        let world = react(announced(with_archiving(world)), CHECK, "U0ALICE").run().exit(0);
        unreact(world, CHECK, "U0ALICE")
    };
    kill_at_every_write(build, |world| {
        assert_eq!(effective(world, "UnarchiveFindings"), 1, "{:#?}", world.lines());
        assert!(named(world).is_empty() && !shows(world, "Resolved") && !shows(world, "Archived"));
    });
}

#[test]
fn only_listed_people_can_archive() {
    // A guest, a person of a connected workspace, and a bot whose ID somebody listed.
    let world = announced(with_archiving(world()).env("SLACK_TRIAGE_USERS", "U0ALICE,U0BOT"));
    let world = react(react(react(world, CHECK, "U0EVE"), CHECK, "W0CONNECTED"), CHECK, "U0BOT");
    let world = world.run().posted_nothing().updated([]).exit(0).run().updated([]).exit(0);
    assert_eq!((effective(&world, "ArchiveFindings"), named(&world)), (0, vec![]));
    let world = react(world, CHECK, "U0ALICE").run().updated(["f1"]).exit(0);
    assert_eq!((effective(&world, "ArchiveFindings"), named(&world)), (1, vec!["U0ALICE".to_owned()]));
}

#[test]
fn nothing_is_archived_by_a_run_that_cannot_save_its_state() {
    let world = react(announced(with_archiving(world()).configmap()), CHECK, "U0ALICE");
    let world = world.on("patch configmaps", [status(500).times(20)]).run().exit(1);
    assert_eq!(effective(&world, "ArchiveFindings"), 0, "{:#?}", world.lines());
    let world = world.clear_faults().run().exit(0);
    assert_eq!((effective(&world, "ArchiveFindings"), named(&world)), (1, vec!["U0ALICE".to_owned()]));
}

#[test]
fn archiving_that_fails_is_a_warning_and_is_tried_again() {
    let world = react(announced(with_archiving(world())), CHECK, "U0ALICE");
    let world = world.on("ArchiveFindings", [error("AccessDeniedException").times(9)]);
    let world = world.findings([high("f2")]).run().posted(["f2"]).updated(["f1"]).exit(0);
    assert!(world.last_run().stderr.contains("ArchiveFindings"), "{}", world.last_run().tail());
    let world = world.clear_faults().run().posted_nothing().updated(["f1"]).exit(0);
    assert_eq!(effective(&world, "ArchiveFindings"), 1);
    world.run().posted_nothing().updated([]).exit(0);
}

#[test]
fn a_resolution_does_not_cover_a_revision_that_its_message_did_not_show() {
    let world = react(announced(with_archiving(world())), CHECK, "U0ALICE");
    let again = high("f1").updated_ago(5).count(2);
    let world = world.findings([again]).run().updated(["f1"]).replied(["f1"]).exit(0);
    assert!(world.new_messages().iter().any(|m| m.visible().contains("Reopened")), "{:#?}", world.lines());
    let world = world.run().posted_nothing().updated([]).exit(0);
    assert_eq!((effective(&world, "ArchiveFindings"), named(&world)), (0, vec![]));
    let world = react(world, CHECK, "U0BOB").run().updated(["f1"]).exit(0);
    assert_eq!((effective(&world, "ArchiveFindings"), named(&world)), (1, vec!["U0BOB".to_owned()]));
}

#[test]
fn a_higher_severity_level_is_announced_before_reactions_are_read_and_voids_an_older_resolution() {
    let world = with_archiving(world()).findings([high("f1").severity(5.0)]).run().posted(["f1"]);
    let world = react(world, CHECK, "U0ALICE").findings([high("f1").severity(8.0).updated_ago(5)]);
    let world = world.run().updated(["f1"]).replied(["f1"]).exit(0);
    assert_eq!((effective(&world, "ArchiveFindings"), named(&world)), (0, vec![]));
    world.run().posted_nothing().updated([]).exit(0);
}

#[test]
fn unarchived_finding_is_reopened_once_when_the_run_is_killed_at_any_write() {
    let build = |world| {
        let world = react(announced(with_archiving(world)), CHECK, "U0ALICE").run().exit(0);
        let unarchive = |document: &mut Value| document["service"]["archived"] = false.into();
        world.aws.source(ACCOUNT, REGION, |source| source.change("f1", unarchive));
        world
    };
    kill_at_every_write(build, |world| {
        let replies: Vec<_> =
            world.slack.messages().into_iter().filter(|m| m.event_type() == "guardduty_reply").collect();
        assert!(replies.len() == 1 && replies[0].visible().contains("unarchived"), "{:#?}", world.lines());
        assert_eq!((effective(world, "ArchiveFindings"), named(world)), (1, vec![]));
    });
}

#[test]
fn a_muted_thread_announces_only_a_higher_severity_level() {
    let world = with_triage(world())
        .env("SLACK_REMIND_AFTER", "0s")
        .findings([finding_of(Kind::TorCaller, "f1").severity(5.0)]);
    let world = react(world.run().posted(["f1"]), BELL, "U0ALICE");
    let again = |severity, ip: &str, ago| finding_of(Kind::TorCaller, "f1").severity(severity).ip(ip).updated_ago(ago);
    let world = world.findings([again(5.0, "203.0.113.77", 30)]).run().posted_nothing().exit(0);
    assert!(shows(&world, "203[.]0[.]113[.]77"));
    world.findings([again(8.0, "203.0.113.77", 5)]).run().replied(["f1"]).exit(0);
}

#[test]
fn reactions_of_bots_and_on_other_messages_do_not_count() {
    let world = announced(with_triage(world()));
    let stranger = world.slack.plant("C0SECURITY", json!({ "text": "deploy", "metadata": {} }));
    world.slack.react(&stranger, EYES, "U0ALICE");
    let notice = world.slack.messages().into_iter().find(|m| m.event_type() == "guardduty_notice").expect("a notice");
    world.slack.react(&notice.ts, CHECK, "U0ALICE");
    // The app itself, a bot that posts here, and one that does not.
    let world = react(react(react(world, EYES, "U0GUARDDUTY"), EYES, "U0STRANGER"), CHECK, "U0BOT");
    let world = world.run().posted_nothing().updated([]).exit(0);
    assert!(named(&world).is_empty());
}

#[test]
fn a_list_of_users_that_history_cuts_short_is_read_in_full() {
    let mut world = announced(with_archiving(world()));
    for user in ["U0EVE", "U0CAROL", "U0DAVE", "U0BOB", "U0ALICE"] {
        world = react(world, CHECK, user);
    }
    let world = world.run().updated(["f1"]).exit(0);
    assert_eq!((named(&world), effective(&world, "reactions.get")), (vec!["U0BOB".to_owned()], 1));
}

#[test]
fn a_user_who_cannot_be_looked_up_counts_once_the_lookup_succeeds() {
    let world = react(announced(with_triage(world())), EYES, "U0ALICE").findings([high("f2")]);
    let world = world.on("users.info", [error("internal_error")]).run().posted(["f2"]).updated([]).exit(0);
    let world = world.run().updated(["f1"]).exit(0);
    assert_eq!(named(&world), ["U0ALICE"]);
}

#[test]
fn messages_of_a_channel_whose_history_cannot_be_read_are_read_one_by_one() {
    let world = react(announced(with_triage(world())), EYES, "U0ALICE");
    let world =
        world.on("conversations.history", [status(500).times(9)]).run().posted_nothing().updated(["f1"]).exit(0);
    assert_eq!((named(&world), effective(&world, "reactions.get")), (vec!["U0ALICE".to_owned()], 1));
}

#[test]
fn a_message_that_is_not_accessible_keeps_its_marks_and_does_not_stop_the_reading_of_others() {
    let world = with_triage(world()).findings([high("f1"), high("f2").updated_ago(60)]).run().posted(["f1", "f2"]);
    let world = react(world, EYES, "U0ALICE").run().updated(["f1"]).exit(0);
    world.slack.react(&world.message_of("f2").ts, EYES, "U0BOB");
    let world = world.on("conversations.history", [status(500)]).on("reactions.get", [error("channel_not_found")]);
    let world = world.run().posted_nothing().updated(["f2"]).exit(0);
    assert_eq!(named(&world), ["U0ALICE"]);
}

#[test]
fn a_rate_limit_of_single_reads_ends_the_reading_and_nothing_else() {
    let mut world = with_archiving(world()).findings((0..4).map(|n| high(&format!("f{n}")).updated_ago(60 + n)));
    world = world.run().exit(0);
    for n in 0..4 {
        for user in ["U0EVE", "U0CAROL", "U0DAVE", "U0ALICE"] {
            world.slack.react(&world.message_of(&format!("f{n}")).ts, EYES, user);
        }
    }
    let world = world.on("reactions.get", [guardduty_slack_support::fault::ok(), status(429).retry_after(30).times(9)]);
    let world = world.run().posted_nothing().updated(["f0"]).exit(0);
    world.clear_faults().run().posted_nothing().updated(["f1", "f2", "f3"]).exit(0);
}

#[test]
fn without_the_scope_triage_is_off_with_one_warning() {
    let world = react(announced(with_triage(world())), EYES, "U0ALICE");
    world.slack.scopes(SCOPES.into_iter().filter(|scope| *scope != "reactions:read"));
    let world = world.run().posted_nothing().updated([]).exit(0);
    assert_eq!(world.last_run().stderr.matches("reactions:read").count(), 1, "{}", world.last_run().tail());
}
