//! The signals of an attack sequence: when, how severe, what, by whom, on which resource, from where.

use crate::finding::action::api;
use crate::finding::decode::{Text, shapes};
use crate::finding::draft::{Draft, Trait};
use crate::finding::outcome;
use crate::finding::phrase::{Phrase, filled, listed, plural};
use crate::finding::{About, Band};
use crate::time::Millis;

/// Names of one kind in the line of a signal.
const NAMES: usize = 3;

pub(super) fn read(draft: &mut Draft, sequence: &shapes::Sequence) {
    let signals = by_importance(sequence.signals());
    tell_total(draft, sequence);
    for signal in signals {
        if signal.r#type() == Some("FINDING") {
            draft.signal(signal.uid(), signal.name());
        }
        let line = line(draft, sequence, signal);
        draft.say(About::Signals, line);
    }
}

/// `18 signals in sequence · also AttackSequence:EC2/CompromisedInstanceGroup`
fn tell_total(draft: &mut Draft, sequence: &shapes::Sequence) {
    let mut total = Phrase::new();
    if !sequence.signals().is_empty() {
        let count = plural(sequence.signals().len() as u64, "signal");
        total = total.ours(count).ours(" in sequence");
    }
    let others = listed(sequence.additional_sequence_types(), NAMES);
    if !others.is_empty() {
        total = total.part(Phrase::new().ours("also ").then(others));
    }
    draft.say(About::Action, total);
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

fn line(draft: &mut Draft, sequence: &shapes::Sequence, signal: &shapes::Signal) -> Phrase {
    let mut line = Phrase::new();
    if let Some(at) = time(signal) {
        line = line.at(at);
    }
    if let Some(severity) = signal.severity() {
        line = line.part_ours(Band::number(severity));
    }
    let name = filled(signal.name()).or(filled(signal.description())).or(filled(signal.uid()));
    line = line.part_with("", name).part(activities(draft, signal));
    if let Some(count) = signal.count().filter(|count| *count > 1) {
        line = line.part_ours(format!("{count} times"));
    }
    line = line.part(words("by ", actors(sequence, signal.actor_ids())));
    line = line.part(words("on ", resources(sequence, signal.resource_uids())));
    line = line.part(words("from ", endpoints(sequence, signal.endpoint_ids())));
    let source = signal.r#type().filter(|kind| *kind != "FINDING");
    line.part(source.map_or_else(Phrase::new, |kind| Phrase::new().ours(source_words(kind))))
}

fn words(words: &'static str, names: Phrase) -> Phrase {
    if names.is_empty() { names } else { Phrase::new().ours(words).then(names) }
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
    match addresses.len().saturating_sub(NAMES) {
        0 => phrase,
        more => phrase.ours(format!(" and {more} more")),
    }
}

fn source_words(kind: &str) -> String {
    crate::finding::resource::readable_kind(kind)
        .to_lowercase()
        .replace("cloud trail", "CloudTrail")
        .replace("s3", "S3")
        .replace("eks", "EKS")
        .replace("dns", "DNS")
}

/// The API calls behind a signal with their errors, then with what they were made.
fn activities(draft: &mut Draft, signal: &shapes::Signal) -> Phrase {
    let calls: Vec<&shapes::ApiCall> = signal.activities().iter().filter_map(|activity| activity.api()).collect();
    let mut phrase = Phrase::new();
    for call in calls.iter().take(NAMES) {
        draft.seen(Trait::Api, call.operation());
        phrase = if phrase.is_empty() { phrase } else { phrase.ours(", ") };
        phrase = phrase.then(api(call.service(), call.operation()));
        let error = outcome::error(call.error());
        if !error.is_empty() {
            phrase = phrase.ours(" ").then(error);
        }
    }
    if calls.len() > NAMES {
        phrase = phrase.ours(format!(" and {} more", calls.len() - NAMES));
    }
    let user_agent = calls.iter().find_map(|call| filled(call.user_agent()));
    phrase.part_with("user agent ", user_agent)
}
