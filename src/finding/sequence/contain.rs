//! What to revoke, to isolate or to close after an attack sequence: credentials first, then what runs, then data.

use super::kind_words;
use crate::finding::About;
use crate::finding::decode::shapes;
use crate::finding::draft::Draft;
use crate::finding::phrase::{Phrase, filled};

pub(super) fn read(draft: &mut Draft, sequence: &shapes::Sequence) {
    for actor in sequence.actors() {
        draft.say(About::Contain, credential(actor));
    }
    for measure in [revoke, isolate, close, restrict] {
        for resource in sequence.resources() {
            draft.say(About::Contain, measure(resource));
        }
    }
}

/// `revoke access key ASIAEXAMPLE111 of ci-deployer`
fn credential(actor: &shapes::Actor) -> Phrase {
    let Some(user) = actor.user() else { return Phrase::new() };
    let Some(key) = filled(user.credential_uid()) else { return Phrase::new() };
    let owner = filled(user.name()).or(filled(user.uid()));
    Phrase::new().ours("revoke access key ").code(key).with(" of ", owner)
}

fn revoke(resource: &shapes::ResourceV2) -> Phrase {
    if resource.resource_type() != Some("ACCESS_KEY") {
        return Phrase::new();
    }
    let key = resource.data().and_then(|data| data.access_key());
    let owner = key.and_then(|key| filled(key.user_name()).or(filled(key.principal_id())));
    let line = name_with("revoke access key ", resource);
    if line.is_empty() { line } else { line.with(" of ", owner) }
}

/// What runs: instances, groups of them, clusters' workloads, containers and tasks.
fn isolate(resource: &shapes::ResourceV2) -> Phrase {
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
    let namespace = resource.data().and_then(|data| data.kubernetes_workload()).and_then(|w| w.namespace());
    let words = format!("isolate {} ", uncapitalized(kind_words(kind)));
    name_with(words, resource).with(" in namespace ", namespace)
}

/// A network interface that the internet reaches.
fn close(resource: &shapes::ResourceV2) -> Phrase {
    let interface = resource.data().and_then(|data| data.ec2_network_interface());
    match interface.and_then(|interface| filled(interface.public_ip())) {
        Some(address) => name_with("isolate network interface ", resource).with(", public address ", Some(address)),
        None => Phrase::new(),
    }
}

fn restrict(resource: &shapes::ResourceV2) -> Phrase {
    match resource.resource_type() {
        Some("S3_BUCKET") => name_with("restrict S3 bucket ", resource),
        _ => Phrase::new(),
    }
}

/// Nothing if the resource has no name.
fn name_with(words: impl Into<std::borrow::Cow<'static, str>>, resource: &shapes::ResourceV2) -> Phrase {
    Phrase::new().part_with(words, filled(resource.name()).or(filled(resource.uid())))
}

/// `Container` → `container`; `EC2 instance` stays.
fn uncapitalized(words: String) -> String {
    let mut chars = words.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() && words != "Kubernetes workload" => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => words,
    }
}
