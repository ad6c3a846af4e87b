//! Parses single values. An error contains a hint, and shows the value unless it may be a secret.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::glob::Glob;
use super::{AccountNames, LogFormat, RecurrencePolicy, Regions, Role, SamplePolicy};
use crate::finding::SeverityLevel;
use crate::time::{format_duration, parse_duration};

pub(super) type ParseResult<T> = Result<T, String>;

/// The value in quotes for an error: truncated, on one line, and redacted if it may be a secret in the wrong variable.
pub(super) fn quote_redacted(value: &str) -> String {
    let lower = value.to_ascii_lowercase();
    let token = ["xox", "xapp-", "hooks.slack", "://"].iter().any(|s| lower.contains(s));
    if token || value.contains("AKIA") || value.contains("ASIA") {
        return "(value hidden: it may contain a secret)".into();
    }
    let shown: String = value.chars().take(60).collect();
    format!("{shown:?}{}", if shown.len() < value.len() { "…" } else { "" })
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

/// Parses `RUST_LOG`: levels, `target=level`, or targets of this program, separated by commas. All others have the level
/// `info`. An invalid filter is an error, because it would hide log lines if it were ignored.
pub(super) fn parse_log_filter(value: &str) -> ParseResult<Targets> {
    let invalid =
        || format!("invalid log filter {}: expected a level such as info, or target=level,…", quote_redacted(value));
    let directives: Option<Vec<(Option<&str>, LevelFilter)>> = split_list(value).map(log_directive).collect();
    let directives = directives.filter(|all| !all.is_empty()).ok_or_else(invalid)?;
    let mut targets = Targets::new().with_default(LevelFilter::INFO);
    for (target, level) in directives {
        targets = match target {
            Some(target) => targets.with_target(target, level),
            None => targets.with_default(level),
        };
    }
    Ok(targets)
}

/// A single word that is not a level would be a target, and hide all others. Only targets of this program may be alone.
fn log_directive(text: &str) -> Option<(Option<&str>, LevelFilter)> {
    let is_target = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b));
    match text.split_once('=') {
        Some((target, level)) if is_target(target) => Some((Some(target), level.parse().ok()?)),
        Some(_) => None,
        None if text.starts_with("guardduty_slack") && is_target(text) => Some((Some(text), LevelFilter::TRACE)),
        None => Some((None, text.parse().ok()?)),
    }
}

/// Returns true for `eu-west-1`, `us-gov-west-1`, `eusc-de-east-1`, `us-isob-east-1`: at least two parts of letters, then a number.
pub(super) fn is_region(value: &str) -> bool {
    let mut parts: Vec<&str> = value.split('-').collect();
    let number = parts.pop().unwrap_or_default();
    let digits = |s: &str| !s.is_empty() && s.len() <= 2 && s.bytes().all(|b| b.is_ascii_digit());
    let word = |s: &&str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase());
    digits(number) && parts.len() >= 2 && parts.iter().all(word)
}

pub(super) fn parse_regions(value: &str) -> ParseResult<Regions> {
    let names = dedup_preserving_order(split_list(value));
    let name = |name: &String| name.strip_prefix('-').unwrap_or(name).to_owned();
    if let Some(bad) = names.iter().find(|n| *n != "all" && !is_region(&name(n))) {
        let expected = "expected regions such as eu-west-1,us-east-1, or all, or all,-us-east-1";
        return Err(format!("invalid region {}: {expected}", quote_redacted(bad)));
    }
    let (excluded, included): (Vec<String>, Vec<String>) = names.into_iter().partition(|n| n.starts_with('-'));
    let except: Vec<String> = excluded.iter().map(name).collect();
    match &included[..] {
        [all] if all == "all" => Ok(Regions::All { except }),
        _ if included.iter().any(|n| n == "all") => {
            Err("invalid region list: \"all\" cannot be combined with region names; all,-us-east-1 excludes one".into())
        }
        _ if !except.is_empty() => {
            Err("invalid region list: expected \"all\" with an excluded region, such as all,-us-east-1".into())
        }
        [] => Ok(Regions::Default),
        _ => Ok(Regions::List(included)),
    }
}

