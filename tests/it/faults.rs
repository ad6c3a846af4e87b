//! Faults that come together or in a row: kills while reading back, histories that lag, leases under a long throttle.

use std::time::Duration;

use guardduty_slack_support::fault::{error, hang, kill, ok, reset, status};
use guardduty_slack_support::findings::{FindingBuilder, critical, findings, high, iso, medium, millis, now};
use guardduty_slack_support::journal::Call;
use guardduty_slack_support::kubernetes::KEY;
use guardduty_slack_support::slack::Channel;
use guardduty_slack_support::world::{ACCOUNT, World};
use serde_json::{Value, json};

use crate::endings::is_write;
use crate::kit::{after_the_lease, each, run_until_processed, world, world_with_short_lease};

fn post_of(id: &'static str) -> impl Fn(&Call) -> bool + Send + Sync {
    move |call| call.operation == "chat.postMessage" && call.detail == id
}

/// A run that was killed when Slack had taken its message and it did not know yet.
fn killed_behind_the_post(world: World) -> World {
    world.findings([high("f1")]).fault(post_of("f1"), [kill().after_effect()]).run().killed()
}

#[test]
fn reconciled_messages_are_counted_under_the_configured_channel() {
    let world = world_with_short_lease().metrics().env("SLACK_CHANNEL", "#security").run(); // whose response contains the channel ID
    let world = run_until_processed(killed_behind_the_post(world));
    world.metric("guardduty_slack_notifications_total{channel=\"#security\",outcome=\"adopted\"}", 1.0);
}

#[test]
fn messages_in_a_channel_that_is_no_longer_configured_are_not_repeated() {
    let world = world_with_short_lease();
    world.slack.channel(Channel::new("C0OTHER", "other"));
    let world = killed_behind_the_post(world.env("SLACK_CHANNEL", "C0OTHER"));
    run_until_processed(world.env("SLACK_CHANNEL", "C0SECURITY")).each_delivered_once(["f1"]);
}

#[test]
fn recovery_survives_a_second_kill() {
    // More than the writes of a recovery: a case beyond them is a recovery without a kill.
    each((1..=6).collect(), 6, |k| {
        let world = after_the_lease(killed_behind_the_post(world_with_short_lease().configmap()));
        let world = world.at_nth(k, is_write, kill().after_effect()).run();
        assert!(k < 6 || world.last_run().code == Some(0), "there are more writes: {:#?}", world.lines());
        run_until_processed(world.clear_faults()).each_delivered_once(["f1"]);
    });
}

#[test]
fn messages_before_a_crash_are_found_in_delayed_and_paginated_history() {
    let lagging = |world: World| {
        world.slack.lag(Duration::from_secs(4));
        world
    };
    let paged = |world: World| {
        world.slack.page(1);
        world
    };
    let named = |world: World| world.env("SLACK_CHANNEL", "#security");
    let private = |world: World| world.env("SLACK_CHANNEL", "G0PRIVATE");
    let by_name = |world: World| {
        let routes = json!([{ "match": { "severity": ">=7" }, "channel": "#sec-critical" }]);
        let world = world.env("SLACK_ROUTES", routes).findings([high("f0").updated_ago(200)]);
        world.run().posted(["f0"]).exit(0) // whose response contains the channel ID
    };
    let worlds: Vec<fn(World) -> World> = vec![lagging, paged, named, private, by_name];
    each(worlds, 5, |prepare| {
        let world = run_until_processed(killed_behind_the_post(prepare(world_with_short_lease())));
        assert!(
            world.deliveries_by_revision().values().all(|times| *times == 1),
            "{:?}",
            world.deliveries_by_revision()
        );
        world.message_of("f1");
    });
}

