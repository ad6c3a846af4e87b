//! Reads the variables about Slack: access, triage, routes.

use secrecy::SecretString;

use super::super::routes::{self, SlackAuthKind};
use super::super::{Routes, SlackAuth, SlackConfig, Triage, TriageMode, summary, triage, urls, values};
use super::{ConfigParser, Mode};

impl ConfigParser<'_> {
    pub(super) fn parse_slack(&mut self) -> (SlackConfig, Routes) {
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
                self.faults.push("SLACK_WEBHOOK_URL", "cannot be combined with SLACK_BOT_TOKEN; unset one of them");
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
        let unreadable: Vec<String> = self.faults.0.iter().map(|f| f.variable.clone()).collect();
        let webhook = move |name: &str| match vars.get(name) {
            Some(url) => urls::parse_webhook_url(url).map_err(|why| format!("variable {name}: {why}")),
            None if preview => Ok(SecretString::from("")),
            None if unreadable.contains(&format!("{name}_FILE")) => Err(format!("cannot read the file of {name}")),
            None => Err(format!("variable {name} is not set: set it, or {name}_FILE, to the webhook URL")),
        };
        routes::parse(text, kind, has_triage, &webhook, &mut self.faults)
    }
}
