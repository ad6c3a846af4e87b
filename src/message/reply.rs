//! What a finding's thread says: only what is new since it last spoke.

use super::blocks::{Block, Body, Builder, Fallback, Rank, Rich, Runs};
use super::text::{Link, Mention, Mrkdwn, Plain};
use super::{Form, News, Wording, bare, links, look, say, seen};
use crate::finding::{Band, Finding, Phrase};

/// Values of a kind that a reply names.
const NAMED: usize = 5;

pub(super) fn body(f: &Finding, news: &News, w: &Wording, form: Form) -> Body {
    let lines = lines(f, news);
    let who = news.mention.filter(|_| !f.sample).and_then(Mention::parse);
    match form {
        Form::Full => {
            let mut b = Builder::new();
            b.push(Rank::Vital, Block::rich(rich(f, news, who.as_ref(), &lines)));
            b.finish(fallback(f, news, who.as_ref(), &lines, None))
        }
        Form::Text => Body::plain(fallback(f, news, who.as_ref(), &lines, links::console(f, w))),
        Form::Bare => Body::plain(bare::finding(f)),
    }
}

fn rich(f: &Finding, news: &News, who: Option<&Mention>, lines: &[Phrase]) -> Rich {
    let mut first = Runs::new();
    if let Some(who) = who {
        first = first.mention(who).say(" ");
    }
    match news.severity_was {
        // Broadcast to the channel, it stands without its thread: so it names the resource.
        Some(was) => {
            let subject = &f.resource.subject;
            first = first.bold(&rise(f, was));
            first = if subject.is_empty() {
                first.say(" · ").text(&look::title(f))
            } else {
                first.say(" · ").append(say::runs(subject))
            };
            Rich::new().section(first).bullets(lines.iter().map(say::runs))
        }
        None => match lines.split_first() {
            Some((line, others)) => {
                Rich::new().section(first.append(say::runs(line))).bullets(others.iter().map(say::runs))
            }
            None => Rich::new(),
        },
    }
}

/// `🔴 severity rose: MEDIUM 5.0 → HIGH 8.0`
fn rise(f: &Finding, was: f64) -> Plain {
    let before = Band::of(was).name().to_uppercase();
    Plain::line(&format!(
        "{} severity rose: {before} {} → {} {}",
        look::sign(f.band(), false),
        Band::number(was),
        f.band().name().to_uppercase(),
        Band::number(f.severity)
    ))
}

/// New values by kind, then the count.
fn lines(f: &Finding, news: &News) -> Vec<Phrase> {
    let mut lines = Vec::new();
    for (kind, one, many) in [
        ("ip", "new source address ", "new source addresses "),
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
        let total = format!("seen {} times in all", f.count);
        let words = if more > 0 { format!("{total}, {more} more since") } else { total };
        let last = f.last_seen.unwrap_or(f.updated);
        lines.push(Phrase::new().ours(words).ours(", last ").at(last));
    }
    lines
}

fn fallback(f: &Finding, news: &News, who: Option<&Mention>, lines: &[Phrase], link: Option<Link>) -> Fallback {
    let mut text = Mrkdwn::new();
    if let Some(who) = who {
        text = text.mention(who).say(" ");
    }
    if let Some(was) = news.severity_was {
        text = text.text(&rise(f, was)).say(" · ").append(say::fallback(&f.resource.subject)).say(" · ");
    }
    for (n, line) in lines.iter().enumerate() {
        text = if n == 0 { text } else { text.say(" · ") };
        text = text.append(say::fallback(line));
    }
    if let Some(to) = link {
        text = text.say(" · ").link(&to, &links::label("open in GuardDuty"));
    }
    Fallback::new(text)
}

/// What the old message of a finding says after its route led it elsewhere.
pub(super) fn moved(id: &str, to_channel: &str, link: Option<&str>, form: Form) -> Body {
    // `<#C…>` would be a control sequence: an id is shown as what it is.
    let channel = Plain::line(to_channel);
    let link = link.and_then(Link::new);
    let mut text = Mrkdwn::new().say("This finding is told in ").code(&channel).say(" now");
    if let Some(to) = &link {
        text = text.say(" · ").link(to, &links::label("go there"));
    }
    if bare::is_id(id) {
        text = text.say(" · id ").text(&Plain::line(id));
    }
    let fallback = Fallback::new(text);
    if form != Form::Full {
        return Body::plain(fallback);
    }
    let mut runs = Runs::new().say("➡️ This finding is told in ").code(&channel).say(" now");
    if let Some(to) = &link {
        runs = runs.say(": ").link(to, &links::label("go there"));
    }
    let mut b = Builder::new().colour(look::QUIET);
    // With a bar, so that it takes the place of the finding's: what an update does not give, Slack keeps.
    b.push(Rank::Vital, Block::rich(Rich::new().section(runs)));
    b.push_bar(Rank::Useful, Block::context([Plain::line(&format!("finding {id}")).into()]));
    b.finish(fallback)
}
