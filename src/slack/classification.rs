//! The meaning of an answer of Slack. Pure.

mod codes;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::Failure;
use crate::message::text::Plain;
use crate::retry::{Verdict, retry_after, verdict};
use crate::time::Millis;
use codes::{Class, class_of};

/// What Slack answered, before it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub status: u16,
    /// The header of that name.
    pub retry_after: Option<&'a str>,
    /// The time at which a date in `retry_after` is measured: by the clock of the server where it tells its time.
    pub received_at: Millis,
    pub body: &'a str,
}

/// A failure, and the code by which the metrics count the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub failure: Failure,
    pub code: String,
}

/// The Web API: success is `"ok": true`, and nothing else is.
pub fn web_api(answer: &Answer) -> Result<Map<String, Value>, Refusal> {
    match (verdict(answer.status), serde_json::from_str(answer.body)) {
        (Verdict::Throttled, _) => Err(rate_limited(answer, "ratelimited")),
        (Verdict::Unknown, _) => Err(refusal(Failure::Unknown, &http(answer), http(answer))),
        (Verdict::Done, Ok(Value::Object(body))) if body.get("ok") == Some(&Value::Bool(true)) => Ok(body),
        (_, Ok(Value::Object(body))) if body.get("ok") == Some(&Value::Bool(false)) => Err(refused(answer, &body)),
        (Verdict::Done, _) => Err(refusal(Failure::Unknown, "unreadable", "invalid or truncated JSON response".into())),
        // Something before Slack refused, or the address is wrong: the same for every message.
        (Verdict::Refused, _) if answer.status == 413 => Err(refusal(Failure::Content, "http_413", http(answer))),
        (Verdict::Refused, _) => {
            let why = format!("{}: response is not from Slack; check SLACK_API_URL and HTTPS_PROXY", http(answer));
            Err(refusal(Failure::App, &http(answer), why))
        }
    }
}

/// An incoming webhook: success is status 200 with the body `ok`; errors are words in plain text.
pub fn webhook(answer: &Answer) -> Result<(), Refusal> {
    let body = answer.body.trim();
    let word = is_code(body).then_some(body);
    match (verdict(answer.status), word) {
        (Verdict::Throttled, _) => Err(rate_limited(answer, "ratelimited")),
        (Verdict::Done, Some("ok")) => Ok(()),
        (Verdict::Done, Some(code)) if class_of(code) == Some(Class::Content) => {
            Err(refusal(Failure::Content, code, code.into()))
        }
        (Verdict::Done, _) => Err(refusal(Failure::Unknown, "unreadable", "the answer is not \"ok\"".into())),
        (Verdict::Unknown, _) => Err(refusal(Failure::Unknown, &http(answer), http(answer))),
        (Verdict::Refused, Some(code)) => Err(webhook_refused(answer, code)),
        (Verdict::Refused, None) if matches!(answer.status, 400 | 413) => {
            Err(refusal(Failure::Content, &http(answer), http(answer)))
        }
        (Verdict::Refused, None) => Err(refusal(Failure::Channel, &http(answer), http(answer))),
    }
}

fn refused(answer: &Answer, body: &Map<String, Value>) -> Refusal {
    let code = body.get("error").and_then(Value::as_str).filter(|code| is_code(code)).unwrap_or("unknown_error");
    let text = [Some(code.to_owned()), details(body)].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let failure = match class_of(code) {
        Some(Class::RateLimited) => return rate_limited(answer, code),
        Some(Class::Content) => Failure::Content,
        Some(Class::Restricted) => Failure::Restricted,
        Some(Class::Channel) => Failure::Channel,
        Some(Class::Reply) => Failure::Reply,
        Some(Class::Gone) => Failure::Gone,
        Some(Class::App) => Failure::App,
        Some(Class::Unknown) => Failure::Unknown,
        None => Failure::Unclassified,
    };
    refusal(failure, code, text)
}

/// A webhook is a channel and its own token at once: a rejection of either concerns that webhook alone.
fn webhook_refused(answer: &Answer, code: &str) -> Refusal {
    let failure = match class_of(code) {
        Some(Class::RateLimited) => return rate_limited(answer, code),
        Some(Class::Content) => Failure::Content,
        Some(Class::Restricted) => Failure::Restricted,
        Some(Class::Unknown) => Failure::Unknown,
        Some(Class::Channel | Class::Reply | Class::Gone | Class::App) => Failure::Channel,
        None if answer.status == 400 => Failure::Unclassified,
        None => Failure::Channel,
    };
    refusal(failure, code, code.into())
}

fn rate_limited(answer: &Answer, code: &str) -> Refusal {
    let wait = answer.retry_after.and_then(|header| retry_after(header, answer.received_at));
    Refusal { failure: Failure::RateLimited(wait), code: code.into() }
}

fn refusal(failure: fn(String) -> Failure, code: &str, text: String) -> Refusal {
    Refusal { failure: failure(text), code: code.into() }
}

fn http(answer: &Answer) -> String {
    format!("http_{}", answer.status)
}

/// A word such as Slack's codes are: nothing else becomes a metric's label.
fn is_code(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 64
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// What Slack adds to a code, shortened: the scope that is needed, the places of invalid blocks.
fn details(body: &Map<String, Value>) -> Option<String> {
    let needed = body.get("needed").and_then(Value::as_str).map(|scope| format!("required scope: {scope}"));
    let messages = body.get("response_metadata").and_then(|m| m.get("messages")).and_then(Value::as_array);
    let messages = messages.map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "));
    let text = needed.into_iter().chain(messages).collect::<Vec<_>>().join("; ");
    (!text.is_empty()).then(|| Plain::line(&text).cut(300).to_string())
}
