//! Validates the AWS variables before the SDK reads them.
//!
//! The SDK does not validate the environment: it panics on some values, ignores others, and treats an empty variable as
//! set. Therefore it gets only an [`Environment`], with trimmed and valid variables.

mod forms;
mod profile;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::errors::ConfigErrors;
use forms::VARIABLES;

/// The SDK reads this variable from the process, for its user agent.
const UNTRIMMED: &str = "AWS_EXECUTION_ENV";

/// The part of the environment that the SDK reads. It contains secrets, so `Debug` shows only names.
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

/// The AWS settings of the environment and the profile files.
#[derive(Default)]
pub(super) struct Read {
    pub environment: Environment,
    /// `AWS_CA_BUNDLE`, or `ca_bundle` of the profile.
    pub ca_bundle: Option<String>,
}

/// Validates the AWS variables and the selected profile. It records every error.
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

/// The valid variables that the SDK reads.
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

/// Variables that must be set together.
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

/// Returns true if no region is configured, and the instance metadata service cannot return one.
pub(super) fn lacks_region(environment: &Environment) -> bool {
    environment.get("AWS_REGION").is_none() && environment.get("AWS_EC2_METADATA_DISABLED") == Some("true")
}
