//! What Slack, or whatever stands in between, answers.
#![no_main]

use guardduty_slack::retry::MAX_RETRY_AFTER;
use guardduty_slack::slack::Failure;
use guardduty_slack::slack::classification::{Answer, Refusal, web_api, webhook};
use guardduty_slack::time::Millis;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: (u16, Option<&str>, &str)| {
    let (status, retry_after, body) = input;
    let answer = Answer { status: status % 600, retry_after, received_at: Millis(784_111_777_000), body };
    let json = serde_json::from_str::<Value>(body).ok().filter(Value::is_object);
    let said = json.as_ref().and_then(|body| body.get("ok")).and_then(Value::as_bool);
    match web_api(&answer) {
        Ok(_) => assert!(is_success(&answer) && said == Some(true), "only ok:true is success"),
        Err(refusal) => refused(&answer, &refusal, said == Some(false)),
    }
    match webhook(&answer) {
        Ok(()) => assert!(is_success(&answer) && body.trim() == "ok", "only ok is success"),
        Err(refusal) => refused(&answer, &refusal, !body.trim().is_empty()),
    }
});

fn is_success(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

/// `says_no`: the body itself may say that nothing was taken.
fn refused(answer: &Answer, refusal: &Refusal, says_no: bool) {
    let label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    assert!((1..=64).contains(&refusal.code.len()) && refusal.code.bytes().all(label), "no label: {:?}", refusal.code);
    let text = refusal.failure.to_string();
    assert!(text.len() < 2_000 && !text.contains(char::is_control), "{text:?}");
    match &refusal.failure {
        Failure::RateLimited(wait) => assert!(wait.is_none_or(|wait| !wait.is_zero() && wait <= MAX_RETRY_AFTER)),
        Failure::Unsent(_) => panic!("it was answered, so it was sent"),
        Failure::Unknown(_) => {}
        // To say that it was not taken is to send it again: an answer that does not say so must not count as that.
        _ => assert!(matches!(answer.status, 300..=499) || is_success(answer) && says_no, "{answer:?}: {text}"),
    }
    assert!(
        !matches!(answer.status, 0..=199 | 408 | 425 | 500..) || matches!(refusal.failure, Failure::Unknown(_)),
        "{answer:?}"
    );
}
