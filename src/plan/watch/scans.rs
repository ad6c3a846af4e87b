//! Announces malware scans that failed or were skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::guardduty::{MissedScan, short_hash};
use crate::message::{Notice, NoticeLevel};
use crate::metrics::ScanOutcome;
use crate::plan::{NoticeEpoch, NoticeEvent};
use crate::source_key::SourceKey;
use crate::state::{Scans, SourceState, WatchBaseline};
use crate::time::Timestamp;

/// A scan can take hours: one that started this long before the last comparison may have failed since.
const LOOK_BACK: Duration = Duration::from_hours(24);

/// A kind of scan (resource type, and failed or skipped) is announced this often at most.
const ANNOUNCE_EVERY: Duration = Duration::from_hours(24);

/// The reason of an incremental scan that had nothing to search. Source: GuardDuty User Guide, "Monitoring scan statuses
/// and results in Malware Protection for Backup".
const NOTHING_TO_SCAN: &str = "INCREMENTAL_NO_DIFFERENCE";

/// Which malware scans are read.
#[derive(Clone, Debug, Default)]
pub struct ScanQuery {
    /// The earliest start.
    pub since: Timestamp,
    /// Hashes of the scans whose reasons need not be read. `None`: none are read, because nothing is announced.
    pub known: Option<BTreeSet<String>>,
}

impl ScanQuery {
    pub fn of(source: Option<&SourceState>, now: Timestamp) -> Self {
        let watched = source.and_then(|source| source.watch_baseline.as_ref());
        let compared = watched.and_then(|watched| watched.compared_at).map_or(now, |compared| compared.min(now));
        let known = watched.and_then(|watched| watched.scans.as_ref()).map(|scans| scans.ids.clone());
        Self { since: compared.minus(LOOK_BACK), known }
    }

    /// Returns whether the reason of a scan is to be read.
    pub fn is_new(&self, scan: &MissedScan) -> bool {
        self.known.as_ref().is_some_and(|known| !known.contains(&short_hash(&scan.id)))
    }
}

/// Compares the malware scans that failed or were skipped.
pub(crate) fn compare_scans(
    key: &SourceKey,
    watched: &mut WatchBaseline,
    found: &[MissedScan],
    epoch: NoticeEpoch,
    now: Timestamp,
) -> Vec<Notice> {
    let is_first = watched.scans.is_none();
    let scans = watched.scans.get_or_insert_default();
    let ids: BTreeSet<String> = found.iter().map(|scan| short_hash(&scan.id)).collect();
    let before = std::mem::replace(&mut scans.ids, ids);
    scans.failed = found.iter().filter(|scan| scan.outcome == ScanOutcome::Failed).count() as u64;
    scans.skipped = found.len() as u64 - scans.failed;
    if is_first {
        return Vec::new();
    }
    let is_new = |scan: &&MissedScan| !before.contains(&short_hash(&scan.id));
    let new: Vec<&MissedScan> = found.iter().filter(is_new).filter(|scan| !had_nothing_to_scan(scan)).collect();
    for scan in &new {
        *scans.waiting.entry(kind(scan)).or_default() += 1;
        if let Some(reason) = &scan.reason {
            *scans.reasons.entry(reason.clone()).or_default() += 1;
        }
    }
    scans.announced.retain(|_, at| now.duration_since(*at) < ANNOUNCE_EVERY);
    if scans.waiting.keys().all(|kind| scans.announced.contains_key(kind)) {
        return Vec::new();
    }
    vec![announce(key, scans, new.first().copied(), epoch, now)]
}

fn had_nothing_to_scan(scan: &MissedScan) -> bool {
    scan.outcome == ScanOutcome::Skipped && scan.reason.as_deref() == Some(NOTHING_TO_SCAN)
}

fn kind(scan: &MissedScan) -> String {
    format!("{} {}", scan.resource_type, scan.outcome.name())
}

fn announce(
    key: &SourceKey,
    scans: &mut Scans,
    example: Option<&MissedScan>,
    epoch: NoticeEpoch,
    now: Timestamp,
) -> Notice {
    let waiting: BTreeMap<String, u64> = std::mem::take(&mut scans.waiting);
    let reasons = std::mem::take(&mut scans.reasons);
    scans.announced.extend(waiting.keys().map(|kind| (kind.clone(), now)));
    let counts: Vec<String> = waiting.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let frequent = reasons.iter().max_by_key(|(_, count)| **count);
    let reason = frequent.map(|(reason, count)| format!("Most frequent reason ({count}): {reason}"));
    let example = example.and_then(|scan| scan.resource.as_ref());
    let example = example.map(|resource| format!("For example {resource}"));
    let meaning = "GuardDuty did not search these resources for malware".to_owned();
    let title = format!("Malware scans in {key}: {}", counts.join(", "));
    let lines = [meaning].into_iter().chain(reason).chain(example).collect();
    epoch.notice(&NoticeEvent::ScansMissed(key), NoticeLevel::Warning, title, lines)
}

#[cfg(test)]
mod tests;
