//! How bad it is, at a glance: colour, sign, headline.

use super::blocks::Colour;
use super::text::Plain;
use super::top;
use crate::finding::{Band, Finding};

/// The bar of what asks for nothing.
pub(super) const QUIET: Colour = Colour("#9AA0A6");

/// The bar: also for those who see no red from green the signs below differ in more than hue.
pub(super) fn colour(band: Band, archived: bool) -> Colour {
    Colour(match (archived, band) {
        (true, _) => "#9AA0A6",
        (_, Band::Critical) => "#8E0B1F",
        (_, Band::High) => "#D93025",
        (_, Band::Medium) => "#F29900",
        (_, Band::Low) => "#1A73E8",
    })
}

pub(super) fn sign(band: Band, archived: bool) -> &'static str {
    match (archived, band) {
        (true, _) => "⚪",
        (_, Band::Critical) => "🚨",
        (_, Band::High) => "🔴",
        (_, Band::Medium) => "🟠",
        (_, Band::Low) => "🔵",
    }
}

/// `🚨 CRITICAL 9.0`; of a closed finding `⚪ Archived · critical 9.0`.
pub(super) fn badge(f: &Finding, closed: Option<&str>) -> Plain {
    Plain::line(&format!("{}{}", marks(f, closed), top::severity(f, closed.is_some())))
}

/// `🚨 Credentials of …`: the severity level is in the line below.
pub(super) fn headline(f: &Finding, closed: Option<&str>) -> Plain {
    Plain::line(&format!("{}{}", marks(f, closed), title(f)))
}

/// `⚪ SAMPLE · Archived · `
fn marks(f: &Finding, closed: Option<&str>) -> String {
    let sample = if f.sample { "SAMPLE · " } else { "" };
    let closed_words = closed.map(|word| format!("{word} · ")).unwrap_or_default();
    format!("{} {sample}{closed_words}", sign(f.band(), closed.is_some()))
}

/// GuardDuty's title without its mark of samples; without a title, the type in words and the resource.
/// Addresses and domains in it are defanged, for it often names the other end; the names of the resource and of threats
/// are not, even if they look like domains.
pub(super) fn title(f: &Finding) -> Plain {
    let given = f.title.as_deref().map(|t| t.trim_start_matches("[SAMPLE]").trim()).filter(|t| !t.is_empty());
    let title = given.map_or_else(|| made(f), str::to_owned);
    Plain::line(&title).defanged_except(&f.names())
}

fn made(f: &Finding) -> String {
    let words = f.kind.in_words();
    match (words.is_empty(), f.subject().is_empty()) {
        (true, true) => format!("finding {}", f.id),
        (true, false) => f.subject().plain(),
        (false, true) => words,
        (false, false) => format!("{words}: {}", f.subject().plain()),
    }
}
