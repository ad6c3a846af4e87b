//! Reads investigations.

use aws_sdk_guardduty::types::{
    InvestigationSortCriteria, InvestigationSortField, InvestigationStatus, InvestigationSummary, OrderBy,
};

use super::configuration::call;
use super::source::SourceClient;
use super::{Investigation, MAX_RESULTS, ReadError};
use crate::finding::Assessment;
use crate::time::Timestamp;

/// Maximum length of the ID of an investigation. See GuardDuty API Reference, `Investigation`.
const LONGEST_ID: usize = 64;

impl SourceClient {
    pub(super) async fn list_investigations(&self, detector: &str) -> Result<Vec<Investigation>, ReadError> {
        let newest = InvestigationSortCriteria::builder()
            .attribute_name(InvestigationSortField::EndTime)
            .order_by(OrderBy::Desc)
            .build();
        let request = self.client().list_investigations().detector_id(detector).sort_criteria(newest);
        let answer = call!(self, "ListInvestigations", request.max_results(MAX_RESULTS))?;
        Ok(answer.investigations.unwrap_or_default().into_iter().filter_map(completed).collect())
    }

    pub(super) async fn read_assessment(&self, detector: &str, id: &str) -> Result<Assessment, ReadError> {
        let request = self.client().get_investigation().detector_id(detector).investigation_id(id);
        let answer = call!(self, "GetInvestigation", request)?;
        let mut assessment = Assessment { investigation: id.to_owned(), ..Assessment::default() };
        if let Some(investigation) = answer.investigation {
            assessment.risk_level = investigation.risk_level.map(|level| level.as_str().to_owned());
            assessment.confidence = investigation.confidence.map(|confidence| confidence.as_str().to_owned());
            assessment.risk = investigation.risk;
            assessment.summary = investigation.summary;
        }
        Ok(assessment)
    }
}

/// Returns an investigation that has a result and a valid ID.
fn completed(summary: InvestigationSummary) -> Option<Investigation> {
    let id = summary.investigation_id?;
    let is_id = id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_completed = summary.status == Some(InvestigationStatus::Completed);
    let ended = summary.end_time.and_then(|at| at.to_millis().ok()).map(Timestamp)?;
    (is_id && is_completed).then_some(Investigation { id, prompt: summary.trigger_prompt?, ended })
}