#[test]
fn unsaved_messages_are_repeated_when_history_is_not_readable() {
    let unread = |world: World| {
        world.slack.scopes(["chat:write"]);
        world
    };
    let hook = |world: World| world.webhook();
    let worlds: Vec<fn(World) -> World> = vec![unread, hook];
    each(worlds, 2, |prepare| {
        let world = prepare(world_with_short_lease()).findings([high("f1")]);
        let about_f1 = |call: &Call| call.service == "slack" && call.detail == "f1";
        let world = world.fault(about_f1, [kill().after_effect()]).run().killed();
        let world = run_until_processed(world);
        assert!((1..=2).contains(&world.deliveries_by_revision().values().sum::<usize>()), "{:#?}", world.lines());
        world.run().posted_nothing().exit(0);
    });
}

#[test]
fn missing_history_access_to_one_channel_does_not_affect_others() {
    let routes = json!([{ "match": { "severity": ">=9" }, "channel": "C0PRIVATE" }]);
    let world = world().env("SLACK_ROUTES", routes).findings([high("f1"), critical("f2").updated_ago(60)]);
    world.slack.channel(Channel { private: true, ..Channel::new("C0PRIVATE", "its-id-comes-before-the-others") });
    world.slack.scopes(["chat:write", "channels:history"]);
    let world = world.fault(post_of("f1"), [reset().after_effect()]).run();
    run_until_processed(world).each_delivered_once(["f1", "f2"]);
}

#[test]
fn nothing_is_posted_after_a_crash_while_history_is_temporarily_unreadable() {
    let world = after_the_lease(killed_behind_the_post(world_with_short_lease()));
    let reads = |call: &Call| call.operation == "conversations.history";
    let world = world.fault(reads, [status(503).for_ever()]).env("RUN_TIMEOUT", "16s").run().posted([]).exit(1);
    run_until_processed(world.clear_faults()).each_delivered_once(["f1"]);
}

#[test]
fn no_delivery_path_posts_to_a_channel_with_unreadable_history() {
    let reads = |call: &Call| call.operation == "conversations.history" && call.place == "C0SECURITY";
    let deleted = || {
        let world = world_with_short_lease().findings([high("f1").updated_ago(90)]).run().posted(["f1"]);
        world.slack.delete(&world.message_of("f1").ts);
        world.findings([critical("f1").updated_ago(20)])
    };
    let fallen_back = || {
        let routes = json!([{ "match": { "severity": ">=7" }, "channel": "C0OUTSIDE" }]);
        world_with_short_lease().env("SLACK_ROUTES", routes).run().posted([]).findings([high("f1")])
    };
    let worlds: Vec<fn() -> World> = vec![deleted, fallen_back];
    each(worlds, 2, |build| {
        let world = build();
        let before = world.deliveries_by_revision().len();
        let there = |call: &Call| post_of("f1")(call) && call.place == "C0SECURITY";
        let world = after_the_lease(world.fault(there, [kill().after_effect()]).run().killed());
        let world =
            world.fault(reads, [status(503).for_ever()]).env("RUN_TIMEOUT", "16s").run().posted_nothing().exit(1);
        let world = run_until_processed(world.clear_faults());
        let announced = world.deliveries_by_revision();
        assert!(announced.len() == before + 1 && announced.values().all(|times| *times == 1), "{announced:?}");
    });
}

#[test]
fn digest_with_unknown_outcome_is_not_repeated_after_an_interrupted_lookup() {
    let world = world().env("SLACK_DIGEST_AFTER", "1").findings(findings("f", 12));
    let first_digest = |call: &Call| call.detail.len() == 18 && call.detail.ends_with("-1"); // the run's name before it
    let world = world.fault(first_digest, [status(500).after_effect()]);
    let reads = "conversations.history";
    let world = world.on(reads, [ok(), hang().for_ever()]); // before the first message, and 10 s behind the digest
    let run = world.start();
    world.wait_until(|calls| calls.iter().filter(|e| e.call.operation == reads).count() == 2);
    run.terminate();
    let world = run_until_processed(world.finish(run).exit(1).clear_faults());
    let digests = world.slack.messages().into_iter().filter(|m| m.event_type() == "guardduty_digest");
    assert_eq!(digests.map(|m| m.metadata_value("findings")).collect::<Vec<_>>(), ["11"]);
}

