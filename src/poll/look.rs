//! Reads one source: its detector, its findings and its watched configuration, in parallel.

use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::{join, join4};
use futures_util::stream::{self, StreamExt};

use crate::finding::{Finding, SeverityLevel};
use crate::guardduty::{DetectorInfo, GuardDutyApi, ReadError, SourceKey};
use crate::poll::watched::{self, Watched};
use crate::poll::{self, Ask, PAGE, Window};
use crate::time::{Time, Timestamp};

/// What is read in addition to the findings.
#[derive(Clone, Debug, Default)]
pub struct Besides {
    /// Status of the detector, number of open findings, suppression rules: read once per run.
    pub first: bool,
    /// `GUARDDUTY_WATCH`: suppression rules and lists, in addition to the status of the detector.
    pub watch: bool,
    /// The detector of the previous run. It is read while the detectors are listed, which saves a round trip.
    pub expected: Option<String>,
    pub watched: watched::Query,
    /// For a source that is new to the state: findings that were open before this time are counted.
    pub open_before: Option<Timestamp>,
    /// IDs of findings whose archiving status is read.
    pub lookups: Vec<String>,
}

/// The result of reading a source.
#[derive(Debug)]
pub struct Look {
    pub key: SourceKey,
    /// The detector, if there is one, or the error because of which the source cannot be read.
    pub detector: Result<Option<String>, ReadError>,
    pub window: Window,
    pub first: bool,
    pub status: Option<DetectorInfo>,
    pub open: Option<BTreeMap<SeverityLevel, u64>>,
    pub open_before: Option<BTreeMap<SeverityLevel, u64>>,
    pub watched: Watched,
    pub looked_up: Vec<Rc<Finding>>,
    /// ID of the last finding whose archiving status was requested.
    pub looked_up_to: Option<String>,
    /// Errors of optional requests. The source counts as read.
    pub warnings: Vec<String>,
}

impl Look {
    pub(crate) fn of(key: SourceKey, detector: Result<Option<String>, ReadError>, first: bool) -> Self {
        Self {
            key,
            detector,
            window: Window::default(),
            first,
            status: None,
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
        self.detector.as_ref().err().or(self.window.error.as_ref())
    }
}

/// Reads everything that a run needs from a source. `detector`: as read earlier in this run.
pub async fn look<D: GuardDutyApi>(
    source: Rc<D>,
    detector: Option<String>,
    ask: Ask,
    besides: Besides,
    time: impl Time,
) -> Look {
    if let Some(detector) = detector {
        return asked(&*source, detector, &ask, &besides, &time).await;
    }
    let listed = async { source.list_detectors().await.map(|all| all.into_iter().next()) };
    let expected = wanted(besides.expected.is_some(), || {
        asked(&*source, besides.expected.clone().unwrap_or_default(), &ask, &besides, &time)
    });
    match join(listed, expected).await {
        (Ok(Some(detector)), Some(look)) if besides.expected.as_ref() == Some(&detector) => look,
        (Ok(Some(detector)), _) => asked(&*source, detector, &ask, &besides, &time).await,
        (other, _) => Look::of(source.key().clone(), other, besides.first),
    }
}

/// Reads everything except which detector there is.
async fn asked<D: GuardDutyApi>(source: &D, detector: String, ask: &Ask, besides: &Besides, time: &impl Time) -> Look {
    let mut look = Look::of(source.key().clone(), Ok(Some(detector.clone())), besides.first);
    let watch = besides.first && besides.watch;
    let lookups = archived(source, &detector, &besides.lookups);
    let findings = join(poll::window(source, &detector, ask, time), lookups);
    let status = wanted(watch, || source.detector_enabled(&detector));
    let open = wanted(besides.first, || source.count_open_findings(&detector, None));
    let before = wanted(besides.open_before.is_some(), || source.count_open_findings(&detector, besides.open_before));
    let watched = wanted(watch, || Box::pin(watched::read(source, &detector, &besides.watched)));
    let ((window, looked_up), status, open, (before, watched)) =
        join4(findings, status, open, join(before, watched)).await;
    look.window = window;
    if let Some(found) = look.keep(Some(looked_up)) {
        look.looked_up = found;
        look.looked_up_to = besides.lookups.last().cloned();
    }
    look.status = look.keep(status);
    look.open = look.keep(open);
    look.open_before = look.keep(before);
    if let Some(mut watched) = watched {
        look.warnings.append(&mut watched.warnings);
        look.watched = watched;
    }
    look
}

impl Look {
    /// Returns the value that was read, or logs a warning.
    fn keep<T>(&mut self, result: Option<Result<T, ReadError>>) -> Option<T> {
        result?.map_err(|e| self.warnings.push(e.to_string())).ok()
    }
}

async fn wanted<T, F: Future<Output = T>>(wanted: bool, ask: impl FnOnce() -> F) -> Option<T> {
    if wanted { Some(ask().await) } else { None }
}

async fn archived<D: GuardDutyApi>(source: &D, detector: &str, ids: &[String]) -> Result<Vec<Rc<Finding>>, ReadError> {
    let pages = stream::iter(ids.chunks(PAGE)).map(|ids| source.get_findings(detector, ids)).buffered(4);
    let pages: Vec<Result<Vec<Finding>, ReadError>> = pages.collect().await;
    Ok(pages.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().map(Rc::new).collect())
}
