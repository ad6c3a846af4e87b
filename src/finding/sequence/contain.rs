//! Lists what to revoke, isolate or close after an attack sequence: credentials first, then compute resources, then data.

use super::{kind_label, subject};
use crate::finding::Topic;
use crate::finding::decode::shapes;
use crate::finding::facts_builder::FactsBuilder;
use crate::finding::line::{Line, non_blank};

pub(super) fn add_sequence(draft: &mut FactsBuilder, sequence: &shapes::Sequence) {
    for actor in sequence.actors() {
        draft.add(Topic::Contain, credential(actor));
    }
    for measure in [key_to_revoke, workload_to_isolate, interface_to_isolate, bucket_to_restrict] {
        for resource in sequence.resources() {
            draft.add(Topic::Contain, measure(resource));
        }
    }
}

/// `access key ASIAEXAMPLE111 (ci-deployer)`
fn credential(actor: &shapes::Actor) -> Line {
    let Some(user) = actor.user() else { return Line::new() };
    access_key(non_blank(user.credential_uid()), non_blank(user.name()).or(non_blank(user.uid())))
}

fn key_to_revoke(resource: &shapes::ResourceV2) -> Line {
    if resource.resource_type() != Some("ACCESS_KEY") {
        return Line::new();
    }
    let key = resource.data().and_then(|data| data.access_key());
    let owner = key.and_then(|key| non_blank(key.user_name()).or(non_blank(key.principal_id())));
    access_key(name(resource), owner)
}

fn access_key(key: Option<&str>, owner: Option<&str>) -> Line {
    let Some(key) = key else { return Line::new() };
    let line = Line::new().literal("access key ").code(key);
    match owner {
        Some(owner) => line.literal(" (").untrusted(owner).literal(")"),
        None => line,
    }
}

/// Compute resources: instances, groups of instances, workloads of clusters, containers and tasks.
fn workload_to_isolate(resource: &shapes::ResourceV2) -> Line {
    let kind = resource.resource_type().unwrap_or_default();
    let runs = matches!(
        kind,
        "EC2_INSTANCE"
            | "AUTOSCALING_AUTO_SCALING_GROUP"
            | "KUBERNETES_WORKLOAD"
            | "CONTAINER"
            | "ECS_TASK"
            | "SAGEMAKER_ENDPOINT"
            | "LAMBDA_FUNCTION"
    );
    if !runs {
        return Line::new();
    }
    match resource.data().and_then(|data| data.kubernetes_workload()) {
        Some(_) => subject(resource),
        None => named(kind_label(kind), resource),
    }
}

/// A network interface that the internet reaches.
fn interface_to_isolate(resource: &shapes::ResourceV2) -> Line {
    let interface = resource.data().and_then(|data| data.ec2_network_interface());
    match interface.and_then(|interface| non_blank(interface.public_ip())) {
        Some(address) => named("network interface".to_owned(), resource).literal(" (").code(address).literal(")"),
        None => Line::new(),
    }
}

fn bucket_to_restrict(resource: &shapes::ResourceV2) -> Line {
    match resource.resource_type() {
        Some("S3_BUCKET") => named("S3 bucket".to_owned(), resource),
        _ => Line::new(),
    }
}

fn name<'r>(resource: &'r shapes::ResourceV2) -> Option<&'r str> {
    non_blank(resource.name()).or(non_blank(resource.uid()))
}

/// Empty if the resource has no name.
fn named(words: String, resource: &shapes::ResourceV2) -> Line {
    Line::new().separated_code(format!("{words} "), name(resource))
}
