//! Reads one source: its detector, its findings and its watched configuration, in parallel.

use std::rc::Rc;

use futures_util::future::{join, join4};
use futures_util::stream::{self, StreamExt};

use crate::finding::{Finding, FindingCounts};
use crate::guardduty::{DetectorInfo, GuardDutyApi, PAGE_SIZE, ReadError, SourceKey};
use crate::poll::watched::{self, Watched};
use crate::poll::{self, BatchRequest, PolledBatch};
use crate::time::{Time, Timestamp};

/// What is read in addition to the findings.
#[derive(Clone, Debug, Default)]
pub struct SourceExtras {
    /// Status of the detector, number of open findings, suppression rules: read once per run.
    pub is_first_read: bool,
    /// `GUARDDUTY_WATCH`: suppression rules and lists, in addition to the status of the detector.
    pub watch: bool,
    /// The detector of the previous run. It is read while the detectors are listed, which saves a round trip.
    pub expected_detector_id: Option<String>,
    pub watched: watched::WatchQuery,
    /// For a source that is new to the state: findings that were open before this time are counted.
    pub open_before: Option<Timestamp>,
    /// IDs of findings whose archiving status is read.
    pub lookups: Vec<String>,
}

/// The result of reading a source.
#[derive(Debug)]
pub struct SourceReport {
    pub key: SourceKey,
    /// The detector, if there is one, or the error because of which the source cannot be read.
    pub detector_id: Result<Option<String>, ReadError>,
    pub batch: PolledBatch,
    pub is_first_read: bool,
    pub detector_info: Option<DetectorInfo>,
    pub open: Option<FindingCounts>,
    pub open_before: Option<FindingCounts>,
    pub watched: Watched,
    pub looked_up: Vec<Rc<Finding>>,
    /// ID of the last finding whose archiving status was requested.
    pub looked_up_to: Option<String>,
    /// Errors of optional requests. The source counts as read.
    pub warnings: Vec<String>,
}

impl SourceReport {
    pub(crate) fn of(key: SourceKey, detector_id: Result<Option<String>, ReadError>, is_first_read: bool) -> Self {
        Self {
            key,
            detector_id,
            batch: PolledBatch::default(),
            is_first_read,
            detector_info: None,
            open: None,
            open_before: None,
            watched: Watched::default(),
            looked_up: Vec::new(),
            looked_up_to: None,
            warnings: Vec::new(),
        }
    }

    /// The error because of which the source was not read, or not completely.
    pub fn error(&self) -> Option<&ReadError> {
        self.detector_id.as_ref().err().or(self.batch.error.as_ref())
    }
}

/// Reads everything that a run needs from a source. `detector`: as read earlier in this run.
pub(crate) async fn read_source<D: GuardDutyApi>(
    source: Rc<D>,
    detector: Option<String>,
    request: BatchRequest,
    extras: SourceExtras,
    time: impl Time,
) -> SourceReport {
    if let Some(detector) = detector {
        return read_detector(&*source, detector, &request, &extras, &time).await;
    }
    let listed = async { source.list_detectors().await.map(|all| all.into_iter().next()) };
    let expected = async {
        let detector = extras.expected_detector_id.clone()?;
        Some(read_detector(&*source, detector, &request, &extras, &time).await)
    };
    match join(listed, expected).await {
        (Ok(Some(detector)), Some(report)) if extras.expected_detector_id.as_ref() == Some(&detector) => report,
        (Ok(Some(detector)), _) => read_detector(&*source, detector, &request, &extras, &time).await,
        (other, _) => SourceReport::of(source.key().clone(), other, extras.is_first_read),
    }
}

/// Reads everything except which detector there is.
async fn read_detector<D: GuardDutyApi>(
    source: &D,
    detector: String,
    request: &BatchRequest,
    extras: &SourceExtras,
    time: &impl Time,
) -> SourceReport {
    let mut report = SourceReport::of(source.key().clone(), Ok(Some(detector.clone())), extras.is_first_read);
    let watch = extras.is_first_read && extras.watch;
    let lookups = read_archiving(source, &detector, &extras.lookups);
    let findings = join(poll::read_batch(source, &detector, request, time), lookups);
    let info = read_if(watch, || source.detector_info(&detector));
    let open = read_if(extras.is_first_read, || source.count_open_findings(&detector, None));
    let open_before =
        read_if(extras.open_before.is_some(), || source.count_open_findings(&detector, extras.open_before));
    let watched = read_if(watch, || Box::pin(watched::read_in_time(source, &detector, &extras.watched, time)));
    let ((batch, looked_up), info, open, (open_before, watched)) =
        join4(findings, info, open, join(open_before, watched)).await;
    report.batch = batch;
    if let Some(found) = report.keep(Some(looked_up)) {
        report.looked_up = found;
        report.looked_up_to = extras.lookups.last().cloned();
    }
    report.detector_info = report.keep(info);
    report.open = report.keep(open);
    report.open_before = report.keep(open_before);
    if let Some(mut watched) = watched {
        report.warnings.append(&mut watched.warnings);
        report.watched = watched;
    }
    report
}

impl SourceReport {
    /// Returns the value that was read, or adds a warning.
    fn keep<T>(&mut self, result: Option<Result<T, ReadError>>) -> Option<T> {
        result?.map_err(|e| self.warnings.push(e.to_string())).ok()
    }
}

async fn read_if<T, F: Future<Output = T>>(condition: bool, request: impl FnOnce() -> F) -> Option<T> {
    if condition { Some(request().await) } else { None }
}

async fn read_archiving<D: GuardDutyApi>(
    source: &D,
    detector: &str,
    ids: &[String],
) -> Result<Vec<Rc<Finding>>, ReadError> {
    let pages = stream::iter(ids.chunks(PAGE_SIZE)).map(|ids| source.get_findings(detector, ids)).buffered(4);
    let pages: Vec<Result<Vec<Finding>, ReadError>> = pages.collect().await;
    Ok(pages.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().map(Rc::new).collect())
}
