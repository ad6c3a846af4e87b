//! Instances, functions, models and guardrails.

use super::decode::shapes;

use super::About;
use super::draft::Draft;
use super::phrase::{Phrase, brief_count, filled, known, quiet};
use super::resource::{add_resource, add_resource_with};
use super::storage::last_segment;

/// Interfaces that are listed with their addresses, beside the first one.
const INTERFACES: usize = 6;

pub(super) fn instance(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(i) = resource.instance_details() else { return false };
    let words = if draft.has(About::Resource) { "on EC2 instance" } else { "EC2 instance" };
    let subject = Phrase::new().ours(words).with(" ", i.instance_id());
    let subject = match name_tag(i.tags()) {
        Some(name) => subject.ours(" (").theirs(name).ours(")"),
        None => subject,
    };
    let (first, others) = match i.network_interfaces().split_first() {
        Some((first, others)) => (Some(first), others),
        None => (None, [].as_slice()),
    };
    let reachable_at = first.map_or_else(Phrase::new, addresses);
    let network_details = first.map_or_else(Phrase::new, |first| network(draft, first).part(other_addresses(first)));
    add_resource_with(draft, subject, reachable_at, role_and_age(i).part(network_details).part(platform(i)));
    match others {
        [] => {}
        [second] => draft.add(About::Details, interface(draft, second)),
        _ => draft.add(About::Details, interfaces(others)),
    }
    draft.name(i.instance_id());
    draft.name(name_tag(i.tags()));
    draft.tags(i.tags());
    true
}

/// `profile web · launched …`: whose credentials it has, and whether it is new.
fn role_and_age(i: &shapes::InstanceDetails) -> Phrase {
    let line = Phrase::new()
        .part_with("profile ", i.iam_instance_profile().and_then(|p| last_segment(p.arn()).or(p.id())))
        .part_words("", i.instance_state().filter(|state| *state != "running"));
    match i.launch_time() {
        Some(time) => line.part(Phrase::new().ours("launched ").at(time)),
        None => line,
    }
}

/// `windows · outpost op-0abc`
fn platform(i: &shapes::InstanceDetails) -> Phrase {
    Phrase::new().part_words("", i.platform()).part_with("outpost ", last_segment(i.outpost_arn()))
}

/// `m5.large` is a word of AWS's, though it looks like a domain.
pub(super) fn size(kind: &str) -> Phrase {
    let known = kind.split_once('.').is_some_and(|(family, _)| family.bytes().any(|b| b.is_ascii_digit()));
    let plain =
        kind.len() < 24 && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
    if known && plain { Phrase::new().ours(kind.to_owned()) } else { Phrase::new().part_words("", Some(kind)) }
}

/// The value of the `Name` tag: what people call an instance.
fn name_tag<'t>(tags: &'t [shapes::Tag]) -> Option<&'t str> {
    tags.iter().find(|t| t.key() == Some("Name")).and_then(|t| filled(t.value()))
}

/// `public 203.0.113.20 · private 10.0.1.12`. The addresses of an instance are not defanged as those of an actor are,
/// but they are shown as code, which is no link either.
fn addresses(interface: &shapes::NetworkInterface) -> Phrase {
    Phrase::new().part_with("public ", interface.public_ip()).part_with("private ", interface.private_ip_address())
}

fn other_addresses(interface: &shapes::NetworkInterface) -> Phrase {
    Phrase::new().part_with("", interface.public_dns_name()).part_listed("IPv6 ", interface.ipv6_addresses(), 2)
}

/// `interface eni-0b2 · public … · private … · subnet-0b2`
fn interface(draft: &Draft, interface: &shapes::NetworkInterface) -> Phrase {
    let name = Phrase::new().ours("interface").with(" ", interface.network_interface_id());
    name.part(addresses(interface)).part(network(draft, interface)).part(other_addresses(interface))
}

/// `3 more interfaces: eni-0b2 203.0.113.21 10.0.2.12, …`: where else the instance can be reached.
fn interfaces(others: &[shapes::NetworkInterface]) -> Phrase {
    let mut line = Phrase::new().ours(format!("{} more interfaces", others.len()));
    for (n, interface) in others.iter().take(INTERFACES).enumerate() {
        line = line.ours(if n == 0 { ": " } else { ", " });
        let parts = [interface.network_interface_id(), interface.public_ip(), interface.private_ip_address()];
        for (part, value) in parts.into_iter().filter_map(filled).enumerate() {
            line = if part == 0 { line.code(value) } else { line.ours(" ").code(value) };
        }
    }
    line.and_more(others.len(), INTERFACES)
}

/// `vpc-0a1b · subnet-0a1b · sg-0web (web)`
fn network(draft: &Draft, interface: &shapes::NetworkInterface) -> Phrase {
    let line = Phrase::new()
        .part_with("", draft.unless_mentioned(interface.vpc_id()))
        .part_with("", draft.unless_mentioned(interface.subnet_id()));
    let is_new = |group: &&shapes::SecurityGroup| !filled(group.group_id()).is_some_and(|id| draft.mentions(id));
    line.part(security_groups(interface.security_groups().iter().filter(is_new)))
}

