//! Decides when to retry, and computes the delay. Pure: the time and the jitter are arguments.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, UNIX_EPOCH};

use crate::time::Timestamp;

/// Class of an HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// A success, unless the body contains an error.
    Success,
    /// Rejected for now. The server may return the time of the next attempt.
    RateLimited,
    /// Rejected permanently.
    Rejected,
    /// The request may have taken effect. Another attempt may succeed.
    Unknown,
}

/// Redirects are rejections: the services do not redirect, and a redirected POST would lose its body.
pub fn classify_status(status: u16) -> StatusClass {
    match status {
        200..=299 => StatusClass::Success,
        429 => StatusClass::RateLimited,
        // 408 and 425: the server, or a proxy before it, gave up waiting; it need not be the first to have seen the request
        408 | 425 => StatusClass::Unknown,
        400..=499 => StatusClass::Rejected,
        300..=399 => StatusClass::Rejected,
        _ => StatusClass::Unknown,
    }
}

/// Exponential delays with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    pub initial: Duration,
    pub max: Duration,
    /// Total number of attempts.
    pub max_attempts: u32,
}

impl RetryPolicy {
    /// For calls for which a person waits: four attempts, about 4 s.
    pub const INTERACTIVE: Self =
        Self { initial: Duration::from_millis(500), max: Duration::from_secs(5), max_attempts: 4 };

    /// For a rate limit without a `Retry-After`: until the run ends.
    pub const RATE_LIMIT: Self =
        Self { initial: Duration::from_secs(2), max: Duration::from_mins(1), max_attempts: u32::MAX };

    /// The delay after `failed` attempts (from 1). Returns `None` to give up: no attempt is left, or the delay exceeds `left`.
    /// `asked` is the delay that the server requests (`Retry-After`); the delay is never shorter. `chance` is from 0 to 1.
    pub fn next_delay(&self, failed: u32, asked: Option<Duration>, left: Duration, chance: f64) -> Option<Duration> {
        if failed >= self.max_attempts {
            return None;
        }
        let pause = self.backoff(failed, chance).max(asked.unwrap_or_default());
        (pause < left).then_some(pause)
    }

    /// Between half and all of `first` · 2^(`failed` − 1), at most `cap`.
    pub fn backoff(&self, failed: u32, chance: f64) -> Duration {
        let doubled = 2u32.saturating_pow(failed.saturating_sub(1).min(20));
        let whole = self.initial.saturating_mul(doubled).min(self.max);
        whole.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

/// Maximum delay of a `Retry-After`. It is longer than the default timeout of a run.
pub const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Parses the delay of a `Retry-After`, at most [`MAX_RETRY_AFTER`]: seconds (with fractions), or a date in one of the three
/// forms of RFC 9110, section 5.6.7, measured from `now`. Returns `None` for other texts, and for a time that is not in the
/// future, because it defines no delay.
pub fn parse_retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    let wait = match header.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => {
            Duration::from_secs_f64(seconds.clamp(0.0, MAX_RETRY_AFTER.as_secs_f64()))
        }
        Ok(_) => return None,
        Err(_) => http_date(header)?.duration_since(now).min(MAX_RETRY_AFTER),
    };
    (!wait.is_zero()).then_some(wait)
}

/// Parses a date in one of the three forms of RFC 9110.
pub fn http_date(text: &str) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok().map(Timestamp)
}

/// Random number for [`RetryPolicy::next_delay`], from 0 to 1, from the random keys of the hash maps of the standard library.
/// It is good enough to spread retries only.
pub fn jitter() -> f64 {
    RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_http_status_is_classified() {
        let mut runs: Vec<(StatusClass, u16, u16)> = Vec::new();
        for status in 100..=599 {
            match runs.last_mut() {
                Some((v, _, last)) if *v == classify_status(status) => *last = status,
                _ => runs.push((classify_status(status), status, status)),
            }
        }
        let lines: Vec<_> = runs.iter().map(|(v, from, to)| format!("{from}-{to} {v:?}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        100-199 Unknown
        200-299 Success
        300-407 Rejected
        408-408 Unknown
        409-424 Rejected
        425-425 Unknown
        426-428 Rejected
        429-429 RateLimited
        430-499 Rejected
        500-599 Unknown
        "#);
    }

    #[test]
    fn delays_double_up_to_the_cap_with_jitter() {
        let p = RetryPolicy { initial: Duration::from_secs(1), max: Duration::from_secs(10), max_attempts: 9 };
        let whole: Vec<_> = (1..=6).map(|n| p.backoff(n, 1.0).as_secs()).collect();
        assert_eq!(whole, [1, 2, 4, 8, 10, 10]);
        assert_eq!(p.backoff(3, 0.0), Duration::from_secs(2));
        assert_eq!(p.backoff(u32::MAX, 9.0), Duration::from_secs(10));
    }

    #[test]
    fn retry_delay_respects_retry_after_attempts_and_deadline() {
        let (p, minute) = (RetryPolicy::INTERACTIVE, Duration::from_mins(1));
        assert_eq!(p.next_delay(1, Some(Duration::from_secs(30)), minute, 0.5), Some(Duration::from_secs(30)));
        assert_eq!(p.next_delay(1, None, minute, 1.0), Some(Duration::from_millis(500)));
        assert_eq!(p.next_delay(1, Some(minute), minute, 0.5), None);
        assert_eq!(p.next_delay(4, None, minute, 0.5), None);
    }

    const NOW: Timestamp = Timestamp(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT

    #[test]
    fn retry_after_is_in_seconds() {
        assert_eq!(parse_retry_after(" 30 ", NOW), Some(Duration::from_secs(30)));
        assert_eq!(parse_retry_after("0.5", NOW), Some(Duration::from_millis(500)));
        for bad in ["", "soon", "-1", "0", "NaN", "inf", "-inf", "1e", "30 s"] {
            assert_eq!(parse_retry_after(bad, NOW), None, "{bad}");
        }
    }

    #[test]
    fn retry_after_is_a_date_in_each_form_of_http() {
        for date in ["Sun, 06 Nov 1994 08:50:07 GMT", "Sunday, 06-Nov-94 08:50:07 GMT", "Sun Nov  6 08:50:07 1994"] {
            assert_eq!(parse_retry_after(date, NOW), Some(Duration::from_secs(30)), "{date}");
        }
        for past in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:07 GMT", "Thu, 32 Jan 1970 00:00:00 GMT"]
        {
            assert_eq!(parse_retry_after(past, NOW), None, "{past}");
        }
    }

    #[test]
    fn retry_after_is_bounded() {
        for long in ["86400", "99999999999999999999", "1e99", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(parse_retry_after(long, NOW), Some(MAX_RETRY_AFTER), "{long}");
        }
    }

    #[test]
    fn chance_differs_and_stays_in_range() {
        let drawn: Vec<_> = (0..8).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|c| (0.0..=1.0).contains(c)));
        assert!(drawn.iter().any(|c| *c != drawn[0]));
    }
}
