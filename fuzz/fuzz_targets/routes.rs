//! Parses `SLACK_ROUTES` and other variables with a structure.
#![no_main]

use guardduty_slack::config::{Config, RouteAction};
use guardduty_slack::mention::Mention;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const TOKEN: &str = "xoxb-1-s3cret";
const OTHERS: [&str; 8] = [
    "ACCOUNT_NAMES",
    "RUNBOOK_URL",
    "PUSHGATEWAY_LABELS",
    "GUARDDUTY_REGIONS",
    "GUARDDUTY_ROLE_ARNS",
    "GUARDDUTY_LOOKBACK",
    "SLACK_CHANNEL",
    "RUST_LOG",
];

fuzz_target!(|text: &str| {
    if let Some(config) = config("SLACK_ROUTES", text) {
        let given = serde_json::from_str::<Vec<Value>>(text).unwrap_or_default();
        assert_eq!(config.routes.0.len(), given.len(), "a route is missing");
        for (route, given) in config.routes.0.iter().zip(&given) {
            assert_eq!(given["drop"] == true, matches!(route.action, RouteAction::Drop));
            assert_eq!(given.get("mention").is_some(), route.mention.is_some());
            let read_back = route.mention.as_ref().and_then(|mention| Mention::parse(&mention.to_string()));
            assert_eq!(read_back, route.mention, "an invalid mention");
            let m = &route.matcher;
            let lists = [&m.types, &m.accounts, &m.regions, &m.resources, &m.tags];
            assert!(m.severity.is_some() || lists.iter().any(|list| !list.is_empty()), "a route without conditions");
        }
    }
    for name in OTHERS {
        config(name, text);
    }
});

/// Reads a configuration with this variable. Errors name the variable, have one line, and contain no secret.
fn config(name: &str, text: &str) -> Option<Config> {
    let vars = [("SLACK_BOT_TOKEN", TOKEN), (name, text)].map(|(n, v)| (n.to_owned(), v.to_owned()));
    let errors = match Config::for_preview(vars, false) {
        Ok(config) => return Some(config),
        Err(errors) => errors,
    };
    assert!(!errors.0.is_empty());
    for error in &errors.0 {
        assert!(error.variable.starts_with(name), "{error} does not name {name}");
        assert!(!error.message.is_empty() && error.message.len() < 1_000, "{error}");
        assert!(!error.to_string().contains(char::is_control), "{error:?} is not one line");
        assert!(text.contains(TOKEN) || !error.to_string().contains(TOKEN), "{error} contains the token");
    }
    None
}
