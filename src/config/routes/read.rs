//! From JSON to routes. Pure; the URLs of webhooks are looked up by the caller's function.

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::{Escalate, Match, Route, RouteTo, Routes, SeverityRange, Target};
use crate::config::faults::Faults;
use crate::config::glob::Glob;
use crate::config::values::{channel, duration, is_account, quoted};

/// How messages leave: decides which of `channel` and `webhook` a route may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    Bot,
    Webhook,
    /// Not known, or of no matter: both may be used.
    Either,
}

/// The names of the variables that routes give for webhooks, also of routes that are wrong elsewhere. Where the text
/// is no JSON, `None`: then nothing can be said about what it names.
pub(in crate::config) fn webhook_variables(text: &str) -> Option<Vec<String>> {
    let routes: Vec<Value> = serde_json::from_str(text).ok()?;
    let named = |route: &Value| Some(base_name(route.get("webhook")?.as_str()?).to_owned());
    Some(routes.iter().filter_map(named).collect())
}

/// A route may name the variable or the one with its path.
fn base_name(variable: &str) -> &str {
    variable.strip_suffix("_FILE").unwrap_or(variable)
}

/// Reads all routes; every fault is noted under `SLACK_ROUTES[n]…`, and what is returned counts only if there is none.
pub(in crate::config) fn parse(
    text: &str,
    kind: Kind,
    has_triage: bool,
    webhook: &dyn Fn(&str) -> Result<SecretString, String>,
    faults: &mut Faults,
) -> Routes {
    let routes = match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(routes)) => routes,
        Ok(_) => {
            faults.add(
                "SLACK_ROUTES",
                "invalid value: expected a JSON array such as [{\"match\": {…}, \"channel\": \"#name\"}]",
            );
            return Routes::default();
        }
        Err(e) => {
            faults.add("SLACK_ROUTES", format!("invalid JSON at line {}, column {}", e.line(), e.column()));
            return Routes::default();
        }
    };
    let mut reader = Reader { at: String::new(), kind, has_triage, webhook, faults };
    Routes(routes.iter().enumerate().filter_map(|(n, route)| reader.route(n, route)).collect())
}

