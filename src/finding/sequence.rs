//! Reads attack sequences: actors, resources, endpoints and signals.

mod actors;
mod contain;
mod signals;
#[cfg(test)]
mod tests;

use super::decode::{Text, shapes};

use super::Topic;
use super::attribute::AttributeKind;
use super::compute::{instance_type, intervention, security_groups};
use super::container::{singular_kind, status, workload_path};
use super::facts_builder::FactsBuilder;
use super::iam::user_type_label;
use super::line::{Line, join_limited, non_blank};
use super::storage::{encryption, last_segment};
use crate::text::pluralize;

pub(super) fn add_sequence(draft: &mut FactsBuilder, sequence: &shapes::Sequence) {
    contain::add_sequence(draft, sequence);
    signals::add_sequence(draft, sequence);
    for actor in sequence.actors() {
        actors::add_actor(draft, actor);
    }
    draft.add_detail(Topic::Actor, user_agents(sequence));
    for endpoint in sequence.endpoints() {
        actors::add_endpoint(draft, endpoint);
    }
    for resource in sequence.resources() {
        add_resource(draft, resource);
    }
    add_indicators(draft, sequence.sequence_indicators());
}

fn add_resource(draft: &mut FactsBuilder, r: &shapes::ResourceV2) {
    let subject = subject(r);
    draft.set_summary(subject.clone());
    draft.add_identifier(r.name());
    draft.add_identifier(r.uid());
    draft.add_tags(r.tags());
    if let Some(key) = r.data().and_then(|d| d.access_key()) {
        draft.add_identifier(key.user_name());
        draft.add_identifier(key.principal_id());
    }
    // What to contain is named already: a line repeats it only with details.
    let line = subject.separated(resource_details(draft, r));
    if !draft.mentions_all(&line) {
        draft.add(Topic::Resource, line);
    }
}

/// `deployment checkout/api`, `EC2 instance i-0abc`
fn subject(r: &shapes::ResourceV2) -> Line {
    let name = non_blank(r.name()).or(non_blank(r.uid()));
    if let Some(workload) = r.data().and_then(|data| data.kubernetes_workload()) {
        let kind = workload.kubernetes_resources_types().map_or_else(|| "workload".to_owned(), singular_kind);
        let path = workload_path(workload.namespace(), name);
        return Line::new().part_words("", Some(&kind)).with_code(" ", Some(&path));
    }
    match r.resource_type().map(kind_label) {
        Some(kind) => Line::new().literal(kind).with_code(" ", name),
        None => Line::new().separated_code("resource ", name),
    }
}

/// Display name of `EC2_INSTANCE` and the like. The API may add kinds that this version does not know.
fn kind_label(kind: &str) -> String {
    let known = match kind {
        "EC2_INSTANCE" => "EC2 instance",
        "EC2_NETWORK_INTERFACE" => "network interface",
        "EC2_LAUNCH_TEMPLATE" => "launch template",
        "EC2_VPC" => "VPC",
        "EC2_IMAGE" => "AMI",
        "S3_BUCKET" => "S3 bucket",
        "S3_OBJECT" => "S3 object",
        "ACCESS_KEY" => "access key",
        "EKS_CLUSTER" => "EKS cluster",
        "ECS_CLUSTER" => "ECS cluster",
        "ECS_TASK" => "ECS task",
        "KUBERNETES_WORKLOAD" => "Kubernetes workload",
        "IAM_INSTANCE_PROFILE" => "instance profile",
        "AUTOSCALING_AUTO_SCALING_GROUP" => "Auto Scaling group",
        "CLOUDFORMATION_STACK" => "CloudFormation stack",
        "SAGEMAKER_ENDPOINT" => "SageMaker endpoint",
        "CONTAINER" => "container",
        "LAMBDA_FUNCTION" => "Lambda function",
        _ => return super::resource::kind_label(kind),
    };
    known.to_owned()
}

/// What the members of `ResourceData` add.
fn resource_details(draft: &FactsBuilder, r: &shapes::ResourceV2) -> Line {
    let mut line = Line::new();
    let Some(data) = r.data() else { return line };
    if let Some(i) = data.ec2_instance() {
        line = line
            .separated(i.instance_type().map_or_else(Line::new, instance_type))
            .part_words("", i.instance_state().filter(|state| *state != "running"))
            .separated_code("profile ", i.iam_instance_profile().and_then(|p| last_segment(p.arn()).or(p.id())));
    }
    if let Some(n) = data.ec2_network_interface() {
        line = line
            .separated_code("public ", n.public_ip())
            .part_listed("private ", n.private_ip_addresses().iter().filter_map(|p| p.private_ip_address()), 2)
            .part_listed("IPv6 ", n.ipv6_addresses(), 2)
            .separated_code("", n.vpc_id())
            .separated_code("", n.sub_net_id())
            .separated(security_groups(n.security_groups()));
    }
    if let Some(key) = data.access_key() {
        line = line.separated(owner(draft, key));
    }
    if let Some(b) = data.s3_bucket() {
        line = line.part_words("", b.effective_permission());
        line = line.separated(encryption(b.encryption_type(), b.encryption_key_arn()));
        for (access, words) in [(b.public_read_access(), "public read "), (b.public_write_access(), "public write ")] {
            line = line.part_words(words, access.filter(|access| *access != "BLOCKED"));
        }
    }
    if let Some(o) = data.s3_object() {
        line = line
            .separated_code("key ", o.key())
            .separated_code("version ", o.version_id())
            .part_hash("ETag ", o.e_tag());
    }
    line.separated(container_details(data))
}

