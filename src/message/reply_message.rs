//! Renders replies in the thread of a finding: the changes since the last reply. A reply is complete without its thread.

use std::time::Duration;

use super::blocks::{Block, Body, BodyBuilder, FallbackText, Priority, Rich, Runs};
use super::text::{Link, Mrkdwn, SafeText};
use super::{
    MessageForm, MessageOptions, Placement, Reopened, ReplyContent, assessment, attribute_history, links, minimal,
    notes, render, style, top,
};
use crate::finding::{AttributeKind, Finding, Line, SeverityLevel};
use crate::mention::Mention;
use crate::text::pluralize;
use crate::time::format_duration;

/// Maximum number of values of one kind that a reply names.
const NAMED: usize = 5;

pub(super) fn body(f: &Finding, content: &ReplyContent, w: &MessageOptions, form: MessageForm) -> Body {
    let lines = match (content.unacknowledged_for, content.assessment) {
        (Some(_), _) => title_line(f),
        (None, Some(assessment)) => assessment::lines(assessment),
        (None, None) => lines(f, content),
    };
    let who = content.addressing.mention.filter(|_| !f.sample);
    match form {
        MessageForm::Blocks => {
            let mut b = BodyBuilder::new();
            b.push(Priority::Vital, Block::rich_text(rich(f, content, who, &lines)));
            for note in notes::runs(&content.addressing) {
                b.push(Priority::Important, Block::rich_text(Rich::new().section(note)));
            }
            if let Placement::Channel { message_link } = content.placement {
                b.push(Priority::Important, Block::rich_text(Rich::new().section(no_thread(message_link))));
            }
            b.push(Priority::Important, Block::context([SafeText::single_line(&identity(f, content, w)).into()]));
            b.finish(fallback(f, content, w, who, &lines, None))
        }
        MessageForm::Text => Body::text_only(fallback(f, content, w, who, &lines, links::console_link(f, w))),
        MessageForm::Minimal => Body::text_only(minimal::minimal_finding(f)),
    }
}

fn rich(f: &Finding, content: &ReplyContent, who: Option<&Mention>, lines: &[Line]) -> Rich {
    let mut first = Runs::new();
    if let Some(who) = who {
        first = first.mention(who).literal(" ");
    }
    if let Some(time) = content.unacknowledged_for {
        first = first.bold(&call(f, time)).literal(" · ");
    }
    if let Some(assessment) = content.assessment {
        first = first.bold(&assessment::title(assessment)).literal(" · ");
    }
    if let Some(was) = content.previous_severity {
        first = first.bold(&increase(f, was)).literal(" · ");
    }
    Rich::new().section(named(f, first)).bullets(lines.iter().map(render::to_text_runs))
}

/// The resource, or the title if no resource is known.
fn named(f: &Finding, runs: Runs) -> Runs {
    let subject = f.subject();
    if subject.is_empty() { runs.text(&style::display_title(f)) } else { runs.append(render::to_text_runs(subject)) }
}

/// The same in mrkdwn.
fn named_in_mrkdwn(f: &Finding) -> Mrkdwn {
    let subject = f.subject();
    if subject.is_empty() { Mrkdwn::new().code(&style::display_title(f)) } else { render::to_fallback(subject) }
}

/// The reason why a reply is in the channel, and a link to the message of its finding.
fn no_thread(message_link: Option<&str>) -> Runs {
    let runs = Runs::new().literal("The thread of this finding accepts no replies");
    match message_link.and_then(Link::new) {
        Some(to) => runs.literal(": ").link(&to, &links::link_label("open its message")),
        None => runs,
    }
}

/// `payments-prod (111122223333) · eu-west-1 · UnauthorizedAccess:IAMUser/TorIPCaller`; outside of the thread with the ID.
fn identity(f: &Finding, content: &ReplyContent, w: &MessageOptions) -> String {
    let place = top::place(f, w).to_plain();
    let id = format!("id {}", f.id);
    let id = if content.placement == Placement::Thread { "" } else { id.as_str() };
    let parts = [place.as_str(), f.kind.as_str(), id].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" · ")
}

