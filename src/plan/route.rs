//! Selects the channel of a finding: the first route that matches, otherwise the default channel.

use crate::config::{Config, Glob, RouteAction, RouteMatcher, Target};
use crate::finding::Finding;
use crate::mention::Mention;

/// Channel and mention of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    pub target: Target,
    pub mention: Option<Mention>,
    /// The index of the route that matched; none: the default channel.
    pub route: Option<usize>,
}

impl Destination {
    /// The configured channel, or the variable of the webhook: label of the metric, and name of the queue.
    pub fn name(&self) -> &str {
        self.target.name()
    }
}

/// What the routes decide about a finding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RouteDecision {
    Drop,
    To(Destination),
}

/// The default channel or webhook.
pub(crate) fn default_destination(config: &Config) -> Destination {
    let target = config.slack.access.default_target();
    Destination { target, mention: None, route: None }
}

/// The index of the first route all of whose keys hold; `None`: the finding goes to the default channel.
pub(crate) fn matching_route(config: &Config, f: &Finding) -> Option<usize> {
    config.routes.0.iter().position(|r| matches(&r.matcher, f))
}

/// Destination of a finding. A sample finding has no mention.
pub(crate) fn route(config: &Config, f: &Finding) -> RouteDecision {
    let Some(index) = matching_route(config, f) else {
        return RouteDecision::To(default_destination(config));
    };
    let matched = &config.routes.0[index];
    match &matched.action {
        RouteAction::Drop => RouteDecision::Drop,
        RouteAction::Target(target) => {
            let mention = matched.mention.clone().filter(|_| !f.sample);
            RouteDecision::To(Destination { target: target.clone(), mention, route: Some(index) })
        }
    }
}

/// Destination of a message about a finding that was announced. If a route drops the finding now, it is the default channel.
pub(crate) fn destination_of(config: &Config, f: &Finding) -> Destination {
    match route(config, f) {
        RouteDecision::To(to) => to,
        RouteDecision::Drop => default_destination(config),
    }
}

fn matches(m: &RouteMatcher, f: &Finding) -> bool {
    let tags = || f.tags().iter().map(|(k, v)| format!("{k}={v}"));
    m.severity.is_none_or(|s| f.has_severity() && s.contains(f.severity))
        && matches_any(&m.types, || [f.kind.as_str()])
        && matches_any(&m.accounts, || [f.account_id.as_str()])
        && matches_any(&m.regions, || [f.origin.region.as_str()])
        && matches_any(&m.resources, || f.resource_names())
        && matches_any(&m.tags, tags)
}

/// Without globs, everything matches, and the texts are not read.
fn matches_any<T: AsRef<str>, I: IntoIterator<Item = T>>(globs: &[Glob], texts: impl FnOnce() -> I) -> bool {
    globs.is_empty() || texts().into_iter().any(|t| globs.iter().any(|g| g.matches(t.as_ref())))
}
