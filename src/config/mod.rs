//! Reads the configuration from the environment, and validates all of it before anything else happens.
//!
//! The variables are read as text (`variables`: one table for the parser, `--help` and the documentation) and converted to
//! validated types. All errors are reported together, each with the name of its variable.

mod aws;
mod environment;
mod errors;
mod glob;
mod log;
mod read;
mod routes;
mod summary;
#[cfg(test)]
mod tests;
mod triage;
mod unknown_variables;
mod urls;
mod values;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

pub use aws::Environment as AwsEnvironment;
pub use environment::read_environment;
pub use errors::{ConfigError, ConfigErrors};
pub use glob::Glob;
pub use log::{LogConfig, LogFormat};
pub use routes::{Escalate, Route, RouteAction, RouteMatcher, Routes, SeverityRange, Target};
use secrecy::SecretString;
pub use summary::SummarySchedule;
pub use triage::{Triage, TriageEmoji, TriageMode};
pub use variables::{DefaultValue, VARIABLES, Variable, render_help, render_markdown};

/// Configuration of one run. Created by [`Config::from_env`] or [`Config::for_preview`]; `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    pub aws: AwsConfig,
    pub filter: FindingFilter,
    /// `GUARDDUTY_LOOKBACK`
    pub lookback: Duration,
    /// `GUARDDUTY_OVERLAP`
    pub overlap: Duration,
    /// `GUARDDUTY_WATCH`
    pub watch: bool,
    pub slack: SlackConfig,
    /// `SLACK_ROUTES`
    pub routes: Routes,
    pub wording: MessageConfig,
    pub state: StateConfig,
    /// `None` if metrics are not pushed.
    pub pushgateway: Option<PushgatewayConfig>,
    /// `RUN_TIMEOUT`, 5 s at least.
    pub run_timeout: Duration,
    /// `RUN_LEASE`, 2 s at least.
    pub lease: Duration,
    /// `DRY_RUN`
    pub dry_run: bool,
    pub log: LogConfig,
}

/// Accounts and regions that are polled, and the identities that read them.
#[derive(Clone, Debug, Default)]
pub struct AwsConfig {
    /// `GUARDDUTY_REGIONS`
    pub regions: Regions,
    /// `GUARDDUTY_ROLE_ARNS`; never empty.
    pub roles: Vec<Role>,
    /// `GUARDDUTY_EXTERNAL_ID`
    pub external_id: Option<String>,
    /// The AWS variables, for the SDK.
    pub environment: AwsEnvironment,
    /// `AWS_CA_BUNDLE`, or `ca_bundle` of the profile: the certificates that calls to AWS trust.
    pub ca_bundle: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Regions {
    /// The region that the SDK finds.
    #[default]
    Default,
    /// Without duplicates, not empty.
    List(Vec<String>),
    /// Every region that the account has enabled, except these.
    All { except: Vec<String> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The identity of the Pod.
    Pod,
    Arn(String),
}

impl Role {
    /// The account of the role. `None` for the identity of the Pod.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Pod => None,
            Self::Arn(arn) => account_of_arn(arn),
        }
    }
}

