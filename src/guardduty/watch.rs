//! Reads the configuration of a detector that can hide findings, and computes its fingerprints.

use std::collections::BTreeMap;
use std::fmt::Write;

use aws_sdk_guardduty::operation::describe_publishing_destination::DescribePublishingDestinationOutput;
use aws_sdk_guardduty::operation::get_filter::GetFilterOutput;
use aws_sdk_guardduty::operation::get_ip_set::GetIpSetOutput;
use aws_sdk_guardduty::operation::get_threat_entity_set::GetThreatEntitySetOutput;
use aws_sdk_guardduty::operation::get_threat_intel_set::GetThreatIntelSetOutput;
use aws_sdk_guardduty::operation::get_trusted_entity_set::GetTrustedEntitySetOutput;
use aws_sdk_guardduty::types::{
    Condition, CoverageResource, DetectorFeatureConfigurationResult, FeatureStatus, FilterAction, FindingCriteria,
    IpSetStatus,
};
use aws_smithy_types::DateTime;
use sha2::{Digest, Sha256};

use super::{PublishingDestination, Uncovered, WatchedConfig};
use crate::time::Timestamp;

/// A filter archives the findings that it matches, or has no effect (`NOOP`).
pub(super) fn fingerprint_filter(name: &str, f: &GetFilterOutput) -> WatchedConfig {
    let mut text = format!("filter {:?} {:?}", f.action.as_ref().map(FilterAction::as_str), f.rank);
    append_criteria(&mut text, f.finding_criteria.as_ref());
    WatchedConfig {
        name: name.into(),
        active: f.action == Some(FilterAction::Archive),
        fingerprint: fingerprint(&text),
        changed: millis(f.updated_at),
    }
}

/// GuardDuty reports nothing about the addresses of an active IP set. All IP sets are trusted lists; threat lists have a
/// separate API. See GuardDuty API Reference, `CreateIPSet`.
pub(super) fn fingerprint_ip_set(id: &str, set: &GetIpSetOutput) -> WatchedConfig {
    let active = matches!(set.status, Some(IpSetStatus::Active | IpSetStatus::Activating));
    let text = format!("ip set {active} {:?} {:?} {:?}", set.format, set.location, set.expected_bucket_owner);
    list(set.name.as_deref().unwrap_or(id), active, &text, None)
}

/// Addresses and domains.
pub(super) fn trusted_entity_set(id: &str, set: &GetTrustedEntitySetOutput) -> WatchedConfig {
    let active = set.status.as_ref().is_some_and(|status| is_active(status.as_str()));
    let text = format!("trusted set {active} {:?} {:?} {:?}", set.format, set.location, set.expected_bucket_owner);
    list(set.name.as_deref().unwrap_or(id), active, &text, millis(set.updated_at))
}

pub(super) fn threat_intel_set(id: &str, set: &GetThreatIntelSetOutput) -> WatchedConfig {
    let active = set.status.as_ref().is_some_and(|status| is_active(status.as_str()));
    list(set.name.as_deref().unwrap_or(id), active, "", None)
}

pub(super) fn threat_entity_set(id: &str, set: &GetThreatEntitySetOutput) -> WatchedConfig {
    let active = set.status.as_ref().is_some_and(|status| is_active(status.as_str()));
    list(set.name.as_deref().unwrap_or(id), active, "", None)
}

pub(super) fn uncovered(resource: CoverageResource) -> Uncovered {
    let details = resource.resource_details;
    let resource_type = details.and_then(|details| details.resource_type);
    Uncovered {
        resource_type: resource_type.map_or_else(|| "other".to_owned(), |name| name.as_str().to_owned()),
        id: resource.resource_id,
        reason: resource.issue.filter(|issue| !issue.is_empty()),
    }
}

pub(super) fn destination(id: String, described: DescribePublishingDestinationOutput) -> PublishingDestination {
    let arn = described.destination_properties.and_then(|properties| properties.destination_arn);
    PublishingDestination {
        bucket: arn.unwrap_or_else(|| id.clone()),
        id,
        status: described.status.map(|status| status.as_str().to_owned()),
        failing_since: described.publishing_failure_start_timestamp.filter(|at| *at > 0).map(Timestamp),
    }
}

/// Each feature and each of its options that has a name and a status.
pub(super) fn features(given: Vec<DetectorFeatureConfigurationResult>) -> BTreeMap<String, bool> {
    let mut features = BTreeMap::new();
    for feature in given {
        let Some(name) = feature.name.as_ref().map(|name| name.as_str()) else { continue };
        for option in feature.additional_configuration() {
            if let (Some(option_name), Some(status)) = (option.name(), option.status()) {
                features.insert(format!("{name}/{}", option_name.as_str()), *status == FeatureStatus::Enabled);
            }
        }
        if let Some(status) = feature.status() {
            features.insert(name.to_owned(), *status == FeatureStatus::Enabled);
        }
    }
    features
}

