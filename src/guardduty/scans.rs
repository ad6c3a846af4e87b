//! Lists malware scans.

use aws_sdk_guardduty::operation::list_malware_scans::ListMalwareScansOutput;
use aws_sdk_guardduty::types::{
    FilterCondition, ListMalwareScansCriterionKey, ListMalwareScansFilterCriteria, ListMalwareScansFilterCriterion,
    MalwareProtectionScanStatus as Status, MalwareScan, OrderBy, SortCriteria,
};
use aws_smithy_types::DateTime;

use super::configuration::call;
use super::source::SourceClient;
use super::{MAX_RESULTS, MissedScan, ReadError};
use crate::metrics::ScanOutcome;
use crate::time::Timestamp;

impl SourceClient {
    /// One call for a source with few scans. The criteria take one key at a time (GuardDuty User Guide, "Monitoring scan
    /// statuses"), so that the time is compared here.
    pub(super) async fn list_missed_scans(&self, since: Timestamp) -> Result<Vec<MissedScan>, ReadError> {
        let newest = self.newest_scans(None).await?;
        let has_more = newest.next_token.as_deref().is_some_and(|token| !token.is_empty());
        let mut scans = newest.scans.unwrap_or_default();
        if has_more && scans.iter().all(|scan| is_since(scan, since)) {
            scans.clear();
            for status in [Status::Failed, Status::Skipped] {
                scans.extend(self.newest_scans(Some(status)).await?.scans.unwrap_or_default());
            }
        }
        scans.retain(|scan| is_since(scan, since));
        Ok(scans.into_iter().filter_map(missed).collect())
    }

    async fn newest_scans(&self, status: Option<Status>) -> Result<ListMalwareScansOutput, ReadError> {
        let newest = SortCriteria::builder().attribute_name("scanStartTime").order_by(OrderBy::Desc).build();
        let request = self.client().list_malware_scans().sort_criteria(newest).max_results(MAX_RESULTS);
        let request = request.set_filter_criteria(status.map(with_status));
        call!(self, "ListMalwareScans", request)
    }

    pub(super) async fn read_scan_reason(&self, scan: &str) -> Result<Option<String>, ReadError> {
        let request = self.client().get_malware_scan().scan_id(scan);
        let answer = call!(self, "GetMalwareScan", request)?;
        Ok(answer.scan_status_reason.map(|reason| reason.as_str().to_owned()))
    }
}

fn with_status(status: Status) -> ListMalwareScansFilterCriteria {
    let criterion = ListMalwareScansFilterCriterion::builder()
        .list_malware_scans_criterion_key(ListMalwareScansCriterionKey::ScanStatus)
        .filter_condition(FilterCondition::builder().equals_value(status.as_str()).build())
        .build();
    ListMalwareScansFilterCriteria::builder().list_malware_scans_filter_criterion(criterion).build()
}

/// A scan without a time is included. The state recognizes it by its ID.
fn is_since(scan: &MalwareScan, since: Timestamp) -> bool {
    let started = scan.scan_started_at.and_then(|at: DateTime| at.to_millis().ok());
    started.is_none_or(|started| started >= since.0)
}

fn missed(scan: MalwareScan) -> Option<MissedScan> {
    let outcome = match scan.scan_status? {
        Status::Failed => ScanOutcome::Failed,
        Status::Skipped => ScanOutcome::Skipped,
        _ => return None,
    };
    Some(MissedScan {
        id: scan.scan_id?,
        resource: scan.resource_arn.filter(|arn| !arn.is_empty()),
        resource_type: scan.resource_type.map_or_else(|| "other".to_owned(), |name| name.as_str().to_owned()),
        outcome,
        reason: None,
    })
}
