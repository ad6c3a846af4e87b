//! Describes what happened to a finding, and what the next run would do. Pure: [`crate::plan`] decides.

use crate::config::Config;
use crate::finding::{Finding, SeverityLevel};
use crate::plan::{Decision, RouteDecision, decide, matching_route, route, skip_reason};
use crate::slack::SentMessage;
use crate::state::{FindingRecord, State};
use crate::time::Timestamp;

use super::inert;
use crate::text::pluralize;

/// One line: a label and its text.
pub(super) type Line = (&'static str, String);

/// The message of a finding, and its address if Slack returns the address of the workspace.
pub(super) struct Message<'a> {
    pub at: &'a SentMessage,
    pub permalink: Option<String>,
}

/// The data about a finding: the finding in GuardDuty, and its entry in the state.
pub(super) struct Known<'a> {
    pub finding: Option<&'a Finding>,
    pub message: Option<Message<'a>>,
    pub state: &'a State,
}

/// Describes one finding, of which at least one of finding and entry is known.
pub(super) fn lines(id: &str, known: &Known, config: &Config, now: Timestamp) -> Vec<Line> {
    let entry = known.state.findings.get(id);
    let mut lines = Vec::new();
    match known.finding {
        Some(f) => lines.extend(finding_lines(f)),
        None => {
            lines.push(("GuardDuty", "no source shows it any more; GuardDuty keeps findings for 90 days".to_owned()));
        }
    }
    lines.push(("announced", announced(entry, known, config)));
    if let Some(updated) = entry.and_then(|entry| entry.updated_at) {
        lines.push(("processed", format!("revision of {}", updated.to_rfc3339())));
    }
    if let Some(f) = known.finding {
        lines.push(("route", routed(config, f)));
        lines.push(("next run", next_run(f, known.state, config, now)));
    }
    lines
}

fn finding_lines(f: &Finding) -> [Line; 4] {
    let level = if f.has_severity() {
        format!("{} ({})", f.severity_level(), SeverityLevel::format_score(f.severity))
    } else {
        "unknown".into()
    };
    let archived = if f.archived { ", archived in GuardDuty" } else { "" };
    let updated = if f.updated_at.is_empty() { "at an unknown time" } else { &f.updated_at };
    [
        ("type", inert(f.kind.as_str())),
        ("severity", level),
        ("source", f.origin.source_key().to_string()),
        ("GuardDuty", format!("updated {}, seen {}{archived}", inert(updated), pluralize(f.count, "time"))),
    ]
}

fn announced(entry: Option<&FindingRecord>, known: &Known, config: &Config) -> String {
    if let Some(Message { at, permalink }) = &known.message {
        let channel = at.channel();
        let name = known.state.channels.iter().find(|(_, id)| *id == channel).map(|(name, _)| name.as_str());
        let name = name.filter(|name| *name != channel).map(|name| format!(" ({})", inert(name))).unwrap_or_default();
        let link = match (permalink, at) {
            (Some(permalink), _) => permalink.clone(),
            (None, SentMessage::Bot(at)) => format!("message {}", at.ts),
            (None, SentMessage::Webhook(_)) => "no link, because a webhook returns none".to_owned(),
        };
        return format!("in channel {}{name}: {link}", inert(channel));
    }
    let is_skipped =
        known.finding.is_some_and(|f| skip_reason(config, f).is_some() || route(config, f) == RouteDecision::Drop);
    match entry {
        Some(entry) if entry.updated_at.is_some() && is_skipped => "no: it was skipped".to_owned(),
        Some(entry) if entry.updated_at.is_some() => {
            "in a digest, or skipped by a filter or route that has changed since. It has no message of its own"
                .to_owned()
        }
        _ => "no".to_owned(),
    }
}

/// The filter or the route that applies. Routes are counted from 1.
fn routed(config: &Config, f: &Finding) -> String {
    if let Some(reason) = skip_reason(config, f) {
        return format!("none: skipped by a filter, {}", reason.as_str());
    }
    let position = match matching_route(config, f) {
        Some(index) => format!("route {} of {}", index + 1, config.routes.0.len()),
        None => "no route matches".to_owned(),
    };
    match route(config, f) {
        RouteDecision::Drop => format!("{position}: drop"),
        RouteDecision::To(to) if to.route.is_some() => format!("{position}: channel {}", to.name()),
        RouteDecision::To(to) => format!("{position}: default channel {}", to.name()),
    }
}

fn next_run(f: &Finding, state: &State, config: &Config, now: Timestamp) -> String {
    let entry = state.findings.get(&f.id);
    let retry = match entry.and_then(|entry| entry.failing_since) {
        Some(since) => format!("; pending: delivery has failed since {}", since.to_rfc3339()),
        None if state.unfetched.get(&f.id).is_some_and(|one| !one.given_up) => {
            "; pending: it could not be fetched".into()
        }
        None => String::new(),
    };
    let planned = match decide(state, config, f, now) {
        Decision::AlreadyProcessed => return "does nothing: this revision is processed".to_owned(),
        Decision::Skip(_, reason) => return format!("announces nothing: {}", reason.as_str()),
        Decision::Post(post) => format!("announces it in {}", post.to.name()),
        Decision::Update(update) if update.reply.is_some() => {
            "updates its message and replies in its thread".to_owned()
        }
        Decision::Update(_) => "updates its message".to_owned(),
    };
    let source = state.source(&f.origin.source_key());
    let lower = source.map_or(now.minus(config.lookback), |source| source.lower_bound(config.overlap));
    match f.updated < lower {
        true => {
            format!("does not list it: it was updated before {}, where the source is listed from", lower.to_rfc3339())
        }
        false => planned + &retry,
    }
}
