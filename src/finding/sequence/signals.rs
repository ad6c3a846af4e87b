//! The signals of an attack sequence: when, how severe, what, by whom, on which resource, from where.

use crate::finding::action::api;
use crate::finding::decode::{Text, shapes};
use crate::finding::draft::{Draft, Trait};
use crate::finding::outcome;
use crate::finding::phrase::{Phrase, filled, listed};
use crate::finding::{About, Band};
use crate::time::Millis;

/// Names of one kind in the line of a signal.
const NAMES: usize = 3;
const DAY: i64 = 24 * 60 * 60 * 1_000;

pub(super) fn read(draft: &mut Draft, sequence: &shapes::Sequence) {
    let signals = by_importance(sequence.signals());
    let newest = signals.iter().filter_map(|signal| time(signal)).max();
    draft.add(About::Signals, total(sequence));
    for signal in signals {
        if signal.r#type() == Some("FINDING") {
            draft.signal(signal.uid(), signal.name());
        }
        let line = line(draft, sequence, signal, newest);
        draft.add(About::Signals, line);
    }
}

/// `18, most severe and newest first · also AttackSequence:EC2/CompromisedInstanceGroup`
fn total(sequence: &shapes::Sequence) -> Phrase {
    let total = match sequence.signals().len() {
        0 => Phrase::new(),
        1 => Phrase::new().ours("1"),
        count => Phrase::new().ours(format!("{count}, most severe and newest first")),
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

/// When it was last seen.
fn time(signal: &shapes::Signal) -> Option<Millis> {
    signal.last_seen_at().or(signal.updated_at()).or(signal.first_seen_at()).or(signal.created_at())
}

/// `02:23 · 8.0 · iam:CreateUser denied: AccessDenied · 3 times · by ci-deployer on prod-1 from 198.51.100.7`
fn line(draft: &mut Draft, sequence: &shapes::Sequence, signal: &shapes::Signal, newest: Option<Millis>) -> Phrase {
    let mut line = match (time(signal), newest) {
        (Some(time), Some(newest)) if newest.0.saturating_sub(time.0) < DAY => Phrase::new().clock(time),
        (Some(time), _) => Phrase::new().at(time),
        (None, _) => Phrase::new(),
    };
    if let Some(severity) = signal.severity() {
        line = line.part_ours(Band::number(severity));
    }
    let name = filled(signal.name()).or(filled(signal.description())).or(filled(signal.uid()));
    line = line.part_with("", name).part(activities(draft, signal));
    if let Some(count) = signal.count().filter(|count| *count > 1) {
        line = line.part_ours(format!("{count} times"));
    }
    let participants = [
        ("by ", actors(sequence, signal.actor_ids())),
        ("on ", resources(sequence, signal.resource_uids())),
        (endpoint_words(sequence, signal.endpoint_ids()), endpoints(sequence, signal.endpoint_ids())),
    ];
    line.part(participants.into_iter().fold(Phrase::new(), with_names))
}

fn with_names(phrase: Phrase, (words, names): (&'static str, Phrase)) -> Phrase {
    match (names.is_empty(), phrase.is_empty()) {
        (true, _) => phrase,
        (false, true) => phrase.ours(words).then(names),
        (false, false) => phrase.ours(" ").ours(words).then(names),
    }
}

fn actors(sequence: &shapes::Sequence, ids: &[Text]) -> Phrase {
    let names = ids.iter().filter_map(|id| {
        let actor = sequence.actors().iter().find(|actor| actor.id() == Some(id.as_ref()))?;
        let user = actor.user().and_then(|user| filled(user.name()).or(filled(user.uid())));
        let process = actor.process().and_then(|process| filled(process.path()).or(filled(process.name())));
        user.or(process).or(actor.id())
    });
    listed(names, NAMES)
}

/// A resource that the sequence does not describe is named by its identifier.
fn resources(sequence: &shapes::Sequence, uids: &[Text]) -> Phrase {
    let names = uids.iter().map(|uid| {
        let known = sequence.resources().iter().find(|resource| resource.uid() == Some(uid.as_ref()));
        known.and_then(|resource| filled(resource.name())).unwrap_or(uid.as_ref())
    });
    listed(names, NAMES)
}

fn endpoints(sequence: &shapes::Sequence, ids: &[Text]) -> Phrase {
    let known = ids.iter().filter_map(|id| {
        let endpoint = sequence.endpoints().iter().find(|endpoint| endpoint.id() == Some(id.as_ref()))?;
        filled(endpoint.ip()).or(filled(endpoint.domain()))
    });
    let addresses: Vec<&str> = known.collect();
    let mut phrase = Phrase::new();
    for address in addresses.iter().take(NAMES) {
        phrase = if phrase.is_empty() { phrase } else { phrase.ours(", ") }.net(address);
    }
    phrase.and_more(addresses.len(), NAMES)
}

/// `to `, if the connection to every endpoint was outbound.
fn endpoint_words(sequence: &shapes::Sequence, ids: &[Text]) -> &'static str {
    let mut known =
        sequence.endpoints().iter().filter(|endpoint| ids.iter().any(|id| endpoint.id() == Some(id.as_ref())));
    let is_outbound = |endpoint: &shapes::NetworkEndpoint| {
        endpoint.connection().and_then(|connection| connection.direction()) == Some("OUTBOUND")
    };
    if known.clone().next().is_some() && known.all(is_outbound) { "to " } else { "from " }
}

/// The API calls behind a signal with their errors, then with what they were made.
fn activities(draft: &mut Draft, signal: &shapes::Signal) -> Phrase {
    let calls: Vec<&shapes::ApiCall> = signal.activities().iter().filter_map(|activity| activity.api()).collect();
    let mut phrase = Phrase::new();
    for call in calls.iter().take(NAMES) {
        draft.seen(Trait::Api, call.operation());
        phrase = if phrase.is_empty() { phrase } else { phrase.ours(", ") };
        phrase = phrase.then(api(call.service(), call.operation()));
        phrase = phrase.then(outcome::brief_error(call.error()));
    }
    phrase.and_more(calls.len(), NAMES)
}
