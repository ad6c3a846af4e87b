//! The filter of the log.

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{ParseResult, quote_redacted, split_list};

/// Parses `RUST_LOG`: levels, `target=level`, or targets of this program, separated by commas. All others have the level
/// `info`. An invalid filter is an error, because it would hide log lines if it were ignored.
pub(in crate::config) fn parse_log_filter(value: &str) -> ParseResult<Targets> {
    let invalid =
        || format!("invalid log filter {}: expected a level such as info, or target=level,…", quote_redacted(value));
    let directives: Option<Vec<(Option<&str>, LevelFilter)>> = split_list(value).map(log_directive).collect();
    let directives = directives.filter(|all| !all.is_empty()).ok_or_else(invalid)?;
    let mut targets = Targets::new().with_default(LevelFilter::INFO);
    for (target, level) in directives {
        targets = match target {
            Some(target) => targets.with_target(target, level),
            None => targets.with_default(level),
        };
    }
    Ok(targets)
}

/// A single word that is not a level would be a target, and hide all others. Only targets of this program may be alone.
fn log_directive(text: &str) -> Option<(Option<&str>, LevelFilter)> {
    let is_target = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b));
    match text.split_once('=') {
        Some((target, level)) if is_target(target) => Some((Some(target), level.parse().ok()?)),
        Some(_) => None,
        None if text.starts_with("guardduty_slack") && is_target(text) => Some((Some(text), LevelFilter::TRACE)),
        None => Some((None, text.parse().ok()?)),
    }
}
