//! Compares the configuration that reduces what GuardDuty reports, and creates the notices about its changes.
//!
//! Each function compares the recorded configuration with the observed one. Configuration that could not be read is not
//! compared, so that the loss of a permission causes no notices about changes. The first observation is only recorded.

mod coverage;
mod destinations;
mod lists;
mod parts;
mod scans;

use std::time::Duration;

pub use coverage::compare_coverage;
pub use destinations::compare_destinations;
pub use parts::{compare_features, compare_members};
pub use scans::{ScanQuery, compare_scans};

use super::source_health::NoticeEpoch;
use crate::guardduty::{Subject, WatchedConfig as Content};
use crate::message::Notice;
use crate::source_key::SourceKey;
use crate::state::{Items, SourceState, WatchBaseline};
use crate::time::Timestamp;
use lists::{Finding, compare_finding, compare_hiding};

/// What costs calls of its own is compared this often: a change is announced within the hour, also by a job that runs
/// every ten minutes.
const COMPARE_EVERY: Duration = Duration::from_secs(50 * 60);

/// What the activity of an item means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An active item hides findings.
    Hides,
    /// An active item yields findings.
    Finds,
}

/// One kind of configuration that is watched.
pub struct Row {
    /// How it is listed.
    pub subject: Subject,
    /// The operation that lists it, and the first permission that it needs.
    pub operation: &'static str,
    /// For the ID of a notice.
    pub id: &'static str,
    pub name: &'static str,
    pub effect: Effect,
    /// What it means that an item hides findings, or that it no longer finds any.
    pub meaning: &'static str,
    /// Where the state records its items.
    pub recorded: fn(&mut WatchBaseline) -> &mut Option<Items>,
}

pub const TABLE: [Row; 5] = [
    Row {
        subject: Subject::Filters,
        operation: "ListFilters",
        id: "suppression-rule",
        name: "suppression rule",
        effect: Effect::Hides,
        meaning: "It archives matching findings automatically: they are not sent to Slack",
        recorded: |watched| &mut watched.filters,
    },
    Row {
        subject: Subject::IpSets,
        operation: "ListIPSets",
        id: "trusted-ip-list",
        name: "trusted IP list",
        effect: Effect::Hides,
        meaning: "It is active: GuardDuty generates no findings for its addresses",
        recorded: |watched| &mut watched.ip_sets,
    },
    Row {
        subject: Subject::TrustedEntitySets,
        operation: "ListTrustedEntitySets",
        id: "trusted-entity-list",
        name: "trusted entity list",
        effect: Effect::Hides,
        meaning: "It is active: GuardDuty generates no findings for its addresses and domains",
        recorded: |watched| &mut watched.trusted_entity_sets,
    },
    Row {
        subject: Subject::ThreatIntelSets,
        operation: "ListThreatIntelSets",
        id: "threat-ip-list",
        name: "threat IP list",
        effect: Effect::Finds,
        meaning: "GuardDuty no longer reports connections to its addresses",
        recorded: |watched| &mut watched.threat_intel_sets,
    },
    Row {
        subject: Subject::ThreatEntitySets,
        operation: "ListThreatEntitySets",
        id: "threat-entity-list",
        name: "threat entity list",
        effect: Effect::Finds,
        meaning: "GuardDuty no longer reports connections to its addresses and domains",
        recorded: |watched| &mut watched.threat_entity_sets,
    },
];

/// Returns whether everything that is watched is due to be compared.
pub fn compare_due(source: &SourceState, now: Timestamp) -> bool {
    let compared = source.watch_baseline.as_ref().and_then(|baseline| baseline.compared_at);
    compared.is_none_or(|compared| now.duration_since(compared) >= COMPARE_EVERY)
}

/// Compares the items of one row. `ids`: all of them; `read`: the contents that were read, by ID.
pub fn compare(
    key: &SourceKey,
    row: &Row,
    watched: &mut WatchBaseline,
    ids: &[String],
    read: &[(String, Content)],
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    match row.effect {
        Effect::Hides => compare_hiding(key, row, watched, ids, read, epoch),
        Effect::Finds => {
            let active = read.iter().filter(|(_, content)| content.active);
            let active = active.map(|(id, content)| (id.clone(), content.name.clone())).collect();
            let of = Finding { key, id: row.id, what: row.name, meaning: row.meaning };
            compare_finding(&of, watched, row.recorded, active, |_| "is no longer active".into(), epoch)
        }
    }
}

#[cfg(test)]
mod tests;
