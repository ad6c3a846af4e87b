//! Renders the message of a finding: title, severity level, account, region and time; resource, action, actor or target;
//! details; links.

use super::blocks::{
    Block, Body, BodyBuilder, Button, FallbackText, Priority, Rich, Runs, TextObject, remaining_capacity,
};
use super::rows::{self, Row};
use super::text::{Mrkdwn, SafeText};
use super::{
    MessageForm, MessageOptions, RenderContext, attribute_history, details, links, minimal, notes, owner, related,
    render, status, style, top,
};
use crate::finding::{Finding, Line, Span, Topic};
use crate::text::truncate;

/// Maximum length of GuardDuty's description.
const DESCRIPTION: usize = 300;
/// Maximum number of hashes whose full value is in the fallback.
const HASHES: usize = 4;

pub(super) fn body(f: &Finding, context: &RenderContext, w: &MessageOptions, form: MessageForm) -> Body {
    match form {
        MessageForm::Blocks => full(f, context, w),
        MessageForm::Text => Body::text_only(fallback(f, context, w, related::fallback(context.related))),
        MessageForm::Minimal => Body::text_only(minimal::minimal_finding(f)),
    }
}

fn full(f: &Finding, context: &RenderContext, w: &MessageOptions) -> Body {
    let closed = status::closed(f, context);
    let fallback = fallback(f, context, w, Mrkdwn::new());
    // No rich text above the bar: an update mentions nobody and would not have this block. Slack rejects that
    // (`block_mismatch`).
    let above = [
        status::mention(f, context).and_then(|who| Block::section(Mrkdwn::new().mention(who))),
        Block::header(&style::title_line(f, closed)),
    ];
    let first = Block::rich_text(
        status::lines(f, context).into_iter().fold(rich_line(top::line(f, w, closed.is_some())), Rich::section),
    );
    let next =
        [Block::rich_text(related::lines(context.related).into_iter().fold(Rich::new(), Rich::section)), buttons(f, w)];
    let last = context_block(f);
    let capacity = remaining_capacity(&fallback, above.iter().chain([&first]).chain(&next).chain([&last]).flatten());
    let mut rows = rows(f, context);
    rows::fit(&mut rows, capacity);
    let details = details::block(f, capacity.saturating_sub(rows::units(&rows)));
    let mut b = BodyBuilder::new().color(style::color(f.severity_level(), closed.is_some()));
    above.into_iter().for_each(|block| _ = b.push(Priority::Vital, block));
    b.push_attachment(Priority::Vital, first);
    b.push_attachment(Priority::Useful, Block::rich_text(description(f, rows::rich(&rows))));
    next.into_iter().for_each(|block| _ = b.push_attachment(Priority::Important, block));
    b.push_attachment(Priority::Detail, details);
    b.push_attachment(Priority::Important, last);
    b.finish(fallback)
}

fn rich_line(line: Runs) -> Rich {
    Rich::new().section(line)
}

fn rows(f: &Finding, context: &RenderContext) -> Vec<Row> {
    let mut rows = rows::of_finding(f, |about, lines| {
        if about == Topic::Resource {
            add_owner(f, lines);
        }
        if about == f.other_end() {
            lines.extend(attribute_history::previously_seen(f, context.known_attributes));
        }
    });
    if let Some(rule) = &f.details().rule {
        rows.push(Row::new("Rule", &Line::new().code(rule)));
    }
    if let Some(arn) = f.sequence_arn.as_ref().filter(|_| !related::has_sequence(context.related)) {
        rows.push(Row::new("Attack sequence", &Line::new().code(arn.rsplit('/').next().unwrap_or(arn))));
    }
    rows
}

/// Adds the tags of the owner to the first line.
fn add_owner(f: &Finding, lines: &mut Vec<Line>) {
    let tags = owner::tags(f);
    match lines.first_mut() {
        Some(first) => *first = std::mem::take(first).separated(tags),
        None if !tags.is_empty() => lines.push(tags),
        None => {}
    }
}