#[test]
fn lease_is_renewed_during_long_throttling() {
    let world = world_with_short_lease().configmap().findings([high("f1")]);
    let world = world.slack([status(429).retry_after(300)]);
    let first = world.start();
    world.wait_until(|calls| calls.iter().any(|e| e.call.operation == "chat.postMessage"));
    let written = world.kubernetes.clone().unwrap().writes();
    world.wait_until(|_| world.kubernetes.clone().unwrap().writes() > written + 2); // renewed: the first term is over
    let world = world.run().posted_nothing().exit(0).stderr_has("lease");
    first.terminate();
    run_until_processed(world.finish(first).posted([]).exit(1).clear_faults()).each_delivered_once(["f1"]);
}

#[test]
fn run_throttled_until_its_timeout_exits_and_the_next_run_delivers() {
    let world = world().env("RUN_TIMEOUT", "10s").findings([high("f1")]);
    let world =
        world.slack([status(429).retry_after(1).for_ever()]).run().posted([]).exit(1).stderr_has("run timeout reached");
    run_until_processed(world.clear_faults().env("RUN_TIMEOUT", "8m")).each_delivered_once(["f1"]);
}

#[test]
fn sts_outage_fails_the_run_without_loss() {
    let arn = "arn:aws:iam::222233334444:role/reader";
    let world = world().env("GUARDDUTY_ROLE_ARNS", arn).findings_in("222233334444", "eu-west-1", [high("f1")]);
    world.aws.role(guardduty_slack_support::aws::Role { arn: arn.into(), ..Default::default() });
    let world = world.fault(|call| call.service == "sts", [error("AccessDenied").for_ever()]).run().posted([]).exit(1);
    world.clear_faults().run().posted(["f1"]).exit(0);
}

#[test]
fn findings_follow_when_an_identity_recovers_after_the_first_run() {
    let world = world().env("GUARDDUTY_LOOKBACK", "1m");
    let world = world.fault(|call| call.service == "sts", [error("AccessDenied").for_ever()]).run().posted([]).exit(1);
    let world = edit(world, |state| {
        for member in ["watermark", "floor", "unreadable_since"] {
            state["sources"]["self/*"][member] = iso(now() - 570_000).into();
        }
    });
    let world = world.clear_faults().findings([high("meanwhile").updated_ago(500)]).run().posted(["meanwhile"]).exit(0);
    world
        .posted_notice(["Could not read", "findings of this period follow"])
        .posted_notice(["New source", "looking back 10 min"]);
}

#[test]
fn findings_are_delivered_when_the_configmap_is_full() {
    let world = world().configmap().findings([high("f1").updated_ago(90)]).run().posted(["f1"]).exit(0);
    let kubernetes = world.kubernetes.clone().unwrap();
    let size = kubernetes.value(KEY).map_or(0, |v| v.len());
    kubernetes.set("of-somebody-else", Some(&"x".repeat(1024 * 1024 - size - 60)));
    let world = world.findings([high("f2").updated_ago(20)]).run().posted(["f2"]).exit(1);
    kubernetes.set("of-somebody-else", None);
    run_until_processed(world).each_delivered_once(["f1", "f2"]);
}

#[test]
fn findings_are_delivered_without_api_server_and_mounted_copy() {
    each(vec![None, Some("")], 2, |copy| {
        let world = world().configmap().findings([high("f1")]);
        if let Some(text) = copy {
            std::fs::create_dir_all(world.state_path().parent().unwrap()).unwrap();
            std::fs::write(world.state_path(), text).unwrap();
        }
        world.fault(|call| call.service == "kubernetes", [reset().for_ever()]).run().posted(["f1"]).exit(1);
    });
}

/// Edits the saved state.
fn edit(world: World, change: impl FnOnce(&mut Value)) -> World {
    let mut state = world.state();
    change(&mut state);
    world.set_state(&state.to_string())
}

/// Eight days pass.
fn eight_days_later(world: World, sources: &[&str]) -> World {
    edit(world, |state| {
        for source in sources {
            for member in ["watermark", "floor", "last_read_at", "last_configured_at"] {
                let then = &mut state["sources"][format!("{ACCOUNT}/{source}")][member];
                *then = then.as_str().and_then(millis).map(|t| iso(t - 8 * 86_400_000)).into();
            }
        }
    })
}

