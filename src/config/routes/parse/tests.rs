//! Valid and invalid routes.

use super::*;
use proptest::prelude::*;

fn read(text: &str, kind: SlackAuthKind) -> Result<Vec<Route>, String> {
    let mut faults = ConfigErrors::default();
    let url = |name: &str| match name {
        "SLACK_WEBHOOK_PAGING" => Ok(SecretString::from("https://hooks.example/s3cret")),
        _ => Err(format!("{name} is not set")),
    };
    let Routes(routes) = parse(text, kind, true, &url, &mut faults);
    if faults.is_empty() { Ok(routes) } else { Err(faults.to_string()) }
}

fn faults(text: &str) -> String {
    read(text, SlackAuthKind::Bot).unwrap_err()
}

#[test]
fn a_route_reads_all_its_keys() {
    let routes = read(
        r##"[{"match": {"severity": ">=7", "type": ["CryptoCurrency:*", "*:EC2/*"], "account": ["123456789012"], "region": ["eu-*"],
             "resource": ["EKSCluster", "payments/*"], "tag": ["team=payments"]}, "channel": "#sec-critical", "mention": "<!subteam^S0123>  <@U07>"},
            {"match": {"severity": "<4"}, "drop": true}]"##,
        SlackAuthKind::Bot,
    )
    .unwrap();
    let first = &routes[0];
    assert!(first.matcher.severity.is_some_and(|range| range.contains(7.0) && !range.contains(6.9)));
    assert_eq!(first.matcher.types, [Glob::new("CryptoCurrency:*"), Glob::new("*:EC2/*")]);
    assert_eq!(first.matcher.tags, [Glob::new("team=payments")]);
    assert_eq!(first.mention, Mention::parse("<!subteam^S0123> <@U07>"));
    assert!(matches!(&first.action, RouteAction::Target(Target::Channel(c)) if c == "#sec-critical"));
    assert!(matches!(routes[1].action, RouteAction::Drop));
}

