//! Counts the open findings of a source, with `GetFindingsStatistics`.

use aws_sdk_guardduty::types::builders::FindingCriteriaBuilder;
use aws_sdk_guardduty::types::{Condition, FindingCriteria, GroupByType, SeverityStatistics};

use super::error::ReadError;
use super::source::SourceClient;
use crate::finding::{FindingCounts, SeverityLevel};
use crate::time::Timestamp;

impl SourceClient {
    /// Counts the open findings, or those that were last updated before a time.
    pub(super) async fn count_updated_before(
        &self,
        detector: &str,
        before: Option<Timestamp>,
    ) -> Result<FindingCounts, ReadError> {
        let criteria = match before {
            Some(before) => open_findings().criterion("updatedAt", less_than(before)),
            None => open_findings(),
        };
        self.count_findings(detector, criteria.build()).await
    }

    /// Counts the open findings that were created before a time.
    pub(super) async fn count_created_before(&self, detector: &str, before: Timestamp) -> Result<u64, ReadError> {
        let criteria = open_findings().criterion("createdAt", less_than(before)).build();
        Ok(self.count_findings(detector, criteria).await?.values().sum())
    }

    async fn count_findings(&self, detector: &str, criteria: FindingCriteria) -> Result<FindingCounts, ReadError> {
        let request = self.client().get_findings_statistics().detector_id(detector).finding_criteria(criteria);
        // Grouped by severity, there are at most a hundred values, 1.0 to 10.0. The default limit is 25 rows.
        let request = request.group_by(GroupByType::Severity).max_results(100);
        let answer = self
            .call("GetFindingsStatistics", request.customize().config_override(self.regional_config()).send())
            .await?;
        Ok(by_severity_level(answer.finding_statistics.and_then(|s| s.grouped_by_severity).unwrap_or_default()))
    }
}

/// Criterion for findings that are not archived. It uses the long names of conditions: `gte` and others are deprecated and
/// have 32 bits.
pub(super) fn open_findings() -> FindingCriteriaBuilder {
    FindingCriteria::builder().criterion("service.archived", Condition::builder().equals("false").build())
}

fn less_than(time: Timestamp) -> Condition {
    Condition::builder().less_than(time.0).build()
}

/// Returns the counts of all four severity levels, including zeros, because a missing gauge means “unknown”.
fn by_severity_level(rows: Vec<SeverityStatistics>) -> FindingCounts {
    let mut levels: FindingCounts = SeverityLevel::ALL.into_iter().map(|level| (level, 0)).collect();
    for row in rows {
        let count = u64::try_from(row.total_findings.unwrap_or(0)).unwrap_or(0);
        *levels.entry(SeverityLevel::from_score(row.severity.unwrap_or(0.0))).or_default() += count;
    }
    levels
}
