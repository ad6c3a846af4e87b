//! Renders the minimal form of a message: validated fields only, no untrusted text. It is for messages whose other forms
//! Slack rejected, and for findings of which only the ID could be read.

use super::blocks::FallbackText;
use super::text::{Mrkdwn, SafeText};
use super::{links, style};
use crate::finding::{Finding, SeverityLevel};

/// `🔴 HIGH 8.0 · finding 1a2b… · account 111122223333 · eu-west-1 · console link`
pub(super) fn minimal_finding(f: &Finding) -> FallbackText {
    let mut text = match f.has_severity() {
        true => Mrkdwn::new()
            .text(&SafeText::single_line(&format!(
                "{} {} {}",
                style::emoji(f.severity_level(), false),
                f.severity_level().name().to_uppercase(),
                SeverityLevel::format_score(f.severity)
            )))
            .literal(" · "),
        false => Mrkdwn::new(),
    };
    text = text.literal("GuardDuty finding");
    if is_id(&f.id) {
        text = text.literal(" ").text(&SafeText::single_line(&f.id));
    }
    if let Some(account) = [&f.account_id, &f.origin.account].into_iter().find(|account| is_account(account)) {
        text = text.literal(" · account ").text(&SafeText::single_line(account));
    }
    if links::is_region(&f.origin.region) {
        text = text.literal(" · ").text(&SafeText::single_line(&f.origin.region));
    }
    if let Some(to) = links::direct_console_link(f).filter(|_| is_id(&f.id)) {
        text = text.literal(" · ").link(&to, &links::link_label("open in GuardDuty"));
    }
    FallbackText::new(text.literal(match f.raw {
        Some(_) => " · only its ID could be read: the log has the finding as it was received",
        None => " · Slack rejected the details; see the log",
    }))
}

pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

pub(super) fn is_account(account: &str) -> bool {
    (1..=20).contains(&account.len()) && account.bytes().all(|b| b.is_ascii_digit())
}
