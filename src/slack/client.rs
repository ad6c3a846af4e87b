//! The HTTP client of Slack: each call is one request, whose response is classified and counted.

use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::errors::{self, Rejection, SlackResponse};
use super::{
    BotMessage, HistoryError, MessageRef, Posted, Reaction, ReactionAccess, RecentReactions, SentMessage, SlackApi,
    SlackError, Target, WebhookMessage, history,
};
use crate::config::SlackAuth;
use crate::http;
use crate::message::Message;
use crate::metrics::{RequestCounts, Service};
use crate::retry::{RetryPolicy, http_date, jitter};
use crate::time::Timestamp;
use crate::user::UserId;

/// Timeout of a reading call for retries after rate limiting and failures, for all its pages together.
const READ_RETRY_BUDGET: Duration = Duration::from_secs(90);
const READ_RETRY: RetryPolicy =
    RetryPolicy { initial: Duration::from_millis(500), max: Duration::from_secs(10), max_attempts: 6 };

/// Maximum number of bytes of a response that are read: more than a page of history, less than the memory of the Pod.
const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

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

/// The identity of the token, as `auth.test` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotIdentity {
    /// Absent if the token is not that of a bot.
    pub bot_id: Option<String>,
    /// The address of the workspace with a trailing slash: `https://example.slack.com/`.
    pub url: String,
    pub team: String,
    pub user: String,
    /// Absent if Slack does not return it.
    pub user_id: Option<UserId>,
    /// The header `x-oauth-scopes`; empty if Slack does not send it.
    pub scopes: Vec<String>,
}

impl BotIdentity {
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|s| s == scope)
    }
}

struct ApiResponse {
    body: Map<String, Value>,
    scopes: Vec<String>,
}

/// The body of a complete response, and its headers.
struct RawResponse {
    status: u16,
    retry_after: Option<String>,
    received_at: Timestamp,
    scopes: Vec<String>,
    body: String,
}

impl RawResponse {
    fn as_response(&self) -> SlackResponse<'_> {
        SlackResponse {
            status: self.status,
            retry_after: self.retry_after.as_deref(),
            received_at: self.received_at,
            body: &self.body,
        }
    }
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
                url: text("url").unwrap_or_default(),
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

    async fn call_post(&self, method: &str, arguments: &Value) -> Result<Map<String, Value>, SlackError> {
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

    async fn send_webhook(&self, url: &SecretString, message: &Value) -> Result<(), SlackError> {
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

impl SlackApi for Client {
    /// The link to a message. `None` without a bot token, or if Slack does not return the address of the workspace.
    async fn permalink(&self, at: &MessageRef) -> Option<String> {
        let url = &self.identity().await.ok()?.url;
        let epoch = at.ts.replace('.', "");
        let thread =
            at.thread_ts.as_ref().map(|thread| format!("?thread_ts={thread}&cid={}", at.channel)).unwrap_or_default();
        url.starts_with("http")
            .then(|| format!("{}/archives/{}/p{epoch}{thread}", url.trim_end_matches('/'), at.channel))
    }

    async fn post_message(
        &self,
        to: &Target,
        message: &Message,
        thread: Option<(&str, bool)>,
    ) -> Result<Posted, SlackError> {
        let mut arguments = message.payload();
        let channel = match to {
            Target::Channel(channel) => channel,
            Target::Webhook { name, url } => {
                let done = self.send_webhook(url, &arguments).await;
                let at = SentMessage::Webhook(WebhookMessage { variable: name.clone() });
                return done.map(|()| Posted { at });
            }
        };
        arguments["channel"] = channel.as_str().into();
        if let Some((ts, broadcast)) = thread {
            arguments["thread_ts"] = ts.into();
            arguments["reply_broadcast"] = broadcast.into();
        }
        let body = self.call_post("chat.postMessage", &arguments).await?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        match (text("channel"), text("ts")) {
            (Some(channel), Some(ts)) => {
                let thread_ts = thread.map(|(ts, _)| ts.into());
                Ok(Posted { at: MessageRef { channel: channel.into(), ts: ts.into(), thread_ts }.into() })
            }
            _ => Err(SlackError::OutcomeUnknown("posted, but the response lacks channel or timestamp".into())),
        }
    }

    async fn update_message(&self, at: &MessageRef, message: &Message) -> Result<(), SlackError> {
        let mut arguments = message.content();
        arguments["channel"] = at.channel.as_str().into();
        arguments["ts"] = at.ts.as_str().into();
        // By default, chat.update parses text like a client and creates links and mentions.
        arguments["parse"] = "none".into();
        // Slack keeps omitted arguments. Blocks of the previous form would stay next to the text that replaces them.
        for part in ["blocks", "attachments"] {
            if arguments[part].is_null() {
                arguments[part] = json!([]);
            }
        }
        self.call_post("chat.update", &arguments).await.map(drop)
    }

    async fn history(&self, channel_id: &str, oldest: Timestamp) -> Result<Vec<BotMessage>, HistoryError> {
        history::read_own_messages(self, "conversations.history", &[("channel", channel_id)], oldest).await
    }

    async fn replies(
        &self,
        channel_id: &str,
        thread_ts: &str,
        oldest: Timestamp,
    ) -> Result<Vec<BotMessage>, HistoryError> {
        history::read_own_messages(self, "conversations.replies", &[("channel", channel_id), ("ts", thread_ts)], oldest)
            .await
    }

    async fn reaction_access(&self) -> Result<ReactionAccess, SlackError> {
        self.read_access().await
    }

    async fn recent_reactions(
        &self,
        channel_id: &str,
        oldest: &str,
        pages: usize,
    ) -> Result<(RecentReactions, usize), SlackError> {
        self.read_recent(channel_id, oldest, pages).await
    }

    async fn reactions(&self, at: &MessageRef) -> Result<Vec<Reaction>, SlackError> {
        self.read_reactions(at).await
    }

    async fn is_bot(&self, user: &UserId) -> Result<bool, SlackError> {
        self.read_is_bot(user).await
    }
}

/// Sets the charset, because Slack warns about JSON without one.
fn json_body(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/json; charset=utf-8").body(body.to_string())
}

async fn send_and_read(request: RequestBuilder) -> Result<RawResponse, Rejection> {
    let mut response = request.send().await.map_err(transport_error)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(transport_error)? {
        if body.len() + part.len() > MAX_RESPONSE_BYTES {
            let failure = SlackError::OutcomeUnknown("response too large".into());
            return Err(Rejection { error: failure, code: "unreadable".into() });
        }
        body.extend_from_slice(&part);
    }
    let scopes = header_text(&headers, "x-oauth-scopes").unwrap_or_default();
    Ok(RawResponse {
        status,
        retry_after: header_text(&headers, RETRY_AFTER.as_str()),
        received_at: header_text(&headers, DATE.as_str())
            .and_then(|date| http_date(&date))
            .unwrap_or_else(Timestamp::from_system_clock),
        scopes: scopes.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The error of a missing or incomplete response.
fn transport_error(error: reqwest::Error) -> Rejection {
    let code = if error.is_timeout() { "timeout" } else { "network" };
    let failure = if http::was_not_sent(&error) { SlackError::NotSent } else { SlackError::OutcomeUnknown };
    Rejection { error: failure(http::error_chain(error)), code: code.into() }
}