/// The account of `arn:aws:iam::111122223333:role/guardduty-reader`. `None` if the ARN has none.
pub fn account_of_arn(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

/// The findings that are announced.
#[derive(Clone, Debug)]
pub struct FindingFilter {
    /// `GUARDDUTY_MIN_SEVERITY`, from 0 to 10.
    pub min_severity: f64,
    /// `GUARDDUTY_INCLUDE_TYPES`. Empty for every type.
    pub include: Vec<Glob>,
    /// `GUARDDUTY_EXCLUDE_TYPES`
    pub exclude: Vec<Glob>,
    /// `GUARDDUTY_SAMPLES`
    pub samples: SamplePolicy,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SamplePolicy {
    #[default]
    Show,
    Drop,
}

#[derive(Clone, Debug)]
pub struct SlackConfig {
    pub access: SlackAuth,
    /// `SLACK_API_URL` without a trailing slash.
    pub api_url: String,
    /// `SLACK_RECURRENCE`
    pub recurrence: RecurrencePolicy,
    /// `SLACK_REMIND_AFTER`
    pub remind_after: Duration,
    /// `SLACK_DIGEST_AFTER`. `None` means never.
    pub digest_after: Option<usize>,
    /// `None` without triage.
    pub triage: Option<Triage>,
    /// `SLACK_SUMMARY`
    pub summary: Option<SummarySchedule>,
}

/// The credentials for Slack.
#[derive(Clone, Debug)]
pub enum SlackAuth {
    Bot {
        token: SecretString,
        /// `SLACK_CHANNEL`: an ID or a `#name`.
        channel: String,
    },
    Webhook {
        url: SecretString,
    },
}

impl SlackAuth {
    /// The channel for notices, and for findings that match no route.
    pub fn default_target(&self) -> Target {
        match self {
            SlackAuth::Bot { channel, .. } => Target::Channel(channel.clone()),
            SlackAuth::Webhook { url } => Target::Webhook { name: "SLACK_WEBHOOK_URL".into(), url: url.clone() },
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecurrencePolicy {
    #[default]
    Update,
    Repost,
    Ignore,
}

/// What messages contain in addition to the finding itself.
#[derive(Clone, Debug)]
pub struct MessageConfig {
    pub account_names: AccountNames,
    pub portal: Option<ConsolePortal>,
    /// `RUNBOOK_URL`: a link template with `{type}`, `{id}`, `{account}`, `{region}` in its path or query.
    pub runbook_url: Option<String>,
}

/// `ACCOUNT_NAMES`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountNames {
    /// By account ID.
    Map(BTreeMap<String, String>),
    /// Read with `organizations:ListAccounts`.
    Organization,
}

impl Default for AccountNames {
    fn default() -> Self {
        Self::Map(BTreeMap::new())
    }
}

/// `CONSOLE_PORTAL_URL`, without a trailing slash, and `CONSOLE_PORTAL_ROLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsolePortal {
    pub url: String,
    pub role: String,
}

/// Directory where the kubelet mounts the files of the ServiceAccount in every Pod.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateConfig {
    /// `STATE_FILE`: the state, or its mounted copy if the state is in a ConfigMap.
    pub file: PathBuf,
    /// `STATE_CONFIGMAP`
    pub configmap: Option<String>,
    /// `STATE_SERVICE_ACCOUNT`: directory with the files of the ServiceAccount.
    pub service_account: PathBuf,
}

#[derive(Clone, Debug)]
pub struct PushgatewayConfig {
    /// `PUSHGATEWAY_URL` without a trailing slash.
    pub url: String,
    pub job: String,
    /// `PUSHGATEWAY_LABELS`: additional grouping labels.
    pub labels: BTreeMap<String, String>,
    pub auth: Option<BasicAuth>,
}

/// `PUSHGATEWAY_USERNAME` and `PUSHGATEWAY_PASSWORD`
#[derive(Clone, Debug)]
pub struct BasicAuth {
    pub username: String,
    pub password: SecretString,
}

/// Variables that are probably misspelled, each with the known name that it resembles.
pub fn near_misses(vars: &[(String, String)]) -> Vec<(&str, &'static str)> {
    let known = VARIABLES.iter().map(|v| v.name);
    let set = vars.iter().filter(|(_, value)| !value.trim().is_empty());
    set.filter_map(|(name, _)| Some((name.as_str(), unknown_variables::near_miss(name, known.clone())?))).collect()
}

impl Config {
    /// The default destination and the destination of every route, each once.
    pub fn targets(&self) -> Vec<Target> {
        let routed = self.routes.0.iter().filter_map(|route| match &route.action {
            RouteAction::Target(target) => Some(target.clone()),
            RouteAction::Drop => None,
        });
        let mut names = BTreeSet::new();
        let all = std::iter::once(self.slack.access.default_target()).chain(routed);
        all.filter(|target| names.insert(target.name().to_owned())).collect()
    }

    /// Reads and validates all variables, including files of secrets. `on_terminal`: standard error is a terminal.
    pub fn from_env(vars: impl IntoIterator<Item = (String, String)>, on_terminal: bool) -> Result<Self, ConfigErrors> {
        read::parse_config(vars, on_terminal, read::Mode::Run)
    }

    /// Reads the configuration for `preview`, which sends nothing. The settings for sending may be missing. Then the default
    /// channel is called `SLACK_CHANNEL`, and tokens and URLs are empty.
    pub fn for_preview(
        vars: impl IntoIterator<Item = (String, String)>,
        on_terminal: bool,
    ) -> Result<Self, ConfigErrors> {
        read::parse_config(vars, on_terminal, read::Mode::Preview)
    }
}
