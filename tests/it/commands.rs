//! What a person sees at the prompt: configuration, dry runs, preview, check, metrics, secrets.

use guardduty_slack_support::fault::{Step, error, hang, reset, status};
use guardduty_slack_support::findings::{Kind, finding_of, hex_id, high, now};
use guardduty_slack_support::world::{ACCOUNT, REGION, World};

use serde_json::Value;

use crate::kit::{each, world};

#[test]
fn all_configuration_errors_are_reported_before_any_request() {
    let world = world()
        .env("GUARDDUTY_LOOKBACK", "ten minutes")
        .env("SLACK_DIGEST_AFTER", "-1")
        .env("SLACK_CHANEL", "C0OTHER")
        .env("RUN_TIMEOUT", "")
        .run()
        .exit(2)
        .stderr_has("GUARDDUTY_LOOKBACK")
        .stderr_has("SLACK_DIGEST_AFTER")
        .stderr_has("SLACK_CHANEL")
        .stderr_has("SLACK_CHANNEL");
    assert!(world.journal().is_empty());
}

#[test]
fn help_lists_every_variable_and_version_prints_the_version() {
    let world = world().run_with(&["--help"], b"").exit(0).stdout_has("GUARDDUTY_LOOKBACK").stdout_has("10m");
    let world = world.run_with(&["--version"], b"").exit(0).stdout_has(env!("CARGO_PKG_VERSION"));
    world.run_with(&["frobnicate"], b"").exit(2);
}

#[test]
fn dry_run_prints_without_posting_saving_or_pushing() {
    let world = world().configmap().metrics().env("DRY_RUN", "1").findings([high("f1")]).run().posted_nothing().exit(0);
    let world = world.stdout_has("guardduty_finding").stdout_has("f1");
    assert_eq!(world.state_text(), None);
    assert!(world.journal().of("PUT").is_empty() && world.journal().of("POST").is_empty());
    world.env_remove("DRY_RUN").run().posted(["f1"]).exit(0);
}

#[test]
fn preview_prints_the_messages_without_a_configuration_or_a_network() {
    let document = finding_of(Kind::Mining, &hex_id("f")).document(ACCOUNT, REGION, &hex_id("d"), now());
    let mut world = world();
    for name in ["SLACK_BOT_TOKEN", "SLACK_CHANNEL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        world = world.env_remove(name);
    }
    let world = world.run_with(&["preview"], document.to_string().as_bytes()).exit(0);
    assert!(world.journal().is_empty());
    world.stdout_has("guardduty_finding").stdout_has(&hex_id("f"));
}

#[test]
fn check_verifies_the_setup_without_posting() {
    let world = world().configmap().metrics().run_with(&["check"], b"").posted_nothing().exit(0);
    assert_eq!(world.state_text(), None);
    let world = world.fault(|call| call.operation == "ListFindings", [error("AccessDeniedException").for_ever()]);
    let world = world.env("SLACK_CHANNEL", "C0OUTSIDE").run_with(&["check"], b"").posted_nothing();
    assert_ne!(world.last_run().code, Some(0));
    let output = format!("{}{}", world.last_run().stdout, world.last_run().stderr);
    assert!(output.contains("ListFindings") && output.contains("C0OUTSIDE"), "{output}");
}

#[test]
fn check_fails_where_nothing_would_be_polled() {
    let world = world().env("GUARDDUTY_REGIONS", "sa-east-1").run_with(&["check"], b"").exit(1);
    assert!(world.last_run().stdout.contains("nothing would be polled"), "{}", world.last_run().stdout);
    world.env("GUARDDUTY_REGIONS", format!("sa-east-1,{REGION}")).run_with(&["check"], b"").exit(0);
}

#[test]
fn check_asks_for_the_names_of_accounts_where_they_are_wanted() {
    let world = world().env("ACCOUNT_NAMES", "organization").on("ListAccounts", [error("AccessDeniedException")]);
    let world = world.run_with(&["check"], b"").exit(0);
    assert!(world.last_run().stdout.contains("warn  account names"), "{}", world.last_run().stdout);
}

#[test]
fn check_reports_an_invalid_token_once() {
    let world = world().on("auth.test", [error("invalid_auth").for_ever()]).run_with(&["check"], b"").exit(1);
    assert_eq!(world.last_run().stdout.matches("FAIL").count(), 1, "{}", world.last_run().stdout);
}

