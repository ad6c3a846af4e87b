//! When to try again, and how long to wait before it. Pure: the clock and chance are arguments.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// What an HTTP status says about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The body tells the rest.
    Done,
    /// Not now; the server says when.
    Throttled,
    /// The same request will never pass.
    Refused,
    /// It may have taken effect, and it may pass later.
    Unknown,
}

/// Redirects are refusals: nothing that is asked here redirects, and a redirected POST would lose its body.
pub fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Done,
        429 => Verdict::Throttled,
        // 408 and 425: the server, or a proxy before it, gave up waiting; it need not be the first to have seen the request
        408 | 425 => Verdict::Unknown,
        400..=499 => Verdict::Refused,
        300..=399 => Verdict::Refused,
        _ => Verdict::Unknown,
    }
}

/// Exponential delays with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub first: Duration,
    pub cap: Duration,
    /// tries in all, the first included
    pub tries: u32,
}

impl Policy {
    /// For calls that a person waits for only a little: four tries, some 4 s.
    pub const SHORT: Self = Self { first: Duration::from_millis(500), cap: Duration::from_secs(5), tries: 4 };

    /// The pause after `failed` tries (from 1), or `None` to give up: no try is left, or it would begin after `left` has passed.
    /// `asked` is what the server asked for (`Retry-After`) and is never undercut. `chance` is from 0 to 1.
    pub fn pause(&self, failed: u32, asked: Option<Duration>, left: Duration, chance: f64) -> Option<Duration> {
        if failed >= self.tries {
            return None;
        }
        let pause = self.backoff(failed, chance).max(asked.unwrap_or_default());
        (pause < left).then_some(pause)
    }

    /// Between a half and the whole of `first` · 2^(`failed` − 1), `cap` at most.
    pub fn backoff(&self, failed: u32, chance: f64) -> Duration {
        let doubled = 2u32.saturating_pow(failed.saturating_sub(1).min(20));
        let whole = self.first.saturating_mul(doubled).min(self.cap);
        whole.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

/// Seconds as `Retry-After` gives them, fractions included; `None` for its other form, a date, which neither Slack nor
/// Kubernetes uses.
pub fn retry_after(header: &str) -> Option<Duration> {
    let seconds: f64 = header.trim().parse().ok()?;
    // A day is longer than any run.
    (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// Chance for [`Policy::pause`], from 0 to 1: the keys that the standard library draws for its hash maps. Good enough to
/// spread retries, for nothing else.
pub fn chance() -> f64 {
    RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_verdict() {
        let mut runs: Vec<(Verdict, u16, u16)> = Vec::new();
        for status in 100..=599 {
            match runs.last_mut() {
                Some((v, _, last)) if *v == verdict(status) => *last = status,
                _ => runs.push((verdict(status), status, status)),
            }
        }
        let lines: Vec<_> = runs.iter().map(|(v, from, to)| format!("{from}-{to} {v:?}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        100-199 Unknown
        200-299 Done
        300-407 Refused
        408-408 Unknown
        409-424 Refused
        425-425 Unknown
        426-428 Refused
        429-429 Throttled
        430-499 Refused
        500-599 Unknown
        "#);
    }

    #[test]
    fn delays_double_up_to_the_cap_with_jitter() {
        let p = Policy { first: Duration::from_secs(1), cap: Duration::from_secs(10), tries: 9 };
        let whole: Vec<_> = (1..=6).map(|n| p.backoff(n, 1.0).as_secs()).collect();
        assert_eq!(whole, [1, 2, 4, 8, 10, 10]);
        assert_eq!(p.backoff(3, 0.0), Duration::from_secs(2));
        assert_eq!(p.backoff(u32::MAX, 9.0), Duration::from_secs(10));
    }

    #[test]
    fn a_pause_respects_the_server_the_tries_and_the_deadline() {
        let (p, minute) = (Policy::SHORT, Duration::from_secs(60));
        assert_eq!(p.pause(1, Some(Duration::from_secs(30)), minute, 0.5), Some(Duration::from_secs(30)));
        assert_eq!(p.pause(1, None, minute, 1.0), Some(Duration::from_millis(500)));
        assert_eq!(p.pause(1, Some(minute), minute, 0.5), None);
        assert_eq!(p.pause(4, None, minute, 0.5), None);
    }

    #[test]
    fn retry_after_is_in_seconds() {
        assert_eq!(retry_after(" 30 "), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("0.5"), Some(Duration::from_millis(500)));
        for bad in ["", "soon", "-1", "NaN", "inf", "1e99", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(retry_after(bad), None, "{bad}");
        }
    }

    #[test]
    fn chance_differs_and_stays_in_range() {
        let drawn: Vec<_> = (0..8).map(|_| chance()).collect();
        assert!(drawn.iter().all(|c| (0.0..=1.0).contains(c)));
        assert!(drawn.iter().any(|c| *c != drawn[0]));
    }
}
