//! Calls of the Kubernetes API, and what they checked, bound or granted.

use super::{ENTRIES, with_agent};
use crate::finding::About;
use crate::finding::decode::shapes;
use crate::finding::draft::{Draft, Trait};
use crate::finding::phrase::{Phrase, filled};
use crate::finding::{outcome, remote};

pub(super) fn read(draft: &mut Draft, action: &shapes::Action) {
    if let Some(call) = action.kubernetes_api_call_action() {
        kubernetes_api_call(draft, call);
    }
    if let Some(check) = action.kubernetes_permission_checked_details() {
        let path: Vec<&str> = [check.namespace(), check.resource()].into_iter().filter_map(filled).collect();
        let line = Phrase::new().ours("permission checked").with(": ", check.verb()).with(" ", Some(&path.join("/")));
        let line = match check.allowed() {
            Some(true) => line.part_ours("allowed"),
            Some(false) => line.part_ours("denied"),
            None => line,
        };
        draft.add(About::Action, line);
    }
    if let Some(binding) = action.kubernetes_role_binding_details() {
        let kind = filled(binding.kind()).unwrap_or("RoleBinding");
        let line = Phrase::new()
            .code(kind)
            .with(" ", binding.name())
            .with(" to ", binding.role_ref_kind())
            .with(" ", binding.role_ref_name());
        draft.add(About::Action, line.part_with("uid ", binding.uid()));
    }
    if let Some(role) = action.kubernetes_role_details() {
        let kind = filled(role.kind()).unwrap_or("Role");
        draft.add(About::Action, Phrase::new().code(kind).with(" ", role.name()).part_with("uid ", role.uid()));
    }
}

/// What the URI of a request says beside the resource: the command of an exec, or another query.
fn query(uri: Option<&str>, is_resource_unknown: bool) -> Phrase {
    let Some(uri) = filled(uri) else { return Phrase::new() };
    let parameters = uri.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let decoded = parameters.split('&').filter_map(|parameter| parameter.strip_prefix("command=")).map(percent_decode);
    let command = decoded.collect::<Vec<_>>().join(" ");
    match (command.is_empty(), parameters.is_empty() && !is_resource_unknown) {
        (false, _) => Phrase::new().part_with("command ", Some(&command)),
        (true, true) => Phrase::new(),
        (true, false) => Phrase::new().part_with("request ", Some(uri)),
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
fn source_addresses(ips: &[&str]) -> Phrase {
    let shown = ips.iter().take(ENTRIES).enumerate();
    let phrase =
        shown.fold(Phrase::new(), |phrase, (n, ip)| phrase.ours(if n == 0 { "also from " } else { ", " }).net(ip));
    phrase.and_more(ips.len(), ENTRIES)
}

fn kubernetes_api_call(draft: &mut Draft, call: &shapes::KubernetesApiCallAction) {
    let what: Vec<&str> = [call.resource(), call.subresource()].into_iter().filter_map(filled).collect();
    let path: Vec<&str> = [call.namespace(), call.resource_name()].into_iter().filter_map(filled).collect();
    let request =
        Phrase::new().part_with("", call.verb()).with(" ", Some(&what.join("/"))).with(" in ", Some(&path.join("/")));
    let mut line = with_agent(request, call.user_agent());
    if let Some(status) = call.status_code() {
        line = line.part_ours(outcome::status(status));
    }
    draft.add(About::Action, line);
    draft.add(About::Action, query(call.request_uri(), what.is_empty()));
    draft.add(About::Action, Phrase::new().part_with("parameters ", call.parameters()));
    let verb_and_resource =
        [filled(call.verb()), what.first().copied()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    draft.seen(Trait::Api, Some(&verb_and_resource));
    let remote = call.remote_ip_details();
    let known = remote.and_then(|r| filled(r.ip_address_v4()).or(r.ip_address_v6()));
    remote::caller(draft, remote);
    let others: Vec<&str> =
        call.source_ips().iter().map(AsRef::as_ref).filter(|ip| Some(*ip) != known && !ip.trim().is_empty()).collect();
    for ip in &others {
        draft.seen(Trait::Ip, Some(ip));
    }
    draft.add_detail(About::Actor, source_addresses(&others));
}
