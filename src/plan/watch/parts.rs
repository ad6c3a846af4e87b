//! Compares the protection plans of a detector and the member accounts of an administrator.

use std::collections::BTreeMap;

use super::lists::{Finding, compare_finding};
use crate::message::Notice;
use crate::plan::source_health::NoticeEpoch;
use crate::source_key::SourceKey;
use crate::state::WatchBaseline;

/// Members that are recorded per source: the state has a limit.
pub(super) const MOST_MEMBERS: usize = 500;

/// Compares the features of a detector. A feature that is not in the response counts as unchanged; an option of a
/// disabled feature is part of that feature.
pub fn compare_features(
    key: &SourceKey,
    watched: &mut WatchBaseline,
    features: &BTreeMap<String, bool>,
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    let is_part = |name: &str| {
        name.split_once('/').is_some_and(|(feature, _)| features.get(feature).is_some_and(|is_enabled| !is_enabled))
    };
    if let Some(recorded) = &mut watched.features {
        recorded.retain(|name, _| !is_part(name));
    }
    let unchanged =
        watched.features.iter().flatten().map(|(name, _)| name).filter(|name| !features.contains_key(*name));
    let enabled = features.iter().filter(|(_, is_enabled)| **is_enabled).map(|(name, _)| name);
    let active = enabled.chain(unchanged).map(|name| (name.clone(), String::new())).collect();
    let meaning = "This part of GuardDuty detects nothing there until it is enabled again";
    let of = Finding { key, id: "feature", what: "protection plan", meaning };
    compare_finding(&of, watched, |w| &mut w.features, active, |_| "was disabled".into(), epoch)
}

/// Compares the member accounts of an administrator. `members`: the status of each, by account.
pub fn compare_members(
    key: &SourceKey,
    watched: &mut WatchBaseline,
    members: &BTreeMap<String, String>,
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    let monitored = members.iter().filter(|(_, status)| status.eq_ignore_ascii_case("enabled"));
    let active = monitored.map(|(account, _)| (account.clone(), String::new())).collect();
    let lost = |account: &str| match members.get(account) {
        Some(status) => format!("is no longer monitored: {}", status.to_lowercase()),
        None => "is no longer monitored: removed".to_owned(),
    };
    let meaning = "Findings of this account no longer reach its administrator";
    let of = Finding { key, id: "member", what: "member account", meaning };
    let notices = compare_finding(&of, watched, |w| &mut w.members, active, lost, epoch);
    if let Some(recorded) = &mut watched.members {
        *recorded = std::mem::take(recorded).into_iter().take(MOST_MEMBERS).collect();
    }
    notices
}
