//! The minimal form of a message, when Slack rejected all others or nothing but the ID of a finding could be read:
//! checked fields only, nothing that anyone else chose.

use super::blocks::Fallback;
use super::text::{Mrkdwn, Plain};
use super::{links, look};
use crate::finding::{Band, Finding};

/// `🔴 HIGH 8.0 · finding 1a2b… · account 111122223333 · eu-west-1 · console link`
pub(super) fn finding(f: &Finding) -> Fallback {
    let mut text = match f.has_severity() {
        true => Mrkdwn::new()
            .text(&Plain::line(&format!(
                "{} {} {}",
                look::sign(f.band(), false),
                f.band().name().to_uppercase(),
                Band::number(f.severity)
            )))
            .say(" · "),
        false => Mrkdwn::new(),
    };
    text = text.say("GuardDuty finding");
    if is_id(&f.id) {
        text = text.say(" ").text(&Plain::line(&f.id));
    }
    if let Some(account) = [&f.account_id, &f.origin.account].into_iter().find(|account| is_account(account)) {
        text = text.say(" · account ").text(&Plain::line(account));
    }
    if links::is_region(&f.origin.region) {
        text = text.say(" · ").text(&Plain::line(&f.origin.region));
    }
    if let Some(to) = links::console_direct(f).filter(|_| is_id(&f.id)) {
        text = text.say(" · ").link(&to, &links::label("open in GuardDuty"));
    }
    Fallback::new(text.say(match f.raw {
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
