//! The client of one source: one account in one region.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aws_sdk_guardduty::Client;
use aws_sdk_guardduty::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_guardduty::config::{IdentityCache, Region, SharedCredentialsProvider};
use aws_sdk_guardduty::types::{self, Condition, OrderBy, SortCriteria};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::sync::Semaphore;

use super::answer::ReadingClient;
use super::error::ReadError;
use super::fetch::{Unreadable, fetch};
use super::identity::AwsIdentity;
use super::parallel::{Parallel, Throttles};
use super::statistics::open_findings;
use super::{
    ArchiveChange, DetectorInfo, GuardDutyApi, Investigation, ListPage, MAX_RESULTS, MissedScan, PAGE_SIZE,
    PublishingDestination, SourceKey, Subject, Uncovered, WatchedConfig, pages, watch,
};
use crate::finding::{Assessment, Finding, FindingCounts, NotAnAnswer, Origin, decode_answer, raw_findings};
use crate::time::Timestamp;

/// Number of attempts for fewer findings after a response that was not JSON.
const ATTEMPTS_AT_A_PART: u32 = 2;

/// Cheap to clone, and small: all sources share one client, and each call sets its identity and region. A separate client
/// would take about 35 KB per source.
#[derive(Clone)]
pub struct SourceClient(Arc<Inner>);

struct Inner {
    key: SourceKey,
    identity: Arc<AwsIdentity>,
    /// Throttling of one account must not slow down other accounts of the region, as in the partition of the SDK.
    partition: RetryPartition,
    here: Arc<Parallel>,
    /// True after a response of `GetFindings` was JSON.
    has_answered: AtomicBool,
    shared: Arc<SharedClient>,
}

/// The client that all sources share.
pub(super) struct SharedClient {
    pub(super) client: Client,
    /// The HTTP client that `client` wraps.
    pub(super) http: SharedHttpClient,
    /// Limits the calls in flight over all sources.
    pub(super) global_client: Semaphore,
}

impl SourceClient {
    pub(super) fn new(key: SourceKey, identity: Arc<AwsIdentity>, shared: Arc<SharedClient>) -> Self {
        let partition = RetryPartition::custom(key.to_string()).build();
        Self(Arc::new(Inner {
            key,
            identity,
            partition,
            here: Arc::new(Parallel::new()),
            has_answered: AtomicBool::new(false),
            shared,
        }))
    }

    /// `self`, or the ARN of the assumed role.
    pub fn identity(&self) -> &str {
        &self.0.identity.name
    }

    pub(super) fn client(&self) -> &Client {
        &self.0.shared.client
    }

    pub(super) fn regional_config(&self) -> aws_sdk_guardduty::config::Builder {
        aws_sdk_guardduty::Config::builder()
            .region(Region::new(self.0.key.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(self.0.identity.credentials.clone()))
            .identity_cache(IdentityCache::no_cache())
            .retry_partition(self.0.partition.clone())
            .interceptor(Throttles(self.0.here.clone()))
    }

    /// Waits for credentials, then for a place of this source, then for a place of all sources, so that no waiting call
    /// keeps a place that another source could use.
    pub(super) async fn call<T, E>(
        &self,
        operation: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, ReadError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.0.identity.credentials.credentials().await?;
        let _here = self.0.here.place().await;
        // The semaphore is never closed. If it were, the call would not be limited.
        let _everywhere = self.0.shared.global_client.acquire().await.ok();
        request.await.map_err(|e| ReadError::from_sdk(&self.operation_name(operation), &e))
    }

    pub(super) fn operation_name(&self, operation: &str) -> String {
        format!("{operation} in {}", self.0.key.region)
    }

    /// Calls `GetFindings` and reads its response. The inner error: the response was not JSON in any attempt.
    async fn request_findings<T: Default + Send + 'static>(
        &self,
        detector: &str,
        ids: &[String],
        attempts: Option<u32>,
        read: impl Fn(&[u8]) -> Result<T, NotAnAnswer> + Send + Sync + 'static,
    ) -> Result<Result<T, Unreadable>, ReadError> {
        let (http, slot) = ReadingClient::reading(self.0.shared.http.clone(), read);
        let mut config = self.regional_config().http_client(http);
        config.set_retry_config(attempts.map(|attempts| RetryConfig::standard().with_max_attempts(attempts)));
        let request = self.client().get_findings().detector_id(detector).set_finding_ids(Some(ids.to_vec()));
        let called = self.call("GetFindings", request.customize().config_override(config).send()).await;
        match (called, slot.take()) {
            (Ok(_), Some(Ok(answer))) => Ok(Ok(answer)),
            (Err(error), Some(Err(answer))) if error.is_malformed() => Ok(Err(Unreadable { answer, error })),
            (Err(error), _) => Err(error),
            (Ok(_), _) => Ok(Ok(T::default())),
        }
    }

    fn origin(&self, detector: &str) -> Arc<Origin> {
        let SourceKey { account, region } = self.0.key.clone();
        Arc::new(Origin { account, region, detector: detector.into() })
    }
}

impl GuardDutyApi for SourceClient {
    fn key(&self) -> &SourceKey {
        &self.0.key
    }

