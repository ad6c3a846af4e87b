//! Compares the configuration that reduces what GuardDuty reports, and creates the notices about its changes.
//!
//! Each function compares the recorded configuration with the observed one. Configuration that could not be read is not
//! compared, so that the loss of a permission causes no notices about changes. The first observation is only recorded.

mod coverage;
mod destinations;
mod lists;
mod parts;
mod scans;

use std::collections::BTreeSet;
use std::time::Duration;

pub(crate) use coverage::compare_coverage;
pub(crate) use destinations::compare_destinations;
pub(crate) use parts::{compare_features, compare_members};
pub(crate) use scans::{ScanQuery, compare_scans};

use super::notice_event::NoticeEpoch;
use crate::guardduty::{Subject, WatchedConfig};
use crate::message::Notice;
use crate::source_key::SourceKey;
use crate::state::{Names, SourceState, Versions, WatchBaseline, WatchedKind};
use crate::time::Timestamp;
use lists::{DetectingItems, compare_detecting, compare_hiding};

/// What costs calls of its own is compared this often: a change is announced within the hour, also by a job that runs
/// every ten minutes.
const COMPARE_EVERY: Duration = Duration::from_mins(50);

/// What the activity of an item means, and where the state records the items.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ItemEffect {
    /// An active item hides findings.
    Hides(fn(&mut WatchBaseline) -> &mut Option<Versions>),
    /// An active item yields findings.
    Finds(fn(&mut WatchBaseline) -> &mut Option<Names>),
}

/// One kind of configuration that is watched.
pub(crate) struct Row {
    /// How it is listed.
    pub subject: Subject,
    /// The operation that lists it, and the first permission that it needs.
    pub operation: &'static str,
    pub kind: WatchedKind,
    pub name: &'static str,
    pub effect: ItemEffect,
    /// What it means that an item hides findings, or that it no longer finds any.
    pub meaning: &'static str,
}

pub(crate) const TABLE: [Row; 5] = [
    Row {
        subject: Subject::Filters,
        operation: "ListFilters",
        kind: WatchedKind::SuppressionRule,
        name: "suppression rule",
        effect: ItemEffect::Hides(|watched| &mut watched.filters),
        meaning: "It archives matching findings automatically: they are not sent to Slack",
    },
    Row {
        subject: Subject::IpSets,
        operation: "ListIPSets",
        kind: WatchedKind::TrustedIpList,
        name: "trusted IP list",
        effect: ItemEffect::Hides(|watched| &mut watched.ip_sets),
        meaning: "It is active: GuardDuty generates no findings for its addresses",
    },
    Row {
        subject: Subject::TrustedEntitySets,
        operation: "ListTrustedEntitySets",
        kind: WatchedKind::TrustedEntityList,
        name: "trusted entity list",
        effect: ItemEffect::Hides(|watched| &mut watched.trusted_entity_sets),
        meaning: "It is active: GuardDuty generates no findings for its addresses and domains",
    },
    Row {
        subject: Subject::ThreatIntelSets,
        operation: "ListThreatIntelSets",
        kind: WatchedKind::ThreatIpList,
        name: "threat IP list",
        effect: ItemEffect::Finds(|watched| &mut watched.threat_intel_sets),
        meaning: "GuardDuty no longer reports connections to its addresses",
    },
    Row {
        subject: Subject::ThreatEntitySets,
        operation: "ListThreatEntitySets",
        kind: WatchedKind::ThreatEntityList,
        name: "threat entity list",
        effect: ItemEffect::Finds(|watched| &mut watched.threat_entity_sets),
        meaning: "GuardDuty no longer reports connections to its addresses and domains",
    },
];

/// Returns whether everything that is watched is due to be compared.
pub(crate) fn compare_due(source: &SourceState, now: Timestamp) -> bool {
    let compared = source.watch_baseline.as_ref().and_then(|baseline| baseline.compared_at);
    compared.is_none_or(|compared| now.duration_since(compared) >= COMPARE_EVERY)
}

/// Compares the items of one row. `ids`: all of them; `read`: the contents that were read, by ID.
pub(crate) fn compare(
    key: &SourceKey,
    row: &Row,
    watched: &mut WatchBaseline,
    ids: &[String],
    read: &[(String, WatchedConfig)],
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    match row.effect {
        ItemEffect::Hides(recorded) => {
            let before = recorded(watched).take();
            let (versions, notices) = compare_hiding(key, row, watched, before, ids, read, epoch);
            *recorded(watched) = Some(versions);
            notices
        }
        ItemEffect::Finds(recorded) => {
            let active = read.iter().filter(|(_, content)| content.active);
            let active: Names = active.map(|(id, content)| (id.clone(), content.name.clone())).collect();
            let names: BTreeSet<String> = active.values().cloned().collect();
            let before = recorded(watched).replace(active).unwrap_or_default().into_values().collect();
            let of = DetectingItems { key, kind: &row.kind, what: row.name, meaning: row.meaning };
            compare_detecting(&of, watched, before, &names, |_| "is no longer active".into(), epoch)
        }
    }
}

#[cfg(test)]
mod tests;
