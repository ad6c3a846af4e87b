//! Reads instances, functions, models and guardrails.

use super::decode::shapes;

use super::Topic;
use super::facts_builder::FactsBuilder;
use super::line::{Line, brief_count, humanize, known, non_blank};
use super::resource::{add_resource, add_resource_with};
use super::storage::last_segment;

/// Maximum number of interfaces after the first one that are listed with their addresses.
const INTERFACES: usize = 6;

pub(super) fn set_instance(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(i) = resource.instance_details() else { return false };
    let words = if draft.has_topic(Topic::Resource) { "on EC2 instance" } else { "EC2 instance" };
    let subject = Line::new().literal(words).with_code(" ", i.instance_id());
    let subject = match name_tag(i.tags()) {
        Some(name) => subject.literal(" (").untrusted(name).literal(")"),
        None => subject,
    };
    let (first, others) = match i.network_interfaces().split_first() {
        Some((first, others)) => (Some(first), others),
        None => (None, [].as_slice()),
    };
    let reachable_at = first.map_or_else(Line::new, addresses);
    let network_details = first.map_or_else(Line::new, |first| network(draft, first).separated(other_addresses(first)));
    add_resource_with(draft, subject, reachable_at, role_and_age(i).separated(network_details).separated(platform(i)));
    match others {
        [] => {}
        [second] => draft.add(Topic::Details, interface(draft, second)),
        _ => draft.add(Topic::Details, interfaces(others)),
    }
    draft.add_identifier(i.instance_id());
    draft.add_identifier(name_tag(i.tags()));
    draft.add_tags(i.tags());
    true
}

/// `profile web · launched …`: the credentials of the instance, and its age.
fn role_and_age(i: &shapes::InstanceDetails) -> Line {
    let line = Line::new()
        .separated_code("profile ", i.iam_instance_profile().and_then(|p| last_segment(p.arn()).or(p.id())))
        .part_words("", i.instance_state().filter(|state| *state != "running"));
    match i.launch_time() {
        Some(time) => line.separated(Line::new().literal("launched ").time(time)),
        None => line,
    }
}

/// `windows · outpost op-0abc`
fn platform(i: &shapes::InstanceDetails) -> Line {
    Line::new().part_words("", i.platform()).separated_code("outpost ", last_segment(i.outpost_arn()))
}

/// The instance type as literal text. `m5.large` looks like a domain, but is a name of AWS.
pub(super) fn instance_type(kind: &str) -> Line {
    let known = kind.split_once('.').is_some_and(|(family, _)| family.bytes().any(|b| b.is_ascii_digit()));
    let plain =
        kind.len() < 24 && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
    if known && plain { Line::new().literal(kind.to_owned()) } else { Line::new().part_words("", Some(kind)) }
}

/// The value of the `Name` tag, the name that people use for an instance.
fn name_tag<'t>(tags: &'t [shapes::Tag]) -> Option<&'t str> {
    tags.iter().find(|t| t.key() == Some("Name")).and_then(|t| non_blank(t.value()))
}

/// `public 203.0.113.20 · private 10.0.1.12`. The addresses of an instance are not defanged like those of an actor. They
/// are shown as code, which does not become a link.
fn addresses(interface: &shapes::NetworkInterface) -> Line {
    Line::new()
        .separated_code("public ", interface.public_ip())
        .separated_code("private ", interface.private_ip_address())
}

fn other_addresses(interface: &shapes::NetworkInterface) -> Line {
    Line::new().separated_code("", interface.public_dns_name()).part_listed("IPv6 ", interface.ipv6_addresses(), 2)
}

/// `interface eni-0b2 · public … · private … · subnet-0b2`
fn interface(draft: &FactsBuilder, interface: &shapes::NetworkInterface) -> Line {
    let add_identifier = Line::new().literal("interface").with_code(" ", interface.network_interface_id());
    add_identifier
        .separated(addresses(interface))
        .separated(network(draft, interface))
        .separated(other_addresses(interface))
}

/// `3 more interfaces: eni-0b2 203.0.113.21 10.0.2.12, …`: other addresses of the instance.
fn interfaces(others: &[shapes::NetworkInterface]) -> Line {
    let mut line = Line::new().literal(format!("{} more interfaces", others.len()));
    for (n, interface) in others.iter().take(INTERFACES).enumerate() {
        line = line.literal(if n == 0 { ": " } else { ", " });
        let parts = [interface.network_interface_id(), interface.public_ip(), interface.private_ip_address()];
        for (separated, value) in parts.into_iter().filter_map(non_blank).enumerate() {
            line = if separated == 0 { line.code(value) } else { line.literal(" ").code(value) };
        }
    }
    line.and_more(others.len(), INTERFACES)
}

/// `vpc-0a1b · subnet-0a1b · sg-0web (web)`
fn network(draft: &FactsBuilder, interface: &shapes::NetworkInterface) -> Line {
    let line = Line::new()
        .separated_code("", draft.unless_mentioned(interface.vpc_id()))
        .separated_code("", draft.unless_mentioned(interface.subnet_id()));
    let is_new = |group: &&shapes::SecurityGroup| !non_blank(group.group_id()).is_some_and(|id| draft.mentions(id));
    line.separated(security_groups(interface.security_groups().iter().filter(is_new)))
}