fn is_active(status: &str) -> bool {
    matches!(status, "ACTIVE" | "ACTIVATING")
}

fn list(name: &str, active: bool, text: &str, changed: Option<Timestamp>) -> WatchedConfig {
    WatchedConfig { name: name.into(), active, fingerprint: fingerprint(text), changed }
}

fn millis(at: Option<DateTime>) -> Option<Timestamp> {
    at.and_then(|at| at.to_millis().ok()).map(Timestamp)
}

/// Shortens an ID to 8 hex digits, because the state may contain many.
pub fn short_hash(id: &str) -> String {
    fingerprint(id).chars().take(8).collect()
}

/// Every condition in a stable order, because the SDK returns a hash map.
fn append_criteria(text: &mut String, criteria: Option<&FindingCriteria>) {
    let criterion = criteria.and_then(|c| c.criterion.as_ref());
    let sorted: BTreeMap<_, _> = criterion.into_iter().flatten().collect();
    for (field, condition) in sorted {
        let _ = write!(text, "\n{field:?}"); // writing to a String cannot fail
        append_conditions(text, condition);
    }
}

// A filter may contain deprecated names of conditions. They are listed separately, because GuardDuty returns what was set.
#[allow(deprecated)]
fn append_conditions(text: &mut String, c: &Condition) {
    for (name, list) in [
        ("eq", &c.eq),
        ("neq", &c.neq),
        ("equals", &c.equals),
        ("not equals", &c.not_equals),
        ("matches", &c.matches),
        ("not matches", &c.not_matches),
    ] {
        let _ = list.as_ref().map(|v| write!(text, " {name} {v:?}"));
    }
    for (name, bound) in [
        ("gt", c.gt.map(i64::from)),
        ("gte", c.gte.map(i64::from)),
        ("lt", c.lt.map(i64::from)),
        ("lte", c.lte.map(i64::from)),
        ("greater than", c.greater_than),
        ("greater or equal", c.greater_than_or_equal),
        ("less than", c.less_than),
        ("less or equal", c.less_than_or_equal),
    ] {
        let _ = bound.map(|n| write!(text, " {name} {n}"));
    }
}

/// Computes 16 hex digits. The hasher of the standard library may change with the compiler, but the state records them.
pub(crate) fn fingerprint(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archiving(severity: i64, types: &[&str]) -> GetFilterOutput {
        let kind = Condition::builder().set_equals(Some(types.iter().map(|t| t.to_string()).collect())).build();
        let below = Condition::builder().less_than(severity).build();
        let criteria = FindingCriteria::builder().criterion("type", kind).criterion("severity", below).build();
        GetFilterOutput::builder().action(FilterAction::Archive).rank(1).finding_criteria(criteria).build()
    }

    #[test]
    fn a_filter_has_the_same_fingerprint_until_it_hides_something_else() {
        let first = fingerprint_filter("noise", &archiving(4, &["Recon:EC2/Portscan"]));
        assert_eq!(first, fingerprint_filter("noise", &archiving(4, &["Recon:EC2/Portscan"])));
        assert!(first.active);
        let others =
            [archiving(7, &["Recon:EC2/Portscan"]), archiving(4, &["Recon:EC2/Portscan", "x"]), archiving(4, &["x"])];
        assert!(others.iter().all(|o| fingerprint_filter("noise", o).fingerprint != first.fingerprint));
    }

    #[test]
    fn fingerprints_are_stable_across_releases() {
        insta::assert_snapshot!(fingerprint_filter("noise", &archiving(4, &["Recon:EC2/Portscan"])).fingerprint, @"f0616f141345b1f7");
    }

    #[test]
    fn filter_without_archive_action_does_not_archive() {
        assert!(!fingerprint_filter("x", &GetFilterOutput::builder().action(FilterAction::Noop).build()).active);
    }

    #[test]
    fn trusted_ip_list_fingerprint_includes_location_and_status() {
        let list = |place: &str, status| {
            fingerprint_ip_set("id", &GetIpSetOutput::builder().name("office").location(place).status(status).build())
        };
        let office = list("s3://lists/office.txt", IpSetStatus::Active);
        assert_eq!((office.name.as_str(), office.active), ("office", true));
        assert_eq!(office, list("s3://lists/office.txt", IpSetStatus::Activating));
        assert_ne!(office, list("s3://lists/other.txt", IpSetStatus::Active));
        assert_ne!(office, list("s3://lists/office.txt", IpSetStatus::Inactive));
    }
}
