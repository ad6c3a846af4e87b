//! Parses single values. An error contains a hint, and shows the value unless it may be a secret.

mod aws;
mod log;
mod pushgateway;

use std::path::PathBuf;
use std::time::Duration;

use super::glob::Glob;
use super::{LogFormat, RecurrencePolicy, SamplePolicy};
use crate::finding::SeverityLevel;
use crate::text::truncate;
use crate::time::{format_duration, parse_duration};

pub(super) use aws::{
    is_account, is_region, is_role_arn, parse_account_names, parse_external_id, parse_regions, parse_roles,
};
pub(super) use log::parse_log_filter;
pub(super) use pushgateway::{parse_labels, parse_username};

pub(super) type ParseResult<T> = Result<T, String>;

/// The value in quotes for an error: truncated, on one line, and redacted if it may be a secret in the wrong variable.
pub(super) fn quote_redacted(value: &str) -> String {
    let lower = value.to_ascii_lowercase();
    let token = ["xox", "xapp-", "hooks.slack", "://"].iter().any(|s| lower.contains(s));
    if token || value.contains("AKIA") || value.contains("ASIA") {
        return "(value hidden: it may contain a secret)".into();
    }
    format!("{:?}", truncate(value, 60))
}

/// A list with commas. Elements are trimmed, and empty elements are ignored.
pub(super) fn split_list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|s| !s.is_empty())
}

pub(super) fn parse_text(value: &str) -> ParseResult<String> {
    Ok(value.to_owned())
}

pub(super) fn parse_file(value: &str) -> ParseResult<PathBuf> {
    if value.ends_with('/') {
        return Err(format!("invalid path {}: expected a file, not a directory", quote_redacted(value)));
    }
    Ok(value.into())
}

pub(super) fn directory(value: &str) -> ParseResult<PathBuf> {
    Ok(value.into())
}

pub(super) fn parse_globs(value: &str) -> ParseResult<Vec<Glob>> {
    Ok(split_list(value).map(Glob::new).collect())
}

pub(super) fn parse_duration_value(value: &str) -> ParseResult<Duration> {
    parse_duration(value).ok_or_else(|| {
        format!("invalid duration {}: expected a value such as 90s, 10m, 6h or 1d", quote_redacted(value))
    })
}

pub(super) fn parse_min_duration(least: Duration) -> impl Fn(&str) -> ParseResult<Duration> {
    move |value| match parse_duration_value(value)? {
        d if d < least => {
            Err(format!("invalid duration {}: must be at least {}", quote_redacted(value), format_duration(least)))
        }
        d => Ok(d),
    }
}

pub(super) fn parse_bool(value: &str) -> ParseResult<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("invalid boolean {}: expected true, false, 1 or 0", quote_redacted(value))),
    }
}

/// Parses a limit. 0 means that there is none.
pub(super) fn parse_limit(value: &str) -> ParseResult<Option<usize>> {
    let limit: ParseResult<usize> =
        value.parse().map_err(|_| format!("invalid number {}: expected a non-negative integer", quote_redacted(value)));
    limit.map(|limit| Some(limit).filter(|limit| *limit > 0))
}

pub(super) fn parse_severity(value: &str) -> ParseResult<f64> {
    if let Some(level) = SeverityLevel::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(value)) {
        return Ok(level.min_score());
    }
    let hint = || {
        format!(
            "invalid severity {}: expected low, medium, high, critical, or a number from 0 to 10",
            quote_redacted(value)
        )
    };
    value.parse().ok().filter(|n| (0.0..=10.0).contains(n)).ok_or_else(hint)
}

pub(super) fn parse_recurrence(value: &str) -> ParseResult<RecurrencePolicy> {
    match value {
        "update" => Ok(RecurrencePolicy::Update),
        "repost" => Ok(RecurrencePolicy::Repost),
        "ignore" => Ok(RecurrencePolicy::Ignore),
        _ => Err(format!("invalid value {}: expected update, repost or ignore", quote_redacted(value))),
    }
}

pub(super) fn parse_samples(value: &str) -> ParseResult<SamplePolicy> {
    match value {
        "show" => Ok(SamplePolicy::Show),
        "drop" => Ok(SamplePolicy::Drop),
        _ => Err(format!("invalid value {}: expected show or drop", quote_redacted(value))),
    }
}

pub(super) fn parse_log_format(value: &str) -> ParseResult<LogFormat> {
    match value {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err(format!("invalid value {}: expected json or text", quote_redacted(value))),
    }
}

/// The ID or `#name` of a channel. Names in Slack have at most 80 characters and no spaces.
pub(super) fn parse_channel(value: &str) -> ParseResult<String> {
    let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let id = value.len() >= 3 && value.starts_with(['C', 'G', 'D']) && value.bytes().all(upper);
    let name = value.strip_prefix('#').is_some_and(|n| {
        (1..=80).contains(&n.chars().count())
            && !n.chars().any(|c| c.is_whitespace() || c.is_control() || "#@,<>&".contains(c))
    });
    if id || name {
        return Ok(value.to_owned());
    }
    Err(format!("invalid channel {}: expected an ID (C…, G…) or a name such as #security", quote_redacted(value)))
}

/// A bot token is part of a header, so it must be visible ASCII. Only its prefix is validated here.
pub(super) fn parse_bot_token(value: &str) -> ParseResult<secrecy::SecretString> {
    let value = value.trim();
    if !value.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("invalid bot token: contains whitespace or other characters that a token cannot contain; copy the token again".into());
    }
    if !(value.starts_with("xoxb-") || value.starts_with("xoxe.xoxb-")) {
        return Err(
            "invalid bot token: expected a token that starts with xoxb- (OAuth & Permissions, Bot User OAuth Token)"
                .into(),
        );
    }
    Ok(value.into())
}

/// The name of a ConfigMap, which is a DNS subdomain.
pub(super) fn parse_configmap_name(value: &str) -> ParseResult<String> {
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if value.len() <= 253 && value.split('.').all(label) {
        return Ok(value.to_owned());
    }
    Err(format!(
        "invalid ConfigMap name {}: expected lowercase letters, digits, \"-\" and \".\"",
        quote_redacted(value)
    ))
}

pub(super) fn parse_role_name(value: &str) -> ParseResult<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if value.len() <= 64 && value.chars().all(plain) {
        return Ok(value.to_owned());
    }
    Err(format!("invalid role name {}: expected the name of a permission set", quote_redacted(value)))
}
