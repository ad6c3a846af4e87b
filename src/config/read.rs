//! Converts the environment to a [`Config`]. Every variable is read before the errors are reported.

mod slack;

use std::time::Duration;

use secrecy::SecretString;

use super::environment::EnvVars;
use super::errors::ConfigErrors;
use super::routes;
use super::values::{self, ParseResult};
use super::variables::{Raw, RawValue, VARIABLES};
use super::{
    AwsConfig, BasicAuth, Config, ConsolePortal, FindingFilter, LogConfig, LogFormat, MessageConfig, PushgatewayConfig,
    Regions, Role, SERVICE_ACCOUNT, StateConfig, aws, unknown_variables, urls,
};
use crate::http;

/// Minimum of `RUN_TIMEOUT`. A shorter run could not wait for a response.
const MIN_RUN_TIMEOUT: Duration = Duration::from_secs(5);
/// Minimum of `RUN_LEASE`. A lease is renewed after a third of its duration.
const MIN_LEASE: Duration = Duration::from_secs(2);

/// Purpose of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Run,
    /// Nothing is sent. Secrets may be missing, and their files are not read.
    Preview,
}

pub(super) fn parse_config(
    vars: impl IntoIterator<Item = (String, String)>,
    on_terminal: bool,
    purpose: Mode,
) -> Result<Config, ConfigErrors> {
    let mut faults = ConfigErrors::default();
    let mut env = EnvVars::new(vars);
    let webhooks = webhook_variables(&env);
    let secrets = VARIABLES.iter().filter(|v| v.secret).map(|v| v.name);
    let more = webhooks.iter().flatten().map(String::as_str).filter(|w| VARIABLES.iter().all(|v| v.name != *w));
    if purpose == Mode::Run {
        secrets.chain(more).for_each(|name| env.read_secret_file(name, &mut faults));
    }
    let Some(raw) = Raw::from_vars(&env.vars) else {
        faults.push("environment", "cannot read the environment");
        return Err(faults);
    };
    let mut reader = ConfigParser { env: &env, raw: &raw, purpose, faults };
    reader.report_unknown_variables(webhooks.as_deref());
    let config = reader.parse_config(on_terminal);
    if reader.faults.is_empty() { Ok(config) } else { Err(reader.faults) }
}

fn webhook_variables(env: &EnvVars) -> Option<Vec<String>> {
    env.vars.get("SLACK_ROUTES").map_or(Some(Vec::new()), |text| routes::webhook_variables(text))
}

struct ConfigParser<'a> {
    env: &'a EnvVars,
    raw: &'a Raw,
    purpose: Mode,
    faults: ConfigErrors,
}

