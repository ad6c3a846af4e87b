//! Compares the publishing destinations: the buckets to which GuardDuty exports findings.

use std::collections::BTreeMap;

use crate::guardduty::PublishingDestination;
use crate::message::{Notice, NoticeLevel};
use crate::plan::{NoticeEpoch, NoticeEvent, WatchedItem};
use crate::source_key::SourceKey;
use crate::state::{Exported, WatchBaseline, WatchedKind};

/// Compares the publishing destinations. One that was created again for the same bucket is the same destination.
pub(crate) fn compare_destinations(
    key: &SourceKey,
    watched: &mut WatchBaseline,
    found: &[PublishingDestination],
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    let before = watched.destinations.replace(recorded(found)).unwrap_or_default();
    let mut notices = Vec::new();
    for (id, was) in &before {
        if found.iter().any(|now| now.bucket == was.bucket && now.publishes()) {
            continue;
        }
        let now = found.iter().find(|now| now.id == *id);
        if let Some(now) = now.filter(|now| now.bucket != was.bucket) {
            notices.push(changed(key, was, now, epoch));
        }
        if was.publishes && now.is_none_or(|now| !now.publishes()) {
            notices.push(lost(key, was, now, epoch));
            watched.set_lost(&WatchedKind::Destination, &was.bucket);
        }
    }
    if let Some(active) = found.iter().find(|destination| destination.publishes()) {
        notices.extend(ended(key, watched, active, epoch));
    }
    notices
}

fn recorded(found: &[PublishingDestination]) -> BTreeMap<String, Exported> {
    let record = |destination: &PublishingDestination| {
        let (bucket, publishes) = (destination.bucket.clone(), destination.publishes());
        (destination.id.clone(), Exported { bucket, publishes, ..Exported::default() })
    };
    found.iter().map(record).collect()
}

fn changed(key: &SourceKey, was: &Exported, now: &PublishingDestination, epoch: NoticeEpoch) -> Notice {
    let title = format!("Publishing destination in {key} was changed to “{}” (was “{}”)", now.bucket, was.bucket);
    let lines = vec!["GuardDuty exports findings to another bucket".to_owned()];
    let event = NoticeEvent::DestinationChanged { source: key, bucket: &now.bucket };
    epoch.notice(&event, NoticeLevel::Warning, title, lines)
}

fn lost(key: &SourceKey, was: &Exported, now: Option<&PublishingDestination>, epoch: NoticeEpoch) -> Notice {
    let (end, reason) = match now {
        None => ("was removed", None),
        Some(now) => ("no longer receives findings", now.status.as_ref().map(|status| format!("Status: {status}"))),
    };
    let since = now
        .and_then(|now| now.failing_since)
        .map(|at| format!("GuardDuty has failed to publish since {}", at.to_rfc3339()));
    let meaning = "Findings are no longer exported to this bucket".to_owned();
    let lines = [meaning].into_iter().chain(reason).chain(since).collect();
    let title = format!("Publishing destination “{}” in {key} {end}", was.bucket);
    epoch.notice(&NoticeEvent::Lost(item(key, &was.bucket)), NoticeLevel::Warning, title, lines)
}

fn item<'a>(source: &'a SourceKey, bucket: &'a str) -> WatchedItem<'a> {
    WatchedItem { kind: &WatchedKind::Destination, source, id: bucket }
}

/// A detector has one destination: what was lost ends when any destination receives findings.
fn ended(
    key: &SourceKey,
    watched: &mut WatchBaseline,
    active: &PublishingDestination,
    epoch: NoticeEpoch,
) -> Option<Notice> {
    if !watched.take_all_lost(&WatchedKind::Destination) {
        return None;
    }
    let title = format!("Findings of {key} are exported again, to “{}”", active.bucket);
    let event = NoticeEvent::Restored(item(key, &active.bucket));
    Some(epoch.notice(&event, NoticeLevel::Resolved, title, Vec::new()))
}

#[cfg(test)]
mod tests;
