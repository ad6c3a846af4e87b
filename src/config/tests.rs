//! The configuration, with the errors that a user sees.

use std::time::Duration;

use super::*;

const TOKEN: &str = "xoxb-1-2-tokenS3cret";
const HOOK: &str = "https://hooks.slack.com/services/T0/B0/hookS3cret";

fn pairs(vars: &[(&str, &str)]) -> Vec<(String, String)> {
    vars.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

/// A configuration with a bot token, a channel and these variables. A blank value removes a variable.
fn with(vars: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let mut all = pairs(&[("SLACK_BOT_TOKEN", TOKEN), ("SLACK_CHANNEL", "C0SECURITY"), ("PATH", "/bin")]);
    all.retain(|(name, _)| vars.iter().all(|(n, _)| n != name));
    all.extend(pairs(vars));
    Config::from_env(all, false)
}

fn faults(vars: &[(&str, &str)]) -> String {
    with(vars).map_or_else(|f| f.to_string(), |_| "no fault".to_owned())
}

#[test]
fn minimal_configuration_has_the_documented_defaults() {
    let c = with(&[]).unwrap();
    assert_eq!(c.aws.regions, Regions::Default);
    assert_eq!(c.aws.roles, [Role::Pod]);
    assert_eq!((c.lookback, c.overlap), (Duration::from_mins(10), Duration::from_mins(15)));
    assert_eq!((c.run_timeout, c.lease), (Duration::from_mins(8), Duration::from_mins(1)));
    assert_eq!((c.slack.digest_after, c.slack.remind_after), (Some(20), Duration::from_hours(6)));
    assert_eq!(c.slack.api_url, "https://slack.com/api");
    assert_eq!((c.filter.min_severity, c.filter.samples), (0.0, SamplePolicy::Show));
    let expected = StateConfig {
        file: "guardduty-slack-state/watermark.json".into(),
        configmap: None,
        service_account: "/var/run/secrets/kubernetes.io/serviceaccount".into(),
    };
    assert_eq!(c.state, expected);
    assert_eq!(c.log, LogConfig { format: LogFormat::Json, filter: "info".parse().unwrap(), dry_run: false });
    assert!(c.watch && !c.dry_run && c.pushgateway.is_none() && c.routes.0.is_empty());
}

#[test]
fn every_variable_is_read() {
    let c = with(&[
        ("GUARDDUTY_REGIONS", " eu-west-1, us-gov-west-1,eu-west-1,"),
        ("GUARDDUTY_ROLE_ARNS", "self,arn:aws-cn:iam::123456789012:role/path/reader"),
        ("GUARDDUTY_EXTERNAL_ID", "abc/1"),
        ("GUARDDUTY_MIN_SEVERITY", "high"),
        ("GUARDDUTY_INCLUDE_TYPES", "*:EC2/*, Recon:*"),
        ("SLACK_RECURRENCE", "repost"),
        ("SLACK_DIGEST_AFTER", "0"),
        ("GUARDDUTY_SAMPLES", "drop"),
        ("GUARDDUTY_WATCH", "0"),
        ("ACCOUNT_NAMES", "123456789012=prod eu, 210987654321=dev"),
        ("CONSOLE_PORTAL_URL", "https://corp.awsapps.com/start/"),
        ("CONSOLE_PORTAL_ROLE", "SecurityAudit"),
        ("RUNBOOK_URL", "https://wiki.example/{type}"),
        ("STATE_CONFIGMAP", "guardduty-slack-state"),
        ("PUSHGATEWAY_URL", "http://gateway:9091/"),
        ("PUSHGATEWAY_LABELS", "cluster=blue,env=a/b"),
        ("PUSHGATEWAY_USERNAME", "pusher"),
        ("PUSHGATEWAY_PASSWORD", " pass word "),
        ("DRY_RUN", "1"),
        ("LOG_FORMAT", "text"),
        ("RUST_LOG", "warn,guardduty_slack=debug"),
    ])
    .unwrap();
    assert_eq!(c.aws.regions, Regions::List(vec!["eu-west-1".into(), "us-gov-west-1".into()]));
    assert_eq!(c.aws.roles, [Role::Pod, Role::Arn("arn:aws-cn:iam::123456789012:role/path/reader".into())]);
    assert_eq!(c.filter.min_severity, 7.0);
    assert_eq!(c.filter.include.len(), 2);
    assert_eq!((c.slack.recurrence, c.slack.digest_after), (RecurrencePolicy::Repost, None));
    assert!(matches!(&c.wording.account_names, AccountNames::Map(m) if m["123456789012"] == "prod eu"));
    assert_eq!(
        c.wording.portal,
        Some(ConsolePortal { url: "https://corp.awsapps.com/start".into(), role: "SecurityAudit".into() })
    );
    let gateway = c.pushgateway.unwrap();
    assert_eq!((gateway.url.as_str(), gateway.labels["env"].as_str()), ("http://gateway:9091", "a/b"));
    assert_eq!(secrecy::ExposeSecret::expose_secret(&gateway.auth.unwrap().password), " pass word ");
    assert!(c.dry_run && !c.watch);
    assert_eq!(
        c.log,
        LogConfig { format: LogFormat::Text, filter: "warn,guardduty_slack=debug".parse().unwrap(), dry_run: true }
    );
}

#[test]
fn all_errors_are_reported_with_the_variable_name() {
    let errors = faults(&[
        ("GUARDDUTY_REGIONS", "eu-west-1,all"),
        ("GUARDDUTY_ROLE_ARNS", "arn:aws:iam::123:role/x"),
        ("GUARDDUTY_MIN_SEVERITY", "urgent"),
        ("GUARDDUTY_LOOKBACK", "tomorrow"),
        ("SLACK_DIGEST_AFTER", "-3"),
        ("RUN_TIMEOUT", "8 parsecs"),
        ("RUN_LEASE", "1s"),
        ("SLACK_ROUTES", "[{\"match\": "),
        ("SLACK_RECURRENCE", "sometimes"),
        ("GUARDDUTY_SAMPLES", "maybe"),
        ("DRY_RUN", "perhaps"),
        ("SLACK_CHANNEL", ""),
        ("ACCOUNT_NAMES", "prod=123456789012"),
        ("CONSOLE_PORTAL_URL", "https://corp.awsapps.com/start"),
        ("RUNBOOK_URL", "https://{account}.example"),
        ("STATE_CONFIGMAP", "Guardduty_State"),
        ("PUSHGATEWAY_LABELS", "region=eu"),
        ("PUSHGATEWAY_USERNAME", "pusher"),
        ("PUSHGATEWAY_URL", "gateway:9091"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "info,=,"),
        ("GUARDDUTY_REGION", "eu-west-1"),
    ]);
    insta::assert_snapshot!(errors, @r#"
    GUARDDUTY_REGION: unknown variable; did you mean GUARDDUTY_REGIONS?
    GUARDDUTY_ROLE_ARNS: invalid role "arn:aws:iam::123:role/x": expected arn:aws:iam::123456789012:role/name, or self
    GUARDDUTY_REGIONS: invalid region list: "all" cannot be combined with region names; all,-us-east-1 excludes one
    GUARDDUTY_MIN_SEVERITY: invalid severity "urgent": expected low, medium, high, critical, or a number from 0 to 10
    GUARDDUTY_SAMPLES: invalid value "maybe": expected show or drop
    SLACK_CHANNEL: not set: required with a bot token; expected a channel ID or #name
    SLACK_ROUTES: invalid JSON at line 1, column 11
    SLACK_RECURRENCE: invalid value "sometimes": expected update, repost or ignore
    SLACK_DIGEST_AFTER: invalid number "-3": expected a non-negative integer
    GUARDDUTY_LOOKBACK: invalid duration "tomorrow": expected a value such as 90s, 10m, 6h or 1d
    CONSOLE_PORTAL_ROLE: not set: required with CONSOLE_PORTAL_URL
    ACCOUNT_NAMES: invalid account name entry "prod=123456789012": expected 123456789012=prod,…, or organization
    RUNBOOK_URL: invalid template: the host must not contain placeholders or credentials; use placeholders in the path or query
    STATE_CONFIGMAP: invalid ConfigMap name "Guardduty_State": expected lowercase letters, digits, "-" and "."
    PUSHGATEWAY_URL: invalid URL: expected https://host/path
    PUSHGATEWAY_LABELS: invalid label region: reserved by the metrics; choose another name
    PUSHGATEWAY_PASSWORD: not set: required with PUSHGATEWAY_USERNAME (or set PUSHGATEWAY_PASSWORD_FILE)
    RUN_TIMEOUT: invalid duration "8 parsecs": expected a value such as 90s, 10m, 6h or 1d
    RUN_LEASE: invalid duration "1s": must be at least 2s
    DRY_RUN: invalid boolean "perhaps": expected true, false, 1 or 0
    LOG_FORMAT: invalid value "xml": expected json or text
    RUST_LOG: invalid log filter "info,=,": expected a level such as info, or target=level,…
    "#);
}

#[test]
fn regions_can_be_excluded_from_all() {
    let regions = |text: &str| with(&[("GUARDDUTY_REGIONS", text)]).map(|c| c.aws.regions);
    let except = |list: &[&str]| Ok(Regions::All { except: list.iter().map(|r| (*r).to_owned()).collect() });
    assert_eq!(regions("all"), except(&[]));
    assert_eq!(regions("-us-east-1, all, -me-central-1"), except(&["us-east-1", "me-central-1"]));
    for wrong in ["-us-east-1", "eu-west-1,-us-east-1", "all,eu-west-1", "all,--us-east-1", "all,-", "all,-all"] {
        assert!(regions(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn regions_are_validated_by_their_form() {
    for name in ["eu-west-1", "us-gov-west-1", "eusc-de-east-1", "us-isob-east-1", "ap-southeast-7", "mx-central-1"] {
        assert!(with(&[("GUARDDUTY_REGIONS", name)]).is_ok(), "{name}");
    }
    for name in ["eu-west", "eu-west-1a", "EU-WEST-1", "euwest1", "eu_west_1", "eu--1", "west-1"] {
        assert!(with(&[("GUARDDUTY_REGIONS", name)]).is_err(), "{name}");
    }
}

#[test]
fn missing_settings_are_reported_together() {
    let missing = [("SLACK_BOT_TOKEN", ""), ("SLACK_CHANNEL", ""), ("AWS_EC2_METADATA_DISABLED", "true")];
    insta::assert_snapshot!(faults(&missing), @r"
    AWS_REGION: not set: required unless GUARDDUTY_REGIONS lists regions
    SLACK_BOT_TOKEN: not set: set it, SLACK_BOT_TOKEN_FILE or SLACK_WEBHOOK_URL
    SLACK_CHANNEL: not set: required with a bot token; expected a channel ID or #name
    ");
}

#[test]
fn the_nearest_known_variable_is_named() {
    for (wrong, near) in [
        ("GUARDDUTY_REGION", "GUARDDUTY_REGIONS"),
        ("SLACK_CHANEL", "SLACK_CHANNEL"),
        ("PUSHGATEWAY_USER_NAME", "PUSHGATEWAY_USERNAME"),
        ("SLACK_BOT_TOKEN_FILES", "SLACK_BOT_TOKEN_FILE"),
        ("SLACK_CHANNEL_FILE", "SLACK_CHANNEL"),
    ] {
        assert_eq!(faults(&[(wrong, "x")]), format!("{wrong}: unknown variable; did you mean {near}?"));
    }
}

#[test]
fn blank_injected_and_unrelated_variables_are_accepted() {
    with(&[
        ("SLACK_WEBHOOK_URL", ""),
        ("GUARDDUTY_ROLE_ARNS", " "),
        ("SLACK_ROUTES", ""),
        ("RUN_TIMEOUT", ""),
        ("SLACK_UNKNOWN", ""),
        ("PUSHGATEWAY_SERVICE_HOST", "10.0.0.7"),
        ("PUSHGATEWAY_PORT", "tcp://10.0.0.7:9091"),
        ("guardduty_regions", "lower case is another variable"),
    ])
    .unwrap();
}

#[test]
fn exactly_one_of_bot_token_and_webhook_is_required() {
    let missing = ("SLACK_BOT_TOKEN", "");
    insta::assert_snapshot!(faults(&[missing]), @"SLACK_BOT_TOKEN: not set: set it, SLACK_BOT_TOKEN_FILE or SLACK_WEBHOOK_URL");
    insta::assert_snapshot!(faults(&[("SLACK_WEBHOOK_URL", HOOK)]), @"SLACK_WEBHOOK_URL: cannot be combined with SLACK_BOT_TOKEN; unset one of them");
    insta::assert_snapshot!(faults(&[("SLACK_BOT_TOKEN", "xapp-1-s3cret")]), @"SLACK_BOT_TOKEN: invalid bot token: expected a token that starts with xoxb- (OAuth & Permissions, Bot User OAuth Token)");
    insta::assert_snapshot!(faults(&[("SLACK_CHANNEL", "security")]), @r#"SLACK_CHANNEL: invalid channel "security": expected an ID (C…, G…) or a name such as #security"#);
    insta::assert_snapshot!(faults(&[missing, ("SLACK_BOT_TOKEN_FILE", "/nowhere/token")]), @r#"SLACK_BOT_TOKEN_FILE: cannot read secret file "/nowhere/token": No such file or directory (os error 2)"#);
    let webhook = with(&[missing, ("SLACK_CHANNEL", ""), ("SLACK_WEBHOOK_URL", HOOK)]).unwrap();
    assert!(matches!(webhook.slack.access, SlackAuth::Webhook { .. }));
}

#[test]
fn a_route_s_webhook_is_known_and_may_be_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("paging");
    std::fs::write(&path, format!("{HOOK}\n")).unwrap();
    let base = [("SLACK_BOT_TOKEN", ""), ("SLACK_CHANNEL", ""), ("SLACK_WEBHOOK_URL", HOOK)];
    let route = ("SLACK_ROUTES", r#"[{"match": {"severity": ">=7"}, "webhook": "SLACK_WEBHOOK_PAGING"}]"#);
    let path = path.display().to_string();
    for given in [("SLACK_WEBHOOK_PAGING", HOOK), ("SLACK_WEBHOOK_PAGING_FILE", path.as_str())] {
        let c = with(&[&base[..], &[route, given]].concat()).unwrap();
        let RouteAction::Target(Target::Webhook { name, url }) = &c.routes.0[0].action else { panic!("no webhook") };
        assert_eq!((name.as_str(), secrecy::ExposeSecret::expose_secret(url)), ("SLACK_WEBHOOK_PAGING", HOOK));
    }
    insta::assert_snapshot!(faults(&[&base[..], &[route]].concat()), @"SLACK_ROUTES[0].webhook: variable SLACK_WEBHOOK_PAGING is not set: set it, or SLACK_WEBHOOK_PAGING_FILE, to the webhook URL");
    insta::assert_snapshot!(faults(&[&base[..], &[route, ("SLACK_WEBHOOK_PAGING", "s3cret")]].concat()), @"SLACK_ROUTES[0].webhook: variable SLACK_WEBHOOK_PAGING: invalid URL: expected https://host/path");
    insta::assert_snapshot!(faults(&[&base[..], &[route, ("SLACK_WEBHOOK_PAGING_FILE", "/nowhere/x")]].concat()), @r#"
    SLACK_WEBHOOK_PAGING_FILE: cannot read secret file "/nowhere/x": No such file or directory (os error 2)
    SLACK_ROUTES[0].webhook: cannot read the file of SLACK_WEBHOOK_PAGING
    "#);
    let broken = ("SLACK_ROUTES", r#"[{"webhook": "SLACK_WEBHOOK_PAGING""#);
    insta::assert_snapshot!(faults(&[&base[..], &[broken, ("SLACK_WEBHOOK_PAGING", HOOK)]].concat()), @"SLACK_ROUTES: invalid JSON at line 1, column 35");
}

#[test]
fn preview_needs_nothing_and_still_finds_faults() {
    let c = Config::for_preview(Vec::new(), false).unwrap();
    assert!(matches!(c.slack.access, SlackAuth::Bot { channel, .. } if channel == "SLACK_CHANNEL"));
    let route = r##"[{"match": {"type": "*"}, "webhook": "W"}, {"match": {"type": "*"}, "channel": "#a"}]"##;
    assert_eq!(Config::for_preview(pairs(&[("SLACK_ROUTES", route)]), false).unwrap().routes.0.len(), 2);
    assert!(Config::for_preview(pairs(&[("SLACK_ROUTES", "{}")]), false).is_err());
    // The configuration of a Pod, without its mounted secrets.
    let pod = pairs(&[("SLACK_WEBHOOK_URL_FILE", "/nowhere/url"), ("SLACK_ROUTES", route), ("W_FILE", "/nowhere/w")]);
    assert!(Config::for_preview(pod, false).is_ok());
}

#[test]
fn no_secret_is_shown_by_debug_or_in_a_fault() {
    let secrets = ["tokenS3cret", "hookS3cret", "passS3cret", "pagingS3cret", "userS3cret"];
    let quiet = |text: &str| secrets.iter().all(|s| !text.contains(s));
    let paging = "https://hooks.slack.com/services/T0/B0/pagingS3cret";
    let gateway =
        [("PUSHGATEWAY_URL", "http://g"), ("PUSHGATEWAY_USERNAME", "u"), ("PUSHGATEWAY_PASSWORD", "passS3cret")];
    let route = ("SLACK_ROUTES", r#"[{"match": {"type": "*"}, "webhook": "SLACK_PAGING"}]"#);
    let hooks = [("SLACK_BOT_TOKEN", ""), ("SLACK_WEBHOOK_URL", HOOK), ("SLACK_PAGING", paging), route];
    for config in [with(&gateway), with(&[&gateway[..], &hooks].concat())] {
        let shown = format!("{:?}", config.unwrap());
        assert!(quiet(&shown) && shown.contains("REDACTED"), "{shown}");
    }
    // Each secret in each variable, invalid or in the wrong variable.
    let userinfo = "http://userS3cret:passS3cret@gateway";
    for v in VARIABLES {
        for value in [TOKEN, HOOK, paging, userinfo] {
            if let Err(faults) =
                with(&[&gateway[..2], &[("PUSHGATEWAY_PASSWORD", "passS3cret"), (v.name, value)]].concat())
            {
                assert!(quiet(&format!("{faults} {faults:?}")), "{faults}");
            }
        }
    }
    let wrong = [
        ("SLACK_BOT_TOKEN", "tokenS3cret with blanks"),
        ("SLACK_WEBHOOK_URL", "hookS3cret"),
        ("SLACK_PAGING", "pagingS3cret"),
        route,
    ];
    let faults = with(&wrong).unwrap_err();
    assert!(quiet(&format!("{faults} {faults:?}")), "{faults}");
}

proptest::proptest! {
    #[test]
    fn no_value_of_any_variable_makes_it_panic(n in 0..VARIABLES.len(), value in "\\PC{0,40}|[-a-z0-9:/{}<>@#.,=*\\[\\]]{0,40}") {
        let _ = with(&[(VARIABLES[n].name, value.as_str())]).map_err(|f| f.to_string());
    }
}

#[test]
fn the_account_of_a_role_is_in_its_arn() {
    assert_eq!(Role::Arn("arn:aws:iam::111122223333:role/reader".into()).account(), Some("111122223333"));
    assert_eq!(Role::Pod.account(), None);
    assert_eq!(account_of_arn("arn:aws:s3:::bucket"), None);
}
