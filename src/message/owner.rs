//! The tags of a resource by which its owner is known.

use crate::finding::phrase::{listed, short};
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
/// Maximum number of tags shown.
const SHOWN: usize = 4;
/// Maximum length of a tag.
const LENGTH: usize = 80;

/// `owner=payments, env=prod`: the tags that name an owner; without any, the first ones. Empty without tags.
pub(super) fn tags(f: &Finding) -> Phrase {
    let owning: Vec<_> = f.tags().iter().filter(|(key, _)| is_owner(key)).collect();
    let others = || f.tags().iter().filter(|(key, _)| key != "Name" && !key.starts_with("aws:")).collect();
    let tags: Vec<_> = if owning.is_empty() { others() } else { owning };
    let shown = tags.iter().map(|(key, value)| short(&format!("{key}={value}"), LENGTH));
    listed(shown, SHOWN)
}

fn is_owner(key: &str) -> bool {
    let key = key.to_lowercase().replace(['-', '_', ' ', ':', '.'], "");
    OWNER_TAGS.iter().any(|owner| key.ends_with(owner))
}
