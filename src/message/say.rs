//! From phrases to what Slack shows: untrusted text visible and inert, addresses defanged, times in the reader's zone.

use std::borrow::Cow;

use super::blocks::{Runs, Style};
use super::text::{Mrkdwn, Plain, defang_domain, defang_ip, defang_url};
use crate::finding::{Phrase, Span};
use crate::time::Millis;

/// `today 12:04`
const DATE: &str = "{date_short_pretty} {time}";
/// `12:04`
const CLOCK: &str = "{time}";
/// Characters of a long hash that are shown: enough to recognize it. The text of the message has it in full.
const HASH_SHOWN: usize = 12;
/// A hash that is not longer is shown in full.
const HASH_LONG: usize = 24;
/// Slack shows dates of this range only, in seconds: 1970 to 2100.
const SHOWABLE: std::ops::Range<i64> = 1..4_102_444_800;

/// For `rich_text`, where nothing is interpreted.
pub(super) fn runs(phrase: &Phrase) -> Runs {
    phrase.0.iter().fold(Runs::new(), |runs, span| match span {
        Span::Ours(Cow::Borrowed(words)) => runs.say(words),
        Span::Ours(Cow::Owned(words)) => ours(runs, words),
        Span::Theirs(text) => runs.text(&unlinked(text)),
        Span::Code(text) => runs.styled(Style::Code, &Plain::line(text)),
        Span::Net(address) => runs.styled(Style::Code, &defanged(address)),
        Span::Hash(hash) => runs.styled(Style::Code, &shortened(hash)),
        Span::At(time) => date(runs, *time),
        Span::Clock(time) => clock(runs, *time),
    })
}

/// Words made at run time keep the spaces at their ends, which [`Plain`] would take away.
fn ours(runs: Runs, words: &str) -> Runs {
    let runs = if words.starts_with(' ') { runs.say(" ") } else { runs };
    let runs = runs.text(&Plain::line(words));
    if words.ends_with(' ') { runs.say(" ") } else { runs }
}

/// A name or a state. It may look like a domain (`Amazon.com`, `Linux.Mirai`) and is none; a URL or an address is
/// defanged wherever it stands.
fn unlinked(text: &str) -> Plain {
    let text = Plain::line(text);
    let links = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.contains(':') || word.contains('@') || word.contains('/') || word.parse::<std::net::IpAddr>().is_ok()
    };
    if text.as_str().split(' ').any(links) { text.defanged() } else { text }
}

/// For the one-line fallback: untrusted text is between backticks, times are in UTC.
pub(super) fn fallback(phrase: &Phrase) -> Mrkdwn {
    phrase.0.iter().fold(Mrkdwn::new(), |text, span| match span {
        Span::At(time) | Span::Clock(time) => text.text(&Plain::line(&utc(*time))),
        other => untimed(text, other),
    })
}

/// For a block of mrkdwn: the same, with times in the time zone of the reader.
pub(super) fn mrkdwn(phrase: &Phrase) -> Mrkdwn {
    phrase.0.iter().fold(Mrkdwn::new(), |text, span| match span {
        Span::At(time) => date_in_mrkdwn(text, *time),
        Span::Clock(time) => clock_in_mrkdwn(text, *time),
        other => untimed(text, other),
    })
}

/// A span that is not a time.
fn untimed(text: Mrkdwn, span: &Span) -> Mrkdwn {
    match span {
        Span::Ours(words) => {
            let text = if words.starts_with(' ') { text.say(" ") } else { text };
            let text = text.text(&Plain::line(words));
            if words.ends_with(' ') && words.len() > 1 { text.say(" ") } else { text }
        }
        Span::Theirs(foreign) => text.code(&unlinked(foreign)),
        Span::Code(foreign) => text.code(&Plain::line(foreign)),
        Span::Net(address) => text.code(&defanged(address)),
        Span::Hash(hash) => text.code(&shortened(hash)),
        Span::At(_) | Span::Clock(_) => text,
    }
}

