//! Connects to AWS: loads configuration and credentials as every AWS SDK does, and finds the sources of each identity.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_account::types::RegionOptStatus;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::Env;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::answer::ReadingClient;
use super::counting::{CountingInterceptor, CredentialsHttpClient};
use super::error::ReadError;
use super::identity::{AwsIdentity, CallerIdentity, irsa_account};
use super::source::{SharedClient, SourceClient};
use super::transient::TransientAnswer;
use super::{SourceKey, pages};
use crate::config;
use crate::metrics::{RequestCounts, Service};

/// Maximum number of calls in flight over all sources, and therefore of connections with their TLS buffers. A source
/// without new findings takes six calls. A thousand such sources take 2.5 s at 40 ms per call; the limit is 4 s.
const MAX_CONCURRENT_CALLS: usize = 96;
/// Number of attempts of one call, unless `AWS_MAX_ATTEMPTS` or the profile sets it. The default of the SDK, 3, is too low
/// for throttled calls.
const MAX_ATTEMPTS: u32 = 5;
/// Backoff after the first attempt. It doubles with each attempt, and a random part of it is waited.
const INITIAL_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// The error of a configuration without a region.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no region: set AWS_REGION, or list the regions to poll in GUARDDUTY_REGIONS")]
pub struct MissingRegion;

/// The identities of a run, and the client that they share.
pub struct Aws {
    identities: Vec<Arc<AwsIdentity>>,
    own: Arc<AwsIdentity>,
    regions: config::Regions,
    home: Region,
    shared: Arc<SharedClient>,
    requests: RequestCounts,
}

/// The sources of one configured identity, or the error with which they could not be determined. The account of a role is
/// always known, because the ARN contains it.
pub struct IdentitySources {
    /// `self`, or the role's ARN.
    pub identity: String,
    pub account: Option<String>,
    pub sources: Result<Vec<SourceClient>, ReadError>,
}

impl Aws {
    /// Reads the configuration of AWS: environment, profile, and the region and credentials of the Pod. It fetches no
    /// credentials.
    pub async fn connect(
        settings: &config::AwsConfig,
        http: SharedHttpClient,
        requests: RequestCounts,
    ) -> Result<Self, MissingRegion> {
        let chain = CredentialsHttpClient { inner: http.clone(), requests: requests.clone() };
        let environment = sdk_environment(&settings.environment);
        let loader = aws_config::defaults(BehaviorVersion::latest()).env(environment).http_client(chain);
        let loader = loader.timeout_config(timeouts());
        let loader = match home_region(settings) {
            Some(region) => loader.region(Region::new(region.to_owned())),
            None => loader,
        };
        let sdk = with_retries(loader.load().await, settings.environment.get("AWS_MAX_ATTEMPTS").is_some());
        let sdk = sdk.into_builder().http_client(http).build();
        let presumed = irsa_account(|name| settings.environment.get(name).map(str::to_owned));
        Self::new(sdk, presumed, settings, requests)
    }