/// `sg-0web (web), sg-0db (database)`
pub(super) fn security_groups<'g, 'a: 'g>(groups: impl IntoIterator<Item = &'g shapes::SecurityGroup<'a>>) -> Phrase {
    let groups: Vec<_> = groups.into_iter().collect();
    let width = |group: &&shapes::SecurityGroup| {
        [group.group_id(), group.group_name()].into_iter().flatten().map(|text| text.chars().count()).sum()
    };
    let shown = brief_count(groups.iter().map(width));
    let mut phrase = Phrase::new();
    for group in groups.iter().take(shown) {
        phrase = if phrase.is_empty() { phrase } else { phrase.ours(", ") };
        phrase = match (filled(group.group_id()), filled(group.group_name())) {
            (Some(id), Some(name)) => phrase.code(id).ours(" (").theirs(name).ours(")"),
            (Some(one), None) | (None, Some(one)) => phrase.code(one),
            (None, None) => phrase,
        };
    }
    phrase.and_more(groups.len(), shown)
}

pub(super) fn function(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(f) = resource.lambda_details() else { return false };
    let subject = Phrase::new().ours("Lambda function").with(" ", filled(f.function_name()).or(f.function_arn()));
    let details = Phrase::new()
        .part_words("version ", f.function_version())
        .part_with("role ", last_segment(f.role()))
        .part(change(f))
        .part(f.vpc_config().map_or_else(Phrase::new, vpc));
    add_resource(draft, subject, details);
    draft.name(f.function_name());
    draft.name(f.function_arn());
    draft.tags(f.tags());
    true
}

/// `changed … · revision 1a2b`: whether its code is still what was deployed.
fn change(f: &shapes::LambdaDetails) -> Phrase {
    let line = match f.last_modified_at() {
        Some(time) => Phrase::new().ours("changed ").at(time),
        None => Phrase::new(),
    };
    line.part_with("revision ", f.revision_id())
}

fn vpc(config: &shapes::VpcConfig) -> Phrase {
    let line = Phrase::new().part_with("", config.vpc_id()).part_listed("", config.subnet_ids(), 2);
    line.part(security_groups(config.security_groups()))
}

pub(super) fn guardrail(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(g) = resource.bedrock_guardrail_details() else { return false };
    let (arn, version) = named_guardrail(g);
    let subject = Phrase::new().ours("Bedrock guardrail").with(" ", last_segment(arn));
    let mut details =
        Phrase::new().part_words("version ", version).part(intervention(g.guardrail_action(), g.guardrail_source()));
    for filter in g.content_policy_filters().iter().take(4) {
        details = details.part(about_filter(filter));
    }
    add_resource(draft, subject, details);
    draft.name(arn);
    for other in g.guardrails() {
        draft.name(other.arn());
    }
    for other in g.guardrails().iter().skip(1).take(4) {
        draft.add(
            About::Details,
            Phrase::new().part_with("guardrail ", other.arn()).part_with("version ", other.version()),
        );
    }
    true
}

/// `intervened on input`
pub(super) fn intervention(action: Option<&str>, source: Option<&str>) -> Phrase {
    let action = action.map(|action| action.strip_prefix("GUARDRAIL_").unwrap_or(action));
    match known(source) {
        Some(source) => Phrase::new().part_words("", action).ours(" on ").theirs(&quiet(source)),
        None => Phrase::new().part_words("", action),
    }
}

/// `prompt attack blocked (confidence high)`
fn about_filter(filter: &shapes::ContentPolicyFilter) -> Phrase {
    let line = Phrase::new().part_words("", filter.r#type());
    let line = match known(filter.action()) {
        Some(action) => line.ours(" ").theirs(&quiet(action)),
        None => line,
    };
    match known(filter.confidence()) {
        Some(confidence) => line.ours(" (confidence ").theirs(&confidence.to_lowercase()).ours(")"),
        None => line,
    }
}

/// The API moved a single guardrail into a list, and still sends the members that it deprecates.
fn named_guardrail<'g>(g: &'g shapes::BedrockGuardrailDetails) -> (Option<&'g str>, Option<&'g str>) {
    let first = g.guardrails().first();
    (
        first.and_then(|f| filled(f.arn())).or(filled(g.guardrail_arn())),
        first.and_then(|f| filled(f.version())).or(filled(g.guardrail_version())),
    )
}

pub(super) fn models(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let models = resource.model_details();
    for model in models.iter().take(10) {
        add_resource(draft, Phrase::new().part_with("model ", model.model_id()), Phrase::new());
        draft.name(model.model_id());
    }
    draft.more(About::Details, models.len().saturating_sub(10));
    !models.is_empty()
}
