//! Fetches and caches credentials. All regions share one result, including a failure, so that a run fetches once.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::error::{ReadError, TransientReason};
use crate::retry::{RetryPolicy, jitter};

/// Timeout for credentials, including all retries of the SDK.
const FETCH_TIMEOUT: Duration = Duration::from_secs(20);
/// Time for which any result is cached, including a failure, so that all regions that wait for it share it.
const MIN_CACHE_TTL: Duration = Duration::from_secs(10);
/// Time before the expiry at which credentials are renewed. It is longer than a call with its retries.
const REFRESH_MARGIN: Duration = Duration::from_mins(2);
/// Name of the session, which CloudTrail shows after the name of the role.
const SESSION_NAME: &str = "guardduty-slack";

type CredentialsResult = Result<Credentials, ReadError>;

/// A credentials provider that caches its last result, including failures.
#[derive(Clone)]
pub(super) struct CachedCredentials(Arc<CredentialsCache>);

struct CredentialsCache {
    /// `self`, or the role's ARN.
    identity: String,
    inner: SharedCredentialsProvider,
    cached: Mutex<Option<(Instant, CredentialsResult)>>,
}

impl CachedCredentials {
    pub(super) fn new(whose: &str, inner: SharedCredentialsProvider) -> Self {
        Self(Arc::new(CredentialsCache { identity: whose.into(), inner, cached: Mutex::new(None) }))
    }

    /// Returns the cached result, or fetches credentials. Concurrent callers wait for one request. A call fetches its
    /// credentials before it acquires a permit, so that missing credentials do not block the regions of other identities.
    pub(super) async fn credentials(&self) -> CredentialsResult {
        let mut last = self.0.cached.lock().await;
        if let Some((at, outcome)) = last.as_ref()
            && is_valid(outcome, at.elapsed(), SystemTime::now())
        {
            return outcome.clone();
        }
        let outcome = self.fetch_credentials().await;
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }

    /// Repeats attempts that the SDK does not retry: a response 429, a page of a proxy, and an identity provider whose key
    /// STS cannot fetch at the moment.
    async fn fetch_credentials(&self) -> CredentialsResult {
        let (deadline, mut failed) = (Instant::now() + FETCH_TIMEOUT, 0);
        let mut last = None;
        loop {
            let error = match timeout_at(deadline, self.0.inner.provide_credentials()).await {
                Ok(Ok(credentials)) => return Ok(credentials),
                Ok(Err(error)) => ReadError::from_credentials(&self.0.identity, &error),
                Err(_) => return Err(last.unwrap_or_else(|| self.no_answer())),
            };
            failed += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            match RetryPolicy::INTERACTIVE
                .next_delay(failed, None, left, jitter())
                .filter(|_| error.is_worth_fetching_again())
            {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
            last = Some(error);
        }
    }

    fn no_answer(&self) -> ReadError {
        let text = format!("no answer within {} s", FETCH_TIMEOUT.as_secs());
        ReadError::transient(TransientReason::Credentials, &format!("credentials of {}", self.0.identity), text)
    }
}

/// Returns true if the cached result can be used. A result that was just fetched is always used: credentials that seem to
/// be expired are valid if the local clock is wrong.
fn is_valid(outcome: &CredentialsResult, age: Duration, now: SystemTime) -> bool {
    let lasts = |credentials: &Credentials| credentials.expiry().is_none_or(|end| end > now + REFRESH_MARGIN);
    age < MIN_CACHE_TTL || outcome.as_ref().is_ok_and(lasts)
}

impl ProvideCredentials for CachedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

impl fmt::Debug for CachedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CachedCredentials").field(&self.0.identity).finish()
    }
}

/// A role of `GUARDDUTY_ROLE_ARNS`. The `AssumeRoleProvider` of `aws_config` is not used, because its requests cannot be
/// counted and its errors do not expose the error code of STS.
#[derive(Debug)]
pub(super) struct AssumedRole {
    pub(super) client: aws_sdk_sts::Client,
    pub(super) arn: String,
    pub(super) external_id: Option<String>,
}

impl AssumedRole {
    async fn assume_role(&self) -> CredentialsResult {
        let what = format!("AssumeRole {}", self.arn);
        let request = self.client.assume_role().role_arn(&self.arn).role_session_name(SESSION_NAME);
        let answer = request.set_external_id(self.external_id.clone()).send().await;
        let answer = answer.map_err(|e| ReadError::from_sdk(&what, &e))?;
        parse_credentials(answer)
            .ok_or_else(|| ReadError::transient(TransientReason::Malformed, &what, "no credentials in the answer"))
    }
}

