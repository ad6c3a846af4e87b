//! The client of GuardDuty: detectors, findings, and the configuration that can stop findings.
//!
//! [`GuardDutyApi`] is the interface. Polling is generic over it; [`SourceClient`] calls AWS.

mod answer;
mod aws;
mod classify;
mod configuration;
mod counting;
mod credentials;
mod error;
mod fetch;
mod identity;
mod investigations;
mod pages;
mod parallel;
mod scans;
mod source;
mod statistics;
mod transient;
mod watch;
#[cfg(test)]
mod wire;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::source_key::SourceKey;
pub use aws::{Aws, IdentitySources, MissingRegion};
pub use error::{ReadError, TransientReason};
pub use identity::CallerIdentity;
pub use source::SourceClient;
pub(crate) use watch::fingerprint;
pub use watch::short_hash;

use crate::finding::{Assessment, Finding, FindingCounts};
use crate::metrics::ScanOutcome;
use crate::time::Timestamp;

/// Maximum number of IDs per page of `ListFindings`, and per call of `GetFindings`.
/// See GuardDuty API Reference, `ListFindings` (`maxResults`) and `GetFindings` (`findingIds`).
pub const PAGE_SIZE: usize = 50;
/// `MaxResults` of a list: a page.
const MAX_RESULTS: i32 = 50;

/// One page of `ListFindings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// At most [`PAGE_SIZE`], by `updatedAt` ascending.
    pub ids: Vec<String>,
    /// The token of the next page. GuardDuty may repeat one, which ends the listing (elastic/integrations#8601).
    pub next_token: Option<String>,
}

/// A kind of configuration that has IDs and contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Filters,
    IpSets,
    TrustedEntitySets,
    ThreatIntelSets,
    ThreatEntitySets,
}

impl Subject {
    /// Kinds that every run lists, because a new item hides findings immediately. The others are listed hourly.
    pub const EVERY_RUN: [Subject; 2] = [Subject::Filters, Subject::IpSets];
    pub const HOURLY: [Subject; 3] = [Subject::TrustedEntitySets, Subject::ThreatIntelSets, Subject::ThreatEntitySets];
}

/// A filter or list of a detector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedConfig {
    pub name: String,
    /// True for a filter that archives the findings that it matches, and for an active list.
    pub active: bool,
    /// 16 hex digits that change when the effect may have changed. They are stable across releases, because the state
    /// records them.
    pub fingerprint: String,
    /// Time of the last change, if GuardDuty returns it.
    pub changed: Option<Timestamp>,
}

/// The version of a filter or list, as the state records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVersion {
    pub fingerprint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
}

impl WatchedConfig {
    pub fn version(&self) -> ConfigVersion {
        ConfigVersion { fingerprint: self.fingerprint.clone(), changed: self.changed }
    }
}

impl ConfigVersion {
    /// Times are compared only if GuardDuty returned both.
    pub fn differs_from(&self, other: &Self) -> bool {
        let is_other_time = matches!((self.changed, other.changed), (Some(time), Some(other)) if time != other);
        self.fingerprint != other.fingerprint || is_other_time
    }
}

/// In the ID of a notice.
impl fmt::Display for ConfigVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint)?;
        self.changed.map_or(Ok(()), |changed| write!(f, "@{}", changed.0))
    }
}

/// A resource whose runtime coverage is unhealthy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uncovered {
    /// `EKS`, `ECS` or `EC2`.
    pub resource_type: String,
    pub id: Option<String>,
    pub reason: Option<String>,
}

/// A destination to which GuardDuty exports findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishingDestination {
    pub id: String,
    /// ARN of the bucket, with the folder. The ID of the destination, if GuardDuty returns no ARN.
    pub bucket: String,
    /// `PUBLISHING`, or another status.
    pub status: Option<String>,
    /// Time at which GuardDuty first failed to publish to it.
    pub failing_since: Option<Timestamp>,
}

impl PublishingDestination {
    /// A destination with a pending verification was just created or changed. See GuardDuty API Reference, `PublishingDestination`.
    pub fn publishes(&self) -> bool {
        matches!(self.status.as_deref(), Some("PUBLISHING" | "PENDING_VERIFICATION"))
    }
}

