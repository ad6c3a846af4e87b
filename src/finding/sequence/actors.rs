//! Reads the actors and network endpoints of an attack sequence.

use crate::finding::Topic;
use crate::finding::attribute::AttributeKind;
use crate::finding::decode::shapes;
use crate::finding::facts_builder::FactsBuilder;
use crate::finding::iam::user_type_label;
use crate::finding::line::{Line, non_blank};
use crate::finding::remote::{location_line, other_end};
use crate::finding::storage::last_segment;

pub(super) fn add_actor(draft: &mut FactsBuilder, actor: &shapes::Actor) {
    let mut line = Line::new();
    let name = actor.user().and_then(|user| user.name()).unwrap_or_default();
    if let Some(user) = actor.user() {
        let kind = user_type_label(user.r#type());
        line = line.separated(Line::new().literal(kind).with_code(" ", non_blank(user.name()).or(user.uid())));
        line = line.separated_code("principal ", user.uid().filter(|_| non_blank(user.name()).is_some()));
        line = line.separated_code("credential ", draft.unless_mentioned(user.credential_uid()));
        if let Some(account) = user.account().filter(|account| account.uid() != draft.account.as_deref()) {
            line = line.separated_code("account ", account.uid()).part_words("", account.name());
        }
        draft.add_attribute(AttributeKind::User, user.name());
        for name in [user.name(), user.uid(), user.credential_uid()] {
            draft.add_identifier(name);
        }
    }
    if let Some(session) = actor.session() {
        let issuer = last_segment(session.issuer()).filter(|issuer| *issuer != name);
        line = line.separated_code("session of ", issuer).part_words("MFA ", session.mfa_status());
    }
    if let Some(process) = actor.process() {
        line = line
            .separated_code("process ", non_blank(process.path()).or(process.name()))
            .part_hash("SHA-256 ", process.sha256());
        draft.add_attribute(AttributeKind::Process, non_blank(process.path()).or(process.name()));
    }
    if line.is_empty() {
        line = line.separated_code("actor ", actor.id());
    }
    draft.add(Topic::Actor, line);
}

pub(super) fn add_endpoint(draft: &mut FactsBuilder, e: &shapes::NetworkEndpoint) {
    let mut line = Line::new();
    for net in [e.ip(), e.domain()].into_iter().filter_map(non_blank) {
        line = line.separated(Line::new().address(net));
    }
    if line.is_empty() {
        line = line.separated_code("endpoint ", e.id());
    }
    let country = e.location().and_then(|l| l.country());
    line = line.separated(location_line(e.location().and_then(|l| l.city()), country));
    if let Some(system) = e.autonomous_system() {
        let number = system.number().map(|n| format!("AS{n}"));
        let phrase = number.map_or_else(Line::new, |n| Line::new().literal(n));
        line = line.separated(match non_blank(system.name()) {
            Some(name) if phrase.is_empty() => phrase.untrusted(name),
            Some(name) => phrase.literal(" ").untrusted(name),
            None => phrase,
        });
    }
    if let Some(port) = e.port() {
        line = line.separated_literal(format!("port {port}"));
    }
    let direction = e.connection().and_then(|c| c.direction());
    let about = other_end(None, direction);
    // An actor connects inbound, a target is connected to.
    if about == Topic::RemoteHost {
        line = line.part_words("", direction);
    }
    draft.add_attribute(AttributeKind::Ip, e.ip());
    draft.add_attribute(AttributeKind::Country, country);
    draft.add_attribute(AttributeKind::Domain, e.domain());
    draft.add(about, line);
}
