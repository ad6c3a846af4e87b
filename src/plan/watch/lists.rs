//! Compares the items of a detector that suppress or cause findings, and announces changes.

use std::collections::BTreeSet;

use super::Row;
use crate::guardduty::WatchedConfig;
use crate::message::{Notice, NoticeLevel};
use crate::plan::{NoticeEpoch, NoticeEvent, WatchedItem};
use crate::source_key::SourceKey;
use crate::state::{Versions, WatchBaseline, WatchedKind};

/// Compares items that hide findings with those that were recorded before, and returns what is recorded now.
pub(super) fn compare_hiding(
    key: &SourceKey,
    row: &Row,
    watched: &mut WatchBaseline,
    before: Option<Versions>,
    ids: &[String],
    read: &[(String, WatchedConfig)],
    epoch: NoticeEpoch,
) -> (Versions, Vec<Notice>) {
    let is_first = before.is_none();
    let mut recorded = before.unwrap_or_default();
    let mut notices = Vec::new();
    let removed: Vec<String> = recorded.keys().filter(|id| !ids.contains(id)).cloned().collect();
    for id in removed {
        recorded.remove(&id);
        notices.extend(watched.set_inactive(&row.kind, &id).map(|name| ended(key, row, &id, &name, epoch)));
    }
    for (id, content) in read {
        let was_active = match content.active {
            true => watched.set_active(&row.kind, id, &content.name),
            false => watched.set_inactive(&row.kind, id),
        };
        let previous = recorded.insert(id.clone(), content.version());
        let change = match &previous {
            None => "New",
            Some(previous) if content.version().differs_from(previous) => "Changed",
            Some(_) => continue,
        };
        if !is_first && content.active {
            notices.push(hides(key, row, id, content, change, epoch));
        } else if let Some(name) = was_active {
            notices.push(ended(key, row, id, &name, epoch));
        }
    }
    (recorded, notices)
}

fn hides(key: &SourceKey, row: &Row, id: &str, content: &WatchedConfig, change: &str, epoch: NoticeEpoch) -> Notice {
    let item = WatchedItem { kind: &row.kind, source: key, id };
    let event = NoticeEvent::Hides { item, version: content.version() };
    let title = format!("{change} {} “{}” in {key}", row.name, content.name);
    let changed = content.changed.map(|at| format!("Changed at {}", at.to_rfc3339()));
    let lines = [row.meaning.to_owned()].into_iter().chain(changed).collect();
    epoch.notice(&event, NoticeLevel::Warning, title, lines)
}

fn ended(key: &SourceKey, row: &Row, id: &str, name: &str, epoch: NoticeEpoch) -> Notice {
    let event = NoticeEvent::HidesNoLonger(WatchedItem { kind: &row.kind, source: key, id });
    let title = format!("{} “{name}” in {key} is no longer active", capitalized(row.name));
    epoch.notice(&event, NoticeLevel::Resolved, title, Vec::new())
}

/// Items of one kind that yield findings.
pub(super) struct DetectingItems<'a> {
    pub key: &'a SourceKey,
    pub kind: &'a WatchedKind,
    pub what: &'a str,
    pub meaning: &'a str,
}

/// Compares the names of the items that were active with those that are. `lost`: what became of one that no longer is.
pub(super) fn compare_detecting(
    of: &DetectingItems<'_>,
    watched: &mut WatchBaseline,
    before: BTreeSet<String>,
    active: &BTreeSet<String>,
    lost: impl Fn(&str) -> String,
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    let DetectingItems { key, kind, what, meaning } = of;
    let item = |id| WatchedItem { kind, source: key, id };
    let mut notices = Vec::new();
    for name in before.difference(active) {
        let title = format!("{} “{name}” in {key} {}", capitalized(what), lost(name));
        let lines = vec![(*meaning).to_owned()];
        notices.push(epoch.notice(&NoticeEvent::Lost(item(name)), NoticeLevel::Warning, title, lines));
        watched.set_lost(kind, name);
    }
    for name in active {
        if watched.take_lost(kind, name) {
            let title = format!("{} “{name}” in {key} is active again", capitalized(what));
            notices.push(epoch.notice(&NoticeEvent::Restored(item(name)), NoticeLevel::Resolved, title, Vec::new()));
        }
    }
    notices
}

pub(super) fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
