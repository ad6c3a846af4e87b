//! Compares the resources whose runtime coverage is unhealthy.

use std::collections::BTreeMap;

use crate::guardduty::{Uncovered, short_hash};
use crate::message::{Notice, NoticeLevel};
use crate::plan::{NoticeEpoch, NoticeEvent};
use crate::source_key::SourceKey;
use crate::state::{Unhealthy, WatchBaseline};

/// Unhealthy resources of a type that are recorded one by one. Above that only their number is compared.
const MOST_RESOURCES: usize = 100;

/// Compares the resources whose runtime coverage is unhealthy.
pub(crate) fn compare_coverage(
    key: &SourceKey,
    watched: &mut WatchBaseline,
    found: &[Uncovered],
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    let mut unhealthy: BTreeMap<String, Unhealthy> = BTreeMap::new();
    for resource in found {
        let of_type = unhealthy.entry(resource.resource_type.clone()).or_default();
        of_type.count += 1;
        of_type.ids.extend(resource.id.as_deref().map(short_hash));
    }
    for of_type in unhealthy.values_mut().filter(|of_type| of_type.ids.len() > MOST_RESOURCES) {
        of_type.ids.clear();
    }
    // A type that was unhealthy once is kept: its metric is 0.
    for resource_type in watched.coverage.iter().flat_map(BTreeMap::keys) {
        unhealthy.entry(resource_type.clone()).or_default();
    }
    let before = watched.coverage.replace(unhealthy.clone());
    let Some(before) = before else { return Vec::new() };
    let grew = unhealthy.iter().any(|(resource_type, now)| has_grown(before.get(resource_type), now));
    if grew {
        return vec![uncovered(key, &unhealthy, found, epoch)];
    }
    let recovered = |(resource_type, now): (&String, &Unhealthy)| {
        let was = before.get(resource_type).map_or(0, |before| before.count);
        (was > 0 && now.count == 0).then(|| resource_type.clone())
    };
    let recovered: Vec<String> = unhealthy.iter().filter_map(recovered).collect();
    if recovered.is_empty() {
        return Vec::new();
    }
    let title = format!("Runtime coverage in {key} is healthy again: {}", recovered.join(", "));
    vec![epoch.notice(&NoticeEvent::CoverageHealthy(key), NoticeLevel::Resolved, title, Vec::new())]
}

fn has_grown(before: Option<&Unhealthy>, now: &Unhealthy) -> bool {
    let nothing = Unhealthy::default();
    let before = before.unwrap_or(&nothing);
    let is_complete = |of_type: &Unhealthy| of_type.ids.len() as u64 == of_type.count;
    now.count > before.count || (is_complete(before) && is_complete(now) && !now.ids.is_subset(&before.ids))
}

fn uncovered(
    key: &SourceKey,
    unhealthy: &BTreeMap<String, Unhealthy>,
    found: &[Uncovered],
    epoch: NoticeEpoch,
) -> Notice {
    let counts = unhealthy.iter().filter(|(_, of_type)| of_type.count > 0);
    let counts: Vec<String> = counts.map(|(name, of_type)| format!("{} {name}", of_type.count)).collect();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in found.iter().filter_map(|resource| resource.reason.as_deref()) {
        *reasons.entry(reason).or_default() += 1;
    }
    let frequent = reasons.iter().max_by_key(|(_, count)| **count);
    let reason = frequent.map(|(reason, count)| format!("Most frequent reason ({count}): {reason}"));
    let meaning = "GuardDuty sees nothing of what runs on these resources".to_owned();
    let title = format!("Unhealthy runtime coverage in {key}: {}", counts.join(", "));
    let lines = [meaning].into_iter().chain(reason).collect();
    epoch.notice(&NoticeEvent::CoverageUnhealthy(key), NoticeLevel::Warning, title, lines)
}
