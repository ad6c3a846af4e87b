//! Routes of `SLACK_ROUTES`, which select the channel of a finding.

mod parse;
mod severity;

use std::time::Duration;

use secrecy::SecretString;

use super::glob::Glob;
use crate::mention::Mention;
pub(super) use parse::{SlackAuthKind, parse, webhook_variables};
pub use severity::SeverityRange;

/// The routes in order. The first route that matches a finding applies.
#[derive(Clone, Debug, Default)]
pub struct Routes(pub Vec<Route>);

#[derive(Clone, Debug)]
pub struct Route {
    pub matcher: RouteMatcher,
    pub action: RouteAction,
    /// The mention in new messages and in replies about an increased severity level.
    pub mention: Option<Mention>,
    pub escalate: Option<Escalate>,
}

/// The escalation of a finding that nobody acknowledged in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalate {
    /// Time from the first message of the finding.
    pub after: Duration,
    pub mention: Mention,
}

#[derive(Clone, Debug)]
pub enum RouteAction {
    Drop,
    Target(Target),
}

/// Destination of a message.
#[derive(Clone, Debug)]
pub enum Target {
    /// The ID or `#name` of a channel.
    Channel(String),
    /// An incoming webhook. `name` is the variable that contains its URL, and its name in metrics and state.
    Webhook { name: String, url: SecretString },
}

impl Target {
    /// The name as configured, which logs, metrics and the state use.
    pub fn name(&self) -> &str {
        match self {
            Target::Channel(name) | Target::Webhook { name, .. } => name,
        }
    }
}

/// Compares names. The URLs of webhooks are not compared.
impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        matches!(self, Target::Channel(_)) == matches!(other, Target::Channel(_)) && self.name() == other.name()
    }
}

/// The conditions of a route, at least one. All of them must match; of a list, at least one glob.
#[derive(Clone, Debug, Default)]
pub struct RouteMatcher {
    pub severity: Option<SeverityRange>,
    pub types: Vec<Glob>,
    pub accounts: Vec<Glob>,
    pub regions: Vec<Glob>,
    /// Compared with the kind of the resource and each of its identifiers.
    pub resources: Vec<Glob>,
    /// Compared with `key=value`.
    pub tags: Vec<Glob>,
}
