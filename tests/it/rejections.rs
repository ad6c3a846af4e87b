//! What Slack rejects: mentions, replies, channels, the app, and more messages than its limits allow.

use std::time::{Duration, Instant, SystemTime};

use guardduty_slack_support::fault::{answer, error, kill, reset, status};
use guardduty_slack_support::findings::{FindingBuilder, critical, findings, high, low, medium};
use guardduty_slack_support::journal::Call;
use guardduty_slack_support::slack::{Channel, Message};
use guardduty_slack_support::world::{ACCOUNT, World};
use serde_json::{Value, json};

use crate::kit::{each, run_until_processed, world, world_with_short_lease};

/// Messages of severity 7 and more go to C0CRITICAL with this mention.
fn routed(world: World, mention: &str) -> World {
    let route = json!([{ "match": { "severity": ">=7" }, "channel": "C0CRITICAL", "mention": mention }]);
    world.env("SLACK_ROUTES", route)
}

fn text_of(arguments: &Value) -> String {
    json!([arguments["text"], arguments["blocks"], arguments["attachments"]]).to_string()
}

fn mentions_everybody(text: &str) -> bool {
    ["<!channel>", "<!here>", "<!everyone>", r#""type":"broadcast""#].iter().any(|mention| text.contains(mention))
}

fn rejects_broadcasts(arguments: &Value) -> Option<&'static str> {
    mentions_everybody(&text_of(arguments)).then_some("restricted_action")
}

fn is_new_reply(message: &&Message) -> bool {
    message.event_type() == "guardduty_reply" && message.thread.is_empty()
}

#[test]
fn a_rejected_mention_is_left_out_and_the_message_says_so() {
    each(vec!["<!channel>", "<!here>", "<!everyone> <!subteam^S0123>"], 3, |mention| {
        let world = routed(world(), mention).findings([high("f1"), medium("f2"), high("f3").updated_ago(50)]);
        world.slack.reject(rejects_broadcasts);
        let world = world.run().posted(["f1", "f2", "f3"]).exit(0);
        for id in ["f1", "f3"] {
            let message = world.message_of(id);
            assert_eq!(message.channel, "C0CRITICAL");
            assert!(message.visible().contains("Mention omitted"), "{}", message.visible());
            // A mention that the channel accepts stays.
            assert_eq!(message.payload.to_string().contains("<!subteam^S0123>"), mention.contains("S0123"));
        }
        assert_eq!(world.message_of("f2").channel, "C0SECURITY");
        let tries = world.journal().of("chat.postMessage").into_iter().filter(|e| e.call.place == "C0CRITICAL").count();
        assert_eq!(tries, 3, "only the first message is tried with the mention");
        world.run().posted_nothing().exit(0);
    });
}

#[test]
fn a_digest_and_a_reply_leave_a_rejected_mention_out() {
    let world = routed(world(), "<!channel>").env("SLACK_DIGEST_AFTER", 1).findings([high("f1"), medium("f2")]);
    let world = world.run().posted(["f1", "f2"]).exit(0);
    world.slack.reject(rejects_broadcasts);
    let world = world.findings([critical("f1").updated_ago(20), high("d1"), high("d2"), high("d3")]).run();
    let world = world.posted(["d1"]).digested(2).replied(["f1"]).exit(0);
    for message in world.new_messages().iter().filter(|m| m.channel == "C0CRITICAL") {
        assert!(message.visible().contains("Mention omitted"), "{}", message.visible());
    }
    world.run().posted_nothing().exit(0);
}

#[test]
fn a_channel_that_also_rejects_a_message_without_its_mention_is_replaced_by_the_default_channel() {
    let world = routed(world(), "<!channel>").findings([high("f1"), high("f2").updated_ago(50)]);
    world.slack.reject(|arguments| (arguments["channel"] == "C0CRITICAL").then_some("restricted_action"));
    let world = world.run().posted(["f1", "f2"]).exit(0);
    for id in ["f1", "f2"] {
        let message = world.message_of(id);
        assert_eq!(message.channel, "C0SECURITY");
        assert!(message.visible().contains("C0CRITICAL") && mentions_everybody(&text_of(&message.payload)));
    }
}

