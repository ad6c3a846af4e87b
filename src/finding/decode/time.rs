//! Parses times in every format that findings have used.

use crate::time::Timestamp;

/// Valid times are between the years 2000 and 2100. Other numbers are not times, such as `0` or a number of another unit.
const EARLIEST: Timestamp = Timestamp(946_684_800_000);
const LATEST: Timestamp = Timestamp(4_102_444_800_000);

/// Reads ISO 8601, also with a space for the `T` or without an offset, or a number as text.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let time = Timestamp::parse(text)
        .or_else(|| Timestamp::parse(&format!("{}Z", text.replacen(' ', "T", 1))))
        .or_else(|| from_epoch(text.parse().ok()?));
    time.filter(|time| (EARLIEST..=LATEST).contains(time))
}

/// Reads seconds or milliseconds since the epoch, whichever is in the range of valid times.
pub(super) fn from_epoch(number: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "what is not in the range is not a time")]
    let times = [number * 1_000.0, number].map(|millis| Timestamp(millis as i64));
    times.into_iter().find(|t| (EARLIEST..=LATEST).contains(t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form() {
        let expected = Some(Timestamp(1_767_225_600_500));
        for text in [
            "2026-01-01T00:00:00.5Z",
            "2026-01-01 00:00:00.500",
            "2026-01-01T01:00:00.5+01:00",
            "1767225600.5",
            " 1767225600500 ",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(from_epoch(1_767_225_600.5), expected);
        assert_eq!(from_epoch(1_767_225_600_500.0), expected);
    }

    #[test]
    fn implausible_times_are_none() {
        for text in ["", "soon", "1970-01-01T00:00:00Z", "0", "-7.5", "9999-12-31T00:00:00Z", "NaN", "1e300"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