struct Reader<'a> {
    at: String,
    kind: Kind,
    /// `SLACK_TRIAGE` is set.
    has_triage: bool,
    webhook: &'a dyn Fn(&str) -> Result<SecretString, String>,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn fault(&mut self, below: &str, problem: impl Into<String>) {
        self.faults.add(format!("{}{below}", self.at), problem);
    }

    fn route(&mut self, n: usize, route: &Value) -> Option<Route> {
        self.at = format!("SLACK_ROUTES[{n}]");
        let Value::Object(route) = route else {
            self.fault("", "invalid route: expected an object such as {\"match\": {…}, \"channel\": \"#name\"}");
            return None;
        };
        self.unknown_keys("", route, &["match", "channel", "webhook", "drop", "mention", "escalate"]);
        let match_ = self.match_(route.get("match"));
        let to = self.to(route);
        let mention = self.mention(".mention", route.get("mention"), &to);
        let escalate = self.escalate(route.get("escalate"), &to);
        Some(Route { match_, to: to?, mention, escalate })
    }

    fn escalate(&mut self, value: Option<&Value>, to: &Option<RouteTo>) -> Option<Escalate> {
        const EXPECTED: &str =
            "invalid escalation: expected an object such as {\"after\": \"30m\", \"mention\": \"<!subteam^S0123>\"}";
        let Value::Object(keys) = value? else {
            self.fault(".escalate", EXPECTED);
            return None;
        };
        self.unknown_keys(".escalate", keys, &["after", "mention"]);
        if !self.has_triage {
            self.fault(".escalate", "requires SLACK_TRIAGE: only a reaction on the message acknowledges a finding");
        }
        let after = keys.get("after").and_then(Value::as_str).map(duration);
        let after = match after {
            Some(Ok(after)) => Some(after),
            Some(Err(why)) => {
                self.fault(".escalate.after", why);
                None
            }
            None => {
                self.fault(".escalate.after", "not set: expected a duration such as \"30m\"");
                None
            }
        };
        if !keys.contains_key("mention") {
            self.fault(".escalate.mention", "not set: expected whom to call, such as \"<!subteam^S0123>\"");
        }
        let mention = self.mention(".escalate.mention", keys.get("mention"), to);
        Some(Escalate { after: after?, mention: mention? })
    }

    fn unknown_keys(&mut self, below: &str, object: &Map<String, Value>, known: &[&str]) {
        for key in object.keys().filter(|k| !known.contains(&k.as_str())) {
            self.fault(below, format!("unknown key {}: expected one of {}", quoted(key), known.join(", ")));
        }
    }

    fn match_(&mut self, value: Option<&Value>) -> Match {
        const NOTHING: &str = "empty match; use \"type\": [\"*\"] to match every finding";
        match value {
            Some(Value::Object(keys)) if !keys.is_empty() => {
                self.unknown_keys(".match", keys, &["severity", "type", "account", "region", "resource", "tag"]);
                Match {
                    severity: keys.get("severity").and_then(|v| self.severity(v)),
                    types: self.globs("type", keys, |_| None),
                    accounts: self.globs("account", keys, account_problem),
                    regions: self.globs("region", keys, |_| None),
                    resources: self.globs("resource", keys, |_| None),
                    tags: self.globs("tag", keys, tag_problem),
                }
            }
            Some(Value::Object(_)) | None => {
                self.fault(".match", NOTHING);
                Match::default()
            }
            Some(_) => {
                self.fault(
                    ".match",
                    "invalid match: expected an object such as {\"severity\": \">=7\", \"type\": [\"*:EC2/*\"]}",
                );
                Match::default()
            }
        }
    }

    fn severity(&mut self, value: &Value) -> Option<SeverityRange> {
        let range = SeverityRange::parse(value);
        if range.is_none() {
            self.fault(
                ".match.severity",
                "invalid severity: expected a comparison such as \">=7\" or \"<high\", a number from 0 to 10, or low, medium, high or critical",
            );
        }
        range
    }

    fn globs(&mut self, key: &str, keys: &Map<String, Value>, problem: fn(&str) -> Option<&'static str>) -> Vec<Glob> {
        let below = format!(".match.{key}");
        let items = match keys.get(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) if !items.is_empty() => items.iter().collect(),
            Some(one @ Value::String(_)) => vec![one],
            Some(_) => {
                self.fault(&below, "invalid value: expected a list of globs such as [\"a*\", \"b\"]");
                return Vec::new();
            }
        };
        let mut globs = Vec::new();
        for item in items {
            match item.as_str().map(str::trim) {
                Some("") => self.fault(&below, "empty glob; use * to match everything"),
                Some(text) => match problem(text) {
                    Some(why) => self.fault(&below, format!("{}: {why}", quoted(text))),
                    None => globs.push(Glob::new(text)),
                },
                None => self.fault(&below, "invalid glob: expected a string"),
            }
        }
        globs
    }

    fn to(&mut self, route: &Map<String, Value>) -> Option<RouteTo> {
        let dropped = match route.get("drop") {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(_) => {
                self.fault(".drop", "invalid boolean: expected true or false");
                return None;
            }
        };
        match (dropped, route.get("channel"), route.get("webhook")) {
            (true, None, None) => Some(RouteTo::Drop),
            (false, Some(channel), None) => self.channel(channel),
            (false, None, Some(webhook)) => self.webhook(webhook),
            (false, None, None) => {
                self.fault(
                    "",
                    "no destination: set \"channel\" (with SLACK_WEBHOOK_URL, \"webhook\") or \"drop\": true",
                );
                None
            }
            _ => {
                self.fault("", "conflicting keys: set only one of channel, webhook and drop");
                None
            }
        }
    }

    fn channel(&mut self, value: &Value) -> Option<RouteTo> {
        if self.kind == Kind::Webhook {
            self.fault(".channel", "requires SLACK_BOT_TOKEN: a webhook posts to its own channel; use \"webhook\": \"NAME\", the variable that contains the URL");
            return None;
        }
        match channel(value.as_str().unwrap_or_default().trim()) {
            Ok(channel) => Some(RouteTo::Target(Target::Channel(channel))),
            Err(why) => {
                self.fault(".channel", why);
                None
            }
        }
    }

    fn webhook(&mut self, value: &Value) -> Option<RouteTo> {
        if self.kind == Kind::Bot {
            self.fault(".webhook", "requires SLACK_WEBHOOK_URL; with SLACK_BOT_TOKEN use \"channel\": \"#name\"");
            return None;
        }
        let name = base_name(value.as_str().unwrap_or_default().trim());
        if !is_variable(name) {
            self.fault(
                ".webhook",
                "invalid variable name: expected the name of the variable that contains the URL, such as SLACK_WEBHOOK_PAGING",
            );
            return None;
        }
        match (self.webhook)(name) {
            Ok(url) => Some(RouteTo::Target(Target::Webhook { name: name.to_owned(), url })),
            Err(why) => {
                self.fault(".webhook", why);
                None
            }
        }
    }

    fn mention(&mut self, below: &str, value: Option<&Value>, to: &Option<RouteTo>) -> Option<String> {
        let text = match value? {
            Value::String(text) if !text.trim().is_empty() && text.split_whitespace().all(is_mention) => text,
            _ => {
                self.fault(
                    below,
                    "invalid mention: expected <!here>, <!channel>, <!everyone>, <!subteam^S0123> or <@U0123>",
                );
                return None;
            }
        };
        if matches!(to, Some(RouteTo::Drop)) {
            self.fault(below, "cannot be combined with drop, which posts nothing");
        }
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

fn account_problem(text: &str) -> Option<&'static str> {
    let wild = text.contains(['*', '?']);
    (!wild && !is_account(text)).then_some("invalid account: expected 12 digits or a glob")
}

fn tag_problem(text: &str) -> Option<&'static str> {
    (!text.contains(['=', '*'])).then_some("invalid tag: expected key=value")
}

/// Source: POSIX.1, “Environment Variables”.
fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Source: Slack, “Formatting text for app surfaces: mentioning groups, users and special mentions”.
fn is_mention(text: &str) -> bool {
    let id = |id: &str| id.len() >= 2 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let Some(inner) = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')) else { return false };
    match (inner.strip_prefix("!subteam^"), inner.strip_prefix('@')) {
        (Some(team), _) => team.starts_with('S') && id(team),
        (_, Some(user)) => user.starts_with(['U', 'W']) && id(user),
        _ => matches!(inner, "!here" | "!channel" | "!everyone"),
    }
}

#[cfg(test)]
mod tests;
