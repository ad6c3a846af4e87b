//! Finds the links between the message of an attack sequence and the messages of its signals.

use std::collections::{BTreeMap, HashMap};

use crate::finding::{Finding, short_hash};
use crate::message::Relation;
use crate::slack::MessageRef;
use crate::state::{FindingRecord, State};

/// A message to which another one links.
#[derive(Clone, Debug, PartialEq)]
pub struct RelatedMessage {
    pub relation: Relation,
    /// What the attack sequence calls the signal; empty if unknown.
    pub title: String,
    pub at: MessageRef,
}

/// Identifies the links of a message; empty for none.
pub fn fingerprint(related: &[RelatedMessage]) -> String {
    of_messages(related.iter().map(|one| &one.at))
}

fn of_messages<'a>(messages: impl Iterator<Item = &'a MessageRef>) -> String {
    let mut messages: Vec<(&str, &str)> = messages.map(|at| (at.channel.as_str(), at.ts.as_str())).collect();
    messages.sort_unstable();
    if messages.is_empty() { String::new() } else { short_hash(messages.into_iter().flat_map(|(c, ts)| [c, ts])) }
}

impl State {
    /// Records the attack sequence of its signals, from the signal or from the sequence.
    pub fn relate(&mut self, f: &Finding) {
        if let (Some(sequence), Some(entry)) = (f.sequence_id(), self.findings.get_mut(&f.id)) {
            entry.sequence = Some(sequence.to_owned());
        }
        for (id, _) in f.signals() {
            if let Some(entry) = self.findings.get_mut(id) {
                entry.sequence.get_or_insert_with(|| f.id.clone());
            }
        }
    }

    /// The messages to which the message of a finding links: of its attack sequence, or of its signals.
    pub fn related(&self, f: &Finding) -> Vec<RelatedMessage> {
        let recorded = self.findings.get(&f.id).and_then(|entry| entry.sequence.as_deref());
        let sequence = f.sequence_id().or(recorded).and_then(|id| self.message(id));
        let mut related: Vec<RelatedMessage> = sequence
            .map(|at| RelatedMessage { relation: Relation::Sequence, title: String::new(), at: at.clone() })
            .into_iter()
            .collect();
        if f.kind.is_attack_sequence() {
            let titles: HashMap<&str, &str> =
                f.signals().iter().map(|(id, title)| (id.as_str(), title.as_str())).collect();
            let signals = self.findings.iter().filter(|(_, entry)| entry.sequence.as_ref() == Some(&f.id));
            related.extend(signals.filter_map(|(id, entry)| {
                let title = titles.get(id.as_str()).copied().unwrap_or_default().to_owned();
                Some(RelatedMessage { relation: Relation::Signal, title, at: linkable(entry)?.clone() })
            }));
        }
        related
    }

    /// Notes to which messages the message of a finding links.
    pub fn set_links(&mut self, id: &str, related: &[RelatedMessage]) {
        if let Some(entry) = self.findings.get_mut(id) {
            entry.links = fingerprint(related);
        }
    }

    /// The findings of a source whose messages lack a link, or have one to a message that moved.
    pub fn outdated_links(&self, source: u32) -> Vec<&String> {
        let mut signals: BTreeMap<&str, Vec<&MessageRef>> = BTreeMap::new();
        for entry in self.findings.values() {
            if let (Some(sequence), Some(at)) = (&entry.sequence, linkable(entry)) {
                signals.entry(sequence).or_default().push(at);
            }
        }
        let links = |id: &String, entry: &FindingRecord| {
            let sequence = entry.sequence.as_deref().and_then(|sequence| self.message(sequence));
            of_messages(sequence.into_iter().chain(signals.get(id.as_str()).into_iter().flatten().copied()))
        };
        let own = self.findings.iter().filter(|(_, entry)| entry.source_id == source && linkable(entry).is_some());
        own.filter(|(id, entry)| links(id, entry) != entry.links).map(|(id, _)| id).collect()
    }

    /// The message of a finding, if it can be linked to.
    fn message(&self, id: &str) -> Option<&MessageRef> {
        self.findings.get(id).and_then(linkable)
    }
}