#[test]
fn source_unreadable_after_a_pause_continues_from_its_watermark() {
    let world = world().env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1").env("RUN_TIMEOUT", "12s");
    world.aws.source(ACCOUNT, "us-east-1", |_| ());
    let world = eight_days_later(world.run().exit(0), &["eu-west-1", "us-east-1"]);
    let world = world.findings([high("here")]);
    let world = world.findings_in(ACCOUNT, "us-east-1", [high("there").updated_ago(86_400)]);
    let there = |call: &Call| call.place.ends_with("us-east-1");
    let world = world.fault(there, [hang().for_ever()]).run().posted(["here"]).exit(1);
    run_until_processed(world.clear_faults().env("RUN_TIMEOUT", "8m")).each_delivered_once(["here", "there"]);
}

#[test]
fn findings_are_announced_after_a_first_run_with_a_fast_clock() {
    let world = edit(world().run().exit(0), |state| {
        for member in ["watermark", "floor"] {
            state["sources"][format!("{ACCOUNT}/eu-west-1")][member] = iso(now() + 5 * 3_600_000).into();
        }
    });
    let world =
        world.findings([high("f1")]).run().posted(["f1"]).posted_notice(["Clock skew", "111122223333/eu-west-1"]);
    world.exit(0).run().posted_nothing().exit(0);
}

#[test]
fn unconfigured_source_is_removed_after_7_days() {
    let world = world().env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1");
    world.aws.source(ACCOUNT, "us-east-1", |_| ());
    let world = world.run().exit(0).env("GUARDDUTY_REGIONS", "eu-west-1").run().exit(0);
    assert!(world.state()["sources"].get(format!("{ACCOUNT}/us-east-1")).is_some());
    let world = eight_days_later(world, &["us-east-1"]).run().exit(0);
    assert!(world.state()["sources"].get(format!("{ACCOUNT}/us-east-1")).is_none());
}

/// One notice, of whichever run, says that this finding was given up.
fn given_up(world: &World, id: &str) {
    let texts =
        world.slack.messages().into_iter().filter(|m| m.event_type() == "guardduty_notice").map(|m| m.visible());
    assert_eq!(texts.filter(|t| t.contains("Finding given up") && t.contains(id)).count(), 1);
}

const A_DAY_AND_AN_HOUR: i64 = 25 * 3600 * 1000;

/// The finding has failed for more than a day.
fn a_day_later(world: World, id: &str) -> World {
    edit(world, |state| state["findings"][id]["failing"] = (now() - A_DAY_AND_AN_HOUR).into())
}

#[test]
fn finding_rejected_in_every_form_is_given_up_after_24_hours() {
    let world = world().metrics().findings([high("refused").updated_ago(90), medium("f2").updated_ago(30)]);
    world.slack.refuse(|payload| payload["metadata"]["event_payload"]["finding_id"] == "refused");
    let outcome = |name| format!("guardduty_slack_notifications_total{{channel=\"C0SECURITY\",outcome=\"{name}\"}}");
    let world = world.run().posted(["f2"]).exit(1).metric(&outcome("failed"), 1.0);
    let world = a_day_later(world, "refused")
        .run()
        .posted([])
        .posted_notice(["Finding given up", "refused"])
        .stderr_has("complete finding");
    let world = world.exit(0).metric(&outcome("failed"), 1.0).metric(&outcome("given_up"), 1.0);
    assert!(!world.last_run().stderr.contains("tries again"), "{}", world.last_run().stderr);
    world.run().posted_nothing().exit(0);
}

#[test]
fn a_finding_to_which_slack_gives_no_clear_answer_is_given_up_after_a_day_too() {
    let world = world().env("RUN_TIMEOUT", "16s").findings([high("odd").updated_ago(90), medium("f2").updated_ago(30)]);
    let world = world.fault(post_of("odd"), [error("internal_error").for_ever()]).run().posted(["f2"]).exit(1);
    let world = a_day_later(world, "odd").run().posted([]);
    let world = run_until_processed(world);
    given_up(&world, "odd");
}

