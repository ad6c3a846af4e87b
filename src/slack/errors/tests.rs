//! Classes of the documented and reported error codes of Slack.

use std::time::Duration;

use super::codes::ERROR_CODES;
use super::*;

/// Errors that the reference documents, as of 2026-08.
const POST_MESSAGE: &str = "
    access_denied accesslimited account_inactive app_access_restricted as_user_not_supported
    attachment_payload_limit_exceeded cannot_reply_to_message channel_not_found deprecated_endpoint
    draft_already_deleted draft_already_sent draft_has_conflict draft_not_found duplicate_channel_not_found
    duplicate_message_not_found ekm_access_denied enterprise_is_restricted fatal_error invalid_arg_name
    invalid_array_arg invalid_blocks invalid_blocks_format invalid_charset invalid_form_data
    invalid_metadata_format invalid_metadata_schema invalid_post_type is_archived is_bot
    markdown_text_conflict message_limit_exceeded messages_tab_disabled metadata_must_be_sent_from_app
    metadata_too_large method_deprecated missing_file_data missing_post_type missing_scope msg_blocks_too_long
    no_permission no_text not_allowed_token_type not_authed not_in_channel org_login_required rate_limited
    ratelimited request_timeout restricted_action restricted_action_non_threadable_channel
    restricted_action_read_only_channel restricted_action_thread_locked restricted_action_thread_only_channel
    send_on_behalf_not_allowed service_unavailable slack_connect_canvas_sharing_blocked
    slack_connect_file_link_sharing_blocked slack_connect_lists_sharing_blocked team_added_to_org
    team_not_found token_expired token_revoked too_many_attachments too_many_contact_cards
    two_factor_setup_required unknown_method
";
const UPDATE: &str = "
    access_denied accesslimited account_inactive as_user_not_supported block_mismatch blocked_file_type
    cant_broadcast_message cant_update_message channel_not_found deprecated_endpoint edit_window_closed
    ekm_access_denied enterprise_is_restricted external_channel_migrating fatal_error file_deleted
    file_is_deleted file_not_found file_share_limit_reached invalid_arg_name invalid_array_arg
    invalid_attachments invalid_blocks invalid_blocks_format invalid_charset invalid_form_data
    invalid_metadata_format invalid_metadata_schema invalid_post_type is_bot is_inactive
    markdown_text_conflict max_file_sharing_exceeded message_limit_exceeded message_not_found
    metadata_must_be_sent_from_app metadata_too_large method_deprecated missing_post_type missing_scope
    msg_too_long no_dual_broadcast_content_update no_permission no_text not_allowed_token_type not_authed
    org_login_required posting_to_channel_denied ratelimited request_timeout service_unavailable
    slack_connect_blocked_file_type slack_connect_canvas_sharing_blocked slack_connect_clip_sharing_blocked
    slack_connect_file_link_sharing_blocked slack_connect_file_upload_sharing_blocked streaming_state_conflict
    team_added_to_org team_not_found token_expired token_revoked too_many_attachments
    two_factor_setup_required unable_to_share_files unknown_method update_failed
";
/// auth.test, conversations.history, conversations.info, conversations.list and conversations.replies.
const READING: &str = "
    access_denied accesslimited account_inactive channel_is_limited_access channel_not_found
    deprecated_endpoint ekm_access_denied enterprise_is_restricted fatal_error internal_error invalid_arg_name
    invalid_array_arg invalid_auth invalid_charset invalid_cursor invalid_form_data invalid_limit
    invalid_metadata_filter_keys invalid_post_type invalid_ts_latest invalid_ts_oldest invalid_types is_bot
    list_record_comment_fetch_failed method_deprecated method_not_supported_for_channel_type missing_argument
    missing_post_type missing_scope no_permission not_allowed_token_type not_authed not_in_channel
    org_login_required ratelimited request_timeout service_unavailable team_added_to_org thread_not_found
    token_expired token_revoked two_factor_setup_required unknown_method
";
const WEBHOOK: &str = "
    action_prohibited channel_is_archived channel_not_found invalid_payload invalid_token no_active_hooks no_service
    no_service_id no_team no_text posting_to_general_channel_denied rollup_error team_disabled too_many_attachments
    user_not_found
