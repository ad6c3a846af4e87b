//! Parses routes from JSON. Pure: the caller passes a function that looks up the URLs of webhooks.

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::{Escalate, Route, RouteAction, RouteMatcher, Routes, SeverityRange, Target};
use crate::config::errors::ConfigErrors;
use crate::config::glob::Glob;
use crate::config::values::{is_account, parse_channel, parse_duration_value, quote_redacted};
use crate::mention::Mention;

/// Credentials for Slack, which decide whether a route may have `channel` or `webhook`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum SlackAuthKind {
    Bot,
    Webhook,
    /// Unknown or not relevant. Both are allowed.
    Any,
}

/// Returns the names of the variables of webhooks in routes, including invalid routes. Returns `None` if the text is not
/// JSON, because the names are unknown in that case.
pub(in crate::config) fn webhook_variables(text: &str) -> Option<Vec<String>> {
    let routes: Vec<Value> = serde_json::from_str(text).ok()?;
    let named = |route: &Value| Some(base_name(route.get("webhook")?.as_str()?).to_owned());
    Some(routes.iter().filter_map(named).collect())
}

/// A route may name the variable, or the variable with the path of its file.
fn base_name(variable: &str) -> &str {
    variable.strip_suffix("_FILE").unwrap_or(variable)
}

/// Parses all routes. Errors are recorded under `SLACK_ROUTES[n]…`. The result is valid only if there is no error.
pub(in crate::config) fn parse(
    text: &str,
    kind: SlackAuthKind,
    has_triage: bool,
    webhook: &dyn Fn(&str) -> Result<SecretString, String>,
    faults: &mut ConfigErrors,
) -> Routes {
    let routes = match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(routes)) => routes,
        Ok(_) => {
            faults.push(
                "SLACK_ROUTES",
                "invalid value: expected a JSON array such as [{\"match\": {…}, \"channel\": \"#name\"}]",
            );
            return Routes::default();
        }
        Err(e) => {
            faults.push("SLACK_ROUTES", format!("invalid JSON at line {}, column {}", e.line(), e.column()));
            return Routes::default();
        }
    };
    let mut reader = RouteParser { path: String::new(), kind, has_triage, webhook, faults };
    Routes(routes.iter().enumerate().filter_map(|(n, route)| reader.route(n, route)).collect())
}

struct RouteParser<'a> {
    path: String,
    kind: SlackAuthKind,
    /// True if `SLACK_TRIAGE` is set.
    has_triage: bool,
    webhook: &'a dyn Fn(&str) -> Result<SecretString, String>,
    faults: &'a mut ConfigErrors,
}

