//! The data of the metrics of one run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::labels::ScanOutcome;
use crate::finding::{FindingCounts, SeverityLevel};
use crate::source_key::SourceOrIdentity;
use crate::time::Timestamp;

/// Data of the metrics of one run, collected at its end.
#[derive(Clone, Debug, Default)]
pub struct RunMetrics {
    pub version: String,
    /// The commit.
    pub revision: String,
    /// All findings are processed, and the state is saved (exit status 0).
    pub success: bool,
    pub duration: Duration,
    /// The end of this run.
    pub last_run: Timestamp,
    /// The end of the last successful run, which may be this one. `None` if it is unknown.
    pub last_success: Option<Timestamp>,
    pub sources: Vec<SourceMetrics>,
    /// `None` without `SLACK_TRIAGE`.
    pub unacknowledged: Option<Unacknowledged>,
    /// Size of the document. `None` if the state could not be read.
    pub state_bytes: Option<usize>,
    /// The counters. `None` after a run that could not save them, because the next run would decrease them.
    pub counters: Option<CumulativeCounters>,
}

/// Findings with a message that nobody acknowledged, by severity level.
#[derive(Clone, Debug, Default)]
pub struct Unacknowledged {
    pub findings: FindingCounts,
    /// Time of the first message of the oldest one.
    pub oldest: BTreeMap<SeverityLevel, Timestamp>,
}

/// One source. A value that is `None` is unknown or not permitted, and is not reported.
#[derive(Clone, Debug, Default)]
pub struct SourceMetrics {
    pub account: String,
    pub region: String,
    /// True if the source could be read.
    pub up: bool,
    pub watermark: Option<Timestamp>,
    /// Findings updated before this time are not listed again.
    pub floor: Option<Timestamp>,
    /// Findings that are listed but not processed.
    pub pending: u64,
    /// Open findings by severity, from `GetFindingsStatistics`.
    pub open: Option<FindingCounts>,
    pub detector_enabled: Option<bool>,
    /// True for each feature of the detector that is enabled.
    pub features: BTreeMap<String, bool>,
    /// Resources with unhealthy runtime coverage, by resource type.
    pub coverage: BTreeMap<String, u64>,
    /// Publishing destinations to which GuardDuty does not export findings.
    pub destinations_failing: Option<u64>,
    /// Malware scans of the last day that did not search their resource, by outcome.
    pub missed_scans: BTreeMap<ScanOutcome, u64>,
}

/// The counters in the state, which accumulate over runs.
#[derive(Clone, Debug, Default)]
pub struct CumulativeCounters {
    /// By severity level and source.
    pub findings: BTreeMap<String, BTreeMap<SourceOrIdentity, u64>>,
    /// By type.
    pub types: BTreeMap<String, u64>,
    /// By channel and outcome.
    pub notifications: BTreeMap<String, BTreeMap<String, u64>>,
    /// By service, operation and code.
    pub requests: BTreeMap<String, BTreeMap<String, BTreeMap<String, u64>>>,
    pub delay: DelayHistogram,
    /// Time from the first message of a finding to its acknowledgment. `None` without `SLACK_TRIAGE`.
    pub acknowledge_delay: Option<DelayHistogram>,
    /// Configured channels. Every outcome is reported for each of them, from 0 on.
    pub channels: Vec<String>,
}

/// A histogram, in seconds.
#[derive(Clone, Debug, Default)]
pub struct DelayHistogram {
    /// Upper bounds in ascending order, without infinity, each with the number of values up to it.
    pub cumulative: Vec<(f64, u64)>,
    pub sum: f64,
    pub count: u64,
}
