//! Notices about several sources at once: new ones, excluded ones, and those that a wrong clock moved.

use std::time::Duration;

use super::condense::wrap_list;
use super::notice_event::{NoticeEpoch, NoticeEvent};
use crate::finding::{FindingCounts, SeverityLevel};
use crate::message::{Notice, NoticeLevel};
use crate::source_key::SourceOrIdentity;
use crate::time::{Timestamp, format_duration};

/// A run that finds no state.
pub(crate) fn no_state_notice(lookback: Duration, open: Option<&FindingCounts>, epoch: NoticeEpoch) -> Notice {
    let title = format!("No saved state: looking back {}", format_lookback(lookback));
    let lines = vec![
        format_open_counts(open),
        "Findings that were already open are not posted. Each of them is posted when it recurs".into(),
    ];
    epoch.notice(&NoticeEvent::NoState, NoticeLevel::Info, title, lines)
}

/// Sources that are new to a state that knows others. `None` if there are none.
pub(crate) fn new_sources_notice(
    keys: &[SourceOrIdentity],
    lookback: Duration,
    open: Option<&FindingCounts>,
    epoch: NoticeEpoch,
) -> Option<Notice> {
    let first = keys.first()?;
    let title = match keys {
        [one] => format!("New source {one}: looking back {}", format_lookback(lookback)),
        many => format!("{} new sources: looking back {}", many.len(), format_lookback(lookback)),
    };
    let mut lines = if keys.len() > 1 { wrap_list(keys, ", ") } else { Vec::new() };
    lines.insert(0, format_open_counts(open));
    Some(epoch.notice(&NoticeEvent::NewSources { first }, NoticeLevel::Info, title, lines))
}

/// The clock of an earlier run was ahead: the start of these sources is in the future. `None` if there are none.
pub(crate) fn clock_skew_notice(keys: &[SourceOrIdentity], from: Timestamp, epoch: NoticeEpoch) -> Option<Notice> {
    let first = keys.first()?;
    let title = match keys {
        [one] => format!("Clock skew: {one} is read again from {}", from.to_rfc3339()),
        many => format!("Clock skew: {} sources are read again from {}", many.len(), from.to_rfc3339()),
    };
    let mut lines = vec![
        "The clock of an earlier run was ahead, or the clock of this run is behind. Synchronize the clocks of the nodes"
            .into(),
        "Findings updated before that time may not have been announced. A replay announces them".into(),
    ];
    lines.extend(if keys.len() > 1 { wrap_list(keys, ", ") } else { Vec::new() });
    Some(epoch.notice(&NoticeEvent::ClockSkew { first }, NoticeLevel::Warning, title, lines))
}

/// Regions that `GUARDDUTY_REGIONS=all` excludes: without a detector, or access denied at the first poll. `None` if there
/// are none.
pub(crate) fn excluded_regions_notice(keys: &[SourceOrIdentity], epoch: NoticeEpoch) -> Option<Notice> {
    let first = keys.first()?;
    let mut lines = vec!["No GuardDuty detector, or access denied. Every run checks these regions again".into()];
    lines.extend(wrap_list(keys, ", "));
    Some(epoch.notice(&NoticeEvent::ExcludedRegions { first }, NoticeLevel::Info, "Regions excluded".into(), lines))
}

fn format_lookback(lookback: Duration) -> String {
    match lookback.as_secs() {
        s if s % 60 == 0 && s < 3600 => format!("{} min", s / 60),
        _ => format_duration(lookback),
    }
}

fn format_open_counts(open: Option<&FindingCounts>) -> String {
    let Some(open) = open else {
        return "Already open: unknown (guardduty:GetFindingsStatistics is not available)".into();
    };
    let count = |level| open.get(&level).copied().unwrap_or(0);
    let others = count(SeverityLevel::Medium) + count(SeverityLevel::Low);
    format!(
        "Already open: {} critical, {} high, {others} others",
        count(SeverityLevel::Critical),
        count(SeverityLevel::High)
    )
}
