//! Messages about the watch itself.

use super::blocks::{Block, Body, Builder, Colour, Fallback, Rank, Rich, Runs};
use super::text::{Mrkdwn, Plain};
use super::{Form, Level, Notice, bare, look};

/// Lines shown: a notice is read in seconds, the log has the rest.
const LINES: usize = 12;
const LINE: usize = 400;

pub(super) fn body(n: &Notice, form: Form) -> Body {
    match form {
        Form::Full => full(n),
        Form::Text => Body::plain(fallback(n)),
        // Nothing of what it says is checked: only its id, if that is plain.
        Form::Bare => Body::plain(Fallback::new(match bare::is_id(&n.id) {
            true => Mrkdwn::new()
                .say("GuardDuty notice ")
                .text(&Plain::line(&n.id))
                .say(": Slack refused its text, which stands in the log"),
            false => Mrkdwn::new().say("GuardDuty notice: Slack refused its text, which stands in the log"),
        })),
    }
}

fn full(n: &Notice) -> Body {
    let mut b = Builder::new().colour(colour(n.level));
    let title = Runs::new().say(sign(n.level)).bold(&Plain::line(&n.title).defanged().cut(LINE));
    // Above the bar, else Slack shows the fallback there, too.
    b.push(Rank::Vital, Block::rich(Rich::new().section(title)));
    let lines: Vec<Plain> =
        n.lines.iter().map(|l| Plain::line(l).defanged().cut(LINE)).filter(|l| !l.is_empty()).collect();
    let mut rich = match lines.as_slice() {
        [one] => Rich::new().section(Runs::new().text(one)),
        many => Rich::new().bullets(many.iter().take(LINES).map(|l| Runs::new().text(l))),
    };
    if lines.len() > LINES {
        rich = rich.section(Runs::new().text(&Plain::line(&format!("and {} more, see the log", lines.len() - LINES))));
    }
    b.push_bar(Rank::Vital, Block::rich(rich));
    b.finish(fallback(n))
}

fn colour(level: Level) -> Colour {
    match level {
        Level::Info => look::QUIET,
        Level::Warning => Colour("#F29900"),
        Level::Resolved => Colour("#1E8E3E"),
    }
}

fn sign(level: Level) -> &'static str {
    match level {
        Level::Info => "ℹ️ ",
        Level::Warning => "⚠️ ",
        Level::Resolved => "✅ ",
    }
}

fn fallback(n: &Notice) -> Fallback {
    let mut text = Mrkdwn::new().say(sign(n.level)).code(&Plain::line(&n.title).defanged().cut(LINE));
    for line in n.lines.iter().take(LINES) {
        text = text.say(" · ").code(&Plain::line(line).defanged().cut(LINE));
    }
    Fallback::new(text)
}
