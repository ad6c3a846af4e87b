//! The one way from the SDK's `Finding` to ours.

use std::sync::Arc;

use aws_sdk_guardduty::types as sdk;
use thiserror::Error;

use super::draft::Draft;
use super::phrase::{Phrase, filled, short};
use super::{
    About, Finding, FindingType, Origin, Resource, action, anomaly, evidence, malware, resource, runtime, sequence,
};
use crate::time::Millis;

/// Why something cannot be told as a finding at all. Everything else that is missing only shortens the message.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    #[error("a finding without id")]
    NoId,
    #[error("finding {id} has no updatedAt")]
    NoUpdatedAt { id: String },
    #[error("updatedAt of finding {id} is no instant: {given}")]
    BadUpdatedAt { id: String, given: String },
}

impl Finding {
    /// Takes out of the SDK's finding everything that a message, a route or the state needs, bounded in size.
    /// Only a missing id or `updatedAt` is an error: without them nothing can be settled.
    pub fn from_sdk(f: sdk::Finding, origin: &Arc<Origin>) -> Result<Finding, Malformed> {
        let id = filled(f.id()).ok_or(Malformed::NoId)?.to_owned();
        let updated_at = filled(f.updated_at()).ok_or_else(|| Malformed::NoUpdatedAt { id: id.clone() })?.to_owned();
        let updated = instant(Some(&updated_at))
            .ok_or_else(|| Malformed::BadUpdatedAt { id: id.clone(), given: short(&updated_at, 60) })?;
        let service = f.service();
        let mut draft = Draft::default();
        let additional = read_all(&mut draft, &f);
        let title = filled(f.title()).map(|t| short(t, 500));
        let sample = additional.sample || title.as_deref().is_some_and(|t| t.starts_with("[SAMPLE]"));
        let count = service.and_then(|s| s.count()).and_then(|n| u64::try_from(n).ok());
        let subject = draft.subject.take().unwrap_or_else(Phrase::new);
        let names = std::mem::take(&mut draft.names);
        let tags = std::mem::take(&mut draft.tags);
        let principal = account_wide_principal(&f);
        let (facts, traits) = draft.into_facts();
        Ok(Finding {
            updated_at,
            updated,
            created: instant(f.created_at()),
            account_id: filled(f.account_id()).unwrap_or(&origin.account).to_owned(),
            region: filled(f.region()).unwrap_or(&origin.region).to_owned(),
            origin: Arc::clone(origin),
            partition: filled(f.partition()).map_or_else(|| partition_of(&origin.region), str::to_owned),
            kind: FindingType::new(&short(f.r#type().unwrap_or_default(), 200)),
            // The API promises a number; `NaN` could not be compared nor written as JSON.
            severity: f.severity().filter(|s| s.is_finite()).unwrap_or_default(),
            title,
            description: filled(f.description()).map(|d| short(d, 1_000)),
            rule: filled(f.custom_detection_rule_name()).map(|r| short(r, 200)),
            sequence_arn: filled(f.associated_attack_sequence_arn()).map(|a| short(a, 300)),
            feature: filled(service.and_then(|s| s.feature_name())).map(|n| short(n, 80)),
            count: count.unwrap_or(1).max(1),
            archived: service.and_then(|s| s.archived()).unwrap_or(false),
            sample,
            first_seen: service.and_then(|s| instant(s.event_first_seen())),
            last_seen: service.and_then(|s| instant(s.event_last_seen())),
            resource: Resource {
                kind: short(f.resource().and_then(|r| r.resource_type()).unwrap_or_default(), 80),
                subject,
                names,
                tags,
            },
            facts,
            traits,
            principal,
            id,
        })
    }
}

fn read_all(draft: &mut Draft, f: &sdk::Finding) -> evidence::Additional {
    if let Some(r) = f.resource() {
        // An attack sequence names its resources itself; `AttackSequence` alone would say nothing.
        if let Some(sequence) = f.service().and_then(|s| s.detection()).and_then(|d| d.sequence()) {
            sequence::read(draft, sequence);
        }
        resource::read(draft, r);
    }
    let Some(service) = f.service() else { return evidence::Additional::default() };
    if let Some(a) = service.action() {
        action::read(draft, a);
    }
    if let Some(r) = service.runtime_details() {
        runtime::read(draft, r);
    }
    if let Some(e) = service.evidence() {
        evidence::read(draft, e);
    }
    if let Some(scan) = service.malware_scan_details() {
        malware::scan(draft, scan);
    }
    if let Some(scan) = service.ebs_volume_scan_details() {
        malware::volumes(draft, scan);
    }
    if let Some(a) = service.detection().and_then(|d| d.anomaly()) {
        anomaly::read(draft, a);
    }
    // A target is what one expects, so only the other role is said.
    if service.resource_role().is_some_and(|r| r.eq_ignore_ascii_case("ACTOR")) {
        draft.say(About::Resource, Phrase::new().ours("acted itself: it may be compromised"));
    }
    service.additional_info().map_or_else(evidence::Additional::default, |info| evidence::additional(draft, info))
}

/// GuardDuty's times are ISO 8601; findings as people keep them also hold `2025-02-25 20:40:06.721` and `…Z` variants of it.
pub(super) fn instant(text: Option<&str>) -> Option<Millis> {
    let text = text?.trim();
    Millis::parse(text).or_else(|| Millis::parse(&format!("{}Z", text.replacen(' ', "T", 1))))
}

/// What a finding without `partition` must be in. Source: AWS General Reference, «AWS partitions».
fn partition_of(region: &str) -> String {
    match region {
        r if r.starts_with("cn-") => "aws-cn",
        r if r.starts_with("us-gov-") => "aws-us-gov",
        r if r.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
    .to_owned()
}

/// The user or role of a finding about credentials, which GuardDuty replicates into every region.
fn account_wide_principal(f: &sdk::Finding) -> Option<String> {
    let resource = f.resource().filter(|r| r.resource_type().is_some_and(|t| t.eq_ignore_ascii_case("AccessKey")))?;
    let key = resource.access_key_details()?;
    [key.user_name(), key.principal_id(), key.access_key_id()].into_iter().find_map(filled).map(|p| short(p, 200))
}
