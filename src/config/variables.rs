//! Defines the variables in one table, for the parser, `--help` and docs/configuration.md.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One environment variable of the program.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub name: &'static str,
    pub default: DefaultValue,
    /// True if `<name>_FILE` with a path can be set instead. The value is never shown.
    pub secret: bool,
    /// One line of Markdown.
    pub description: &'static str,
}

/// Default of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    Unset,
    /// The variable has this text.
    Value(&'static str),
    /// A default that depends on the environment, described in Markdown.
    Dynamic(&'static str),
}

impl DefaultValue {
    /// As docs/configuration.md shows it.
    fn render_markdown(self) -> String {
        match self {
            DefaultValue::Unset => "–".into(),
            DefaultValue::Value(v) => format!("`{v}`"),
            DefaultValue::Dynamic(words) => words.into(),
        }
    }
}

/// Name and value of a variable. There is no `Debug`, because the value may be a secret.
pub(super) struct RawValue<'a> {
    pub name: &'static str,
    pub value: Option<&'a str>,
}

macro_rules! variables {
    ($($name:literal $field:ident, $secret:literal, $default:expr, $meaning:literal;)*) => {
        /// Every variable as text, with defaults and with secrets from files. It is not validated yet.
        #[derive(Deserialize)]
        pub(super) struct Raw { $($field: Option<String>,)* }

        impl Raw {
            $(pub(super) fn $field(&self) -> RawValue<'_> {
                RawValue { name: $name, value: self.$field.as_deref() }
            })*

            #[cfg(test)]
            fn all(&self) -> Vec<RawValue<'_>> {
                vec![$(self.$field(),)*]
            }
        }

        /// Every variable of the program, in the order of the documentation.
        pub const VARIABLES: &[Variable] =
            &[$(Variable { name: $name, default: $default, secret: $secret, description: $meaning },)*];
    };
}

use DefaultValue::{Dynamic, Unset, Value};

