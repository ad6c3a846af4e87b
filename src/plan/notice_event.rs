//! The events that notices announce, and the epoch that distinguishes an event from the same event at another time.

use std::fmt;

use crate::guardduty::ConfigVersion;
use crate::message::{Notice, NoticeId, NoticeLevel};
use crate::source_key::{SourceKey, SourceOrIdentity};
use crate::state::WatchedKind;
use crate::time::Timestamp;

/// When the state was last saved. A run that cannot save its state and the next run have the same epoch, so that both
/// name an event alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoticeEpoch(pub Timestamp);

impl NoticeEpoch {
    pub(crate) fn notice(self, event: &NoticeEvent, level: NoticeLevel, title: String, lines: Vec<String>) -> Notice {
        Notice { id: NoticeId::new(event, self.0), title, lines, level }
    }
}

/// What a notice announces. `first`: the first of several sources.
#[derive(Clone, Debug)]
pub(crate) enum NoticeEvent<'a> {
    NoState,
    NewSources {
        first: &'a SourceOrIdentity,
    },
    ExcludedRegions {
        first: &'a SourceOrIdentity,
    },
    ClockSkew {
        first: &'a SourceOrIdentity,
    },
    Unreadable(&'a SourceOrIdentity),
    ReadableAgain(&'a SourceOrIdentity),
    DetectorMissing(&'a SourceOrIdentity),
    DetectorReplaced(&'a SourceOrIdentity),
    DetectorDisabled(&'a SourceOrIdentity),
    DetectorEnabled(&'a SourceOrIdentity),
    /// An item hides findings: it is new, or it has changed to `version`.
    Hides {
        item: WatchedItem<'a>,
        version: ConfigVersion,
    },
    HidesNoLonger(WatchedItem<'a>),
    /// An item yields no findings any more, or yields them again.
    Lost(WatchedItem<'a>),
    Restored(WatchedItem<'a>),
    DestinationChanged {
        source: &'a SourceKey,
        bucket: &'a str,
    },
    CoverageUnhealthy(&'a SourceKey),
    CoverageHealthy(&'a SourceKey),
    ScansMissed(&'a SourceKey),
    /// A finding was listed, but never returned by `GetFindings`.
    Unfetched {
        finding: &'a str,
    },
    GivenUp {
        finding: &'a str,
    },
}

/// A part of the configuration of a detector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WatchedItem<'a> {
    pub kind: &'a WatchedKind,
    pub source: &'a SourceKey,
    /// ID or name.
    pub id: &'a str,
}

impl fmt::Display for NoticeEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoState => f.write_str("no-state"),
            Self::NewSources { first } => write!(f, "new-source-{first}"),
            Self::ExcludedRegions { first } => write!(f, "excluded-regions-{first}"),
            Self::ClockSkew { first } => write!(f, "clock-skew-{first}"),
            Self::Unreadable(source) => write!(f, "unreadable-{source}"),
            Self::ReadableAgain(source) => write!(f, "readable-again-{source}"),
            Self::DetectorMissing(source) => write!(f, "detector-missing-{source}"),
            Self::DetectorReplaced(source) => write!(f, "detector-replaced-{source}"),
            Self::DetectorDisabled(source) => write!(f, "detector-disabled-{source}"),
            Self::DetectorEnabled(source) => write!(f, "detector-enabled-{source}"),
            Self::Hides { item: WatchedItem { kind, source, id }, version } => {
                write!(f, "{kind}-{source}-{id}-{version}")
            }
            Self::HidesNoLonger(WatchedItem { kind, source, id }) => write!(f, "{kind}-end-{source}-{id}"),
            Self::Lost(WatchedItem { kind, source, id }) => write!(f, "{kind}-off-{source}-{id}"),
            Self::Restored(WatchedItem { kind, source, id }) => write!(f, "{kind}-on-{source}-{id}"),
            Self::DestinationChanged { source, bucket } => write!(f, "destination-changed-{source}-{bucket}"),
            Self::CoverageUnhealthy(source) => write!(f, "coverage-{source}"),
            Self::CoverageHealthy(source) => write!(f, "coverage-end-{source}"),
            Self::ScansMissed(source) => write!(f, "scans-{source}"),
            Self::Unfetched { finding } => write!(f, "unfetched-{finding}"),
            Self::GivenUp { finding } => write!(f, "given-up-{finding}"),
        }
    }
}
