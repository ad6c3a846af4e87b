//! Converts the shapes of the service model to a [`Finding`] and its [`Details`].

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use super::decode::shapes;
use super::facts_builder::FactsBuilder;
use super::line::{Line, non_blank};
use super::{
    Details, Finding, FindingType, Origin, Resource, Topic, action, additional, anomaly, evidence, malware, remote,
    resource, runtime, sequence,
};
use crate::text::truncate;
use crate::time::Timestamp;

/// Maximum size of JSON that is kept. A finding with longer JSON is read completely at once, and only its details, whose
/// size is limited, are kept.
const LONGEST_JSON: usize = 8 * 1024;

impl Finding {
    /// Copies from a header all data that the plan and the state need, limited in size, and keeps the JSON for the details.
    pub(super) fn from_header(f: &shapes::Header, id: &str, origin: &Arc<Origin>, json: &str) -> Finding {
        let service = f.service();
        let title = non_blank(f.title()).map(|t| truncate(t, 500));
        let is_sample = service.is_some_and(|s| s.additional_info());
        let count = service.and_then(|s| s.count()).and_then(|n| u64::try_from(n).ok());
        let revision = Revision::of(f);
        let finding = Finding {
            id: id.to_owned(),
            updated_at: revision.text,
            updated: revision.time,
            has_updated_at: revision.is_given,
            created: f.created_at(),
            account_id: non_blank(f.account_id()).map_or_else(|| origin.account.clone(), |a| truncate(a, 100)),
            region: non_blank(f.region()).map_or_else(|| origin.region.clone(), |r| truncate(r, 100)),
            origin: Arc::clone(origin),
            partition: non_blank(f.partition()).map_or_else(|| partition_of(&origin.region), |p| truncate(p, 100)),
            kind: FindingType::new(&truncate(f.r#type().unwrap_or_default(), 200)),
            severity: f.severity().filter(|s| *s > 0.0 && *s <= 10.0).unwrap_or_default(),
            sample: is_sample || title.as_deref().is_some_and(|t| t.starts_with("[SAMPLE]")),
            title,
            sequence_arn: non_blank(f.associated_attack_sequence_arn()).map(|a| truncate(a, 300)),
            count: count.unwrap_or(1).max(1),
            archived: service.and_then(|s| s.archived()).unwrap_or(false),
            first_seen: service.and_then(|s| s.event_first_seen()),
            last_seen: service.and_then(|s| s.event_last_seen()),
            resource_kind: truncate(f.resource().and_then(|r| r.resource_type()).unwrap_or_default(), 80),
            principal: account_wide_principal(f),
            raw: None,
            json: RefCell::new(json.into()),
            details: OnceCell::new(),
        };
        // At level debug, the log names each omitted member, also of a finding that no message shows in detail.
        if json.len() > LONGEST_JSON || tracing::enabled!(tracing::Level::DEBUG) {
            finding.details();
        }
        finding
    }

    /// Returns true if the finding contains nothing that a message could show, except for its ID.
    pub(super) fn is_bare(&self) -> bool {
        self.kind.as_str().is_empty()
            && self.title.is_none()
            && !self.has_severity()
            && self.details().description.is_none()
            && self.details().facts.is_empty()
    }

    /// Sets the time of a finding without any time to the time at which it was received.
    pub(super) fn received(&mut self, at: Option<Timestamp>) {
        if let (None, Some(at)) = (self.changed(), at) {
            (self.updated, self.updated_at) = (at, at.to_rfc3339());
        }
    }
}

impl Details {
    /// Copies from a shape all data that a message needs, limited in size.
    pub(super) fn from_shape(f: &shapes::Details) -> Self {
        let service = f.service();
        let mut draft = FactsBuilder::new(remote::resource_acted(service.and_then(|s| s.resource_role())));
        draft.account = f.account_id().map(str::to_owned);
        read_all(&mut draft, f);
        let resource = Resource {
            summary: draft.subject.take().unwrap_or_default(),
            names: std::mem::take(&mut draft.names),
            tags: std::mem::take(&mut draft.tags),
        };
        let signals = std::mem::take(&mut draft.signals);
        let is_action_unknown = draft.is_action_unknown;
        let (facts, traits) = draft.build();
        Self {
            description: non_blank(f.description()).map(|d| truncate(d, 1_000)),
            rule: non_blank(f.custom_detection_rule_name()).map(|r| truncate(r, 200)),
            feature: non_blank(service.and_then(|s| s.feature_name())).map(|n| truncate(n, 80)),
            resource,
            facts,
            traits,
            signals,
            is_action_unknown,
            is_partial: false,
        }
    }
}

/// Identity of the revision of a finding.
struct Revision {
    text: String,
    time: Timestamp,
    /// True if `updatedAt` could be read.
    is_given: bool,
}

impl Revision {
    /// Uses `updatedAt`. If it cannot be read, the latest of the other times, which also change with each recurrence,
    /// identifies the revision. Without any time, only the ID identifies the finding.
    fn of(f: &shapes::Header) -> Self {
        if let Some(given) = f.updated_at() {
            // The code that reads messages back from Slack expects this format.
            let is_iso = Timestamp::parse(&given.text) == Some(given.time);
            let text = if is_iso { given.text.clone().into_owned() } else { given.time.to_rfc3339() };
            return Self { text, time: given.time, is_given: true };
        }
        let seen = f.service().map(|s| [s.event_last_seen(), s.event_first_seen()]).unwrap_or_default();
        let time = seen.into_iter().chain([f.created_at()]).flatten().max();
        Self {
            text: time.map(Timestamp::to_rfc3339).unwrap_or_default(),
            time: time.unwrap_or_default(),
            is_given: false,
        }
    }
}

fn read_all(draft: &mut FactsBuilder, f: &shapes::Details) {
    // An attack sequence names its resources. The type `AttackSequence` would add nothing.
    if let Some(sequence) = f.service().and_then(|s| s.detection()).and_then(|d| d.sequence()) {
        sequence::add_sequence(draft, sequence);
    }
    if let Some(r) = f.resource() {
        resource::read(draft, r);
    }
    let Some(service) = f.service() else { return };
    if let Some(a) = service.action() {
        action::add_action(draft, a);
    }
    if let Some(r) = service.runtime_details() {
        runtime::add_runtime(draft, r);
    }
    if let Some(e) = service.evidence() {
        evidence::add_evidence(draft, e);
    }
    if let Some(scan) = service.malware_scan_details() {
        malware::add_scan(draft, scan);
    }
    if let Some(scan) = service.ebs_volume_scan_details() {
        malware::add_volume_scan(draft, scan);
    }
    if let Some(a) = service.detection().and_then(|d| d.anomaly()) {
        anomaly::add_anomaly(draft, a);
    }
    if let Some(feedback) = non_blank(service.user_feedback()) {
        let line = Line::new().part_words("feedback in GuardDuty: ", Some(feedback));
        draft.add(Topic::Evidence, line);
    }
    if let Some(info) = service.additional_info() {
        additional::read(draft, info);
    }
    anomaly::add_lines(draft);
}

/// The partition of a finding without `partition`. See AWS General Reference, “AWS partitions”.
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
fn account_wide_principal(f: &shapes::Header) -> Option<String> {
    let resource = f.resource().filter(|r| r.resource_type().is_some_and(|t| t.eq_ignore_ascii_case("AccessKey")))?;
    let key = resource.access_key_details()?;
    [key.user_name(), key.principal_id(), key.access_key_id()].into_iter().find_map(non_blank).map(|p| truncate(p, 200))
}
