//! Lists and reads the configuration of a detector.

use std::collections::BTreeMap;

use aws_sdk_guardduty::types::{
    CoverageFilterCondition, CoverageFilterCriteria, CoverageFilterCriterion, CoverageFilterCriterionKey,
};

use super::source::SourceClient;
use super::{PublishingDestination, ReadError, Subject, TransientReason, Uncovered, WatchedConfig, pages, watch};

/// Maximum number of publishing destinations that are read per source.
const MOST_DESTINATIONS: usize = 10;

/// Makes a call on behalf of a source.
macro_rules! call {
    ($source:ident, $operation:literal, $request:expr) => {
        $source.call($operation, $request.customize().config_override($source.regional_config()).send()).await
    };
}
pub(super) use call;

/// Lists the IDs of all items.
macro_rules! ids {
    ($source:ident, $detector:ident, $operation:literal, $request:expr, $ids:ident) => {
        pages::paginate(&$source.operation_name($operation), async |token| {
            let request = $request.detector_id($detector).max_results(50).set_next_token(token);
            let answer = call!($source, $operation, request)?;
            Ok((answer.$ids.unwrap_or_default(), answer.next_token))
        })
        .await
    };
}

impl SourceClient {
    pub(super) async fn list_ids(&self, detector: &str, subject: Subject) -> Result<Vec<String>, ReadError> {
        let client = self.client();
        match subject {
            Subject::Filters => ids!(self, detector, "ListFilters", client.list_filters(), filter_names),
            Subject::IpSets => ids!(self, detector, "ListIPSets", client.list_ip_sets(), ip_set_ids),
            Subject::TrustedEntitySets => {
                ids!(self, detector, "ListTrustedEntitySets", client.list_trusted_entity_sets(), trusted_entity_set_ids)
            }
            Subject::ThreatIntelSets => {
                ids!(self, detector, "ListThreatIntelSets", client.list_threat_intel_sets(), threat_intel_set_ids)
            }
            Subject::ThreatEntitySets => {
                ids!(self, detector, "ListThreatEntitySets", client.list_threat_entity_sets(), threat_entity_set_ids)
            }
        }
    }

    pub(super) async fn read_item(
        &self,
        detector: &str,
        subject: Subject,
        id: &str,
    ) -> Result<WatchedConfig, ReadError> {
        let client = self.client();
        match subject {
            Subject::Filters => {
                let request = client.get_filter().detector_id(detector).filter_name(id);
                Ok(watch::fingerprint_filter(id, &call!(self, "GetFilter", request)?))
            }
            Subject::IpSets => {
                let request = client.get_ip_set().detector_id(detector).ip_set_id(id);
                Ok(watch::fingerprint_ip_set(id, &call!(self, "GetIPSet", request)?))
            }
            Subject::TrustedEntitySets => {
                let request = client.get_trusted_entity_set().detector_id(detector).trusted_entity_set_id(id);
                Ok(watch::trusted_entity_set(id, &call!(self, "GetTrustedEntitySet", request)?))
            }
            Subject::ThreatIntelSets => {
                let request = client.get_threat_intel_set().detector_id(detector).threat_intel_set_id(id);
                Ok(watch::threat_intel_set(id, &call!(self, "GetThreatIntelSet", request)?))
            }
            Subject::ThreatEntitySets => {
                let request = client.get_threat_entity_set().detector_id(detector).threat_entity_set_id(id);
                Ok(watch::threat_entity_set(id, &call!(self, "GetThreatEntitySet", request)?))
            }
        }
    }

    /// `None` if GuardDuty rejects the request, which it may for an account that is not an administrator.
    pub(super) async fn list_members(&self, detector: &str) -> Result<Option<BTreeMap<String, String>>, ReadError> {
        let what = self.operation_name("ListMembers");
        let listed = pages::paginate_at_most(pages::MAX_PAGES, &what, async |token| {
            // By default, GuardDuty omits disassociated members.
            let request = self.client().list_members().detector_id(detector).only_associated("false");
            let answer = call!(self, "ListMembers", request.max_results(50).set_next_token(token))?;
            Ok((answer.members.unwrap_or_default(), answer.next_token))
        });
        let members = match listed.await {
            Err(ReadError::Transient { reason: TransientReason::Rejected, .. }) => return Ok(None),
            listed => listed?,
        };
        let status = |member: aws_sdk_guardduty::types::Member| Some((member.account_id?, member.relationship_status?));
        Ok(Some(members.into_iter().filter_map(status).collect()))
    }

    pub(super) async fn list_uncovered(&self, detector: &str) -> Result<Vec<Uncovered>, ReadError> {
        let unhealthy = CoverageFilterCriterion::builder()
            .criterion_key(CoverageFilterCriterionKey::CoverageStatus)
            .filter_condition(CoverageFilterCondition::builder().equals("UNHEALTHY").build())
            .build();
        let unhealthy = CoverageFilterCriteria::builder().filter_criterion(unhealthy).build();
        let what = self.operation_name("ListCoverage");
        let resources = pages::paginate_at_most(pages::MAX_PAGES, &what, async |token| {
            let request = self.client().list_coverage().detector_id(detector).filter_criteria(unhealthy.clone());
            let answer = call!(self, "ListCoverage", request.max_results(50).set_next_token(token))?;
            Ok((answer.resources.unwrap_or_default(), answer.next_token))
        });
        Ok(resources.await?.into_iter().map(watch::uncovered).collect())
    }

    /// A detector has one destination of each type, and there is one type.
    pub(super) async fn list_destinations(&self, detector: &str) -> Result<Vec<PublishingDestination>, ReadError> {
        let what = self.operation_name("ListPublishingDestinations");
        let listed = pages::paginate(&what, async |token| {
            let request = self.client().list_publishing_destinations().detector_id(detector);
            let answer = call!(self, "ListPublishingDestinations", request.max_results(50).set_next_token(token))?;
            Ok((answer.destinations.unwrap_or_default(), answer.next_token))
        });
        let ids = listed.await?.into_iter().filter_map(|destination| destination.destination_id);
        let mut destinations = Vec::new();
        for id in ids.take(MOST_DESTINATIONS) {
            let request = self.client().describe_publishing_destination().detector_id(detector).destination_id(&id);
            let described = call!(self, "DescribePublishingDestination", request)?;
            destinations.push(watch::destination(id, described));
        }
        Ok(destinations)
    }
}
