//! `SLACK_ROUTES` and the other variables that hold more than a word.
#![no_main]

use guardduty_slack::config::{Config, RouteTo};
use guardduty_slack::message::text::Mention;
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
        assert_eq!(config.routes.0.len(), given.len(), "a route is left out without a word");
        for (route, given) in config.routes.0.iter().zip(&given) {
            assert_eq!(given["drop"] == true, matches!(route.to, RouteTo::Drop));
            assert_eq!(given.get("mention").is_some(), route.mention.is_some());
            assert!(
                route.mention.as_deref().is_none_or(|m| Mention::parse(m).is_some()),
                "a mention that mentions nobody"
            );
            let m = &route.match_;
            let lists = [&m.types, &m.accounts, &m.regions, &m.resources, &m.tags];
            assert!(m.severity.is_some() || lists.iter().any(|list| !list.is_empty()), "a route that asks for nothing");
        }
    }
    for name in OTHERS {
        config(name, text);
    }
});

/// The configuration with this one variable; faults name it, say something in one line, and tell no secret.
fn config(name: &str, text: &str) -> Option<Config> {
    let vars = [("SLACK_BOT_TOKEN", TOKEN), (name, text)].map(|(n, v)| (n.to_owned(), v.to_owned()));
    let faults = match Config::for_preview(vars, false) {
        Ok(config) => return Some(config),
        Err(faults) => faults,
    };
    assert!(!faults.is_empty());
    for fault in faults.iter() {
        assert!(fault.variable.starts_with(name), "{fault} names not {name}");
        assert!(!fault.problem.is_empty() && fault.problem.len() < 1_000, "{fault}");
        assert!(!fault.to_string().contains(char::is_control), "{fault:?} is not one line");
        assert!(text.contains(TOKEN) || !fault.to_string().contains(TOKEN), "{fault} tells the token");
    }
    None
}
