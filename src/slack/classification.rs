//! What an answer of Slack means. Pure.
//! Source: docs.slack.dev, the errors of `chat.postMessage`, `chat.update` and `conversations.history`, and «Sending
//! messages using incoming webhooks: handling errors».

use std::time::Duration;

use serde_json::{Map, Value};

use super::Failure;
use crate::message::text::Plain;
use crate::retry::{Verdict, retry_after, verdict};

/// What Slack answered, before it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub status: u16,
    /// The header of that name.
    pub retry_after: Option<&'a str>,
    pub body: &'a str,
}

/// A failure, and the code by which the metrics count the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub failure: Failure,
    pub code: String,
}

/// How long a throttled call waits if Slack does not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);

/// The Web API: success is `"ok": true`, and nothing else is.
pub fn web_api(answer: &Answer) -> Result<Map<String, Value>, Refusal> {
    match (verdict(answer.status), serde_json::from_str(answer.body)) {
        (Verdict::Throttled, _) => Err(throttled(answer)),
        (Verdict::Unknown, _) => Err(refusal(Failure::Unknown, &http(answer), http(answer))),
        (Verdict::Done, Ok(Value::Object(body))) if body.get("ok") == Some(&Value::Bool(true)) => Ok(body),
        (_, Ok(Value::Object(body))) if body.get("ok") == Some(&Value::Bool(false)) => Err(refused(answer, &body)),
        (Verdict::Done, _) => {
            Err(refusal(Failure::Unknown, "unreadable", "the answer is no JSON, or cut short".into()))
        }
        // Something before Slack refused, or the address is wrong: the same for every message.
        (Verdict::Refused, _) if answer.status == 413 => Err(refusal(Failure::Content, "http_413", http(answer))),
        (Verdict::Refused, _) => {
            let why = format!("{}: not an answer of Slack's; see SLACK_API_URL and HTTPS_PROXY", http(answer));
            Err(refusal(Failure::App, &http(answer), why))
        }
    }
}