#[test]
fn check_reports_an_unreadable_state_once_with_a_hint() {
    let lost = |step: Step| world().configmap().fault(|call| call.service == "kubernetes", [step.for_ever()]);
    let unreadable = [
        (lost(status(403)), "allow get and patch on this ConfigMap in the Role"),
        (lost(status(404)), "recreate it in namespace guardduty"),
        (lost(reset()), "check that the API server responds"),
        (world().configmap().set_state("[]"), "see docs/operations.md#corrupt-state"),
        (world().set_state("{\"version\": 99}"), "use the newer release again"),
    ];
    for (world, hint) in unreadable {
        let world = world.run_with(&["check"], b"").posted_nothing().exit(1).stdout_has(hint);
        assert_eq!(world.last_run().stdout.matches("FAIL").count(), 1, "{}", world.last_run().stdout);
    }
}

#[test]
fn check_verifies_write_access_during_a_run() {
    let world = world().configmap().on("patch configmaps", [status(409)]);
    world.run_with(&["check"], b"").exit(0).stdout_has("write         permitted");
}

#[test]
fn check_describes_a_pending_replay() {
    for (text, code, output) in [("6h", 0, "announces again"), ("six hours", 1, "FAIL  replay")] {
        let world = world().configmap();
        world.kubernetes.clone().unwrap().set("replay", Some(text));
        world.run_with(&["check"], b"").exit(code).stdout_has(output);
    }
}

#[test]
fn check_posts_a_labeled_sample_message_on_request() {
    let world = world().run_with(&["check", "--post"], b"").exit(0);
    let posted = world.new_messages();
    assert_eq!(
        posted.iter().map(guardduty_slack_support::slack::Message::event_type).collect::<Vec<_>>(),
        ["guardduty_notice"]
    );
    world.stdout_has("metadata guardduty_notice").stdout_has("read back as written");
}

const EVENT_TYPES: [&str; 5] =
    ["guardduty_notice", "guardduty_finding", "guardduty_reply", "guardduty_digest", "guardduty_summary"];

#[test]
fn check_reads_back_the_metadata_of_each_event_type_and_leaves_one_test_message() {
    let world = world().run_with(&["check", "--post"], b"").exit(0);
    let messages = world.slack.messages();
    let [test_message] = &messages[..] else { panic!("{:#?}", world.lines()) };
    assert_eq!(test_message.event_type(), "guardduty_notice");
    assert!(test_message.versions.iter().all(|version| version["text"] == test_message.payload["text"]));
    let written = test_message.versions.iter().map(|version| version["metadata"]["event_type"].as_str().unwrap());
    assert_eq!(written.take(EVENT_TYPES.len()).collect::<Vec<_>>(), EVENT_TYPES);
    let stdout = &world.last_run().stdout;
    assert_eq!(stdout.matches("read back as written").count(), EVENT_TYPES.len(), "{stdout}");
}

#[test]
fn check_fails_for_an_event_type_whose_metadata_is_discarded() {
    for event_type in EVENT_TYPES {
        let world = world();
        world.slack.discard_metadata(event_type);
        let world = world.run_with(&["check", "--post"], b"").exit(1);
        let stdout = &world.last_run().stdout;
        let failed: Vec<&str> = stdout.lines().filter(|line| line.starts_with("FAIL")).collect();
        assert!(failed.len() == 1 && failed[0].contains(event_type), "{stdout}");
        let left = world.slack.messages();
        assert!(left.len() == 1 && !left[0].payload.to_string().contains("guardduty_finding"), "{:#?}", world.lines());
    }
}

#[test]
fn check_warns_if_the_metadata_of_the_test_message_cannot_be_read_back() {
    let world = world().on("conversations.history", [error("missing_scope").for_ever()]);
    let world = world.run_with(&["check", "--post"], b"").exit(0);
    assert!(
        world.last_run().stdout.contains("not verified: app rejected: missing_scope"),
        "{}",
        world.last_run().stdout
    );
}

#[test]
fn check_validates_the_blocks_of_each_kind_of_message_where_slack_offers_it() {
    for (answer, shown) in [
        (None, "Slack message blocks                          accepted"),
        (Some("unknown_method"), "not verified: blocks.validate is not available"),
        (Some("invalid_blocks"), "Slack rejects the blocks of a finding: invalid_blocks"),
    ] {
        let faults = answer.map(|code| error(code).for_ever());
        let world = world().on("blocks.validate", faults).run_with(&["check"], b"").exit(0);
        assert!(world.last_run().stdout.contains(shown), "{}", world.last_run().stdout);
        assert!(world.new_messages().is_empty());
    }
}

#[test]
fn failed_run_does_not_change_the_last_success_metric() {
    let world = world().metrics().findings([high("f1")]).run().exit(0).metric("guardduty_slack_run_success", 1.0);
    let success = "guardduty_slack_last_success_timestamp_seconds";
    let pushgateway = world.pushgateway.clone().unwrap();
    let before = pushgateway.value(success);
    assert!(before.is_some(), "{}", pushgateway.text());
    let world = world.on("ListFindings", [error("AccessDeniedException").for_ever()]).run().exit(1);
    assert_eq!(pushgateway.value(success), before);
    world.metric("guardduty_slack_run_success", 0.0);
}

