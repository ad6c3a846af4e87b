//! AWS's own variables: checked here, read by the SDK.
//!
//! The SDK reads the environment unchecked: it panics on some values, ignores others, and takes an empty variable as
//! set. So it is given only [`Environment`]: variables that are set, trimmed, and known to be understood.

mod forms;
mod profile;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::errors::ConfigErrors;
use forms::VARIABLES;

/// The SDK reads this one from the process itself, for its user agent.
const UNTRIMMED: &str = "AWS_EXECUTION_ENV";

/// What the SDK may read of the environment. It holds secrets, so `Debug` shows only names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(Arc<BTreeMap<String, String>>);

impl Environment {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// AWS's part of the environment and of the profile files.
#[derive(Default)]
pub(super) struct Read {
    pub environment: Environment,
    /// `AWS_CA_BUNDLE`, or `ca_bundle` of the profile.
    pub ca_bundle: Option<String>,
}

/// Checks AWS's variables and the selected profile. Every fault is noted.
pub(super) fn read(vars: &BTreeMap<String, String>, faults: &mut ConfigErrors) -> Read {
    let mut cleaned = variables(vars, faults);
    check_pairs(&cleaned, faults);
    if let Some(region) = cleaned.get("AWS_DEFAULT_REGION").cloned() {
        cleaned.entry("AWS_REGION".into()).or_insert(region);
    }
    let profile = profile::read(&cleaned, faults);
    for (name, value) in profile.overrides {
        cleaned.entry(name.to_owned()).or_insert(value);
    }
    Read {
        ca_bundle: vars.get("AWS_CA_BUNDLE").map(|file| file.trim().to_owned()).or(profile.ca_bundle),
        environment: Environment(Arc::new(cleaned)),
    }
}

/// The variables that the SDK reads, as far as they are understood.
fn variables(vars: &BTreeMap<String, String>, faults: &mut ConfigErrors) -> BTreeMap<String, String> {
    let mut cleaned = BTreeMap::new();
    for (name, parse) in VARIABLES {
        let Some(value) = vars.get(*name) else { continue };
        let value = if *name == UNTRIMMED { value } else { value.trim() };
        match parse(value) {
            Ok(value) => {
                cleaned.insert((*name).to_owned(), value);
            }
            Err(problem) => faults.push(*name, problem),
        }
    }
    cleaned
}

/// Variables that mean something only together.
fn check_pairs(cleaned: &BTreeMap<String, String>, faults: &mut ConfigErrors) {
    const PAIRS: [(&str, &str); 3] = [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    ];
    for (given, required) in PAIRS {
        if cleaned.contains_key(given) && !cleaned.contains_key(required) && !faults.has_error_for(required) {
            faults.push(required, format!("not set: required with {given}"));
        }
    }
}

/// Whether no region is known, and the instance metadata service cannot name one either.
pub(super) fn lacks_region(environment: &Environment) -> bool {
    environment.get("AWS_REGION").is_none() && environment.get("AWS_EC2_METADATA_DISABLED") == Some("true")
}
