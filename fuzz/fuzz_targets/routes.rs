//! `SLACK_ROUTES` and the other variables that hold more than a word.
#![no_main]

use guardduty_slack::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for name in ["SLACK_ROUTES", "ACCOUNT_NAMES", "RUNBOOK_URL", "PUSHGATEWAY_LABELS", "GUARDDUTY_ROLE_ARNS", "GUARDDUTY_LOOKBACK"] {
        let vars = [(name.to_owned(), text.to_owned())];
        if let Err(faults) = Config::for_preview(vars, false) {
            assert!(!faults.is_empty());
        }
    }
});
