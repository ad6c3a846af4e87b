//! The resource that a finding is about: every member of the API's `Resource`.

use super::decode::shapes;

use super::About;
use super::draft::Draft;
use super::phrase::{Phrase, filled};
use super::{compute, container, database, iam, storage};

/// A reader of one member: true if the member was there.
type Reader = fn(&mut Draft, &shapes::Resource) -> bool;

/// The members with the resource types that they describe, in the order in which they are told when the type names none of them.
/// `resourceType` is an open string; what it names comes first.
const READERS: [(&[&str], Reader); 14] = [
    (&["S3Bucket", "S3Object"], storage::buckets),
    (&["Lambda"], compute::function),
    (&["RDSDBInstance"], database::instance),
    (&["RDSLimitlessDB"], database::limitless),
    (&["ECSCluster"], container::ecs),
    (&["EKSCluster", "KubernetesCluster"], container::eks),
    (&["Container"], container::container),
    (&["Instance"], compute::instance),
    (&["EBSSnapshot"], storage::snapshot),
    (&["EBSVolume"], storage::volumes),
    (&["EC2Image"], storage::image),
    (&["EC2RecoveryPoint", "EBSRecoveryPoint", "S3RecoveryPoint", "RecoveryPoint"], storage::recovery_point),
    (&["BedrockGuardrail"], compute::guardrail),
    (&["Model", "BedrockModel"], compute::models),
];

/// Reads all of it. The member that `resourceType` names is the subject; a principal beside another resource is the actor.
pub(super) fn read(draft: &mut Draft, resource: &shapes::Resource) {
    let kind = resource.resource_type().unwrap_or_default();
    let key_is_subject = kind.eq_ignore_ascii_case("AccessKey") && iam::access_key(draft, resource);
    let (own, others): (Vec<_>, Vec<_>) =
        READERS.iter().partition(|(kinds, _)| kinds.iter().any(|k| k.eq_ignore_ascii_case(kind)));
    let mut found = key_is_subject;
    for (_, reader) in own.iter().chain(&others) {
        found |= reader(draft, resource);
    }
    match (key_is_subject, found) {
        (true, _) => {}
        (false, true) => iam::principal(draft, resource),
        (false, false) => _ = iam::access_key(draft, resource),
    }
    iam::kubernetes_user(draft, resource);
    iam::database_user(draft, resource);
    // `AttackSequence` alone says no more than the title.
    if let (Some(kind), None) = (filled(Some(kind)).filter(|kind| *kind != "AttackSequence"), &draft.subject) {
        add_resource(draft, Phrase::new().theirs(kind), Phrase::new());
    }
}

/// Length up to which details are beside the name of the resource.
const SHORT_DETAILS: usize = 20;

/// Names a resource. The first one is that of the finding; its details come after what happened.
pub(super) fn add_resource(draft: &mut Draft, subject: Phrase, details: Phrase) {
    add_resource_with(draft, subject, Phrase::new(), details);
}

/// The same with what a reader must know at once, such as that a bucket is public.
pub(super) fn add_resource_with(draft: &mut Draft, subject: Phrase, urgent: Phrase, details: Phrase) {
    if draft.has(About::Resource) {
        draft.add(About::Details, subject.part(urgent).part(details));
        return;
    }
    draft.subject(subject.clone());
    let line = subject.part(urgent);
    match details.plain().chars().count() <= SHORT_DETAILS {
        true => draft.add(About::Resource, line.part(details)),
        false => {
            draft.add(About::Resource, line);
            draft.add(About::Details, details);
        }
    }
}

/// `BEDROCK_CUSTOM_MODEL` → `Bedrock custom model`: for kinds that have no words of their own. It stands among our own
/// words, so nothing of it may format.
pub(super) fn readable_kind(kind: &str) -> String {
    let kind = super::phrase::short(kind, 80);
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
