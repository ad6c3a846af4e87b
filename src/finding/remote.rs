//! Reads the remote host of a connection: address, location, network.

use super::decode::shapes;

use super::Topic;
use super::attribute::AttributeKind;
use super::facts_builder::FactsBuilder;
use super::line::{Line, known, non_blank};

/// `203.0.113.7 · Berlin, Germany · AS60729 Example Hosting`, with the attributes that are compared between revisions.
pub(super) fn remote_line(draft: &mut FactsBuilder, remote: Option<&shapes::RemoteIpDetails>) -> Line {
    let Some(remote) = remote else { return Line::new() };
    note_attributes(draft, remote);
    let ips = ips(remote).fold(Line::new(), |phrase, ip| phrase.separated(Line::new().address(ip)));
    let city = remote.city().and_then(|city| city.city_name());
    ips.separated(location_line(city, country(remote))).separated(network_line(remote.organization()))
}

/// `203.0.113.7 · Germany · AS60729`, for one of many remote hosts.
pub(super) fn brief_address(draft: &mut FactsBuilder, remote: Option<&shapes::RemoteIpDetails>) -> Line {
    let Some(remote) = remote else { return Line::new() };
    note_attributes(draft, remote);
    let first = ips(remote).next().map_or_else(Line::new, |ip| Line::new().address(ip));
    let network_line = match remote.organization() {
        Some(organization) if !number(organization).is_empty() => number(organization),
        organization => network_line(organization),
    };
    first.separated(location_line(None, country(remote))).separated(network_line)
}

fn ips<'r>(remote: &'r shapes::RemoteIpDetails) -> impl Iterator<Item = &'r str> {
    [remote.ip_address_v4(), remote.ip_address_v6()].into_iter().filter_map(non_blank)
}

fn country<'r>(remote: &'r shapes::RemoteIpDetails) -> Option<&'r str> {
    remote.country().and_then(|country| non_blank(country.country_name()).or(non_blank(country.country_code())))
}

fn note_attributes(draft: &mut FactsBuilder, remote: &shapes::RemoteIpDetails) {
    for ip in ips(remote) {
        draft.add_attribute(AttributeKind::Ip, Some(ip));
    }
    draft.add_attribute(AttributeKind::Country, country(remote));
}

/// `service.resourceRole`. Source: GuardDuty API Reference, `Service`; User Guide, "Finding details".
pub(super) fn resource_acted(role: Option<&str>) -> Option<bool> {
    let role = non_blank(role)?.trim();
    if role.eq_ignore_ascii_case("ACTOR") {
        Some(true)
    } else if role.eq_ignore_ascii_case("TARGET") {
        Some(false)
    } else {
        None
    }
}

/// Topic of the remote host of a connection. The resource opened an outbound connection even if its role is `TARGET`, as
/// in findings about drop points and Tor clients.
pub(super) fn other_end(resource_acted: Option<bool>, direction: Option<&str>) -> Topic {
    let direction = non_blank(direction).map(str::to_ascii_uppercase);
    match (resource_acted, direction.as_deref()) {
        (Some(true), _) | (_, Some("OUTBOUND")) => Topic::Target,
        (Some(false), _) | (None, Some("INBOUND")) => Topic::Actor,
        (None, _) => Topic::RemoteHost,
    }
}

/// Adds the remote address under its topic.
pub(super) fn add_remote(draft: &mut FactsBuilder, about: Topic, remote: Option<&shapes::RemoteIpDetails>) {
    let line = remote_line(draft, remote);
    draft.add(about, line);
}

/// Adds the remote address of a caller, which is always the actor.
pub(super) fn caller(draft: &mut FactsBuilder, remote: Option<&shapes::RemoteIpDetails>) {
    add_remote(draft, Topic::Actor, remote);
}

/// `Berlin, Germany`
pub(super) fn location_line(city: Option<&str>, country: Option<&str>) -> Line {
    match (known(city), known(country)) {
        (Some(city), Some(country)) => Line::new().untrusted(city).literal(", ").untrusted(country),
        (Some(one), None) | (None, Some(one)) => Line::new().untrusted(one),
        (None, None) => Line::new(),
    }
}

/// `AS60729 Example Hosting`: the owner of the network. If it is unknown, the organization and the provider are named.
fn network_line(organization: Option<&shapes::Organization>) -> Line {
    let Some(o) = organization else { return Line::new() };
    let number = number(o);
    match [o.asn_org(), o.org(), o.isp()].into_iter().find_map(known) {
        Some(name) if number.is_empty() => number.untrusted(name),
        Some(name) => number.literal(" ").untrusted(name),
        None => number,
    }
}

/// `AS60729`. GuardDuty sends `0` or `-1` if the number is unknown.
fn number(organization: &shapes::Organization) -> Line {
    match known(organization.asn()).filter(|asn| !matches!(*asn, "0" | "-1")) {
        Some(asn) if asn.bytes().all(|b| b.is_ascii_digit()) => Line::new().literal(format!("AS{asn}")),
        Some(asn) => Line::new().untrusted(asn),
        None => Line::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_is_the_actor_only_where_it_acted() {
        for (role, direction, about) in [
            (Some("TARGET"), Some("INBOUND"), Topic::Actor),
            (Some("TARGET"), None, Topic::Actor),
            (Some("TARGET"), Some("UNKNOWN"), Topic::Actor),
            (None, Some("INBOUND"), Topic::Actor),
            (Some("ACTOR"), Some("OUTBOUND"), Topic::Target),
            (Some("ACTOR"), Some("INBOUND"), Topic::Target),
            (Some("actor"), None, Topic::Target),
            (Some("TARGET"), Some("OUTBOUND"), Topic::Target),
            (None, Some("OUTBOUND"), Topic::Target),
            (None, None, Topic::RemoteHost),
            (Some("BYSTANDER"), Some("UNKNOWN"), Topic::RemoteHost),
        ] {
            assert_eq!(other_end(resource_acted(role), direction), about, "{role:?} {direction:?}");
        }
    }
}
