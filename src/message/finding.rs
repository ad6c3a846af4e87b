//! A finding's own message: what happened, how bad, to which resource, by which action and actor, where, when, and what next.

use super::blocks::{Block, Body, Builder, Button, Fallback, Rank, Rich, Runs, Text};
use super::text::{Mention, Mrkdwn, Plain};
use super::{Addressing, Form, Life, Wording, bare, links, look, notes, related, say, seen};
use crate::finding::{About, Finding, Phrase};
use crate::time::Millis;

/// How many lines of a matter a message shows at most: what is left out is in the console.
const SHOWN: [(About, &str, usize); 12] = [
    (About::Resource, "Resource", 8),
    (About::Action, "Action", 4),
    (About::Actor, "Actor", 4),
    (About::Target, "Target", 4),
    (About::RemoteHost, "Remote host", 4),
    (About::Process, "Process", 4),
    (About::Malware, "Malware", 6),
    (About::Contain, "Contain", 8),
    (About::Signals, "Signals", 8),
    (About::Evidence, "Evidence", 4),
    (About::Unusual, "Unusual", 5),
    (About::Indicators, "Indicators", 6),
];

/// What makes a resource's owner known. Keys are compared without case and punctuation.
const OWNER_TAGS: [&str; 14] = [
    "owner",
    "team",
    "squad",
    "contact",
    "email",
    "service",
    "app",
    "application",
    "project",
    "product",
    "component",
    "env",
    "environment",
    "costcenter",
];

/// What a message shows first.
const WHO_DID_WHAT: [About; 5] = [About::Resource, About::Action, About::Actor, About::Target, About::RemoteHost];

pub(super) fn body(f: &Finding, life: &Life, w: &Wording, form: Form) -> Body {
    match form {
        Form::Full => full(f, life, w),
        Form::Text => Body::plain(fallback(f, life, w, related::fallback(life.related))),
        Form::Bare => Body::plain(bare::finding(f)),
    }
}

fn full(f: &Finding, life: &Life, w: &Wording) -> Body {
    let archived = is_archived(f, life);
    let mut b = Builder::new().colour(look::colour(f.band(), archived));
    // No rich text above the bar: an update, which mentions nobody, would lose it, and Slack refuses that (`block_mismatch`).
    b.push(Rank::Vital, mention(f, life).and_then(|who| Block::section(Mrkdwn::new().mention(&who))));
    b.push(Rank::Vital, Block::header(&look::headline(f, archived)));
    for note in all_notes(f, life) {
        b.push_bar(Rank::Important, Block::rich(Rich::new().section(note)));
    }
    b.push_bar(Rank::Vital, Block::rich(facts(f, life, &WHO_DID_WHAT)));
    b.push_bar(Rank::Detail, Block::rich(details(f, life)));
    b.push_bar(Rank::Important, Block::rich(related::lines(life.related).into_iter().fold(Rich::new(), Rich::section)));
    b.push_bar(Rank::Important, Block::rich(where_and_when(f, w)));
    b.push_bar(Rank::Important, buttons(f, w));
    b.push_bar(Rank::Important, context(f));
    b.finish(fallback(f, life, w, Mrkdwn::new()))
}

fn is_archived(f: &Finding, life: &Life) -> bool {
    f.archived || life.archived
}

/// A sample pages nobody, and neither does what is archived.
fn mention(f: &Finding, life: &Life) -> Option<Mention> {
    let wanted = !f.sample && !is_archived(f, life);
    life.mention.filter(|_| wanted).and_then(Mention::parse)
}

/// What the notes name: a mention that would not be sent anyway was not left out.
fn addressing<'a>(f: &Finding, life: &Life<'a>) -> Addressing<'a> {
    let is_silent = f.sample || is_archived(f, life);
    Addressing {
        mention: life.mention,
        omitted_mention: life.omitted_mention.filter(|_| !is_silent),
        refused_channel: life.refused_channel,
    }
}

/// What stands above everything else.
fn all_notes(f: &Finding, life: &Life) -> Vec<Runs> {
    let mut notes = notes::runs(&addressing(f, life));
    if is_archived(f, life) {
        notes.push(
            Runs::new().label("Archived ").say("this finding is archived in GuardDuty: nobody waits for an answer"),
        );
    }
    if f.sample {
        notes.push(Runs::new().label("Sample ").say("GuardDuty generated this finding on request: nothing happened"));
    }
    notes
}