variables! {
    "GUARDDUTY_REGIONS" guardduty_regions, false, Dynamic("region of the AWS SDK"),
        "comma-separated list of regions to poll; `all`: every region that is enabled for the account (`account:ListRegions`), refreshed on every run; `all,-me-central-1`: all except that region. Duplicates count once";
    "GUARDDUTY_ROLE_ARNS" guardduty_role_arns, false, Unset,
        "comma-separated list of roles to assume, each polled in every region; `self` is the identity of the pod. Unset: only the identity of the pod";
    "GUARDDUTY_EXTERNAL_ID" guardduty_external_id, false, Unset,
        "external ID for those roles";
    "GUARDDUTY_MIN_SEVERITY" guardduty_min_severity, false, Value("low"),
        "`low`, `medium`, `high`, `critical` or a number; a finding that reaches it later is announced as a first sighting";
    "GUARDDUTY_INCLUDE_TYPES" guardduty_include_types, false, Unset,
        "comma-separated list of globs for finding types; unset: every type";
    "GUARDDUTY_EXCLUDE_TYPES" guardduty_exclude_types, false, Unset,
        "comma-separated list of globs for finding types to exclude";
    "GUARDDUTY_LOOKBACK" guardduty_lookback, false, Value("10m"),
        "how far back the first poll of a new source reads";
    "GUARDDUTY_OVERLAP" guardduty_overlap, false, Value("15m"),
        "how far before the watermark of a source every run lists its findings again";
    "SLACK_BOT_TOKEN" slack_bot_token, true, Unset,
        "bot token of an app created for your own workspace (`chat:write`; `channels:history` and `groups:history` for exactly-once delivery)";
    "SLACK_CHANNEL" slack_channel, false, Unset,
        "default channel, its ID or a `#name`; required with a bot token";
    "SLACK_WEBHOOK_URL" slack_webhook_url, true, Unset,
        "URL of an incoming webhook, instead of a bot token";
    "SLACK_API_URL" slack_api_url, false, Value("https://slack.com/api"),
        "base URL of the Slack API, for GovSlack or tests";
    "SLACK_ROUTES" slack_routes, false, Unset,
        "JSON array of routes; the first match wins";
    "SLACK_RECURRENCE" slack_recurrence, false, Value("update"),
        "action on a recurrence: `update` the message in place, `repost`, or `ignore`. A webhook cannot edit messages: `update` then posts again if the severity level increased";
    "SLACK_REMIND_AFTER" slack_remind_after, false, Value("6h"),
        "minimum time between two replies about recurrences in the thread of a finding";
    "SLACK_DIGEST_AFTER" slack_digest_after, false, Value("20"),
        "new findings above this number, per channel and run, are summarized in digests; `0`: no digests";
    "GUARDDUTY_SAMPLES" guardduty_samples, false, Value("show"),
        "sample findings: `show` (marked as samples, without a mention) or `drop`";
    "GUARDDUTY_WATCH" guardduty_watch, false, Value("true"),
        "also monitor the configuration and the coverage of GuardDuty: status and features of the detector, suppression rules, trusted and threat lists, member accounts, runtime coverage, exports, malware scans";
    "SLACK_TRIAGE" slack_triage, false, Value("off"),
        "`show`: reactions on messages acknowledge, resolve and mute findings (scope `reactions:read`); `archive`: resolving also archives the finding in GuardDuty, and requires `SLACK_TRIAGE_USERS`; `off`";
    "SLACK_TRIAGE_USERS" slack_triage_users, false, Unset,
        "comma-separated list of the IDs of the users whose reactions count; unset: everyone in the channel (`show` only)";
    "SLACK_TRIAGE_EMOJI" slack_triage_emoji, false, Value("acknowledge=eyes,resolve=white_check_mark,mute=no_bell"),
        "names of the emoji, without colons; a meaning that is not named keeps its default";
    "SLACK_SUMMARY" slack_summary, false, Unset,
        "when a summary of the open findings is posted to the default channel: `daily 09:00`, `weekdays 09:00` or `mon 09:00`, optionally followed by a time zone (`Europe/Berlin`; default UTC)";
    "ACCOUNT_NAMES" account_names, false, Unset,
        "`123456789012=prod,…`, shown next to the account ID, or `organization` (`organizations:ListAccounts`)";
    "CONSOLE_PORTAL_URL" console_portal_url, false, Unset,
        "start URL of IAM Identity Center: console links then open in the account of the finding";
    "CONSOLE_PORTAL_ROLE" console_portal_role, false, Unset,
        "role (permission set) for those links; required with `CONSOLE_PORTAL_URL`";
    "RUNBOOK_URL" runbook_url, false, Unset,
        "link template with `{type}`, `{id}`, `{account}`, `{region}`";
    "STATE_FILE" state_file, false, Value("guardduty-slack-state/watermark.json"),
        "path of the state file";
    "STATE_CONFIGMAP" state_configmap, false, Unset,
        "name of the ConfigMap behind that file, in the namespace of the pod; read and written through the Kubernetes API";
    "STATE_SERVICE_ACCOUNT" state_service_account, false, Dynamic("the mount of a pod"),
        "directory with `token`, `ca.crt` and `namespace` of the ServiceAccount that reads and writes the ConfigMap";
    "PUSHGATEWAY_URL" pushgateway_url, false, Unset,
        "base URL of a Prometheus Pushgateway; unset: no push";
    "PUSHGATEWAY_JOB" pushgateway_job, false, Value("guardduty-slack"),
        "value of the grouping label `job`";
    "PUSHGATEWAY_LABELS" pushgateway_labels, false, Unset,
        "additional grouping labels, `k=v,k=v`";
    "PUSHGATEWAY_USERNAME" pushgateway_username, false, Unset,
        "user name for basic authentication";
    "PUSHGATEWAY_PASSWORD" pushgateway_password, true, Unset,
        "password for basic authentication";
    "RUN_TIMEOUT" run_timeout, false, Value("8m"),
        "time limit of a run, after which it saves the state, pushes the metrics, and exits with 1 if findings are pending";
    "RUN_LEASE" run_lease, false, Value("60s"),
        "time after which the lease of a run expires if it is not renewed";
    "DRY_RUN" dry_run, false, Value("false"),
        "perform a run that prints the messages instead of posting them; no lease, no checkpoint, no push";
    "LOG_FORMAT" log_format, false, Dynamic("`json` unless on a terminal"),
        "format of the log on standard error: `json` or `text`";
    "RUST_LOG" rust_log, false, Value("info"),
        "log filter: a level, or `target=level,…`";
}

impl Raw {
    /// Reads the known variables of an environment. Every field is optional text, so only a programming error could fail. Its
    /// error is dropped, because the error of `envy` contains the value.
    pub(super) fn from_vars(env: &BTreeMap<String, String>) -> Option<Self> {
        let known = VARIABLES.iter().filter_map(|v| {
            let default = match v.default {
                Value(d) => Some(d),
                Dynamic(_) | DefaultValue::Unset => None,
            };
            Some((v.name.to_owned(), env.get(v.name).map(String::as_str).or(default)?.to_owned()))
        });
        envy::from_iter(known).ok()
    }
}

