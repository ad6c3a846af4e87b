//! Parsers for the AWS variables. A parser gets the trimmed value, and returns the value for the SDK.
//!
//! See AWS SDKs and Tools Reference Guide, “Settings reference”. The names are those that the crates read.

use std::net::IpAddr;

use reqwest::Url;

use super::super::values::{ParseResult, is_account, is_region, is_role_arn, quote_redacted};

type Parse = fn(&str) -> ParseResult<String>;

/// Every variable that the SDK reads, in alphabetical order.
pub(super) const VARIABLES: &[(&str, Parse)] = &[
    ("AWS_ACCESS_KEY_ID", token),
    ("AWS_ACCOUNT_ID", account),
    ("AWS_ACCOUNT_ID_ENDPOINT_MODE", endpoint_mode_of_account),
    ("AWS_AUTH_SCHEME_PREFERENCE", line),
    ("AWS_CONFIG_FILE", line),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", header),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", line),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", path),
    ("AWS_DEFAULT_REGION", region),
    ("AWS_DISABLE_CLOCK_SKEW_CORRECTION", boolean),
    ("AWS_DISABLE_REQUEST_COMPRESSION", boolean),
    ("AWS_EC2_METADATA_DISABLED", boolean),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", endpoint_mode_of_metadata),
    ("AWS_ENDPOINT_URL", url),
    ("AWS_ENDPOINT_URL_ACCOUNT", url),
    ("AWS_ENDPOINT_URL_GUARDDUTY", url),
    ("AWS_ENDPOINT_URL_ORGANIZATIONS", url),
    ("AWS_ENDPOINT_URL_SIGNIN", url),
    ("AWS_ENDPOINT_URL_SSO", url),
    ("AWS_ENDPOINT_URL_SSO_OIDC", url),
    ("AWS_ENDPOINT_URL_STS", url),
    ("AWS_EXECUTION_ENV", header),
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", boolean),
    ("AWS_LOGIN_CACHE_DIRECTORY", line),
    ("AWS_MAX_ATTEMPTS", attempts),
    ("AWS_NEW_RETRIES_2026", boolean),
    ("AWS_PROFILE", line),
    ("AWS_REGION", region),
    ("AWS_REQUEST_CHECKSUM_CALCULATION", checksums),
    ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", compression_size),
    ("AWS_RESPONSE_CHECKSUM_VALIDATION", checksums),
    ("AWS_RETRY_MODE", retry_mode),
    ("AWS_ROLE_ARN", role),
    ("AWS_ROLE_SESSION_NAME", session_name),
    ("AWS_SDK_UA_APP_ID", app_id),
    ("AWS_SECRET_ACCESS_KEY", token),
    ("AWS_SESSION_TOKEN", token),
    ("AWS_SHARED_CREDENTIALS_FILE", line),
    ("AWS_SIGV4A_SIGNING_REGION_SET", line),
    ("AWS_USE_DUALSTACK_ENDPOINT", boolean),
    ("AWS_USE_FIPS_ENDPOINT", boolean),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", line),
    // The folder of the profile files.
    ("HOME", line),
];

/// A value of a header or a signature. It is not shown, because it may be a secret.
fn token(value: &str) -> ParseResult<String> {
    if value.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(value.to_owned());
    }
    Err("invalid value (not shown): expected letters, digits and punctuation without spaces".into())
}

/// The value of a header, which may contain spaces.
fn header(value: &str) -> ParseResult<String> {
    if value.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return Ok(value.to_owned());
    }
    Err("invalid value (not shown): expected printable ASCII characters on one line".into())
}

/// A name or a path.
fn line(value: &str) -> ParseResult<String> {
    if value.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return Err(format!("invalid value {}: expected one line of UTF-8", quote_redacted(value)));
    }
    Ok(value.to_owned())
}

fn account(value: &str) -> ParseResult<String> {
    if is_account(value) {
        return Ok(value.to_owned());
    }
    Err(format!("invalid account ID {}: expected 12 digits", quote_redacted(value)))
}

pub(super) fn region(value: &str) -> ParseResult<String> {
    if is_region(value) {
        return Ok(value.to_owned());
    }
    Err(format!("invalid region {}: expected a region such as eu-west-1 or us-gov-west-1", quote_redacted(value)))
}

fn role(value: &str) -> ParseResult<String> {
    if is_role_arn(value) {
        return Ok(value.to_owned());
    }
    Err(format!("invalid role ARN {}: expected arn:aws:iam::123456789012:role/name", quote_redacted(value)))
}

