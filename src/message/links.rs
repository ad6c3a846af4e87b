//! Builds the links of a message. Every part of a URL is validated or encoded.

use super::text::{Link, SafeText, percent_encode};
use super::{ConsolePortal, MessageOptions};
use crate::finding::Finding;

/// The finding in the console of its partition and of the polled region, through the portal if one is configured.
pub(super) fn console_link(f: &Finding, w: &MessageOptions) -> Option<Link> {
    let direct = console_url(&f.partition, &f.origin.region, &format!("macros=current&fId={}", percent_encode(&f.id)));
    portal_link(direct, &f.account_id, w.portal.as_ref())
}

/// All current findings of this type in this account, in the polled region.
pub(super) fn search_link(f: &Finding, w: &MessageOptions) -> Option<Link> {
    let criteria = format!("type={}&accountId={}", f.kind.as_str(), f.account_id);
    let direct =
        console_url(&f.partition, &f.origin.region, &format!("search={}&macros=current", percent_encode(&criteria)));
    portal_link(direct, &f.account_id, w.portal.as_ref())
}

/// The link without the portal, for the minimal form, which contains no configured text.
pub(super) fn direct_console_link(f: &Finding) -> Option<Link> {
    Link::new(&console_url(&f.partition, &f.origin.region, &format!("macros=current&fId={}", percent_encode(&f.id))))
}

fn console_url(partition: &str, region: &str, query: &str) -> String {
    let domain = match partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        "aws-eusc" => "console.amazonaws-eusc.eu",
        _ => "console.aws.amazon.com",
    };
    // The region becomes part of a hostname, so only valid labels are allowed.
    match is_region(region) {
        true => format!("https://{region}.{domain}/guardduty/home?region={region}#/findings?{query}"),
        false => format!("https://{domain}/guardduty/home#/findings?{query}"),
    }
}

pub(super) fn is_region(region: &str) -> bool {
    (1..=40).contains(&region.len())
        && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !region.starts_with('-')
        && !region.ends_with('-')
}

/// See IAM Identity Center User Guide, “Creating shortcut links”.
fn portal_link(direct: String, account: &str, portal: Option<&ConsolePortal>) -> Option<Link> {
    let Some(portal) = portal else { return Link::new(&direct) };
    let start = portal.url.trim_end_matches(['/', '#']);
    let (account, role) = (percent_encode(account), percent_encode(&portal.role));
    Link::new(&format!(
        "{start}/#/console?account_id={account}&role_name={role}&destination={}",
        percent_encode(&direct)
    ))
    .or_else(|| Link::new(&direct))
}

pub(super) fn documentation_link(f: &Finding) -> Option<Link> {
    Link::new(&f.kind.documentation(&f.partition, f.details().rule.is_some()))
}

pub(super) fn runbook_link(f: &Finding, w: &MessageOptions) -> Option<Link> {
    let template = w.runbook_url.as_deref()?;
    let values =
        [("{type}", f.kind.as_str()), ("{id}", &f.id), ("{account}", &f.account_id), ("{region}", &f.origin.region)];
    Link::new(&fill_template(template, &values))
}

/// Replaces each placeholder once, from left to right. A value that looks like a placeholder is not replaced again.
fn fill_template(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match values.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                out.push_str(&percent_encode(value));
                rest = &rest[name.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

/// Label for a link or a button.
pub(super) fn link_label(words: &'static str) -> SafeText {
    SafeText::single_line(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_console() {
        let url = |partition, region| console_url(partition, region, "fId=1");
        assert_eq!(
            url("aws", "eu-west-1"),
            "https://eu-west-1.console.aws.amazon.com/guardduty/home?region=eu-west-1#/findings?fId=1"
        );
        assert_eq!(
            url("aws-cn", "cn-north-1"),
            "https://cn-north-1.console.amazonaws.cn/guardduty/home?region=cn-north-1#/findings?fId=1"
        );
        assert!(url("aws-us-gov", "us-gov-west-1").starts_with("https://us-gov-west-1.console.amazonaws-us-gov.com/"));
        assert!(url("aws-eusc", "eusc-de-east-1").starts_with("https://eusc-de-east-1.console.amazonaws-eusc.eu/"));
    }

    #[test]
    fn nothing_but_a_region_becomes_part_of_a_host() {
        for odd in ["", "evil.example/", "eu-west-1@evil", "-x", &"a".repeat(99)] {
            assert_eq!(
                console_url("aws", odd, "fId=1"),
                "https://console.aws.amazon.com/guardduty/home#/findings?fId=1",
                "{odd}"
            );
        }
    }

    #[test]
    fn the_portal_opens_the_findings_own_account() {
        let portal =
            ConsolePortal { url: "https://d-1234567890.awsapps.com/start/".into(), role: "Security Audit".into() };
        let link = portal_link("https://x/?a=1#/b".into(), "111122223333", Some(&portal)).unwrap();
        assert_eq!(
            link.as_str(),
            "https://d-1234567890.awsapps.com/start/#/console?account_id=111122223333&role_name=Security%20Audit&destination=https%3A%2F%2Fx%2F%3Fa%3D1%23%2Fb"
        );
    }

    #[test]
    fn a_runbook_is_filled_in_once() {
        let values = [("{type}", "Recon:EC2/{id}"), ("{id}", "7")];
        assert_eq!(
            fill_template("https://wiki/{type}?{id}&{other}", &values),
            "https://wiki/Recon%3AEC2%2F%7Bid%7D?7&{other}"
        );
    }
}