#[test]
fn metrics_show_the_floor_the_features_and_what_could_not_be_fetched() {
    let source = r#"account="111122223333",region="eu-west-1""#;
    let pending = format!("guardduty_slack_pending_findings{{{source}}}");
    let world = world().metrics().findings([high("withheld").updated_ago(100), high("f2").updated_ago(50)]);
    world.aws.omit_from_get_findings(["withheld"]);
    let world = world.run().posted(["f2"]).exit(1).metric(&pending, 1.0);
    world.aws.omit_from_get_findings([]);
    let world = world.run().posted(["withheld"]).exit(0).metric(&pending, 0.0);
    let value = |name: &str| world.pushgateway.clone().unwrap().value(&format!("guardduty_slack_{name}{{{source}}}"));
    let (floor, watermark) = (value("source_floor_timestamp_seconds"), value("source_watermark_timestamp_seconds"));
    assert!(floor.is_some() && floor <= watermark, "{floor:?} {watermark:?}");
    for (feature, enabled) in [("S3_DATA_EVENTS", 0.0), ("RDS_LOGIN_EVENTS", 1.0)] {
        let labels = source.replacen(',', &format!(",feature=\"{feature}\","), 1);
        let text = world.pushgateway.clone().unwrap().value(&format!("guardduty_slack_feature_enabled{{{labels}}}"));
        assert_eq!(text, Some(enabled), "{feature}");
    }
}

#[test]
fn permissions_that_are_missing_for_watching_are_one_warning_per_source() {
    let denied = ["GetDetector", "ListFilters", "ListIPSets"];
    let world = world().findings([high("f1")]);
    let world =
        denied.iter().fold(world, |world, operation| world.on(operation, [error("AccessDeniedException").for_ever()]));
    let world = world.run().posted(["f1"]).exit(0);
    let warnings: Vec<&str> = world.last_run().stderr.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(denied.iter().all(|operation| warnings[0].contains(operation)), "{warnings:?}");
}

#[test]
fn run_delivers_when_the_log_is_not_writable() {
    let to_a_full_disk = r#"exec "$0" "$@" >/dev/full 2>/dev/full"#;
    let program = ["sh", "-c", to_a_full_disk, env!("CARGO_BIN_EXE_guardduty-slack")].map(Into::into);
    let world = World::with_program(program.into()).findings([high("f1")]).run().posted(["f1"]).exit(0);
    world.run_with(&["--help"], b"").exit(1);
}