/// Returns `None` for a truncated response, whose missing fields the SDK reads as empty.
fn parse_credentials(answer: AssumeRoleOutput) -> Option<Credentials> {
    let given = answer.credentials?;
    let is_whole = [&given.access_key_id, &given.secret_access_key, &given.session_token].iter().all(|p| !p.is_empty());
    let expiry = SystemTime::try_from(given.expiration).ok().filter(|_| is_whole)?;
    let (key, secret) = (given.access_key_id, given.secret_access_key);
    Some(Credentials::new(key, secret, Some(given.session_token), Some(expiry), "AssumeRole"))
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.assume_role().await.map_err(CredentialsError::provider_error) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Counting {
        asked: Arc<AtomicUsize>,
        refuses: bool,
        /// Attempts that fail before one succeeds.
        failing: usize,
        hangs: bool,
    }

    impl ProvideCredentials for Counting {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(async move {
                self.asked.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                if self.hangs {
                    std::future::pending::<()>().await;
                }
                match self.refuses || self.asked.load(Ordering::SeqCst) <= self.failing {
                    true => Err(CredentialsError::provider_error("sts is down")),
                    false => Ok(Credentials::new("AKIA", "secret", None, None, "test")),
                }
            })
        }
    }

    async fn ask_at_once(provider: &Counting, times: usize) -> Vec<CredentialsResult> {
        let memory = CachedCredentials::new("self", SharedCredentialsProvider::new(provider.clone()));
        futures_util::future::join_all((0..times).map(|_| memory.credentials())).await
    }

    #[tokio::test(start_paused = true)]
    async fn all_regions_share_one_fetch() {
        let provider = Counting::default();
        assert!(ask_at_once(&provider, 20).await.iter().all(Result::is_ok));
        assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn all_regions_share_one_failure() {
        let provider = Counting { refuses: true, ..Counting::default() };
        let outcomes = ask_at_once(&provider, 20).await;
        assert!(outcomes.iter().all(|o| o.as_ref().is_err_and(|e| e.reason() == "credentials")));
        assert_eq!(provider.asked.load(Ordering::SeqCst), RetryPolicy::INTERACTIVE.max_attempts as usize);
    }

    #[tokio::test(start_paused = true)]
    async fn a_transient_failure_is_retried_for_all_regions() {
        let provider = Counting { failing: 2, ..Counting::default() };
        assert!(ask_at_once(&provider, 20).await.iter().all(Result::is_ok));
        assert_eq!(provider.asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_tried_again_later() {
        let provider = Counting { refuses: true, ..Counting::default() };
        let memory = CachedCredentials::new("self", SharedCredentialsProvider::new(provider.clone()));
        assert!(memory.credentials().await.is_err());
        tokio::time::advance(MIN_CACHE_TTL).await;
        assert!(memory.credentials().await.is_err());
        assert_eq!(provider.asked.load(Ordering::SeqCst), 2 * RetryPolicy::INTERACTIVE.max_attempts as usize);
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_that_do_not_come_end_the_wait() {
        let provider = Counting { hangs: true, ..Counting::default() };
        let outcomes = ask_at_once(&provider, 20).await;
        let text = outcomes[19].as_ref().unwrap_err().to_string();
        assert_eq!(text, "credentials of self: no answer within 20 s");
        assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn credentials_are_renewed_before_they_expire() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let until = |end: Duration| Ok(Credentials::new("AKIA", "secret", None, Some(now + end), "test"));
        assert!(is_valid(&until(REFRESH_MARGIN + Duration::from_secs(1)), MIN_CACHE_TTL, now));
        assert!(!is_valid(&until(REFRESH_MARGIN), MIN_CACHE_TTL, now));
    }

    #[test]
    fn credentials_are_not_asked_for_by_each_call_where_the_clock_is_ahead() {
        let given = Ok(Credentials::new("AKIA", "secret", None, Some(SystemTime::UNIX_EPOCH), "test"));
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(5);
        assert!(is_valid(&given, Duration::ZERO, now) && !is_valid(&given, MIN_CACHE_TTL, now));
    }

    #[test]
    fn response_without_a_secret_key_has_no_credentials() {
        let answer = |secret: &str| {
            let given = aws_sdk_sts::types::Credentials::builder().access_key_id("ASIA").secret_access_key(secret);
            let given = given.session_token("token").expiration(aws_smithy_types::DateTime::from_secs(4_000_000_000));
            AssumeRoleOutput::builder().credentials(given.build().unwrap()).build()
        };
        assert!(parse_credentials(answer("hush")).is_some());
        assert!(parse_credentials(answer("")).is_none());
        assert!(parse_credentials(AssumeRoleOutput::builder().build()).is_none());
    }

    #[test]
    fn nothing_secret_is_in_what_can_be_printed() {
        let inner = SharedCredentialsProvider::new(Credentials::new("AKIA", "hush", None, None, "test"));
        assert!(!format!("{:?}", CachedCredentials::new("self", inner)).contains("hush"));
    }
}
