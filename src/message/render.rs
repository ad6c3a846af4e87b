//! Converts lines of a finding to text for Slack: untrusted text is visible and inert, addresses are defanged, times are in
//! the time zone of the reader.

use std::borrow::Cow;

use super::blocks::{Runs, Style};
use super::text::{Mrkdwn, SafeText, defang_domain, defang_ip, defang_url};
use crate::finding::{Line, Span};
use crate::time::Timestamp;

/// `today 12:04`
const DATE_FORMAT: &str = "{date_short_pretty} {time}";
/// `12:04`
const CLOCK: &str = "{time}";
/// Number of characters of a long hash that are shown, enough to recognize it. The text of the message has the full hash.
const HASH_SHOWN: usize = 12;
/// Maximum length of a hash that is shown in full.
const HASH_LONG: usize = 24;
/// Range of the dates that Slack shows, in seconds: 1970 to 2100.
const SLACK_DATE_RANGE: std::ops::Range<i64> = 1..4_102_444_800;

/// Converts a line for `rich_text`, in which nothing is interpreted.
pub(super) fn to_text_runs(phrase: &Line) -> Runs {
    phrase.0.iter().fold(Runs::new(), |runs, span| match span {
        Span::Literal(Cow::Borrowed(words)) => runs.literal(words),
        Span::Literal(Cow::Owned(words)) => push_literal(runs, words),
        Span::Untrusted(text) => runs.text(&defang_links(text)),
        Span::Code(text) => runs.styled(Style::Code, &SafeText::single_line(text)),
        Span::Address(address) => runs.styled(Style::Code, &defang_address(address)),
        Span::Hash(hash) => runs.styled(Style::Code, &shortened(hash)),
        Span::Time(time) => push_date(runs, *time),
        Span::Clock(time) => clock(runs, *time),
    })
}

/// Adds a literal that was built at run time. It keeps the spaces at its ends, which [`SafeText`] would remove.
fn push_literal(runs: Runs, words: &str) -> Runs {
    let runs = if words.starts_with(' ') { runs.literal(" ") } else { runs };
    let runs = runs.text(&SafeText::single_line(words));
    if words.ends_with(' ') { runs.literal(" ") } else { runs }
}

/// Converts a name or a status. It may look like a domain (`Amazon.com`, `Linux.Mirai`) without being one. URLs and
/// addresses in it are defanged.
fn defang_links(text: &str) -> SafeText {
    let text = SafeText::single_line(text);
    let links = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.contains(':') || word.contains('@') || word.contains('/') || word.parse::<std::net::IpAddr>().is_ok()
    };
    if text.as_str().split(' ').any(links) { text.defang() } else { text }
}

/// Converts a line for the one-line fallback: untrusted text is between backticks, times are in UTC.
pub(super) fn to_fallback(phrase: &Line) -> Mrkdwn {
    phrase.0.iter().fold(Mrkdwn::new(), |text, span| match span {
        Span::Time(time) | Span::Clock(time) => text.text(&SafeText::single_line(&format_utc(*time))),
        other => untimed(text, other),
    })
}

/// Converts a line for a block of mrkdwn: untrusted text is between backticks, times are in the time zone of the reader.
pub(super) fn mrkdwn(phrase: &Line) -> Mrkdwn {
    phrase.0.iter().fold(Mrkdwn::new(), |text, span| match span {
        Span::Time(time) => date_in_mrkdwn(text, *time),
        Span::Clock(time) => clock_in_mrkdwn(text, *time),
        other => untimed(text, other),
    })
}

/// A span that is not a time.
fn untimed(text: Mrkdwn, span: &Span) -> Mrkdwn {
    match span {
        Span::Literal(words) => {
            let text = if words.starts_with(' ') { text.literal(" ") } else { text };
            let text = text.text(&SafeText::single_line(words));
            if words.ends_with(' ') && words.len() > 1 { text.literal(" ") } else { text }
        }
        Span::Untrusted(untrusted) => text.code(&defang_links(untrusted)),
        Span::Code(code) => text.code(&SafeText::single_line(code)),
        Span::Address(address) => text.code(&defang_address(address)),
        Span::Hash(hash) => text.code(&shortened(hash)),
        Span::Time(_) | Span::Clock(_) => text,
    }
}

