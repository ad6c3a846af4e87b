//! Defines the state: one small JSON document that a person can read.
//!
//! GuardDuty returns only the newest revision of a finding. A revision is therefore processed if `findings[id].u` is not
//! less than its `updatedAt`, and one map contains both the processed revisions and the references to messages. Unknown
//! fields are kept, so that a rollback neither stops the delivery nor loses data of a newer release.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::Notice;
use crate::slack::{MessageRef, SentMessage};
use crate::source_key::SourceOrIdentity;
use crate::state::formats::{millis, rfc3339, rfc3339_option, single_or_list};
use crate::state::summary::SummaryProgress;
use crate::state::totals::Totals;
use crate::state::triage::{Escalation, Triage, TriageProgress};
use crate::state::watched::WatchBaseline;
use crate::time::Timestamp;

/// The version that this release writes. A document of a higher one is never overwritten.
pub const VERSION: u64 = 1;

/// The document never grows beyond this many bytes: a ConfigMap holds 1 MiB, and etcd keeps a copy of every write.
pub const MAX_STATE_BYTES: usize = 768 * 1024;

pub(super) type UnknownFields = BTreeMap<String, Value>;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    pub version: u64,
    /// When this document was last recorded.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub saved_at: Option<Timestamp>,
    /// Lease and posting intent of the run that is posting; absent after a clean shutdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Time of the last replay. Messages in Slack from before that time do not count.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub replayed_at: Option<Timestamp>,
    /// How many sources ever had an `n`.
    #[serde(default)]
    pub next_source_id: u32,
    #[serde(default)]
    pub sources: BTreeMap<SourceOrIdentity, SourceState>,
    /// By finding id.
    #[serde(default, deserialize_with = "zero_if_none::read_findings")]
    pub findings: BTreeMap<String, FindingRecord>,
    /// Digest plans, saved before the digests are posted, by digest ID.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest_plans: BTreeMap<String, DigestPlan>,
    /// Notices that are due, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// IDs of the channels that received messages, by configured name. The ID of a `#name` is the one that Slack returned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, String>,
    /// Findings that were listed but not returned by `GetFindings`, by ID.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unfetched: BTreeMap<String, UnfetchedFinding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<SummaryProgress>,
    #[serde(default, skip_serializing_if = "TriageProgress::is_empty")]
    pub triage: TriageProgress,
    #[serde(default)]
    pub totals: Totals,
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

/// The lease, and the posting intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub id: String,
    /// Since when Slack may contain messages that this document does not record. A run that takes over keeps it.
    #[serde(with = "rfc3339")]
    pub posting_since: Timestamp,
    /// Last renewal: the lease expires `RUN_LEASE` later.
    #[serde(with = "rfc3339")]
    pub renewed_at: Timestamp,
    /// The run ended in order and holds no lease, yet the outcome of a message is unknown.
    #[serde(default, skip_serializing_if = "is_false")]
    pub released: bool,
}

/// One account in one region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SourceState {
    /// A short name for the findings' `s`; never given twice.
    pub id: u32,
    #[serde(rename = "detector", default, skip_serializing_if = "Option::is_none")]
    pub detector_id: Option<String>,
    /// Everything up to this time, inclusive, is processed. Moves only to the `updatedAt` of a finding.
    #[serde(with = "rfc3339")]
    pub watermark: Timestamp,
    /// Nothing before this time is listed again.
    #[serde(with = "rfc3339")]
    pub floor: Timestamp,
    /// No finding has moved the watermark yet: it is the start of the look-back, by the clock of some machine.
    #[serde(rename = "initial", default, skip_serializing_if = "is_false")]
    pub is_initial_watermark: bool,
    /// Duration of the run that last moved the watermark. The next run lists from that much earlier.
    #[serde(rename = "poll_ms", default, skip_serializing_if = "Duration::is_zero", with = "millis")]
    pub poll_duration: Duration,
    #[serde(default, skip_serializing_if = "DetectorStatus::is_ok")]
    pub detector_status: DetectorStatus,
    /// The first run that could not read this source, until one can.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub unreadable_since: Option<Timestamp>,
    /// When it was last read.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub last_read_at: Option<Timestamp>,
    /// Whether the start of the unreadable period was announced.
    #[serde(default, skip_serializing_if = "is_false")]
    pub outage_announced: bool,
    /// When it was last among the configured ones.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339_option")]
    pub last_configured_at: Option<Timestamp>,
    /// The last finding whose archiving was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_cursor: Option<String>,
    #[serde(rename = "watched", default, skip_serializing_if = "Option::is_none")]
    pub watch_baseline: Option<WatchBaseline>,
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

