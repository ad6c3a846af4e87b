//! Compares the items of a detector that suppress or cause findings, and announces changes.

use std::collections::BTreeSet;

use super::Row;
use crate::guardduty::WatchedConfig as Content;
use crate::message::{Notice, NoticeLevel};
use crate::plan::source_health::NoticeEpoch;
use crate::source_key::SourceKey;
use crate::state::{Items, WatchBaseline};

/// Lost items that are recorded per source.
pub(super) const MOST_LOST: usize = 500;

pub(super) fn compare_hiding(
    key: &SourceKey,
    row: &Row,
    watched: &mut WatchBaseline,
    ids: &[String],
    read: &[(String, Content)],
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    let before = (row.recorded)(watched).take();
    let mut recorded = before.clone().unwrap_or_default();
    recorded.retain(|id, _| ids.contains(id));
    let mut notices = Vec::new();
    let ended = |name: &str, id: &str| {
        let title = format!("{} “{name}” in {key} is no longer active", capitalized(row.name));
        epoch.notice(&format!("{}-end-{key}-{id}", row.id), NoticeLevel::Resolved, title, Vec::new())
    };
    let removed = before.iter().flatten().map(|(id, _)| id).filter(|id| !ids.contains(id));
    for id in removed {
        if let Some(name) = watched.active.remove(&format!("{}/{id}", row.id)) {
            notices.push(ended(&name, id));
        }
    }
    for (id, content) in read {
        let active_key = format!("{}/{id}", row.id);
        let was_active = match content.active {
            true => watched.active.insert(active_key, content.name.clone()),
            false => watched.active.remove(&active_key),
        };
        let previous = recorded.insert(id.clone(), content.recorded());
        let change = match &previous {
            None => "New",
            Some(previous) if content.differs_from(previous) => "Changed",
            Some(_) => continue,
        };
        if before.is_some() && content.active {
            let title = format!("{change} {} “{}” in {key}", row.name, content.name);
            let id = format!("{}-{key}-{id}-{}", row.id, content.recorded());
            let changed = content.changed.map(|at| format!("Changed at {}", at.to_rfc3339()));
            let lines = [row.meaning.to_owned()].into_iter().chain(changed).collect();
            notices.push(epoch.notice(&id, NoticeLevel::Warning, title, lines));
        } else if let Some(name) = was_active {
            notices.push(ended(&name, id));
        }
    }
    *(row.recorded)(watched) = Some(recorded);
    notices
}

/// Items of one kind that yield findings.
pub(super) struct Finding<'a> {
    pub key: &'a SourceKey,
    pub id: &'a str,
    pub what: &'a str,
    pub meaning: &'a str,
}

/// `active`: names of the items that are active, by ID. `lost`: what became of one that no longer is.
pub(super) fn compare_finding(
    of: &Finding<'_>,
    watched: &mut WatchBaseline,
    recorded: fn(&mut WatchBaseline) -> &mut Option<Items>,
    active: Items,
    lost: impl Fn(&str) -> String,
    epoch: NoticeEpoch,
) -> Vec<Notice> {
    let Finding { key, id: kind, what, meaning } = of;
    let named = |(id, name): (&String, &String)| if name.is_empty() { id.clone() } else { name.clone() };
    let names: BTreeSet<String> = active.iter().map(named).collect();
    let mut notices = Vec::new();
    for name in recorded(watched).iter().flatten().map(named).collect::<BTreeSet<String>>() {
        if names.contains(&name) {
            continue;
        }
        let title = format!("{} “{name}” in {key} {}", capitalized(what), lost(&name));
        let lines = vec![(*meaning).to_owned()];
        notices.push(epoch.notice(&format!("{kind}-off-{key}-{name}"), NoticeLevel::Warning, title, lines));
        if watched.lost.len() < MOST_LOST {
            watched.lost.insert(format!("{kind}/{name}"));
        }
    }
    for name in &names {
        if watched.lost.remove(&format!("{kind}/{name}")) {
            let title = format!("{} “{name}” in {key} is active again", capitalized(what));
            notices.push(epoch.notice(&format!("{kind}-on-{key}-{name}"), NoticeLevel::Resolved, title, Vec::new()));
        }
    }
    *recorded(watched) = Some(active);
    notices
}

pub(super) fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
