//! Converts the environment to a [`Config`]. Every variable is read before the errors are reported.

use std::time::Duration;

use secrecy::SecretString;

use super::environment::EnvVars;
use super::errors::ConfigErrors;
use super::routes::{self, SlackAuthKind};
use super::values::{self, ParseResult};
use super::variables::{Raw, RawValue, VARIABLES};
use super::{
    AwsConfig, BasicAuth, Config, ConsolePortal, FindingFilter, LogConfig, LogFormat, MessageConfig, PushgatewayConfig,
    Regions, Role, Routes, SERVICE_ACCOUNT, SlackAuth, SlackConfig, StateConfig, Triage, TriageMode, aws, summary,
    triage, unknown_variables, urls,
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

    fn parse_slack(&mut self) -> (SlackConfig, Routes) {
        let raw = self.raw;
        let (access, kind) = self.parse_slack_auth();
        let triage = self.triage(kind);
        let routes = self.parse_routes(kind, triage.is_some());
        let slack = SlackConfig {
            access,
            api_url: self.parse_or_default(raw.slack_api_url(), urls::parse_base_url),
            recurrence: self.parse_or_default(raw.slack_recurrence(), values::parse_recurrence),
            remind_after: self.parse_or_default(raw.slack_remind_after(), values::parse_duration_value),
            digest_after: self.parse_or_default(raw.slack_digest_after(), values::parse_limit),
            triage,
            summary: self.parse_optional(raw.slack_summary(), summary::schedule),
        };
        (slack, routes)
    }

    fn triage(&mut self, kind: SlackAuthKind) -> Option<Triage> {
        let raw = self.raw;
        let mode = self.parse_or_default(raw.slack_triage(), triage::mode);
        let users = self.parse_optional(raw.slack_triage_users(), triage::users);
        let emoji = self.parse_or_default(raw.slack_triage_emoji(), triage::emoji);
        if mode.is_some() && kind == SlackAuthKind::Webhook {
            self.faults.push("SLACK_TRIAGE", "requires SLACK_BOT_TOKEN: a webhook cannot read reactions");
        }
        if mode == Some(TriageMode::Archive) && raw.slack_triage_users().value.is_none() {
            self.faults.push("SLACK_TRIAGE_USERS", "not set: required with SLACK_TRIAGE=archive");
        }
        mode.map(|mode| Triage { mode, users, emoji })
    }

    /// Requires exactly one of bot token and webhook.
    fn parse_slack_auth(&mut self) -> (SlackAuth, SlackAuthKind) {
        let raw = self.raw;
        let channel = self.parse_optional(raw.slack_channel(), values::parse_channel);
        let (has_token, has_webhook) = (raw.slack_bot_token().value.is_some(), raw.slack_webhook_url().value.is_some());
        let token = self.parse_optional(raw.slack_bot_token(), values::parse_bot_token);
        let url = self.parse_optional(raw.slack_webhook_url(), urls::parse_webhook_url);
        match (has_token, has_webhook) {
            (true, true) => {
                self.faults.push("SLACK_WEBHOOK_URL", "cannot be combined with SLACK_BOT_TOKEN; unset one of them")
            }
            (true, false) => self.require_channel(),
            (false, false) if self.purpose == Mode::Run => {
                self.report_missing_auth();
                // Without a webhook, a bot token is assumed.
                if !self.faults.has_error_for("SLACK_WEBHOOK_URL") {
                    self.require_channel();
                }
            }
            _ => {}
        }
        let kind = match (has_token, has_webhook) {
            (true, false) => SlackAuthKind::Bot,
            (false, true) => SlackAuthKind::Webhook,
            _ => SlackAuthKind::Any,
        };
        let access = match url {
            Some(url) if kind == SlackAuthKind::Webhook => SlackAuth::Webhook { url },
            _ => SlackAuth::Bot {
                token: token.unwrap_or_else(|| SecretString::from("")),
                channel: channel.unwrap_or_else(|| "SLACK_CHANNEL".into()),
            },
        };
        (access, kind)
    }

    fn require_channel(&mut self) {
        if self.purpose == Mode::Run && self.raw.slack_channel().value.is_none() {
            self.faults.push("SLACK_CHANNEL", "not set: required with a bot token; expected a channel ID or #name");
        }
    }

    fn report_missing_auth(&mut self) {
        if !self.faults.has_error_for("SLACK_BOT_TOKEN") && !self.faults.has_error_for("SLACK_WEBHOOK_URL") {
            let hint = "not set: set it, SLACK_BOT_TOKEN_FILE or SLACK_WEBHOOK_URL";
            self.faults.push("SLACK_BOT_TOKEN", hint);
        }
    }

    fn parse_routes(&mut self, kind: SlackAuthKind, has_triage: bool) -> Routes {
        let Some(text) = self.raw.slack_routes().value else { return Routes::default() };
        let (vars, preview) = (&self.env.vars, self.purpose == Mode::Preview);
        let unreadable: Vec<String> = self.faults.iter().map(|f| f.variable.clone()).collect();
        let webhook = move |name: &str| match vars.get(name) {
            Some(url) => urls::parse_webhook_url(url).map_err(|why| format!("variable {name}: {why}")),
            None if preview => Ok(SecretString::from("")),
            None if unreadable.contains(&format!("{name}_FILE")) => Err(format!("cannot read the file of {name}")),
            None => Err(format!("variable {name} is not set: set it, or {name}_FILE, to the webhook URL")),
        };
        routes::parse(text, kind, has_triage, &webhook, &mut self.faults)
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