/// `sg-0web (web), sg-0db (database)`
pub(super) fn security_groups<'g, 'a: 'g>(groups: impl IntoIterator<Item = &'g shapes::SecurityGroup<'a>>) -> Line {
    let groups: Vec<_> = groups.into_iter().collect();
    let width = |group: &&shapes::SecurityGroup| {
        [group.group_id(), group.group_name()].into_iter().flatten().map(|text| text.chars().count()).sum()
    };
    let shown = brief_count(groups.iter().map(width));
    let mut phrase = Line::new();
    for group in groups.iter().take(shown) {
        phrase = if phrase.is_empty() { phrase } else { phrase.literal(", ") };
        phrase = match (non_blank(group.group_id()), non_blank(group.group_name())) {
            (Some(id), Some(name)) => phrase.code(id).literal(" (").untrusted(name).literal(")"),
            (Some(one), None) | (None, Some(one)) => phrase.code(one),
            (None, None) => phrase,
        };
    }
    phrase.and_more(groups.len(), shown)
}

pub(super) fn set_function(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(f) = resource.lambda_details() else { return false };
    let subject =
        Line::new().literal("Lambda function").with_code(" ", non_blank(f.function_name()).or(f.function_arn()));
    let details = Line::new()
        .part_words("version ", f.function_version())
        .separated_code("role ", last_segment(f.role()))
        .separated(change(f))
        .separated(f.vpc_config().map_or_else(Line::new, vpc));
    add_resource(draft, subject, details);
    draft.add_identifier(f.function_name());
    draft.add_identifier(f.function_arn());
    draft.add_tags(f.tags());
    true
}

/// `changed … · revision 1a2b`, which shows whether the code is the one that was deployed.
fn change(f: &shapes::LambdaDetails) -> Line {
    let line = match f.last_modified_at() {
        Some(time) => Line::new().literal("changed ").time(time),
        None => Line::new(),
    };
    line.separated_code("revision ", f.revision_id())
}

fn vpc(config: &shapes::VpcConfig) -> Line {
    let line = Line::new().separated_code("", config.vpc_id()).part_listed("", config.subnet_ids(), 2);
    line.separated(security_groups(config.security_groups()))
}

pub(super) fn set_guardrail(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(g) = resource.bedrock_guardrail_details() else { return false };
    let (arn, version) = named_guardrail(g);
    let subject = Line::new().literal("Bedrock guardrail").with_code(" ", last_segment(arn));
    let mut details =
        Line::new().part_words("version ", version).separated(intervention(g.guardrail_action(), g.guardrail_source()));
    for filter in g.content_policy_filters().iter().take(4) {
        details = details.separated(about_filter(filter));
    }
    add_resource(draft, subject, details);
    draft.add_identifier(arn);
    for other in g.guardrails() {
        draft.add_identifier(other.arn());
    }
    for other in g.guardrails().iter().skip(1).take(4) {
        draft.add(
            Topic::Details,
            Line::new().separated_code("guardrail ", other.arn()).separated_code("version ", other.version()),
        );
    }
    true
}

/// `intervened on input`
pub(super) fn intervention(action: Option<&str>, source: Option<&str>) -> Line {
    let action = action.map(|action| action.strip_prefix("GUARDRAIL_").unwrap_or(action));
    match known(source) {
        Some(source) => Line::new().part_words("", action).literal(" on ").untrusted(&humanize(source)),
        None => Line::new().part_words("", action),
    }
}

/// `prompt attack blocked (confidence high)`
fn about_filter(filter: &shapes::ContentPolicyFilter) -> Line {
    let line = Line::new().part_words("", filter.r#type());
    let line = match known(filter.action()) {
        Some(action) => line.literal(" ").untrusted(&humanize(action)),
        None => line,
    };
    match known(filter.confidence()) {
        Some(confidence) => line.literal(" (confidence ").untrusted(&confidence.to_lowercase()).literal(")"),
        None => line,
    }
}

/// The API moved a single guardrail into a list, and still sends the members that it deprecates.
fn named_guardrail<'g>(g: &'g shapes::BedrockGuardrailDetails) -> (Option<&'g str>, Option<&'g str>) {
    let first = g.guardrails().first();
    (
        first.and_then(|f| non_blank(f.arn())).or(non_blank(g.guardrail_arn())),
        first.and_then(|f| non_blank(f.version())).or(non_blank(g.guardrail_version())),
    )
}

pub(super) fn set_models(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let models = resource.model_details();
    for model in models.iter().take(10) {
        add_resource(draft, Line::new().separated_code("model ", model.model_id()), Line::new());
        draft.add_identifier(model.model_id());
    }
    draft.add_omitted(Topic::Details, models.len().saturating_sub(10));
    !models.is_empty()
}
