//! From a finding to Slack: order, retries, what is refused, and what may have been taken.

use guardduty_slack_support::fault::{answer, bytes, cut, error, hang, ok, reset, status};
use guardduty_slack_support::findings::{Kind, critical, finding_of, findings, high, low, medium};
use guardduty_slack_support::slack::blockkit::visible;
use guardduty_slack_support::world::World;
use serde_json::{Value, json};

use crate::kit::{run_until_processed, world};

#[test]
fn posting_intent_is_saved_before_the_post_and_checkpoint_after_it() {
    world()
        .configmap()
        .metrics()
        .findings([high("f1")])
        .run()
        .posted(["f1"])
        .calls_in_order([
            "kubernetes get configmaps",
            "sts GetCallerIdentity",
            "guardduty ListDetectors",
            "guardduty ListFindings",
            "guardduty GetFindings f1",
            "kubernetes patch configmaps",
            "slack chat.postMessage f1",
            "kubernetes patch configmaps",
            "pushgateway",
        ])
        .exit(0);
}

#[test]
fn the_most_severe_comes_first() {
    let findings = [low("low"), critical("critical").updated_ago(20), medium("medium"), high("high")];
    world().findings(findings).run().posted_in_order(["critical", "high", "medium", "low"]).exit(0);
}

#[test]
fn a_throttled_message_waits_as_long_as_slack_says_and_is_sent_once() {
    let world = world().findings([high("f1")]).slack([status(429).retry_after(1), ok()]).run().posted(["f1"]).exit(0);
    world.each_delivered_once(["f1"]);
}

#[test]
fn rejected_blocks_fall_back_to_text() {
    let world = world().findings([high("f1")]);
    world.slack.refuse(|payload| !payload["attachments"].is_null() || !payload["blocks"].is_null());
    let world = world.run().posted(["f1"]).exit(0);
    let text = world.message_of("f1").payload["text"].as_str().unwrap_or_default().to_owned();
    assert!(text.contains("PortProbe") || text.to_lowercase().contains("probe"), "{text}");
}

