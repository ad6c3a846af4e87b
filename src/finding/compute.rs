//! Instances, functions, models and guardrails.

use super::decode::shapes;

use super::About;
use super::draft::Draft;
use super::phrase::{Phrase, filled, listed};
use super::resource::told;
use super::storage::last_segment;

pub(super) fn instance(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(i) = resource.instance_details() else { return false };
    let words = if draft.has(About::Resource) { "on EC2 instance" } else { "EC2 instance" };
    let subject = Phrase::new().ours(words).with(" ", i.instance_id());
    let subject = match name_tag(i.tags()) {
        Some(name) => subject.ours(" (").theirs(name).ours(")"),
        None => subject,
    };
    let details = Phrase::new()
        .part(i.instance_type().map_or_else(Phrase::new, size))
        .part_said("", i.instance_state())
        .part_said("", i.availability_zone())
        .part_said("", i.platform())
        .part_with("profile ", i.iam_instance_profile().and_then(|p| last_segment(p.arn()).or(p.id())))
        .part_with("image ", filled(i.image_id()).or(i.image_description()))
        .part_with("outpost ", last_segment(i.outpost_arn()));
    told(draft, subject, details);
    for card in i.network_interfaces() {
        let line = interface(card);
        draft.say(About::Resource, line);
    }
    draft.name(i.instance_id());
    draft.name(name_tag(i.tags()));
    draft.tags(i.tags());
    true
}

/// `m5.large` is a word of AWS's, though it looks like a domain.
pub(super) fn size(kind: &str) -> Phrase {
    let known = kind.split_once('.').is_some_and(|(family, _)| family.bytes().any(|b| b.is_ascii_digit()));
    let plain =
        kind.len() < 24 && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
    if known && plain { Phrase::new().ours(kind.to_owned()) } else { Phrase::new().part_said("", Some(kind)) }
}

/// The value of the `Name` tag: what people call an instance.
fn name_tag<'t>(tags: &'t [shapes::Tag]) -> Option<&'t str> {
    tags.iter().find(|t| t.key() == Some("Name")).and_then(|t| filled(t.value()))
}

/// The instance's own addresses are not defanged as an actor's are, but they are shown as code, which is no link either.
fn interface(card: &shapes::NetworkInterface) -> Phrase {
    let groups = listed(card.security_groups().iter().filter_map(|g| filled(g.group_id()).or(g.group_name())), 3);
    let mut line = Phrase::new()
        .part_with("private ", card.private_ip_address())
        .part_with("public ", card.public_ip())
        .part_with("", card.public_dns_name())
        .part_with("IPv6 ", card.ipv6_addresses().first().map(AsRef::as_ref))
        .part_with("", card.vpc_id())
        .part_with("", card.subnet_id());
    if !groups.is_empty() {
        line = line.part(groups);
    }
    line
}

pub(super) fn function(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(f) = resource.lambda_details() else { return false };
    let subject = Phrase::new().ours("Lambda function").with(" ", filled(f.function_name()).or(f.function_arn()));
    let details = Phrase::new()
        .part_said("version ", f.function_version())
        .part_with("role ", last_segment(f.role()))
        .part_with("", f.vpc_config().and_then(|v| v.vpc_id()));
    told(draft, subject, details);
    draft.name(f.function_name());
    draft.name(f.function_arn());
    draft.tags(f.tags());
    true
}

pub(super) fn guardrail(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(g) = resource.bedrock_guardrail_details() else { return false };
    let (arn, version) = named_guardrail(g);
    let subject = Phrase::new().ours("Bedrock guardrail").with(" ", arn);
    let mut details = Phrase::new()
        .part_said("version ", version)
        .part_said("", g.guardrail_action())
        .part_said("on ", g.guardrail_source());
    for filter in g.content_policy_filters().iter().take(4) {
        let said = Phrase::new().part_said("filter ", filter.r#type());
        let said = said.with(", confidence ", filter.confidence());
        details = details.part(said.with(", ", filter.action()));
    }
    told(draft, subject, details);
    draft.name(arn);
    for other in g.guardrails() {
        draft.name(other.arn());
    }
    for other in g.guardrails().iter().skip(1).take(4) {
        draft.say(
            About::Resource,
            Phrase::new().part_with("guardrail ", other.arn()).part_with("version ", other.version()),
        );
    }
    true
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
        told(draft, Phrase::new().part_with("model ", model.model_id()), Phrase::new());
        draft.name(model.model_id());
    }
    draft.more(About::Resource, models.len().saturating_sub(10));
    !models.is_empty()
}
