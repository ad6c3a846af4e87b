//! What was done: every member of the API's `Action`.

mod kubernetes;

use super::decode::shapes;

use super::About;
use super::draft::{Draft, Trait};
use super::phrase::{Phrase, filled, known};
use super::resource::readable_kind;
use super::{outcome, remote};

/// Entries of a list inside an action that become lines.
const ENTRIES: usize = 6;

pub(super) fn read(draft: &mut Draft, action: &shapes::Action) {
    if let Some(call) = action.aws_api_call_action() {
        aws_api_call(draft, call);
    }
    if let Some(dns) = action.dns_request_action() {
        dns_request(draft, dns);
    }
    if let Some(connection) = action.network_connection_action() {
        network_connection(draft, connection);
    }
    if let Some(probe) = action.port_probe_action() {
        port_probe(draft, probe);
    }
    if let Some(login) = action.rds_login_attempt_action() {
        rds_login(draft, login);
    }
    kubernetes::read(draft, action);
    // An action type that this version does not know is named at least.
    if !draft.has(About::Action)
        && let Some(kind) = filled(action.action_type())
    {
        draft.is_action_unknown = true;
        draft.add(About::Action, Phrase::new().ours(readable_kind(kind)));
    }
}

fn aws_api_call(draft: &mut Draft, call: &shapes::AwsApiCallAction) {
    let line = with_agent(api(call.service_name(), call.api()), call.user_agent());
    draft.add(About::Action, line.part(outcome::error(call.error_code())));
    draft.seen(Trait::Api, call.api());
    affected(draft, call);
    remote::caller(draft, call.remote_ip_details());
    if let Some(domain) = call.domain_details().and_then(|d| filled(d.domain())) {
        draft.seen(Trait::Domain, Some(domain));
        draft.add(About::Actor, Phrase::new().ours("domain ").net(domain));
    }
    if let Some(account) = call.remote_account_details() {
        let affiliation =
            account.affiliated().map(|a| if a { "in your organization" } else { "outside your organization" });
        let mut line = Phrase::new().part_with("AWS account ", account.account_id());
        if let (false, Some(words)) = (line.is_empty(), affiliation) {
            line = line.part_ours(words);
        }
        draft.add_detail(About::Actor, line.part_with("AWS service ", account.aws_service_name()));
    }
    if !draft.has(About::Actor) {
        draft.add(About::Actor, Phrase::new().part_with("caller ", call.caller_type()));
    }
}

/// `s3:ListBuckets with aws-cli/2.15.0`
fn with_agent(call: Phrase, user_agent: Option<&str>) -> Phrase {
    match call.is_empty() {
        true => call.part_with("user agent ", user_agent),
        false => call.with(" with ", user_agent),
    }
}

/// `s3:ListBuckets`, as IAM policies write it.
pub(super) fn api(service: Option<&str>, api: Option<&str>) -> Phrase {
    let service = filled(service).map(|s| s.trim_end_matches(".amazonaws.com"));
    match (service, filled(api)) {
        (Some(service), Some(api)) => Phrase::new().code(&format!("{service}:{api}")),
        (None, Some(one)) | (Some(one), None) => Phrase::new().code(one),
        (None, None) => Phrase::new(),
    }
}

/// `affectedResources`: kind and name of each.
fn affected(draft: &mut Draft, call: &shapes::AwsApiCallAction) {
    let all = call.affected_resources();
    for (kind, name) in all.iter().take(3) {
        draft.add(About::Action, Phrase::new().ours("affects ").code(kind).with(" ", Some(short_name(name))));
    }
    draft.more(About::Action, all.len().saturating_sub(3));
}

/// `role/ci-deployer`: what stands behind the account in an ARN.
fn short_name(name: &str) -> &str {
    let in_account = name.starts_with("arn:").then(|| name.splitn(6, ':').nth(5)).flatten();
    filled(in_account).unwrap_or(name)
}

fn dns_request(draft: &mut Draft, dns: &shapes::DnsRequestAction) {
    let domain = filled(dns.domain()).or(filled(dns.domain_with_suffix()));
    let mut line = Phrase::new().ours("DNS request");
    if let Some(domain) = domain {
        line = line.ours(" for ").net(domain);
        draft.seen(Trait::Domain, Some(domain));
    }
    // The protocol can be a bare `0`.
    let protocol = dns.protocol().filter(|p| p.chars().any(char::is_alphabetic));
    draft.add(
        About::Action,
        line.part_words("", protocol).part(blocked(dns.blocked())).part_with("VPC owner ", dns.vpc_owner_account_id()),
    );
}

fn blocked(blocked: Option<bool>) -> Phrase {
    match blocked {
        Some(true) => Phrase::new().ours("blocked"),
        _ => Phrase::new(),
    }
}