/// What is known of a source's detector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetectorStatus {
    #[default]
    Ok,
    Disabled,
    /// There is no detector, and that was announced.
    Missing,
    /// `GUARDDUTY_REGIONS=all`: without a detector, or access denied at the first poll; announced once.
    Excluded,
}

impl DetectorStatus {
    fn is_ok(&self) -> bool {
        *self == DetectorStatus::Ok
    }
}

/// What was delivered about a finding, and where its message is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// Newest processed `updatedAt`. `None`: no revision is processed, and delivery fails. The document has 0 then.
    #[serde(rename = "u", with = "zero_if_none")]
    pub updated_at: Option<Timestamp>,
    /// The source that showed it, by its `n`.
    #[serde(rename = "s", default, skip_serializing_if = "is_default")]
    pub source_id: u32,
    /// Its live message. Without one, a recurrence counts as a first sighting.
    #[serde(rename = "msg", default, skip_serializing_if = "Option::is_none")]
    pub message: Option<SentMessage>,
    /// The configured channel of its message, if that channel rejected it.
    #[serde(rename = "intended", default, skip_serializing_if = "Option::is_none")]
    pub intended_channel: Option<String>,
    /// Messages in other channels that must still be replaced by a redirect.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "single_or_list")]
    pub superseded: Vec<MessageRef>,
    /// Severity shown last.
    #[serde(rename = "sev", default, skip_serializing_if = "is_default")]
    pub severity: f64,
    /// Count shown last.
    #[serde(default, skip_serializing_if = "is_default")]
    pub count: u64,
    /// When the message was last posted or updated.
    #[serde(rename = "edited", default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Time of the last notification, in the message or the thread, and the count that it showed.
    #[serde(rename = "notified", default, skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub notified_count: u64,
    /// Remote IPs, countries, ports and APIs seen so far, oldest first. GuardDuty does not keep them.
    #[serde(rename = "attrs", default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// Number of `attributes` at the time of the last notification.
    #[serde(rename = "notified_attrs", default, skip_serializing_if = "is_default")]
    pub notified_attributes: usize,
    #[serde(default, skip_serializing_if = "is_false")]
    pub archived: bool,
    /// Same for one account-wide finding in every region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_key: Option<String>,
    /// ID of the attack sequence of which it is a signal.
    #[serde(rename = "seq", default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// The fingerprint of the links to other messages that its message shows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub links: String,
    /// Time of its first message, where `at` is a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// Status of the escalation.
    #[serde(rename = "esc", default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// Investigations whose results its thread has, by hashes of their IDs.
    #[serde(rename = "inv", default, skip_serializing_if = "Vec::is_empty")]
    pub investigations: Vec<String>,
    /// The reactions on its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triage: Option<Box<Triage>>,
    /// Since when its newest state cannot be delivered.
    #[serde(rename = "failing", default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

/// A digest that may have been posted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DigestPlan {
    /// As configured.
    pub channel: String,
    /// Findings of the digest: ID, `updatedAt`, source ID.
    pub findings: Vec<(String, Timestamp, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfetchedFinding {
    #[serde(rename = "s")]
    pub source_id: u32,
    #[serde(with = "rfc3339")]
    pub since: Timestamp,
    /// Given up: it no longer blocks the watermark.
    #[serde(default, skip_serializing_if = "is_false")]
    pub given_up: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            saved_at: None,
            lease: None,
            replayed_at: None,
            next_source_id: 0,
            sources: BTreeMap::new(),
            findings: BTreeMap::new(),
            digest_plans: BTreeMap::new(),
            notices: Vec::new(),
            channels: BTreeMap::new(),
            unfetched: BTreeMap::new(),
            summary: None,
            triage: TriageProgress::default(),
            totals: Totals::default(),
            unknown: BTreeMap::new(),
        }
    }
}

/// A document that must be neither used nor overwritten.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("state is corrupt ({0}): restore a backup, or delete it to start over from GUARDDUTY_LOOKBACK")]
    Corrupt(String),
    #[error(
        "state has version {found}, but this release supports version {VERSION}: use the newer release again, or delete the state to start over from GUARDDUTY_LOOKBACK"
    )]
    TooNew { found: u64 },
}

