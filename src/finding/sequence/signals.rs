//! Reads the signals of an attack sequence: time, severity, action, actor, resource and endpoint.

use crate::finding::action::api_name;
use crate::finding::attribute::AttributeKind;
use crate::finding::decode::{Text, shapes};
use crate::finding::facts_builder::FactsBuilder;
use crate::finding::line::{Line, join_limited, non_blank};
use crate::finding::outcome;
use crate::finding::{SeverityLevel, Topic};
use crate::time::Timestamp;

/// Maximum number of names of one kind in the line of a signal.
const NAMES: usize = 3;
const DAY: i64 = 24 * 60 * 60 * 1_000;

pub(super) fn add_sequence(draft: &mut FactsBuilder, sequence: &shapes::Sequence) {
    let signals = by_importance(sequence.signals());
    let newest = signals.iter().filter_map(|signal| time(signal)).max();
    draft.add(Topic::Signals, total(sequence));
    for signal in signals {
        if signal.r#type() == Some("FINDING") {
            draft.signal(signal.uid(), signal.name());
        }
        let line = line(draft, sequence, signal, newest);
        draft.add(Topic::Signals, line);
    }
}

/// `18, most severe and newest first · also AttackSequence:EC2/CompromisedInstanceGroup`
fn total(sequence: &shapes::Sequence) -> Line {
    let total = match sequence.signals().len() {
        0 => Line::new(),
        1 => Line::new().literal("1"),
        count => Line::new().literal(format!("{count}, most severe and newest first")),
    };
    total.part_listed("also ", sequence.additional_sequence_types(), NAMES)
}

/// The most severe first, then the newest of all, then the others by severity and time.
fn by_importance<'s, 'a>(signals: &'s [shapes::Signal<'a>]) -> Vec<&'s shapes::Signal<'a>> {
    let mut ordered: Vec<&shapes::Signal> = signals.iter().collect();
    ordered.sort_by(|a, b| severity(b).total_cmp(&severity(a)).then(time(b).cmp(&time(a))));
    let newest = (1..ordered.len()).max_by_key(|n| time(ordered[*n]));
    if let Some(newest) = newest
        && time(ordered[newest]) > time(ordered[0])
    {
        let signal = ordered.remove(newest);
        ordered.insert(1, signal);
    }
    ordered
}

fn severity(signal: &shapes::Signal) -> f64 {
    signal.severity().unwrap_or_default()
}

/// Time at which the signal was last seen.
fn time(signal: &shapes::Signal) -> Option<Timestamp> {
    signal.last_seen_at().or(signal.updated_at()).or(signal.first_seen_at()).or(signal.created_at())
}

/// `02:23 · 8.0 · iam:CreateUser denied: AccessDenied · 3 times · by ci-deployer on prod-1 from 198.51.100.7`
fn line(
    draft: &mut FactsBuilder,
    sequence: &shapes::Sequence,
    signal: &shapes::Signal,
    newest: Option<Timestamp>,
) -> Line {
    let mut line = match (time(signal), newest) {
        (Some(time), Some(newest)) if newest.0.saturating_sub(time.0) < DAY => Line::new().clock(time),
        (Some(time), _) => Line::new().time(time),
        (None, _) => Line::new(),
    };
    if let Some(severity) = signal.severity() {
        line = line.separated_literal(SeverityLevel::format_score(severity));
    }
    let name = non_blank(signal.name()).or(non_blank(signal.description())).or(non_blank(signal.uid()));
    line = line.separated_code("", name).separated(activities_line(draft, signal));
    if let Some(count) = signal.count().filter(|count| *count > 1) {
        line = line.separated_literal(format!("{count} times"));
    }
    let participants = [
        ("by ", actors(sequence, signal.actor_ids())),
        ("on ", resources(sequence, signal.resource_uids())),
        (endpoint_words(sequence, signal.endpoint_ids()), endpoints(sequence, signal.endpoint_ids())),
    ];
    line.separated(participants.into_iter().fold(Line::new(), with_names))
}

fn with_names(phrase: Line, (words, names): (&'static str, Line)) -> Line {
    match (names.is_empty(), phrase.is_empty()) {
        (true, _) => phrase,
        (false, true) => phrase.literal(words).concat(names),
        (false, false) => phrase.literal(" ").literal(words).concat(names),
    }
}

fn actors(sequence: &shapes::Sequence, ids: &[Text]) -> Line {
    let names = ids.iter().filter_map(|id| {
        let actor = sequence.actors().iter().find(|actor| actor.id() == Some(id.as_ref()))?;
        let user = actor.user().and_then(|user| non_blank(user.name()).or(non_blank(user.uid())));
        let process = actor.process().and_then(|process| non_blank(process.path()).or(non_blank(process.name())));
        user.or(process).or(actor.id())
    });
    join_limited(names, NAMES)
}

/// A resource that the sequence does not describe is named by its identifier.
fn resources(sequence: &shapes::Sequence, uids: &[Text]) -> Line {
    let names = uids.iter().map(|uid| {
        let known = sequence.resources().iter().find(|resource| resource.uid() == Some(uid.as_ref()));
        known.and_then(|resource| non_blank(resource.name())).unwrap_or(uid.as_ref())
    });
    join_limited(names, NAMES)
}

fn endpoints(sequence: &shapes::Sequence, ids: &[Text]) -> Line {
    let known = ids.iter().filter_map(|id| {
        let endpoint = sequence.endpoints().iter().find(|endpoint| endpoint.id() == Some(id.as_ref()))?;
        non_blank(endpoint.ip()).or(non_blank(endpoint.domain()))
    });
    let addresses: Vec<&str> = known.collect();
    let mut phrase = Line::new();
    for address in addresses.iter().take(NAMES) {
        phrase = if phrase.is_empty() { phrase } else { phrase.literal(", ") }.address(address);
    }
    phrase.and_more(addresses.len(), NAMES)
}

/// `to ` if the connection to every endpoint was outbound.
fn endpoint_words(sequence: &shapes::Sequence, ids: &[Text]) -> &'static str {
    let mut known =
        sequence.endpoints().iter().filter(|endpoint| ids.iter().any(|id| endpoint.id() == Some(id.as_ref())));
    let is_outbound = |endpoint: &shapes::NetworkEndpoint| {
        endpoint.connection().and_then(|connection| connection.direction()) == Some("OUTBOUND")
    };
    if known.clone().next().is_some() && known.all(is_outbound) { "to " } else { "from " }
}

/// The API calls of a signal with their errors, then their user agents.
fn activities_line(draft: &mut FactsBuilder, signal: &shapes::Signal) -> Line {
    let calls: Vec<&shapes::ApiCall> = signal.activities().iter().filter_map(|activity| activity.api()).collect();
    let mut phrase = Line::new();
    for call in calls.iter().take(NAMES) {
        draft.add_attribute(AttributeKind::Api, call.operation());
        phrase = if phrase.is_empty() { phrase } else { phrase.literal(", ") };
        phrase = phrase.concat(api_name(call.service(), call.operation()));
        phrase = phrase.concat(outcome::brief_error(call.error()));
    }
    phrase.and_more(calls.len(), NAMES)
}
