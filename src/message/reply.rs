//! Replies in the thread of a finding: what is new since the last one. A reply is complete without its thread.

use std::time::Duration;

use super::blocks::{Block, Body, Builder, Fallback, Rank, Rich, Runs};
use super::text::{Link, Mention, Mrkdwn, Plain};
use super::{Form, News, Placement, Reopened, Wording, assessment, bare, links, look, notes, say, seen, top};
use crate::finding::phrase::plural;
use crate::finding::{Band, Finding, Phrase};
use crate::time::show_duration;

/// Values of a kind that a reply names.
const NAMED: usize = 5;

pub(super) fn body(f: &Finding, news: &News, w: &Wording, form: Form) -> Body {
    let lines = match (news.unacknowledged_for, news.assessment) {
        (Some(_), _) => title_line(f),
        (None, Some(assessment)) => assessment::lines(assessment),
        (None, None) => lines(f, news),
    };
    let who = news.addressing.mention.filter(|_| !f.sample).and_then(Mention::parse);
    match form {
        Form::Full => {
            let mut b = Builder::new();
            b.push(Rank::Vital, Block::rich(rich(f, news, who.as_ref(), &lines)));
            for note in notes::runs(&news.addressing) {
                b.push(Rank::Important, Block::rich(Rich::new().section(note)));
            }
            if let Placement::Channel { message_link } = news.placement {
                b.push(Rank::Important, Block::rich(Rich::new().section(no_thread(message_link))));
            }
            b.push(Rank::Important, Block::context([Plain::line(&identity(f, news, w)).into()]));
            b.finish(fallback(f, news, w, who.as_ref(), &lines, None))
        }
        Form::Text => Body::plain(fallback(f, news, w, who.as_ref(), &lines, links::console(f, w))),
        Form::Bare => Body::plain(bare::finding(f)),
    }
}

fn rich(f: &Finding, news: &News, who: Option<&Mention>, lines: &[Phrase]) -> Rich {
    let mut first = Runs::new();
    if let Some(who) = who {
        first = first.mention(who).say(" ");
    }
    if let Some(time) = news.unacknowledged_for {
        first = first.bold(&call(f, time)).say(" · ");
    }
    if let Some(assessment) = news.assessment {
        first = first.bold(&assessment::title(assessment)).say(" · ");
    }
    if let Some(was) = news.severity_was {
        first = first.bold(&increase(f, was)).say(" · ");
    }
    Rich::new().section(named(f, first)).bullets(lines.iter().map(say::runs))
}

/// The resource, or the title where no resource is known.
fn named(f: &Finding, runs: Runs) -> Runs {
    let subject = f.subject();
    if subject.is_empty() { runs.text(&look::title(f)) } else { runs.append(say::runs(subject)) }
}

/// The same in mrkdwn.
fn named_in_mrkdwn(f: &Finding) -> Mrkdwn {
    let subject = f.subject();
    if subject.is_empty() { Mrkdwn::new().code(&look::title(f)) } else { say::fallback(subject) }
}

/// Why a reply is in the channel, and where the message of its finding is.
fn no_thread(message_link: Option<&str>) -> Runs {
    let runs = Runs::new().say("The thread of this finding accepts no replies");
    match message_link.and_then(Link::new) {
        Some(to) => runs.say(": ").link(&to, &links::label("open its message")),
        None => runs,
    }
}

/// `payments-prod (111122223333) · eu-west-1 · UnauthorizedAccess:IAMUser/TorIPCaller`; outside of the thread with the ID.
fn identity(f: &Finding, news: &News, w: &Wording) -> String {
    let place = top::place(f, w).plain();
    let id = format!("id {}", f.id);
    let id = if news.placement == Placement::Thread { "" } else { id.as_str() };
    let parts = [place.as_str(), f.kind.as_str(), id].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" · ")
}

/// `🔴 Severity increased: MEDIUM 5.0 → HIGH 8.0`
fn increase(f: &Finding, was: f64) -> Plain {
    let before = Band::of(was).name().to_uppercase();
    Plain::line(&format!(
        "{} Severity increased: {before} {} → {}",
        look::sign(f.band(), false),
        Band::number(was),
        top::severity(f, false)
    ))
}

fn reopened_text(reopened: Reopened) -> &'static str {
    match reopened {
        Reopened::Recurred => "Reopened: the finding recurred after it was resolved",
        Reopened::Unarchived => "Reopened: the finding was unarchived in GuardDuty after it was resolved",
    }
}

