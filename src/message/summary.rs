//! Renders the summary of open findings.

use super::blocks::{Block, Body, BodyBuilder, FallbackText, Priority, Rich, Runs};
use super::text::{Link, Mrkdwn, SafeText};
use super::{MessageForm, minimal, render, style};
use crate::finding::{FindingCounts, Line, SeverityLevel};
use crate::time::Timestamp;

/// Content of a summary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    pub id: String,
    /// Open findings as GuardDuty counts them. `None` if no source returned a count.
    pub open: Option<FindingCounts>,
    /// Open findings created more than 1, 7 and 30 days ago. `None` if no source returned a count.
    pub older: Option<[u64; 3]>,
    /// Sources without a count: `GetFindingsStatistics` is not permitted, or failed.
    pub unknown: Vec<String>,
    /// Findings announced for the first time, and findings archived, since the last summary.
    pub new: u64,
    pub archived: u64,
    /// `None` without triage.
    pub unacknowledged: Option<u64>,
    /// The most severe findings first.
    pub worst: Vec<WorstFinding>,
    /// The pairs that recurred most often first.
    pub noisiest: Vec<NoisyPair>,
}

impl Summary {
    /// Adds a source without a count, once.
    pub fn add_unknown(&mut self, source: &str) {
        if self.unknown.iter().all(|known| known != source) {
            self.unknown.push(source.to_owned());
        }
    }
}

/// An open finding that has a message of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct WorstFinding {
    pub level: SeverityLevel,
    pub severity: f64,
    /// The title, or the ID; untrusted.
    pub title: String,
    /// Time of its first message.
    pub since: Timestamp,
    pub permalink: Option<String>,
}

/// A finding type on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoisyPair {
    pub finding_type: String,
    /// Untrusted.
    pub resource: String,
    /// Total number of occurrences.
    pub count: u64,
    /// A command that creates a suppression rule for this pair.
    pub command: String,
}

const LABEL: usize = 90;
const RESOURCE: usize = 120;
const UNKNOWN: usize = 3;

pub(super) fn body(summary: &Summary, form: MessageForm) -> Body {
    match form {
        MessageForm::Blocks => full(summary),
        MessageForm::Text => Body::text_only(fallback(summary)),
        MessageForm::Minimal => Body::text_only(FallbackText::new(match minimal::is_id(&summary.id) {
            true => Mrkdwn::new().literal("GuardDuty summary ").text(&SafeText::single_line(&summary.id)),
            false => Mrkdwn::new().literal("GuardDuty summary"),
        })),
    }
}

fn full(summary: &Summary) -> Body {
    let mut b = BodyBuilder::new().color(style::NEUTRAL);
    b.push(Priority::Vital, Block::header(&SafeText::single_line("GuardDuty: open findings")));
    b.push_attachment(
        Priority::Vital,
        Block::rich_text(
            Rich::new().bullets(lines(summary).iter().map(|line| Runs::new().text(&SafeText::single_line(line)))),
        ),
    );
    if !summary.worst.is_empty() {
        let heading = Runs::new().bold(&SafeText::single_line("Most severe"));
        b.push_attachment(
            Priority::Important,
            Block::rich_text(Rich::new().section(heading).bullets(summary.worst.iter().map(worst))),
        );
    }
    if !summary.noisiest.is_empty() {
        let heading =
            Runs::new().bold(&SafeText::single_line("Most frequent")).literal(" · run the command to suppress a pair");
        b.push_attachment(Priority::Important, Block::rich_text(Rich::new().section(heading)));
    }
    for pair in &summary.noisiest {
        b.push_attachment(
            Priority::Useful,
            Block::rich_text(Rich::new().section(noisy(pair)).preformatted(&SafeText::single_line(&pair.command))),
        );
    }
    b.finish(fallback(summary))
}

/// The numbers, one statement per line.
fn lines(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    match &summary.open {
        Some(open) => lines.push(format!("Open: {}", by_severity_level(open))),
        None => lines.push("Open: not known".to_owned()),
    }
    if let Some([day, week, month]) = summary.older {
        lines.push(format!(
            "Created more than 1 day ago: {day} · more than 7 days ago: {week} · more than 30 days ago: {month}"
        ));
    } else {
        lines.push("Age: not known".to_owned());
    }
    if !summary.unknown.is_empty() {
        let named: Vec<&str> = summary.unknown.iter().take(UNKNOWN).map(String::as_str).collect();
        let named = Line::new().literal(named.join(", ")).and_more(summary.unknown.len(), UNKNOWN);
        lines.push(format!("Not known for {}: GetFindingsStatistics failed or is not permitted", named.to_plain()));
    }
    lines.push(format!("Since the last summary: {} new · {} archived", summary.new, summary.archived));
    lines.extend(summary.unacknowledged.map(|count| format!("Unacknowledged: {count}")));
    lines
}

/// `1 critical · 24 high · 38 medium · 19 low`
fn by_severity_level(open: &FindingCounts) -> String {
    let levels = SeverityLevel::ALL.into_iter().rev();
    let counts: Vec<String> =
        levels.map(|level| format!("{} {}", open.get(&level).copied().unwrap_or(0), level.name())).collect();
    counts.join(" · ")
}

fn worst(finding: &WorstFinding) -> Runs {
    let sign = style::emoji(finding.level, false);
    let severity =
        format!("{sign} {} {} · ", finding.level.name().to_uppercase(), SeverityLevel::format_score(finding.severity));
    let title = SafeText::single_line(&finding.title).defang().truncate(LABEL);
    let runs = Runs::new().text(&SafeText::single_line(&severity)).literal(" ");
    let runs = match finding.permalink.as_deref().and_then(Link::new) {
        Some(to) => runs.link(&to, &title),
        None => runs.text(&title),
    };
    render::push_date(runs.literal(" · since "), finding.since)
}

fn noisy(pair: &NoisyPair) -> Runs {
    let count = format!("{} times", pair.count);
    Runs::new()
        .code(&SafeText::single_line(&pair.finding_type))
        .literal(" on ")
        .code(&SafeText::single_line(&pair.resource).truncate(RESOURCE))
        .literal(" · ")
        .text(&SafeText::single_line(&count))
}

fn fallback(summary: &Summary) -> FallbackText {
    let text = lines(summary).iter().fold(Mrkdwn::new().literal("GuardDuty summary"), |text, line| {
        text.literal(" · ").text(&SafeText::single_line(line))
    });
    FallbackText::new(text)
}