#[test]
fn rejected_text_falls_back_to_the_minimal_form() {
    let world = world().findings([high("f1").with("/title", "the refused title")]);
    world.slack.refuse(|payload| payload.to_string().contains("refused title"));
    let world = world.run().posted(["f1"]).exit(0);
    let seen = world.message_of("f1").visible();
    assert!(seen.contains("f1") && seen.contains("111122223333") && seen.contains("eu-west-1"), "{seen}");
    let logged =
        world.last_run().stderr.lines().find(|line| line.contains("complete finding")).expect("it is logged in full");
    for part in ["the refused title", "i-0"] {
        assert!(logged.contains(part), "{part}: {logged}");
    }
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn message_with_a_lost_response_is_not_sent_twice() {
    let lost = [
        ("a reset after it was taken", reset().after_effect()),
        ("a cut answer", cut()),
        ("a 500 after it was taken", status(500).after_effect()),
        ("fatal_error after it was taken", error("fatal_error").after_effect()),
        ("a reset before it was taken", reset()),
        ("a 503 before it was taken", status(503)),
        ("internal_error before it was taken", error("internal_error")),
        ("a page of a proxy before it was taken", answer("200 OK", "<html>It works!</html>")),
        ("a page of a proxy after it was taken", answer("200 OK", "<html>It works!</html>").after_effect()),
        ("ok without a place before it was taken", answer("200 OK", r#"{"ok":true,"ts":null}"#)),
        ("ok without a place after it was taken", answer("200 OK", r#"{"ok":true,"ts":null}"#).after_effect()),
        ("an answer that nobody asked to be compressed", answer("200 OK\r\ncontent-encoding: gzip", "\u{1f}\u{8}")),
        ("chunks that end in the middle", bytes(format!("{CHUNKED}ff\r\n{{\"ok\":true")).after_effect()),
        ("more heads than one", bytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\n\r\n").after_effect()),
        ("the end of the connection", bytes("").after_effect()),
        ("HTTP/2", bytes(&b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64"[..])),
    ];
    crate::kit::each(lost.to_vec(), 16, |(name, step)| {
        eprintln!("{name}");
        let about_f1 = |call: &guardduty_slack_support::journal::Call| call.detail == "f1";
        let world = world().findings([high("f1"), high("f2").updated_ago(60)]).fault(about_f1, [step]).run();
        run_until_processed(world).each_delivered_once(["f1", "f2"]);
    });
}

#[test]
fn slack_outage_causes_no_loss() {
    let world = world().env("RUN_TIMEOUT", "12s").findings([high("f1")]);
    let down = |call: &guardduty_slack_support::journal::Call| call.service == "slack";
    let world = world.fault(down, [status(503).for_ever()]).run().posted([]).exit(1);
    let world = world.clear_faults().env("RUN_TIMEOUT", "8m").findings([high("f2").updated_ago(10)]);
    run_until_processed(world).each_delivered_once(["f1", "f2"]);
}

#[test]
fn a_token_that_slack_refuses_passes_nothing_and_ends_the_run_with_1() {
    let world = world().findings([high("f1")]).env("SLACK_BOT_TOKEN", "xoxb-another").secret("xoxb-another");
    let world = world.run().posted([]).exit(1).stderr_has("invalid_auth");
    assert!(!world.last_run().stderr.contains("add the scopes"), "a missing scope is not the cause");
    world.env("SLACK_BOT_TOKEN", guardduty_slack_support::slack::TOKEN).run().posted(["f1"]).exit(0);
}

#[test]
fn the_log_names_what_is_not_delivered() {
    let world = world().findings([high("f1")]).on("chat.postMessage", [error("brand_new_rule").for_ever()]);
    world.run().posted([]).exit(1).stderr_has(r#"delivery="finding f1""#);
}

#[test]
fn every_delivery_is_one_log_line_with_its_channel_and_timestamp() {
    let routes = json!([{ "match": { "severity": ">=7" }, "channel": "#sec-critical" }]);
    let world = world().env("LOG_FORMAT", "json").env("SLACK_ROUTES", routes).env("SLACK_REMIND_AFTER", "0s");
    let world = world.findings([high("f1"), finding_of(Kind::TorCaller, "f2")]).run().posted(["f1", "f2"]).exit(0);
    let posted = world.message_of("f1");
    assert_eq!(
        deliveries(&world, "f1"),
        [json!(["finding posted", "f1", "high", "#sec-critical", "C0CRITICAL", posted.ts])]
    );
    let notices: Vec<Value> = events(&world).into_iter().filter(|e| e["message"] == "notice posted").collect();
    assert!(matches!(&notices[..], [notice] if notice["ts"].is_string()), "{notices:?}");
    let again = finding_of(Kind::TorCaller, "f2").updated_ago(10).count(9).ip("203.0.113.77");
    let world = world.findings([again]).run().exit(0);
    let done: Vec<Value> = deliveries(&world, "f2").iter().map(|line| line[0].clone()).collect();
    assert_eq!(done, ["finding updated", "reply posted"]);
}

#[test]
fn a_digest_is_one_log_line_and_lists_its_findings_at_debug() {
    let world =
        world().env("LOG_FORMAT", "json").env("RUST_LOG", "guardduty_slack=debug").env("SLACK_DIGEST_AFTER", "2");
    let world = world.findings(findings("m", 6)).run().digested(4).exit(0);
    let (mut digests, mut listed) = (0, 0);
    for event in events(&world) {
        digests +=
            usize::from(event["message"] == "digest posted" && event["findings"] == 4 && event["level"] == "INFO");
        listed += usize::from(event["message"] == "finding summarized in digest" && event["level"] == "DEBUG");
    }
    assert_eq!((digests, listed), (1, 4));
}

fn events(world: &World) -> Vec<Value> {
    let lines = world.last_run().stderr.lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// The lines of the log about deliveries of a finding: message, ID, severity level, channel, its ID, timestamp.
fn deliveries(world: &World, id: &str) -> Vec<Value> {
    let about = events(world).into_iter().filter(|e| e["finding_id"] == id && e["ts"].is_string());
    let fields = ["message", "finding_id", "severity_level", "channel", "channel_id", "ts"];
    about.map(|e| fields.map(|field| e[field].clone()).into_iter().collect()).collect()
}

#[test]
fn findings_beyond_the_limit_are_in_a_digest_that_names_critical_findings() {
    let world = world().env("SLACK_DIGEST_AFTER", "2").findings(findings("m", 30)).findings([
        critical("worst").updated_ago(50),
        high("second"),
        critical("third").updated_ago(40),
    ]);
    let world = world.run().digested(31).posted(["worst", "third"]).exit(0);
    world.run().posted_nothing().exit(0);
}

#[test]
fn a_digest_that_slack_may_have_taken_is_not_repeated() {
    let about_digest = |call: &guardduty_slack_support::journal::Call| {
        call.operation == "chat.postMessage" && !call.detail.starts_with('m') && call.detail.len() > 3
    };
    let world = world().env("SLACK_DIGEST_AFTER", "1").findings(findings("m", 9)).run().digested(8).exit(0);
    let world = world.findings(findings("n", 9)).fault(about_digest, [reset().after_effect()]).run();
    let world = run_until_processed(world);
    let digests = world.slack.messages().into_iter().filter(|m| m.event_type() == "guardduty_digest");
    assert_eq!(digests.map(|m| m.metadata_value("findings")).collect::<Vec<_>>(), ["8", "8"]);
}

#[test]
fn the_first_route_that_matches_wins_with_its_mention_and_drop_drops() {
    let routes = json!([
        { "match": { "severity": ">=7" }, "channel": "#sec-critical", "mention": "<!subteam^S0ONCALL>" },
        { "match": { "type": ["Policy:*"] }, "drop": true },
    ]);
    let findings = [high("paged"), medium("default"), finding_of(Kind::RootUsage, "dropped")];
    let world = world().env("SLACK_ROUTES", routes).findings(findings).run().posted(["paged", "default"]).exit(0);
    let (paged, default) = (world.message_of("paged"), world.message_of("default"));
    assert_eq!((paged.channel.as_str(), default.channel.as_str()), ("C0CRITICAL", "C0SECURITY"));
    assert!(paged.payload.to_string().contains("S0ONCALL") && !default.payload.to_string().contains("S0ONCALL"));
}

#[test]
fn messages_rejected_by_a_channel_go_to_the_default_channel_with_a_note() {
    let routes = json!([{ "match": { "severity": ">=7" }, "channel": "#outside" }]);
    let world = world().env("SLACK_ROUTES", routes).findings([high("f1")]).run().posted(["f1"]).exit(0);
    let message = world.message_of("f1");
    assert_eq!(message.channel, "C0SECURITY");
    assert!(message.visible().contains("outside"), "{}", message.visible());
}

#[test]
fn a_webhook_takes_the_messages_too_and_may_be_throttled() {
    let world = world().webhook().findings([high("f1"), high("f2").updated_ago(60)]);
    let world = world.slack([status(429).retry_after(1), ok()]).run().posted(["f1", "f2"]).exit(0);
    world.run().posted_nothing().exit(0);
}

#[test]
fn a_route_of_a_webhook_names_the_variable_that_holds_another_one() {
    let routes = json!([{ "match": { "severity": ">=7" }, "webhook": "SLACK_WEBHOOK_PAGING" }]);
    let mut world = world().webhook().env("SLACK_ROUTES", routes).findings([high("f1"), medium("f2")]);
    let url = world.webhook_url("PAGING", "C0CRITICAL");
    let world = world.env("SLACK_WEBHOOK_PAGING", url).run().posted(["f1", "f2"]).exit(0);
    assert_eq!(world.message_of("f1").channel, "C0CRITICAL");
}

#[test]
fn untrusted_content_is_rendered_as_text() {
    let evil = "<!channel> <https://evil.example|click> *bold* `code` \u{202e}desrever <@U1>";
    let finding =
        finding_of(Kind::TorCaller, "f1").with("/service/action/awsApiCallAction/userAgent", evil).with("/title", evil);
    let world = world().findings([finding]).run().posted(["f1"]).exit(0);
    let payload = world.message_of("f1").payload;
    for text in mrkdwn(&payload) {
        assert!(!text.contains("<!channel") && !text.contains("<@U1") && !text.contains("evil.example|"), "{text}");
    }
    assert!(!visible(&payload).contains('\u{202e}'));
}

/// The texts in which Slack interprets mrkdwn.
fn mrkdwn(node: &Value) -> Vec<String> {
    match node {
        Value::Array(items) => items.iter().flat_map(mrkdwn).collect(),
        Value::Object(members) if members.get("type").is_some_and(|t| t == "mrkdwn") => {
            vec![members["text"].as_str().unwrap_or_default().to_owned()]
        }
        Value::Object(members) => members.values().flat_map(mrkdwn).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn run_timeout_is_enforced_when_slack_does_not_respond() {
    let world = world().env("RUN_TIMEOUT", "10s").metrics().findings([high("f1")]);
    let world = world.slack([hang().for_ever()]).run().posted([]).exit(1).metric("guardduty_slack_run_success", 0.0);
    run_until_processed(world.clear_faults().env("RUN_TIMEOUT", "8m")).each_delivered_once(["f1"]);
}
