//! What to revoke, to isolate or to close after an attack sequence: credentials first, then what runs, then data.

use super::{kind_words, subject};
use crate::finding::About;
use crate::finding::decode::shapes;
use crate::finding::draft::Draft;
use crate::finding::phrase::{Phrase, filled};

pub(super) fn read(draft: &mut Draft, sequence: &shapes::Sequence) {
    for actor in sequence.actors() {
        draft.add(About::Contain, credential(actor));
    }
    for measure in [key_to_revoke, workload_to_isolate, interface_to_isolate, bucket_to_restrict] {
        for resource in sequence.resources() {
            draft.add(About::Contain, measure(resource));
        }
    }
}

/// `access key ASIAEXAMPLE111 (ci-deployer)`
fn credential(actor: &shapes::Actor) -> Phrase {
    let Some(user) = actor.user() else { return Phrase::new() };
    access_key(filled(user.credential_uid()), filled(user.name()).or(filled(user.uid())))
}

fn key_to_revoke(resource: &shapes::ResourceV2) -> Phrase {
    if resource.resource_type() != Some("ACCESS_KEY") {
        return Phrase::new();
    }
    let key = resource.data().and_then(|data| data.access_key());
    let owner = key.and_then(|key| filled(key.user_name()).or(filled(key.principal_id())));
    access_key(name(resource), owner)
}

fn access_key(key: Option<&str>, owner: Option<&str>) -> Phrase {
    let Some(key) = key else { return Phrase::new() };
    let line = Phrase::new().ours("access key ").code(key);
    match owner {
        Some(owner) => line.ours(" (").theirs(owner).ours(")"),
        None => line,
    }
}

/// What runs: instances, groups of them, workloads of clusters, containers and tasks.
fn workload_to_isolate(resource: &shapes::ResourceV2) -> Phrase {
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
        return Phrase::new();
    }
    match resource.data().and_then(|data| data.kubernetes_workload()) {
        Some(_) => subject(resource),
        None => named(kind_words(kind), resource),
    }
}

/// A network interface that the internet reaches.
fn interface_to_isolate(resource: &shapes::ResourceV2) -> Phrase {
    let interface = resource.data().and_then(|data| data.ec2_network_interface());
    match interface.and_then(|interface| filled(interface.public_ip())) {
        Some(address) => named("network interface".to_owned(), resource).ours(" (").code(address).ours(")"),
        None => Phrase::new(),
    }
}

fn bucket_to_restrict(resource: &shapes::ResourceV2) -> Phrase {
    match resource.resource_type() {
        Some("S3_BUCKET") => named("S3 bucket".to_owned(), resource),
        _ => Phrase::new(),
    }
}

fn name<'r>(resource: &'r shapes::ResourceV2) -> Option<&'r str> {
    filled(resource.name()).or(filled(resource.uid()))
}

/// Empty if the resource has no name.
fn named(words: String, resource: &shapes::ResourceV2) -> Phrase {
    Phrase::new().part_with(format!("{words} "), name(resource))
}
