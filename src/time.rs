//! Timestamps, the clock of a run, and the format of durations.

use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Serialize};

/// With milliseconds, as GuardDuty writes them.
const RFC3339: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// Milliseconds since the Unix epoch in UTC, the resolution of `updatedAt` in GuardDuty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    pub fn from_system_clock() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// Parses an ISO 8601 / RFC 3339 timestamp such as `2026-11-24T09:54:36.123Z`. Digits below a millisecond are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    /// `2026-11-24T09:54:36.123Z`
    pub fn to_rfc3339(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => RFC3339.timestamp_to_string(&t),
            Err(_) => format!("{} ms", self.0),
        }
    }

    /// Seconds since the epoch, the unit of Prometheus and Slack.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    pub fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(as_millis(d)))
    }

    pub fn minus(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(as_millis(d)))
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    pub fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn as_millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

/// A clock that can also wait until a time.
pub trait Time: Clone + 'static {
    fn now(&self) -> Timestamp;

    fn sleep_until(&self, time: Timestamp) -> impl Future<Output = ()> + 'static;
}

/// The wall clock of one run: read once, then advanced by the monotonic clock. Setting the system clock during the run
/// does not change a lease.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Timestamp,
    started: tokio::time::Instant,
}

impl Clock {
    /// Reads the clock of the machine. Requires a tokio runtime.
    pub fn from_system_clock() -> Self {
        Self { wall: Timestamp::from_system_clock(), started: tokio::time::Instant::now() }
    }

    /// Time since the clock was created.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Time for Clock {
    fn now(&self) -> Timestamp {
        self.wall.plus(self.started.elapsed())
    }

    fn sleep_until(&self, time: Timestamp) -> impl Future<Output = ()> + 'static {
        tokio::time::sleep(time.duration_since(self.now()))
    }
}

/// `90s`, `10m`, `6h`, `1d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    // A century is longer than any configured duration, and keeps every sum of timestamps in range.
    number.checked_mul(seconds).filter(|s| *s <= 100 * 365 * 86_400).map(Duration::from_secs)
}

/// Formats whole seconds with the largest exact unit: `90s`, `10m`, `6h`, `1d`.
pub fn format_duration(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0 => "0s".into(),
        _ if s.is_multiple_of(86_400) => format!("{}d", s / 86_400),
        _ if s.is_multiple_of(3_600) => format!("{}h", s / 3_600),
        _ if s.is_multiple_of(60) => format!("{}m", s / 60),
        _ => format!("{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_round_trip_with_milliseconds() {
        let t = Timestamp::parse("2026-11-24T09:54:36.120Z").unwrap();
        assert_eq!(t.to_rfc3339(), "2026-11-24T09:54:36.120Z");
        assert_eq!(Timestamp::parse("2026-11-24T10:54:36.12+01:00"), Some(t));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn durations_have_one_unit() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration(" 1d "), Some(Duration::from_hours(24)));
        assert_eq!(parse_duration("3m"), Some(Duration::from_mins(3)));
        assert_eq!(parse_duration("36500d"), Some(Duration::from_hours(876_000)), "a century");
        assert_eq!(parse_duration("36501d"), None);
        for bad in ["", "10", "m", "-3s", "8 parsecs", "1h30m", "99999999999999d", "1ü"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        assert_eq!(format_duration(Duration::from_mins(10)), "10m");
        assert_eq!(format_duration(Duration::from_secs(90)), "90s");
    }
}
