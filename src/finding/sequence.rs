//! Attack sequences: who took part, with which resources, from where, and what shows it.

mod contain;
mod signals;
#[cfg(test)]
mod tests;

use super::decode::{Text, shapes};

use super::About;
use super::compute::size;
use super::container::singular;
use super::draft::{Draft, Trait};
use super::iam::user_type;
use super::phrase::{Phrase, filled, listed, plural};
use super::remote::{other_end, place};
use super::storage::last_segment;

pub(super) fn read(draft: &mut Draft, sequence: &shapes::Sequence) {
    for resource in sequence.resources() {
        tell_resource(draft, resource);
    }
    for actor in sequence.actors() {
        tell_actor(draft, actor);
    }
    for endpoint in sequence.endpoints() {
        tell_endpoint(draft, endpoint);
    }
    contain::read(draft, sequence);
    signals::read(draft, sequence);
    tell_indicators(draft, sequence.sequence_indicators());
}

fn tell_resource(draft: &mut Draft, r: &shapes::ResourceV2) {
    let kind = r.resource_type().map(kind_words);
    let name = filled(r.name()).or(filled(r.uid()));
    let subject = match kind {
        Some(kind) => Phrase::new().ours(kind).with(" ", name),
        None => Phrase::new().part_with("resource ", name),
    };
    draft.subject(subject.clone());
    draft.name(r.name());
    draft.name(r.uid());
    draft.tags(r.tags());
    draft.say(About::Resource, subject.part(details(r)));
    if let Some(key) = r.data().and_then(|d| d.access_key()) {
        draft.name(key.user_name());
        draft.name(key.principal_id());
    }
}

/// `EC2_INSTANCE` in words; the API may add kinds that this version does not know.
fn kind_words(kind: &str) -> String {
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
        _ => return super::resource::readable_kind(kind),
    };
    known.to_owned()
}

/// What the members of `ResourceData` add.
fn details(r: &shapes::ResourceV2) -> Phrase {
    let mut line = Phrase::new();
    let Some(data) = r.data() else { return line };
    if let Some(i) = data.ec2_instance() {
        line = line
            .part(i.instance_type().map_or_else(Phrase::new, size))
            .part_said("", i.instance_state())
            .part_with("profile ", i.iam_instance_profile().and_then(|p| last_segment(p.arn()).or(p.id())));
    }
    if let Some(n) = data.ec2_network_interface() {
        line = line.part_with("public ", n.public_ip()).part_with("", n.vpc_id()).part_with("", n.sub_net_id());
    }
    if let Some(key) = data.access_key() {
        line = line
            .part_with("user ", key.user_name())
            .part_with("principal ", key.principal_id())
            .part_ours(key.user_type().map(|kind| user_type(Some(kind))).unwrap_or_default());
    }
    if let Some(b) = data.s3_bucket() {
        line = line.part_said("", b.effective_permission()).part_said("encryption ", b.encryption_type());
        for (access, words) in [(b.public_read_access(), "public read "), (b.public_write_access(), "public write ")] {
            line = line.part_said(words, access);
        }
    }
    if let Some(o) = data.s3_object() {
        line = line.part_with("key ", o.key()).part_with("version ", o.version_id()).part_with("ETag ", o.e_tag());
    }
    line.part(container_details(data))
}

fn container_details(data: &shapes::ResourceData) -> Phrase {
    let mut line = Phrase::new();
    if let Some(c) = data.eks_cluster() {
        line = line.part_said("", c.status()).part_with("", c.vpc_id());
    }
    if let Some(w) = data.kubernetes_workload() {
        line = line
            .part_with("namespace ", w.namespace())
            .part_theirs(&w.kubernetes_resources_types().map(singular).unwrap_or_default());
    }
    if let Some(c) = data.container() {
        line = line.part_with("image ", c.image()).part_with("", c.image_uid());
    }
    if let Some(c) = data.ecs_cluster() {
        line = line.part_said("", c.status());
    }
    if let Some(t) = data.ecs_task() {
        line = line.part_said("", t.launch_type()).part_with("definition ", last_segment(t.task_definition_arn()));
    }
    if let Some(t) = data.ec2_launch_template() {
        line = line.part_said("version ", t.version());
    }
    if let Some(g) = data.bedrock_guardrail() {
        line = line.part_said("version ", g.version()).part_said("", g.guardrail_action());
        line = line.part_said("on ", g.guardrail_source());
    }
    let instances = instances_behind(data);
    match instances {
        0 => line,
        n => line.part_ours(plural(n as u64, "instance")),
    }
}

