//! Attack sequences: who took part, with which resources, from where, and what shows it.

mod contain;
mod signals;
#[cfg(test)]
mod tests;

use super::decode::{Text, shapes};

use super::About;
use super::compute::{intervention, security_groups, size};
use super::container::{singular, status, workload_path};
use super::draft::{Draft, Trait};
use super::iam::user_type;
use super::phrase::{Phrase, filled, listed, plural};
use super::remote::{other_end, place};
use super::storage::{encryption, last_segment};

pub(super) fn read(draft: &mut Draft, sequence: &shapes::Sequence) {
    contain::read(draft, sequence);
    signals::read(draft, sequence);
    for actor in sequence.actors() {
        add_actor(draft, actor);
    }
    draft.add_detail(About::Actor, user_agents(sequence));
    for endpoint in sequence.endpoints() {
        add_endpoint(draft, endpoint);
    }
    for resource in sequence.resources() {
        add_resource(draft, resource);
    }
    add_indicators(draft, sequence.sequence_indicators());
}

fn add_resource(draft: &mut Draft, r: &shapes::ResourceV2) {
    let subject = subject(r);
    draft.subject(subject.clone());
    draft.name(r.name());
    draft.name(r.uid());
    draft.tags(r.tags());
    if let Some(key) = r.data().and_then(|d| d.access_key()) {
        draft.name(key.user_name());
        draft.name(key.principal_id());
    }
    // What to contain is named already: a line repeats it only with details.
    let line = subject.part(details(draft, r));
    if !draft.mentions_all(&line) {
        draft.add(About::Resource, line);
    }
}

/// `deployment checkout/api`, `EC2 instance i-0abc`
fn subject(r: &shapes::ResourceV2) -> Phrase {
    let name = filled(r.name()).or(filled(r.uid()));
    if let Some(workload) = r.data().and_then(|data| data.kubernetes_workload()) {
        let kind = workload.kubernetes_resources_types().map_or_else(|| "workload".to_owned(), singular);
        let path = workload_path(workload.namespace(), name);
        return Phrase::new().part_words("", Some(&kind)).with(" ", Some(&path));
    }
    match r.resource_type().map(kind_words) {
        Some(kind) => Phrase::new().ours(kind).with(" ", name),
        None => Phrase::new().part_with("resource ", name),
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
        "CONTAINER" => "container",
        "LAMBDA_FUNCTION" => "Lambda function",
        _ => return super::resource::readable_kind(kind),
    };
    known.to_owned()
}

/// What the members of `ResourceData` add.
fn details(draft: &Draft, r: &shapes::ResourceV2) -> Phrase {
    let mut line = Phrase::new();
    let Some(data) = r.data() else { return line };
    if let Some(i) = data.ec2_instance() {
        line = line
            .part(i.instance_type().map_or_else(Phrase::new, size))
            .part_words("", i.instance_state().filter(|state| *state != "running"))
            .part_with("profile ", i.iam_instance_profile().and_then(|p| last_segment(p.arn()).or(p.id())));
    }
    if let Some(n) = data.ec2_network_interface() {
        line = line
            .part_with("public ", n.public_ip())
            .part_listed("private ", n.private_ip_addresses().iter().filter_map(|p| p.private_ip_address()), 2)
            .part_listed("IPv6 ", n.ipv6_addresses(), 2)
            .part_with("", n.vpc_id())
            .part_with("", n.sub_net_id())
            .part(security_groups(n.security_groups()));
    }
    if let Some(key) = data.access_key() {
        line = line.part(owner(draft, key));
    }
    if let Some(b) = data.s3_bucket() {
        line = line.part_words("", b.effective_permission());
        line = line.part(encryption(b.encryption_type(), b.encryption_key_arn()));
        for (access, words) in [(b.public_read_access(), "public read "), (b.public_write_access(), "public write ")] {
            line = line.part_words(words, access.filter(|access| *access != "BLOCKED"));
        }
    }
    if let Some(o) = data.s3_object() {
        line = line.part_with("key ", o.key()).part_with("version ", o.version_id()).part_hash("ETag ", o.e_tag());
    }
    line.part(container_details(data))
}

/// The user of an access key; nothing if it is among the actors.
fn owner(draft: &Draft, key: &shapes::AccessKey) -> Phrase {
    match draft.unless_mentioned(key.principal_id()).is_some() || draft.unless_mentioned(key.user_name()).is_some() {
        true => Phrase::new()
            .ours(user_type(key.user_type()))
            .with(" ", key.user_name())
            .part_with("principal ", key.principal_id()),
        false => Phrase::new(),
    }
}