impl ConfigParser<'_> {
    /// Parses the value without surrounding blanks. Returns `None` if it is not set, or invalid, which is recorded.
    fn parse_optional<T>(&mut self, given: RawValue<'_>, parse: impl Fn(&str) -> ParseResult<T>) -> Option<T> {
        parse(given.value?.trim()).map_err(|why| self.faults.push(given.name, why)).ok()
    }

    /// Like `parse_optional`, with a default. The default in place of an invalid value is never used, because an error means
    /// that there is no configuration.
    fn parse_or_default<T: Default>(&mut self, given: RawValue<'_>, parse: impl Fn(&str) -> ParseResult<T>) -> T {
        self.parse_optional(given, parse).unwrap_or_default()
    }

    fn parse_config(&mut self, on_terminal: bool) -> Config {
        let raw = self.raw;
        let aws = self.parse_aws();
        let filter = FindingFilter {
            min_severity: self.parse_or_default(raw.guardduty_min_severity(), values::parse_severity),
            include: self.parse_or_default(raw.guardduty_include_types(), values::parse_globs),
            exclude: self.parse_or_default(raw.guardduty_exclude_types(), values::parse_globs),
            samples: self.parse_or_default(raw.guardduty_samples(), values::parse_samples),
        };
        let (slack, routes) = self.parse_slack();
        let mut config = Config {
            aws,
            filter,
            lookback: self.parse_or_default(raw.guardduty_lookback(), values::parse_duration_value),
            overlap: self.parse_or_default(raw.guardduty_overlap(), values::parse_duration_value),
            watch: self.parse_or_default(raw.guardduty_watch(), values::parse_bool),
            slack,
            routes,
            wording: self.parse_message_config(),
            state: StateConfig {
                file: self.parse_or_default(raw.state_file(), values::parse_file),
                configmap: self.parse_optional(raw.state_configmap(), values::parse_configmap_name),
                service_account: self
                    .parse_optional(raw.state_service_account(), values::directory)
                    .unwrap_or_else(|| SERVICE_ACCOUNT.into()),
            },
            pushgateway: self.parse_pushgateway(),
            run_timeout: self.parse_or_default(raw.run_timeout(), values::parse_min_duration(MIN_RUN_TIMEOUT)),
            lease: self.parse_or_default(raw.run_lease(), values::parse_min_duration(MIN_LEASE)),
            dry_run: self.parse_or_default(raw.dry_run(), values::parse_bool),
            log: self.parse_log(on_terminal),
        };
        config.log.dry_run = config.dry_run;
        config
    }

    fn parse_aws(&mut self) -> AwsConfig {
        let raw = self.raw;
        let roles = self.parse_or_default(raw.guardduty_role_arns(), values::parse_roles);
        let regions = self.parse_or_default(raw.guardduty_regions(), values::parse_regions);
        let external_id = self.parse_optional(raw.guardduty_external_id(), values::parse_external_id);
        let sdk = match self.purpose {
            Mode::Run => self.sdk(&regions),
            Mode::Preview => aws::Read::default(),
        };
        AwsConfig {
            regions,
            roles: if roles.is_empty() { vec![Role::Pod] } else { roles },
            external_id,
            environment: sdk.environment,
            ca_bundle: sdk.ca_bundle,
        }
    }

    /// Reads the settings of the SDK and the HTTP clients.
    fn sdk(&mut self, regions: &Regions) -> aws::Read {
        let vars = &self.env.vars;
        let sdk = aws::read(vars, &mut self.faults);
        let is_listed = matches!(regions, Regions::List(_));
        let is_wrong = self.faults.has_error_for("AWS_REGION") || self.faults.has_error_for("AWS_DEFAULT_REGION");
        if !is_listed && !is_wrong && aws::lacks_region(&sdk.environment) {
            self.faults.push("AWS_REGION", "not set: required unless GUARDDUTY_REGIONS lists regions");
        }
        for problem in http::problems(|name| vars.get(name).cloned(), sdk.ca_bundle.as_deref()) {
            self.faults.push(problem.variable(), problem.problem());
        }
        sdk
    }

    fn parse_message_config(&mut self) -> MessageConfig {
        let raw = self.raw;
        let (url_given, role_given) =
            (raw.console_portal_url().value.is_some(), raw.console_portal_role().value.is_some());
        let url = self.parse_optional(raw.console_portal_url(), urls::parse_portal_url);
        let role = self.parse_optional(raw.console_portal_role(), values::parse_role_name);
        match (url_given, role_given) {
            (true, false) => self.faults.push("CONSOLE_PORTAL_ROLE", "not set: required with CONSOLE_PORTAL_URL"),
            (false, true) => self.faults.push("CONSOLE_PORTAL_URL", "not set: required with CONSOLE_PORTAL_ROLE"),
            _ => {}
        }
        MessageConfig {
            account_names: self.parse_or_default(raw.account_names(), values::parse_account_names),
            portal: url.zip(role).map(|(url, role)| ConsolePortal { url, role }),
            runbook_url: self.parse_optional(raw.runbook_url(), urls::parse_runbook_template),
        }
    }

    fn parse_pushgateway(&mut self) -> Option<PushgatewayConfig> {
        let raw = self.raw;
        let url = self.parse_optional(raw.pushgateway_url(), urls::parse_base_url);
        let job = self.parse_or_default(raw.pushgateway_job(), values::parse_text);
        let labels = self.parse_or_default(raw.pushgateway_labels(), values::parse_labels);
        let username = self.parse_optional(raw.pushgateway_username(), values::parse_username);
        // A password is not trimmed, because it may begin or end with a blank.
        let password = raw.pushgateway_password().value.map(SecretString::from);
        if raw.pushgateway_username().value.is_some()
            && password.is_none()
            && !self.faults.has_error_for("PUSHGATEWAY_PASSWORD")
        {
            self.faults.push(
                "PUSHGATEWAY_PASSWORD",
                "not set: required with PUSHGATEWAY_USERNAME (or set PUSHGATEWAY_PASSWORD_FILE)",
            );
        }
        if raw.pushgateway_username().value.is_none() && password.is_some() {
            self.faults.push("PUSHGATEWAY_USERNAME", "not set: required with PUSHGATEWAY_PASSWORD");
        }
        let auth = username.zip(password).map(|(username, password)| BasicAuth { username, password });
        url.map(|url| PushgatewayConfig { url, job, labels, auth })
    }

    fn parse_log(&mut self, on_terminal: bool) -> LogConfig {
        let raw = self.raw;
        let unset = if on_terminal { LogFormat::Text } else { LogFormat::Json };
        LogConfig {
            format: self.parse_optional(raw.log_format(), values::parse_log_format).unwrap_or(unset),
            filter: self.parse_or_default(raw.rust_log(), values::parse_log_filter),
            dry_run: false,
        }
    }

    /// Records an error for every unknown variable with the prefixes of the program. `webhooks` are the variables that routes
    /// name, or `None` if the routes cannot be parsed. In that case, a name that occurs anywhere in their text is accepted.
    fn report_unknown_variables(&mut self, webhooks: Option<&[String]>) {
        let mut known: Vec<String> = Vec::new();
        for v in VARIABLES {
            known.push(v.name.into());
            known.extend(v.secret.then(|| format!("{}_FILE", v.name)));
        }
        known.extend(webhooks.unwrap_or_default().iter().flat_map(|w| [w.clone(), format!("{w}_FILE")]));
        let text = if webhooks.is_none() { self.raw.slack_routes().value.unwrap_or_default() } else { "" };
        let strangers = self
            .env
            .vars
            .iter()
            .filter(|(name, value)| unknown_variables::has_known_prefix(name, value) && !known.contains(name));
        for (name, _) in strangers.filter(|(name, _)| !text.contains(name.strip_suffix("_FILE").unwrap_or(name))) {
            let nearest = unknown_variables::closest_name(name, known.iter().map(String::as_str));
            self.faults.push(name, format!("unknown variable; did you mean {nearest}?"));
        }
    }
}
