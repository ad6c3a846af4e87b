//! Reads the action of a finding: every member of the API type `Action`.

mod kubernetes;

use super::decode::shapes;

use super::Topic;
use super::attribute::AttributeKind;
use super::facts_builder::FactsBuilder;
use super::line::{Line, known, non_blank};
use super::resource::kind_label;
use super::{outcome, remote};

/// Maximum number of entries of a list inside an action that become lines.
const MAX_ENTRIES: usize = 6;

pub(super) fn add_action(draft: &mut FactsBuilder, action: &shapes::Action) {
    if let Some(call) = action.aws_api_call_action() {
        add_aws_api_call(draft, call);
    }
    if let Some(dns) = action.dns_request_action() {
        add_dns_request(draft, dns);
    }
    if let Some(connection) = action.network_connection_action() {
        add_network_connection(draft, connection);
    }
    if let Some(probe) = action.port_probe_action() {
        add_port_probe(draft, probe);
    }
    if let Some(login) = action.rds_login_attempt_action() {
        add_rds_login(draft, login);
    }
    kubernetes::add_kubernetes(draft, action);
    // Of an action type that this version does not know, at least the name is shown.
    if !draft.has_topic(Topic::Action)
        && let Some(kind) = non_blank(action.action_type())
    {
        draft.is_action_unknown = true;
        draft.add(Topic::Action, Line::new().literal(kind_label(kind)));
    }
}

fn add_aws_api_call(draft: &mut FactsBuilder, call: &shapes::AwsApiCallAction) {
    let line = with_agent(api_name(call.service_name(), call.api()), call.user_agent());
    draft.add(Topic::Action, line.separated(outcome::error(call.error_code())));
    draft.add_attribute(AttributeKind::Api, call.api());
    add_affected_resources(draft, call);
    remote::caller(draft, call.remote_ip_details());
    if let Some(domain) = call.domain_details().and_then(|d| non_blank(d.domain())) {
        draft.add_attribute(AttributeKind::Domain, Some(domain));
        draft.add(Topic::Actor, Line::new().literal("domain ").address(domain));
    }
    if let Some(account) = call.remote_account_details() {
        let affiliation =
            account.affiliated().map(|a| if a { "in your organization" } else { "outside your organization" });
        let mut line = Line::new().separated_code("AWS account ", account.account_id());
        if let (false, Some(words)) = (line.is_empty(), affiliation) {
            line = line.separated_literal(words);
        }
        draft.add_detail(Topic::Actor, line.separated_code("AWS service ", account.aws_service_name()));
    }
    if !draft.has_topic(Topic::Actor) {
        draft.add(Topic::Actor, Line::new().separated_code("caller ", call.caller_type()));
    }
}

/// `s3:ListBuckets with aws-cli/2.15.0`
fn with_agent(call: Line, user_agent: Option<&str>) -> Line {
    match call.is_empty() {
        true => call.separated_code("user agent ", user_agent),
        false => call.with_code(" with ", user_agent),
    }
}

/// `s3:ListBuckets`, as IAM policies write it.
pub(super) fn api_name(service: Option<&str>, api: Option<&str>) -> Line {
    let service = non_blank(service).map(|s| s.trim_end_matches(".amazonaws.com"));
    match (service, non_blank(api)) {
        (Some(service), Some(api)) => Line::new().code(&format!("{service}:{api}")),
        (None, Some(one)) | (Some(one), None) => Line::new().code(one),
        (None, None) => Line::new(),
    }
}

/// `affectedResources`: kind and name of each.
fn add_affected_resources(draft: &mut FactsBuilder, call: &shapes::AwsApiCallAction) {
    let all = call.affected_resources();
    for (kind, name) in all.iter().take(3) {
        draft.add(Topic::Action, Line::new().literal("affects ").code(kind).with_code(" ", Some(short_name(name))));
    }
    draft.add_omitted(Topic::Action, all.len().saturating_sub(3));
}

/// `role/ci-deployer`: the part of an ARN after the account.
fn short_name(name: &str) -> &str {
    let in_account = name.starts_with("arn:").then(|| name.splitn(6, ':').nth(5)).flatten();
    non_blank(in_account).unwrap_or(name)
}

fn add_dns_request(draft: &mut FactsBuilder, dns: &shapes::DnsRequestAction) {
    let domain = non_blank(dns.domain()).or(non_blank(dns.domain_with_suffix()));
    let mut line = Line::new().literal("DNS request");
    if let Some(domain) = domain {
        line = line.literal(" for ").address(domain);
        draft.add_attribute(AttributeKind::Domain, Some(domain));
    }
    // The protocol can be a bare `0`.
    let protocol = dns.protocol().filter(|p| p.chars().any(char::is_alphabetic));
    draft.add(
        Topic::Action,
        line.part_words("", protocol)
            .separated(blocked_label(dns.blocked()))
            .separated_code("VPC owner ", dns.vpc_owner_account_id()),
    );
}

