//! Reads the watched configuration of a source, records it, and announces changes.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, join_all, join4, select};

use crate::guardduty::{
    GuardDutyApi, MissedScan, PublishingDestination, ReadError, SourceKey, Subject, Uncovered, WatchedConfig,
};
use crate::message::Notice;
use crate::metrics::ScanOutcome;
use crate::plan::NoticeEpoch;
use crate::plan::watch::{self, ScanQuery, TABLE};
use crate::poll::source::SourceReport;
use crate::state::{SharedSets, SourceState};
use crate::time::{Time, Timestamp};

/// What could be read. What is missing is not compared.
#[derive(Debug, Default)]
pub struct Watched {
    pub items: BTreeMap<Subject, Listed>,
    pub members: Option<BTreeMap<String, String>>,
    pub uncovered: Option<Vec<Uncovered>>,
    pub destinations: Option<Vec<PublishingDestination>>,
    pub scans: Option<Vec<MissedScan>>,
    /// Everything that is due was read, or may not be read.
    pub is_complete: bool,
    /// What could not be read.
    pub warnings: Vec<String>,
}

/// All IDs, and the contents that were read.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    pub ids: Vec<String>,
    pub read: Vec<(String, WatchedConfig)>,
}

/// What is read, and what of it is recorded.
#[derive(Clone, Debug, Default)]
pub struct WatchQuery {
    /// What is compared hourly is due.
    pub all: bool,
    /// IDs of the filters and lists whose contents need not be read again.
    pub known: BTreeMap<Subject, Vec<String>>,
    pub scans: ScanQuery,
}

/// Malware scans whose reasons are read in a run.
const MAX_REASONS: usize = 10;

/// The findings of a source do not wait longer for what is watched.
const MAX_READ_TIME: Duration = Duration::from_secs(30);

/// Reads what is watched, if that takes no longer than [`MAX_READ_TIME`].
pub(crate) async fn read_in_time<D: GuardDutyApi>(
    source: &D,
    detector: &str,
    query: &WatchQuery,
    time: &impl Time,
) -> Watched {
    in_time(read(source, detector, query), time).await
}

async fn in_time(read: impl Future<Output = Watched>, time: &impl Time) -> Watched {
    let limit = time.sleep_until(time.now().plus(MAX_READ_TIME));
    match select(pin!(read), pin!(limit)).await {
        Either::Left((watched, _)) => watched,
        Either::Right(_) => {
            let seconds = MAX_READ_TIME.as_secs();
            let warning = format!("the configuration was not read within {seconds} s; the next run reads it");
            Watched { warnings: vec![warning], ..Watched::default() }
        }
    }
}

/// Reads what is watched.
async fn read<D: GuardDutyApi>(source: &D, detector: &str, query: &WatchQuery) -> Watched {
    let WatchQuery { all, known, scans } = query;
    let hourly: &[Subject] = if *all { &Subject::HOURLY } else { &[] };
    let subjects: Vec<Subject> = Subject::EVERY_RUN.iter().chain(hourly).copied().collect();
    let items = join_all(subjects.iter().map(|subject| list(source, detector, *subject, known.get(subject))));
    let hourly = async {
        if !all {
            return None;
        }
        let (members, uncovered) = (source.members(detector), source.uncovered(detector));
        let (destinations, scans) = (source.destinations(detector), source.missed_scans(scans.since));
        Some(join4(members, uncovered, destinations, scans).await)
    };
    let (items, hourly) = join(items, hourly).await;
    let mut watched = Watched { is_complete: true, ..Watched::default() };
    for (subject, listed) in subjects.into_iter().zip(items) {
        if let Some(listed) = watched.keep(listed) {
            watched.items.insert(subject, listed);
        }
    }
    if let Some((members, uncovered, destinations, missed)) = hourly {
        watched.members = watched.keep(members).flatten();
        watched.uncovered = watched.keep(uncovered);
        watched.destinations = watched.keep(destinations);
        watched.scans = watched.keep(missed);
        watched.read_reasons(source, scans).await;
    }
    watched
}

impl Watched {
    /// Reads why the newest scans failed or were skipped. Without the permission they are announced without a reason.
    async fn read_reasons<D: GuardDutyApi>(&mut self, source: &D, query: &ScanQuery) {
        let mut scans = self.scans.take();
        let content = scans.iter_mut().flatten().filter(|scan| query.is_new(scan));
        for scan in content.take(MAX_REASONS) {
            let Some(reason) = self.keep(source.scan_reason(&scan.id).await) else { break };
            scan.reason = reason;
        }
        self.scans = scans;
    }

