//! Renders the line under the title: severity level, account, region, time and count.

use super::blocks::Runs;
use super::text::{Mrkdwn, SafeText};
use super::{MessageOptions, render};
use crate::finding::{Finding, Line, SeverityLevel};
use crate::time::Timestamp;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// `HIGH 8.0 · payments-prod (111122223333) · eu-west-1 · today 01:58–02:41 · 14 times`
pub(super) fn line(f: &Finding, w: &MessageOptions, is_closed: bool) -> Runs {
    let runs = Runs::new().bold(&SafeText::single_line(&severity(f, is_closed))).literal(" · ");
    let place = place(f, w);
    let runs = if place.is_empty() { runs } else { runs.append(render::to_text_runs(&place)).literal(" · ") };
    let runs = match seen(f) {
        Some(seen) => seen.runs(runs),
        None => runs.literal("time unknown"),
    };
    if f.count > 1 { runs.literal(" · ").text(&SafeText::single_line(&times(f))) } else { runs }
}

/// The line for the one-line fallback, without the severity level. Each part begins with a separator.
pub(super) fn fallback(f: &Finding, w: &MessageOptions) -> Mrkdwn {
    let mut text = Mrkdwn::new();
    let place = place(f, w);
    if !place.is_empty() {
        text = text.literal(" · ").append(render::to_fallback(&place));
    }
    if let Some(seen) = seen(f) {
        text = seen.mrkdwn(text.literal(" · "));
    }
    if f.count > 1 {
        text = text.literal(" · ").text(&SafeText::single_line(&times(f)));
    }
    text
}

/// `HIGH 8.0`; in lowercase for a finding that needs no attention.
pub(super) fn severity(f: &Finding, is_closed: bool) -> String {
    let level = if is_closed { f.severity_level().name().to_owned() } else { f.severity_level().name().to_uppercase() };
    match f.has_severity() {
        true => format!("{level} {}", SeverityLevel::format_score(f.severity)),
        false => "severity unknown".to_owned(),
    }
}

/// `payments-prod (111122223333) · eu-west-1`
pub(super) fn place(f: &Finding, w: &MessageOptions) -> Line {
    let account = match w.account_names.get(&f.account_id).filter(|name| !name.trim().is_empty()) {
        Some(name) => Line::new().untrusted(name).literal(" (").untrusted(&f.account_id).literal(")"),
        None => Line::new().untrusted(&f.account_id),
    };
    // A finding about a global service occurs in one region and is reported in each.
    let region = match f.region == f.origin.region || f.origin.region.is_empty() {
        true => Line::new().separated_untrusted(&f.region),
        false => Line::new().untrusted(&f.region).literal(", reported in ").untrusted(&f.origin.region),
    };
    account.separated(region)
}

fn times(f: &Finding) -> String {
    format!("{} times", f.count)
}

/// Times at which a finding was first and last seen.
struct Seen {
    first: Timestamp,
    /// `None` if it is in the same minute.
    last: Option<Timestamp>,
}

fn seen(f: &Finding) -> Option<Seen> {
    let last = f.changed().or(f.first_seen)?;
    let first = f.first_seen.unwrap_or(last);
    let minute = |time: Timestamp| time.0.div_euclid(60_000);
    Some(Seen { first, last: Some(last).filter(|last| minute(*last) != minute(first)) })
}

impl Seen {
    /// A second time less than a day after the first one needs no date.
    fn is_within_a_day(&self, last: Timestamp) -> bool {
        (0..DAY).contains(&last.0.saturating_sub(self.first.0))
    }

    fn runs(&self, runs: Runs) -> Runs {
        let runs = render::push_date(runs, self.first);
        match self.last {
            Some(last) if self.is_within_a_day(last) => render::clock(runs.literal("–"), last),
            Some(last) => render::push_date(runs.literal(" – "), last),
            None => runs,
        }
    }

    fn mrkdwn(&self, text: Mrkdwn) -> Mrkdwn {
        let text = render::date_in_mrkdwn(text, self.first);
        match self.last {
            Some(last) if self.is_within_a_day(last) => render::clock_in_mrkdwn(text.literal("–"), last),
            Some(last) => render::date_in_mrkdwn(text.literal(" – "), last),
            None => text,
        }
    }
}
