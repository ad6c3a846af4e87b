//! `SLACK_ROUTES`: which finding goes where.

mod parse;
mod severity;

use std::time::Duration;

use secrecy::SecretString;

use super::glob::Glob;
pub(super) use parse::{SlackAuthKind, parse, webhook_variables};
pub use severity::SeverityRange;

/// The routes in the order in which they are tried; the first that matches wins.
#[derive(Clone, Debug, Default)]
pub struct Routes(pub Vec<Route>);

#[derive(Clone, Debug)]
pub struct Route {
    pub matcher: RouteMatcher,
    pub action: RouteAction,
    /// The mention in new messages and in replies about an increased severity level: validated Slack syntax.
    pub mention: Option<String>,
    pub escalate: Option<Escalate>,
}

/// The call about a finding that nobody acknowledged in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalate {
    /// Time from the first message of the finding.
    pub after: Duration,
    /// Only Slack's own mentions, checked.
    pub mention: String,
}

#[derive(Clone, Debug)]
pub enum RouteAction {
    Drop,
    Target(Target),
}

/// Where a message goes.
#[derive(Clone, Debug)]
pub enum Target {
    /// A channel's id or `#name`.
    Channel(String),
    /// An incoming webhook; `name` is the variable that holds its URL, and its name in metrics and state.
    Webhook { name: String, url: SecretString },
}

impl Target {
    /// As configured: what the log, the metrics and the state call it.
    pub fn name(&self) -> &str {
        match self {
            Target::Channel(name) | Target::Webhook { name, .. } => name,
        }
    }
}

/// By name: a webhook's URL is not compared.
impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        matches!(self, Target::Channel(_)) == matches!(other, Target::Channel(_)) && self.name() == other.name()
    }
}

/// What a route asks of a finding: everything that is given must hold; of a list, one glob. At least one is given.
#[derive(Clone, Debug, Default)]
pub struct RouteMatcher {
    pub severity: Option<SeverityRange>,
    pub types: Vec<Glob>,
    pub accounts: Vec<Glob>,
    pub regions: Vec<Glob>,
    /// Against the resource's kind and each of its identifiers.
    pub resources: Vec<Glob>,
    /// Against `key=value`.
    pub tags: Vec<Glob>,
}
