//! Parses `SLACK_SUMMARY`, and computes when a summary is due.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::values::{ParseResult, quote_redacted};
use crate::time::Timestamp;

/// The due times of summaries, at most one per day.
#[derive(Clone, Debug, PartialEq)]
pub struct SummarySchedule {
    days: Days,
    time: Time,
    zone: TimeZone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Days {
    Daily,
    Weekdays,
    Weekly(Weekday),
}

/// Number of days that are searched for the last due time: a week, and the adjacent days because of time zones.
const DAYS_BACK: i32 = 9;

impl SummarySchedule {
    /// The last due time at or before `now`.
    pub fn last_due(&self, now: Timestamp) -> Option<Timestamp> {
        let today = jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(self.zone.clone()).date();
        let days = (0..DAYS_BACK).filter_map(|back| today.checked_sub(jiff::Span::new().days(back)).ok());
        days.filter(|day| self.days.contains(*day)).filter_map(|day| self.due_on(day)).find(|due| *due <= now)
    }

    /// A local time that does not exist is later by the jump of the clock. Of a local time that exists twice, the first one
    /// counts.
    fn due_on(&self, day: Date) -> Option<Timestamp> {
        let due = day.to_datetime(self.time).to_zoned(self.zone.clone()).ok()?;
        Some(Timestamp(due.timestamp().as_millisecond()))
    }
}

impl Days {
    fn contains(self, day: Date) -> bool {
        match self {
            Self::Daily => true,
            Self::Weekdays => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
            Self::Weekly(weekday) => day.weekday() == weekday,
        }
    }
}

pub(super) fn schedule(value: &str) -> ParseResult<SummarySchedule> {
    let expected = "expected a value such as daily 09:00, weekdays 09:00 or mon 09:00 Europe/Berlin";
    let invalid = || format!("invalid schedule {}: {expected}", quote_redacted(value));
    let words: Vec<&str> = value.split_whitespace().collect();
    let (days, time, zone) = match words[..] {
        [days, time] => (days, time, "UTC"),
        [days, time, zone] => (days, time, zone),
        _ => return Err(invalid()),
    };
    let zone = time_zone(zone).ok_or_else(|| {
        format!(
            "unknown time zone {}: expected a name of the IANA database, such as Europe/Berlin",
            quote_redacted(zone)
        )
    })?;
    match (days_of(days), time_of_day(time)) {
        (Some(days), Some(time)) => Ok(SummarySchedule { days, time, zone }),
        _ => Err(invalid()),
    }
}

fn time_zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" { Some(TimeZone::UTC) } else { TimeZone::get(name).ok() }
}

fn days_of(word: &str) -> Option<Days> {
    Some(match word {
        "daily" => Days::Daily,
        "weekdays" => Days::Weekdays,
        "mon" => Days::Weekly(Weekday::Monday),
        "tue" => Days::Weekly(Weekday::Tuesday),
        "wed" => Days::Weekly(Weekday::Wednesday),
        "thu" => Days::Weekly(Weekday::Thursday),
        "fri" => Days::Weekly(Weekday::Friday),
        "sat" => Days::Weekly(Weekday::Saturday),
        "sun" => Days::Weekly(Weekday::Sunday),
        _ => return None,
    })
}

/// `09:00`, from 00:00 to 23:59.
fn time_of_day(text: &str) -> Option<Time> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<i8>().ok()).flatten()
    };
    Time::new(number(hours)?, number(minutes)?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_due(value: &str, now: &str) -> String {
        let due = schedule(value).unwrap().last_due(Timestamp::parse(now).unwrap()).unwrap();
        due.to_rfc3339().replace(":00.000Z", "Z")
    }

    #[test]
    fn the_last_due_time_is_found_in_each_time_zone() {
        let table = [
            ("daily 09:00", "2026-11-27T08:59:59Z", "2026-11-26T09:00Z"),
            ("daily 09:00", "2026-11-27T09:00:00Z", "2026-11-27T09:00Z"),
            ("daily 00:00 Pacific/Kiritimati", "2026-11-27T10:00:00Z", "2026-11-27T10:00Z"),
            ("daily 23:59 Pacific/Pago_Pago", "2026-11-27T10:58:59Z", "2026-11-26T10:59Z"),
            // 2026-11-27 is a Friday.
            ("weekdays 09:00", "2026-11-29T12:00:00Z", "2026-11-27T09:00Z"),
            ("fri 09:00", "2026-11-27T08:00:00Z", "2026-11-20T09:00Z"),
            ("mon 09:00 Asia/Tokyo", "2026-11-27T08:00:00Z", "2026-11-23T00:00Z"),
            ("daily 09:00 Asia/Kathmandu", "2026-11-27T03:15:00Z", "2026-11-27T03:15Z"),
        ];
        for (value, now, due) in table {
            assert_eq!(last_due(value, now), due, "{value} at {now}");
        }
    }

    #[test]
    fn a_summary_is_due_once_on_the_days_on_which_clocks_change() {
        let table = [
            // In Berlin 02:30 does not exist on 29 March 2026, and exists twice on 25 October 2026.
            ("daily 02:30 Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29T01:30Z"),
            ("daily 02:30 Europe/Berlin", "2026-03-30T12:00:00Z", "2026-03-30T00:30Z"),
            ("daily 02:30 Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T00:30Z"),
            ("daily 02:30 Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T00:30Z"),
            ("daily 02:30 Europe/Berlin", "2026-10-26T01:29:59Z", "2026-10-25T00:30Z"),
            // Lord Howe Island changes by half an hour.
            ("daily 02:15 Australia/Lord_Howe", "2026-10-03T23:00:00Z", "2026-10-03T15:45Z"),
            // Samoa had no 30 December 2011.
            ("daily 09:00 Pacific/Apia", "2011-12-30T18:00:00Z", "2011-12-29T19:00Z"),
        ];
        for (value, now, due) in table {
            assert_eq!(last_due(value, now), due, "{value} at {now}");
        }
    }

    #[test]
    fn a_value_that_makes_no_sense_is_an_error() {
        for bad in [
            "daily",
            "09:00",
            "daily 25:00",
            "daily 24:00",
            "daily 9am",
            "daily 9:00",
            "hourly 09:00",
            "Mon 09:00",
            "daily 09:60 Europe/Berlin",
            "daily 09:00 Europe/Atlantis",
            "daily 09:00 Europe/Berlin please",
            "daily +9:00",
        ] {
            assert!(schedule(bad).is_err(), "{bad}");
        }
    }
}