    async fn list_detectors(&self) -> Result<Vec<String>, ReadError> {
        pages::paginate(&self.operation_name("ListDetectors"), async |token| {
            let request = self.client().list_detectors().max_results(50).set_next_token(token);
            let answer =
                self.call("ListDetectors", request.customize().config_override(self.regional_config()).send()).await?;
            Ok((answer.detector_ids.unwrap_or_default(), answer.next_token))
        })
        .await
    }

    async fn list_findings(
        &self,
        detector: &str,
        from: Timestamp,
        to: Option<Timestamp>,
        token: Option<&str>,
    ) -> Result<ListPage, ReadError> {
        let updated = Condition::builder().greater_than_or_equal(from.0).set_less_than_or_equal(to.map(|t| t.0));
        let sort = SortCriteria::builder().attribute_name("updatedAt").order_by(OrderBy::Asc).build();
        let request = self.client().list_findings().detector_id(detector).max_results(MAX_RESULTS).sort_criteria(sort);
        let request = request
            .finding_criteria(open_findings().criterion("updatedAt", updated.build()).build())
            .set_next_token(token.map(str::to_owned));
        let answer =
            self.call("ListFindings", request.customize().config_override(self.regional_config()).send()).await?;
        Ok(ListPage {
            ids: answer.finding_ids.unwrap_or_default(),
            next_token: answer.next_token.filter(|t| !t.is_empty()),
        })
    }

    async fn get_findings(&self, detector: &str, ids: &[String]) -> Result<Vec<Finding>, ReadError> {
        let origin = self.origin(detector);
        let page = ids.len().min(PAGE_SIZE);
        let request = async |part: &[String]| {
            let attempts = (part.len() < page).then_some(ATTEMPTS_AT_A_PART);
            let (ids, of) = (part.to_vec(), origin.clone());
            self.request_findings(detector, part, attempts, move |body| decode_answer(body, &ids, &of)).await
        };
        // On the heap, because it would enlarge all futures around it.
        Box::pin(fetch(ids, &origin, &self.0.has_answered, request)).await
    }

    async fn documents(&self, detector: &str, ids: &[String]) -> Result<BTreeMap<String, String>, ReadError> {
        let mut documents = BTreeMap::new();
        for page in ids.chunks(PAGE_SIZE) {
            let answer = self.request_findings(detector, page, None, raw_findings).await?;
            documents.extend(answer.map_err(|unreadable| unreadable.error)?);
        }
        Ok(documents)
    }

    async fn archive(&self, detector: &str, ids: &[String], change: ArchiveChange) -> Result<(), ReadError> {
        let ids = Some(ids.to_vec());
        match change {
            ArchiveChange::Archive => {
                let request = self.client().archive_findings().detector_id(detector).set_finding_ids(ids);
                self.call("ArchiveFindings", request.customize().config_override(self.regional_config()).send())
                    .await
                    .map(drop)
            }
            ArchiveChange::Unarchive => {
                let request = self.client().unarchive_findings().detector_id(detector).set_finding_ids(ids);
                self.call("UnarchiveFindings", request.customize().config_override(self.regional_config()).send())
                    .await
                    .map(drop)
            }
        }
    }

    async fn detector_info(&self, detector: &str) -> Result<DetectorInfo, ReadError> {
        let request = self.client().get_detector().detector_id(detector);
        let answer =
            self.call("GetDetector", request.customize().config_override(self.regional_config()).send()).await?;
        Ok(DetectorInfo {
            enabled: answer.status == Some(types::DetectorStatus::Enabled),
            features: watch::features(answer.features.unwrap_or_default()),
        })
    }

    async fn count_open_findings(&self, detector: &str, before: Option<Timestamp>) -> Result<FindingCounts, ReadError> {
        self.count_updated_before(detector, before).await
    }

    async fn open_created_before(&self, detector: &str, before: Timestamp) -> Result<u64, ReadError> {
        self.count_created_before(detector, before).await
    }

    async fn watched_ids(&self, detector: &str, subject: Subject) -> Result<Vec<String>, ReadError> {
        Box::pin(self.list_ids(detector, subject)).await
    }

    async fn watched(&self, detector: &str, subject: Subject, id: &str) -> Result<WatchedConfig, ReadError> {
        Box::pin(self.read_item(detector, subject, id)).await
    }

    async fn members(&self, detector: &str) -> Result<Option<BTreeMap<String, String>>, ReadError> {
        Box::pin(self.list_members(detector)).await
    }

    async fn uncovered(&self, detector: &str) -> Result<Vec<Uncovered>, ReadError> {
        Box::pin(self.list_uncovered(detector)).await
    }

    async fn destinations(&self, detector: &str) -> Result<Vec<PublishingDestination>, ReadError> {
        Box::pin(self.list_destinations(detector)).await
    }

    async fn missed_scans(&self, since: Timestamp) -> Result<Vec<MissedScan>, ReadError> {
        Box::pin(self.list_missed_scans(since)).await
    }

    async fn investigations(&self, detector: &str) -> Result<Vec<Investigation>, ReadError> {
        Box::pin(self.list_investigations(detector)).await
    }

    async fn assessment(&self, detector: &str, investigation: &str) -> Result<Assessment, ReadError> {
        Box::pin(self.read_assessment(detector, investigation)).await
    }

    async fn scan_reason(&self, scan: &str) -> Result<Option<String>, ReadError> {
        Box::pin(self.read_scan_reason(scan)).await
    }
}

#[cfg(test)]
mod tests;
