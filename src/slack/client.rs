//! The HTTP client of Slack: each call is one request, whose response is classified and counted.

use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::errors::{self, Rejection};
use super::transport::{json_body, send_and_read};
use super::{BotIdentity, SlackError};
use crate::config::SlackAuth;
use crate::metrics::{RequestCounts, Service};
use crate::retry::{RetryPolicy, jitter};
use crate::user::UserId;

/// Timeout of a reading call for retries after rate limiting and failures, for all its pages together.
const READ_RETRY_BUDGET: Duration = Duration::from_secs(90);
const READ_RETRY: RetryPolicy =
    RetryPolicy { initial: Duration::from_millis(500), max: Duration::from_secs(10), max_attempts: 6 };

/// A client with a bot token, webhooks, or both. Each message is sent once. The caller decides about another attempt,
/// because it depends on the possible outcomes of the first one.
pub struct Client {
    http: reqwest::Client,
    /// Without a trailing slash.
    base: String,
    token: Option<SecretString>,
    requests: RequestCounts,
    identity: OnceCell<BotIdentity>,
}

struct ApiResponse {
    body: Map<String, Value>,
    scopes: Option<Vec<String>>,
}

impl Client {
    /// `api_url` as in `SLACK_API_URL`, without a trailing slash.
    pub fn new(http: reqwest::Client, access: &SlackAuth, api_url: &str, requests: RequestCounts) -> Self {
        let token = match access {
            SlackAuth::Bot { token, .. } => Some(token.clone()),
            SlackAuth::Webhook { .. } => None,
        };
        Self { http, base: api_url.to_owned(), token, requests, identity: OnceCell::new() }
    }

    /// Requested once. After a failure, the next call requests it again.
    pub async fn identity(&self) -> Result<&BotIdentity, SlackError> {
        let ask = || async {
            let response = self.call_with_retry("auth.test", &[]).await?;
            let text = |key: &str| response.body.get(key).and_then(Value::as_str).map(str::to_owned);
            Ok(BotIdentity {
                bot_id: text("bot_id"),
                url: text("url"),
                team: text("team").unwrap_or_default(),
                user: text("user").unwrap_or_default(),
                user_id: text("user_id").as_deref().and_then(UserId::parse),
                scopes: response.scopes,
            })
        };
        self.identity.get_or_try_init(ask).await
    }

    /// Calls a reading method once.
    pub(super) async fn read_once(
        &self,
        method: &str,
        query: &[(&str, &str)],
    ) -> Result<Map<String, Value>, SlackError> {
        self.call_get(method, query).await.map(|response| response.body)
    }

    /// Calls a reading method, with retries after transient errors.
    pub(super) async fn call_read_method(
        &self,
        method: &str,
        query: &[(&str, &str)],
    ) -> Result<Map<String, Value>, SlackError> {
        self.call_with_retry(method, query).await.map(|response| response.body)
    }

    async fn call_with_retry(&self, method: &str, query: &[(&str, &str)]) -> Result<ApiResponse, SlackError> {
        let (began, mut failed) = (Instant::now(), 0);
        loop {
            let failure = match self.call_get(method, query).await {
                Err(failure) if failure.is_transient() => failure,
                done => return done,
            };
            failed += 1;
            let asked = match &failure {
                SlackError::RateLimited(wait) => *wait,
                failure => {
                    log_first_retry(method, failed, failure);
                    None
                }
            };
            match READ_RETRY.next_delay(failed, asked, READ_RETRY_BUDGET.saturating_sub(began.elapsed()), jitter()) {
                Some(pause) => sleep(pause).await,
                None => return Err(failure),
            }
        }
    }

    async fn call_get(&self, method: &str, query: &[(&str, &str)]) -> Result<ApiResponse, SlackError> {
        let url = reqwest::Url::parse_with_params(&format!("{}/{method}", self.base), query);
        let url = url.map_err(|_| SlackError::AppRejected("SLACK_API_URL: invalid URL".into()))?;
        self.send_web_api(method, self.http.get(url)).await
    }

    /// Calls a reading method whose arguments are too long for a URL, once.
    pub(super) async fn read_form(
        &self,
        method: &str,
        form: &[(&str, &str)],
    ) -> Result<Map<String, Value>, SlackError> {
        let url = reqwest::Url::parse_with_params(&format!("{}/{method}", self.base), form);
        let mut url = url.map_err(|_| SlackError::AppRejected("SLACK_API_URL: invalid URL".into()))?;
        let encoded = url.query().unwrap_or_default().to_owned();
        url.set_query(None);
        let request = self.http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(encoded);
        self.send_web_api(method, request).await.map(|response| response.body)
    }

    pub(super) async fn call_post(&self, method: &str, arguments: &Value) -> Result<Map<String, Value>, SlackError> {
        let request = json_body(self.http.post(format!("{}/{method}", self.base)), arguments);
        self.send_web_api(method, request).await.map(|response| response.body)
    }

    async fn send_web_api(&self, method: &str, request: RequestBuilder) -> Result<ApiResponse, SlackError> {
        let token = self.token.as_ref().ok_or_else(|| SlackError::AppRejected("SLACK_BOT_TOKEN is not set".into()))?;
        let received = send_and_read(request.bearer_auth(token.expose_secret())).await;
        let result = received
            .and_then(|r| Ok(ApiResponse { body: errors::classify_web_api(&r.as_response())?, scopes: r.scopes }));
        self.record_request(method, result)
    }

    pub(super) async fn send_webhook(&self, url: &SecretString, message: &Value) -> Result<(), SlackError> {
        let received = send_and_read(json_body(self.http.post(url.expose_secret()), message)).await;
        self.record_request("webhook", received.and_then(|r| errors::classify_webhook(&r.as_response())))
    }

    fn record_request<T>(&self, operation: &str, result: Result<T, Rejection>) -> Result<T, SlackError> {
        let code = result.as_ref().map_or_else(|refusal| refusal.code.as_str(), |_| "ok");
        self.requests.increment(Service::Slack, operation, code);
        if let Err(refusal) = &result {
            tracing::debug!(operation, code, error = %refusal.error, "Slack request failed");
        }
        result.map_err(|refusal| refusal.error)
    }

    /// Sends a message without content to a webhook. A working webhook rejects it because of the missing content.
    pub(super) async fn probe_webhook(&self, url: &SecretString) -> Result<(), SlackError> {
        self.send_webhook(url, &json!({})).await
    }
}

/// The token of the next page in a response, if there is one.
pub(super) fn next_cursor(body: &Map<String, Value>) -> Option<String> {
    body.get("response_metadata")?.get("next_cursor")?.as_str().map(str::to_owned)
}

/// Logs the cause before a retry, because the run may end while it waits.
fn log_first_retry(method: &str, failed: u32, failure: &SlackError) {
    if failed == 1 {
        tracing::warn!(operation = method, error = %failure, "Slack request failed; retrying");
    }
}

#[cfg(test)]
mod tests;
