//! Monitors the health of sources and detectors. The state records announced events, so that each is announced once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::notice_event::{NoticeEpoch, NoticeEvent};
use crate::finding::SeverityLevel;
use crate::guardduty::ReadError;
use crate::message::{Notice, NoticeId, NoticeLevel};
use crate::source_key::{IdentityKey, SourceOrIdentity};
use crate::state::{DetectorStatus, SourceState};
use crate::time::{Timestamp, format_duration};

/// What was read about the detector of a source.
#[derive(Debug)]
pub enum SourceStatus<'a> {
    Unreadable(&'a ReadError),
    NoDetector,
    Detector { id: &'a str, enabled: Option<bool> },
}

/// Returns the health of a source after its first poll in a run, and the notices about changes. `all`:
/// `GUARDDUTY_REGIONS=all`. An excluded region yields no notice here: [`excluded_regions_notice`] names all of them in
/// one.
pub fn update_health(
    key: &SourceOrIdentity,
    source: &SourceState,
    new: bool,
    all: bool,
    reading: &SourceStatus,
    epoch: NoticeEpoch,
    now: Timestamp,
) -> (SourceState, Vec<Notice>) {
    let mut source = source.clone();
    let notices = judge(key, &mut source, new, all, reading, epoch, now);
    (source, notices)
}

fn judge(
    key: &SourceOrIdentity,
    source: &mut SourceState,
    new: bool,
    all: bool,
    reading: &SourceStatus,
    epoch: NoticeEpoch,
    now: Timestamp,
) -> Vec<Notice> {
    let unknown = new || source.detector_status == DetectorStatus::Excluded;
    match reading {
        SourceStatus::NoDetector if all && unknown => exclude(source),
        SourceStatus::Unreadable(error) if all && unknown && error.rules_out_region() => exclude(source),
        SourceStatus::Unreadable(error) => on_unreadable(key, source, error, epoch, now),
        SourceStatus::NoDetector => [on_recovered(key, source, epoch, now), on_detector_missing(key, source, epoch)]
            .into_iter()
            .flatten()
            .collect(),
        SourceStatus::Detector { id, enabled } => {
            let again = on_recovered(key, source, epoch, now);
            again.into_iter().chain(on_detector(key, source, id, *enabled, new, epoch)).collect()
        }
    }
}

fn exclude(source: &mut SourceState) -> Vec<Notice> {
    source.detector_status = DetectorStatus::Excluded;
    Vec::new()
}

/// Access denied is announced immediately, any other error when a second run in succession meets it.
fn on_unreadable(
    key: &SourceOrIdentity,
    source: &mut SourceState,
    error: &ReadError,
    epoch: NoticeEpoch,
    now: Timestamp,
) -> Vec<Notice> {
    let second = source.unreadable_since.is_some();
    let since = *source.unreadable_since.get_or_insert(source.last_read_at.unwrap_or(now));
    if source.outage_announced || !(second || error.is_access_denied()) {
        return Vec::new();
    }
    source.outage_announced = true;
    let lines = vec![
        format!("Since {}", since.to_rfc3339()),
        error.to_string(),
        "Its findings are delayed. They are delivered once the source can be read again".into(),
    ];
    vec![epoch.notice(
        &NoticeEvent::Unreadable(key),
        NoticeLevel::Warning,
        format!("Cannot read {}", display_name(key)),
        lines,
    )]
}

/// Display name of a source, or of all sources of an identity.
fn display_name(key: &SourceOrIdentity) -> String {
    match key {
        SourceOrIdentity::Identity(IdentityKey::Pod) => "GuardDuty with the identity of the pod".into(),
        SourceOrIdentity::Identity(IdentityKey::Account(account)) => format!("GuardDuty in account {account}"),
        SourceOrIdentity::Source(_) | SourceOrIdentity::Unknown(_) => key.to_string(),
    }
}

/// The notice that an identity, which is removed from the state, can be used again, if its outage was announced.
pub fn recovery(key: &SourceOrIdentity, source: &SourceState, epoch: NoticeEpoch, now: Timestamp) -> Option<Notice> {
    on_recovered(key, &mut source.clone(), epoch, now)
}

/// The end of an unreadable period, if its start was announced.
fn on_recovered(
    key: &SourceOrIdentity,
    source: &mut SourceState,
    epoch: NoticeEpoch,
    now: Timestamp,
) -> Option<Notice> {
    let since = source.unreadable_since.take();
    source.last_read_at = Some(now);
    if !std::mem::take(&mut source.outage_announced) {
        return None;
    }
    let title = format!(
        "Could not read {} from {} to {}",
        display_name(key),
        since.unwrap_or(now).to_rfc3339(),
        now.to_rfc3339()
    );
    let lines = vec!["Reading has resumed. The findings of this period follow".into()];
    Some(epoch.notice(&NoticeEvent::ReadableAgain(key), NoticeLevel::Resolved, title, lines))
}

fn on_detector_missing(key: &SourceOrIdentity, source: &mut SourceState, epoch: NoticeEpoch) -> Option<Notice> {
    if source.detector_status == DetectorStatus::Missing {
        return None;
    }
    source.detector_status = DetectorStatus::Missing;
    let title = match source.detector_id {
        Some(_) => format!("Detector missing in {key}"),
        None => format!("No GuardDuty detector in {key}"),
    };
    let lines = vec!["GuardDuty detects nothing there until it is enabled".into()];
    Some(epoch.notice(&NoticeEvent::DetectorMissing(key), NoticeLevel::Warning, title, lines))
}

fn on_detector(
    key: &SourceOrIdentity,
    source: &mut SourceState,
    id: &str,
    enabled: Option<bool>,
    new: bool,
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    let before = source.detector_id.replace(id.to_owned());
    let was = std::mem::take(&mut source.detector_status);
    let mut notices = Vec::new();
    let is_replaced = before.is_some_and(|b| b != id) || (was == DetectorStatus::Missing && !new);
    if is_replaced {
        let lines = vec![format!("New detector {id}; delivery continues from the watermark of the source")];
        notices.push(epoch.notice(
            &NoticeEvent::DetectorReplaced(key),
            NoticeLevel::Info,
            format!("Detector replaced in {key}"),
            lines,
        ));
    }
    match enabled {
        Some(false) => source.detector_status = DetectorStatus::Disabled,
        // Not returned: the last known status remains.
        None if was == DetectorStatus::Disabled => source.detector_status = DetectorStatus::Disabled,
        _ => {}
    }
    if source.detector_status == DetectorStatus::Disabled && was != DetectorStatus::Disabled {
        let lines = vec!["GuardDuty detects nothing there until it is enabled again".into()];
        notices.push(epoch.notice(
            &NoticeEvent::DetectorDisabled(key),
            NoticeLevel::Warning,
            format!("Detector disabled in {key}"),
            lines,
        ));
    }
    if was == DetectorStatus::Disabled && enabled == Some(true) {
        notices.push(epoch.notice(
            &NoticeEvent::DetectorEnabled(key),
            NoticeLevel::Resolved,
            format!("Detector enabled again in {key}"),
            vec![],
        ));
    }
    notices
}

/// Findings that were open before the first run, by severity level, as far as GuardDuty returns them.
pub type OpenCounts = BTreeMap<SeverityLevel, u64>;

/// A run that finds no state.
pub fn no_state_notice(lookback: Duration, open: Option<&OpenCounts>, epoch: NoticeEpoch) -> Notice {
    let title = format!("No saved state: looking back {}", format_lookback(lookback));
    let lines = vec![
        format_open_counts(open),
        "Findings that were already open are not posted. Each of them is posted when it recurs".into(),
    ];
    epoch.notice(&NoticeEvent::NoState, NoticeLevel::Info, title, lines)
}

/// Sources that are new to a state that knows others. `None` if there are none.
pub fn new_sources_notice(
    keys: &[SourceOrIdentity],
    lookback: Duration,
    open: Option<&OpenCounts>,
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
pub fn clock_skew_notice(keys: &[SourceOrIdentity], from: Timestamp, epoch: NoticeEpoch) -> Option<Notice> {
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
pub fn excluded_regions_notice(keys: &[SourceOrIdentity], epoch: NoticeEpoch) -> Option<Notice> {
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

fn format_open_counts(open: Option<&OpenCounts>) -> String {
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

/// Names side by side, in lines that a notice shows whole.
fn wrap_list<'t, T: ToString + 't>(names: impl IntoIterator<Item = &'t T>, separator: &str) -> Vec<String> {
    const WIDTH: usize = 300;
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        let text = name.to_string();
        match lines.last_mut().filter(|line| line.len() + separator.len() + text.len() <= WIDTH) {
            Some(line) => line.extend([separator, &text]),
            None => lines.push(text),
        }
    }
    lines
}

/// More notices than this are combined: the channel stays readable, and no finding waits long behind them.
const MAX_SEPARATE_NOTICES: usize = 20;
/// Maximum number of characters of titles in one combined notice.
const MAX_COMBINED_TITLE_CHARS: usize = 2_000;

/// Combines notices, by their titles, if there are many. Those for which `stay` is true are not combined.
pub fn combine_notices(due: Vec<Notice>, stay: impl Fn(&Notice) -> bool) -> Vec<Notice> {
    let (mut notices, separate): (Vec<Notice>, Vec<Notice>) =
        due.into_iter().partition(|n| n.id.is_combined || stay(n));
    if separate.len() <= MAX_SEPARATE_NOTICES {
        notices.extend(separate);
        return notices;
    }
    for level in [NoticeLevel::Warning, NoticeLevel::Resolved, NoticeLevel::Info] {
        let mut left: Vec<&Notice> = separate.iter().filter(|n| n.level == level).collect();
        while !left.is_empty() {
            let mut capacity = MAX_COMBINED_TITLE_CHARS;
            let fits = |n: &&&Notice| {
                let fits = capacity > 0;
                capacity = capacity.saturating_sub(n.title.len());
                fits
            };
            let count = left.iter().take_while(fits).count();
            let rest = left.split_off(count);
            notices.push(match left.as_slice() {
                [one] => (*one).clone(),
                many => Notice {
                    id: NoticeId { is_combined: true, ..many[0].id.clone() },
                    title: format!("{count} notices combined; see the log for details"),
                    lines: wrap_list(many.iter().map(|n| &n.title), " · "),
                    level,
                },
            });
            left = rest;
        }
    }
    notices
}