fn blocked_label(blocked: Option<bool>) -> Line {
    match blocked {
        Some(true) => Line::new().literal("blocked"),
        _ => Line::new(),
    }
}

fn add_network_connection(draft: &mut FactsBuilder, c: &shapes::NetworkConnectionAction) {
    let (is_outbound, words) = match c.connection_direction() {
        Some("INBOUND") => (false, "inbound "),
        Some("OUTBOUND") => (true, "outbound "),
        _ => (false, ""),
    };
    let local = c.local_port_details().map(|port| (port.port(), port.port_name()));
    let remote = c.remote_port_details().map(|port| (port.port(), port.port_name()));
    // The port of the caller is chosen at random. Only the port that was called is an attribute.
    let (called, words_before) = if is_outbound { (remote, " to port ") } else { (local, " to local port ") };
    let (called, called_name) = called.unwrap_or_default();
    draft.add_port(called);
    let local = c.local_ip_details().and_then(|l| non_blank(l.ip_address_v4()).or(l.ip_address_v6()));
    // If the resource is named by the address, the interface is named, too.
    let is_known = non_blank(local).is_some_and(|address| draft.mentions(address));
    let interface = c.local_network_interface().filter(|_| !is_known);
    let mut line = match known(c.protocol()) {
        Some(protocol) => Line::new().literal(words).untrusted(outcome::protocol(protocol)),
        None => Line::new().literal(words).literal("connection"),
    };
    line = line
        .concat(port_line(words_before, called, called_name))
        .separated_code("local address ", draft.unless_mentioned(local))
        .separated_code("interface ", draft.unless_mentioned(interface))
        .separated(blocked_label(c.blocked()));
    draft.add(Topic::Action, line);
    remote::add_remote(draft, remote::other_end(draft.resource_acted, c.connection_direction()), c.remote_ip_details());
}

/// `port 22 (SSH)`; GuardDuty says `Unknown` for a port without a name.
fn port_line(words: &'static str, port: Option<i64>, name: Option<&str>) -> Line {
    let Some(port) = port else { return Line::new() };
    let phrase = Line::new().literal(format!("{words}{port}"));
    match non_blank(name).filter(|n| !n.eq_ignore_ascii_case("unknown")) {
        Some(name) => phrase.literal(" (").untrusted(name).literal(")"),
        None => phrase,
    }
}

fn add_port_probe(draft: &mut FactsBuilder, probe: &shapes::PortProbeAction) {
    let details = probe.port_probe_details();
    let mut ports: Vec<(i64, Option<&str>)> = details
        .iter()
        .filter_map(|d| d.local_port_details())
        .filter_map(|p| Some((p.port()?, p.port_name())))
        .collect();
    ports.dedup();
    let mut line = Line::new().literal("port probe");
    for (port, name) in ports.iter().take(MAX_ENTRIES) {
        line = line.separated(port_line("port ", Some(*port), *name));
    }
    if ports.len() > MAX_ENTRIES {
        line = line.separated_literal(format!("{} more ports", ports.len() - MAX_ENTRIES));
    }
    for (port, _) in &ports {
        draft.add_port(Some(*port));
    }
    draft.add(Topic::Action, line.separated(blocked_label(probe.blocked())));
    // A probe is inbound unless the role of the resource is actor.
    let about = remote::other_end(draft.resource_acted, Some("INBOUND"));
    let are_many = details.len() > 2;
    for (n, detail) in details.iter().enumerate() {
        let remote = detail.remote_ip_details();
        let line =
            if n == 0 || !are_many { remote::remote_line(draft, remote) } else { remote::brief_address(draft, remote) };
        draft.add(about, line);
    }
}

fn add_rds_login(draft: &mut FactsBuilder, login: &shapes::RdsLoginAttemptAction) {
    let attempts = login.login_attributes();
    for attempt in attempts.iter().take(MAX_ENTRIES) {
        let mut line = Line::new()
            .literal("login")
            .with_code(" as ", attempt.user())
            .with_code(" by application ", draft.unless_mentioned(known(attempt.application())));
        let counts = login_counts(attempt);
        line = if counts.is_empty() { line } else { line.literal(format!(": {counts}")) };
        draft.add_attribute(AttributeKind::User, attempt.user());
        draft.add(Topic::Action, line);
    }
    draft.add_omitted(Topic::Action, attempts.len().saturating_sub(MAX_ENTRIES));
    if attempts.is_empty() {
        draft.add(Topic::Action, Line::new().literal("database login attempt"));
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
