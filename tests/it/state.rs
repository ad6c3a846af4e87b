//! The state: a file or a ConfigMap, leases, conflicts, what is damaged, replay.

use guardduty_slack_support::fault::{Gate, error, hang, hold, status};
use guardduty_slack_support::findings::high;
use guardduty_slack_support::journal::Call;
use guardduty_slack_support::kubernetes::KEY;
use guardduty_slack_support::world::{ACCOUNT, World};

use crate::kit::{run_until_processed, world, world_with_short_lease};

#[test]
fn a_configmap_holds_the_state_and_a_quiet_run_writes_it_once_at_most() {
    let world = world().configmap().findings([high("f1")]).run().posted(["f1"]).exit(0);
    let kubernetes = world.kubernetes.clone().unwrap();
    kubernetes.set("of-somebody-else", Some("untouched"));
    let writes = kubernetes.writes();
    world.run().posted_nothing().exit(0);
    assert!(kubernetes.writes() <= writes + 1);
    assert_eq!(kubernetes.value("of-somebody-else").as_deref(), Some("untouched"));
}

#[test]
fn a_run_without_a_state_announces_once_that_it_has_none_and_what_was_already_open() {
    let old = [high("old1").updated_ago(90_000), high("old2").updated_ago(90_000).severity(5.0)];
    let world = world().findings(old).run().posted([]).posted_notice(["No saved state", "1 high"]).exit(0);
    world.run().posted_nothing().exit(0);
}

#[test]
fn corrupt_or_newer_state_exits_with_2_and_is_not_overwritten() {
    for text in ["{\"version\": 1, \"sources\"", "[]", "", "{\"version\": 99}", "{}"] {
        let world = world().findings([high("f1")]).set_state(text).run().posted_nothing().exit(2).stderr_has("state");
        assert_eq!(world.state_text().as_deref(), Some(text));
        let world = self::world().configmap().findings([high("f1")]).set_state(text).run().posted_nothing().exit(2);
        assert_eq!(world.state_text().as_deref(), Some(text));
    }
}

#[test]
fn corrupt_state_is_pushed_as_a_metric_except_in_a_dry_run() {
    let world = world().metrics().set_state("[]").env("DRY_RUN", "true").run().posted_nothing().exit(2);
    assert!(world.journal().of("PUT").is_empty() && world.journal().of("POST").is_empty(), "{:#?}", world.lines());
    world.env("DRY_RUN", "false").run().exit(2).metric("guardduty_slack_run_success", 0.0);
}

#[test]
fn a_field_that_a_newer_release_wrote_is_kept() {
    let world = world().findings([high("f1")]).run().exit(0);
    let mut state = world.state();
    state["of_a_newer_release"] = 42.into();
    state["sources"]["111122223333/eu-west-1"]["also"] = "kept".into();
    let world = world.set_state(&state.to_string()).findings([high("f2").updated_ago(10)]).run().posted(["f2"]).exit(0);
    let state = world.state();
    assert_eq!(state["of_a_newer_release"], 42);
    assert_eq!(state["sources"]["111122223333/eu-west-1"]["also"], "kept");
}

#[test]
fn second_run_exits_with_0_while_the_lease_is_held() {
    for in_cluster in [false, true] {
        let world = if in_cluster { world().configmap() } else { world() };
        let gate = Gate::default();
        let world = world.metrics().findings([high("f1")]).slack([hold(&gate)]);
        let first = world.start();
        world.wait_until(|calls| calls.iter().any(|e| e.call.operation == "chat.postMessage"));
        let world = world.run().exit(0).posted_nothing().stderr_has("lease");
        assert!(world.journal().of("PUT").is_empty() && world.journal().of("POST").is_empty());
        gate.open();
        world.finish(first).posted(["f1"]).exit(0).each_delivered_once(["f1"]);
    }
}

#[test]
fn next_run_continues_after_the_lease_of_a_crashed_run_expires() {
    let world = world_with_short_lease().findings([high("f1")]).slack([guardduty_slack_support::fault::kill()]);
    run_until_processed(world.run().killed()).each_delivered_once(["f1"]);
}

