//! Many findings in one message: grouped, counted, the most severe first, critical ones by name.

use std::collections::BTreeMap;

use super::blocks::{Block, Body, Builder, Fallback, Rank, Rich, Runs};
use super::text::{Link, Mention, Mrkdwn, Plain};
use super::{Addressing, Form, Wording, links, look, notes, say};
use crate::finding::phrase::{listed, plural, short};
use crate::finding::{Band, Finding, Phrase};

/// Critical findings that are named; more are counted with their group.
const CRITICAL_NAMED: usize = 20;
/// Groups with a line of their own.
const GROUPS: usize = 30;
/// Resources named as examples of a group.
const EXAMPLES: usize = 3;
/// Findings of a group whose resources are compared: to read the details of a whole flood would take long.
const SURVEYED: usize = 20;
/// Characters of a resource or a title in a digest.
const SHORT: usize = 70;

/// Findings that share severity band, type, account and region.
struct Group<'a> {
    band: Band,
    findings: Vec<&'a Finding>,
}

pub(super) fn body(id: &str, findings: &[&Finding], w: &Wording, addressing: &Addressing, form: Form) -> Body {
    let is_loud = findings.iter().any(|f| !f.sample && !f.archived);
    let who = addressing.mention.filter(|_| is_loud).and_then(Mention::parse);
    let addressing = Addressing { omitted_mention: addressing.omitted_mention.filter(|_| is_loud), ..*addressing };
    let groups = grouped(findings);
    let fallback = fallback(id, findings, &groups, who.as_ref(), &addressing, form);
    if form != Form::Full {
        return Body::plain(fallback);
    }
    let worst = groups.first().map_or(Band::Low, |g| g.band);
    let mut b = Builder::new().colour(look::colour(worst, false));
    b.push(Rank::Vital, who.and_then(|who| Block::section(Mrkdwn::new().mention(&who))));
    b.push(Rank::Vital, Block::header(&headline(findings)));
    for note in notes::runs(&addressing) {
        b.push_bar(Rank::Important, Block::rich(Rich::new().section(note)));
    }
    b.push_bar(Rank::Important, Block::rich(critical(findings, w)));
    for band in Band::ALL.into_iter().rev() {
        let rank = if band >= Band::High { Rank::Useful } else { Rank::Detail };
        // Critical ones are named above, unless they are too many.
        let named = band == Band::Critical && findings.iter().filter(|f| f.band() == band).count() <= CRITICAL_NAMED;
        let shown = groups.iter().take(GROUPS).filter(|g| g.band == band && !named);
        b.push_bar(rank, Block::rich(lines(band, shown, w)));
    }
    if groups.len() > GROUPS {
        let left: usize = groups.iter().skip(GROUPS).map(|g| g.findings.len()).sum();
        let words = format!(
            "and {} in {}",
            plural(left as u64, "finding"),
            plural((groups.len() - GROUPS) as u64, "more group")
        );
        b.push_bar(Rank::Useful, Block::rich(Rich::new().section(Runs::new().text(&Plain::line(&words)))));
    }
    b.push_bar(
        Rank::Important,
        Block::context([Plain::line(&format!("Digest of {} · {id}", plural(findings.len() as u64, "finding"))).into()]),
    );
    b.finish(fallback)
}

/// The most severe first, then the largest group, then by name: the same findings always look the same.
fn grouped<'a>(findings: &[&'a Finding]) -> Vec<Group<'a>> {
    let mut by_key: BTreeMap<_, Vec<&Finding>> = BTreeMap::new();
    for f in findings {
        by_key.entry((f.band(), f.kind.as_str(), f.account_id.as_str(), f.origin.region.as_str())).or_default().push(f);
    }
    let mut groups: Vec<Group> = by_key
        .into_iter()
        .map(|((band, ..), mut findings)| {
            findings.sort_by(|a, b| b.severity.total_cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
            Group { band, findings }
        })
        .collect();
    groups.sort_by_key(|g| (std::cmp::Reverse(g.band), std::cmp::Reverse(g.findings.len())));
    groups
}

/// `480 more findings: 2 critical, 14 high, 464 others`
fn headline(findings: &[&Finding]) -> Plain {
    let worst = findings.iter().map(|f| f.band()).max().unwrap_or(Band::Low);
    Plain::line(&format!(
        "{} {}: {}",
        look::sign(worst, false),
        plural(findings.len() as u64, "more finding"),
        counts(findings)
    ))
}

fn counts(findings: &[&Finding]) -> String {
    let of = |band: Band| findings.iter().filter(|f| f.band() == band).count();
    let parts: Vec<String> =
        Band::ALL.into_iter().rev().filter(|b| of(*b) > 0).map(|b| format!("{} {b}", of(b))).collect();
    parts.join(", ")
}