#[derive(Deserialize)]
struct Header {
    version: Option<Value>,
}

impl State {
    pub fn parse(text: &str) -> Result<Self, StateError> {
        let corrupt = |error: serde_json::Error| StateError::Corrupt(error.to_string());
        if !text.trim_start().starts_with('{') {
            return Err(StateError::Corrupt("it is not a JSON object".into()));
        }
        // The version first: a newer document may not fit.
        let Header { version } = serde_json::from_str(text).map_err(corrupt)?;
        match version.and_then(|version| version.as_u64()) {
            Some(found) if found > VERSION => Err(StateError::TooNew { found }),
            Some(VERSION) => serde_json::from_str(text).map_err(corrupt),
            _ => Err(StateError::Corrupt("it has no supported version".into())),
        }
    }

    /// Compact JSON, one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a state holds only strings, finite numbers and maps with string keys")
    }
}

fn is_false(b: &bool) -> bool {
    !*b
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The newest processed revision of a finding. A document has 0 for a finding of which no revision is processed, and for
/// one without a readable time that is processed. Only the former is failing.
mod zero_if_none {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::FindingRecord;
    use crate::time::Timestamp;

    pub fn serialize<S: Serializer>(value: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        value.unwrap_or_default().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        Timestamp::deserialize(from).map(Some)
    }

    pub fn read_findings<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, FindingRecord>, D::Error> {
        let mut findings: BTreeMap<String, FindingRecord> = BTreeMap::deserialize(from)?;
        for record in findings.values_mut().filter(|record| record.failing_since.is_some()) {
            record.updated_at = record.updated_at.filter(|time| *time != Timestamp::default());
        }
        Ok(findings)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_severity_is_read_as_it_was_written(sev in prop_oneof![Just(5.55e80), 0.0..10.0, proptest::num::f64::NORMAL]) {
            let state = State { findings: [("f".to_owned(), FindingRecord { severity: sev, ..FindingRecord::default() })].into(), ..State::default() };
            prop_assert_eq!(State::parse(&state.to_json()).map(|s| s.findings["f"].severity).ok(), Some(sev));
        }
    }

    #[test]
    fn a_failing_finding_without_a_time_is_not_processed_after_a_restart() {
        let mut state = State::default();
        state.mark_failing("no-time", 0, Timestamp(5));
        state.mark_processed_by_id("no-time-processed", Timestamp(0), 0);
        assert_eq!(state.findings["no-time"].updated_at, None);
        let read = State::parse(&state.to_json()).unwrap();
        assert_eq!(read.findings, state.findings);
        assert!(!read.is_processed("no-time", Timestamp(0)));
        assert!(read.is_processed("no-time-processed", Timestamp(0)));
    }

    #[test]
    fn messages_of_bots_and_webhooks_are_written_as_they_were_read() {
        let records = [
            r#"{"u":1,"msg":{"c":"C1","t":"1.5"},"superseded":{"c":"C2","t":"1.1","h":"1.0"}}"#,
            r#"{"u":1,"msg":{"c":"SLACK_WEBHOOK_URL"}}"#,
        ];
        let records = records.map(|text| (text, serde_json::from_str::<FindingRecord>(text).unwrap()));
        for (text, record) in &records {
            assert_eq!(serde_json::to_string(record).unwrap(), *text);
        }
        assert!(records[0].1.bot_message().is_some() && records[1].1.bot_message().is_none());
    }

    #[test]
    fn sources_and_identities_are_written_as_they_were_read() {
        let keys = ["111122223333/*", "111122223333/eu-west-1", "a key of a newer release", "self/*"];
        let state = State { sources: keys.map(|key| (key.into(), SourceState::default())).into(), ..State::default() };
        let read = State::parse(&state.to_json()).unwrap();
        assert_eq!(read.to_json(), state.to_json());
        assert_eq!(read.sources.keys().map(SourceOrIdentity::to_string).collect::<Vec<_>>(), keys);
        assert_eq!(read.sources.keys().filter_map(SourceOrIdentity::as_source).count(), 1);
        assert_eq!(read.sources.keys().filter(|key| key.is_identity()).count(), 2);
    }
}
