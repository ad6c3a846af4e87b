//! Parses the keys of unusual behavior: `unusualASNsUserIdentityProfiling`, `networkClusterProfiling`.
//!
//! A key is an optional `unusual` or `anomalous`, an attribute, the scope for which it is unusual, and `Profiling`.
//! Source: GuardDuty User Guide, "Anomalous behavior" in "Finding details", and published findings.

/// Content of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProfileKey {
    /// Display name, such as `user agents`.
    pub attribute: String,
    pub scope: Option<&'static str>,
}

const SCOPES: [(&str, &str); 9] = [
    ("UserIdentity", "user"),
    ("Account", "account"),
    ("Bucket", "bucket"),
    ("Cluster", "cluster"),
    ("DbInstance", "database instance"),
    ("Instance", "instance"),
    ("Database", "database"),
    ("Organization", "organization"),
    ("Username", "user"),
];

/// Parses a key. A key of an unknown form becomes its words.
pub(super) fn parse(key: &str) -> ProfileKey {
    let bare = key.strip_prefix("unusual").or_else(|| key.strip_prefix("anomalous")).filter(|rest| !rest.is_empty());
    let rest = bare.unwrap_or(key);
    let profiled = rest.strip_suffix("Profiling");
    let scoped = profiled.unwrap_or(rest);
    let scope = SCOPES.iter().find_map(|(suffix, words)| {
        let attribute = scoped.strip_suffix(suffix).filter(|attribute| !attribute.is_empty())?;
        (profiled.is_some() || bare.is_some()).then_some((attribute, *words))
    });
    match scope {
        Some((attribute, scope)) => ProfileKey { attribute: words(attribute), scope: Some(scope) },
        None => ProfileKey { attribute: words(scoped), scope: None },
    }
}

/// `userAgent` → `user agent`, `APIs` → `APIs`, `ASNs` → `networks`, `accountASNOrg` → `account network org`.
pub(super) fn words(key: &str) -> String {
    let words = split(key).into_iter().map(|word| match word.to_lowercase().as_str() {
        "apis" => "APIs".to_owned(),
        "api" => "API".to_owned(),
        "asns" => "networks".to_owned(),
        "asn" => "network".to_owned(),
        "ip" => "IP".to_owned(),
        "id" => "ID".to_owned(),
        other => other.to_owned(),
    });
    let all: Vec<String> = words.collect();
    match all.join(" ").as_str() {
        "application name" => "application".to_owned(),
        "user name" => "user".to_owned(),
        other => other.to_owned(),
    }
}

/// The words of a name in camel case; a run of capitals is a word, with the `s` of its plural.
fn split(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    for (n, c) in chars.iter().enumerate() {
        if *c == '_' || *c == ' ' {
            words.push(String::new());
            continue;
        }
        let before = n.checked_sub(1).map(|b| chars[b]);
        let starts = c.is_uppercase() && (before.is_some_and(|b| !b.is_uppercase()) || ends_capitals(&chars[n..]));
        match words.last_mut() {
            Some(word) if !starts => word.push(*c),
            _ => words.push(c.to_string()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns true if a word begins at the last of a run of capitals: `O` of `ASNOrg`, but not `I` of `APIs`.
fn ends_capitals(rest: &[char]) -> bool {
    let next_is_lower = rest.get(1).is_some_and(|next| next.is_lowercase());
    let is_plural = rest.get(1) == Some(&'s') && rest.get(2).is_none_or(|after| after.is_uppercase());
    next_is_lower && !is_plural
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_parsed_by_its_grammar() {
        for (key, attribute, scope) in [
            ("unusualAPIsAccountProfiling", "APIs", Some("account")),
            ("unusualASNsUserIdentityProfiling", "networks", Some("user")),
            ("unusualUserAgentsUserIdentityProfiling", "user agents", Some("user")),
            ("networkClusterProfiling", "network", Some("cluster")),
            ("applicationNameClusterProfiling", "application", Some("cluster")),
            ("unusualNetworkCluster", "network", Some("cluster")),
            ("unusualProtocol", "protocol", None),
            ("portsScannedSample", "ports scanned sample", None),
            ("accountASNOrg", "account network org", None),
            ("userAgent", "user agent", None),
            ("unusual", "unusual", None),
            ("account", "account", None),
            ("made_up key", "made up key", None),
        ] {
            assert_eq!(parse(key), ProfileKey { attribute: attribute.to_owned(), scope }, "{key}");
        }
    }
}
