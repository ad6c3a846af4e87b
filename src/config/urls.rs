//! URLs: none is ever shown, any can hold a secret.

use reqwest::Url;
use secrecy::SecretString;

use super::values::Parsed;

/// A base URL without credentials, query or fragment; no slash at its end.
pub(super) fn base(value: &str) -> Parsed<String> {
    let url = http(value)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("invalid URL: must not contain credentials".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("invalid base URL: must not contain a query or a fragment".into());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// An incoming webhook: the whole URL is the secret.
pub(super) fn webhook(value: &str) -> Parsed<SecretString> {
    http(value.trim()).map(|url| SecretString::from(url.as_str()))
}

/// The start URL of IAM Identity Center, such as `https://d-1234567890.awsapps.com/start`; its `#/` is taken off.
pub(super) fn portal(value: &str) -> Parsed<String> {
    base(value.trim_end_matches('/').trim_end_matches('#'))
}

const PLACEHOLDERS: [&str; 4] = ["{type}", "{id}", "{account}", "{region}"];

/// Slack refuses links over 3,000 characters; what is put in for the placeholders needs room.
const LONGEST_TEMPLATE: usize = 2_000;

/// A link template. Placeholders may stand behind the host only: what a finding says must not choose the host.
pub(super) fn template(value: &str) -> Parsed<String> {
    let filled = PLACEHOLDERS.iter().fold(value.to_owned(), |text, p| text.replace(p, "x"));
    if filled.contains(['{', '}']) {
        return Err("unknown placeholder: expected {type}, {id}, {account} or {region}".into());
    }
    let url = http(&filled)?;
    let host_ends = value.find("://").map_or(0, |at| at + 3);
    let authority = value[host_ends..].split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('{') || !url.username().is_empty() || url.password().is_some() {
        return Err("invalid template: the host must not contain placeholders or credentials; use placeholders in the path or query".into());
    }
    if value.len() > LONGEST_TEMPLATE || value.chars().any(|c| c.is_whitespace() || "<>|\"".contains(c)) {
        return Err(
            "invalid template: too long, or contains whitespace or one of <>|\"; percent-encode these characters"
                .into(),
        );
    }
    Ok(value.to_owned())
}

fn http(value: &str) -> Parsed<Url> {
    let mend = || "invalid URL: expected https://host/path".to_owned();
    let url = Url::parse(value).map_err(|_| mend())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(url) } else { Err(mend()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn base_urls_lose_their_last_slash_and_hold_no_credentials() {
        assert_eq!(base("http://gateway:9091/"), Ok("http://gateway:9091".into()));
        assert_eq!(base("https://slack.com/api"), Ok("https://slack.com/api".into()));
        for bad in ["gateway:9091", "ftp://x", "http://", "http://user:s3cret@gateway", "http://x?token=s3cret"] {
            let why = base(bad).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }

    #[test]
    fn a_webhook_keeps_its_path() {
        let url = "https://hooks.slack.com/services/T0/B0/s3cret";
        assert_eq!(webhook(url).unwrap().expose_secret(), url);
        assert!(webhook("hooks.slack.com/services").is_err());
    }

    #[test]
    fn the_portal_s_start_url_is_taken_as_the_browser_shows_it() {
        assert_eq!(portal("https://corp.awsapps.com/start/#/"), Ok("https://corp.awsapps.com/start".into()));
        assert_eq!(portal("https://corp.awsapps.com/start"), Ok("https://corp.awsapps.com/start".into()));
    }

    #[test]
    fn templates_know_four_placeholders_and_none_in_the_host() {
        for good in ["https://wiki.example/{type}?id={id}&a={account}&r={region}", "https://wiki.example/all"] {
            assert_eq!(template(good), Ok(good.to_owned()));
        }
        for bad in [
            "https://{region}.example/",
            "https://wiki.example/{severity}",
            "wiki/{type}",
            "https://w.example/a b",
            "https://w.example/}",
        ] {
            assert!(template(bad).is_err(), "{bad}");
        }
    }
}
