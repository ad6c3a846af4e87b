//! The far end of a connection: address, place, network.

use super::decode::shapes;

use super::About;
use super::draft::{Draft, Trait};
use super::phrase::{Phrase, filled};

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

/// Says the remote address as the actor.
pub(super) fn actor(draft: &mut Draft, remote: Option<&shapes::RemoteIpDetails>) {
    let line = address(draft, remote);
    draft.say(About::Actor, line);
}

/// `Berlin, Germany`
pub(super) fn place(city: Option<&str>, country: Option<&str>) -> Phrase {
    match (filled(city), filled(country)) {
        (Some(city), Some(country)) => Phrase::new().theirs(city).ours(", ").theirs(country),
        (Some(one), None) | (None, Some(one)) => Phrase::new().theirs(one),
        (None, None) => Phrase::new(),
    }
}

/// `AS60729 Example Hosting (ISP Example Net)`: each name once, however many members repeat it.
fn network(organization: Option<&shapes::Organization>) -> Phrase {
    let Some(o) = organization else { return Phrase::new() };
    let mut names: Vec<&str> = Vec::new();
    for name in [o.asn_org(), o.org(), o.isp()].into_iter().filter_map(filled) {
        if !names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    let mut phrase = Phrase::new();
    // GuardDuty gives `0` or `-1` where it knows no number.
    if let Some(asn) = filled(o.asn()).filter(|asn| !matches!(*asn, "0" | "-1")) {
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