/// `sha256:9f86d081884c…`
fn shortened(hash: &str) -> Plain {
    let hash = Plain::line(hash);
    let (algorithm, digits) = hash.as_str().rsplit_once(':').map_or(("", hash.as_str()), |(name, rest)| (name, rest));
    if !is_long_hash(digits) {
        return hash;
    }
    let separator = if algorithm.is_empty() { "" } else { ":" };
    Plain::line(&format!("{algorithm}{separator}{}…", &digits[..HASH_SHOWN]))
}

/// Returns true if a message shows only the beginning of the hash.
pub(super) fn is_long_hash(hash: &str) -> bool {
    let digits = hash.rsplit(':').next().unwrap_or_default();
    digits.len() > HASH_LONG && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An address that no client turns into a link.
pub(super) fn defanged(address: &str) -> Plain {
    let address = Plain::line(address);
    let address = address.as_str();
    Plain::line(&match () {
        () if address.parse::<std::net::IpAddr>().is_ok() => defang_ip(address),
        () if address.contains("://") => defang_url(address),
        () => defang_domain(address),
    })
}

/// Date and time in the time zone of the reader, in UTC where a client cannot do that.
pub(super) fn date(runs: Runs, time: Millis) -> Runs {
    formatted(runs, time, DATE, utc(time))
}

/// The time of day.
pub(super) fn clock(runs: Runs, time: Millis) -> Runs {
    formatted(runs, time, CLOCK, utc_clock(time))
}

fn formatted(runs: Runs, time: Millis, format: &'static str, utc: String) -> Runs {
    let seconds = time.0.div_euclid(1_000);
    let utc = Plain::line(&utc);
    if SHOWABLE.contains(&seconds) { runs.date(seconds, format, &utc) } else { runs.text(&utc) }
}

/// Date and time in mrkdwn.
pub(super) fn date_in_mrkdwn(text: Mrkdwn, time: Millis) -> Mrkdwn {
    formatted_in_mrkdwn(text, time, DATE, &utc(time))
}

/// The time of day in mrkdwn.
pub(super) fn clock_in_mrkdwn(text: Mrkdwn, time: Millis) -> Mrkdwn {
    formatted_in_mrkdwn(text, time, CLOCK, &utc_clock(time))
}

fn formatted_in_mrkdwn(text: Mrkdwn, time: Millis, format: &'static str, utc: &str) -> Mrkdwn {
    let seconds = time.0.div_euclid(1_000);
    let utc = Plain::line(utc);
    if SHOWABLE.contains(&seconds) { text.date(seconds, format, &utc) } else { text.text(&utc) }
}

/// `2026-11-24 09:54 UTC`
fn utc(time: Millis) -> String {
    in_utc(time, "%Y-%m-%d %H:%M UTC")
}

/// `09:54 UTC`
fn utc_clock(time: Millis) -> String {
    in_utc(time, "%H:%M UTC")
}

fn in_utc(time: Millis, format: &str) -> String {
    match jiff::Timestamp::from_millisecond(time.0) {
        Ok(timestamp) => timestamp.strftime(format).to_string(),
        Err(_) => time.iso(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_in_the_fallback_stands_between_back_ticks() {
        let phrase = Phrase::new()
            .ours("from ")
            .net("198.51.100.7")
            .ours(" · ")
            .theirs("*x* <!here> `evil.example`")
            .ours(format!(" and {} more", 2));
        assert_eq!(
            fallback(&phrase).render(),
            "from `198[.]51[.]100[.]7` · `*x* &lt;!here&gt; ˋevil.exampleˋ` and 2 more"
        );
    }

    #[test]
    fn a_time_that_slack_cannot_show_is_written_out() {
        let shown = |at| format!("{:?}", date(Runs::new(), Millis(at)));
        assert!(shown(1_700_000_000_000).contains("Date"));
        for odd in [0, -1, i64::MIN, i64::MAX] {
            assert!(!shown(odd).contains("Date"), "{odd}");
        }
        assert_eq!(utc(Millis(1_700_000_000_000)), "2023-11-14 22:13 UTC");
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