#[test]
fn an_unknown_code_of_a_routes_channel_leads_to_the_default_channel() {
    let findings = findings("d", 4).map(|f| f.with("/severity", json!(8)));
    let world =
        routed(world(), "<!subteam^S0123>").env("SLACK_DIGEST_AFTER", 1).findings([critical("f1"), medium("f2")]);
    let world = world.findings(findings);
    world.slack.reject(|arguments| (arguments["channel"] == "C0CRITICAL").then_some("brand_new_rule"));
    let world = world.run().posted(["f1", "f2"]).digested(4).exit(0);
    let is_about_severe = |m: &Message| m.event_type() == "guardduty_digest" || m.metadata_value("finding_id") == "f1";
    for message in world.new_messages().iter().filter(|m| is_about_severe(m)) {
        assert_eq!(message.channel, "C0SECURITY");
        assert!(message.visible().contains("C0CRITICAL"), "{}", message.visible());
        assert!(!message.payload["attachments"].is_null(), "the default channel gets the complete form");
    }
    world.run().posted_nothing().exit(0);
}

#[test]
fn an_unknown_code_of_the_default_channel_is_tried_again_by_the_next_run() {
    let world = world().metrics().findings([high("f1")]);
    world.slack.reject(|_| Some("brand_new_rule"));
    let world = world.run().posted([]).exit(1).stderr_has("brand_new_rule").stderr_has(r#"delivery="finding f1""#);
    world.slack.reject(|_| None);
    world.run().posted(["f1"]).exit(0);
}

#[test]
fn a_rejected_reply_becomes_a_message_in_the_channel() {
    let codes = [
        "restricted_action_non_threadable_channel",
        "restricted_action_thread_locked",
        "restricted_action_read_only_channel",
        "cannot_reply_to_message",
        "brand_new_rule",
    ];
    each(codes.to_vec(), 5, |code| {
        let is_reply = |call: &Call| call.operation == "chat.postMessage";
        let route = json!([{ "match": { "severity": ">=2" }, "channel": "C0CRITICAL", "mention": "<!subteam^S0123>" }]);
        let world = world().env("SLACK_ROUTES", route).findings([medium("f1")]).run().posted(["f1"]).exit(0);
        // As many refusals as a reply in all its forms gets.
        let tries = if code == "brand_new_rule" { 4 } else { 1 };
        let world = world.fault(is_reply, [error(code).times(tries)]).findings([critical("f1").updated_ago(20)]).run();
        let world = world.posted([]).updated(["f1"]).replied(["f1"]).exit(0);
        let messages = world.new_messages();
        let reply = messages.iter().find(is_new_reply).unwrap_or_else(|| panic!("{code}: {messages:#?}"));
        assert_eq!(reply.channel, "C0CRITICAL");
        assert!(reply.visible().contains("CRITICAL") && reply.payload.to_string().contains("S0123"), "{reply:#?}");
        world.run().posted_nothing().exit(0);
    });
}

/// `many` findings about one role.
fn of_one_role(many: impl Iterator<Item = FindingBuilder>) -> impl Iterator<Item = FindingBuilder> {
    let role = json!({ "userName": "ci", "userType": "AssumedRole", "principalId": "AROAEXAMPLE:ci", "accessKeyId": "ASIAEXAMPLE" });
    many.map(move |finding| {
        finding
            .with("/type", "UnauthorizedAccess:IAMUser/TorIPCaller")
            .with("/resource", json!({ "resourceType": "AccessKey", "accessKeyDetails": role }))
    })
}

#[test]
fn a_finding_whose_siblings_thread_rejects_replies_gets_a_message_in_the_channel() {
    each(vec!["restricted_action_thread_locked", "brand_new_rule"], 2, |code| {
        let world = world().env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1").findings(of_one_role(findings("first", 1)));
        let world = world.findings_in(ACCOUNT, "us-east-1", []).run().exit(0);
        let tries = if code == "brand_new_rule" { 3 } else { 1 };
        let world = world.on("chat.postMessage", [error(code).times(tries)]);
        let world = world.findings_in(ACCOUNT, "us-east-1", of_one_role(findings("second", 1))).run().exit(0);
        let messages = world.new_messages();
        assert_eq!(messages.len(), 1, "{messages:#?}");
        assert!(messages[0].thread.is_empty() && !messages[0].payload["attachments"].is_null(), "{messages:#?}");
        world.run().posted_nothing().exit(0);
    });
}

#[test]
fn a_thread_that_does_not_exist_leads_to_a_new_message() {
    each(vec!["thread_not_found", "message_not_found"], 2, |code| {
        let world = world().findings([medium("f1")]).run().posted(["f1"]).exit(0);
        let world = world.on("chat.postMessage", [error(code)]).findings([critical("f1").updated_ago(20)]).run();
        world.posted(["f1"]).exit(0).run().posted_nothing().exit(0);
    });
}

#[test]
fn a_finding_in_a_deleted_siblings_thread_is_updated_and_its_reply_goes_to_the_channel() {
    let world = world().env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1").findings(of_one_role(findings("first", 1)));
    let world = world.findings_in(ACCOUNT, "us-east-1", []).run().exit(0);
    let world = world.findings_in(ACCOUNT, "us-east-1", of_one_role(findings("second", 1))).run().exit(0);
    let messages = world.slack.messages();
    let second = messages.iter().find(|m| !m.thread.is_empty()).expect("it is in the thread of the first");
    world.slack.delete(&second.thread);
    let increased = findings("second", 1).map(|finding| finding.severity(9.5).updated_ago(5));
    let world = world.findings_in(ACCOUNT, "us-east-1", of_one_role(increased)).run().posted([]).exit(0);
    let messages = world.new_messages();
    assert!(messages.len() == 1 && is_new_reply(&&messages[0]), "{messages:#?}");
    world.run().posted_nothing().exit(0);
}

#[test]
fn a_reply_that_became_a_message_is_not_repeated_after_a_kill_or_a_lost_answer() {
    each(vec![kill().after_effect(), reset().after_effect(), kill(), reset()], 4, |step| {
        let world = world_with_short_lease().findings([medium("f1")]).run().posted(["f1"]).exit(0);
        // The first call is the reply, the second the message instead of it; then the thread accepts replies again.
        let steps = [error("restricted_action_thread_locked"), step];
        let world = world.on("chat.postMessage", steps).findings([critical("f1").updated_ago(20)]).run();
        let world = run_until_processed(world);
        let messages = world.slack.messages();
        assert_eq!(messages.iter().filter(|m| m.event_type() == "guardduty_reply").count(), 1, "{messages:#?}");
        world.run().posted_nothing().exit(0);
    });
}

#[test]
fn a_deleted_message_that_was_posted_again_is_not_repeated_after_a_kill() {
    each(vec![kill().after_effect(), reset().after_effect()], 2, |step| {
        let world = world_with_short_lease().findings([medium("f1")]).run().posted(["f1"]).exit(0);
        world.slack.delete(&world.message_of("f1").ts);
        let world = world.on("chat.postMessage", [step]).findings([critical("f1").updated_ago(20)]).run();
        let world = run_until_processed(world);
        let messages = world.slack.messages();
        let of_the_finding = messages.iter().filter(|m| m.event_type() == "guardduty_finding" && !m.deleted);
        assert_eq!(of_the_finding.count(), 1, "{messages:#?}");
        world.run().posted_nothing().exit(0);
    });
}

#[test]
fn a_default_channel_that_rejects_messages_is_one_error_and_stops_its_queue() {
    let codes = ["channel_not_found", "not_in_channel", "is_archived", "restricted_action", "ekm_access_denied"];
    each(codes.to_vec(), 5, |code| {
        let findings: Vec<_> = findings("f", 12).collect();
        let world = world().metrics().findings(findings).on("chat.postMessage", [error(code).for_ever()]);
        let world = world.run().posted([]).exit(1).calls("chat.postMessage", 1);
        let errors = world.last_run().stderr.lines().filter(|line| line.contains("ERROR")).count();
        assert_eq!(errors, 1, "{}", world.last_run().stderr);
        let failed = r#"guardduty_slack_notifications_total{channel="C0SECURITY",outcome="failed"}"#;
        let world = world.stderr_has(code).metric(failed, 12.0).clear_faults().run().exit(0);
        assert_eq!(world.deliveries_by_revision().values().copied().collect::<Vec<_>>(), [1; 12]);
    });
}

#[test]
fn a_channel_that_was_renamed_is_found_by_its_id() {
    let world = world().env("SLACK_CHANNEL", "#security").findings([medium("f1")]).run().posted(["f1"]).exit(0);
    world.slack.channel(Channel::new("C0SECURITY", "security-alerts"));
    let world = world.findings([high("f2"), low("f3")]).run().posted(["f2", "f3"]).exit(0).stderr_has("renamed");
    assert_eq!(world.message_of("f2").channel, "C0SECURITY");
    let by_name = world.journal().of("chat.postMessage").into_iter().filter(|e| e.call.place == "#security").count();
    assert_eq!(by_name, 3, "two messages of the first run, and one try of the second");
    world.run().posted_nothing().exit(0);
}

#[test]
fn a_rejected_app_counts_its_findings_as_failed_and_processes_none() {
    let codes = ["invalid_auth", "not_authed", "token_revoked", "account_inactive", "missing_scope"];
    each(codes.to_vec(), 5, |code| {
        let world = world().metrics().findings([high("f1"), high("f2").updated_ago(50), medium("f3")]);
        let world = world.on("chat.postMessage", [error(code).for_ever()]).run().posted([]).exit(1).stderr_has(code);
        let failed = r#"guardduty_slack_notifications_total{channel="C0SECURITY",outcome="failed"}"#;
        let world = world.metric(failed, 3.0).clear_faults().run().posted(["f1", "f2", "f3"]).exit(0);
        world.each_delivered_once(["f1", "f2", "f3"]);
    });
}

#[test]
fn a_retry_after_that_is_a_date_is_waited_for() {
    let until = SystemTime::now() + Duration::from_secs(4);
    let began = Instant::now();
    let head = format!("429 Too Many Requests\r\nretry-after: {}", httpdate::fmt_http_date(until));
    let world = world().findings([high("f1")]).slack([answer(&head, r#"{"ok":false,"error":"ratelimited"}"#)]).run();
    // A date of HTTP has whole seconds.
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
    world.posted(["f1"]).exit(0);
}

#[test]
fn a_rate_limit_without_a_time_is_waited_for_with_growing_pauses() {
    let limits = [error("message_limit_exceeded"), error("ratelimited"), status(429), status(429).retry_after(0)];
    each(limits.to_vec(), 4, |limit| {
        let world = world().findings([high("f1")]).run().posted(["f1"]).exit(0).env("RUN_TIMEOUT", "12s");
        let before = world.journal().of("chat.postMessage").len();
        let world = world.on("chat.postMessage", [limit.for_ever()]).findings([high("f2")]).run().posted([]).exit(1);
        // In the 9 s of this run: after 0 s, 1 to 2 s, 3 to 6 s, 7 to 14 s.
        let tries = world.journal().of("chat.postMessage").len() - before;
        assert!((1..=4).contains(&tries), "{tries} tries");
        world.clear_faults().env("RUN_TIMEOUT", "8m").run().posted(["f2"]).exit(0);
    });
}

#[test]
fn sixty_findings_about_one_role_make_twenty_messages_and_one_digest() {
    let world = world().findings(of_one_role(findings("f", 60)));
    let world = world.run().digested(40).exit(0);
    assert_eq!(world.posted_ids().len(), 20);
    let digests = world.new_messages().into_iter().filter(|m| m.event_type() == "guardduty_digest").count();
    assert_eq!(digests, 1);
    world.run().posted_nothing().exit(0);
}