fn dedup_preserving_order<'a>(items: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for item in items {
        if !seen.iter().any(|s| s == item) {
            seen.push(item.to_owned());
        }
    }
    seen
}

pub(super) fn is_account(value: &str) -> bool {
    value.len() == 12 && value.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn is_role_arn(value: &str) -> bool {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else { return false };
    let name = resource.strip_prefix("role/").unwrap_or_default();
    // See IAM User Guide, “IAM and AWS STS quotas”: letters, digits, and _+=,.@-. A path contains slashes.
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=.@-/".contains(c);
    (partition == "aws" || partition.starts_with("aws-"))
        && is_account(account)
        && !name.is_empty()
        && !name.ends_with('/')
        && name.chars().all(plain)
}

pub(super) fn parse_roles(value: &str) -> ParseResult<Vec<Role>> {
    let role = |item: String| match item.as_str() {
        "self" => Ok(Role::Pod),
        arn if is_role_arn(arn) => Ok(Role::Arn(item)),
        bad => {
            Err(format!("invalid role {}: expected arn:aws:iam::123456789012:role/name, or self", quote_redacted(bad)))
        }
    };
    dedup_preserving_order(split_list(value)).into_iter().map(role).collect()
}

/// Source: IAM User Guide on `sts:ExternalId`: 2 to 1,224 characters of `\w+=,.@:/-`.
pub(super) fn parse_external_id(value: &str) -> ParseResult<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if (2..=1224).contains(&value.len()) && value.chars().all(plain) {
        return Ok(value.to_owned());
    }
    Err("invalid external ID: expected 2 to 1224 characters: letters, digits and _+=,.@:/-".into())
}

pub(super) fn parse_account_names(value: &str) -> ParseResult<AccountNames> {
    if value == "organization" {
        return Ok(AccountNames::Organization);
    }
    let mut names = BTreeMap::new();
    for item in split_list(value) {
        let (id, name) = item.split_once('=').map_or((item, ""), |(id, name)| (id.trim(), name.trim()));
        if !is_account(id) || name.is_empty() {
            return Err(format!(
                "invalid account name entry {}: expected 123456789012=prod,…, or organization",
                quote_redacted(item)
            ));
        }
        if names.insert(id.to_owned(), name.to_owned()).is_some() {
            return Err(format!("duplicate account {id}"));
        }
    }
    Ok(AccountNames::Map(names))
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

/// Labels that the metrics have, or that Prometheus adds to histograms and groups.
const RESERVED_LABELS: [&str; 16] = [
    "account",
    "channel",
    "code",
    "feature",
    "job",
    "le",
    "operation",
    "outcome",
    "quantile",
    "region",
    "resource_type",
    "revision",
    "service",
    "severity",
    "type",
    "version",
];

pub(super) fn parse_labels(value: &str) -> ParseResult<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for item in split_list(value) {
        let (name, text) = item.split_once('=').map_or((item, ""), |(n, t)| (n.trim(), t.trim()));
        if !is_label(name) || text.is_empty() {
            return Err(format!("invalid label {}: expected name=value,name=value", quote_redacted(item)));
        }
        if RESERVED_LABELS.contains(&name) {
            return Err(format!("invalid label {name}: reserved by the metrics; choose another name"));
        }
        if labels.insert(name.to_owned(), text.to_owned()).is_some() {
            return Err(format!("duplicate label {name}"));
        }
    }
    Ok(labels)
}

fn is_label(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain && !name.is_empty() && !name.starts_with("__") && !name.as_bytes()[0].is_ascii_digit()
}

pub(super) fn parse_role_name(value: &str) -> ParseResult<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if value.len() <= 64 && value.chars().all(plain) {
        return Ok(value.to_owned());
    }
    Err(format!("invalid role name {}: expected the name of a permission set", quote_redacted(value)))
}

/// See RFC 7617, section 2: a colon ends the user name.
pub(super) fn parse_username(value: &str) -> ParseResult<String> {
    if value.contains(':') || value.chars().any(char::is_control) {
        return Err("invalid user name: must not contain a colon or control characters".into());
    }
    Ok(value.to_owned())
}
