//! Renders notices: messages about the monitoring itself.

use super::blocks::{Block, Body, BodyBuilder, Color, FallbackText, Priority, Rich, Runs, Style};
use super::text::{Mrkdwn, SafeText};
use super::{MessageForm, Notice, NoticeLevel, minimal, render, style};
use crate::text::and_more;
use crate::time::Timestamp;

/// Maximum number of lines shown. The log has the complete notice.
const LINES: usize = 12;
const LINE: usize = 400;

pub(super) fn body(n: &Notice, form: MessageForm) -> Body {
    match form {
        MessageForm::Blocks => full(n),
        MessageForm::Text => Body::text_only(fallback(n)),
        // The text of a notice is not validated. Its ID is shown if it is plain.
        MessageForm::Minimal => Body::text_only(FallbackText::new(match minimal::is_id(&n.id.to_string()) {
            true => Mrkdwn::new()
                .literal("GuardDuty notice ")
                .text(&SafeText::single_line(&n.id.to_string()))
                .literal(": Slack rejected the text; see the log"),
            false => Mrkdwn::new().literal("GuardDuty notice: Slack rejected the text; see the log"),
        })),
    }
}

fn full(n: &Notice) -> Body {
    let mut b = BodyBuilder::new().color(color(n.level));
    let title = Runs::new().literal(sign(n.level)).append(runs(&n.title, Some(Style::Bold)));
    // Slack shows the fallback text a second time if there is no block above the bar.
    b.push(Priority::Vital, Block::rich_text(Rich::new().section(title)));
    let lines: Vec<Runs> = n.lines.iter().map(|line| runs(line, None)).filter(|line| !line.is_empty()).collect();
    let mut rich = match lines.as_slice() {
        [one] => Rich::new().section(one.clone()),
        many => Rich::new().bullets(many.iter().take(LINES).cloned()),
    };
    if let Some(more) = and_more(lines.len(), LINES) {
        rich = rich.section(Runs::new().text(&SafeText::single_line(&format!("{more}; see the log"))));
    }
    b.push_attachment(Priority::Vital, Block::rich_text(rich));
    b.finish(fallback(n))
}

/// A piece of a line: text, or a time, which is shown in the time zone of the reader.
#[derive(Debug, PartialEq)]
enum Piece {
    Text(SafeText),
    Space,
    Time(Timestamp),
}

/// Notices are kept in the state as text, with times as `2026-11-24T09:54:36.123Z`.
fn pieces(line: &str) -> Vec<Piece> {
    let line = SafeText::single_line(line).truncate(LINE);
    let mut pieces = Vec::new();
    let mut text = String::new();
    for word in line.as_str().split_inclusive(' ') {
        let candidate = word.trim_end_matches([' ', ',', ';', ':', '.']);
        match Timestamp::parse(candidate).filter(|_| candidate.ends_with('Z')) {
            Some(time) => {
                push_text(&mut pieces, &std::mem::take(&mut text));
                pieces.push(Piece::Time(time));
                text.push_str(&word[candidate.len()..]);
            }
            None => text.push_str(word),
        }
    }
    push_text(&mut pieces, &text);
    pieces
}

/// [`SafeText`] drops the spaces at both ends.
fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    let plain = SafeText::single_line(text).defang();
    if text.starts_with(' ') {
        pieces.push(Piece::Space);
    }
    if plain.is_empty() {
        return;
    }
    pieces.push(Piece::Text(plain));
    if text.ends_with(' ') {
        pieces.push(Piece::Space);
    }
}

fn runs(line: &str, style: Option<Style>) -> Runs {
    pieces(line).iter().fold(Runs::new(), |runs, piece| match (piece, style) {
        (Piece::Text(text), Some(style)) => runs.styled(style, text),
        (Piece::Text(text), None) => runs.text(text),
        (Piece::Space, _) => runs.literal(" "),
        (Piece::Time(time), _) => render::push_date(runs, *time),
    })
}

fn color(level: NoticeLevel) -> Color {
    match level {
        NoticeLevel::Info => style::NEUTRAL,
        NoticeLevel::Warning => Color("#F29900"),
        NoticeLevel::Resolved => Color("#1E8E3E"),
    }
}

fn sign(level: NoticeLevel) -> &'static str {
    match level {
        NoticeLevel::Info => "ℹ️ ",
        NoticeLevel::Warning => "⚠️ ",
        NoticeLevel::Resolved => "✅ ",
    }
}

fn fallback(n: &Notice) -> FallbackText {
    let mut text = mrkdwn(Mrkdwn::new().literal(sign(n.level)), &n.title);
    for line in n.lines.iter().take(LINES) {
        text = mrkdwn(text.literal(" · "), line);
    }
    FallbackText::new(text)
}

/// Text that an attacker can choose is in backticks.
fn mrkdwn(text: Mrkdwn, line: &str) -> Mrkdwn {
    pieces(line).iter().fold(text, |text, piece| match piece {
        Piece::Text(plain) => text.code(plain),
        Piece::Space => text.literal(" "),
        Piece::Time(time) => render::date_in_mrkdwn(text, *time),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE_WITH_TIMES: &str =
        "could not read 1/eu-west-1 from 2026-11-24T09:10:00.000Z to 2026-11-24T10:05:00Z, then 2026-11-24T99:99:99Z";

    #[test]
    fn times_are_shown_in_the_time_zone_of_the_reader() {
        let rich = format!("{:?}", runs(LINE_WITH_TIMES, None));
        assert_eq!(rich.matches("Date").count(), 2, "{rich}");
        insta::assert_snapshot!(
            mrkdwn(Mrkdwn::new(), LINE_WITH_TIMES).render(),
            @"`could not read 1/eu-west-1 from` <!date^1795511400^{date_short_pretty} {time}|2026-11-24 09:10 UTC> `to` <!date^1795514700^{date_short_pretty} {time}|2026-11-24 10:05 UTC>`, then 2026-11-24T99:99:99Z`"
        );
    }

    #[test]
    fn untrusted_text_beside_a_time_stays_inert() {
        let text = mrkdwn(Mrkdwn::new(), "<!here> 2026-11-24T09:10:00Z <!date^1^{time}|x> *bold*").render();
        assert!(!text.contains("<!here>") && text.matches("<!date").count() == 1, "{text}");
    }
}
