//! Selects the tags of a resource that identify its owner.

use crate::finding::line::listed_briefly;
use crate::finding::{Finding, Line};
use crate::text::{pluralize, truncate};

/// Keys of tags that name an owner. They are compared without case and punctuation.
const OWNER_TAGS: [&str; 14] = [
    "owner",
    "team",
    "squad",
    "contact",
    "email",
    "service",
    "app",
    "application",
    "project",
    "product",
    "component",
    "env",
    "environment",
    "costcenter",
];
/// Maximum length of a tag.
const LENGTH: usize = 80;
/// Maximum length of other tags that are named. Most longer ones are set by tools for tools.
const SHORT: usize = 40;

/// `owner=payments, env=prod`: the tags that name an owner. Empty if there are none.
pub(super) fn tags(f: &Finding) -> Line {
    listed_briefly(f.tags().iter().filter(|(key, _)| is_owner(key)).map(named))
}

/// `tags cost=4711, patch=weekly and 3 more`, or their number if they are long. Used if no tag names an owner.
pub(super) fn other_tags(f: &Finding) -> Line {
    let others = f.tags().iter().filter(|(key, _)| key != "Name" && !key.starts_with("aws:"));
    let tags: Vec<String> = others.map(named).collect();
    match tags.first() {
        None => Line::new(),
        Some(_) if f.tags().iter().any(|(key, _)| is_owner(key)) => Line::new(),
        Some(first) if first.chars().count() > SHORT => Line::new().literal(pluralize(tags.len() as u64, "tag")),
        Some(_) => Line::new().literal("tags ").concat(listed_briefly(tags)),
    }
}

fn named((key, value): &(String, String)) -> String {
    truncate(&format!("{key}={value}"), LENGTH)
}

fn is_owner(key: &str) -> bool {
    let key = key.to_lowercase().replace(['-', '_', ' ', ':', '.'], "");
    OWNER_TAGS.iter().any(|owner| key.ends_with(owner))
}