/// `🔴 Severity increased: MEDIUM 5.0 → HIGH 8.0`
fn increase(f: &Finding, was: f64) -> SafeText {
    let before = SeverityLevel::from_score(was).name().to_uppercase();
    SafeText::single_line(&format!(
        "{} Severity increased: {before} {} → {}",
        style::emoji(f.severity_level(), false),
        SeverityLevel::format_score(was),
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
fn call(f: &Finding, time: Duration) -> SafeText {
    let sign = style::emoji(f.severity_level(), false);
    SafeText::single_line(&format!("{sign} {} not acknowledged for {}", top::severity(f, false), format_duration(time)))
}

fn title_line(f: &Finding) -> Vec<Line> {
    vec![Line::new().untrusted(&style::display_title(f).to_string())]
}

/// The reopening, new values by kind, then the count.
fn lines(f: &Finding, content: &ReplyContent) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(content.reopened.map(|reopened| Line::new().literal(reopened_text(reopened))));
    for (kind, one, many) in [
        (AttributeKind::Ip, "new remote IP ", "new remote IPs "),
        (AttributeKind::Country, "new country ", "new countries "),
        (AttributeKind::Domain, "new domain ", "new domains "),
        (AttributeKind::Api, "new API ", "new APIs "),
        (AttributeKind::Port, "new port ", "new ports "),
        (AttributeKind::User, "new user ", "new users "),
        (AttributeKind::Process, "new process ", "new processes "),
        (AttributeKind::Threat, "new threat ", "new threats "),
    ] {
        let values: Vec<&str> =
            content.new_attributes.iter().filter_map(|attribute| attribute.value_of(kind)).collect();
        let mut phrase = match values.len() {
            0 => continue,
            1 => Line::new().literal(one),
            _ => Line::new().literal(many),
        };
        for (n, value) in values.iter().take(NAMED).enumerate() {
            phrase = attribute_history::append_value(if n == 0 { phrase } else { phrase.literal(", ") }, kind, value);
        }
        lines.push(phrase.and_more(values.len(), NAMED));
    }
    let more = content.previous_count.map_or(0, |was| f.count.saturating_sub(was));
    if more > 0 || lines.is_empty() {
        let total = format!("seen {}", pluralize(f.count, "time"));
        let words = if more > 0 { format!("{total} ({more} new)") } else { total };
        let line = Line::new().literal(words);
        lines.push(match f.changed() {
            Some(last) => line.literal(", last seen ").time(last),
            None => line,
        });
    }
    lines
}

fn fallback(
    f: &Finding,
    content: &ReplyContent,
    w: &MessageOptions,
    who: Option<&Mention>,
    lines: &[Line],
    link: Option<Link>,
) -> FallbackText {
    let mut text = Mrkdwn::new();
    if let Some(who) = who {
        text = text.mention(who).literal(" ");
    }
    if let Some(was) = content.previous_severity {
        text = text.text(&increase(f, was)).literal(" · ");
    }
    if let Some(time) = content.unacknowledged_for {
        text = text.text(&call(f, time)).literal(" · ");
    }
    if let Some(assessment) = content.assessment {
        text = text.text(&assessment::title(assessment)).literal(" · ");
    }
    text = text.append(named_in_mrkdwn(f));
    for line in lines {
        text = text.literal(" · ").append(render::to_fallback(line));
    }
    text = text
        .append(notes::fallback(&content.addressing))
        .literal(" · ")
        .code(&SafeText::single_line(&identity(f, content, w)));
    if let Some(to) = link {
        text = text.literal(" · ").link(&to, &links::link_label("open in GuardDuty"));
    }
    FallbackText::new(text)
}

/// The text of the old message of a finding whose route leads to another channel.
pub(super) fn moved(id: &str, to_channel: &str, link: Option<&str>, form: MessageForm) -> Body {
    // `<#C…>` would be a control sequence. The ID is shown as text.
    let channel = SafeText::single_line(to_channel);
    let link = link.and_then(Link::new);
    let mut text = Mrkdwn::new().literal("This finding has moved to ").code(&channel);
    if let Some(to) = &link {
        text = text.literal(" · ").link(to, &links::link_label("open the message"));
    }
    if minimal::is_id(id) {
        text = text.literal(" · id ").text(&SafeText::single_line(id));
    }
    let fallback = FallbackText::new(text);
    if form != MessageForm::Blocks {
        return Body::text_only(fallback);
    }
    let mut runs = Runs::new().literal("➡️ This finding has moved to ").code(&channel);
    if let Some(to) = &link {
        runs = runs.literal(": ").link(to, &links::link_label("open the message"));
    }
    let mut b = BodyBuilder::new().color(style::NEUTRAL);
    // The bar replaces the bar of the finding: Slack keeps the arguments that an update omits.
    b.push(Priority::Vital, Block::rich_text(Rich::new().section(runs)));
    b.push_attachment(Priority::Useful, Block::context([SafeText::single_line(&format!("finding {id}")).into()]));
    b.finish(fallback)
}
