//! Who asks: the pod's own identity, or a role that it assumes; and whose account that is.

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::OnceCell;

use super::counted::Counted;
use super::credentials::{AssumedRole, Remembered};
use super::error::{ReadError, Reason};
use super::transient::TransientAnswer;
use crate::metrics::Requests;

/// Who asks, and with what.
pub(super) struct Identity {
    /// `self`, or the role's ARN.
    pub(super) name: String,
    pub(super) sdk: SdkConfig,
    pub(super) credentials: Remembered,
    /// The account where no one need be asked: a role's.
    told: Option<String>,
    /// The account where no one can be asked.
    presumed: Option<String>,
    asked: OnceCell<String>,
}

/// What `sts:GetCallerIdentity` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: String,
    pub arn: String,
}

impl Identity {
    /// The pod's own; `presumed`: its account, should neither the credentials nor STS tell it.
    pub(super) fn own(sdk: &SdkConfig, provider: SharedCredentialsProvider, presumed: Option<String>) -> Self {
        Self { presumed, ..Self::new("self", None, sdk, provider) }
    }

    /// The SDK's own cache of identities is left out: [`Remembered`] is the one cache, and knows failures, too.
    fn new(name: &str, told: Option<String>, sdk: &SdkConfig, provider: SharedCredentialsProvider) -> Self {
        let credentials = Remembered::new(name, provider);
        let shared = SharedCredentialsProvider::new(credentials.clone());
        let sdk = sdk.to_builder().credentials_provider(shared).identity_cache(IdentityCache::no_cache()).build();
        Self { name: name.into(), sdk, credentials, told, presumed: None, asked: OnceCell::new() }
    }

    /// The role is assumed when it is first needed.
    pub(super) fn assuming(&self, arn: &str, external_id: Option<String>, client: aws_sdk_sts::Client) -> Self {
        let role = AssumedRole { client, arn: arn.into(), external_id };
        Self::new(arn, account_in(arn), &self.sdk, SharedCredentialsProvider::new(role))
    }

    pub(super) fn sts(&self, requests: &Requests) -> aws_sdk_sts::Client {
        let counted = Counted { service: "sts", requests: requests.clone() };
        let config = aws_sdk_sts::config::Builder::from(&self.sdk).interceptor(counted);
        aws_sdk_sts::Client::from_conf(config.retry_classifier(TransientAnswer).build())
    }

    /// From the role's ARN; else from the credentials, if they tell; else STS is asked, once. Without credentials a run
    /// should still know which sources it cannot read: hence what is presumed.
    pub(super) async fn account(&self, requests: &Requests) -> Result<String, ReadError> {
        if let Some(told) = &self.told {
            return Ok(told.clone());
        }
        let ask = async || match self.credentials.credentials().await?.account_id() {
            Some(id) => Ok(id.as_str().to_owned()),
            None => self.caller(requests).await.map(|c| c.account),
        };
        self.asked.get_or_try_init(ask).await.cloned().or_else(|e| self.presumed.clone().ok_or(e))
    }

    pub(super) async fn caller(&self, requests: &Requests) -> Result<Caller, ReadError> {
        self.credentials.credentials().await?;
        let what = format!("GetCallerIdentity as {}", self.name);
        let answer = self.sts(requests).get_caller_identity().send().await;
        let answer = answer.map_err(|e| ReadError::of(&what, &e))?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(Caller { account, arn }),
            _ => Err(ReadError::passing(Reason::Malformed, &what, "response contains no account")),
        }
    }
}

/// The account that IRSA gives credentials for.
pub(super) fn irsa_account(env: impl Fn(&str) -> Option<String>) -> Option<String> {
    env("AWS_WEB_IDENTITY_TOKEN_FILE").and_then(|_| env("AWS_ROLE_ARN")).as_deref().and_then(account_in)
}

/// `arn:aws:iam::111122223333:role/guardduty-reader` → `111122223333`
fn account_in(arn: &str) -> Option<String> {
    arn.split(':').nth(4).filter(|account| !account.is_empty()).map(str::to_owned)
}