    /// Returns what was read, or adds a warning.
    fn keep<T>(&mut self, result: Result<T, ReadError>) -> Option<T> {
        let note = |error: ReadError| {
            self.is_complete &= error.is_lasting();
            self.warnings.push(error.to_string());
        };
        result.map_err(note).ok()
    }
}

async fn list<D: GuardDutyApi>(
    source: &D,
    detector: &str,
    subject: Subject,
    known: Option<&Vec<String>>,
) -> Result<Listed, ReadError> {
    let ids = source.watched_ids(detector, subject).await?;
    let mut read = Vec::new();
    for id in ids.iter().filter(|id| known.is_none_or(|known| !known.contains(id))) {
        read.push((id.clone(), source.watched(detector, subject, id).await?));
    }
    Ok(Listed { ids, read })
}

/// Records what was read of a source, and returns the notices about what changed.
pub(crate) fn compare(
    key: &SourceKey,
    source: &mut SourceState,
    sets: &mut SharedSets,
    report: &SourceReport,
    epoch: NoticeEpoch,
    now: Timestamp,
) -> Vec<Notice> {
    let seen = &report.watched;
    let features = report.detector_info.as_ref().map(|status| &status.features);
    let is_due = watch::compare_due(source, now) && seen.is_complete;
    let hourly = [seen.members.is_some(), seen.uncovered.is_some(), seen.destinations.is_some(), seen.scans.is_some()];
    if seen.items.is_empty() && features.is_none() && !hourly.contains(&true) {
        return Vec::new();
    }
    let watched = source.watch_baseline.get_or_insert_default();
    if is_due {
        watched.compared_at = Some(now);
    }
    let mut notices = Vec::new();
    for row in &TABLE {
        if let Some(listed) = seen.items.get(&row.subject) {
            notices.extend(watch::compare(key, row, watched, &listed.ids, &listed.read, epoch));
        }
    }
    if let Some(features) = features {
        notices.extend(watch::compare_features(key, watched, sets, features, epoch));
    }
    if let Some(members) = &seen.members {
        notices.extend(watch::compare_members(key, watched, sets, members, epoch));
    }
    if let Some(uncovered) = &seen.uncovered {
        notices.extend(watch::compare_coverage(key, watched, uncovered, epoch));
    }
    if let Some(destinations) = &seen.destinations {
        notices.extend(watch::compare_destinations(key, watched, destinations, epoch));
    }
    if let Some(scans) = &seen.scans {
        notices.extend(watch::compare_scans(key, watched, scans, epoch, now));
    }
    notices
}

/// The number of publishing destinations that do not receive findings, as last read.
pub(crate) fn destinations_failing(source: Option<&SourceState>) -> Option<u64> {
    let destinations = source?.watch_baseline.as_ref()?.destinations.as_ref()?;
    Some(destinations.values().filter(|destination| !destination.publishes).count() as u64)
}

/// The number of malware scans that failed or were skipped, as last read.
pub(crate) fn missed_scans(source: Option<&SourceState>) -> BTreeMap<ScanOutcome, u64> {
    let scans = source.and_then(|source| source.watch_baseline.as_ref()?.scans.as_ref());
    scans
        .into_iter()
        .flat_map(|scans| [(ScanOutcome::Failed, scans.failed), (ScanOutcome::Skipped, scans.skipped)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Clock;

    #[tokio::test(start_paused = true)]
    async fn findings_do_not_wait_for_a_configuration_that_takes_too_long() {
        let clock = Clock::from_system_clock();
        for (takes, is_read) in [(29, true), (31, false)] {
            let begun = clock.now();
            let read = async {
                clock.sleep_until(begun.plus(Duration::from_secs(takes))).await;
                Watched { is_complete: true, ..Watched::default() }
            };
            let watched = in_time(read, &clock).await;
            assert_eq!((watched.is_complete, watched.warnings.is_empty()), (is_read, is_read), "{takes} s");
            assert!(clock.now() <= begun.plus(MAX_READ_TIME + Duration::from_millis(1)), "{takes} s");
        }
    }
}