/// How many instances stand behind a group, a template, an image…
fn instances_behind(data: &shapes::ResourceData) -> usize {
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

fn tell_actor(draft: &mut Draft, actor: &shapes::Actor) {
    let mut line = Phrase::new();
    if let Some(user) = actor.user() {
        let kind = user_type(user.r#type());
        line = line.part(Phrase::new().ours(kind).with(" ", filled(user.name()).or(user.uid())));
        line = line.part_with("credential ", user.credential_uid());
        if let Some(account) = user.account() {
            line = line.part_with("account ", account.uid()).part_said("", account.name());
        }
        draft.seen(Trait::User, user.name());
        for name in [user.name(), user.uid(), user.credential_uid()] {
            draft.name(name);
        }
    }
    if let Some(session) = actor.session() {
        line = line.part_with("session of ", session.issuer()).part_said("MFA ", session.mfa_status());
    }
    if let Some(process) = actor.process() {
        line = line
            .part_with("process ", filled(process.path()).or(process.name()))
            .part_with("SHA-256 ", process.sha256());
        draft.seen(Trait::Process, filled(process.path()).or(process.name()));
    }
    if line.is_empty() {
        line = line.part_with("actor ", actor.id());
    }
    draft.say(About::Actor, line);
}

fn tell_endpoint(draft: &mut Draft, e: &shapes::NetworkEndpoint) {
    let mut line = Phrase::new();
    for net in [e.ip(), e.domain()].into_iter().filter_map(filled) {
        line = line.part(Phrase::new().net(net));
    }
    if line.is_empty() {
        line = line.part_with("endpoint ", e.id());
    }
    let country = e.location().and_then(|l| l.country());
    line = line.part(place(e.location().and_then(|l| l.city()), country));
    if let Some(system) = e.autonomous_system() {
        let number = system.number().map(|n| format!("AS{n}"));
        let phrase = number.map_or_else(Phrase::new, |n| Phrase::new().ours(n));
        line = line.part(match filled(system.name()) {
            Some(name) if phrase.is_empty() => phrase.theirs(name),
            Some(name) => phrase.ours(" ").theirs(name),
            None => phrase,
        });
    }
    if let Some(port) = e.port() {
        line = line.part_ours(format!("port {port}"));
    }
    let direction = e.connection().and_then(|c| c.direction());
    line = line.part_said("", direction);
    draft.seen(Trait::Ip, e.ip());
    draft.seen(Trait::Country, country);
    draft.seen(Trait::Domain, e.domain());
    draft.say(other_end(None, direction), line);
}

/// ATT&CK tactics and techniques first, then what else shows it.
fn tell_indicators(draft: &mut Draft, indicators: &[shapes::Indicator]) {
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
            "ATTACK_TACTIC" => "ATT&CK tactics".to_owned(),
            "ATTACK_TECHNIQUE" => "ATT&CK techniques".to_owned(),
            _ => filled(indicator.title()).map_or_else(|| super::resource::readable_kind(key), str::to_owned),
        };
        let values = indicator_values(draft, key, indicator.values());
        let line = Phrase::new().theirs(&title);
        draft.say(About::Indicators, if values.is_empty() { line } else { line.ours(": ").then(values) });
    }
}

/// Addresses and domains among the values are shown defanged.
fn indicator_values(draft: &mut Draft, key: &str, values: &[Text]) -> Phrase {
    if !(key.ends_with("_IP") || key.ends_with("_DOMAIN")) {
        return listed(values, 8);
    }
    let mut phrase = Phrase::new();
    for (n, value) in values.iter().take(8).enumerate() {
        draft.seen(if key.ends_with("_IP") { Trait::Ip } else { Trait::Domain }, Some(value));
        phrase = if n == 0 { phrase.net(value) } else { phrase.ours(", ").net(value) };
    }
    match values.len().saturating_sub(8) {
        0 => phrase,
        more => phrase.ours(format!(" and {more} more")),
    }
}
