//! The far end of a connection: address, place, network.

use super::decode::shapes;

use super::About;
use super::draft::{Draft, Trait};
use super::phrase::{Phrase, filled, known};

/// `203.0.113.7 · Berlin, Germany · AS60729 Example Hosting`, and what of it may be new next time.
pub(super) fn address(draft: &mut Draft, remote: Option<&shapes::RemoteIpDetails>) -> Phrase {
    let Some(remote) = remote else { return Phrase::new() };
    let v4 = filled(remote.ip_address_v4());
    let v6 = filled(remote.ip_address_v6());
    for ip in [v4, v6].into_iter().flatten() {
        draft.seen(Trait::Ip, Some(ip));
    }
    let country = remote.country().and_then(|c| filled(c.country_name()).or(filled(c.country_code())));
    draft.seen(Trait::Country, country);
    let ips = [v4, v6].into_iter().flatten().fold(Phrase::new(), |p, ip| p.part(Phrase::new().net(ip)));
    ips.part(place(remote.city().and_then(|c| c.city_name()), country)).part(network(remote.organization()))
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

/// `AS60729 Example Hosting (ISP Example Net)`: each name once, however many members repeat it.
fn network(organization: Option<&shapes::Organization>) -> Phrase {
    let Some(o) = organization else { return Phrase::new() };
    let mut names: Vec<&str> = Vec::new();
    for name in [o.asn_org(), o.org(), o.isp()].into_iter().filter_map(known) {
        if !names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    let mut phrase = Phrase::new();
    // GuardDuty gives `0` or `-1` where it knows no number.
    if let Some(asn) = known(o.asn()).filter(|asn| !matches!(*asn, "0" | "-1")) {
        phrase = match asn.bytes().all(|b| b.is_ascii_digit()) {
            true => phrase.ours(format!("AS{asn}")),
            false => phrase.theirs(asn),
        };
    }
    for (n, name) in names.iter().enumerate() {
        phrase = match (n, phrase.is_empty()) {
            (0, true) => phrase.theirs(name),
            (0, false) => phrase.ours(" ").theirs(name),
            _ => phrase.ours(", ").theirs(name),
        };
    }
    phrase
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
