//! From phrases to what Slack shows: foreign text visible and inert, addresses defanged, instants in the reader's zone.

use std::borrow::Cow;

use super::blocks::{Runs, rich::Style};
use super::text::{Mrkdwn, Plain, defang_domain, defang_ip, defang_url};
use crate::finding::{Phrase, Span};
use crate::time::Millis;

/// How an instant is shown: `today 12:04`.
const DATE: &str = "{date_short_pretty} {time}";
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
        Span::At(instant) => date(runs, *instant),
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

/// For the one-line fallback: whatever is foreign stands between back-ticks.
pub(super) fn fallback(phrase: &Phrase) -> Mrkdwn {
    phrase.0.iter().fold(Mrkdwn::new(), |text, span| match span {
        Span::Ours(words) => {
            let text = if words.starts_with(' ') { text.say(" ") } else { text };
            let text = text.text(&Plain::line(words));
            if words.ends_with(' ') && words.len() > 1 { text.say(" ") } else { text }
        }
        Span::Theirs(foreign) => text.code(&unlinked(foreign)),
        Span::Code(foreign) => text.code(&Plain::line(foreign)),
        Span::Net(address) => text.code(&defanged(address)),
        Span::At(instant) => text.text(&Plain::line(&utc(*instant))),
    })
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

/// An instant in the reader's time zone, in UTC where a client cannot do that.
pub(super) fn date(runs: Runs, instant: Millis) -> Runs {
    let seconds = instant.0.div_euclid(1_000);
    if SHOWABLE.contains(&seconds) {
        runs.date(seconds, DATE, &Plain::line(&utc(instant)))
    } else {
        runs.text(&Plain::line(&utc(instant)))
    }
}

/// The same in mrkdwn.
pub(super) fn date_in_mrkdwn(text: Mrkdwn, instant: Millis) -> Mrkdwn {
    let seconds = instant.0.div_euclid(1_000);
    if SHOWABLE.contains(&seconds) {
        text.date(seconds, DATE, &Plain::line(&utc(instant)))
    } else {
        text.text(&Plain::line(&utc(instant)))
    }
}

/// `2026-11-24 09:54 UTC`
pub(super) fn utc(instant: Millis) -> String {
    match jiff::Timestamp::from_millisecond(instant.0) {
        Ok(t) => t.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => instant.iso(),
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
    fn an_instant_that_slack_cannot_show_is_written_out() {
        let shown = |at| format!("{:?}", date(Runs::new(), Millis(at)));
        assert!(shown(1_700_000_000_000).contains("Date"));
        for odd in [0, -1, i64::MIN, i64::MAX] {
            assert!(!shown(odd).contains("Date"), "{odd}");
        }
        assert_eq!(utc(Millis(1_700_000_000_000)), "2023-11-14 22:13 UTC");
    }
}