/// Each critical finding with its resource and a link.
fn critical(findings: &[&Finding], w: &Wording) -> Rich {
    let mut all: Vec<&&Finding> = findings.iter().filter(|f| f.band() == Band::Critical).collect();
    if all.is_empty() {
        return Rich::new();
    }
    all.sort_by(|a, b| b.severity.total_cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let named = all.iter().take(CRITICAL_NAMED).map(|f| {
        let title = look::title(f).cut(2 * SHORT);
        let mut runs = Runs::new().bold(&Plain::line(&format!("{}{}", sample(f), Band::number(f.severity)))).say("  ");
        runs = match links::console(f, w) {
            Some(to) => runs.link(&to, &title),
            None => runs.text(&title),
        };
        runs.say(" · ").append(say::runs(&subject(f))).say(" · ").append(say::runs(&place(f, w)))
    });
    let rich = Rich::new().section(Runs::new().label("Critical findings")).bullets(named);
    match all.len().saturating_sub(CRITICAL_NAMED) {
        0 => rich,
        more => {
            rich.section(Runs::new().text(&Plain::line(&format!("and {more} more critical findings, counted below"))))
        }
    }
}

fn lines<'a>(band: Band, groups: impl Iterator<Item = &'a Group<'a>>, w: &Wording) -> Rich {
    let items: Vec<Runs> = groups.map(|g| line(g, w)).collect();
    if items.is_empty() {
        return Rich::new();
    }
    let name = Plain::line(&format!("{} {}", look::sign(band, false), band.name().to_uppercase()));
    Rich::new().section(Runs::new().bold(&name)).bullets(items)
}

/// `42 × Recon:EC2/Portscan · prod (111122223333) · eu-west-1 · e.g. EC2 instance i-1, …`
fn line(g: &Group, w: &Wording) -> Runs {
    let Some(first) = g.findings.first() else { return Runs::new() };
    let kind = Plain::line(first.kind.as_str()).cut(SHORT);
    let kind = if kind.is_empty() { links::label("unknown type") } else { kind };
    let mut runs = Runs::new()
        .bold(&Plain::line(&format!(
            "{}{} ×",
            if g.findings.iter().all(|f| f.sample) { sample(first) } else { "" },
            g.findings.len()
        )))
        .say(" ");
    let link: Option<Link> = if g.findings.len() == 1 { links::console(first, w) } else { links::search(first, w) };
    runs = match link {
        Some(to) => runs.link(&to, &kind),
        None => runs.text(&kind),
    };
    let more = [place(first, w), examples(&g.findings)].into_iter().filter(|part| !part.is_empty());
    more.fold(runs, |runs, part| runs.say(" · ").append(say::runs(&part)))
}

/// The resources of a group: `i-1, i-2, i-3 and 4 more`. Of a large one, some resources of the most severe findings.
fn examples(findings: &[&Finding]) -> Phrase {
    let mut names: Vec<String> = Vec::new();
    for f in findings.iter().take(SURVEYED) {
        let name = subject(f).plain();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    if findings.len() <= SURVEYED || names.is_empty() {
        return listed(names, EXAMPLES);
    }
    names.truncate(EXAMPLES);
    Phrase::new().ours("e.g. ").then(listed(names, EXAMPLES))
}

/// The resource, short.
fn subject(f: &Finding) -> Phrase {
    let plain = f.subject().plain();
    match plain.is_empty() {
        true => Phrase::new(),
        false => Phrase::new().code(&short(&plain, SHORT)),
    }
}

fn sample(f: &Finding) -> &'static str {
    if f.sample { "SAMPLE " } else { "" }
}

/// The account's name, or its id without one: `payments-prod · eu-west-1`.
fn place(f: &Finding, w: &Wording) -> Phrase {
    let account = w.account_names.get(&f.account_id).filter(|name| !name.trim().is_empty()).unwrap_or(&f.account_id);
    Phrase::new().part_theirs(account).part_theirs(&f.origin.region)
}

fn fallback(
    id: &str,
    findings: &[&Finding],
    groups: &[Group],
    who: Option<&Mention>,
    addressing: &Addressing,
    form: Form,
) -> Fallback {
    let mut text = Mrkdwn::new();
    if let Some(who) = who {
        text = text.mention(who).say(" ");
    }
    text = text.text(&headline(findings)).append(notes::fallback(addressing));
    if form == Form::Bare {
        return Fallback::new(text.say(" · Slack rejected the details; see the log"));
    }
    // Beside blocks it is what a notification shows: the worst of it.
    let shown = if form == Form::Full { 6 } else { GROUPS };
    for g in groups.iter().take(shown) {
        let Some(first) = g.findings.first() else { continue };
        text = text
            .say(" · ")
            .text(&Plain::line(&format!("{} {} ×", g.band, g.findings.len())))
            .say(" ")
            .code(&Plain::line(first.kind.as_str()).cut(SHORT));
        text = text.say(" in ").code(&Plain::line(&first.account_id)).say("/").code(&Plain::line(&first.origin.region));
        if g.band == Band::Critical {
            text = text.say(": ").append(say::fallback(&examples(&g.findings)));
        }
    }
    Fallback::new(text.say(" · digest ").code(&Plain::line(id)).cut(3_900))
}
