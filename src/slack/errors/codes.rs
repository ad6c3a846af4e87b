//! Classifies the error codes of Slack. Each code has one class.
//! See docs.slack.dev, the errors of chat.postMessage, chat.update, conversations.history, conversations.replies,
//! conversations.info and conversations.list, and "Sending messages using incoming webhooks", section Handling errors.

/// Class of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The content is rejected. A simpler form may be accepted.
    Content,
    /// The channel rejects the message, possibly only because of its mention.
    Restricted,
    /// The channel rejects every message.
    Channel,
    /// The thread rejects replies. The channel may accept the reply as a message.
    Thread,
    /// The message to edit, or the thread to reply in, does not exist or can no longer be changed.
    Gone,
    /// The app, its token or its address is rejected, in every channel.
    App,
    RateLimited,
    /// The request may have taken effect.
    Unknown,
}

/// The class of a code, or `None` for a code that this release does not know.
pub(super) fn class_of(code: &str) -> Option<Class> {
    ERROR_CODES.iter().find(|(_, codes)| codes.contains(&code)).map(|(class, _)| *class)
}

pub(super) const ERROR_CODES: [(Class, &[&str]); 8] = [
    (
        Class::Content,
        &[
            "attachment_payload_limit_exceeded",
            "blocked_file_type",
            "blocks_too_long",
            "draft_already_deleted",
            "draft_already_sent",
            "draft_has_conflict",
            "draft_not_found",
            "duplicate_channel_not_found",
            "duplicate_message_not_found",
            "file_deleted",
            "file_is_deleted",
            "file_not_found",
            "file_share_limit_reached",
            "invalid_arg_name",
            "invalid_arguments",
            "invalid_array_arg",
            "invalid_attachments",
            "invalid_blocks",
            "invalid_blocks_format",
            "invalid_charset",
            "invalid_cursor",
            "invalid_form_data",
            "invalid_json",
            "invalid_limit",
            "invalid_metadata_filter_keys",
            "invalid_metadata_format",
            "invalid_metadata_schema",
            "invalid_payload",
            "invalid_post_type",
            "invalid_ts_latest",
            "invalid_ts_oldest",
            "invalid_types",
            "json_not_object",
            "markdown_text_conflict",
            "max_file_sharing_exceeded",
            "metadata_must_be_sent_from_app",
            "metadata_too_large",
            "missing_argument",
            "missing_file_data",
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
            "unable_to_share_files",
        ],
    ),
    // A workspace may restrict the use of @channel and @here. A webhook returns action_prohibited in that case.
    (Class::Restricted, &["action_prohibited", "restricted_action"]),
    (
        Class::Channel,
        &[
            // "Access to a resource specified in the request is denied": the only resource is the channel.
            "access_denied",
            "cannot_dm_bot",
            "channel_is_archived",
            "channel_is_limited_access",
            "channel_not_found",
            "channel_type_not_supported",
            // "Your admins have disabled sending messages to this channel."
            "ekm_access_denied",
            "external_channel_migrating",
            "is_archived",
            "is_inactive",
            "messages_tab_disabled",
            "method_not_supported_for_channel_type",
            "no_permission",
            "not_in_channel",
            "posting_to_channel_denied",
            "posting_to_general_channel_denied",
            "restricted_action_read_only_channel",
            "restricted_action_thread_only_channel",
            "team_not_found",
            "user_not_found",
            "user_not_in_channel",
        ],
    ),
    (
        Class::Thread,
        &[
            "cannot_reply_to_message",
            "cant_broadcast_message",
            "restricted_action_non_threadable_channel",
            "restricted_action_thread_locked",
        ],
    ),
    (
        Class::Gone,
        &[
            "block_mismatch",
            "cant_update_message",
            "edit_window_closed",
            "invalid_thread_ts",
            "message_not_found",
            "no_dual_broadcast_content_update",
            "thread_not_found",
        ],
    ),
    (
        Class::App,
        &[
            "accesslimited",
            "account_inactive",
            "app_access_restricted",
            "as_user_not_supported",
            "deprecated_endpoint",
            "enterprise_is_restricted",
            "invalid_auth",
            "invalid_token",
            "is_bot",
            "method_deprecated",
            "missing_scope",
            "no_active_hooks",
            "no_service",
            "no_service_id",
            "no_team",
            "not_allowed_token_type",
            "not_authed",
            "org_login_required",
            "send_on_behalf_not_allowed",
            "team_access_not_granted",
            "team_added_to_org",
            "team_disabled",
            "token_expired",
            "token_revoked",
            "two_factor_setup_required",
            "unknown_method",
        ],
    ),
    (Class::RateLimited, &["message_limit_exceeded", "rate_limited", "ratelimited"]),
    // "It's possible some aspect of the operation succeeded before the error was raised."
    (
        Class::Unknown,
        &[
            "fatal_error",
            "internal_error",
            "list_record_comment_fetch_failed",
            "request_timeout",
            "rollup_error",
            "service_unavailable",
            "streaming_state_conflict",
            "update_failed",
        ],
    ),
];
