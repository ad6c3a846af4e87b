//! Reads the resource of a finding: every member of the API type `Resource`.

use super::decode::shapes;

use super::Topic;
use super::facts_builder::FactsBuilder;
use super::line::{Line, non_blank};
use super::{compute, container, database, iam, storage};
use crate::text::truncate;

/// Parses one member. Returns true if the member is present.
type ResourceParser = fn(&mut FactsBuilder, &shapes::Resource) -> bool;

/// Parsers of the members with the resource types that they describe, in the order in which the resources are shown if
/// `resourceType` names none of them. `resourceType` is an open string. The resource that it names is shown first.
const RESOURCE_PARSERS: [(&[&str], ResourceParser); 14] = [
    (&["S3Bucket", "S3Object"], storage::set_buckets),
    (&["Lambda"], compute::set_function),
    (&["RDSDBInstance"], database::set_db_instance),
    (&["RDSLimitlessDB"], database::set_limitless_db),
    (&["ECSCluster"], container::set_ecs_cluster),
    (&["EKSCluster", "KubernetesCluster"], container::set_eks_cluster),
    (&["Container"], container::set_container),
    (&["Instance"], compute::set_instance),
    (&["EBSSnapshot"], storage::set_snapshot),
    (&["EBSVolume"], storage::set_volumes),
    (&["EC2Image"], storage::set_image),
    (&["EC2RecoveryPoint", "EBSRecoveryPoint", "S3RecoveryPoint", "RecoveryPoint"], storage::set_recovery_point),
    (&["BedrockGuardrail"], compute::set_guardrail),
    (&["Model", "BedrockModel"], compute::set_models),
];

/// Reads all of it. The member that `resourceType` names is the subject; a principal beside another resource is the actor.
pub(super) fn read(draft: &mut FactsBuilder, resource: &shapes::Resource) {
    let kind = resource.resource_type().unwrap_or_default();
    let key_is_subject = kind.eq_ignore_ascii_case("AccessKey") && iam::set_access_key(draft, resource);
    let (own, others): (Vec<_>, Vec<_>) =
        RESOURCE_PARSERS.iter().partition(|(kinds, _)| kinds.iter().any(|k| k.eq_ignore_ascii_case(kind)));
    let mut found = key_is_subject;
    for (_, reader) in own.iter().chain(&others) {
        found |= reader(draft, resource);
    }
    match (key_is_subject, found) {
        (true, _) => {}
        (false, true) => iam::add_principal(draft, resource),
        (false, false) => _ = iam::set_access_key(draft, resource),
    }
    iam::add_kubernetes_user(draft, resource);
    iam::add_database_user(draft, resource);
    // `AttackSequence` alone says no more than the title.
    if let (Some(kind), None) = (non_blank(Some(kind)).filter(|kind| *kind != "AttackSequence"), &draft.subject) {
        add_resource(draft, Line::new().untrusted(kind), Line::new());
    }
}

/// Length up to which details are beside the name of the resource.
const SHORT_DETAILS: usize = 20;

/// Names a resource. The first one is that of the finding; its details come after what happened.
pub(super) fn add_resource(draft: &mut FactsBuilder, subject: Line, details: Line) {
    add_resource_with(draft, subject, Line::new(), details);
}

/// The same with what a reader must know at once, such as that a bucket is public.
pub(super) fn add_resource_with(draft: &mut FactsBuilder, subject: Line, urgent: Line, details: Line) {
    if draft.has_topic(Topic::Resource) {
        draft.add(Topic::Details, subject.separated(urgent).separated(details));
        return;
    }
    draft.set_summary(subject.clone());
    let line = subject.separated(urgent);
    match details.to_plain().chars().count() <= SHORT_DETAILS {
        true => draft.add(Topic::Resource, line.separated(details)),
        false => {
            draft.add(Topic::Resource, line);
            draft.add(Topic::Details, details);
        }
    }
}

/// `BEDROCK_CUSTOM_MODEL` → `Bedrock custom model`, for kinds without a label. The result becomes literal text, so it
/// contains nothing that could format.
pub(super) fn kind_label(kind: &str) -> String {
    let kind = truncate(kind, 80);
    let words: Vec<&str> = kind.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let words: Vec<String> = words.into_iter().map(lowercase).collect();
    let words = words.join(" ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Names of services and protocols stay in capitals.
fn lowercase(word: &str) -> String {
    let is_name = ["API", "AWS", "DNS", "EBS", "EC2", "ECS", "EKS", "IAM", "IP", "RDS", "S3", "VPC"].contains(&word);
    if is_name { word.to_owned() } else { word.to_lowercase() }
}