#[test]
fn a_webhook_is_named_by_its_variable_or_by_its_file_s() {
    for name in ["SLACK_WEBHOOK_PAGING", "SLACK_WEBHOOK_PAGING_FILE"] {
        let text = format!(r#"[{{"match": {{"severity": ">=7"}}, "webhook": "{name}"}}]"#);
        let routes = read(&text, SlackAuthKind::Webhook).unwrap();
        assert!(
            matches!(&routes[0].action, RouteAction::Target(Target::Webhook { name, .. }) if name == "SLACK_WEBHOOK_PAGING")
        );
        assert_eq!(webhook_variables(&text), Some(vec!["SLACK_WEBHOOK_PAGING".to_owned()]));
    }
}

#[test]
fn every_error_names_its_location() {
    let many = faults(
        r##"[{"match": {"severity": "7+", "typ": ["*"], "account": [123], "tag": ["payments"]}, "channel": "security"},
            {"match": {}, "channel": "#a", "drop": true}, {"match": {"type": []}}, 7,
            {"match": {"account": ["12345"]}, "webhook": "SLACK_WEBHOOK_PAGING"},
            {"match": {"region": "*"}, "drop": true, "mention": "@here"}]"##,
    );
    insta::assert_snapshot!(many, @r##"
    SLACK_ROUTES[0].match: unknown key "typ": expected one of severity, type, account, region, resource, tag
    SLACK_ROUTES[0].match.severity: invalid severity: expected a comparison such as ">=7" or "<high", a number from 0 to 10, or low, medium, high or critical
    SLACK_ROUTES[0].match.account: invalid glob: expected a string
    SLACK_ROUTES[0].match.tag: "payments": invalid tag: expected key=value
    SLACK_ROUTES[0].channel: invalid channel "security": expected an ID (C…, G…) or a name such as #security
    SLACK_ROUTES[1].match: empty match; use "type": ["*"] to match every finding
    SLACK_ROUTES[1]: conflicting keys: set only one of channel, webhook and drop
    SLACK_ROUTES[2].match.type: invalid value: expected a list of globs such as ["a*", "b"]
    SLACK_ROUTES[2]: no destination: set "channel" (with SLACK_WEBHOOK_URL, "webhook") or "drop": true
    SLACK_ROUTES[3]: invalid route: expected an object such as {"match": {…}, "channel": "#name"}
    SLACK_ROUTES[4].match.account: "12345": invalid account: expected 12 digits or a glob
    SLACK_ROUTES[4].webhook: requires SLACK_WEBHOOK_URL; with SLACK_BOT_TOKEN use "channel": "#name"
    SLACK_ROUTES[5].mention: invalid mention: expected <!here>, <!channel>, <!everyone>, <!subteam^S0123> or <@U0123>
    "##);
    insta::assert_snapshot!(faults(r#"[{"match": "#), @"SLACK_ROUTES: invalid JSON at line 1, column 11");
    insta::assert_snapshot!(faults("{}"), @r##"SLACK_ROUTES: invalid value: expected a JSON array such as [{"match": {…}, "channel": "#name"}]"##);
    let hooks = r##"[{"match": {"type": "*"}, "channel": "#a"}, {"match": {"type": "*"}, "webhook": "https://x"},
        {"match": {"type": "*"}, "webhook": "NOPE"}]"##;
    insta::assert_snapshot!(read(hooks, SlackAuthKind::Webhook).unwrap_err(), @r#"
    SLACK_ROUTES[0].channel: requires SLACK_BOT_TOKEN: a webhook posts to its own channel; use "webhook": "NAME", the variable that contains the URL
    SLACK_ROUTES[1].webhook: invalid variable name: expected the name of the variable that contains the URL, such as SLACK_WEBHOOK_PAGING
    SLACK_ROUTES[2].webhook: NOPE is not set
    "#);
}

#[test]
fn only_slack_s_own_mentions_are_mentions() {
    for good in ["<!here>", "<!channel>", "<!everyone>", "<!subteam^S0123>", "<@U0123>", "<@W0123>"] {
        assert!(Mention::parse(good).is_some(), "{good}");
    }
    for bad in
        ["@here", "<!all>", "<#C0123>", "<https://x>", "<!subteam^0123>", "<@bob>", "<!here", "<!subteam^S01|@x>"]
    {
        assert!(Mention::parse(bad).is_none(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*", json in r#"\[\{"(match|channel|drop|webhook|mention)": (\{"(severity|type|tag)": ("[<>=0-9*]{0,3}"|\[\]|7)\}|null|true|"[A-Z#a-z]{0,3}")\}\]"#) {
        let _ = (read(&text, SlackAuthKind::Any), read(&json, SlackAuthKind::Any));
    }
}

#[test]
fn an_escalation_has_a_time_and_a_mention_and_needs_triage() {
    let route = |escalate: &str| {
        format!(r##"[{{"match": {{"severity": ">=7"}}, "channel": "#sec", "escalate": {escalate}}}]"##)
    };
    let parsed = |text: &str, has_triage| {
        let mut faults = ConfigErrors::default();
        let routes = parse(text, SlackAuthKind::Bot, has_triage, &|_| Err(String::new()), &mut faults);
        (routes.0.first().and_then(|route| route.escalate.clone()), faults.to_string())
    };
    let good = route(r#"{"after": "30m", "mention": "<!subteam^S0123>"}"#);
    let (escalate, faults) = parsed(&good, true);
    assert_eq!(
        escalate.map(|e| (e.after.as_secs(), e.mention)),
        Some((1_800, Mention::parse("<!subteam^S0123>").unwrap())),
        "{faults}"
    );
    assert!(parsed(&good, false).1.contains("SLACK_ROUTES[0].escalate: requires SLACK_TRIAGE"));
    for bad in [
        r#""30m""#,
        "{}",
        r#"{"after": "soon", "mention": "<!here>"}"#,
        r#"{"after": 30, "mention": "<!here>"}"#,
        r#"{"after": "30m"}"#,
        r#"{"mention": "<!here>"}"#,
        r#"{"after": "30m", "mention": "@oncall"}"#,
        r#"{"after": "30m", "mention": "<!here>", "to": "x"}"#,
    ] {
        let faults = parsed(&route(bad), true).1;
        assert!(faults.contains("SLACK_ROUTES[0].escalate"), "{bad}: {faults}");
    }
    let dropped = r#"[{"match": {"type": "*"}, "drop": true, "escalate": {"after": "1h", "mention": "<!here>"}}]"#;
    assert!(parsed(dropped, true).1.contains("cannot be combined with drop"));
}