/// Adds the description of GuardDuty if no line shows the action, or none names the resource.
fn description(f: &Finding, rich: Rich) -> Rich {
    let matters = [Topic::Action, Topic::Process, Topic::Malware, Topic::Signals];
    let shows_action = !f.details().is_action_unknown && matters.iter().any(|about| !f.lines_about(*about).is_empty());
    let names_resource = !f.resource_names().iter().all(|name| *name == f.resource_kind);
    match &f.details().description {
        Some(description) if !(shows_action && names_resource) => {
            let description = truncate(description, DESCRIPTION);
            rich.quote(Runs::new().text(&SafeText::single_line(&description).defanged_except(&f.names())))
        }
        _ => rich,
    }
}

fn buttons(f: &Finding, w: &MessageOptions) -> Option<Block> {
    let console = links::console_link(f, w)
        .and_then(|to| Button::new(&links::link_label("Open finding"), to))
        .map(Button::primary);
    let runbook = links::runbook_link(f, w).and_then(|to| Button::new(&links::link_label("Runbook"), to));
    let docs = links::documentation_link(f).and_then(|to| Button::new(&links::link_label("AWS docs"), to));
    Block::actions([console, runbook, docs])
}

/// `Communication with a known host · ATT&CK Command and Control · type`: the description of the finding. Its ID is in
/// the text, the metadata and the link.
fn context_block(f: &Finding) -> Option<Block> {
    let tactic = f.kind.tactic().map(|tactic| format!("ATT&CK {}", tactic.name)).unwrap_or_default();
    let parts = [words_without_purpose(f), tactic, f.kind.as_str().to_owned()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Block::context([TextObject::from(SafeText::single_line(&parts.join(" · ")))])
}

/// The description of the type. Its purpose is the first word of the type itself.
fn words_without_purpose(f: &Finding) -> String {
    let words = f.kind.describe();
    let words = words.split_once(": ").map_or(words.as_str(), |(_, behavior)| behavior);
    let mut characters = words.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The complete message in one line, for notifications, screen readers and channels that reject blocks.
fn fallback(f: &Finding, context: &RenderContext, w: &MessageOptions, related: Mrkdwn) -> FallbackText {
    let mut text = Mrkdwn::new();
    if let Some(who) = status::mention(f, context) {
        text = text.mention(who).literal(" ");
    }
    text =
        text.text(&style::severity_badge(f, status::closed(f, context))).literal(" · ").code(&style::display_title(f));
    let action = f.lines_about(Topic::Action).first().or(f.lines_about(Topic::Signals).first());
    let facts = std::iter::once(f.subject()).chain(action).chain(f.counterpart().iter().take(2));
    for part in facts.filter(|part| !part.is_empty()) {
        text = text.literal(" · ").append(render::to_fallback(part).truncate(250));
    }
    text = text.append(top::fallback(f, w)).append(notes::fallback(&status::addressing(f, context)));
    if !f.kind.as_str().trim().is_empty() {
        text = text.literal(" · ").code(&SafeText::single_line(f.kind.as_str()));
    }
    text = text.literal(" · id ").code(&SafeText::single_line(&f.id));
    for hash in long_hashes(f) {
        text = text.literal(" · hash ").code(&SafeText::single_line(hash));
    }
    if let Some(to) = links::console_link(f, w) {
        text = text.literal(" · ").link(&to, &links::link_label("open in GuardDuty"));
    }
    FallbackText::new(text.append(related))
}

/// The hashes that the rows show in a short form.
fn long_hashes(f: &Finding) -> Vec<&str> {
    let spans = f.details().facts.iter().flat_map(|fact| &fact.lines).flat_map(|line| &line.0);
    let hashes = spans.filter_map(|span| match span {
        Span::Hash(hash) if render::is_long_hash(hash) => Some(&**hash),
        _ => None,
    });
    let mut distinct: Vec<&str> = Vec::new();
    for hash in hashes {
        if distinct.len() < HASHES && !distinct.contains(&hash) {
            distinct.push(hash);
        }
    }
    distinct
}