impl RouteParser<'_> {
    fn report(&mut self, below: &str, problem: impl Into<String>) {
        self.faults.push(format!("{}{below}", self.path), problem);
    }

    fn route(&mut self, n: usize, route: &Value) -> Option<Route> {
        self.path = format!("SLACK_ROUTES[{n}]");
        let Value::Object(route) = route else {
            self.report("", "invalid route: expected an object such as {\"match\": {…}, \"channel\": \"#name\"}");
            return None;
        };
        self.report_unknown_keys("", route, &["match", "channel", "webhook", "drop", "mention", "escalate"]);
        let match_ = self.parse_matcher(route.get("match"));
        let to = self.parse_action(route);
        let mention = self.parse_mention(".mention", route.get("mention"), &to);
        let escalate = self.escalate(route.get("escalate"), &to);
        Some(Route { matcher: match_, action: to?, mention, escalate })
    }

    fn escalate(&mut self, value: Option<&Value>, to: &Option<RouteAction>) -> Option<Escalate> {
        const EXPECTED: &str =
            "invalid escalation: expected an object such as {\"after\": \"30m\", \"mention\": \"<!subteam^S0123>\"}";
        let Value::Object(keys) = value? else {
            self.report(".escalate", EXPECTED);
            return None;
        };
        self.report_unknown_keys(".escalate", keys, &["after", "mention"]);
        if !self.has_triage {
            self.report(".escalate", "requires SLACK_TRIAGE: only a reaction on the message acknowledges a finding");
        }
        let after = keys.get("after").and_then(Value::as_str).map(parse_duration_value);
        let after = match after {
            Some(Ok(after)) => Some(after),
            Some(Err(why)) => {
                self.report(".escalate.after", why);
                None
            }
            None => {
                self.report(".escalate.after", "not set: expected a duration such as \"30m\"");
                None
            }
        };
        if !keys.contains_key("mention") {
            self.report(".escalate.mention", "not set: expected a mention, such as \"<!subteam^S0123>\"");
        }
        let mention = self.parse_mention(".escalate.mention", keys.get("mention"), to);
        Some(Escalate { after: after?, mention: mention? })
    }

    fn report_unknown_keys(&mut self, below: &str, object: &Map<String, Value>, known: &[&str]) {
        for key in object.keys().filter(|k| !known.contains(&k.as_str())) {
            self.report(below, format!("unknown key {}: expected one of {}", quote_redacted(key), known.join(", ")));
        }
    }

    fn parse_matcher(&mut self, value: Option<&Value>) -> RouteMatcher {
        const EMPTY_MATCH_ERROR: &str = "empty match; use \"type\": [\"*\"] to match every finding";
        match value {
            Some(Value::Object(keys)) if !keys.is_empty() => {
                self.report_unknown_keys(".match", keys, &["severity", "type", "account", "region", "resource", "tag"]);
                RouteMatcher {
                    severity: keys.get("severity").and_then(|v| self.parse_severity(v)),
                    types: self.parse_globs("type", keys, |_| None),
                    accounts: self.parse_globs("account", keys, account_error),
                    regions: self.parse_globs("region", keys, |_| None),
                    resources: self.parse_globs("resource", keys, |_| None),
                    tags: self.parse_globs("tag", keys, tag_error),
                }
            }
            Some(Value::Object(_)) | None => {
                self.report(".match", EMPTY_MATCH_ERROR);
                RouteMatcher::default()
            }
            Some(_) => {
                self.report(
                    ".match",
                    "invalid match: expected an object such as {\"severity\": \">=7\", \"type\": [\"*:EC2/*\"]}",
                );
                RouteMatcher::default()
            }
        }
    }

    fn parse_severity(&mut self, value: &Value) -> Option<SeverityRange> {
        let range = SeverityRange::parse(value);
        if range.is_none() {
            self.report(
                ".match.severity",
                "invalid severity: expected a comparison such as \">=7\" or \"<high\", a number from 0 to 10, or low, medium, high or critical",
            );
        }
        range
    }

    fn parse_globs(
        &mut self,
        key: &str,
        keys: &Map<String, Value>,
        problem: fn(&str) -> Option<&'static str>,
    ) -> Vec<Glob> {
        let below = format!(".match.{key}");
        let items = match keys.get(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) if !items.is_empty() => items.iter().collect(),
            Some(one @ Value::String(_)) => vec![one],
            Some(_) => {
                self.report(&below, "invalid value: expected a list of globs such as [\"a*\", \"b\"]");
                return Vec::new();
            }
        };
        let mut globs = Vec::new();
        for item in items {
            match item.as_str().map(str::trim) {
                Some("") => self.report(&below, "empty glob; use * to match everything"),
                Some(text) => match problem(text) {
                    Some(why) => self.report(&below, format!("{}: {why}", quote_redacted(text))),
                    None => globs.push(Glob::new(text)),
                },
                None => self.report(&below, "invalid glob: expected a string"),
            }
        }
        globs
    }

    fn parse_action(&mut self, route: &Map<String, Value>) -> Option<RouteAction> {
        let dropped = match route.get("drop") {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(_) => {
                self.report(".drop", "invalid boolean: expected true or false");
                return None;
            }
        };
        match (dropped, route.get("channel"), route.get("webhook")) {
            (true, None, None) => Some(RouteAction::Drop),
            (false, Some(channel), None) => self.parse_channel(channel),
            (false, None, Some(webhook)) => self.parse_webhook(webhook),
            (false, None, None) => {
                self.report(
                    "",
                    "no destination: set \"channel\" (with SLACK_WEBHOOK_URL, \"webhook\") or \"drop\": true",
                );
                None
            }
            _ => {
                self.report("", "conflicting keys: set only one of channel, webhook and drop");
                None
            }
        }
    }

    fn parse_channel(&mut self, value: &Value) -> Option<RouteAction> {
        if self.kind == SlackAuthKind::Webhook {
            self.report(".channel", "requires SLACK_BOT_TOKEN: a webhook posts to its own channel; use \"webhook\": \"NAME\", the variable that contains the URL");
            return None;
        }
        match parse_channel(value.as_str().unwrap_or_default().trim()) {
            Ok(channel) => Some(RouteAction::Target(Target::Channel(channel))),
            Err(why) => {
                self.report(".channel", why);
                None
            }
        }
    }

    fn parse_webhook(&mut self, value: &Value) -> Option<RouteAction> {
        if self.kind == SlackAuthKind::Bot {
            self.report(".webhook", "requires SLACK_WEBHOOK_URL; with SLACK_BOT_TOKEN use \"channel\": \"#name\"");
            return None;
        }
        let name = base_name(value.as_str().unwrap_or_default().trim());
        if !is_variable_name(name) {
            self.report(
                ".webhook",
                "invalid variable name: expected the name of the variable that contains the URL, such as SLACK_WEBHOOK_PAGING",
            );
            return None;
        }
        match (self.webhook)(name) {
            Ok(url) => Some(RouteAction::Target(Target::Webhook { name: name.to_owned(), url })),
            Err(why) => {
                self.report(".webhook", why);
                None
            }
        }
    }

    fn parse_mention(&mut self, below: &str, value: Option<&Value>, to: &Option<RouteAction>) -> Option<Mention> {
        let Some(mention) = value?.as_str().and_then(Mention::parse) else {
            self.report(
                below,
                "invalid mention: expected <!here>, <!channel>, <!everyone>, <!subteam^S0123> or <@U0123>",
            );
            return None;
        };
        if matches!(to, Some(RouteAction::Drop)) {
            self.report(below, "cannot be combined with drop, which posts nothing");
        }
        Some(mention)
    }
}

fn account_error(text: &str) -> Option<&'static str> {
    let wild = text.contains(['*', '?']);
    (!wild && !is_account(text)).then_some("invalid account: expected 12 digits or a glob")
}

fn tag_error(text: &str) -> Option<&'static str> {
    (!text.contains(['=', '*'])).then_some("invalid tag: expected key=value")
}

/// Source: POSIX.1, “Environment Variables”.
fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests;
