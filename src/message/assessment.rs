//! Renders the result of an investigation, for the thread of its finding.

use serde_json::Value;

use super::text::{SafeText, defang_text};
use crate::finding::{Assessment, Line};

/// Maximum number of lines about the threat, and of recommended steps.
const THREAT: usize = 3;
const STEPS: usize = 6;

/// Texts that introduce the recommended steps of a summary.
const RECOMMENDED: [&str; 4] = ["recommend", "remediat", "countermeasure", "next step"];

/// `🔎 Investigation: risk HIGH, confidence medium`
pub(super) fn title(assessment: &Assessment) -> SafeText {
    let level = word(assessment.risk_level.as_deref()).to_uppercase();
    let confidence = word(assessment.confidence.as_deref()).to_lowercase();
    SafeText::single_line(&format!("🔎 Investigation: risk {level}, confidence {confidence}"))
}

/// The level, if it is one word. A level that this release does not know is shown, too.
fn word(level: Option<&str>) -> &str {
    let is_word = |level: &&str| level.len() <= 20 && level.bytes().all(|byte| byte.is_ascii_alphabetic());
    level.filter(|level| !level.is_empty()).filter(is_word).unwrap_or("unknown")
}

/// The risk, the threat and the recommended steps.
pub(super) fn lines(assessment: &Assessment) -> Vec<Line> {
    let summary = assessment.summary.as_deref().unwrap_or_default();
    let (threat, steps) = match serde_json::from_str::<Value>(summary) {
        Ok(document) if document.is_object() => (Vec::new(), documented_steps(&document)),
        _ => split(summary),
    };
    let mut lines: Vec<Line> = assessment.risk.iter().map(|risk| untrusted(Line::new(), risk)).collect();
    lines.extend(threat.iter().take(THREAT).map(|line| untrusted(Line::new(), line)));
    lines.extend(steps.iter().take(STEPS).map(|step| untrusted(Line::new().literal("Recommended: "), step)));
    let omitted = threat.len().saturating_sub(THREAT) + steps.len().saturating_sub(STEPS);
    if omitted > 0 {
        lines.push(Line::new().literal(format!("{omitted} more in the GuardDuty console, page Investigations")));
    }
    lines
}

fn untrusted(before: Line, text: &str) -> Line {
    before.untrusted(&defang_text(SafeText::single_line(text).as_str()))
}

/// The lines before the recommended steps, and the steps. Markup of headings and lists is omitted.
fn split(summary: &str) -> (Vec<String>, Vec<String>) {
    let is_mark = |c: char| matches!(c, '#' | '*' | '-' | '•' | '`' | '>') || c.is_whitespace();
    let (mut threat, mut steps, mut is_step) = (Vec::new(), Vec::new(), false);
    for line in summary.lines().map(|line| line.trim_matches(is_mark)).filter(|line| !line.is_empty()) {
        let lowercase = line.to_lowercase();
        let is_heading = line.len() < 60 && RECOMMENDED.iter().any(|word| lowercase.contains(word));
        match is_heading {
            true => is_step = true,
            false if is_step => steps.push(line.to_owned()),
            false => threat.push(line.to_owned()),
        }
    }
    (threat, steps)
}

/// The steps of a summary that is a document. Source: GuardDuty API Reference, `InvestigationSummaryData`.
fn documented_steps(document: &Value) -> Vec<String> {
    let list = |of: &Value, key: &str| of[key].as_array().cloned().unwrap_or_default();
    let described = |of: &Value| of["description"].as_str().map(str::to_owned);
    let mut steps = Vec::new();
    for countermeasure in list(document, "countermeasures") {
        let actions: Vec<String> = list(&countermeasure, "actions").iter().filter_map(described).collect();
        match actions.is_empty() {
            true => steps.extend(described(&countermeasure)),
            false => steps.extend(actions),
        }
    }
    steps.extend(list(document, "recommendations").iter().filter_map(described));
    steps
}

#[cfg(test)]
mod tests;
