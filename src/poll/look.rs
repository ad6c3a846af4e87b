//! One look at one source: its detector, its findings, and what is watched beside them, asked side by side.

use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::{join, join4};
use futures_util::stream::{self, StreamExt};

use crate::finding::{Finding, SeverityLevel};
use crate::guardduty::{DetectorInfo, GuardDutyApi, ReadError, SourceKey};
use crate::poll::watched::{self, Watched};
use crate::poll::{self, Ask, PAGE, Window};
use crate::time::Timestamp;

/// What is asked besides the findings.
#[derive(Clone, Debug, Default)]
pub struct Besides {
    /// Whether the detector is on, what is open, what archives: asked once a run.
    pub first: bool,
    /// `GUARDDUTY_WATCH`: filters and trusted-IP lists, beside the detector's status.
    pub watch: bool,
    /// The detector of the run before: asked while the detectors are still listed, which saves a round trip.
    pub expected: Option<String>,
    pub watched: watched::Query,
    /// For a source new to the state: how many findings were open before this instant.
    pub open_before: Option<Timestamp>,
    /// Findings whose archiving is looked up.
    pub lookups: Vec<String>,
}

/// What a source answered.
#[derive(Debug)]
pub struct Look {
    pub key: SourceKey,
    /// The detector, if there is one; an error: the source cannot be read.
    pub detector: Result<Option<String>, ReadError>,
    pub window: Window,
    pub first: bool,
    pub status: Option<DetectorInfo>,
    pub open: Option<BTreeMap<SeverityLevel, u64>>,
    pub open_before: Option<BTreeMap<SeverityLevel, u64>>,
    pub watched: Watched,
    pub looked_up: Vec<Rc<Finding>>,
    /// The last finding that was looked up, told or not.
    pub looked_up_to: Option<String>,
    /// What could not be read and is only watched: no failure of the source.
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

    /// Why the source could not be read, or not to its end.
    pub fn error(&self) -> Option<&ReadError> {
        self.detector.as_ref().err().or(self.window.error.as_ref())
    }
}

/// Asks a source everything that a run wants to know of it. `detector`: as told before in this run.
pub async fn look<D: GuardDutyApi>(source: Rc<D>, detector: Option<String>, ask: Ask, besides: Besides) -> Look {
    if let Some(detector) = detector {
        return asked(&*source, detector, &ask, &besides).await;
    }
    let listed = async { source.list_detectors().await.map(|all| all.into_iter().next()) };
    let expected = wanted(besides.expected.is_some(), || {
        asked(&*source, besides.expected.clone().unwrap_or_default(), &ask, &besides)
    });
    match join(listed, expected).await {
        (Ok(Some(detector)), Some(look)) if besides.expected.as_ref() == Some(&detector) => look,
        (Ok(Some(detector)), _) => asked(&*source, detector, &ask, &besides).await,
        (other, _) => Look::of(source.key().clone(), other, besides.first),
    }
}

/// Everything but which detector there is.
async fn asked<D: GuardDutyApi>(source: &D, detector: String, ask: &Ask, besides: &Besides) -> Look {
    let mut look = Look::of(source.key().clone(), Ok(Some(detector.clone())), besides.first);
    let watch = besides.first && besides.watch;
    let lookups = archived(source, &detector, &besides.lookups);
    let findings = join(poll::window(source, &detector, ask), lookups);
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
    /// What was read, or a warning.
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
