//! The members of a finding that messages, routes and the state use, with their names in the responses of GuardDuty.
//!
//! Source: service model of the GuardDuty API, version 2017-11-28.

mod action;
mod container;
mod evidence;
mod malware;
mod resource;
mod runtime;
mod sequence;
mod storage;

pub(in crate::finding) use action::*;
pub(in crate::finding) use container::*;
pub(in crate::finding) use evidence::*;
pub(in crate::finding) use malware::*;
pub(in crate::finding) use resource::*;
pub(in crate::finding) use runtime::*;
pub(in crate::finding) use sequence::*;
pub(in crate::finding) use storage::*;

use super::member::shapes;
use super::raw::{SampleFlag, ServiceAdditionalInfo};
use super::values::{GivenTime, Text};
use crate::time::Timestamp;

shapes! {
    /// The members that identify, route and count a finding.
    Header {
        account_id: Text<'a> = "accountId",
        arn: Text<'a> = "arn",
        created_at: Timestamp = "createdAt",
        id: Text<'a> = "id",
        partition: Text<'a> = "partition",
        region: Text<'a> = "region",
        resource: Box<ResourceHeader<'a>> = "resource",
        service: Box<ServiceHeader<'a>> = "service",
        severity: f64 = "severity",
        title: Text<'a> = "title",
        r#type: Text<'a> = "type",
        updated_at: GivenTime<'a> = "updatedAt",
        associated_attack_sequence_arn: Text<'a> = "associatedAttackSequenceArn",
    }

    ServiceHeader {
        archived: bool = "archived",
        count: i64 = "count",
        detector_id: Text<'a> = "detectorId",
        event_first_seen: Timestamp = "eventFirstSeen",
        event_last_seen: Timestamp = "eventLastSeen",
        additional_info: SampleFlag = "additionalInfo",
    }

    ResourceHeader {
        resource_type: Text<'a> = "resourceType",
        access_key_details: Box<Principal<'a>> = "accessKeyDetails",
    }

    Principal {
        access_key_id: Text<'a> = "accessKeyId",
        principal_id: Text<'a> = "principalId",
        user_name: Text<'a> = "userName",
    }

    /// The members that only messages use.
    Details {
        account_id: Text<'a> = "accountId",
        description: Text<'a> = "description",
        resource: Box<Resource<'a>> = "resource",
        service: Box<Service<'a>> = "service",
        custom_detection_rule_name: Text<'a> = "customDetectionRuleName",
    }

    Service {
        action: Box<Action<'a>> = "action",
        evidence: Box<Evidence<'a>> = "evidence",
        resource_role: Text<'a> = "resourceRole",
        additional_info: ServiceAdditionalInfo = "additionalInfo",
        feature_name: Text<'a> = "featureName",
        user_feedback: Text<'a> = "userFeedback",
        ebs_volume_scan_details: Box<EbsVolumeScanDetails<'a>> = "ebsVolumeScanDetails",
        runtime_details: Box<RuntimeDetails<'a>> = "runtimeDetails",
        detection: Box<Detection<'a>> = "detection",
        malware_scan_details: Box<MalwareScanDetails<'a>> = "malwareScanDetails",
    }

    Detection {
        anomaly: Box<Anomaly<'a>> = "anomaly",
        sequence: Box<Sequence<'a>> = "sequence",
    }
}