/// `sha256:9f86d081884c…`
fn shortened(hash: &str) -> SafeText {
    let hash = SafeText::single_line(hash);
    let (algorithm, digits) = hash.as_str().rsplit_once(':').map_or(("", hash.as_str()), |(name, rest)| (name, rest));
    if !is_long_hash(digits) {
        return hash;
    }
    let separator = if algorithm.is_empty() { "" } else { ":" };
    SafeText::single_line(&format!("{algorithm}{separator}{}…", &digits[..HASH_SHOWN]))
}

/// Returns true if a message shows only the beginning of the hash.
pub(super) fn is_long_hash(hash: &str) -> bool {
    let digits = hash.rsplit(':').next().unwrap_or_default();
    digits.len() > HASH_LONG && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An address that no client turns into a link.
pub(super) fn defang_address(address: &str) -> SafeText {
    let address = SafeText::single_line(address);
    let address = address.as_str();
    SafeText::single_line(&match () {
        () if address.parse::<std::net::IpAddr>().is_ok() => defang_ip(address),
        () if address.contains("://") => defang_url(address),
        () => defang_domain(address),
    })
}

/// Date and time in the time zone of the reader, in UTC where a client cannot do that.
pub(super) fn push_date(runs: Runs, time: Timestamp) -> Runs {
    formatted(runs, time, DATE_FORMAT, format_utc(time))
}

/// The time of day.
pub(super) fn clock(runs: Runs, time: Timestamp) -> Runs {
    formatted(runs, time, CLOCK, utc_clock(time))
}

fn formatted(runs: Runs, time: Timestamp, format: &'static str, utc: String) -> Runs {
    let seconds = time.0.div_euclid(1_000);
    let utc = SafeText::single_line(&utc);
    if SLACK_DATE_RANGE.contains(&seconds) { runs.date(seconds, format, &utc) } else { runs.text(&utc) }
}

/// Date and time in mrkdwn.
pub(super) fn date_in_mrkdwn(text: Mrkdwn, time: Timestamp) -> Mrkdwn {
    formatted_in_mrkdwn(text, time, DATE_FORMAT, &format_utc(time))
}

/// The time of day in mrkdwn.
pub(super) fn clock_in_mrkdwn(text: Mrkdwn, time: Timestamp) -> Mrkdwn {
    formatted_in_mrkdwn(text, time, CLOCK, &utc_clock(time))
}

fn formatted_in_mrkdwn(text: Mrkdwn, time: Timestamp, format: &'static str, utc: &str) -> Mrkdwn {
    let seconds = time.0.div_euclid(1_000);
    let utc = SafeText::single_line(utc);
    if SLACK_DATE_RANGE.contains(&seconds) { text.date(seconds, format, &utc) } else { text.text(&utc) }
}

/// `2026-11-24 09:54 UTC`
fn format_utc(time: Timestamp) -> String {
    in_utc(time, "%Y-%m-%d %H:%M UTC")
}

/// `09:54 UTC`
fn utc_clock(time: Timestamp) -> String {
    in_utc(time, "%H:%M UTC")
}

fn in_utc(time: Timestamp, format: &str) -> String {
    match jiff::Timestamp::from_millisecond(time.0) {
        Ok(timestamp) => timestamp.strftime(format).to_string(),
        Err(_) => time.to_rfc3339(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_text_in_the_fallback_is_in_backticks() {
        let phrase = Line::new()
            .literal("from ")
            .address("198.51.100.7")
            .literal(" · ")
            .untrusted("*x* <!here> `evil.example`")
            .literal(format!(" and {} more", 2));
        assert_eq!(
            to_fallback(&phrase).render(),
            "from `198[.]51[.]100[.]7` · `*x* &lt;!here&gt; ˋevil.exampleˋ` and 2 more"
        );
    }

    #[test]
    fn a_time_that_slack_cannot_show_is_written_out() {
        let shown = |at| format!("{:?}", push_date(Runs::new(), Timestamp(at)));
        assert!(shown(1_700_000_000_000).contains("Date"));
        for odd in [0, -1, i64::MIN, i64::MAX] {
            assert!(!shown(odd).contains("Date"), "{odd}");
        }
        assert_eq!(format_utc(Timestamp(1_700_000_000_000)), "2023-11-14 22:13 UTC");
    }

    #[test]
    fn only_a_long_hash_is_shortened() {
        let digits = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        for (hash, shown) in [
            (digits, "9f86d081884c…"),
            (&format!("sha256:{digits}"), "sha256:9f86d081884c…"),
            ("cd34", "cd34"),
            ("a name that is not a hash but long", "a name that is not a hash but long"),
        ] {
            assert_eq!(shortened(hash).as_str(), shown);
        }
    }
}