/// `🔴 HIGH 8.0 not acknowledged for 30m`
fn call(f: &Finding, time: Duration) -> Plain {
    let sign = look::sign(f.band(), false);
    Plain::line(&format!("{sign} {} not acknowledged for {}", top::severity(f, false), show_duration(time)))
}

fn title_line(f: &Finding) -> Vec<Phrase> {
    vec![Phrase::new().theirs(&look::title(f).to_string())]
}

/// The reopening, new values by kind, then the count.
fn lines(f: &Finding, news: &News) -> Vec<Phrase> {
    let mut lines = Vec::new();
    lines.extend(news.reopened.map(|reopened| Phrase::new().ours(reopened_text(reopened))));
    for (kind, one, many) in [
        ("ip", "new remote IP ", "new remote IPs "),
        ("country", "new country ", "new countries "),
        ("domain", "new domain ", "new domains "),
        ("api", "new API ", "new APIs "),
        ("port", "new port ", "new ports "),
        ("user", "new user ", "new users "),
        ("process", "new process ", "new processes "),
        ("threat", "new threat ", "new threats "),
    ] {
        let values: Vec<&str> = news
            .fresh
            .iter()
            .filter_map(|token| seen::split(token))
            .filter(|(k, _)| *k == kind)
            .map(|(_, v)| v)
            .collect();
        let mut phrase = match values.len() {
            0 => continue,
            1 => Phrase::new().ours(one),
            _ => Phrase::new().ours(many),
        };
        for (n, value) in values.iter().take(NAMED).enumerate() {
            phrase = seen::trait_value(if n == 0 { phrase } else { phrase.ours(", ") }, kind, value);
        }
        if values.len() > NAMED {
            phrase = phrase.ours(format!(" and {} more", values.len() - NAMED));
        }
        lines.push(phrase);
    }
    let more = news.count_was.map_or(0, |was| f.count.saturating_sub(was));
    if more > 0 || lines.is_empty() {
        let total = format!("seen {}", plural(f.count, "time"));
        let words = if more > 0 { format!("{total} ({more} new)") } else { total };
        let line = Phrase::new().ours(words);
        lines.push(match f.changed() {
            Some(last) => line.ours(", last seen ").at(last),
            None => line,
        });
    }
    lines
}

fn fallback(
    f: &Finding,
    news: &News,
    w: &Wording,
    who: Option<&Mention>,
    lines: &[Phrase],
    link: Option<Link>,
) -> Fallback {
    let mut text = Mrkdwn::new();
    if let Some(who) = who {
        text = text.mention(who).say(" ");
    }
    if let Some(was) = news.severity_was {
        text = text.text(&increase(f, was)).say(" · ");
    }
    if let Some(time) = news.unacknowledged_for {
        text = text.text(&call(f, time)).say(" · ");
    }
    if let Some(assessment) = news.assessment {
        text = text.text(&assessment::title(assessment)).say(" · ");
    }
    text = text.append(named_in_mrkdwn(f));
    for line in lines {
        text = text.say(" · ").append(say::fallback(line));
    }
    text = text.append(notes::fallback(&news.addressing)).say(" · ").code(&Plain::line(&identity(f, news, w)));
    if let Some(to) = link {
        text = text.say(" · ").link(&to, &links::label("open in GuardDuty"));
    }
    Fallback::new(text)
}

/// The text of the old message of a finding whose route leads to another channel.
pub(super) fn moved(id: &str, to_channel: &str, link: Option<&str>, form: Form) -> Body {
    // `<#C…>` would be a control sequence: an id is shown as what it is.
    let channel = Plain::line(to_channel);
    let link = link.and_then(Link::new);
    let mut text = Mrkdwn::new().say("This finding has moved to ").code(&channel);
    if let Some(to) = &link {
        text = text.say(" · ").link(to, &links::label("open the message"));
    }
    if bare::is_id(id) {
        text = text.say(" · id ").text(&Plain::line(id));
    }
    let fallback = Fallback::new(text);
    if form != Form::Full {
        return Body::plain(fallback);
    }
    let mut runs = Runs::new().say("➡️ This finding has moved to ").code(&channel);
    if let Some(to) = &link {
        runs = runs.say(": ").link(to, &links::label("open the message"));
    }
    let mut b = Builder::new().colour(look::QUIET);
    // With a bar, so that it takes the place of the finding's: what an update does not give, Slack keeps.
    b.push(Rank::Vital, Block::rich(Rich::new().section(runs)));
    b.push_bar(Rank::Useful, Block::context([Plain::line(&format!("finding {id}")).into()]));
    b.finish(fallback)
}