#[test]
fn run_stops_posting_after_a_conflict() {
    let world = world().configmap().findings([high("f1"), high("f2").updated_ago(50)]).run().exit(0);
    let kubernetes = world.kubernetes.clone().unwrap();
    let world = world.findings([high("f3").updated_ago(20), high("f4").updated_ago(10)]);
    let world = world.slack([status(429).retry_after(2)]);
    let run = world.start();
    world.wait_until(|calls| calls.iter().filter(|e| e.call.operation == "chat.postMessage").count() >= 4);
    let mut changed: serde_json::Value = serde_json::from_str(&kubernetes.value(KEY).unwrap()).unwrap();
    changed["of_another_client"] = true.into();
    kubernetes.set(KEY, Some(&changed.to_string()));
    let world = world.finish(run).exit(1);
    assert_eq!(world.state()["of_another_client"], true);
}

#[test]
fn run_that_loses_the_race_for_the_lease_posts_nothing() {
    let world = world().configmap().findings([high("f1").updated_ago(90)]).run().posted(["f1"]).exit(0);
    let kubernetes = world.kubernetes.clone().unwrap();
    let gate = Gate::default();
    let world = world.findings([high("f2").updated_ago(20)]).fault(|call| call.detail.contains("f2"), [hold(&gate)]);
    let seen = world.journal().len();
    let run = world.start();
    world.wait_until(|calls| calls[seen..].iter().any(|e| e.call.detail.contains("f2")));
    let mut changed: serde_json::Value = serde_json::from_str(&kubernetes.value(KEY).unwrap()).unwrap();
    let renewed_at = guardduty_slack_support::findings::iso(guardduty_slack_support::findings::now());
    changed["lease"] = serde_json::json!({ "id": "another", "posting_since": renewed_at, "renewed_at": renewed_at });
    kubernetes.set(KEY, Some(&changed.to_string()));
    gate.open();
    let world = world.finish(run).posted_nothing().exit(1);
    assert_eq!(world.state()["lease"]["id"], "another");
}

#[test]
fn a_conflict_without_a_change_of_our_key_is_written_again() {
    let world = world().configmap().findings([high("f1")]).on("patch configmaps", [status(409), status(409)]);
    world.run().posted(["f1"]).exit(0).run().posted_nothing().exit(0);
}

#[test]
fn change_of_another_key_is_not_a_conflict() {
    let gate = Gate::default();
    let world = world().configmap().findings([high("f1")]).slack([hold(&gate)]);
    let kubernetes = world.kubernetes.clone().unwrap();
    let run = world.start();
    world.wait_until(|calls| calls.iter().any(|e| e.call.operation == "chat.postMessage"));
    kubernetes.set("note", Some("by a person"));
    gate.open();
    world.finish(run).posted(["f1"]).exit(0).run().posted_nothing().exit(0);
    assert_eq!(kubernetes.value("note").as_deref(), Some("by a person"));
}

#[test]
fn findings_are_delivered_when_the_api_server_is_unreachable() {
    let away = [
        ("refuses", status(403)),
        ("is overloaded", status(503).retry_after(600)),
        ("hangs", hang()),
        ("throttles", status(429).retry_after(600)),
    ];
    crate::kit::each(away.to_vec(), 4, |(name, step)| {
        eprintln!("the API server {name}");
        let world = world().configmap().findings([high("f1").updated_ago(100)]).run().posted(["f1"]).exit(0);
        let copy = world.state_text().unwrap();
        let path = world.state_path();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, copy).unwrap();
        let world = world.findings([high("f2").updated_ago(20)]);
        let world = world.fault(|call| call.service == "kubernetes", [step.for_ever()]);
        let world = world.run().posted(["f2"]).exit(1);
        world.clear_faults().run().posted_nothing().exit(0).each_delivered_once(["f1", "f2"]);
    });
}

#[test]
fn findings_are_delivered_when_the_configmap_does_not_exist() {
    let world = world().configmap().findings([high("f1")]);
    world.fault(|call| call.service == "kubernetes", [status(404).for_ever()]).run().posted(["f1"]).exit(1);
}

#[test]
fn failed_saves_exit_with_1_and_cause_no_duplicates() {
    let world = world().configmap().findings([high("f1").updated_ago(90)]).run().posted(["f1"]).exit(0);
    let world = world.findings([high("f2").updated_ago(20)]).on("patch configmaps", [error("Forbidden").for_ever()]);
    let world = world.run().posted(["f2"]).exit(1);
    run_until_processed(world.clear_faults()).each_delivered_once(["f1", "f2"]);
}

#[test]
fn findings_are_delivered_when_the_state_directory_is_read_only() {
    let world = world().findings([high("f1")]);
    let file = world.folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    world.env("STATE_FILE", file.join("watermark.json").display()).run().posted(["f1"]).exit(1);
}

