//! Parses URLs. Errors never contain them, because any URL may contain a secret.

use reqwest::Url;
use secrecy::SecretString;

use super::values::ParseResult;

/// A base URL without credentials, query, fragment and trailing slash.
pub(super) fn parse_base_url(value: &str) -> ParseResult<String> {
    let url = parse_http_url(value)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("invalid URL: must not contain credentials".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("invalid base URL: must not contain a query or a fragment".into());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The URL of an incoming webhook, which is a secret.
pub(super) fn parse_webhook_url(value: &str) -> ParseResult<SecretString> {
    parse_http_url(value.trim()).map(|url| SecretString::from(url.as_str()))
}

/// The start URL of IAM Identity Center, such as `https://d-1234567890.awsapps.com/start`, without a trailing `#/`.
pub(super) fn parse_portal_url(value: &str) -> ParseResult<String> {
    parse_base_url(value.trim_end_matches('/').trim_end_matches('#'))
}

const PLACEHOLDERS: [&str; 4] = ["{type}", "{id}", "{account}", "{region}"];

/// Maximum length of a template. Slack rejects links with more than 3,000 characters, and the values of the placeholders may
/// be long.
const MAX_TEMPLATE_LENGTH: usize = 2_000;

/// A link template. Placeholders are allowed only after the host, so that no finding can choose the host.
pub(super) fn parse_runbook_template(value: &str) -> ParseResult<String> {
    let filled = PLACEHOLDERS.iter().fold(value.to_owned(), |text, p| text.replace(p, "x"));
    if filled.contains(['{', '}']) {
        return Err("unknown placeholder: expected {type}, {id}, {account} or {region}".into());
    }
    let url = parse_http_url(&filled)?;
    let host_ends = value.find("://").map_or(0, |at| at + 3);
    let authority = value[host_ends..].split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('{') || !url.username().is_empty() || url.password().is_some() {
        return Err("invalid template: the host must not contain placeholders or credentials; use placeholders in the path or query".into());
    }
    if value.len() > MAX_TEMPLATE_LENGTH || value.chars().any(|c| c.is_whitespace() || "<>|\"".contains(c)) {
        return Err(
            "invalid template: too long, or contains whitespace or one of <>|\"; percent-encode these characters"
                .into(),
        );
    }
    Ok(value.to_owned())
}

fn parse_http_url(value: &str) -> ParseResult<Url> {
    let hint = || "invalid URL: expected https://host/path".to_owned();
    let url = Url::parse(value).map_err(|_| hint())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(url) } else { Err(hint()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn base_urls_lose_their_last_slash_and_hold_no_credentials() {
        assert_eq!(parse_base_url("http://gateway:9091/"), Ok("http://gateway:9091".into()));
        assert_eq!(parse_base_url("https://slack.com/api"), Ok("https://slack.com/api".into()));
        for bad in ["gateway:9091", "ftp://x", "http://", "http://user:s3cret@gateway", "http://x?token=s3cret"] {
            let why = parse_base_url(bad).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }

    #[test]
    fn a_webhook_keeps_its_path() {
        let url = "https://hooks.slack.com/services/T0/B0/s3cret";
        assert_eq!(parse_webhook_url(url).unwrap().expose_secret(), url);
        assert!(parse_webhook_url("hooks.slack.com/services").is_err());
    }

    #[test]
    fn the_portal_s_start_url_is_taken_as_the_browser_shows_it() {
        assert_eq!(parse_portal_url("https://corp.awsapps.com/start/#/"), Ok("https://corp.awsapps.com/start".into()));
        assert_eq!(parse_portal_url("https://corp.awsapps.com/start"), Ok("https://corp.awsapps.com/start".into()));
    }

    #[test]
    fn templates_know_four_placeholders_and_none_in_the_host() {
        for good in ["https://wiki.example/{type}?id={id}&a={account}&r={region}", "https://wiki.example/all"] {
            assert_eq!(parse_runbook_template(good), Ok(good.to_owned()));
        }
        for bad in [
            "https://{region}.example/",
            "https://wiki.example/{severity}",
            "wiki/{type}",
            "https://w.example/a b",
            "https://w.example/}",
        ] {
            assert!(parse_runbook_template(bad).is_err(), "{bad}");
        }
    }
}
