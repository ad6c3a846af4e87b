//! The way into AWS: configuration and credentials as every AWS SDK takes them, the identities to poll with, their sources.

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_account::types::RegionOptStatus;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::future::join_all;
use tokio::sync::{OnceCell, Semaphore};

use super::counted::Counted;
use super::error::ReadError;
use super::identity::{AssumedRole, Remembered};
use super::source::Source;
use super::{SourceKey, pages};
use crate::config;
use crate::metrics::Requests;

/// Calls in flight, over all sources: as many connections at most, each with its TLS buffers.
const IN_FLIGHT: usize = 32;
/// Tries of one call, unless `AWS_MAX_ATTEMPTS` or the profile says otherwise. The SDK's own 3 give up on a throttle too soon.
const ATTEMPTS: u32 = 5;
/// Doubled with each try, a random part of it is waited.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// No region is configured anywhere, and none can be guessed: a fault of the configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no region: set AWS_REGION, or list the regions to poll in GUARDDUTY_REGIONS")]
pub struct NoRegion;

/// AWS as one run sees it.
pub struct Aws {
    identities: Vec<Arc<Identity>>,
    own: Arc<Identity>,
    regions: config::Regions,
    home: Region,
    in_flight: Arc<Semaphore>,
    requests: Requests,
}

/// Who asks, and with what.
pub(super) struct Identity {
    /// `self`, or the role's ARN.
    pub(super) name: String,
    pub(super) sdk: SdkConfig,
    pub(super) credentials: Remembered,
    account: OnceCell<String>,
}

/// What one configured identity may poll, or why that is not known. A role's account is known in any case: its ARN tells it.
pub struct Seen {
    /// `self`, or the role's ARN.
    pub identity: String,
    pub account: Option<String>,
    pub sources: Result<Vec<Source>, ReadError>,
}

/// What `sts:GetCallerIdentity` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: String,
    pub arn: String,
}

