//! What Slack, or whatever stands in between, answers.
#![no_main]

use guardduty_slack::slack::classification::{Answer, web_api, webhook};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, Option<&str>, &str)| {
    let (status, retry_after, body) = input;
    let answer = Answer { status: status % 600, retry_after, body };
    if let Ok(body) = web_api(&answer) {
        assert_eq!(body.get("ok").and_then(|ok| ok.as_bool()), Some(true), "only ok:true is success");
    }
    if webhook(&answer).is_ok() {
        assert_eq!(body.trim(), "ok", "only ok is success");
    }
});
