//! `explain` and `state`: what a person asks when a message is missing.

use guardduty_slack_support::fault::{error, status};
use guardduty_slack_support::findings::{high, low, medium};
use guardduty_slack_support::world::{ACCOUNT, REGION, World};
use serde_json::{Value, json};

use crate::kit::world;

/// Runs a command, which must neither post nor save.
fn look(world: World, arguments: &[&str]) -> World {
    let (messages, state) = (world.slack.messages().len(), world.state_text());
    let world = world.run_with(arguments, b"");
    assert_eq!((world.slack.messages().len(), world.state_text()), (messages, state));
    world
}

fn stdout(world: &World) -> &str {
    &world.last_run().stdout
}

#[test]
fn explain_says_where_a_finding_was_announced_and_by_which_route() {
    let routes = json!([
        { "match": { "severity": ">=9" }, "drop": true },
        { "match": { "severity": ">=7" }, "channel": "C0CRITICAL" }
    ]);
    let world = world().env("SLACK_ROUTES", routes).findings([high("f1"), medium("f2")]).run().posted(["f1", "f2"]);
    let link = format!("/archives/C0CRITICAL/p{}", world.message_of("f1").ts.replace('.', ""));
    let world = look(world, &["explain", "f1", "f2"]).exit(0);
    for text in [
        "finding f1",
        "route 2 of 2: channel C0CRITICAL",
        &link,
        "does nothing: this revision is processed",
        "finding f2",
        "no route matches: default channel",
    ] {
        assert!(stdout(&world).contains(text), "{text}: {}", stdout(&world));
    }
}

#[test]
fn explain_names_what_left_a_finding_out() {
    let routes = json!([
        { "match": { "severity": ">=9" }, "channel": "C0CRITICAL" },
        { "match": { "severity": "<7" }, "drop": true }
    ]);
    let world = world().env("SLACK_ROUTES", routes).env("GUARDDUTY_MIN_SEVERITY", "medium");
    let findings = [low("filtered"), medium("dropped"), high("archived").archived()];
    let mut world = world.findings(findings).run().posted([]);
    for (id, text) in [
        ("filtered", "skipped by a filter, below GUARDDUTY_MIN_SEVERITY"),
        ("dropped", "route 2 of 2: drop"),
        ("archived", "archived in GuardDuty"),
    ] {
        world = look(world, &["explain", id]).exit(0).stdout_has(text);
    }
}

#[test]
fn explain_shows_digests_pending_findings_and_unknown_ids() {
    let world = world().env("SLACK_DIGEST_AFTER", "1").env("RUN_TIMEOUT", "10s");
    let world = world.findings([high("f1"), medium("f2"), medium("f3")]).run().exit(0);
    let world = look(world, &["explain", "f3"]).exit(0).stdout_has("in a digest");
    let world = look(world, &["explain", "f1", "nobody"]).exit(1).stdout_has("finding f1").stdout_has("not found");
    let world =
        world.on("chat.postMessage", [status(503).for_ever()]).findings([high("late").updated_ago(5)]).run().exit(1);
    let world = look(world.clear_faults(), &["explain", "late"]).exit(0);
    assert!(stdout(&world).contains("pending") || stdout(&world).contains("announces it"), "{}", stdout(&world));
    look(world, &["explain"]).exit(2).stderr_has("finding ID");
}

#[test]
fn explain_says_which_source_could_not_be_read() {
    let world = world().findings([high("f1")]).run().posted(["f1"]);
    let world = world.fault(|call| call.operation == "GetFindings", [error("AccessDeniedException").for_ever()]);
    look(world, &["explain", "f1"]).exit(1).stderr_has(&format!("{ACCOUNT}/{REGION}")).stdout_has("finding f1");
}

#[test]
fn state_is_printed_for_people_and_as_it_is_saved() {
    for in_cluster in [false, true] {
        let world = if in_cluster { world().configmap() } else { world() };
        let world = world.findings([high("f1"), high("f2")]).run().posted(["f1", "f2"]);
        let world = look(world, &["state"]).exit(0);
        for text in [&format!("{ACCOUNT}/{REGION}"), "2 recorded: 2 open with a message, 0 pending", "bytes", "free"] {
            assert!(stdout(&world).contains(text), "{text}: {}", stdout(&world));
        }
        let world = look(world, &["state", "--json"]).exit(0);
        assert_eq!(serde_json::from_str::<Value>(stdout(&world)).unwrap(), world.state());
    }
}

#[test]
fn state_needs_neither_aws_nor_slack_and_makes_no_state() {
    let mut world = world();
    for name in ["SLACK_BOT_TOKEN", "SLACK_CHANNEL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        world = world.env_remove(name);
    }
    let world = look(world, &["state"]).exit(0).stderr_has("no saved state");
    let world = look(world, &["state", "--json"]).exit(0);
    assert!(world.state_text().is_none() && world.journal().is_empty());
}

#[test]
fn a_corrupt_or_newer_state_is_left_alone() {
    for text in ["hello", r#"{"version": 99}"#] {
        let world = world().set_state(text);
        let world = look(look(world, &["state"]).exit(2).stderr_has("state"), &["state", "--json"]).exit(2);
        look(world, &["explain", "f1"]).exit(2);
    }
}

#[test]
fn explain_says_that_the_first_run_does_not_list_what_is_older_than_its_look_back() {
    let world = world().findings([high("new").updated_ago(60), high("old").updated_ago(7_200)]);
    let world = look(world, &["explain", "new"]).exit(0).stdout_has("announces it in C0SECURITY");
    look(world, &["explain", "old"]).exit(0).stdout_has("does not list it");
}

#[test]
fn state_says_what_is_wrong_with_its_own_settings() {
    let world = world().env("STATE_CONFIGMAP", "Not A Name");
    look(world, &["state"]).exit(2).stderr_has("STATE_CONFIGMAP");
}

#[test]
fn a_filesystem_that_does_not_respond_does_not_keep_the_process_alive() {
    let world = world();
    let path = world.state_path();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // Nobody writes to the pipe: to open it for reading never returns.
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    world.run_with(&["state"], b"").exit(1).stderr_has("no answer within 5 s");
}