/// Source: IAM API Reference, `AssumeRoleWithWebIdentity`, `RoleSessionName`.
fn session_name(value: &str) -> ParseResult<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&value.len()) && value.chars().all(is_plain) {
        return Ok(value.to_owned());
    }
    Err(format!("invalid session name {}: expected 2 to 64 letters, digits and _+=,.@-", quote_redacted(value)))
}

/// Source: SDKs and Tools Reference Guide, "Application ID".
fn app_id(value: &str) -> ParseResult<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if value.chars().all(is_plain) {
        return Ok(value.to_owned());
    }
    Err(format!("invalid application ID {}: expected letters, digits and !#$%&'*+-.^_`|~", quote_redacted(value)))
}

pub(super) fn boolean(value: &str) -> ParseResult<String> {
    one_of("boolean", &["true", "false"], value)
}

pub(super) fn attempts(value: &str) -> ParseResult<String> {
    match value.parse::<u32>() {
        Ok(attempts) if attempts > 0 => Ok(attempts.to_string()),
        _ => Err(format!("invalid number of attempts {}: expected a whole number from 1", quote_redacted(value))),
    }
}

/// `legacy` is the old mode of other SDKs. It also retries transient errors.
pub(super) fn retry_mode(value: &str) -> ParseResult<String> {
    match one_of("retry mode", &["standard", "adaptive", "legacy"], value)?.as_str() {
        "legacy" => Ok("standard".into()),
        mode => Ok(mode.to_owned()),
    }
}

fn checksums(value: &str) -> ParseResult<String> {
    one_of("checksum setting", &["when_supported", "when_required"], value)
}

fn endpoint_mode_of_account(value: &str) -> ParseResult<String> {
    one_of("endpoint mode", &["preferred", "disabled", "required"], value)
}

fn endpoint_mode_of_metadata(value: &str) -> ParseResult<String> {
    one_of("endpoint mode", &["ipv4", "ipv6"], value)
}

/// Source: SDKs and Tools Reference Guide, "Request compression": 10 MiB at most.
fn compression_size(value: &str) -> ParseResult<String> {
    match value.parse::<u32>() {
        Ok(size) if size <= 10_485_760 => Ok(size.to_string()),
        _ => Err(format!("invalid size {}: expected a number of bytes from 0 to 10485760", quote_redacted(value))),
    }
}

/// In lowercase, because the SDK compares only some of the values without case.
fn one_of(noun: &str, values: &[&str], value: &str) -> ParseResult<String> {
    let lower = value.to_ascii_lowercase();
    if values.contains(&lower.as_str()) {
        return Ok(lower);
    }
    let (last, others) = values.split_last().unwrap_or((&"", &[]));
    Err(format!("invalid {noun} {}: expected {} or {last}", quote_redacted(value), others.join(", ")))
}

/// The unchanged value. It is not shown, because it may contain a password.
pub(super) fn url(value: &str) -> ParseResult<String> {
    parsed_url(value).map(|_| value.to_owned())
}

fn parsed_url(value: &str) -> ParseResult<Url> {
    let problem = || "invalid URL (not shown): expected a URL such as https://host/path".to_owned();
    let url = Url::parse(value).map_err(|_| problem())?;
    // The SDK parses more strictly than a browser does.
    let is_plain = value.bytes().all(|b| b.is_ascii_graphic()) && value.parse::<::http::Uri>().is_ok();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain { Ok(url) } else { Err(problem()) }
}

/// Without TLS, only loopback and the addresses of the agents of ECS and EKS are allowed, as in every SDK.
/// See SDKs and Tools Reference Guide, “Container credential provider”.
fn agent(value: &str) -> ParseResult<String> {
    const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
    let url = parsed_url(value)?;
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_trusted = match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || AGENTS.contains(&host),
        Err(_) => host == "localhost",
    };
    if url.scheme() == "https" || is_trusted {
        return Ok(value.to_owned());
    }
    Err("invalid URL (not shown): without TLS, expected a loopback address or the agent of ECS or EKS".into())
}

fn path(value: &str) -> ParseResult<String> {
    if value.starts_with('/') && !value.starts_with("//") && value.parse::<::http::uri::PathAndQuery>().is_ok() {
        return Ok(value.to_owned());
    }
    Err(format!("invalid path {}: expected a path such as /v2/credentials", quote_redacted(value)))
}