impl FindingRecord {
    /// Returns true if the message of the finding has just these links.
    pub fn has_links(&self, related: &[RelatedMessage]) -> bool {
        self.links == fingerprint(related)
    }
}

/// A webhook does not return where its message is.
fn linkable(entry: &FindingRecord) -> Option<&MessageRef> {
    entry.bot_message()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::finding::{Origin, decode};

    fn finding(value: &Value) -> Finding {
        let origin = Origin { account: "111122223333".into(), region: "eu-west-1".into(), detector: "d".into() };
        decode(&value.to_string(), &Arc::new(origin)).unwrap()
    }

    fn signal(id: &str, sequence: Option<&str>) -> Finding {
        let arn = sequence.map(|id| format!("arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/{id}"));
        finding(&json!({"id": id, "type": "Recon:EC2/Portscan", "associatedAttackSequenceArn": arn}))
    }

    fn sequence(id: &str, signals: &[&str]) -> Finding {
        let signals: Vec<Value> =
            signals.iter().map(|id| json!({"uid": id, "type": "FINDING", "name": format!("name of {id}")})).collect();
        let sequence = json!({"uid": "s", "signals": signals});
        finding(
            &json!({"id": id, "type": "AttackSequence:EC2/CompromisedInstance", "service": {"detection": {"sequence": sequence}}}),
        )
    }

    fn state(messages: &[(&str, &str)]) -> State {
        let entry = |ts: &str| FindingRecord {
            message: Some(MessageRef { channel: "C1".into(), ts: ts.to_owned(), thread_ts: None }.into()),
            source_id: 1,
            ..FindingRecord::default()
        };
        State { findings: messages.iter().map(|(id, ts)| ((*id).to_owned(), entry(ts))).collect(), ..State::default() }
    }

    fn shown(related: &[RelatedMessage]) -> Vec<(Relation, &str, &str)> {
        related.iter().map(|one| (one.relation, one.title.as_str(), one.at.ts.as_str())).collect()
    }

    #[test]
    fn a_signal_links_to_its_sequence_and_the_sequence_to_its_signals() {
        let mut state = state(&[("a", "1.1"), ("b", "2.2"), ("s", "3.3"), ("other", "4.4")]);
        let sequence = sequence("s", &["a", "unknown"]);
        state.relate(&sequence);
        state.findings.get_mut("b").unwrap().sequence = Some("s".into());
        assert_eq!(shown(&state.related(&signal("a", None))), [(Relation::Sequence, "", "3.3")]);
        assert_eq!(
            shown(&state.related(&sequence)),
            [(Relation::Signal, "name of a", "1.1"), (Relation::Signal, "", "2.2")]
        );
        assert_eq!(state.related(&signal("other", None)), []);
    }

    #[test]
    fn a_signal_that_is_not_announced_yet_knows_its_sequence() {
        let mut state = state(&[("a", "1.1"), ("s", "3.3")]);
        assert_eq!(shown(&state.related(&signal("new", Some("s")))), [(Relation::Sequence, "", "3.3")]);
        state.relate(&signal("a", Some("s")));
        assert_eq!(state.outdated_links(1), ["a", "s"]);
        assert_eq!(state.related(&signal("a", Some("unknown"))), []);
    }

    #[test]
    fn messages_that_lack_a_link_are_known_until_they_have_it() {
        let mut state = state(&[("a", "1.1"), ("s", "3.3"), ("other", "4.4")]);
        assert!(state.outdated_links(1).is_empty());
        state.relate(&sequence("s", &["a"]));
        assert_eq!(state.outdated_links(1), ["a", "s"]);
        assert!(state.outdated_links(2).is_empty());
        for f in [signal("a", None), sequence("s", &["a"])] {
            let related = state.related(&f);
            assert!(!state.findings[&f.id].has_links(&related));
            state.set_links(&f.id, &related);
            assert!(state.findings[&f.id].has_links(&related));
        }
        assert!(state.outdated_links(1).is_empty());
        state.findings.get_mut("s").unwrap().message = None;
        assert_eq!(state.outdated_links(1), ["a"]);
    }
}
