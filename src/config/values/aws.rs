//! Values about AWS: regions, roles, accounts.

use std::collections::BTreeMap;

use super::{ParseResult, quote_redacted, split_list};
use crate::config::{AccountNames, Regions, Role};

/// Returns true for `eu-west-1`, `us-gov-west-1`, `eusc-de-east-1`, `us-isob-east-1`: at least two parts of letters, then a number.
pub(in crate::config) fn is_region(value: &str) -> bool {
    let mut parts: Vec<&str> = value.split('-').collect();
    let number = parts.pop().unwrap_or_default();
    let digits = |s: &str| !s.is_empty() && s.len() <= 2 && s.bytes().all(|b| b.is_ascii_digit());
    let word = |s: &&str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase());
    digits(number) && parts.len() >= 2 && parts.iter().all(word)
}

pub(in crate::config) fn parse_regions(value: &str) -> ParseResult<Regions> {
    let names = dedup_preserving_order(split_list(value));
    let name = |name: &String| name.strip_prefix('-').unwrap_or(name).to_owned();
    if let Some(bad) = names.iter().find(|n| *n != "all" && !is_region(&name(n))) {
        let expected = "expected regions such as eu-west-1,us-east-1, or all, or all,-us-east-1";
        return Err(format!("invalid region {}: {expected}", quote_redacted(bad)));
    }
    let (excluded, included): (Vec<String>, Vec<String>) = names.into_iter().partition(|n| n.starts_with('-'));
    let except: Vec<String> = excluded.iter().map(name).collect();
    match &included[..] {
        [all] if all == "all" => Ok(Regions::All { except }),
        _ if included.iter().any(|n| n == "all") => {
            Err("invalid region list: \"all\" cannot be combined with region names; all,-us-east-1 excludes one".into())
        }
        _ if !except.is_empty() => {
            Err("invalid region list: expected \"all\" with an excluded region, such as all,-us-east-1".into())
        }
        [] => Ok(Regions::Default),
        _ => Ok(Regions::List(included)),
    }
}

fn dedup_preserving_order<'a>(items: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for item in items {
        if !seen.iter().any(|s| s == item) {
            seen.push(item.to_owned());
        }
    }
    seen
}

pub(in crate::config) fn is_account(value: &str) -> bool {
    value.len() == 12 && value.bytes().all(|b| b.is_ascii_digit())
}

pub(in crate::config) fn is_role_arn(value: &str) -> bool {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else { return false };
    let name = resource.strip_prefix("role/").unwrap_or_default();
    // See IAM User Guide, “IAM and AWS STS quotas”: letters, digits, and _+=,.@-. A path contains slashes.
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=.@-/".contains(c);
    (partition == "aws" || partition.starts_with("aws-"))
        && is_account(account)
        && !name.is_empty()
        && !name.ends_with('/')
        && name.chars().all(plain)
}

pub(in crate::config) fn parse_roles(value: &str) -> ParseResult<Vec<Role>> {
    let role = |item: String| match item.as_str() {
        "self" => Ok(Role::Pod),
        arn if is_role_arn(arn) => Ok(Role::Arn(item)),
        bad => {
            Err(format!("invalid role {}: expected arn:aws:iam::123456789012:role/name, or self", quote_redacted(bad)))
        }
    };
    dedup_preserving_order(split_list(value)).into_iter().map(role).collect()
}

/// Source: IAM User Guide on `sts:ExternalId`: 2 to 1,224 characters of `\w+=,.@:/-`.
pub(in crate::config) fn parse_external_id(value: &str) -> ParseResult<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if (2..=1224).contains(&value.len()) && value.chars().all(plain) {
        return Ok(value.to_owned());
    }
    Err("invalid external ID: expected 2 to 1224 characters: letters, digits and _+=,.@:/-".into())
}

pub(in crate::config) fn parse_account_names(value: &str) -> ParseResult<AccountNames> {
    if value == "organization" {
        return Ok(AccountNames::Organization);
    }
    let mut names = BTreeMap::new();
    for item in split_list(value) {
        let (id, name) = item.split_once('=').map_or((item, ""), |(id, name)| (id.trim(), name.trim()));
        if !is_account(id) || name.is_empty() {
            return Err(format!(
                "invalid account name entry {}: expected 123456789012=prod,…, or organization",
                quote_redacted(item)
            ));
        }
        if names.insert(id.to_owned(), name.to_owned()).is_some() {
            return Err(format!("duplicate account {id}"));
        }
    }
    Ok(AccountNames::Map(names))
}
