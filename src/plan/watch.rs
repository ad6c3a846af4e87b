//! What makes GuardDuty report less: one table of what is watched, and the notices about its changes.
//!
//! Each function compares what was recorded with what was observed. What could not be read is not compared, so that a
//! permission that is lost and regained announces nothing by itself. The first observation is only recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::silence::Stamp;
use crate::guardduty::{Subject, Uncovered, Watched as Content, short_hash};
use crate::message::{Level, Notice};
use crate::state::{Items, Source, Unhealthy, Watched};
use crate::time::Millis;

/// What costs calls of its own is compared this often: a change is announced within the hour, also by a job that runs
/// every ten minutes.
const COMPARE_EVERY: Duration = Duration::from_secs(50 * 60);

/// Members that are recorded per source: the state has a limit.
const MOST_MEMBERS: usize = 500;

/// Unhealthy resources of a type that are recorded one by one. Above that only their number is compared.
const MOST_RESOURCES: usize = 100;

/// Lost items that are recorded per source.
const MOST_LOST: usize = 500;

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
    pub recorded: fn(&mut Watched) -> &mut Option<Items>,
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
pub fn compare_due(source: &Source, now: Millis) -> bool {
    source.watched.as_ref().is_none_or(|w| now.since(w.compared) >= COMPARE_EVERY)
}

/// Compares the items of one row. `ids`: all of them; `read`: the contents that were read, by ID.
pub fn compare(
    key: &str,
    row: &Row,
    watched: &mut Watched,
    ids: &[String],
    read: &[(String, Content)],
    stamp: Stamp,
) -> Vec<Notice> {
    match row.effect {
        Effect::Hides => compare_hiding(key, row, watched, ids, read, stamp),
        Effect::Finds => {
            let active = read.iter().filter(|(_, content)| content.active);
            let active = active.map(|(id, content)| (id.clone(), content.name.clone())).collect();
            let of = Finding { key, id: row.id, what: row.name, meaning: row.meaning };
            compare_finding(&of, watched, row.recorded, active, |_| "is no longer active".into(), stamp)
        }
    }
}

fn compare_hiding(
    key: &str,
    row: &Row,
    watched: &mut Watched,
    ids: &[String],
    read: &[(String, Content)],
    stamp: Stamp,
) -> Vec<Notice> {
    let before = (row.recorded)(watched).take();
    let mut recorded = before.clone().unwrap_or_default();
    recorded.retain(|id, _| ids.contains(id));
    let mut notices = Vec::new();
    let ended = |name: &str, id: &str| {
        let title = format!("{} “{name}” in {key} is no longer active", capitalized(row.name));
        stamp.notice(&format!("{}-end-{key}-{id}", row.id), Level::Resolved, title, Vec::new())
    };
    let gone = before.iter().flatten().map(|(id, _)| id).filter(|id| !ids.contains(id));
    for id in gone {
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
            let changed = content.changed.map(|at| format!("Changed at {}", at.iso()));
            let lines = [row.meaning.to_owned()].into_iter().chain(changed).collect();
            notices.push(stamp.notice(&id, Level::Warning, title, lines));
        } else if let Some(name) = was_active {
            notices.push(ended(&name, id));
        }
    }
    *(row.recorded)(watched) = Some(recorded);
    notices
}

/// Items of one kind that yield findings.
struct Finding<'a> {
    key: &'a str,
    id: &'a str,
    what: &'a str,
    meaning: &'a str,
}

/// `active`: names of the items that are active, by ID. `lost`: what became of one that no longer is.
fn compare_finding(
    of: &Finding<'_>,
    watched: &mut Watched,
    recorded: fn(&mut Watched) -> &mut Option<Items>,
    active: Items,
    lost: impl Fn(&str) -> String,
    stamp: Stamp,
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
        notices.push(stamp.notice(&format!("{kind}-off-{key}-{name}"), Level::Warning, title, lines));
        if watched.lost.len() < MOST_LOST {
            watched.lost.insert(format!("{kind}/{name}"));
        }
    }
    for name in &names {
        if watched.lost.remove(&format!("{kind}/{name}")) {
            let title = format!("{} “{name}” in {key} is active again", capitalized(what));
            notices.push(stamp.notice(&format!("{kind}-on-{key}-{name}"), Level::Resolved, title, Vec::new()));
        }
    }
    *recorded(watched) = Some(active);
    notices
}