const HELP_FOOTER: &str = "\
Durations are written 90s, 10m, 6h, 1d. Booleans are true, false, 1, 0. Lists
are separated by commas. An empty variable counts as unset. SLACK_BOT_TOKEN,
SLACK_WEBHOOK_URL and PUSHGATEWAY_PASSWORD, and the webhook variables that
routes name, can be given as files: SLACK_BOT_TOKEN_FILE=/path and so on.

The variables of AWS (AWS_REGION, AWS_PROFILE, AWS_ROLE_ARN,
AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ENDPOINT_URL, AWS_MAX_ATTEMPTS, …) have the
same meaning as in every AWS SDK. HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE (a CA
bundle that replaces the built-in one) apply to every connection except those
to the Kubernetes API, the Pod Identity agent and loopback. AWS_CA_BUNDLE
replaces both bundles for connections to AWS.
";

/// Maximum length of a line of the help.
const WIDTH: usize = 80;

/// The part of `--help` about the environment: every variable with its default, and what else is read.
pub fn render_help() -> String {
    let mut text = String::from("ENVIRONMENT\n");
    for v in VARIABLES {
        let file =
            if v.secret { format!("; or {}_FILE, the path of a file that contains it", v.name) } else { String::new() };
        text += &format!("  {}", v.name);
        text += &match v.default {
            Unset => String::new(),
            Value(d) => default_in_help(v.name, d),
            Dynamic(words) => default_in_help(v.name, &words.replace('`', "")),
        };
        text += "\n";
        text += &wrap_help(&(v.description.replace('`', "") + &file));
    }
    text + "\n" + HELP_FOOTER
}

/// The default next to the name, or below it if the line would be too long.
fn default_in_help(name: &str, default: &str) -> String {
    let beside = format!("  [default: {default}]");
    let is_long = 2 + name.len() + beside.chars().count() > WIDTH;
    if is_long { format!("\n      {}", beside.trim_start()) } else { beside }
}

/// Wraps the text to indented lines that fit a terminal.
fn wrap_help(text: &str) -> String {
    const INDENT: &str = "      ";
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if INDENT.len() + line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                *line += " ";
                *line += word;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("{INDENT}{line}\n")).collect()
}

/// The table of variables in docs/configuration.md.
pub fn render_markdown() -> String {
    let mut text = String::from("| variable | default | meaning |\n|---|---|---|\n");
    for v in VARIABLES {
        let file = if v.secret {
            format!("; or `{}_FILE`, the path of a file that contains it", v.name)
        } else {
            String::new()
        };
        text += &format!(
            "| `{}` | {} | {}{file} |\n",
            v.name,
            v.default.render_markdown(),
            v.description.replace('|', "\\|")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_raw_bears_its_variable_s_name() {
        // `envy` matches fields with the names of variables in lowercase. Each value must have its own name.
        for v in VARIABLES {
            let env = BTreeMap::from([(v.name.to_owned(), "probe".to_owned())]);
            let raw = Raw::from_vars(&env).unwrap();
            let hits: Vec<&str> = raw.all().into_iter().filter(|g| g.value == Some("probe")).map(|g| g.name).collect();
            assert_eq!(hits, [v.name]);
        }
    }

    #[test]
    fn help_and_table_list_every_variable_with_its_default() {
        let (help, table) = (render_help(), render_markdown());
        for v in VARIABLES {
            assert!(help.contains(&format!("\n  {}", v.name)), "{}", v.name);
            assert!(table.contains(&format!("| `{}` |", v.name)), "{}", v.name);
            if let Value(d) = v.default {
                let default = format!("[default: {d}]");
                let places = ["  ", "\n      "].map(|between| format!("{}{between}{default}", v.name));
                assert!(places.iter().any(|place| help.contains(place)), "{}", v.name);
            }
        }
        assert!(help.contains("LOG_FORMAT  [default: json unless on a terminal]"));
        assert!(help.contains("SLACK_BOT_TOKEN_FILE"));
        assert!(help.lines().all(|l| l.chars().count() <= 80));
        assert_eq!(table.lines().count(), VARIABLES.len() + 2);
    }
}