/// A malware scan that did not search its resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedScan {
    pub id: String,
    /// ARN, if GuardDuty returns it.
    pub resource: Option<String>,
    /// `EC2_INSTANCE`, `EBS_SNAPSHOT`, …
    pub resource_type: String,
    pub outcome: ScanOutcome,
    /// The reason, if it was read.
    pub reason: Option<String>,
}

/// An investigation that ended with a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Investigation {
    pub id: String,
    /// The request in natural language.
    pub prompt: String,
    pub ended: Timestamp,
}

/// The status of a detector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DetectorInfo {
    pub enabled: bool,
    /// True for each feature (protection plan) that is enabled. An option of a feature is `FEATURE/OPTION`.
    pub features: BTreeMap<String, bool>,
}

impl DetectorInfo {
    /// Returns true if the account can start investigations. See GuardDuty API Reference, `CreateInvestigation`.
    pub fn can_investigate(&self) -> bool {
        self.features.get("AI_ANALYST").is_some_and(|is_enabled| *is_enabled)
    }
}

/// The direction of a change of `service.archived`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveChange {
    Archive,
    Unarchive,
}

/// The calls of a run to one source. Every call retries transient errors itself. A returned error is final for this run.
#[allow(async_fn_in_trait)] // one thread, no dyn: no bound is missed
pub trait GuardDutyApi {
    fn key(&self) -> &SourceKey;

    /// The IDs of the detectors of the region: one, or none if GuardDuty is not enabled.
    async fn list_detectors(&self) -> Result<Vec<String>, ReadError>;

    /// One page of findings that are not archived, `from..=to`, by `updatedAt` ascending.
    async fn list_findings(
        &self,
        detector: &str,
        from: Timestamp,
        to: Option<Timestamp>,
        token: Option<&str>,
    ) -> Result<ListPage, ReadError>;

    /// At most [`PAGE_SIZE`] findings by ID, in any order. Some may be missing.
    async fn get_findings(&self, detector: &str, ids: &[String]) -> Result<Vec<Finding>, ReadError>;

    /// Findings by ID, each as the JSON document that GuardDuty returns; some may be missing.
    async fn documents(&self, detector: &str, ids: &[String]) -> Result<BTreeMap<String, String>, ReadError>;

    /// Archives at most [`PAGE_SIZE`] findings, or unarchives them.
    async fn archive(&self, detector: &str, ids: &[String], change: ArchiveChange) -> Result<(), ReadError>;

    async fn detector_info(&self, detector: &str) -> Result<DetectorInfo, ReadError>;

    /// Number of findings that are not archived, by severity level; last updated before `before`, if that is given.
    async fn count_open_findings(&self, detector: &str, before: Option<Timestamp>) -> Result<FindingCounts, ReadError>;

    /// Number of findings that are not archived and were created before a time.
    async fn open_created_before(&self, detector: &str, before: Timestamp) -> Result<u64, ReadError>;

    /// The IDs of all items of a kind.
    async fn watched_ids(&self, detector: &str, subject: Subject) -> Result<Vec<String>, ReadError>;

    async fn watched(&self, detector: &str, subject: Subject, id: &str) -> Result<WatchedConfig, ReadError>;

    /// The status of each member account; `None` if this account is not an administrator.
    async fn members(&self, detector: &str) -> Result<Option<BTreeMap<String, String>>, ReadError>;

    /// The resources whose runtime coverage is unhealthy.
    async fn uncovered(&self, detector: &str) -> Result<Vec<Uncovered>, ReadError>;

    /// The destinations to which findings are exported.
    async fn destinations(&self, detector: &str) -> Result<Vec<PublishingDestination>, ReadError>;

    /// The malware scans that started at `since` or later and failed or were skipped: at most [`PAGE_SIZE`] of each, the
    /// newest, without their reasons.
    async fn missed_scans(&self, since: Timestamp) -> Result<Vec<MissedScan>, ReadError>;

    /// The newest investigations that are completed, at most [`PAGE_SIZE`].
    async fn investigations(&self, detector: &str) -> Result<Vec<Investigation>, ReadError>;

    /// The result of an investigation.
    async fn assessment(&self, detector: &str, investigation: &str) -> Result<Assessment, ReadError>;

    /// The reason why a malware scan failed or was skipped.
    async fn scan_reason(&self, scan: &str) -> Result<Option<String>, ReadError>;
}
