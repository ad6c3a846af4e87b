//! From the environment to a [`Config`]: every variable is read, and every fault noted, before any is reported.

use std::time::Duration;

use secrecy::SecretString;

use super::environment::Environment;
use super::faults::Faults;
use super::routes::{self, Kind};
use super::values::{self, Parsed};
use super::variables::{Given, Raw, VARIABLES};
use super::{
    Access, Aws, Config, Credentials, Filter, Log, LogFormat, Portal, Pushgateway, Regions, Role, Routes,
    SERVICE_ACCOUNT, Slack, State, Triage, TriageMode, Wording, aws, summary, triage, unknown, urls,
};
use crate::http;

/// A shorter run cannot even wait for an answer.
const SHORTEST_RUN: Duration = Duration::from_secs(5);
/// A lease is renewed every third of it.
const SHORTEST_LEASE: Duration = Duration::from_secs(2);

/// What the configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Run,
    /// Nothing is sent: secrets may be missing, and their files are not read.
    Preview,
}

pub(super) fn config(
    vars: impl IntoIterator<Item = (String, String)>,
    on_terminal: bool,
    purpose: Purpose,
) -> Result<Config, Faults> {
    let mut faults = Faults::default();
    let mut env = Environment::new(vars);
    let webhooks = webhooks_named(&env);
    let secrets = VARIABLES.iter().filter(|v| v.secret).map(|v| v.name);
    let more = webhooks.iter().flatten().map(String::as_str).filter(|w| VARIABLES.iter().all(|v| v.name != *w));
    if purpose == Purpose::Run {
        secrets.chain(more).for_each(|name| env.read_secret_file(name, &mut faults));
    }
    let Some(raw) = Raw::read(&env.vars) else {
        faults.add("environment", "cannot read the environment");
        return Err(faults);
    };
    let mut reader = Reader { env: &env, raw: &raw, purpose, faults };
    reader.unknown(webhooks.as_deref());
    let config = reader.config(on_terminal);
    if reader.faults.is_empty() { Ok(config) } else { Err(reader.faults) }
}

fn webhooks_named(env: &Environment) -> Option<Vec<String>> {
    env.vars.get("SLACK_ROUTES").map_or(Some(Vec::new()), |text| routes::webhook_variables(text))
}

struct Reader<'a> {
    env: &'a Environment,
    raw: &'a Raw,
    purpose: Purpose,
    faults: Faults,
}

