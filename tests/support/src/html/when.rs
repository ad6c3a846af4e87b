//! Times as Slack shows them, in UTC: no time zone of a reader is known.

use jiff::Timestamp;
use jiff::tz::TimeZone;

fn at(seconds: &str) -> Option<jiff::Zoned> {
    let seconds: i64 = seconds.split('.').next()?.parse().ok()?;
    Some(Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC))
}

/// `Tuesday, November 24th`
pub(super) fn day(ts: &str) -> String {
    at(ts).map(|t| format!("{}{}", t.strftime("%A, %B %-d"), ordinal(t.day()))).unwrap_or_default()
}

fn ordinal(day: i8) -> &'static str {
    match (day % 10, day / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

/// `9:54 AM`
pub(super) fn clock(ts: &str) -> String {
    at(ts).map(|t| t.strftime("%-I:%M %p").to_string()).unwrap_or_default()
}

/// A format such as `{date_short_pretty} at {time}`, filled in.
pub(crate) fn format(seconds: &str, format: &str) -> Option<String> {
    let t = at(seconds)?;
    let patterns = [
        ("{date_num}", "%Y-%m-%d"),
        ("{date_slash}", "%m/%d/%Y"),
        ("{date_short_pretty}", "%b %-d, %Y"),
        ("{date_short}", "%b %-d, %Y"),
        ("{date_long_pretty}", "%A, %B %-d, %Y"),
        ("{date_long}", "%A, %B %-d, %Y"),
        ("{date_pretty}", "%B %-d, %Y"),
        ("{date}", "%B %-d, %Y"),
        ("{day_divider_pretty}", "%A, %B %-d"),
        ("{time_secs}", "%-I:%M:%S %p"),
        ("{time}", "%-I:%M %p"),
        ("{time_24}", "%H:%M"),
        ("{ago}", "on %b %-d"),
    ];
    let fill = |text: String, (name, pattern): &(&str, &str)| text.replace(name, &t.strftime(pattern).to_string());
    Some(patterns.iter().fold(format.to_owned(), fill))
}