/// An incoming webhook: success is status 200 with the body `ok`; errors are words in plain text.
pub fn webhook(answer: &Answer) -> Result<(), Refusal> {
    let body = answer.body.trim();
    let word = is_code(body).then_some(body);
    match (verdict(answer.status), word) {
        (Verdict::Throttled, _) => Err(throttled(answer)),
        (Verdict::Done, Some("ok")) => Ok(()),
        (Verdict::Done, Some(code)) if kind(code) == Some(Kind::Content) => {
            Err(refusal(Failure::Content, code, code.into()))
        }
        (Verdict::Done, _) => Err(refusal(Failure::Unknown, "unreadable", "the answer is not «ok»".into())),
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
    match kind(code) {
        Some(Kind::Throttled) => throttled(answer),
        Some(Kind::Channel) => refusal(Failure::Channel, code, text),
        Some(Kind::Gone) => refusal(Failure::Gone, code, text),
        Some(Kind::App) => refusal(Failure::App, code, text),
        Some(Kind::Unknown) => refusal(Failure::Unknown, code, text),
        Some(Kind::Content) | None => refusal(Failure::Content, code, text),
    }
}

/// A webhook is a channel and its own token at once: what is said against either concerns that webhook alone.
fn webhook_refused(answer: &Answer, code: &str) -> Refusal {
    match kind(code) {
        Some(Kind::Throttled) => throttled(answer),
        Some(Kind::Content) => refusal(Failure::Content, code, code.into()),
        Some(Kind::Unknown) => refusal(Failure::Unknown, code, code.into()),
        Some(Kind::Channel | Kind::Gone | Kind::App) => refusal(Failure::Channel, code, code.into()),
        None if answer.status == 400 => refusal(Failure::Content, code, code.into()),
        None => refusal(Failure::Channel, code, code.into()),
    }
}

fn throttled(answer: &Answer) -> Refusal {
    let wait = answer.retry_after.and_then(retry_after).unwrap_or(DEFAULT_WAIT);
    Refusal { failure: Failure::Throttled(wait), code: "ratelimited".into() }
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
    let needed = body.get("needed").and_then(Value::as_str).map(|scope| format!("needs {scope}"));
    let messages = body.get("response_metadata").and_then(|m| m.get("messages")).and_then(Value::as_array);
    let messages = messages.map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "));
    let text = needed.into_iter().chain(messages).collect::<Vec<_>>().join("; ");
    (!text.is_empty()).then(|| Plain::line(&text).cut(300).to_string())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Content,
    Channel,
    Gone,
    App,
    Throttled,
    Unknown,
}

/// The codes known here; any other of the Web API counts as content (see [`Failure::Content`]).
const CODES: [(Kind, &[&str]); 6] = [
    (
        Kind::Content,
        &[
            "attachment_payload_limit_exceeded",
            "blocks_too_long",
            "invalid_arg_name",
            "invalid_arguments",
            "invalid_array_arg",
            "invalid_attachments",
            "invalid_blocks",
            "invalid_blocks_format",
            "invalid_charset",
            "invalid_form_data",
            "invalid_json",
            "invalid_metadata_format",
            "invalid_metadata_schema",
            "invalid_payload",
            "invalid_post_type",
            "json_not_object",
            "markdown_text_conflict",
            "metadata_must_be_sent_from_app",
            "metadata_too_large",
            "missing_post_type",
            "missing_text_or_fallback_or_attachments",
            "msg_blocks_too_long",
            "msg_too_long",
            "no_text",
            "slack_connect_blocked_file_type",
            "slack_connect_canvas_sharing_blocked",
            "slack_connect_clip_sharing_blocked",
            "slack_connect_file_link_sharing_blocked",
            "slack_connect_file_upload_sharing_blocked",
            "slack_connect_lists_sharing_blocked",
            "too_many_attachments",
            "too_many_contact_cards",
        ],
    ),
    (
        Kind::Channel,
        &[
            "action_prohibited",
            "cannot_dm_bot",
            "channel_is_archived",
            "channel_not_found",
            "channel_type_not_supported",
            "external_channel_migrating",
            "is_archived",
            "is_inactive",
            "messages_tab_disabled",
            "method_not_supported_for_channel_type",
            "no_permission",
            "not_in_channel",
            "posting_to_general_channel_denied",
            "restricted_action",
            "restricted_action_non_threadable_channel",
            "restricted_action_read_only_channel",
            "restricted_action_thread_locked",
            "restricted_action_thread_only_channel",
            "team_not_found",
            "user_not_found",
            "user_not_in_channel",
        ],
    ),
    (
        Kind::Gone,
        &[
            "block_mismatch",
            "cannot_reply_to_message",
            "cant_broadcast_message",
            "cant_update_message",
            "edit_window_closed",
            "invalid_thread_ts",
            "message_not_found",
            "no_dual_broadcast_content_update",
            "thread_not_found",
        ],
    ),
    (
        Kind::App,
        &[
            "access_denied",
            "accesslimited",
            "account_inactive",
            "as_user_not_supported",
            "deprecated_endpoint",
            "ekm_access_denied",
            "enterprise_is_restricted",
            "invalid_auth",
            "invalid_token",
            "method_deprecated",
            "missing_scope",
            "no_active_hooks",
            "no_service",
            "no_service_id",
            "no_team",
            "not_allowed_token_type",
            "not_authed",
            "org_login_required",
            "team_access_not_granted",
            "team_added_to_org",
            "team_disabled",
            "token_expired",
            "token_revoked",
            "two_factor_setup_required",
            "unknown_method",
        ],
    ),
    (Kind::Throttled, &["message_limit_exceeded", "rate_limited", "ratelimited"]),
    // «It's possible some aspect of the operation succeeded before the error was raised.»
    (
        Kind::Unknown,
        &[
            "fatal_error",
            "internal_error",
            "request_timeout",
            "rollup_error",
            "service_unavailable",
            "streaming_state_conflict",
            "update_failed",
        ],
    ),
];

fn kind(code: &str) -> Option<Kind> {
    CODES.iter().find(|(_, codes)| codes.contains(&code)).map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer<'_> {
        Answer { status, retry_after: None, body }
    }

    fn api(status: u16, body: &str) -> Failure {
        web_api(&answer(status, body)).unwrap_err().failure
    }

    fn code(error: &str) -> Failure {
        api(200, &format!(r#"{{"ok":false,"error":"{error}"}}"#))
    }

    fn hook(status: u16, body: &str) -> Result<(), Failure> {
        webhook(&answer(status, body)).map_err(|r| r.failure)
    }

    #[test]
    fn only_ok_true_is_success() {
        assert!(web_api(&answer(200, r#"{"ok":true,"ts":"1.2"}"#)).is_ok());
        for body in ["ok", "", "{}", r#"{"ok":"true"}"#, r#"{"ok":true,"ts":"1"#, "[true]", "<html>"] {
            assert!(matches!(api(200, body), Failure::Unknown(_)), "{body}");
        }
    }

    #[test]
    fn each_kind_of_code_has_its_failure() {
        assert!(matches!(code("invalid_blocks"), Failure::Content(_)));
        assert!(matches!(code("not_in_channel"), Failure::Channel(_)));
        assert!(matches!(code("edit_window_closed"), Failure::Gone(_)));
        assert!(matches!(code("token_revoked"), Failure::App(_)));
        assert!(matches!(code("ratelimited"), Failure::Throttled(_)));
        assert!(matches!(code("internal_error"), Failure::Unknown(_)));
    }

    #[test]
    fn a_refusal_that_is_unknown_counts_as_content() {
        assert_eq!(code("brand_new_rule"), Failure::Content("brand_new_rule".into()));
        assert_eq!(code("No Code!"), Failure::Content("unknown_error".into()));
        assert_eq!(api(200, r#"{"ok":false}"#), Failure::Content("unknown_error".into()));
    }

    #[test]
    fn a_throttle_says_how_long() {
        let told = Answer { retry_after: Some("30"), ..answer(429, "") };
        assert_eq!(web_api(&told).unwrap_err().failure, Failure::Throttled(Duration::from_secs(30)));
        assert_eq!(webhook(&told).unwrap_err().failure, Failure::Throttled(Duration::from_secs(30)));
        assert_eq!(api(429, "not json"), Failure::Throttled(Duration::from_secs(1)));
    }

    #[test]
    fn every_status_of_the_web_api_has_its_failure() {
        let mut runs: Vec<(String, u16, u16)> = Vec::new();
        for status in 100..=599 {
            let reason = web_api(&answer(status, "")).unwrap_err().failure.reason().to_owned();
            match runs.last_mut() {
                Some((r, _, last)) if *r == reason => *last = status,
                _ => runs.push((reason, status, status)),
            }
        }
        let lines: Vec<_> = runs.iter().map(|(r, from, to)| format!("{from}-{to} {r}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        100-299 unknown
        300-407 auth
        408-408 unknown
        409-412 auth
        413-413 rejected
        414-424 auth
        425-425 unknown
        426-428 auth
        429-429 throttled
        430-499 auth
        500-599 unknown
        "#);
    }

    #[test]
    fn a_missing_scope_is_named() {
        let body = r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":""}"#;
        assert_eq!(api(200, body), Failure::App("missing_scope: needs chat:write".into()));
        let body = r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["a","b\u202e"]}}"#;
        assert_eq!(api(200, body), Failure::Content("invalid_blocks: a; b⟨U+202E⟩".into()));
    }

    #[test]
    fn a_webhook_says_ok_or_a_word() {
        assert_eq!(hook(200, "ok"), Ok(()));
        assert_eq!(hook(200, "ok\n"), Ok(()));
        assert!(matches!(hook(200, "<html>"), Err(Failure::Unknown(_))));
        assert!(matches!(hook(200, ""), Err(Failure::Unknown(_))));
        for word in ["invalid_payload", "no_text", "invalid_blocks"] {
            assert_eq!(hook(400, word), Err(Failure::Content(word.into())));
        }
        for (status, word) in [
            (403, "action_prohibited"),
            (404, "channel_not_found"),
            (404, "no_service"),
            (410, "channel_is_archived"),
            (403, "new_rule"),
        ] {
            assert_eq!(hook(status, word), Err(Failure::Channel(word.into())));
        }
        assert!(matches!(hook(500, "rollup_error"), Err(Failure::Unknown(_))));
        assert!(matches!(hook(407, "<html>proxy"), Err(Failure::Channel(_))));
        assert!(matches!(hook(302, ""), Err(Failure::Channel(_))));
    }

    #[test]
    fn no_code_has_two_kinds() {
        let mut all: Vec<_> = CODES.iter().flat_map(|(_, codes)| codes.iter()).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