fn network_connection(draft: &mut Draft, c: &shapes::NetworkConnectionAction) {
    let (is_outbound, words) = match c.connection_direction() {
        Some("INBOUND") => (false, "inbound "),
        Some("OUTBOUND") => (true, "outbound "),
        _ => (false, ""),
    };
    let local = c.local_port_details().map(|port| (port.port(), port.port_name()));
    let remote = c.remote_port_details().map(|port| (port.port(), port.port_name()));
    // The caller's own port is picked at random: what may be new is the port that was called.
    let (called, words_before) = if is_outbound { (remote, " to port ") } else { (local, " to local port ") };
    let (called, called_name) = called.unwrap_or_default();
    draft.seen_port(called);
    let local = c.local_ip_details().and_then(|l| filled(l.ip_address_v4()).or(l.ip_address_v6()));
    // An address that the resource is known by names the interface, too.
    let is_known = filled(local).is_some_and(|address| draft.mentions(address));
    let interface = c.local_network_interface().filter(|_| !is_known);
    let mut line = match known(c.protocol()) {
        Some(protocol) => Phrase::new().ours(words).theirs(outcome::protocol(protocol)),
        None => Phrase::new().ours(words).ours("connection"),
    };
    line = line
        .then(named_port(words_before, called, called_name))
        .part_with("local address ", draft.unless_mentioned(local))
        .part_with("interface ", draft.unless_mentioned(interface))
        .part(blocked(c.blocked()));
    draft.add(About::Action, line);
    remote::add_remote(draft, remote::other_end(draft.resource_acted, c.connection_direction()), c.remote_ip_details());
}

/// `port 22 (SSH)`; GuardDuty says `Unknown` for a port without a name.
fn named_port(words: &'static str, port: Option<i64>, name: Option<&str>) -> Phrase {
    let Some(port) = port else { return Phrase::new() };
    let phrase = Phrase::new().ours(format!("{words}{port}"));
    match filled(name).filter(|n| !n.eq_ignore_ascii_case("unknown")) {
        Some(name) => phrase.ours(" (").theirs(name).ours(")"),
        None => phrase,
    }
}

fn port_probe(draft: &mut Draft, probe: &shapes::PortProbeAction) {
    let details = probe.port_probe_details();
    let mut ports: Vec<(i64, Option<&str>)> = details
        .iter()
        .filter_map(|d| d.local_port_details())
        .filter_map(|p| Some((p.port()?, p.port_name())))
        .collect();
    ports.dedup();
    let mut line = Phrase::new().ours("port probe");
    for (port, name) in ports.iter().take(ENTRIES) {
        line = line.part(named_port("port ", Some(*port), *name));
    }
    if ports.len() > ENTRIES {
        line = line.part_ours(format!("{} more ports", ports.len() - ENTRIES));
    }
    for (port, _) in &ports {
        draft.seen_port(Some(*port));
    }
    draft.add(About::Action, line.part(blocked(probe.blocked())));
    // A probe is inbound unless GuardDuty says that the resource acted.
    let about = remote::other_end(draft.resource_acted, Some("INBOUND"));
    let are_many = details.len() > 2;
    for (n, detail) in details.iter().enumerate() {
        let remote = detail.remote_ip_details();
        let line =
            if n == 0 || !are_many { remote::address(draft, remote) } else { remote::brief_address(draft, remote) };
        draft.add(about, line);
    }
}

fn rds_login(draft: &mut Draft, login: &shapes::RdsLoginAttemptAction) {
    let attempts = login.login_attributes();
    for attempt in attempts.iter().take(ENTRIES) {
        let mut line = Phrase::new()
            .ours("login")
            .with(" as ", attempt.user())
            .with(" by application ", draft.unless_mentioned(known(attempt.application())));
        let counts = login_counts(attempt);
        line = if counts.is_empty() { line } else { line.ours(format!(": {counts}")) };
        draft.seen(Trait::User, attempt.user());
        draft.add(About::Action, line);
    }
    draft.more(About::Action, attempts.len().saturating_sub(ENTRIES));
    if attempts.is_empty() {
        draft.add(About::Action, Phrase::new().ours("database login attempt"));
    }
    remote::caller(draft, login.remote_ip_details());
}

/// `1 succeeded, 214 failed, 3 incomplete`
fn login_counts(attempt: &shapes::LoginAttribute) -> String {
    let counts = [
        (attempt.successful_login_attempts(), "succeeded"),
        (attempt.failed_login_attempts(), "failed"),
        (attempt.incomplete_connection_count(), "incomplete"),
    ];
    let known = counts.into_iter().filter_map(|(count, words)| Some((count.filter(|count| *count > 0)?, words)));
    known.map(|(count, words)| format!("{count} {words}")).collect::<Vec<_>>().join(", ")
}