impl Reader<'_> {
    /// The value, checked; `None` if it is not set, or wrong, which is noted. Blanks around it do not count.
    fn optional<T>(&mut self, given: Given<'_>, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        parse(given.value?.trim()).map_err(|why| self.faults.add(given.name, why)).ok()
    }

    /// The same where something holds if it is not set. A default in place of a wrong value is never used: with a
    /// fault there is no configuration.
    fn read<T: Default>(&mut self, given: Given<'_>, parse: impl Fn(&str) -> Parsed<T>) -> T {
        self.optional(given, parse).unwrap_or_default()
    }

    fn config(&mut self, on_terminal: bool) -> Config {
        let raw = self.raw;
        let aws = self.aws();
        let filter = Filter {
            min_severity: self.read(raw.guardduty_min_severity(), values::severity),
            include: self.read(raw.guardduty_include_types(), values::globs),
            exclude: self.read(raw.guardduty_exclude_types(), values::globs),
            samples: self.read(raw.guardduty_samples(), values::samples),
        };
        let (slack, routes) = self.slack();
        let mut config = Config {
            aws,
            filter,
            lookback: self.read(raw.guardduty_lookback(), values::duration),
            overlap: self.read(raw.guardduty_overlap(), values::duration),
            watch: self.read(raw.guardduty_watch(), values::boolean),
            slack,
            routes,
            wording: self.wording(),
            state: State {
                file: self.read(raw.state_file(), values::file),
                configmap: self.optional(raw.state_configmap(), values::configmap),
                service_account: self
                    .optional(raw.state_service_account(), values::directory)
                    .unwrap_or_else(|| SERVICE_ACCOUNT.into()),
            },
            pushgateway: self.pushgateway(),
            run_timeout: self.read(raw.run_timeout(), values::at_least(SHORTEST_RUN)),
            lease: self.read(raw.run_lease(), values::at_least(SHORTEST_LEASE)),
            dry_run: self.read(raw.dry_run(), values::boolean),
            log: self.log(on_terminal),
        };
        config.log.dry_run = config.dry_run;
        config
    }

    fn aws(&mut self) -> Aws {
        let raw = self.raw;
        let roles = self.read(raw.guardduty_role_arns(), values::roles);
        let regions = self.read(raw.guardduty_regions(), values::regions);
        let external_id = self.optional(raw.guardduty_external_id(), values::external_id);
        let sdk = match self.purpose {
            Purpose::Run => self.sdk(&regions),
            Purpose::Preview => aws::Read::default(),
        };
        Aws {
            regions,
            roles: if roles.is_empty() { vec![Role::Own] } else { roles },
            external_id,
            environment: sdk.environment,
            ca_bundle: sdk.ca_bundle,
        }
    }

    /// What the SDK and the HTTP clients read of the environment.
    fn sdk(&mut self, regions: &Regions) -> aws::Read {
        let vars = &self.env.vars;
        let sdk = aws::read(vars, &mut self.faults);
        let is_listed = matches!(regions, Regions::List(_));
        let is_wrong = self.faults.mention("AWS_REGION") || self.faults.mention("AWS_DEFAULT_REGION");
        if !is_listed && !is_wrong && aws::lacks_region(&sdk.environment) {
            self.faults.add("AWS_REGION", "not set: required unless GUARDDUTY_REGIONS lists regions");
        }
        for problem in http::problems(|name| vars.get(name).cloned(), sdk.ca_bundle.as_deref()) {
            self.faults.add(problem.variable(), problem.problem());
        }
        sdk
    }

    fn slack(&mut self) -> (Slack, Routes) {
        let raw = self.raw;
        let (access, kind) = self.access();
        let triage = self.triage(kind);
        let routes = self.routes(kind, triage.is_some());
        let slack = Slack {
            access,
            api_url: self.read(raw.slack_api_url(), urls::base),
            recurrence: self.read(raw.slack_recurrence(), values::recurrence),
            remind_after: self.read(raw.slack_remind_after(), values::duration),
            digest_after: self.read(raw.slack_digest_after(), values::count),
            triage,
            summary: self.optional(raw.slack_summary(), summary::schedule),
        };
        (slack, routes)
    }

    fn triage(&mut self, kind: Kind) -> Option<Triage> {
        let raw = self.raw;
        let mode = self.read(raw.slack_triage(), triage::mode);
        let users = self.optional(raw.slack_triage_users(), triage::users);
        let emoji = self.read(raw.slack_triage_emoji(), triage::emoji);
        if mode.is_some() && kind == Kind::Webhook {
            self.faults.add("SLACK_TRIAGE", "requires SLACK_BOT_TOKEN: a webhook cannot read reactions");
        }
        if mode == Some(TriageMode::Archive) && raw.slack_triage_users().value.is_none() {
            self.faults.add("SLACK_TRIAGE_USERS", "not set: required with SLACK_TRIAGE=archive");
        }
        mode.map(|mode| Triage { mode, users, emoji })
    }

    /// Exactly one of bot token and webhook.
    fn access(&mut self) -> (Access, Kind) {
        let raw = self.raw;
        let channel = self.optional(raw.slack_channel(), values::channel);
        let (has_token, has_webhook) = (raw.slack_bot_token().value.is_some(), raw.slack_webhook_url().value.is_some());
        let token = self.optional(raw.slack_bot_token(), values::bot_token);
        let url = self.optional(raw.slack_webhook_url(), urls::webhook);
        match (has_token, has_webhook) {
            (true, true) => {
                self.faults.add("SLACK_WEBHOOK_URL", "cannot be combined with SLACK_BOT_TOKEN; unset one of them")
            }
            (true, false) => self.require_channel(),
            (false, false) if self.purpose == Purpose::Run => {
                self.no_access();
                // Without a webhook it will be a bot token.
                if !self.faults.mention("SLACK_WEBHOOK_URL") {
                    self.require_channel();
                }
            }
            _ => {}
        }
        let kind = match (has_token, has_webhook) {
            (true, false) => Kind::Bot,
            (false, true) => Kind::Webhook,
            _ => Kind::Either,
        };
        let access = match url {
            Some(url) if kind == Kind::Webhook => Access::Webhook { url },
            _ => Access::Bot {
                token: token.unwrap_or_else(|| SecretString::from("")),
                channel: channel.unwrap_or_else(|| "SLACK_CHANNEL".into()),
            },
        };
        (access, kind)
    }

    fn require_channel(&mut self) {
        if self.purpose == Purpose::Run && self.raw.slack_channel().value.is_none() {
            self.faults.add("SLACK_CHANNEL", "not set: required with a bot token; expected a channel ID or #name");
        }
    }

    fn no_access(&mut self) {
        if !self.faults.mention("SLACK_BOT_TOKEN") && !self.faults.mention("SLACK_WEBHOOK_URL") {
            let mend = "not set: set it, SLACK_BOT_TOKEN_FILE or SLACK_WEBHOOK_URL";
            self.faults.add("SLACK_BOT_TOKEN", mend);
        }
    }

    fn routes(&mut self, kind: Kind, has_triage: bool) -> Routes {
        let Some(text) = self.raw.slack_routes().value else { return Routes::default() };
        let (vars, preview) = (&self.env.vars, self.purpose == Purpose::Preview);
        let unreadable: Vec<String> = self.faults.iter().map(|f| f.variable.clone()).collect();
        let webhook = move |name: &str| match vars.get(name) {
            Some(url) => urls::webhook(url).map_err(|why| format!("variable {name}: {why}")),
            None if preview => Ok(SecretString::from("")),
            None if unreadable.contains(&format!("{name}_FILE")) => Err(format!("cannot read the file of {name}")),
            None => Err(format!("variable {name} is not set: set it, or {name}_FILE, to the webhook URL")),
        };
        routes::parse(text, kind, has_triage, &webhook, &mut self.faults)
    }

    fn wording(&mut self) -> Wording {
        let raw = self.raw;
        let (url_given, role_given) =
            (raw.console_portal_url().value.is_some(), raw.console_portal_role().value.is_some());
        let url = self.optional(raw.console_portal_url(), urls::portal);
        let role = self.optional(raw.console_portal_role(), values::role_name);
        match (url_given, role_given) {
            (true, false) => self.faults.add("CONSOLE_PORTAL_ROLE", "not set: required with CONSOLE_PORTAL_URL"),
            (false, true) => self.faults.add("CONSOLE_PORTAL_URL", "not set: required with CONSOLE_PORTAL_ROLE"),
            _ => {}
        }
        Wording {
            account_names: self.read(raw.account_names(), values::account_names),
            portal: url.zip(role).map(|(url, role)| Portal { url, role }),
            runbook_url: self.optional(raw.runbook_url(), urls::template),
        }
    }

    fn pushgateway(&mut self) -> Option<Pushgateway> {
        let raw = self.raw;
        let url = self.optional(raw.pushgateway_url(), urls::base);
        let job = self.read(raw.pushgateway_job(), values::text);
        let labels = self.read(raw.pushgateway_labels(), values::labels);
        let username = self.optional(raw.pushgateway_username(), values::username);
        // A password may begin or end with a blank, so it is taken as it is.
        let password = raw.pushgateway_password().value.map(SecretString::from);
        if raw.pushgateway_username().value.is_some()
            && password.is_none()
            && !self.faults.mention("PUSHGATEWAY_PASSWORD")
        {
            self.faults.add(
                "PUSHGATEWAY_PASSWORD",
                "not set: required with PUSHGATEWAY_USERNAME (or set PUSHGATEWAY_PASSWORD_FILE)",
            );
        }
        if raw.pushgateway_username().value.is_none() && password.is_some() {
            self.faults.add("PUSHGATEWAY_USERNAME", "not set: required with PUSHGATEWAY_PASSWORD");
        }
        let auth = username.zip(password).map(|(username, password)| Credentials { username, password });
        url.map(|url| Pushgateway { url, job, labels, auth })
    }

    fn log(&mut self, on_terminal: bool) -> Log {
        let raw = self.raw;
        let unset = if on_terminal { LogFormat::Text } else { LogFormat::Json };
        Log {
            format: self.optional(raw.log_format(), values::log_format).unwrap_or(unset),
            filter: self.read(raw.rust_log(), values::log_filter),
            dry_run: false,
        }
    }

    /// Notes every variable under our prefixes that nothing reads. `webhooks` are those that routes name; `None` if
    /// the routes cannot be read, and then a name that stands anywhere in them is let pass.
    fn unknown(&mut self, webhooks: Option<&[String]>) {
        let mut known: Vec<String> = Vec::new();
        for v in VARIABLES {
            known.push(v.name.into());
            known.extend(v.secret.then(|| format!("{}_FILE", v.name)));
        }
        known.extend(webhooks.unwrap_or_default().iter().flat_map(|w| [w.clone(), format!("{w}_FILE")]));
        let text = if webhooks.is_none() { self.raw.slack_routes().value.unwrap_or_default() } else { "" };
        let strangers =
            self.env.vars.iter().filter(|(name, value)| unknown::is_ours(name, value) && !known.contains(name));
        for (name, _) in strangers.filter(|(name, _)| !text.contains(name.strip_suffix("_FILE").unwrap_or(name))) {
            let nearest = unknown::nearest(name, known.iter().map(String::as_str));
            self.faults.add(name, format!("unknown variable; did you mean {nearest}?"));
        }
    }
}