";
/// Errors that users report and the reference does not document.
const UNDOCUMENTED: &str = "
    blocks_too_long channel_is_archived invalid_thread_ts restricted_action thread_not_found user_not_in_channel
";

fn answer(status: u16, body: &str) -> SlackResponse<'_> {
    SlackResponse { status, retry_after: None, received_at: Timestamp(0), body }
}

fn api(status: u16, body: &str) -> SlackError {
    classify_web_api(&answer(status, body)).unwrap_err().error
}

fn code(error: &str) -> SlackError {
    api(200, &format!(r#"{{"ok":false,"error":"{error}"}}"#))
}

fn hook(status: u16, body: &str) -> Result<(), SlackError> {
    classify_webhook(&answer(status, body)).map_err(|r| r.error)
}

#[test]
fn only_ok_true_is_success() {
    assert!(classify_web_api(&answer(200, r#"{"ok":true,"ts":"1.2"}"#)).is_ok());
    for body in ["ok", "", "{}", r#"{"ok":"true"}"#, r#"{"ok":true,"ts":"1"#, "[true]", "<html>"] {
        assert!(matches!(api(200, body), SlackError::OutcomeUnknown(_)), "{body}");
    }
}

#[test]
fn each_class_of_code_has_its_failure() {
    assert!(matches!(code("invalid_blocks"), SlackError::ContentRejected(_)));
    assert!(matches!(code("restricted_action"), SlackError::Restricted(_)));
    assert!(matches!(code("not_in_channel"), SlackError::ChannelRejected(_)));
    assert!(matches!(code("restricted_action_thread_locked"), SlackError::ThreadRejected(_)));
    assert!(matches!(code("edit_window_closed"), SlackError::MessageNotFound(_)));
    assert!(matches!(code("token_revoked"), SlackError::AppRejected(_)));
    assert!(matches!(code("ratelimited"), SlackError::RateLimited(_)));
    assert!(matches!(code("internal_error"), SlackError::OutcomeUnknown(_)));
}

#[test]
fn an_unknown_code_is_unclassified() {
    assert_eq!(code("brand_new_rule"), SlackError::Unclassified("brand_new_rule".into()));
    assert_eq!(code("No Code!"), SlackError::Unclassified("unknown_error".into()));
    assert_eq!(api(200, r#"{"ok":false}"#), SlackError::Unclassified("unknown_error".into()));
    assert_eq!(hook(400, "brand_new_rule"), Err(SlackError::Unclassified("brand_new_rule".into())));
}

#[test]
fn a_webhook_rejects_content_by_a_code_or_a_status() {
    for (status, body) in [(200, "invalid_payload"), (400, "<html>"), (413, "<html>")] {
        assert!(matches!(hook(status, body), Err(SlackError::ContentRejected(_))), "{status} {body}");
    }
    assert!(matches!(hook(200, "channel_not_found"), Err(SlackError::OutcomeUnknown(_))));
    assert!(matches!(hook(403, "<html>"), Err(SlackError::ChannelRejected(_))));
}

/// A documented code that is missing from this table would be treated as unknown.
#[test]
fn every_documented_code_has_its_class_on_purpose() {
    let mut lines = Vec::new();
    for (method, codes) in [
        ("chat.postMessage", POST_MESSAGE),
        ("chat.update", UPDATE),
        ("reading methods", READING),
        ("incoming webhook", WEBHOOK),
        ("undocumented", UNDOCUMENTED),
    ] {
        lines.push(format!("# {method}"));
        lines.extend(codes.split_whitespace().map(|code| match class_of(code) {
            Some(class) => format!("{code} {class:?}"),
            None => format!("{code} is not classified"),
        }));
    }
    let table = lines.join("\n");
    assert!(!table.contains("is not classified"), "{table}");
    insta::assert_snapshot!("codes", table);
}

#[test]
fn a_rate_limit_says_how_long_or_does_not() {
    let timed = SlackResponse { retry_after: Some("30"), ..answer(429, "") };
    let wait = SlackError::RateLimited(Some(Duration::from_secs(30)));
    assert_eq!((&api_failure(&timed), classify_webhook(&timed).unwrap_err().error), (&wait, wait.clone()));
    let date = SlackResponse { retry_after: Some("Sun, 06 Nov 1994 08:50:07 GMT"), ..answer(429, "") };
    assert_eq!(api_failure(&SlackResponse { received_at: Timestamp(784_111_777_000), ..date }), wait);
    for code in ["message_limit_exceeded", "ratelimited", "rate_limited"] {
        let body = format!(r#"{{"ok":false,"error":"{code}"}}"#);
        let refusal = classify_web_api(&answer(200, &body)).unwrap_err();
        assert_eq!((refusal.error, refusal.code.as_str()), (SlackError::RateLimited(None), code));
    }
    assert_eq!(api(429, "not json"), SlackError::RateLimited(None));
}

fn api_failure(answer: &SlackResponse) -> SlackError {
    classify_web_api(answer).unwrap_err().error
}

#[test]
fn every_status_of_the_web_api_has_its_failure() {
    let variant = |failure: &SlackError| format!("{failure:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
    let mut runs: Vec<(String, u16, u16)> = Vec::new();
    for status in 100..=599 {
        let reason = variant(&classify_web_api(&answer(status, "")).unwrap_err().error);
        match runs.last_mut() {
            Some((r, _, last)) if *r == reason => *last = status,
            _ => runs.push((reason, status, status)),
        }
    }
    let lines: Vec<_> = runs.iter().map(|(r, from, to)| format!("{from}-{to} {r}")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    100-299 OutcomeUnknown
    300-407 AppRejected
    408-408 OutcomeUnknown
    409-412 AppRejected
    413-413 ContentRejected
    414-424 AppRejected
    425-425 OutcomeUnknown
    426-428 AppRejected
    429-429 RateLimited
    430-499 AppRejected
    500-599 OutcomeUnknown
    "#);
}

#[test]
fn a_missing_scope_is_named() {
    let body = r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":""}"#;
    assert_eq!(api(200, body), SlackError::AppRejected("missing_scope: required scope: chat:write".into()));
    let body = r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["a","b\u202e"]}}"#;
    assert_eq!(api(200, body), SlackError::ContentRejected("invalid_blocks: a; b⟨U+202E⟩".into()));
}

#[test]
fn webhook_response_is_ok_or_an_error_code() {
    assert_eq!(hook(200, "ok"), Ok(()));
    assert_eq!(hook(200, "ok\n"), Ok(()));
    assert!(matches!(hook(200, "<html>"), Err(SlackError::OutcomeUnknown(_))));
    assert!(matches!(hook(200, ""), Err(SlackError::OutcomeUnknown(_))));
    for word in ["invalid_payload", "no_text", "invalid_blocks"] {
        assert_eq!(hook(400, word), Err(SlackError::ContentRejected(word.into())));
    }
    for (status, word) in [
        (403, "user_not_found"),
        (404, "channel_not_found"),
        (404, "no_service"),
        (410, "channel_is_archived"),
        (403, "new_rule"),
    ] {
        assert_eq!(hook(status, word), Err(SlackError::ChannelRejected(word.into())));
    }
    assert!(matches!(hook(500, "rollup_error"), Err(SlackError::OutcomeUnknown(_))));
    assert!(matches!(hook(407, "<html>proxy"), Err(SlackError::ChannelRejected(_))));
    assert!(matches!(hook(302, ""), Err(SlackError::ChannelRejected(_))));
}

#[test]
fn no_code_has_two_classes() {
    let mut all: Vec<_> = ERROR_CODES.iter().flat_map(|(_, codes)| codes.iter()).collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn only_words_in_the_form_of_slacks_codes_become_labels() {
    for word in ["no_text", "http_500", &"a".repeat(64)] {
        assert!(is_error_code(word), "{word}");
    }
    for word in ["", "No_text", "no text", "no-text", "<html>", &"a".repeat(65)] {
        assert!(!is_error_code(word), "{word}");
    }
}
