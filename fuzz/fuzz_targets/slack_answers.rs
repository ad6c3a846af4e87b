//! Classifies the responses of Slack, or of a proxy between the program and Slack.
#![no_main]

use guardduty_slack::retry::MAX_RETRY_AFTER;
use guardduty_slack::slack::SlackError;
use guardduty_slack::slack::errors::{Rejection, SlackResponse, classify_web_api, classify_webhook};
use guardduty_slack::time::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: (u16, Option<&str>, &str)| {
    let (status, retry_after, body) = input;
    let response = SlackResponse { status: status % 600, retry_after, received_at: Timestamp(784_111_777_000), body };
    let json = serde_json::from_str::<Value>(body).ok().filter(Value::is_object);
    let ok = json.as_ref().and_then(|body| body.get("ok")).and_then(Value::as_bool);
    match classify_web_api(&response) {
        Ok(_) => assert!(is_success(&response) && ok == Some(true), "only ok:true is a success"),
        Err(rejection) => verify_rejection(&response, &rejection, ok == Some(false)),
    }
    match classify_webhook(&response) {
        Ok(()) => assert!(is_success(&response) && body.trim() == "ok", "only ok is a success"),
        Err(rejection) => verify_rejection(&response, &rejection, !body.trim().is_empty()),
    }
});

fn is_success(response: &SlackResponse) -> bool {
    (200..300).contains(&response.status)
}

/// `has_error`: the body may contain an error.
fn verify_rejection(response: &SlackResponse, rejection: &Rejection, has_error: bool) {
    let is_label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let code = &rejection.code;
    assert!((1..=64).contains(&code.len()) && code.bytes().all(is_label), "invalid label: {code:?}");
    let text = rejection.error.to_string();
    assert!(text.len() < 2_000 && !text.contains(char::is_control), "{text:?}");
    match &rejection.error {
        SlackError::RateLimited(wait) => assert!(wait.is_none_or(|wait| !wait.is_zero() && wait <= MAX_RETRY_AFTER)),
        SlackError::NotSent(_) => panic!("there was a response, so the request was sent"),
        SlackError::OutcomeUnknown(_) => {}
        // The run sends a rejected message again. Only a response with an error may therefore count as a rejection.
        _ => assert!(matches!(response.status, 300..=499) || is_success(response) && has_error, "{response:?}: {text}"),
    }
    assert!(
        !matches!(response.status, 0..=199 | 408 | 425 | 500..)
            || matches!(rejection.error, SlackError::OutcomeUnknown(_)),
        "{response:?}"
    );
}
