//! The tags of a resource by which its owner is known.

use crate::finding::phrase::{listed_briefly, plural, short};
use crate::finding::{Finding, Phrase};

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
/// Length up to which other tags are named: most are made by tools, for tools.
const SHORT: usize = 40;

/// `owner=payments, env=prod`: the tags that name an owner. Empty without any.
pub(super) fn tags(f: &Finding) -> Phrase {
    listed_briefly(f.tags().iter().filter(|(key, _)| is_owner(key)).map(named))
}

/// `tags cost=4711, patch=weekly and 3 more`, or their number if they are long: where no tag names an owner.
pub(super) fn other_tags(f: &Finding) -> Phrase {
    let others = f.tags().iter().filter(|(key, _)| key != "Name" && !key.starts_with("aws:"));
    let tags: Vec<String> = others.map(named).collect();
    match tags.first() {
        None => Phrase::new(),
        Some(_) if f.tags().iter().any(|(key, _)| is_owner(key)) => Phrase::new(),
        Some(first) if first.chars().count() > SHORT => Phrase::new().ours(plural(tags.len() as u64, "tag")),
        Some(_) => Phrase::new().ours("tags ").then(listed_briefly(tags)),
    }
}

fn named((key, value): &(String, String)) -> String {
    short(&format!("{key}={value}"), LENGTH)
}

fn is_owner(key: &str) -> bool {
    let key = key.to_lowercase().replace(['-', '_', ' ', ':', '.'], "");
    OWNER_TAGS.iter().any(|owner| key.ends_with(owner))
}
