//! Validates the selected profile of the shared AWS files, which the SDK reads itself.

use std::collections::{BTreeMap, HashMap};

use aws_runtime::env_config::EnvConfigValue;
use aws_runtime::env_config::error::EnvConfigFileLoadError;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::section::EnvConfigSections;
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env, Fs};
use futures_util::FutureExt;

use super::super::errors::ConfigErrors;
use super::super::values::ParseResult;
use super::forms;

/// The settings of the profile that the program needs.
#[derive(Default)]
pub(super) struct Profile {
    pub ca_bundle: Option<String>,
    /// Keys of the profile as variables: those at which the SDK would panic, and those that other code needs.
    pub overrides: Vec<(&'static str, String)>,
}

type Parse = fn(&str) -> ParseResult<String>;

const KEYS: [(&str, Parse); 7] = [
    ("region", forms::region),
    ("max_attempts", forms::attempts),
    ("retry_mode", forms::retry_mode),
    ("endpoint_url", forms::url),
    ("use_fips_endpoint", forms::boolean),
    ("use_dualstack_endpoint", forms::boolean),
    ("ignore_configured_endpoint_urls", forms::boolean),
];

/// Names of the sections of the called services.
const SERVICES: [&str; 4] = ["account", "guardduty", "organizations", "sts"];

pub(super) fn read(cleaned: &BTreeMap<String, String>, faults: &mut ConfigErrors) -> Profile {
    let place = |key: &str| format!("{}: {key}", name(cleaned));
    let sections = match load(cleaned) {
        Ok(sections) => sections,
        Err(error) => {
            faults.push(files(cleaned), format!("cannot be read: {}", error_text(&error)));
            return Profile::default();
        }
    };
    if is_missing(cleaned, &sections) {
        faults.push("AWS_PROFILE", format!("unknown profile: expected a profile of {}", files(cleaned)));
    }
    for (key, parse) in KEYS {
        if let Some(Err(problem)) = sections.get(key).map(|value| parse(value.trim())) {
            faults.push(place(key), problem);
        }
    }
    for service in SERVICES {
        let value = service_endpoint(service, &sections);
        if let Some(Err(problem)) = value.map(|value| forms::url(value.trim())) {
            faults.push(place(&format!("services, {service}, endpoint_url")), problem);
        }
    }
    Profile {
        ca_bundle: sections.get("ca_bundle").map(str::to_owned),
        overrides: OVERRIDES.iter().filter_map(|(key, variable)| Some((*variable, valid(key, &sections)?))).collect(),
    }
}

const OVERRIDES: [(&str, &str); 2] = [("region", "AWS_REGION"), ("retry_mode", "AWS_RETRY_MODE")];

/// A valid key of the selected profile.
fn valid(key: &str, sections: &EnvConfigSections) -> Option<String> {
    let (_, parse) = KEYS.iter().find(|(known, _)| *known == key)?;
    parse(sections.get(key)?.trim()).ok()
}

/// The loader of the SDK reads only local files, and never waits.
fn load(cleaned: &BTreeMap<String, String>) -> Result<EnvConfigSections, EnvConfigFileLoadError> {
    let env = Env::from(cleaned.clone().into_iter().collect::<HashMap<_, _>>());
    let (fs, files) = (Fs::real(), EnvConfigFiles::default());
    match source::load(&env, &fs, &files).now_or_never() {
        Some(source) => Ok(EnvConfigSections::parse(source?)?),
        None => Ok(EnvConfigSections::default()),
    }
}

fn error_text(error: &EnvConfigFileLoadError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// The profile that is selected by name. Keys in the environment take precedence over any profile.
fn is_missing(cleaned: &BTreeMap<String, String>, sections: &EnvConfigSections) -> bool {
    let is_asked_for = cleaned.contains_key("AWS_PROFILE") && !cleaned.contains_key("AWS_ACCESS_KEY_ID");
    is_asked_for && sections.get_profile(sections.selected_profile()).is_none()
}

fn service_endpoint(service: &str, sections: &EnvConfigSections) -> Option<String> {
    sections.get("services")?;
    let empty = Env::from_slice(&[]);
    let value = EnvConfigValue::new().profile("endpoint_url").service_id(service);
    value.load(&empty, Some(sections)).map(|(value, _)| value.into_owned())
}

/// The name of the profile in errors.
fn name(cleaned: &BTreeMap<String, String>) -> String {
    let profile = cleaned.get("AWS_PROFILE").map_or("default", String::as_str);
    format!("profile {profile} in {}", files(cleaned))
}

fn files(cleaned: &BTreeMap<String, String>) -> String {
    let file = |variable: &str, default: &str| cleaned.get(variable).cloned().unwrap_or_else(|| default.to_owned());
    let config = file("AWS_CONFIG_FILE", "~/.aws/config");
    format!("{config} and {}", file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
}