#[test]
fn a_full_standard_output_exits_with_1_and_a_closed_pipe_ends_quietly() {
    let document = finding_of(Kind::Mining, &hex_id("f")).document(ACCOUNT, REGION, &hex_id("d"), now()).to_string();
    let shell = |script: &str| {
        let program = ["sh", "-c", script, env!("CARGO_BIN_EXE_guardduty-slack")].map(Into::into);
        World::with_program(program.into()).findings([high("f1")])
    };
    let full = shell(r#"exec "$0" "$@" >/dev/full"#).env("DRY_RUN", "true");
    let full = full.run_with(&["--help"], b"").exit(1).stderr_has("cannot write to standard output");
    let full = full.run_with(&["check"], b"").exit(1).run_with(&["preview"], document.as_bytes()).exit(1);
    full.run_with(&["run"], b"").exit(1).stderr_has("cannot write to standard output");
    let closed = shell(r#"{ "$0" "$@"; echo "exit $?" >&2; } | true"#);
    let closed = closed.run_with(&["preview"], format!("{document}\n").repeat(400).as_bytes());
    assert_eq!(closed.last_run().stderr.lines().last(), Some("exit 0"), "{}", closed.last_run().tail());
}

#[test]
fn each_command_has_a_help_of_its_own_and_an_unknown_one_exits_with_2() {
    let world = world().run_with(&["check", "--help"], b"").exit(0).stdout_has("--json");
    assert!(!world.last_run().stdout.contains("GUARDDUTY_LOOKBACK"), "{}", world.last_run().stdout);
    let world = world.run_with(&["frobnicate", "--help"], b"").exit(2).stderr_has("frobnicate");
    world.run_with(&["preview", "--json"], b"").exit(2).stderr_has("--json");
}

#[test]
fn check_prints_its_table_as_one_json_document() {
    let world = world().env("SLACK_CHANNEL", "C0OUTSIDE").run_with(&["check", "--json"], b"").posted_nothing().exit(1);
    let table: Value = serde_json::from_str(&world.last_run().stdout).unwrap();
    let checks = table["checks"].as_array().unwrap();
    let channel = checks.iter().find(|check| check["check"] == "Slack C0OUTSIDE").unwrap();
    assert_eq!((&table["failed"], &channel["status"]), (&1.into(), &"failed".into()));
    assert!(channel["hint"].as_str().is_some_and(|hint| hint.contains("invite")), "{channel}");
}

#[test]
fn a_hint_about_permissions_is_given_only_where_access_was_denied() {
    let failing = |step: Step| {
        let world = world().env("AWS_MAX_ATTEMPTS", 1).on("ListFindings", [step.for_ever()]);
        let world = world.run_with(&["check"], b"").exit(1);
        let stdout = world.last_run().stdout.clone();
        stdout.split_once("ListFindings").expect("the row that fails").1.lines().nth(1).unwrap_or_default().to_owned()
    };
    assert!(failing(error("AccessDeniedException")).contains("allow guardduty:ListDetectors"));
    assert!(failing(status(500)).contains("internal error"));
    assert!(failing(error("ThrottlingException")).contains("rate of requests"));
}

#[test]
fn a_dry_run_names_the_channel_of_each_message_and_marks_every_line_of_its_log() {
    let world =
        world().env("DRY_RUN", "true").env("LOG_FORMAT", "json").findings([high("f1")]).run().posted_nothing().exit(0);
    let message: Value = world
        .last_run()
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|message: &Value| message["metadata"]["event_payload"]["finding_id"] == "f1")
        .expect("it is printed");
    assert_eq!(message["channel"], "C0SECURITY");
    for line in world.last_run().stderr.lines() {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["dry_run"], true, "{line}");
        assert!(!line.contains("delivered"), "{line}");
    }
    assert!(
        world.last_run().stderr.lines().last().is_some_and(|line| line.contains("dry run finished")),
        "{}",
        world.last_run().tail()
    );
}

#[test]
fn pushgateway_failure_does_not_fail_the_run() {
    each(vec![hang(), status(500), reset()], 3, |step| {
        let world =
            world().metrics().findings([high("f1")]).fault(|call| call.service == "pushgateway", [step.for_ever()]);
        world.run().posted(["f1"]).exit(0);
    });
}

#[test]
fn no_secret_is_printed_at_the_finest_log_level_whatever_goes_wrong() {
    let mut world = world().configmap().metrics().env("RUST_LOG", "trace").findings([high("f1"), high("f2")]);
    world = world
        .env("PUSHGATEWAY_USERNAME", "prom")
        .env("PUSHGATEWAY_PASSWORD", "fakePushPassword")
        .secret("fakePushPassword");
    world = world.secret("cHJvbTpmYWtlUHVzaFBhc3N3b3Jk"); // the same as basic auth
    let world = world
        .on("ListFindings", [reset(), error("ThrottlingException")])
        .on("get configmaps", [status(503)])
        .slack([status(429).retry_after(1), reset(), error("invalid_blocks")])
        .on("auth.test", [reset()])
        .fault(|call| call.service == "pushgateway", [reset()]);
    world.run(); // what was printed is searched after every run
}

#[test]
fn no_webhook_is_printed_at_the_finest_log_level_whatever_goes_wrong() {
    let mut world = world().webhook().env("RUST_LOG", "trace").findings([high("f1")]);
    let (paging, routes) = (
        world.webhook_url("PAGING", "C0CRITICAL"),
        r#"[{"match":{"severity":">=7"},"webhook":"SLACK_WEBHOOK_PAGING"}]"#,
    );
    let world = world.env("SLACK_WEBHOOK_PAGING", paging).env("SLACK_ROUTES", routes).env("RUN_TIMEOUT", "12s");
    world.slack([status(404), reset(), hang()]).run();
}

#[test]
fn a_secret_may_come_from_a_file_with_a_trailing_newline() {
    let world = world().findings([high("f1")]).env_remove("SLACK_BOT_TOKEN");
    let path = world.folder.path().join("bot-token");
    std::fs::write(&path, format!("{}\n", guardduty_slack_support::slack::TOKEN)).unwrap();
    world.env("SLACK_BOT_TOKEN_FILE", path.display()).run().posted(["f1"]).exit(0);
}

#[test]
fn loopback_is_never_asked_through_a_proxy() {
    let nowhere = "http://127.0.0.1:9";
    let world = world().findings([high("f1")]).env("HTTPS_PROXY", nowhere).env("HTTP_PROXY", nowhere);
    world.env("https_proxy", nowhere).env("http_proxy", nowhere).run().posted(["f1"]).exit(0);
}