    /// `presumed`: the account of the pod, if neither the credentials nor STS return it.
    pub(super) fn new(
        sdk: SdkConfig,
        presumed: Option<String>,
        settings: &config::AwsConfig,
        requests: RequestCounts,
    ) -> Result<Self, MissingRegion> {
        let home = sdk.region().cloned().ok_or(MissingRegion)?;
        // A loaded configuration always has a provider, even if the provider finds no credentials.
        let found = sdk
            .credentials_provider()
            .unwrap_or_else(|| SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()));
        let own = Arc::new(AwsIdentity::pod(&sdk, found, presumed));
        let sts = own.sts_client(&requests);
        let role = |role: &config::Role| match role {
            config::Role::Pod => own.clone(),
            config::Role::Arn(arn) => Arc::new(own.assume_role(arn, settings.external_id.clone(), sts.clone())),
        };
        let identities = settings.roles.iter().map(role).collect();
        let counted = CountingInterceptor { service: Service::GuardDuty, requests: requests.clone() };
        let mut config = aws_sdk_guardduty::config::Builder::from(&own.sdk).interceptor(counted);
        config = config.retry_classifier(TransientAnswer);
        // A loaded configuration always has a client.
        let http = sdk.http_client().unwrap_or_else(|| aws_smithy_http_client::Builder::new().build_http());
        config.set_http_client(Some(SharedHttpClient::new(ReadingClient::tidying(http.clone()))));
        let client = aws_sdk_guardduty::Client::from_conf(config.build());
        let shared = Arc::new(SharedClient { client, http, global_client: Semaphore::new(MAX_CONCURRENT_CALLS) });
        Ok(Self { identities, own, regions: settings.regions.clone(), home, shared, requests })
    }

    /// Fetches the credentials of the Pod in the background while the state is loaded, so that the first call finds them.
    pub fn prefetch_credentials(&self) {
        let credentials = self.own.credentials.clone();
        // An error is cached, too, and returned to every caller.
        tokio::spawn(async move { credentials.credentials().await.is_ok() });
    }

    /// Returns the sources of each identity, in the configured order. The error of one identity does not affect the others.
    /// A source that two identities reach belongs to the first one. With `GUARDDUTY_REGIONS=all`, each identity lists the
    /// regions of its own account.
    pub async fn discover_all(&self) -> Vec<IdentitySources> {
        let mut seen = join_all(self.identities.iter().map(|identity| self.discover_for(identity))).await;
        let mut taken = HashSet::new();
        for sources in seen.iter_mut().filter_map(|s| s.sources.as_mut().ok()) {
            sources.retain(|source| taken.insert(super::GuardDutyApi::key(source).clone()));
        }
        seen
    }

    /// Number of configured identities.
    pub fn identity_count(&self) -> usize {
        self.identities.len()
    }

    /// Returns the sources of one identity. The caller removes sources that an earlier identity reaches, too.
    pub async fn discover_sources(&self, identity: usize) -> IdentitySources {
        self.discover_for(&self.identities[identity]).await
    }

    /// Returns the ARN and the account of each identity according to STS, for `check`.
    pub async fn caller_identities(&self) -> Vec<(String, Result<CallerIdentity, ReadError>)> {
        let ask =
            async |identity: &Arc<AwsIdentity>| (identity.name.clone(), identity.caller_identity(&self.requests).await);
        join_all(self.identities.iter().map(ask)).await
    }

    /// Returns the names of the accounts of the organization by ID, as the identity of the Pod lists them.
    pub async fn organization_account_names(&self) -> Result<BTreeMap<String, String>, ReadError> {
        self.own.credentials.credentials().await?;
        let config = aws_sdk_organizations::config::Builder::from(&self.own.sdk)
            .interceptor(self.counting_interceptor(Service::Organizations));
        let config = config.retry_classifier(TransientAnswer);
        let client = aws_sdk_organizations::Client::from_conf(config.build());
        let accounts = pages::paginate("ListAccounts", async |token| {
            let answer = client.list_accounts().max_results(20).set_next_token(token).send().await;
            let answer = answer.map_err(|e| ReadError::from_sdk("ListAccounts", &e))?;
            Ok((answer.accounts.unwrap_or_default(), answer.next_token))
        });
        Ok(accounts.await?.into_iter().filter_map(|a| Some((a.id?, a.name?))).collect())
    }

    async fn discover_for(&self, identity: &Arc<AwsIdentity>) -> IdentitySources {
        let account = identity.account_id(&self.requests).await;
        let sources = match &account {
            Ok(account) => self.regions_of(identity).await.map(|list| self.build_sources(identity, account, list)),
            Err(e) => Err(e.clone()),
        };
        IdentitySources { identity: identity.name.clone(), account: account.ok(), sources }
    }

    fn build_sources(&self, identity: &Arc<AwsIdentity>, account: &str, regions: Vec<String>) -> Vec<SourceClient> {
        let key = |region| SourceKey { account: account.into(), region };
        let source = |region| SourceClient::new(key(region), identity.clone(), self.shared.clone());
        regions.into_iter().map(source).collect()
    }

    async fn regions_of(&self, identity: &AwsIdentity) -> Result<Vec<String>, ReadError> {
        match &self.regions {
            config::Regions::Default => Ok(vec![self.home.to_string()]),
            config::Regions::List(list) => Ok(list.clone()),
            config::Regions::All { except } => {
                let enabled = self.enabled_regions(identity).await?;
                Ok(enabled.into_iter().filter(|region| !except.contains(region)).collect())
            }
        }
    }

    async fn enabled_regions(&self, identity: &AwsIdentity) -> Result<Vec<String>, ReadError> {
        identity.credentials.credentials().await?;
        let what = format!("ListRegions as {}", identity.name);
        let config = aws_sdk_account::config::Builder::from(&identity.sdk)
            .interceptor(self.counting_interceptor(Service::Account));
        let config = config.retry_classifier(TransientAnswer);
        let client = aws_sdk_account::Client::from_conf(config.build());
        let enabled = vec![RegionOptStatus::Enabled, RegionOptStatus::EnabledByDefault];
        let regions = pages::paginate(&what, async |token| {
            let request = client.list_regions().set_region_opt_status_contains(Some(enabled.clone())).max_results(50);
            let answer = request.set_next_token(token).send().await.map_err(|e| ReadError::from_sdk(&what, &e))?;
            Ok((answer.regions.unwrap_or_default(), answer.next_token))
        });
        Ok(regions.await?.into_iter().filter_map(|r| r.region_name).collect())
    }

    fn counting_interceptor(&self, service: Service) -> CountingInterceptor {
        CountingInterceptor { service, requests: self.requests.clone() }
    }
}

/// The region in which STS and other services are called. If the regions to poll are configured, the instance metadata
/// service is not called, because a Pod often cannot reach it and would wait.
fn home_region(settings: &config::AwsConfig) -> Option<&str> {
    let first = match &settings.regions {
        config::Regions::List(list) => list.first().map(String::as_str),
        _ => None,
    };
    settings.environment.get("AWS_REGION").or(first)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(30))
        .build()
}

/// The environment that the SDK reads.
fn sdk_environment(environment: &config::AwsEnvironment) -> Env {
    Env::from(environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<HashMap<_, _>>())
}

/// Increases the number of attempts, unless `AWS_MAX_ATTEMPTS` or the profile sets it.
///
/// The mode stays `standard`. `adaptive` is too slow for a short run: after one throttled call, the SDK waits 20 s before
/// the next attempt (aws-smithy-runtime 1.16, `client_rate_limiter.rs`: ten tokens at half a token per second). Instead, a
/// call keeps its permit while it backs off, which slows down a throttled source.
fn with_retries(sdk: SdkConfig, is_number_set: bool) -> SdkConfig {
    let configured = sdk.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    if is_number_set || configured.max_attempts() != RetryConfig::standard().max_attempts() {
        return sdk;
    }
    let retry = configured.with_max_attempts(MAX_ATTEMPTS);
    let retry = retry.with_initial_backoff(INITIAL_BACKOFF).with_max_backoff(MAX_BACKOFF);
    sdk.into_builder().retry_config(retry).build()
}

#[cfg(test)]
mod tests;