impl Aws {
    /// Reads AWS's own configuration: environment, profile, and what of the pod tells the region and the credentials.
    /// Asks for no credentials yet.
    pub async fn connect(settings: &config::Aws, http: SharedHttpClient, requests: Requests) -> Result<Self, NoRegion> {
        let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts());
        let loader = match &settings.regions {
            config::Regions::List(list) => loader.region(region_without_asking(list.first())),
            _ => loader,
        };
        Self::new(patient(loader.load().await), settings, requests)
    }

    pub(super) fn new(sdk: SdkConfig, settings: &config::Aws, requests: Requests) -> Result<Self, NoRegion> {
        let home = sdk.region().cloned().ok_or(NoRegion)?;
        // A loaded configuration always has a provider, be it one that finds nothing.
        let found = sdk
            .credentials_provider()
            .unwrap_or_else(|| SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()));
        let own = Arc::new(Identity::new("self", &sdk, found));
        let role = |role: &config::Role| match role {
            config::Role::Own => own.clone(),
            config::Role::Arn(arn) => Arc::new(own.assuming(arn, settings.external_id.as_deref(), &requests)),
        };
        let identities = settings.roles.iter().map(role).collect();
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        Ok(Self { identities, own, regions: settings.regions.clone(), home, in_flight, requests })
    }

    /// What is to be polled, by identity, in the order configured. Identities fail alone. A source that two of them reach
    /// is the first one's. With `GUARDDUTY_REGIONS=all` each identity is asked for its own account's regions.
    pub async fn sources(&self) -> Vec<Seen> {
        let mut seen = join_all(self.identities.iter().map(|identity| self.seen_by(identity))).await;
        let mut taken = HashSet::new();
        for sources in seen.iter_mut().filter_map(|s| s.sources.as_mut().ok()) {
            sources.retain(|source| taken.insert(super::Detector::key(source).clone()));
        }
        seen
    }

    /// Who AWS takes each identity for: for `check`.
    pub async fn callers(&self) -> Vec<(String, Result<Caller, ReadError>)> {
        let ask = async |identity: &Arc<Identity>| (identity.name.clone(), identity.caller(&self.requests).await);
        join_all(self.identities.iter().map(ask)).await
    }

    /// The names of the organization's accounts by id, as the pod's own identity sees them.
    pub async fn organization(&self) -> Result<BTreeMap<String, String>, ReadError> {
        self.own.credentials.credentials().await?;
        let config =
            aws_sdk_organizations::config::Builder::from(&self.own.sdk).interceptor(self.counted("organizations"));
        let client = aws_sdk_organizations::Client::from_conf(config.build());
        let accounts = pages::all("ListAccounts", async |token| {
            let answer = client.list_accounts().max_results(20).set_next_token(token).send().await;
            let answer = answer.map_err(|e| ReadError::of("ListAccounts", &e))?;
            Ok((answer.accounts.unwrap_or_default(), answer.next_token))
        });
        Ok(accounts.await?.into_iter().filter_map(|a| Some((a.id?, a.name?))).collect())
    }

    async fn seen_by(&self, identity: &Arc<Identity>) -> Seen {
        let account = identity.account(&self.requests).await;
        let sources = match &account {
            Ok(account) => self.regions_of(identity).await.map(|list| self.make(identity, account, list)),
            Err(e) => Err(e.clone()),
        };
        Seen { identity: identity.name.clone(), account: account.ok(), sources }
    }

    fn make(&self, identity: &Arc<Identity>, account: &str, regions: Vec<String>) -> Vec<Source> {
        let key = |region| SourceKey { account: account.into(), region };
        let source =
            |region| Source::new(key(region), identity.clone(), self.in_flight.clone(), self.counted("guardduty"));
        regions.into_iter().map(source).collect()
    }

    async fn regions_of(&self, identity: &Identity) -> Result<Vec<String>, ReadError> {
        match &self.regions {
            config::Regions::Default => Ok(vec![self.home.to_string()]),
            config::Regions::List(list) => Ok(list.clone()),
            config::Regions::All => self.enabled_regions(identity).await,
        }
    }

    async fn enabled_regions(&self, identity: &Identity) -> Result<Vec<String>, ReadError> {
        identity.credentials.credentials().await?;
        let what = format!("ListRegions as {}", identity.name);
        let config = aws_sdk_account::config::Builder::from(&identity.sdk).interceptor(self.counted("account"));
        let client = aws_sdk_account::Client::from_conf(config.build());
        let enabled = vec![RegionOptStatus::Enabled, RegionOptStatus::EnabledByDefault];
        let regions = pages::all(&what, async |token| {
            let request = client.list_regions().set_region_opt_status_contains(Some(enabled.clone())).max_results(50);
            let answer = request.set_next_token(token).send().await.map_err(|e| ReadError::of(&what, &e))?;
            Ok((answer.regions.unwrap_or_default(), answer.next_token))
        });
        Ok(regions.await?.into_iter().filter_map(|r| r.region_name).collect())
    }

    fn counted(&self, service: &'static str) -> Counted {
        Counted { service, requests: self.requests.clone() }
    }
}

impl Identity {
    /// The SDK's own cache of identities is left out: [`Remembered`] is the one cache, and knows failures, too.
    fn new(name: &str, sdk: &SdkConfig, provider: SharedCredentialsProvider) -> Self {
        let credentials = Remembered::new(name, provider);
        let shared = SharedCredentialsProvider::new(credentials.clone());
        let sdk = sdk.to_builder().credentials_provider(shared).identity_cache(IdentityCache::no_cache()).build();
        Self { name: name.into(), sdk, credentials, account: OnceCell::new() }
    }

    /// The role is assumed when it is first needed.
    fn assuming(&self, arn: &str, external_id: Option<&str>, requests: &Requests) -> Self {
        let client = self.sts(requests);
        let role = AssumedRole { client, arn: arn.into(), external_id: external_id.map(str::to_owned) };
        let identity = Self::new(arn, &self.sdk, SharedCredentialsProvider::new(role));
        Self { account: OnceCell::new_with(account_in(arn)), ..identity }
    }

    fn sts(&self, requests: &Requests) -> aws_sdk_sts::Client {
        let counted = Counted { service: "sts", requests: requests.clone() };
        aws_sdk_sts::Client::from_conf(aws_sdk_sts::config::Builder::from(&self.sdk).interceptor(counted).build())
    }

