//! Renders digests, which summarize many findings in one message: grouped and counted, the most severe first, critical
//! findings by name.

use std::collections::BTreeMap;

use super::blocks::{Block, Body, BodyBuilder, FallbackText, Priority, Rich, Runs};
use super::text::{Link, Mrkdwn, SafeText};
use super::{Addressing, MessageForm, MessageOptions, links, notes, render, style};
use crate::finding::line::join_limited;
use crate::finding::{Finding, Line, SeverityLevel};
use crate::mention::Mention;
use crate::text::{and_more, pluralize, truncate};

/// Maximum number of critical findings that are named. The others are counted with their group.
const CRITICAL_NAMED: usize = 20;
/// Maximum number of groups with a separate line.
const GROUPS: usize = 30;
/// Maximum number of resources named as examples of a group.
const EXAMPLES: usize = 3;
/// Maximum number of findings of a group whose resources are compared. Reading the details of all would take too long.
const SURVEYED: usize = 20;
/// Maximum length of a resource or a title in a digest.
const SHORT: usize = 70;

/// Findings that share severity level, type, account and region.
struct Group<'a> {
    level: SeverityLevel,
    findings: Vec<&'a Finding>,
}

pub(super) fn body(
    id: &str,
    findings: &[&Finding],
    w: &MessageOptions,
    addressing: &Addressing,
    form: MessageForm,
) -> Body {
    let is_loud = findings.iter().any(|f| !f.sample && !f.archived);
    let who = addressing.mention.filter(|_| is_loud);
    let addressing = Addressing { omitted_mention: addressing.omitted_mention.filter(|_| is_loud), ..*addressing };
    let groups = grouped(findings);
    let fallback = fallback(id, findings, &groups, who, &addressing, form);
    if form != MessageForm::Blocks {
        return Body::text_only(fallback);
    }
    let worst = groups.first().map_or(SeverityLevel::Low, |g| g.level);
    let mut b = BodyBuilder::new().color(style::color(worst, false));
    b.push(Priority::Vital, who.and_then(|who| Block::section(Mrkdwn::new().mention(who))));
    b.push(Priority::Vital, Block::header(&headline(findings)));
    for note in notes::runs(&addressing) {
        b.push_attachment(Priority::Important, Block::rich_text(Rich::new().section(note)));
    }
    b.push_attachment(Priority::Important, Block::rich_text(critical(findings, w)));
    for level in SeverityLevel::ALL.into_iter().rev() {
        let rank = if level >= SeverityLevel::High { Priority::Useful } else { Priority::Detail };
        // Critical findings are named above, up to the limit.
        let named = level == SeverityLevel::Critical
            && findings.iter().filter(|f| f.severity_level() == level).count() <= CRITICAL_NAMED;
        let shown = groups.iter().take(GROUPS).filter(|g| g.level == level && !named);
        b.push_attachment(rank, Block::rich_text(lines(level, shown, w)));
    }
    if groups.len() > GROUPS {
        let left: usize = groups.iter().skip(GROUPS).map(|g| g.findings.len()).sum();
        let words = format!(
            "and {} in {}",
            pluralize(left as u64, "finding"),
            pluralize((groups.len() - GROUPS) as u64, "more group")
        );
        b.push_attachment(
            Priority::Useful,
            Block::rich_text(Rich::new().section(Runs::new().text(&SafeText::single_line(&words)))),
        );
    }
    b.push_attachment(
        Priority::Important,
        Block::context([SafeText::single_line(&format!(
            "Digest of {} · {id}",
            pluralize(findings.len() as u64, "finding")
        ))
        .into()]),
    );
    b.finish(fallback)
}

/// Sorts by severity level, then size, then name, so that the same findings always have the same text.
fn grouped<'a>(findings: &[&'a Finding]) -> Vec<Group<'a>> {
    let mut by_key: BTreeMap<_, Vec<&Finding>> = BTreeMap::new();
    for f in findings {
        by_key
            .entry((f.severity_level(), f.kind.as_str(), f.account_id.as_str(), f.origin.region.as_str()))
            .or_default()
            .push(f);
    }
    let mut groups: Vec<Group> = by_key
        .into_iter()
        .map(|((level, ..), mut findings)| {
            findings.sort_by(|a, b| b.severity.total_cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
            Group { level, findings }
        })
        .collect();
    groups.sort_by_key(|g| (std::cmp::Reverse(g.level), std::cmp::Reverse(g.findings.len())));
    groups
}

/// `480 more findings: 2 critical, 14 high, 464 others`
fn headline(findings: &[&Finding]) -> SafeText {
    let worst = findings.iter().map(|f| f.severity_level()).max().unwrap_or(SeverityLevel::Low);
    SafeText::single_line(&format!(
        "{} {}: {}",
        style::emoji(worst, false),
        pluralize(findings.len() as u64, "more finding"),
        counts(findings)
    ))
}

fn counts(findings: &[&Finding]) -> String {
    let of = |level: SeverityLevel| findings.iter().filter(|f| f.severity_level() == level).count();
    let parts: Vec<String> =
        SeverityLevel::ALL.into_iter().rev().filter(|b| of(*b) > 0).map(|b| format!("{} {b}", of(b))).collect();
    parts.join(", ")
}

