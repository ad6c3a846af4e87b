//! AWS identities: the identity of the Pod, or a role that it assumes; and the account of each.

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::OnceCell;

use super::counting::CountingInterceptor;
use super::credentials::{AssumedRole, CachedCredentials};
use super::error::{ReadError, TransientReason};
use super::transient::TransientAnswer;
use crate::config::account_of_arn;
use crate::metrics::{RequestCounts, Service};

/// An identity with its credentials.
pub(super) struct AwsIdentity {
    /// `self`, or the role's ARN.
    pub(super) name: String,
    pub(super) sdk: SdkConfig,
    pub(super) credentials: CachedCredentials,
    /// The account of a role, which its ARN contains.
    account_from_arn: Option<String>,
    /// The account to use if neither the credentials nor STS return it.
    fallback_account: Option<String>,
    account_from_sts: OnceCell<String>,
}

/// Response of `sts:GetCallerIdentity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    pub account: String,
    pub arn: String,
}

impl AwsIdentity {
    /// The identity of the pod; `presumed`: its account, if neither the credentials nor STS return it.
    pub(super) fn pod(sdk: &SdkConfig, provider: SharedCredentialsProvider, presumed: Option<String>) -> Self {
        Self { fallback_account: presumed, ..Self::new("self", None, sdk, provider) }
    }

    /// The identity cache of the SDK is disabled, because [`CachedCredentials`] is the only cache. It caches failures, too.
    fn new(name: &str, account_from_arn: Option<String>, sdk: &SdkConfig, provider: SharedCredentialsProvider) -> Self {
        let credentials = CachedCredentials::new(name, provider);
        let shared = SharedCredentialsProvider::new(credentials.clone());
        let sdk = sdk.to_builder().credentials_provider(shared).identity_cache(IdentityCache::no_cache()).build();
        Self {
            name: name.into(),
            sdk,
            credentials,
            account_from_arn,
            fallback_account: None,
            account_from_sts: OnceCell::new(),
        }
    }

    /// The role is assumed by the first call that needs its credentials.
    pub(super) fn assume_role(&self, arn: &str, external_id: Option<String>, client: aws_sdk_sts::Client) -> Self {
        let role = AssumedRole { client, arn: arn.into(), external_id };
        Self::new(arn, account_of_arn(arn).map(str::to_owned), &self.sdk, SharedCredentialsProvider::new(role))
    }

    pub(super) fn sts_client(&self, requests: &RequestCounts) -> aws_sdk_sts::Client {
        let counted = CountingInterceptor { service: Service::Sts, requests: requests.clone() };
        let config = aws_sdk_sts::config::Builder::from(&self.sdk).interceptor(counted);
        aws_sdk_sts::Client::from_conf(config.retry_classifier(TransientAnswer).build())
    }

    /// Returns the account from the ARN of the role, otherwise from the credentials, otherwise from STS, which is called
    /// once. Without credentials, it returns the presumed account, so that a run can name the sources that it cannot read.
    pub(super) async fn account_id(&self, requests: &RequestCounts) -> Result<String, ReadError> {
        if let Some(account) = &self.account_from_arn {
            return Ok(account.clone());
        }
        let ask = async || match self.credentials.credentials().await?.account_id() {
            Some(id) => Ok(id.as_str().to_owned()),
            None => self.caller_identity(requests).await.map(|c| c.account),
        };
        self.account_from_sts.get_or_try_init(ask).await.cloned().or_else(|e| self.fallback_account.clone().ok_or(e))
    }

    pub(super) async fn caller_identity(&self, requests: &RequestCounts) -> Result<CallerIdentity, ReadError> {
        self.credentials.credentials().await?;
        let what = format!("GetCallerIdentity as {}", self.name);
        let answer = self.sts_client(requests).get_caller_identity().send().await;
        let answer = answer.map_err(|e| ReadError::from_sdk(&what, &e))?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(CallerIdentity { account, arn }),
            _ => Err(ReadError::transient(TransientReason::Malformed, &what, "response contains no account")),
        }
    }
}

/// The account of the credentials of IRSA.
pub(super) fn irsa_account(env: impl Fn(&str) -> Option<String>) -> Option<String> {
    env("AWS_WEB_IDENTITY_TOKEN_FILE")
        .and_then(|_| env("AWS_ROLE_ARN"))
        .as_deref()
        .and_then(account_of_arn)
        .map(str::to_owned)
}