#[test]
fn replay_announces_findings_again_once() {
    let world = world().findings([high("f1").updated_ago(300), high("f2").updated_ago(60)]).run().exit(0);
    let file = world.state_path().with_file_name("replay");
    std::fs::write(&file, "3m").unwrap();
    let world = world.run().posted(["f2"]).exit(0);
    assert!(!file.exists());
    world.run().posted_nothing().exit(0);
}

#[test]
fn replay_waits_until_the_state_can_be_saved_while_new_findings_are_announced() {
    let world = world().configmap().findings([high("f1").updated_ago(300)]).run().posted(["f1"]).exit(0);
    let kubernetes = world.kubernetes.clone().unwrap();
    kubernetes.set("replay", Some("1h"));
    let world = world.findings([high("f2").updated_ago(60)]).on("patch configmaps", [error("Forbidden").for_ever()]);
    let world = world.run().posted(["f2"]).exit(1).run().posted_nothing().exit(1);
    assert_eq!(kubernetes.value("replay").as_deref(), Some("1h"));
    let world = world.clear_faults().run().posted(["f1", "f2"]).exit(0);
    assert_eq!(kubernetes.value("replay"), None);
    world.run().posted_nothing().exit(0);
}

#[test]
fn replay_without_a_state_sets_the_lookback() {
    let world = world().findings([high("f1").updated_ago(3_600)]);
    let file = world.state_path().with_file_name("replay");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "2h").unwrap();
    world.run().posted(["f1"]).exit(0).run().posted_nothing().exit(0);
}

#[test]
fn malformed_replay_exits_with_2_names_the_value_and_is_not_removed() {
    let world = world().findings([high("f1")]).run().posted(["f1"]);
    let file = world.state_path().with_file_name("replay");
    std::fs::write(&file, "six hours").unwrap();
    let world = world.findings([high("f2")]).run().posted_nothing().exit(2);
    let world = world.stderr_has("invalid replay").stderr_has(&file.display().to_string());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "six hours");
    drop(world);

    let world = self::world().configmap().findings([high("f1")]).run().posted(["f1"]);
    let kubernetes = world.kubernetes.clone().unwrap();
    kubernetes.set("replay", Some("six hours"));
    let world = world.findings([high("f2")]).run().posted_nothing().exit(2);
    world.stderr_has("key replay of ConfigMap").stderr_has("six hours");
    assert_eq!(kubernetes.value("replay").as_deref(), Some("six hours"));
}

#[test]
fn a_replay_key_of_the_configmap_is_removed_by_the_write_that_takes_it_up() {
    let world = world().configmap().findings([high("f1").updated_ago(300), high("f2").updated_ago(60)]).run().exit(0);
    let kubernetes = world.kubernetes.clone().unwrap();
    kubernetes.set("replay", Some("1h"));
    let world = world.run().posted(["f1", "f2"]).exit(0);
    assert_eq!(kubernetes.value("replay"), None);
    world.run().posted_nothing().exit(0);
}

#[test]
fn unsaved_first_run_is_not_repeated() {
    let world = world().configmap().findings([high("f1")]);
    let world = world.on("patch configmaps", [error("Forbidden").for_ever()]).run().posted(["f1"]).exit(1);
    world.clear_faults().run().exit(0).each_delivered_once(["f1"]);
}

#[test]
fn state_that_can_never_be_written_repeats_neither_findings_nor_notices() {
    let world = world().configmap().env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1");
    let world = world.findings_in(ACCOUNT, "us-east-1", []).on("patch configmaps", [error("Forbidden").for_ever()]);
    let denied = |call: &Call| call.place.contains("us-east-1");
    let mut world = world.fault(denied, [error("AccessDeniedException").for_ever()]);
    for id in ["f1", "f2", "f3"] {
        world = world.findings([high(id)]).run().posted([id]).exit(1).stderr_has("in the Role");
    }
    let events = |world: &World| -> Vec<String> {
        let messages = world.slack.messages();
        let notices = messages.iter().filter(|message| message.event_type() == "guardduty_notice");
        notices
            .map(|notice| notice.metadata_value("notice_id").trim_end_matches(|c: char| c.is_ascii_digit()).into())
            .collect()
    };
    let unreadable = "unreadable-111122223333/us-east-1-";
    assert_eq!(events(&world), [unreadable]);
    let world = world.stderr_has("notice is not announced").clear_faults().run().exit(0);
    assert_eq!(events(&world), [unreadable, "no-state-"]);
    world.run().posted_nothing().exit(0).each_delivered_once(["f1", "f2", "f3"]);
}
