//! What is read of the configuration of a source, and how it is recorded and announced.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};

use crate::guardduty::{Detector, ReadError, Subject, Uncovered, Watched as Content};
use crate::message::Notice;
use crate::plan::silence::Stamp;
use crate::plan::watch::{self, TABLE};
use crate::run::look::Look;
use crate::state::Source;
use crate::time::Millis;

/// What could be read. What is missing is not compared.
#[derive(Debug, Default)]
pub struct Watched {
    pub items: BTreeMap<Subject, Listed>,
    pub members: Option<BTreeMap<String, String>>,
    pub uncovered: Option<Vec<Uncovered>>,
    /// Everything that is due was read, or may not be read.
    pub is_complete: bool,
    /// What could not be read.
    pub warnings: Vec<String>,
}

/// All IDs, and the contents that were read.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    pub ids: Vec<String>,
    pub read: Vec<(String, Content)>,
}

/// Reads what is watched; `all`: also what is compared hourly.
pub async fn read<D: Detector>(
    source: &D,
    detector: &str,
    known: &BTreeMap<Subject, Vec<String>>,
    all: bool,
) -> Watched {
    let hourly: &[Subject] = if all { &Subject::HOURLY } else { &[] };
    let subjects: Vec<Subject> = Subject::EVERY_RUN.iter().chain(hourly).copied().collect();
    let items = join_all(subjects.iter().map(|subject| list(source, detector, *subject, known.get(subject))));
    let hourly = async {
        match all {
            true => Some(join(source.members(detector), source.uncovered(detector)).await),
            false => None,
        }
    };
    let (items, hourly) = join(items, hourly).await;
    let mut watched = Watched { is_complete: true, ..Watched::default() };
    for (subject, listed) in subjects.into_iter().zip(items) {
        if let Some(listed) = watched.keep(listed) {
            watched.items.insert(subject, listed);
        }
    }
    if let Some((members, uncovered)) = hourly {
        watched.members = watched.keep(members).flatten();
        watched.uncovered = watched.keep(uncovered);
    }
    watched
}

impl Watched {
    /// Returns what was read, or adds a warning.
    fn keep<T>(&mut self, result: Result<T, ReadError>) -> Option<T> {
        let note = |error: ReadError| {
            self.is_complete &= error.denied();
            self.warnings.push(error.to_string());
        };
        result.map_err(note).ok()
    }
}

async fn list<D: Detector>(
    source: &D,
    detector: &str,
    subject: Subject,
    known: Option<&Vec<String>>,
) -> Result<Listed, ReadError> {
    let ids = source.watched_ids(detector, subject).await?;
    let mut read = Vec::new();
    for id in ids.iter().filter(|id| known.is_none_or(|known| !known.contains(id))) {
        read.push((id.clone(), source.watched(detector, subject, id).await?));
    }
    Ok(Listed { ids, read })
}

/// Records what was read of a source, and returns the notices about what changed.
pub fn compare(key: &str, source: &mut Source, look: &Look, stamp: Stamp, now: Millis) -> Vec<Notice> {
    let seen = &look.watched;
    let features = look.status.as_ref().map(|status| &status.features);
    let is_due = watch::compare_due(source, now) && seen.is_complete;
    let anything = !seen.items.is_empty() || seen.members.is_some() || seen.uncovered.is_some() || features.is_some();
    if !anything {
        return Vec::new();
    }
    let watched = source.watched.get_or_insert_default();
    if is_due {
        watched.compared = now;
    }
    let mut notices = Vec::new();
    for row in &TABLE {
        if let Some(listed) = seen.items.get(&row.subject) {
            notices.extend(watch::compare(key, row, watched, &listed.ids, &listed.read, stamp));
        }
    }
    if let Some(features) = features {
        notices.extend(watch::compare_features(key, watched, features, stamp));
    }
    if let Some(members) = &seen.members {
        notices.extend(watch::compare_members(key, watched, members, stamp));
    }
    if let Some(uncovered) = &seen.uncovered {
        notices.extend(watch::compare_coverage(key, watched, uncovered, stamp));
    }
    notices
}