/// Compares the features of a detector. A feature that is not in the answer counts as unchanged; an option of a feature
/// that is off is part of that feature.
pub fn compare_features(
    key: &str,
    watched: &mut Watched,
    features: &BTreeMap<String, bool>,
    stamp: Stamp,
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
    let meaning = "This part of GuardDuty detects nothing there until it is switched on again";
    let of = Finding { key, id: "feature", what: "protection plan", meaning };
    compare_finding(&of, watched, |w| &mut w.features, active, |_| "was switched off".into(), stamp)
}

/// Compares the member accounts of an administrator. `members`: the status of each, by account.
pub fn compare_members(
    key: &str,
    watched: &mut Watched,
    members: &BTreeMap<String, String>,
    stamp: Stamp,
) -> Vec<Notice> {
    let monitored = members.iter().filter(|(_, status)| status.eq_ignore_ascii_case("enabled"));
    let active = monitored.map(|(account, _)| (account.clone(), String::new())).collect();
    let lost = |account: &str| match members.get(account) {
        Some(status) => format!("is no longer monitored: {}", status.to_lowercase()),
        None => "is no longer monitored: removed".to_owned(),
    };
    let meaning = "Findings of this account no longer reach its administrator";
    let of = Finding { key, id: "member", what: "member account", meaning };
    let notices = compare_finding(&of, watched, |w| &mut w.members, active, lost, stamp);
    if let Some(recorded) = &mut watched.members {
        *recorded = std::mem::take(recorded).into_iter().take(MOST_MEMBERS).collect();
    }
    notices
}

/// Compares the resources whose runtime coverage is unhealthy.
pub fn compare_coverage(key: &str, watched: &mut Watched, found: &[Uncovered], stamp: Stamp) -> Vec<Notice> {
    let mut unhealthy: BTreeMap<String, Unhealthy> = BTreeMap::new();
    for resource in found {
        let of_type = unhealthy.entry(resource.resource_type.clone()).or_default();
        of_type.count += 1;
        of_type.ids.insert(short_hash(&resource.id));
    }
    for of_type in unhealthy.values_mut().filter(|of_type| of_type.ids.len() > MOST_RESOURCES) {
        of_type.ids.clear();
    }
    // A type that was unhealthy once stays: its metric says 0.
    for resource_type in watched.coverage.iter().flat_map(BTreeMap::keys) {
        unhealthy.entry(resource_type.clone()).or_default();
    }
    let before = watched.coverage.replace(unhealthy.clone());
    let Some(before) = before else { return Vec::new() };
    let grew = unhealthy.iter().any(|(resource_type, now)| has_grown(before.get(resource_type), now));
    if grew {
        return vec![uncovered(key, &unhealthy, found, stamp)];
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
    vec![stamp.notice(&format!("coverage-end-{key}"), Level::Resolved, title, Vec::new())]
}

fn has_grown(before: Option<&Unhealthy>, now: &Unhealthy) -> bool {
    let nothing = Unhealthy::default();
    let before = before.unwrap_or(&nothing);
    let is_complete = |of_type: &Unhealthy| of_type.ids.len() as u64 == of_type.count;
    now.count > before.count || (is_complete(before) && is_complete(now) && !now.ids.is_subset(&before.ids))
}

fn uncovered(key: &str, unhealthy: &BTreeMap<String, Unhealthy>, found: &[Uncovered], stamp: Stamp) -> Notice {
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
    stamp.notice(&format!("coverage-{key}"), Level::Warning, title, lines)
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests;