fn facts(f: &Finding, life: &Life, matters: &[About]) -> Rich {
    let mut rich = Rich::new();
    for (about, label, most) in SHOWN.iter().filter(|(about, ..)| matters.contains(about)) {
        let mut lines = shown(f, *about, *most);
        if *about == About::Resource {
            lines.extend(owner(f));
        }
        if *about == f.other_end() {
            lines.extend(seen::so_far(f, life.traits_seen));
        }
        rich = row(rich, label, &lines);
    }
    rich
}

/// The first `most` lines; the last of them says what is left out.
fn shown(f: &Finding, about: About, most: usize) -> Vec<Phrase> {
    let lines = f.about(about);
    let all = lines.len() + f.left_out(about);
    if all <= most {
        return lines.to_vec();
    }
    let mut kept: Vec<Phrase> = lines.iter().take(most.saturating_sub(1)).cloned().collect();
    kept.push(Phrase::new().ours(format!("and {} more, see the console", all - kept.len())));
    kept
}

/// The label with the first line, further lines as a list below it.
fn row(rich: Rich, label: &'static str, lines: &[Phrase]) -> Rich {
    let Some((first, others)) = lines.split_first() else { return rich };
    let rich = rich.section(Runs::new().label(label).say("  ").append(say::runs(first)));
    rich.bullets(others.iter().map(say::runs))
}

/// What else is known. Where nothing says what was done, or to what, GuardDuty's own description does.
fn details(f: &Finding, life: &Life) -> Rich {
    let matters = [
        About::Process,
        About::Malware,
        About::Contain,
        About::Signals,
        About::Evidence,
        About::Unusual,
        About::Indicators,
    ];
    let mut rich = facts(f, &Life::default(), &matters);
    let told =
        [About::Action, About::Process, About::Malware, About::Signals].iter().any(|about| !f.about(*about).is_empty());
    let known = !f.resource_names().iter().all(|name| *name == f.resource.kind);
    if let (false, Some(description)) = (told && known, &f.description) {
        rich = rich.quote(Runs::new().text(&Plain::line(description).defanged_except(&f.names())));
    }
    if let Some(rule) = &f.rule {
        rich = row(rich, "Rule", &[Phrase::new().ours("custom detection rule ").code(rule)]);
    }
    if let Some(arn) = f.sequence_arn.as_ref().filter(|_| !related::has_sequence(life.related)) {
        rich =
            row(rich, "Part of", &[Phrase::new().ours("attack sequence ").code(arn.rsplit('/').next().unwrap_or(arn))]);
    }
    rich
}

/// `tags owner=payments, env=prod`: those that say whose it is; without any, the first ones.
fn owner(f: &Finding) -> Option<Phrase> {
    let key = |key: &str| key.to_lowercase().replace(['-', '_', ' ', ':', '.'], "");
    let owning: Vec<_> = f.tags().iter().filter(|(k, _)| OWNER_TAGS.iter().any(|o| key(k).ends_with(o))).collect();
    let tags: Vec<_> = if owning.is_empty() {
        f.tags().iter().filter(|(k, _)| k != "Name" && !k.starts_with("aws:")).collect()
    } else {
        owning
    };
    if tags.is_empty() {
        return None;
    }
    let said: Vec<String> =
        tags.iter().take(4).map(|(k, v)| crate::finding::phrase::short(&format!("{k}={v}"), 80)).collect();
    Some(
        Phrase::new()
            .ours(if said.len() == 1 { "tag " } else { "tags " })
            .then(crate::finding::phrase::listed(said.iter().map(String::as_str), 4)),
    )
}

fn where_and_when(f: &Finding, w: &Wording) -> Rich {
    let place = place(f, w);
    let lines: Vec<Phrase> = Some(place).filter(|p| !p.is_empty()).into_iter().collect();
    row(Rich::new(), "Where", &lines).section(when(f))
}

