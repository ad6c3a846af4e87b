//! The line under the title: severity level, account, region, time and count.

use super::blocks::Runs;
use super::text::{Mrkdwn, Plain};
use super::{Wording, say};
use crate::finding::{Band, Finding, Phrase};
use crate::time::Millis;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// `HIGH 8.0 · payments-prod (111122223333) · eu-west-1 · today 01:58–02:41 · 14 times`
pub(super) fn line(f: &Finding, w: &Wording, is_closed: bool) -> Runs {
    let runs = Runs::new().bold(&Plain::line(&severity(f, is_closed))).say(" · ");
    let place = place(f, w);
    let runs = if place.is_empty() { runs } else { runs.append(say::runs(&place)).say(" · ") };
    let runs = match seen(f) {
        Some(seen) => seen.runs(runs),
        None => runs.say("time unknown"),
    };
    if f.count > 1 { runs.say(" · ").text(&Plain::line(&times(f))) } else { runs }
}

/// The same for the one-line fallback, without the severity level. Each part begins with a separator.
pub(super) fn fallback(f: &Finding, w: &Wording) -> Mrkdwn {
    let mut text = Mrkdwn::new();
    let place = place(f, w);
    if !place.is_empty() {
        text = text.say(" · ").append(say::fallback(&place));
    }
    if let Some(seen) = seen(f) {
        text = seen.mrkdwn(text.say(" · "));
    }
    if f.count > 1 {
        text = text.say(" · ").text(&Plain::line(&times(f)));
    }
    text
}

/// `HIGH 8.0`; in lowercase for a finding that needs no attention.
pub(super) fn severity(f: &Finding, is_closed: bool) -> String {
    let level = if is_closed { f.band().name().to_owned() } else { f.band().name().to_uppercase() };
    match f.has_severity() {
        true => format!("{level} {}", Band::number(f.severity)),
        false => "severity unknown".to_owned(),
    }
}

/// `payments-prod (111122223333) · eu-west-1`
pub(super) fn place(f: &Finding, w: &Wording) -> Phrase {
    let account = match w.account_names.get(&f.account_id).filter(|name| !name.trim().is_empty()) {
        Some(name) => Phrase::new().theirs(name).ours(" (").theirs(&f.account_id).ours(")"),
        None => Phrase::new().theirs(&f.account_id),
    };
    // A finding about a global service happens in one region and is seen in each.
    let region = match f.region == f.origin.region || f.origin.region.is_empty() {
        true => Phrase::new().part_theirs(&f.region),
        false => Phrase::new().theirs(&f.region).ours(", reported in ").theirs(&f.origin.region),
    };
    account.part(region)
}

fn times(f: &Finding) -> String {
    format!("{} times", f.count)
}

/// When a finding was first and last seen.
struct Seen {
    first: Millis,
    /// None if it is in the same minute.
    last: Option<Millis>,
}

fn seen(f: &Finding) -> Option<Seen> {
    let last = f.changed().or(f.first_seen)?;
    let first = f.first_seen.unwrap_or(last);
    let minute = |time: Millis| time.0.div_euclid(60_000);
    Some(Seen { first, last: Some(last).filter(|last| minute(*last) != minute(first)) })
}

impl Seen {
    /// A second time less than a day after the first one needs no date.
    fn is_within_a_day(&self, last: Millis) -> bool {
        (0..DAY).contains(&last.0.saturating_sub(self.first.0))
    }

    fn runs(&self, runs: Runs) -> Runs {
        let runs = say::date(runs, self.first);
        match self.last {
            Some(last) if self.is_within_a_day(last) => say::clock(runs.say("–"), last),
            Some(last) => say::date(runs.say(" – "), last),
            None => runs,
        }
    }

    fn mrkdwn(&self, text: Mrkdwn) -> Mrkdwn {
        let text = say::date_in_mrkdwn(text, self.first);
        match self.last {
            Some(last) if self.is_within_a_day(last) => say::clock_in_mrkdwn(text.say("–"), last),
            Some(last) => say::date_in_mrkdwn(text.say(" – "), last),
            None => text,
        }
    }
}