    /// From the role's ARN; else from the credentials, if they tell; else STS is asked, once.
    async fn account(&self, requests: &Requests) -> Result<String, ReadError> {
        let ask = async || match self.credentials.credentials().await?.account_id() {
            Some(id) => Ok(id.as_str().to_owned()),
            None => self.caller(requests).await.map(|c| c.account),
        };
        self.account.get_or_try_init(ask).await.cloned()
    }

    async fn caller(&self, requests: &Requests) -> Result<Caller, ReadError> {
        self.credentials.credentials().await?;
        let answer = self.sts(requests).get_caller_identity().send().await;
        let answer = answer.map_err(|e| ReadError::of("GetCallerIdentity", &e))?;
        Ok(Caller { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() })
    }
}

/// `arn:aws:iam::111122223333:role/guardduty-reader` → `111122223333`
fn account_in(arn: &str) -> Option<String> {
    arn.split(':').nth(4).filter(|account| !account.is_empty()).map(str::to_owned)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(30))
        .build()
}

/// The region that STS and the like are asked in, when the regions to poll are listed: not worth asking the instance
/// metadata service, which a pod often cannot reach and waits for.
fn region_without_asking(first: Option<&String>) -> RegionProviderChain {
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::builder().build())
        .or_else(first.cloned().map(Region::new))
}

