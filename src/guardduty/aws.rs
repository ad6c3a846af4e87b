//! The way into AWS: configuration and credentials as every AWS SDK takes them, the identities to poll with, their sources.

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
use crate::metrics::RequestCounts;

/// Calls in flight, over all sources: as many connections at most, each with its TLS buffers. A quiet source is asked six
/// things; a thousand of them take 2.5 s at 40 ms a call, and 4 s is what they may take.
const MAX_CONCURRENT_CALLS: usize = 96;
/// Tries of one call, unless `AWS_MAX_ATTEMPTS` or the profile says otherwise. The SDK's own 3 give up on a throttle too soon.
const MAX_ATTEMPTS: u32 = 5;
/// Doubled with each try, a random part of it is waited.
const INITIAL_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// No region is configured anywhere, and none can be guessed: a fault of the configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no region: set AWS_REGION, or list the regions to poll in GUARDDUTY_REGIONS")]
pub struct MissingRegion;

/// AWS as one run sees it.
pub struct Aws {
    identities: Vec<Arc<AwsIdentity>>,
    own: Arc<AwsIdentity>,
    regions: config::Regions,
    home: Region,
    shared: Arc<SharedClient>,
    requests: RequestCounts,
}

/// What one configured identity may poll, or why that is not known. A role's account is known in any case: its ARN tells it.
pub struct IdentitySources {
    /// `self`, or the role's ARN.
    pub identity: String,
    pub account: Option<String>,
    pub sources: Result<Vec<SourceClient>, ReadError>,
}

impl Aws {
    /// Reads AWS's own configuration: environment, profile, and what of the pod tells the region and the credentials.
    /// Asks for no credentials yet.
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
        // A loaded configuration always has a provider, be it one that finds nothing.
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
        let counted = CountingInterceptor { service: "guardduty", requests: requests.clone() };
        let mut config = aws_sdk_guardduty::config::Builder::from(&own.sdk).interceptor(counted);
        config = config.retry_classifier(TransientAnswer);
        // A loaded configuration always has a client.
        let http = sdk.http_client().unwrap_or_else(|| aws_smithy_http_client::Builder::new().build_http());
        config.set_http_client(Some(SharedHttpClient::new(ReadingClient::tidying(http.clone()))));
        let client = aws_sdk_guardduty::Client::from_conf(config.build());
        let shared = Arc::new(SharedClient { client, http, global_client: Semaphore::new(MAX_CONCURRENT_CALLS) });
        Ok(Self { identities, own, regions: settings.regions.clone(), home, shared, requests })
    }

    /// Fetches the pod's own credentials already, while others are waiting for the state: whoever needs them finds them.
    pub fn prefetch_credentials(&self) {
        let credentials = self.own.credentials.clone();
        // An error is cached, too, and returned to every caller.
        tokio::spawn(async move { credentials.credentials().await.is_ok() });
    }

    /// What is to be polled, by identity, in the order configured. Identities fail alone. A source that two of them reach
    /// is the first one's. With `GUARDDUTY_REGIONS=all` each identity is asked for its own account's regions.
    pub async fn discover_all(&self) -> Vec<IdentitySources> {
        let mut seen = join_all(self.identities.iter().map(|identity| self.discover_for(identity))).await;
        let mut taken = HashSet::new();
        for sources in seen.iter_mut().filter_map(|s| s.sources.as_mut().ok()) {
            sources.retain(|source| taken.insert(super::GuardDutyApi::key(source).clone()));
        }
        seen
    }

    /// How many identities there are, in the order configured.
    pub fn identity_count(&self) -> usize {
        self.identities.len()
    }

    /// What one of them may poll. A source that an earlier identity reaches, too, is that one's: the caller's matter.
    pub async fn discover_sources(&self, identity: usize) -> IdentitySources {
        self.discover_for(&self.identities[identity]).await
    }

    /// Who AWS takes each identity for: for `check`.
    pub async fn caller_identities(&self) -> Vec<(String, Result<CallerIdentity, ReadError>)> {
        let ask =
            async |identity: &Arc<AwsIdentity>| (identity.name.clone(), identity.caller_identity(&self.requests).await);
        join_all(self.identities.iter().map(ask)).await
    }

    /// The names of the organization's accounts by id, as the pod's own identity sees them.
    pub async fn organization_account_names(&self) -> Result<BTreeMap<String, String>, ReadError> {
        self.own.credentials.credentials().await?;
        let config = aws_sdk_organizations::config::Builder::from(&self.own.sdk)
            .interceptor(self.counting_interceptor("organizations"));
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
        let config =
            aws_sdk_account::config::Builder::from(&identity.sdk).interceptor(self.counting_interceptor("account"));
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

    fn counting_interceptor(&self, service: &'static str) -> CountingInterceptor {
        CountingInterceptor { service, requests: self.requests.clone() }
    }
}

/// The region that STS and the like are called in. If the regions to poll are listed, the instance metadata service is
/// not asked: a pod often cannot reach it, and waits.
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

/// The environment as the SDK may see it.
fn sdk_environment(environment: &config::AwsEnvironment) -> Env {
    Env::from(environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<HashMap<_, _>>())
}

/// More attempts than the SDK's own, unless `AWS_MAX_ATTEMPTS` or the profile sets a number.
///
/// The mode stays `standard`. `adaptive` starts a short run from next to nothing: one throttle, and the SDK waits 20 s
/// before the next try (aws-smithy-runtime 1.16, `client_rate_limiter.rs`: ten tokens at half a token a second). What
/// slows a throttled source down here is that a call keeps its place among the few of its source while it backs off.
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
