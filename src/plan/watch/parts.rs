//! Compares the protection plans of a detector and the member accounts of an administrator.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::{DetectingItems, compare_detecting};
use crate::message::Notice;
use crate::plan::NoticeEpoch;
use crate::source_key::SourceKey;
use crate::state::{SharedSets, WatchBaseline, WatchedKind};

/// Members that are recorded per source: the state has a limit.
pub(super) const MOST_MEMBERS: usize = 500;

/// Compares the features of a detector. A feature that is not in the response counts as unchanged; an option of a
/// disabled feature is part of that feature.
pub(crate) fn compare_features(
    key: &SourceKey,
    watched: &mut WatchBaseline,
    sets: &mut SharedSets,
    features: &BTreeMap<String, bool>,
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    let is_part = |name: &str| {
        name.split_once('/').is_some_and(|(feature, _)| features.get(feature).is_some_and(|is_enabled| !is_enabled))
    };
    let mut before = sets.get(watched.features.as_ref()).cloned().unwrap_or_default();
    before.retain(|name| !is_part(name));
    let unchanged = before.iter().filter(|name| !features.contains_key(*name));
    let enabled = features.iter().filter(|(_, is_enabled)| **is_enabled).map(|(name, _)| name);
    let active: BTreeSet<String> = enabled.chain(unchanged).cloned().collect();
    let meaning = "This part of GuardDuty detects nothing there until it is enabled again";
    let of = DetectingItems { key, kind: &WatchedKind::Feature, what: "protection plan", meaning };
    watched.features = Some(sets.insert(active.clone()));
    compare_detecting(&of, watched, before, &active, |_| "was disabled".into(), epoch)
}

/// Compares the member accounts of an administrator. `members`: the status of each, by account.
pub(crate) fn compare_members(
    key: &SourceKey,
    watched: &mut WatchBaseline,
    sets: &mut SharedSets,
    members: &BTreeMap<String, String>,
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    let monitored = members.iter().filter(|(_, status)| status.eq_ignore_ascii_case("enabled"));
    let active: BTreeSet<String> = monitored.map(|(account, _)| account.clone()).collect();
    let lost = |account: &str| match members.get(account) {
        Some(status) => format!("is no longer monitored: {}", status.to_lowercase()),
        None => "is no longer monitored: removed".to_owned(),
    };
    let meaning = "Findings of this account no longer reach its administrator";
    let of = DetectingItems { key, kind: &WatchedKind::Member, what: "member account", meaning };
    let recorded = active.iter().take(MOST_MEMBERS).cloned().collect();
    let before = sets.get(watched.members.as_ref()).cloned().unwrap_or_default();
    watched.members = Some(sets.insert(recorded));
    compare_detecting(&of, watched, before, &active, lost, epoch)
}
