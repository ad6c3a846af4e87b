//! Classifies the responses of Slack. Pure.

mod codes;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::SlackError;
use crate::message::text::SafeText;
use crate::retry::{StatusClass, classify_status, parse_retry_after};
use crate::time::Timestamp;
use codes::{Class, class_of};

/// A response of Slack that is not classified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlackResponse<'a> {
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// The time of the response, from which a date in `retry_after` is measured: by the clock of the server if the response
    /// has a date.
    pub received_at: Timestamp,
    pub body: &'a str,
}

/// A failure, and the code under which the metrics count the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub error: SlackError,
    pub code: String,
}

/// Classifies a response of the Web API. Only `"ok": true` is a success.
pub fn classify_web_api(answer: &SlackResponse) -> Result<Map<String, Value>, Rejection> {
    match (classify_status(answer.status), serde_json::from_str(answer.body)) {
        (StatusClass::RateLimited, _) => Err(rate_limited(answer, "ratelimited")),
        (StatusClass::Unknown, _) => Err(rejection(SlackError::OutcomeUnknown, &http_code(answer), http_code(answer))),
        (StatusClass::Success, Ok(Value::Object(body))) if body.get("ok") == Some(&Value::Bool(true)) => Ok(body),
        (_, Ok(Value::Object(body))) if body.get("ok") == Some(&Value::Bool(false)) => {
            Err(classify_error(answer, &body))
        }
        (StatusClass::Success, _) => {
            Err(rejection(SlackError::OutcomeUnknown, "unreadable", "invalid or truncated JSON response".into()))
        }
        // A proxy rejected the request, or the address is wrong, which affects every message.
        (StatusClass::Rejected, _) if answer.status == 413 => {
            Err(rejection(SlackError::ContentRejected, "http_413", http_code(answer)))
        }
        (StatusClass::Rejected, _) => {
            let why = format!("{}: response is not from Slack; check SLACK_API_URL and HTTPS_PROXY", http_code(answer));
            Err(rejection(SlackError::AppRejected, &http_code(answer), why))
        }
    }
}

/// Classifies a response of an incoming webhook. Success is status 200 with the body `ok`. Errors are codes in plain text.
pub fn classify_webhook(answer: &SlackResponse) -> Result<(), Rejection> {
    let body = answer.body.trim();
    let word = is_error_code(body).then_some(body);
    match (classify_status(answer.status), word) {
        (StatusClass::RateLimited, _) => Err(rate_limited(answer, "ratelimited")),
        (StatusClass::Success, Some("ok")) => Ok(()),
        (StatusClass::Success, Some(code)) if class_of(code) == Some(Class::Content) => {
            Err(rejection(SlackError::ContentRejected, code, code.into()))
        }
        (StatusClass::Success, _) => {
            Err(rejection(SlackError::OutcomeUnknown, "unreadable", "the answer is not \"ok\"".into()))
        }
        (StatusClass::Unknown, _) => Err(rejection(SlackError::OutcomeUnknown, &http_code(answer), http_code(answer))),
        (StatusClass::Rejected, Some(code)) => Err(classify_webhook_error(answer, code)),
        (StatusClass::Rejected, None) if matches!(answer.status, 400 | 413) => {
            Err(rejection(SlackError::ContentRejected, &http_code(answer), http_code(answer)))
        }
        (StatusClass::Rejected, None) => {
            Err(rejection(SlackError::ChannelRejected, &http_code(answer), http_code(answer)))
        }
    }
}

fn classify_error(answer: &SlackResponse, body: &Map<String, Value>) -> Rejection {
    let code = body.get("error").and_then(Value::as_str).filter(|code| is_error_code(code)).unwrap_or("unknown_error");
    let text = [Some(code.to_owned()), error_details(body)].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let failure = match class_of(code) {
        Some(Class::RateLimited) => return rate_limited(answer, code),
        Some(Class::Content) => SlackError::ContentRejected,
        Some(Class::Restricted) => SlackError::Restricted,
        Some(Class::Channel) => SlackError::ChannelRejected,
        Some(Class::Thread) => SlackError::ThreadRejected,
        Some(Class::Gone) => SlackError::MessageNotFound,
        Some(Class::App) => SlackError::AppRejected,
        Some(Class::Unknown) => SlackError::OutcomeUnknown,
        None => SlackError::Unclassified,
    };
    rejection(failure, code, text)
}

/// A webhook is both a channel and a token. A rejection of either concerns only this webhook.
fn classify_webhook_error(answer: &SlackResponse, code: &str) -> Rejection {
    let failure = match class_of(code) {
        Some(Class::RateLimited) => return rate_limited(answer, code),
        Some(Class::Content) => SlackError::ContentRejected,
        Some(Class::Restricted) => SlackError::Restricted,
        Some(Class::Unknown) => SlackError::OutcomeUnknown,
        Some(Class::Channel | Class::Thread | Class::Gone | Class::App) => SlackError::ChannelRejected,
        None if answer.status == 400 => SlackError::Unclassified,
        None => SlackError::ChannelRejected,
    };
    rejection(failure, code, code.into())
}

fn rate_limited(answer: &SlackResponse, code: &str) -> Rejection {
    let wait = answer.retry_after.and_then(|header| parse_retry_after(header, answer.received_at));
    Rejection { error: SlackError::RateLimited(wait), code: code.into() }
}

fn rejection(failure: fn(String) -> SlackError, code: &str, text: String) -> Rejection {
    Rejection { error: failure(text), code: code.into() }
}

fn http_code(answer: &SlackResponse) -> String {
    format!("http_{}", answer.status)
}

/// Returns the text if it has the form of the codes of Slack, so that nothing else becomes a label of a metric.
fn is_error_code(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 64
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The details that Slack adds to a code, shortened: the missing scope, the positions of invalid blocks.
fn error_details(body: &Map<String, Value>) -> Option<String> {
    let needed = body.get("needed").and_then(Value::as_str).map(|scope| format!("required scope: {scope}"));
    let messages = body.get("response_metadata").and_then(|m| m.get("messages")).and_then(Value::as_array);
    let messages = messages.map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "));
    let text = needed.into_iter().chain(messages).collect::<Vec<_>>().join("; ");
    (!text.is_empty()).then(|| SafeText::single_line(&text).truncate(300).to_string())
}