/// The user of an access key; nothing if it is among the actors.
fn owner(draft: &FactsBuilder, key: &shapes::AccessKey) -> Line {
    match draft.unless_mentioned(key.principal_id()).is_some() || draft.unless_mentioned(key.user_name()).is_some() {
        true => Line::new()
            .literal(user_type_label(key.user_type()))
            .with_code(" ", key.user_name())
            .separated_code("principal ", key.principal_id()),
        false => Line::new(),
    }
}

fn container_details(data: &shapes::ResourceData) -> Line {
    let mut line = Line::new();
    if let Some(c) = data.eks_cluster() {
        line = line.separated(status(c.status())).separated_code("", c.vpc_id());
    }
    if let Some(c) = data.container() {
        line = line.separated_code("image ", c.image()).part_hash("", c.image_uid());
    }
    if let Some(c) = data.ecs_cluster() {
        line = line.separated(status(c.status()));
    }
    if let Some(t) = data.ecs_task() {
        line =
            line.part_words("", t.launch_type()).separated_code("definition ", last_segment(t.task_definition_arn()));
    }
    if let Some(t) = data.ec2_launch_template() {
        line = line.part_words("version ", t.version());
    }
    if let Some(g) = data.bedrock_guardrail() {
        line = line.part_words("version ", g.version());
        line = line.separated(intervention(g.guardrail_action(), g.guardrail_source()));
    }
    let instances = count_instances(data);
    match instances {
        0 => line,
        n => line.separated_literal(pluralize(n as u64, "instance")),
    }
}

/// How many instances stand behind a group, a template, an image…
fn count_instances(data: &shapes::ResourceData) -> usize {
    let lists = [
        data.iam_instance_profile().map(|d| d.ec2_instance_uids()),
        data.autoscaling_auto_scaling_group().map(|d| d.ec2_instance_uids()),
        data.ec2_launch_template().map(|d| d.ec2_instance_uids()),
        data.ec2_vpc().map(|d| d.ec2_instance_uids()),
        data.ec2_image().map(|d| d.ec2_instance_uids()),
        data.cloudformation_stack().map(|d| d.ec2_instance_uids()),
        data.eks_cluster().map(|d| d.ec2_instance_uids()),
        data.ecs_cluster().map(|d| d.ec2_instance_uids()),
    ];
    lists.into_iter().flatten().map(<[Text]>::len).sum()
}

/// `user agents aws-cli/2.15, curl`: those of all API calls, each once.
fn user_agents(sequence: &shapes::Sequence) -> Line {
    let calls = sequence.signals().iter().flat_map(|signal| signal.activities()).filter_map(|activity| activity.api());
    let mut distinct: Vec<&str> = Vec::new();
    for agent in calls.filter_map(|call| non_blank(call.user_agent())) {
        if !distinct.contains(&agent) {
            distinct.push(agent);
        }
    }
    let words = if distinct.len() == 1 { "user agent " } else { "user agents " };
    Line::new().part_listed(words, distinct, 6)
}

/// ATT&CK tactics and techniques first, then what else shows it.
fn add_indicators(draft: &mut FactsBuilder, indicators: &[shapes::Indicator]) {
    let rank = |i: &shapes::Indicator| match i.key() {
        Some("ATTACK_TACTIC") => 0,
        Some("ATTACK_TECHNIQUE") => 1,
        _ => 2,
    };
    let mut ordered: Vec<&shapes::Indicator> = indicators.iter().collect();
    ordered.sort_by_key(|i| rank(i));
    for indicator in ordered {
        let key = indicator.key().unwrap_or_default();
        let title = match key {
            "ATTACK_TACTIC" => "ATT&CK".to_owned(),
            "ATTACK_TECHNIQUE" => "techniques".to_owned(),
            _ => non_blank(indicator.title()).map_or_else(|| super::resource::kind_label(key), str::to_owned),
        };
        let values: Vec<&str> = indicator.values().iter().map(AsRef::as_ref).filter(|v| !draft.mentions(v)).collect();
        let values = indicator_line(draft, key, &values);
        let line = Line::new().untrusted(&title);
        draft.add(Topic::Indicators, if values.is_empty() { line } else { line.literal(": ").concat(values) });
    }
}

/// Addresses and domains among the values are shown defanged.
fn indicator_line(draft: &mut FactsBuilder, key: &str, values: &[&str]) -> Line {
    // `T1098 - Account Manipulation`: the number names a technique.
    if key.starts_with("ATTACK_") {
        let names: Vec<&str> = values.iter().map(|value| value.split(" - ").next().unwrap_or(value)).collect();
        return Line::new().separated_untrusted(&names.join(", "));
    }
    if !(key.ends_with("_IP") || key.ends_with("_DOMAIN")) {
        return join_limited(values, 8);
    }
    let mut phrase = Line::new();
    for (n, value) in values.iter().take(8).enumerate() {
        draft.add_attribute(if key.ends_with("_IP") { AttributeKind::Ip } else { AttributeKind::Domain }, Some(value));
        phrase = if n == 0 { phrase.address(value) } else { phrase.literal(", ").address(value) };
    }
    phrase.and_more(values.len(), 8)
}
