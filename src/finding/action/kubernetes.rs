//! Reads calls of the Kubernetes API: checks of permissions, roles and role bindings.

use super::{MAX_ENTRIES, with_agent};
use crate::finding::Topic;
use crate::finding::attribute::AttributeKind;
use crate::finding::decode::shapes;
use crate::finding::facts_builder::FactsBuilder;
use crate::finding::line::{Line, non_blank};
use crate::finding::{outcome, remote};

pub(super) fn add_kubernetes(draft: &mut FactsBuilder, action: &shapes::Action) {
    if let Some(call) = action.kubernetes_api_call_action() {
        add_kubernetes_api_call(draft, call);
    }
    if let Some(check) = action.kubernetes_permission_checked_details() {
        let path: Vec<&str> = [check.namespace(), check.resource()].into_iter().filter_map(non_blank).collect();
        let line = Line::new()
            .literal("permission checked")
            .with_code(": ", check.verb())
            .with_code(" ", Some(&path.join("/")));
        let line = match check.allowed() {
            Some(true) => line.separated_literal("allowed"),
            Some(false) => line.separated_literal("denied"),
            None => line,
        };
        draft.add(Topic::Action, line);
    }
    if let Some(binding) = action.kubernetes_role_binding_details() {
        let kind = non_blank(binding.kind()).unwrap_or("RoleBinding");
        let line = Line::new()
            .code(kind)
            .with_code(" ", binding.name())
            .with_code(" to ", binding.role_ref_kind())
            .with_code(" ", binding.role_ref_name());
        draft.add(Topic::Action, line.separated_code("uid ", binding.uid()));
    }
    if let Some(role) = action.kubernetes_role_details() {
        let kind = non_blank(role.kind()).unwrap_or("Role");
        draft.add(Topic::Action, Line::new().code(kind).with_code(" ", role.name()).separated_code("uid ", role.uid()));
    }
}

/// What the URI of a request says beside the resource: the command of an exec, or another query.
fn query(uri: Option<&str>, is_resource_unknown: bool) -> Line {
    let Some(uri) = non_blank(uri) else { return Line::new() };
    let parameters = uri.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let decoded = parameters.split('&').filter_map(|parameter| parameter.strip_prefix("command=")).map(percent_decode);
    let command = decoded.collect::<Vec<_>>().join(" ");
    match (command.is_empty(), parameters.is_empty() && !is_resource_unknown) {
        (false, _) => Line::new().separated_code("command ", Some(&command)),
        (true, true) => Line::new(),
        (true, false) => Line::new().separated_code("request ", Some(uri)),
    }
}

/// What is not a valid escape stays as it is.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `also from 192.0.2.9, 192.0.2.10 and 2 more`
fn source_addresses(ips: &[&str]) -> Line {
    let shown = ips.iter().take(MAX_ENTRIES).enumerate();
    let phrase =
        shown.fold(Line::new(), |phrase, (n, ip)| phrase.literal(if n == 0 { "also from " } else { ", " }).address(ip));
    phrase.and_more(ips.len(), MAX_ENTRIES)
}

fn add_kubernetes_api_call(draft: &mut FactsBuilder, call: &shapes::KubernetesApiCallAction) {
    let what: Vec<&str> = [call.resource(), call.subresource()].into_iter().filter_map(non_blank).collect();
    let path: Vec<&str> = [call.namespace(), call.resource_name()].into_iter().filter_map(non_blank).collect();
    let request = Line::new()
        .separated_code("", call.verb())
        .with_code(" ", Some(&what.join("/")))
        .with_code(" in ", Some(&path.join("/")));
    let mut line = with_agent(request, call.user_agent());
    if let Some(status) = call.status_code() {
        line = line.separated_literal(outcome::status(status));
    }
    draft.add(Topic::Action, line);
    draft.add(Topic::Action, query(call.request_uri(), what.is_empty()));
    draft.add(Topic::Action, Line::new().separated_code("parameters ", call.parameters()));
    let verb_and_resource =
        [non_blank(call.verb()), what.first().copied()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    draft.add_attribute(AttributeKind::Api, Some(&verb_and_resource));
    let remote = call.remote_ip_details();
    let known = remote.and_then(|r| non_blank(r.ip_address_v4()).or(r.ip_address_v6()));
    remote::caller(draft, remote);
    let others: Vec<&str> =
        call.source_ips().iter().map(AsRef::as_ref).filter(|ip| Some(*ip) != known && !ip.trim().is_empty()).collect();
    for ip in &others {
        draft.add_attribute(AttributeKind::Ip, Some(ip));
    }
    draft.add_detail(Topic::Actor, source_addresses(&others));
}
