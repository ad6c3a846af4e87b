//! Monitors the health of sources: whether each can be read, and whether its detector exists and is enabled. The state
//! records announced events, so that each is announced once.

use super::notice_event::{NoticeEpoch, NoticeEvent};
use crate::guardduty::ReadError;
use crate::message::{Notice, NoticeLevel};
use crate::source_key::{IdentityKey, SourceOrIdentity};
use crate::state::{DetectorStatus, SourceState};
use crate::time::Timestamp;

/// The first result of a source in a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation<'a> {
    pub key: &'a SourceOrIdentity,
    pub status: &'a SourceStatus<'a>,
    /// The state does not know the source.
    pub is_new: bool,
    /// `GUARDDUTY_REGIONS=all`: a region that was never polled may be one that is not in use.
    pub has_all_regions: bool,
    pub epoch: NoticeEpoch,
    pub now: Timestamp,
}

/// What was read about the detector of a source.
#[derive(Debug)]
pub(crate) enum SourceStatus<'a> {
    Unreadable(&'a ReadError),
    NoDetector,
    Detector { id: &'a str, enabled: Option<bool> },
}

impl Observation<'_> {
    /// Returns the health of the source, and the notices about changes. An excluded region yields no notice here:
    /// [`excluded_regions_notice`](super::source_notices::excluded_regions_notice) names all of them in one.
    pub(crate) fn update(&self, known: &SourceState) -> (SourceState, Vec<Notice>) {
        let mut source = known.clone();
        if self.is_excluded(known) {
            source.detector_status = DetectorStatus::Excluded;
            return (source, Vec::new());
        }
        let mut notices = Vec::new();
        match self.status {
            SourceStatus::Unreadable(error) => notices.extend(self.on_unreadable(&mut source, error)),
            SourceStatus::NoDetector => {
                notices.extend(on_recovered(self.key, &mut source, self.epoch, self.now));
                notices.extend(self.on_detector_missing(&mut source));
            }
            SourceStatus::Detector { id, enabled } => {
                notices.extend(on_recovered(self.key, &mut source, self.epoch, self.now));
                notices.extend(self.on_detector(&mut source, id));
                notices.extend(self.on_detector_status(&mut source, *enabled));
            }
        }
        (source, notices)
    }

    fn is_excluded(&self, known: &SourceState) -> bool {
        let is_unknown = self.is_new || known.detector_status == DetectorStatus::Excluded;
        let is_ruled_out = match self.status {
            // Without a response, nothing has changed.
            SourceStatus::Unreadable(error) => !self.is_new || error.rules_out_region(),
            SourceStatus::NoDetector => true,
            SourceStatus::Detector { .. } => false,
        };
        self.has_all_regions && is_unknown && is_ruled_out
    }

    /// Access denied is announced immediately, any other error when a second run in succession meets it.
    fn on_unreadable(&self, source: &mut SourceState, error: &ReadError) -> Option<Notice> {
        let is_second = source.unreadable_since.is_some();
        let since = *source.unreadable_since.get_or_insert(source.last_read_at.unwrap_or(self.now));
        if source.outage_announced || !(is_second || error.is_access_denied()) {
            return None;
        }
        source.outage_announced = true;
        let title = format!("Cannot read {}", display_name(self.key));
        let lines = vec![
            format!("Since {}", since.to_rfc3339()),
            error.to_string(),
            "Its findings are delayed. They are delivered once the source can be read again".into(),
        ];
        Some(self.epoch.notice(&NoticeEvent::Unreadable(self.key), NoticeLevel::Warning, title, lines))
    }

    fn on_detector_missing(&self, source: &mut SourceState) -> Option<Notice> {
        if source.detector_status == DetectorStatus::Missing {
            return None;
        }
        source.detector_status = DetectorStatus::Missing;
        let title = match source.detector_id {
            Some(_) => format!("Detector missing in {}", self.key),
            None => format!("No GuardDuty detector in {}", self.key),
        };
        let lines = vec!["GuardDuty detects nothing there until it is enabled".into()];
        Some(self.epoch.notice(&NoticeEvent::DetectorMissing(self.key), NoticeLevel::Warning, title, lines))
    }

    fn on_detector(&self, source: &mut SourceState, id: &str) -> Option<Notice> {
        let is_replaced = source.set_detector(id);
        let was_missing = source.detector_status == DetectorStatus::Missing && !self.is_new;
        if !was_missing && !is_replaced {
            return None;
        }
        let title = format!("Detector replaced in {}", self.key);
        let lines = vec![format!("New detector {id}; delivery continues from the watermark of the source")];
        Some(self.epoch.notice(&NoticeEvent::DetectorReplaced(self.key), NoticeLevel::Info, title, lines))
    }

    /// `enabled`: `None` if GuardDuty did not return it; then the last known status remains.
    fn on_detector_status(&self, source: &mut SourceState, enabled: Option<bool>) -> Option<Notice> {
        let was_disabled = source.detector_status == DetectorStatus::Disabled;
        let is_disabled = enabled.map_or(was_disabled, |enabled| !enabled);
        source.detector_status = if is_disabled { DetectorStatus::Disabled } else { DetectorStatus::Ok };
        match (was_disabled, is_disabled) {
            (false, true) => {
                let title = format!("Detector disabled in {}", self.key);
                let lines = vec!["GuardDuty detects nothing there until it is enabled again".into()];
                Some(self.epoch.notice(&NoticeEvent::DetectorDisabled(self.key), NoticeLevel::Warning, title, lines))
            }
            (true, false) => {
                let title = format!("Detector enabled again in {}", self.key);
                Some(self.epoch.notice(&NoticeEvent::DetectorEnabled(self.key), NoticeLevel::Resolved, title, vec![]))
            }
            (false, false) | (true, true) => None,
        }
    }
}

/// The notice that an identity, which is removed from the state, can be used again, if its outage was announced.
pub(crate) fn recovery(
    key: &SourceOrIdentity,
    source: &SourceState,
    epoch: NoticeEpoch,
    now: Timestamp,
) -> Option<Notice> {
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

/// Display name of a source, or of all sources of an identity.
fn display_name(key: &SourceOrIdentity) -> String {
    match key {
        SourceOrIdentity::Identity(IdentityKey::Pod) => "GuardDuty with the identity of the pod".into(),
        SourceOrIdentity::Identity(IdentityKey::Account(account)) => format!("GuardDuty in account {account}"),
        SourceOrIdentity::Source(_) | SourceOrIdentity::Unknown(_) => key.to_string(),
    }
}

#[cfg(test)]
mod tests;