/// Each critical finding with its resource and a link.
fn critical(findings: &[&Finding], w: &MessageOptions) -> Rich {
    let mut all: Vec<&&Finding> = findings.iter().filter(|f| f.severity_level() == SeverityLevel::Critical).collect();
    if all.is_empty() {
        return Rich::new();
    }
    all.sort_by(|a, b| b.severity.total_cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let named = all.iter().take(CRITICAL_NAMED).map(|f| {
        let title = style::display_title(f).truncate(2 * SHORT);
        let mut runs = Runs::new()
            .bold(&SafeText::single_line(&format!("{}{}", sample(f), SeverityLevel::format_score(f.severity))))
            .literal("  ");
        runs = match links::console_link(f, w) {
            Some(to) => runs.link(&to, &title),
            None => runs.text(&title),
        };
        runs.literal(" · ")
            .append(render::to_text_runs(&subject(f)))
            .literal(" · ")
            .append(render::to_text_runs(&place(f, w)))
    });
    let rich = Rich::new().section(Runs::new().label("Critical findings")).bullets(named);
    match and_more(all.len(), CRITICAL_NAMED) {
        Some(more) => {
            rich.section(Runs::new().text(&SafeText::single_line(&format!("{more} critical findings, counted below"))))
        }
        None => rich,
    }
}

fn lines<'a>(level: SeverityLevel, groups: impl Iterator<Item = &'a Group<'a>>, w: &MessageOptions) -> Rich {
    let items: Vec<Runs> = groups.map(|g| line(g, w)).collect();
    if items.is_empty() {
        return Rich::new();
    }
    let name = SafeText::single_line(&format!("{} {}", style::emoji(level, false), level.name().to_uppercase()));
    Rich::new().section(Runs::new().bold(&name)).bullets(items)
}

/// `42 × Recon:EC2/Portscan · prod (111122223333) · eu-west-1 · e.g. EC2 instance i-1, …`
fn line(g: &Group, w: &MessageOptions) -> Runs {
    let Some(first) = g.findings.first() else { return Runs::new() };
    let kind = SafeText::single_line(first.kind.as_str()).truncate(SHORT);
    let kind = if kind.is_empty() { links::link_label("unknown type") } else { kind };
    let mut runs = Runs::new()
        .bold(&SafeText::single_line(&format!(
            "{}{} ×",
            if g.findings.iter().all(|f| f.sample) { sample(first) } else { "" },
            g.findings.len()
        )))
        .literal(" ");
    let link: Option<Link> =
        if g.findings.len() == 1 { links::console_link(first, w) } else { links::search_link(first, w) };
    runs = match link {
        Some(to) => runs.link(&to, &kind),
        None => runs.text(&kind),
    };
    let more = [place(first, w), examples(&g.findings)].into_iter().filter(|part| !part.is_empty());
    more.fold(runs, |runs, part| runs.literal(" · ").append(render::to_text_runs(&part)))
}

/// The resources of a group: `i-1, i-2, i-3 and 4 more`. Of a large group, resources of the most severe findings.
fn examples(findings: &[&Finding]) -> Line {
    let mut names: Vec<String> = Vec::new();
    for f in findings.iter().take(SURVEYED) {
        let name = subject(f).to_plain();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    if findings.len() <= SURVEYED || names.is_empty() {
        return join_limited(names, EXAMPLES);
    }
    names.truncate(EXAMPLES);
    Line::new().literal("e.g. ").concat(join_limited(names, EXAMPLES))
}

/// The resource, shortened.
fn subject(f: &Finding) -> Line {
    let plain = f.subject().to_plain();
    match plain.is_empty() {
        true => Line::new(),
        false => Line::new().code(&truncate(&plain, SHORT)),
    }
}

fn sample(f: &Finding) -> &'static str {
    if f.sample { "SAMPLE " } else { "" }
}

/// The name of the account, or its ID if it has no name: `payments-prod · eu-west-1`.
fn place(f: &Finding, w: &MessageOptions) -> Line {
    let account = w.account_names.get(&f.account_id).filter(|name| !name.trim().is_empty()).unwrap_or(&f.account_id);
    Line::new().separated_untrusted(account).separated_untrusted(&f.origin.region)
}

fn fallback(
    id: &str,
    findings: &[&Finding],
    groups: &[Group],
    who: Option<&Mention>,
    addressing: &Addressing,
    form: MessageForm,
) -> FallbackText {
    let mut text = Mrkdwn::new();
    if let Some(who) = who {
        text = text.mention(who).literal(" ");
    }
    text = text.text(&headline(findings)).append(notes::fallback(addressing));
    if form == MessageForm::Minimal {
        return FallbackText::new(text.literal(" · Slack rejected the details; see the log"));
    }
    // With blocks, only notifications show this text, so it names the most severe findings.
    let shown = if form == MessageForm::Blocks { 6 } else { GROUPS };
    for g in groups.iter().take(shown) {
        let Some(first) = g.findings.first() else { continue };
        text = text
            .literal(" · ")
            .text(&SafeText::single_line(&format!("{} {} ×", g.level, g.findings.len())))
            .literal(" ")
            .code(&SafeText::single_line(first.kind.as_str()).truncate(SHORT));
        text = text
            .literal(" in ")
            .code(&SafeText::single_line(&first.account_id))
            .literal("/")
            .code(&SafeText::single_line(&first.origin.region));
        if g.level == SeverityLevel::Critical {
            text = text.literal(": ").append(render::to_fallback(&examples(&g.findings)));
        }
    }
    FallbackText::new(text.literal(" · digest ").code(&SafeText::single_line(id)).truncate(3_900))
}