fn container_details(data: &shapes::ResourceData) -> Phrase {
    let mut line = Phrase::new();
    if let Some(c) = data.eks_cluster() {
        line = line.part(status(c.status())).part_with("", c.vpc_id());
    }
    if let Some(c) = data.container() {
        line = line.part_with("image ", c.image()).part_hash("", c.image_uid());
    }
    if let Some(c) = data.ecs_cluster() {
        line = line.part(status(c.status()));
    }
    if let Some(t) = data.ecs_task() {
        line = line.part_words("", t.launch_type()).part_with("definition ", last_segment(t.task_definition_arn()));
    }
    if let Some(t) = data.ec2_launch_template() {
        line = line.part_words("version ", t.version());
    }
    if let Some(g) = data.bedrock_guardrail() {
        line = line.part_words("version ", g.version());
        line = line.part(intervention(g.guardrail_action(), g.guardrail_source()));
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

fn add_actor(draft: &mut Draft, actor: &shapes::Actor) {
    let mut line = Phrase::new();
    let name = actor.user().and_then(|user| user.name()).unwrap_or_default();
    if let Some(user) = actor.user() {
        let kind = user_type(user.r#type());
        line = line.part(Phrase::new().ours(kind).with(" ", filled(user.name()).or(user.uid())));
        line = line.part_with("principal ", user.uid().filter(|_| filled(user.name()).is_some()));
        line = line.part_with("credential ", draft.unless_mentioned(user.credential_uid()));
        if let Some(account) = user.account().filter(|account| account.uid() != draft.account.as_deref()) {
            line = line.part_with("account ", account.uid()).part_words("", account.name());
        }
        draft.seen(Trait::User, user.name());
        for name in [user.name(), user.uid(), user.credential_uid()] {
            draft.name(name);
        }
    }
    if let Some(session) = actor.session() {
        let issuer = last_segment(session.issuer()).filter(|issuer| *issuer != name);
        line = line.part_with("session of ", issuer).part_words("MFA ", session.mfa_status());
    }
    if let Some(process) = actor.process() {
        line = line
            .part_with("process ", filled(process.path()).or(process.name()))
            .part_hash("SHA-256 ", process.sha256());
        draft.seen(Trait::Process, filled(process.path()).or(process.name()));
    }
    if line.is_empty() {
        line = line.part_with("actor ", actor.id());
    }
    draft.add(About::Actor, line);
}

/// `user agents aws-cli/2.15, curl`: those of all API calls, each once.
fn user_agents(sequence: &shapes::Sequence) -> Phrase {
    let calls = sequence.signals().iter().flat_map(|signal| signal.activities()).filter_map(|activity| activity.api());
    let mut distinct: Vec<&str> = Vec::new();
    for agent in calls.filter_map(|call| filled(call.user_agent())) {
        if !distinct.contains(&agent) {
            distinct.push(agent);
        }
    }
    let words = if distinct.len() == 1 { "user agent " } else { "user agents " };
    Phrase::new().part_listed(words, distinct, 6)
}

fn add_endpoint(draft: &mut Draft, e: &shapes::NetworkEndpoint) {
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
    let about = other_end(None, direction);
    // An actor connects inbound, a target is connected to.
    if about == About::RemoteHost {
        line = line.part_words("", direction);
    }
    draft.seen(Trait::Ip, e.ip());
    draft.seen(Trait::Country, country);
    draft.seen(Trait::Domain, e.domain());
    draft.add(about, line);
}

/// ATT&CK tactics and techniques first, then what else shows it.
fn add_indicators(draft: &mut Draft, indicators: &[shapes::Indicator]) {
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
            _ => filled(indicator.title()).map_or_else(|| super::resource::readable_kind(key), str::to_owned),
        };
        let values: Vec<&str> = indicator.values().iter().map(AsRef::as_ref).filter(|v| !draft.mentions(v)).collect();
        let values = indicator_values(draft, key, &values);
        let line = Phrase::new().theirs(&title);
        draft.add(About::Indicators, if values.is_empty() { line } else { line.ours(": ").then(values) });
    }
}

/// Addresses and domains among the values are shown defanged.
fn indicator_values(draft: &mut Draft, key: &str, values: &[&str]) -> Phrase {
    // `T1098 - Account Manipulation`: the number names a technique.
    if key.starts_with("ATTACK_") {
        let names: Vec<&str> = values.iter().map(|value| value.split(" - ").next().unwrap_or(value)).collect();
        return Phrase::new().part_theirs(&names.join(", "));
    }
    if !(key.ends_with("_IP") || key.ends_with("_DOMAIN")) {
        return listed(values, 8);
    }
    let mut phrase = Phrase::new();
    for (n, value) in values.iter().take(8).enumerate() {
        draft.seen(if key.ends_with("_IP") { Trait::Ip } else { Trait::Domain }, Some(value));
        phrase = if n == 0 { phrase.net(value) } else { phrase.ours(", ").net(value) };
    }
    phrase.and_more(values.len(), 8)
}