/// More tries; what `AWS_MAX_ATTEMPTS` or the profile says stands.
///
/// The mode stays `standard`. `adaptive` starts a short run from next to nothing: one throttle, and the SDK waits 20 s
/// before the next try (aws-smithy-runtime 1.16, `client_rate_limiter.rs`: ten tokens at half a token a second). What
/// slows a throttled source down here is that a call keeps its place among the few of its source while it backs off.
fn patient(sdk: SdkConfig) -> SdkConfig {
    let said = sdk.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    let asked_for =
        env::var_os("AWS_MAX_ATTEMPTS").is_some() || said.max_attempts() != RetryConfig::standard().max_attempts();
    let ours =
        || said.clone().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_PAUSE).with_max_backoff(LONGEST_PAUSE);
    let retry = if asked_for { said.clone() } else { ours() };
    sdk.into_builder().retry_config(retry).build()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::wire::{Asked, Wire, assumed, error, ok, refused, sts};
    use super::super::{Detector, Reason};
    use super::*;
    use crate::config::{Regions, Role};

    const READER: &str = "arn:aws:iam::222233334444:role/reader";
    const OTHER: &str = "arn:aws:iam::333344445555:role/reader";

    fn role(arn: &str) -> Role {
        Role::Arn(arn.into())
    }

    fn regions(list: &[&str]) -> Regions {
        Regions::List(list.iter().map(|r| r.to_string()).collect())
    }

    /// The pod's own account is 111122223333, every role can be assumed, every region has a detector.
    fn obliging(call: &Asked) -> (u16, String) {
        match call.op.as_str() {
            "GetCallerIdentity" => {
                sts("GetCallerIdentity", "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/me</Arn>")
            }
            "AssumeRole" => assumed("ASIAROLE"),
            "POST /listRegions" if call.body.get("NextToken").is_none() => ok(
                json!({"Regions": [{"RegionName": "eu-west-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"}], "NextToken": "2"}),
            ),
            "POST /listRegions" => ok(json!({"Regions": [{"RegionName": "eu-south-1", "RegionOptStatus": "ENABLED"}]})),
            "AWSOrganizationsV20161128.ListAccounts" if call.body.get("NextToken").is_none() => {
                ok(json!({"Accounts": [{"Id": "111122223333", "Name": "prod"}], "NextToken": "2"}))
            }
            "AWSOrganizationsV20161128.ListAccounts" => {
                ok(json!({"Accounts": [{"Id": "222233334444", "Name": "test"}]}))
            }
            _ => ok(json!({"detectorIds": ["d1"]})),
        }
    }

    fn keys(seen: &[Seen]) -> Vec<String> {
        seen.iter().flat_map(|s| s.sources.iter().flatten()).map(|s| s.key().to_string()).collect()
    }

    #[tokio::test]
    async fn a_role_is_assumed_once_for_all_its_regions_and_only_when_needed() {
        let wire = Wire::answering(obliging).await;
        let aws = wire.aws(regions(&["eu-west-1", "us-east-1", "ap-southeast-2"]), vec![role(READER)]);
        let sources = aws.sources().await.remove(0).sources.unwrap();
        assert!(wire.ops().is_empty(), "the ARN tells the account");
        assert!(join_all(sources.iter().map(|s| s.detectors())).await.iter().all(Result::is_ok));
        let asked = wire.asked();
        assert_eq!(asked.iter().filter(|a| a.op == "AssumeRole").count(), 1);
        let form = asked[0].body.as_str().unwrap();
        for part in [
            "RoleArn=arn%3Aaws%3Aiam%3A%3A222233334444%3Arole%2Freader",
            "ExternalId=ext-1",
            "RoleSessionName=guardduty-slack",
        ] {
            assert!(form.contains(part), "{part} is not in {form}");
        }
        let mut reached: Vec<_> = asked[1..].iter().map(|a| (a.key.as_str(), a.region.as_str())).collect();
        reached.sort_unstable();
        assert_eq!(reached, [("ASIAROLE", "ap-southeast-2"), ("ASIAROLE", "eu-west-1"), ("ASIAROLE", "us-east-1")]);
    }

    #[tokio::test]
    async fn the_own_account_is_asked_for_once() {
        let wire = Wire::answering(obliging).await;
        let aws = wire.aws(regions(&["eu-west-1", "us-east-1"]), vec![Role::Own]);
        for _ in 0..2 {
            assert_eq!(keys(&aws.sources().await), ["111122223333/eu-west-1", "111122223333/us-east-1"]);
        }
        assert_eq!(wire.ops(), ["GetCallerIdentity"]);
        assert_eq!(wire.counted(), ["sts GetCallerIdentity 200: 1"]);
    }

    #[tokio::test]
    async fn credentials_that_tell_their_account_spare_a_call() {
        let wire = Wire::answering(obliging).await;
        let told = aws_credential_types::Credentials::builder()
            .access_key_id("ASIAPOD")
            .secret_access_key("hush")
            .account_id("999900001111")
            .provider_name("test");
        let sdk = wire.sdk().into_builder().credentials_provider(SharedCredentialsProvider::new(told.build())).build();
        let settings = config::Aws { regions: Regions::Default, roles: vec![Role::Own], external_id: None };
        let aws = Aws::new(sdk, &settings, wire.requests.clone()).unwrap();
        assert_eq!(keys(&aws.sources().await), ["999900001111/eu-west-1"]);
        assert!(wire.ops().is_empty());
    }

    #[tokio::test]
    async fn an_account_that_two_identities_reach_is_polled_once() {
        let wire = Wire::answering(obliging).await;
        let aws =
            wire.aws(Regions::Default, vec![Role::Own, role("arn:aws:iam::111122223333:role/again"), role(READER)]);
        assert_eq!(keys(&aws.sources().await), ["111122223333/eu-west-1", "222233334444/eu-west-1"]);
    }

    #[tokio::test]
    async fn identities_fail_alone() {
        let wire = Wire::answering(|call| match call.op.as_str() {
            "AssumeRole" if call.body.as_str().unwrap().contains("222233334444") => {
                refused(403, "AccessDenied", "not authorized to perform: sts:AssumeRole")
            }
            "GetCallerIdentity" => refused(500, "InternalFailure", "try again"),
            _ => obliging(call),
        })
        .await;
        let aws = wire.aws(Regions::Default, vec![Role::Own, role(READER), role(OTHER)]);
        let seen = aws.sources().await;
        assert_eq!(seen[0].sources.as_ref().err().map(ReadError::reason), Some("server"));
        assert_eq!(keys(&seen), ["222233334444/eu-west-1", "333344445555/eu-west-1"]);
        let sources: Vec<&Source> = seen.iter().flat_map(|s| s.sources.iter().flatten()).collect();
        let refused = sources[0].detectors().await.unwrap_err();
        assert!(refused.denied());
        assert_eq!(
            refused.to_string(),
            format!("AssumeRole {READER}: AccessDenied: not authorized to perform: sts:AssumeRole")
        );
        assert_eq!(sources[1].detectors().await.unwrap(), ["d1"]);
    }

    #[tokio::test]
    async fn all_regions_are_those_that_the_account_enabled() {
        let wire = Wire::answering(obliging).await;
        let aws = wire.aws(Regions::All, vec![role(READER)]);
        assert_eq!(keys(&aws.sources().await), ["222233334444/eu-west-1", "222233334444/eu-south-1"]);
        let body = wire.asked().remove(1).body;
        assert_eq!(body, json!({"MaxResults": 50, "RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"]}));
    }

    #[tokio::test]
    async fn regions_that_are_not_told_are_an_error_of_a_known_account() {
        let wire = Wire::answering(|call| match call.op.as_str() {
            "POST /listRegions" => error(403, "AccessDeniedException", "no"),
            _ => obliging(call),
        });
        let aws = wire.await.aws(Regions::All, vec![role(READER)]);
        let seen = aws.sources().await.remove(0);
        assert_eq!((seen.identity.as_str(), seen.account.as_deref()), (READER, Some("222233334444")));
        assert!(seen.sources.is_err_and(|e| e.denied()));
    }

    #[tokio::test]
    async fn names_come_from_the_organization() {
        let wire = Wire::answering(obliging).await;
        let names = wire.aws(Regions::Default, vec![Role::Own]).organization().await.unwrap();
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            [("111122223333".into(), "prod".into()), ("222233334444".into(), "test".into())]
        );
    }

    #[tokio::test]
    async fn each_identity_can_say_who_it_is() {
        let wire = Wire::answering(obliging).await;
        let (name, caller) = wire.aws(Regions::Default, vec![Role::Own]).callers().await.remove(0);
        let me = Caller { account: "111122223333".into(), arn: "arn:aws:iam::111122223333:user/me".into() };
        assert_eq!((name.as_str(), caller), ("self", Ok(me)));
    }

    #[tokio::test]
    async fn without_a_region_the_fault_names_the_variables() {
        let wire = Wire::answering(obliging).await;
        let sdk = wire.sdk().into_builder().region(None).build();
        let settings = config::Aws { regions: Regions::All, roles: vec![Role::Own], external_id: None };
        let fault = Aws::new(sdk, &settings, Requests::default()).err().unwrap();
        assert_eq!(fault.to_string(), "no region: set AWS_REGION, or list the regions to poll in GUARDDUTY_REGIONS");
    }

    #[tokio::test]
    async fn no_secret_is_in_an_error() {
        let wire = Wire::answering(|_| error(403, "AccessDeniedException", "no")).await;
        let aws = wire.aws(Regions::Default, vec![role(READER)]);
        let sources = aws.sources().await.remove(0).sources.unwrap();
        let e = sources[0].detectors().await.unwrap_err();
        assert!(!format!("{e} {e:?}").contains("hush"));
    }

    #[tokio::test]
    async fn a_connection_that_is_refused_is_of_the_network() {
        let wire = Wire::answering(obliging).await;
        let sdk = wire.sdk().into_builder().endpoint_url("http://127.0.0.1:9").build();
        let settings = config::Aws { regions: Regions::Default, roles: vec![Role::Own], external_id: None };
        let seen = Aws::new(sdk, &settings, wire.requests.clone()).unwrap().sources().await.remove(0);
        assert!(matches!(seen.sources, Err(ReadError::Passing { reason: Reason::Network, .. })));
        assert_eq!(wire.counted(), ["sts GetCallerIdentity error: 3"]);
    }

    #[test]
    fn more_tries_than_the_sdk_s_own_unless_the_environment_says_otherwise() {
        let tries = |retry| {
            patient(SdkConfig::builder().retry_config(retry).build()).retry_config().map(RetryConfig::max_attempts)
        };
        assert_eq!(tries(RetryConfig::standard()), Some(ATTEMPTS));
        assert_eq!(tries(RetryConfig::standard().with_max_attempts(9)), Some(9));
    }
}