#[test]
fn an_edit_that_fails_is_counted_under_the_channel_of_its_finding() {
    let world = world().metrics().findings([high("f1").updated_ago(90)]).run().exit(0);
    let world = world.findings([critical("f1").updated_ago(20)]).env("RUN_TIMEOUT", "16s");
    let world = world.on("chat.update", [error("fatal_error").for_ever()]).run().exit(1);
    let text =
        world.pushgateway.as_ref().map(guardduty_slack_support::pushgateway::Pushgateway::text).unwrap_or_default();
    assert!(
        text.contains("channel=\"C0SECURITY\",outcome=\"failed\"") && !text.contains("chat.update\",outcome"),
        "{text}"
    );
}

#[test]
fn a_finding_that_cannot_be_fetched_for_a_day_is_given_up() {
    let world = world().findings([high("withheld").updated_ago(90), medium("f2").updated_ago(30)]);
    world.aws.omit_from_get_findings(["withheld"]);
    let world = world.run().posted(["f2"]).exit(1);
    let world = edit(world, |state| {
        state["unfetched"]["withheld"]["since"] = iso(now() - A_DAY_AND_AN_HOUR).into();
    });
    let world = world.run().posted([]).run().exit(0);
    given_up(&world, "withheld");
}

#[test]
fn given_up_finding_is_not_fetched_again() {
    let world = world().findings([high("withheld").updated_ago(90)]);
    world.aws.omit_from_get_findings(["withheld"]);
    let since = |hours: i64| {
        move |state: &mut Value| state["unfetched"]["withheld"]["since"] = iso(now() - hours * 3_600_000).into()
    };
    let world = edit(world.run().exit(1), since(25)).run().run().exit(0);
    let world = edit(world, since(80)).run().posted_nothing().exit(0).run().posted_nothing().exit(0);
    given_up(&world, "withheld");
}

#[test]
fn flood_of_1000_findings_in_one_millisecond_is_summarized_completely() {
    let at = iso(now() - 60_000);
    let same = |finding: FindingBuilder| finding.with("/updatedAt", at.clone());
    let world = world().env("SLACK_DIGEST_AFTER", "3").findings(findings("f", 1_000).map(same)).run().exit(0);
    let world = world.digested(997);
    assert_eq!(world.deliveries_by_revision().len(), 3);
    world.run().posted_nothing().exit(0);
}

#[test]
fn flood_of_several_batches_is_delivered_once() {
    let (base, in_one_millisecond) = (now() - 400_000, 3_000);
    let at = |finding: FindingBuilder, i: i64| {
        let updated = base + 30 * (i - in_one_millisecond).max(0);
        finding.with("/updatedAt", iso(updated)).with("/severity", json!(1 + 2 * (i % 5)))
    };
    let route = |channel: &str, from: u8| json!({ "match": { "severity": format!(">={from}") }, "channel": channel });
    let routes = json!([route("#nines", 9), route("#sevens", 7), route("#fives", 5), route("#threes", 3)]);
    let world = ["nines", "sevens", "fives", "threes"].into_iter().fold(world().configmap(), |world, name| {
        world.slack.channel(Channel::new(&format!("C0{}", name.to_uppercase()), name));
        world
    });
    let world = world.env("SLACK_ROUTES", routes).env("SLACK_DIGEST_AFTER", 1).env("RUST_LOG", "warn");
    // The first batch has 5,000 findings.
    let world = world.findings(findings("f", 5_200).zip(0..).map(|(finding, i)| at(finding, i))).run().exit(0);
    // One message per channel, and one wherever a batch leaves a single finding to a channel: a digest has at least two.
    let announced = world.deliveries_by_revision();
    let is_once = announced.values().all(|times| *times == 1);
    assert!(is_once && (5..50).contains(&announced.len()), "{announced:?}");
    world.digested(5_200 - announced.len()).run().posted_nothing().exit(0);
}
