//! The far end of a connection: address, place, network.

use super::decode::shapes;

use super::About;
use super::draft::{Draft, Trait};
use super::phrase::{Phrase, filled, known};

/// `203.0.113.7 · Berlin, Germany · AS60729 Example Hosting`, and what of it may be new next time.
pub(super) fn address(draft: &mut Draft, remote: Option<&shapes::RemoteIpDetails>) -> Phrase {
    let Some(remote) = remote else { return Phrase::new() };
    note_attributes(draft, remote);
    let ips = ips(remote).fold(Phrase::new(), |phrase, ip| phrase.part(Phrase::new().net(ip)));
    let city = remote.city().and_then(|city| city.city_name());
    ips.part(place(city, country(remote))).part(network(remote.organization()))
}

/// `203.0.113.7 · Germany · AS60729`: one of many.
pub(super) fn brief_address(draft: &mut Draft, remote: Option<&shapes::RemoteIpDetails>) -> Phrase {
    let Some(remote) = remote else { return Phrase::new() };
    note_attributes(draft, remote);
    let first = ips(remote).next().map_or_else(Phrase::new, |ip| Phrase::new().net(ip));
    let network = match remote.organization() {
        Some(organization) if !number(organization).is_empty() => number(organization),
        organization => network(organization),
    };
    first.part(place(None, country(remote))).part(network)
}

fn ips<'r>(remote: &'r shapes::RemoteIpDetails) -> impl Iterator<Item = &'r str> {
    [remote.ip_address_v4(), remote.ip_address_v6()].into_iter().filter_map(filled)
}

fn country<'r>(remote: &'r shapes::RemoteIpDetails) -> Option<&'r str> {
    remote.country().and_then(|country| filled(country.country_name()).or(filled(country.country_code())))
}

fn note_attributes(draft: &mut Draft, remote: &shapes::RemoteIpDetails) {
    for ip in ips(remote) {
        draft.seen(Trait::Ip, Some(ip));
    }
    draft.seen(Trait::Country, country(remote));
}

/// `service.resourceRole`. Source: GuardDuty API Reference, `Service`; User Guide, "Finding details".
pub(super) fn resource_acted(role: Option<&str>) -> Option<bool> {
    let role = filled(role)?.trim();
    if role.eq_ignore_ascii_case("ACTOR") {
        Some(true)
    } else if role.eq_ignore_ascii_case("TARGET") {
        Some(false)
    } else {
        None
    }
}

/// What the other end of a connection is. An outbound connection was opened by the resource, even if its role is
/// `TARGET`, as in findings about drop points and Tor clients.
pub(super) fn other_end(resource_acted: Option<bool>, direction: Option<&str>) -> About {
    let direction = filled(direction).map(str::to_ascii_uppercase);
    match (resource_acted, direction.as_deref()) {
        (Some(true), _) | (_, Some("OUTBOUND")) => About::Target,
        (Some(false), _) | (None, Some("INBOUND")) => About::Actor,
        (None, _) => About::RemoteHost,
    }
}

/// Says the remote address as what it is.
pub(super) fn add_remote(draft: &mut Draft, about: About, remote: Option<&shapes::RemoteIpDetails>) {
    let line = address(draft, remote);
    draft.add(about, line);
}

/// Says the remote address of a caller: whoever calls an API or logs in acts.
pub(super) fn caller(draft: &mut Draft, remote: Option<&shapes::RemoteIpDetails>) {
    add_remote(draft, About::Actor, remote);
}

/// `Berlin, Germany`
pub(super) fn place(city: Option<&str>, country: Option<&str>) -> Phrase {
    match (known(city), known(country)) {
        (Some(city), Some(country)) => Phrase::new().theirs(city).ours(", ").theirs(country),
        (Some(one), None) | (None, Some(one)) => Phrase::new().theirs(one),
        (None, None) => Phrase::new(),
    }
}

/// `AS60729 Example Hosting`: the owner of the network. The organization and the provider are named where it is unknown.
fn network(organization: Option<&shapes::Organization>) -> Phrase {
    let Some(o) = organization else { return Phrase::new() };
    let number = number(o);
    match [o.asn_org(), o.org(), o.isp()].into_iter().find_map(known) {
        Some(name) if number.is_empty() => number.theirs(name),
        Some(name) => number.ours(" ").theirs(name),
        None => number,
    }
}

/// `AS60729`. GuardDuty gives `0` or `-1` where it knows no number.
fn number(organization: &shapes::Organization) -> Phrase {
    match known(organization.asn()).filter(|asn| !matches!(*asn, "0" | "-1")) {
        Some(asn) if asn.bytes().all(|b| b.is_ascii_digit()) => Phrase::new().ours(format!("AS{asn}")),
        Some(asn) => Phrase::new().theirs(asn),
        None => Phrase::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_is_the_actor_only_where_it_acted() {
        for (role, direction, about) in [
            (Some("TARGET"), Some("INBOUND"), About::Actor),
            (Some("TARGET"), None, About::Actor),
            (Some("TARGET"), Some("UNKNOWN"), About::Actor),
            (None, Some("INBOUND"), About::Actor),
            (Some("ACTOR"), Some("OUTBOUND"), About::Target),
            (Some("ACTOR"), Some("INBOUND"), About::Target),
            (Some("actor"), None, About::Target),
            (Some("TARGET"), Some("OUTBOUND"), About::Target),
            (None, Some("OUTBOUND"), About::Target),
            (None, None, About::RemoteHost),
            (Some("BYSTANDER"), Some("UNKNOWN"), About::RemoteHost),
        ] {
            assert_eq!(other_end(resource_acted(role), direction), about, "{role:?} {direction:?}");
        }
    }
}