/// `payments-prod (111122223333) · eu-west-1`
fn place(f: &Finding, w: &Wording) -> Phrase {
    let account = match w.account_names.get(&f.account_id).filter(|name| !name.trim().is_empty()) {
        Some(name) => Phrase::new().theirs(name).ours(" (").theirs(&f.account_id).ours(")"),
        None if f.account_id.is_empty() => Phrase::new(),
        None => Phrase::new().ours("account ").theirs(&f.account_id),
    };
    // A finding about a global service happens in one region and is seen in each.
    let region = match f.region == f.origin.region || f.origin.region.is_empty() {
        true => Phrase::new().part_theirs(&f.region),
        false => Phrase::new().theirs(&f.region).ours(", seen in ").theirs(&f.origin.region),
    };
    account.part(region)
}

fn when(f: &Finding) -> Runs {
    let mut runs = Runs::new().label("When").say("  ");
    let last = f.changed().or(f.first_seen);
    match (f.first_seen, last) {
        (Some(first), Some(last)) if minute(first) != minute(last) => {
            runs = say::date(say::date(runs.say("first "), first).say(", last "), last);
        }
        (_, Some(last)) => runs = say::date(runs, last),
        (_, None) => runs = runs.say("unknown"),
    }
    if f.count > 1 {
        runs = runs.say(" · ").bold(&Plain::line(&format!("{} times", f.count)));
    }
    runs
}

fn minute(instant: Millis) -> i64 {
    instant.0.div_euclid(60_000)
}

fn buttons(f: &Finding, w: &Wording) -> Option<Block> {
    let console =
        links::console(f, w).and_then(|to| Button::new(&links::label("Open in GuardDuty"), to)).map(Button::primary);
    let docs = links::documentation(f).and_then(|to| Button::new(&links::label("About this type"), to));
    let runbook = links::runbook(f, w).and_then(|to| Button::new(&links::label("Runbook"), to));
    Block::actions([console, runbook, docs])
}

/// `Backdoor: talks to … · ATT&CK Command and Control TA0011 · type · id`: small print that names the finding exactly.
fn context(f: &Finding) -> Option<Block> {
    let words = f.kind.in_words();
    let mut parts: Vec<String> = Some(words.clone()).filter(|w| !w.is_empty()).into_iter().collect();
    if let Some(tactic) = f.kind.tactic() {
        // The purpose may have the tactic's name already.
        let named = words.to_lowercase().starts_with(&tactic.name.to_lowercase());
        parts.push(if named {
            format!("ATT&CK {}", tactic.id)
        } else {
            format!("ATT&CK {} {}", tactic.name, tactic.id)
        });
    }
    if !f.kind.as_str().is_empty() {
        parts.push(f.kind.as_str().to_owned());
    }
    parts.push(format!("id {}", f.id));
    Block::context([Text::from(Plain::line(&parts.join(" · ")))])
}

/// Complete in one line: what a notification, a screen reader, and a channel that refuses blocks show.
fn fallback(f: &Finding, life: &Life, w: &Wording, related: Mrkdwn) -> Fallback {
    let archived = is_archived(f, life);
    let mut text = Mrkdwn::new();
    if let Some(who) = mention(f, life) {
        text = text.mention(&who).say(" ");
    }
    text = text.text(&look::badge(f, archived)).say(" · ").code(&look::title(f));
    let subject = std::iter::once(&f.resource.subject);
    let told = subject.chain(f.about(About::Action).first()).chain(f.counterpart().iter().take(2));
    for part in told.chain(std::iter::once(&place(f, w))).filter(|part| !part.is_empty()) {
        text = text.say(" · ").append(say::fallback(part).cut(250));
    }
    if f.count > 1 {
        text = text.say(" · ").text(&Plain::line(&format!("{} times", f.count)));
    }
    text = text.append(notes::fallback(&addressing(f, life)));
    if !f.kind.as_str().trim().is_empty() {
        text = text.say(" · ").code(&Plain::line(f.kind.as_str()));
    }
    text = text.say(" · id ").code(&Plain::line(&f.id));
    if let Some(to) = links::console(f, w) {
        text = text.say(" · ").link(&to, &links::label("open in GuardDuty"));
    }
    Fallback::new(text.append(related))
}
