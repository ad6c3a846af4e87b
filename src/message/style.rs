//! Colors, emoji and titles of messages.

use super::blocks::Color;
use super::text::SafeText;
use super::top;
use crate::finding::{Finding, SeverityLevel};

/// Color of the bar of a message that needs no action.
pub(super) const NEUTRAL: Color = Color("#9AA0A6");

/// Color of the bar. The signs below differ in more than color, for readers who cannot distinguish red from green.
pub(super) fn color(level: SeverityLevel, archived: bool) -> Color {
    Color(match (archived, level) {
        (true, _) => "#9AA0A6",
        (_, SeverityLevel::Critical) => "#8E0B1F",
        (_, SeverityLevel::High) => "#D93025",
        (_, SeverityLevel::Medium) => "#F29900",
        (_, SeverityLevel::Low) => "#1A73E8",
    })
}

pub(super) fn emoji(level: SeverityLevel, archived: bool) -> &'static str {
    match (archived, level) {
        (true, _) => "⚪",
        (_, SeverityLevel::Critical) => "🚨",
        (_, SeverityLevel::High) => "🔴",
        (_, SeverityLevel::Medium) => "🟠",
        (_, SeverityLevel::Low) => "🔵",
    }
}

/// `🚨 CRITICAL 9.0`; of a closed finding `⚪ Archived · critical 9.0`.
pub(super) fn severity_badge(f: &Finding, closed: Option<&str>) -> SafeText {
    SafeText::single_line(&format!("{}{}", marks(f, closed), top::severity(f, closed.is_some())))
}

/// `🚨 Credentials of …`. The severity level is in the line below.
pub(super) fn title_line(f: &Finding, closed: Option<&str>) -> SafeText {
    SafeText::single_line(&format!("{}{}", marks(f, closed), display_title(f)))
}

/// `⚪ SAMPLE · Archived · `
fn marks(f: &Finding, closed: Option<&str>) -> String {
    let sample = if f.sample { "SAMPLE · " } else { "" };
    let closed_words = closed.map(|word| format!("{word} · ")).unwrap_or_default();
    format!("{} {sample}{closed_words}", emoji(f.severity_level(), closed.is_some()))
}

/// The title of GuardDuty without its prefix for sample findings. If there is no title, the description of the type and
/// the resource. Addresses and domains are defanged, because the title often names the remote host. Names of the resource
/// and of threats are not defanged, even if they look like domains.
pub(super) fn display_title(f: &Finding) -> SafeText {
    let given = f.title.as_deref().map(|t| t.trim_start_matches("[SAMPLE]").trim()).filter(|t| !t.is_empty());
    let title = given.map_or_else(|| default_title(f), str::to_owned);
    SafeText::single_line(&title).defanged_except(&f.names())
}

fn default_title(f: &Finding) -> String {
    let words = f.kind.describe();
    match (words.is_empty(), f.subject().is_empty()) {
        (true, true) => format!("finding {}", f.id),
        (true, false) => f.subject().to_plain(),
        (false, true) => words,
        (false, false) => format!("{words}: {}", f.subject().to_plain()),
    }
}
