//! Sends a request to Slack and reads the complete response.

use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::SlackError;
use super::errors::{Rejection, SlackResponse};
use crate::http;
use crate::retry::http_date;
use crate::time::Timestamp;

/// Maximum number of bytes of a response that are read: more than a page of history, less than the memory of the Pod.
const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

/// The body of a complete response, and its headers.
pub(super) struct RawResponse {
    status: u16,
    retry_after: Option<String>,
    received_at: Timestamp,
    pub(super) scopes: Option<Vec<String>>,
    body: String,
}

impl RawResponse {
    pub(super) fn as_response(&self) -> SlackResponse<'_> {
        SlackResponse {
            status: self.status,
            retry_after: self.retry_after.as_deref(),
            received_at: self.received_at,
            body: &self.body,
        }
    }
}

/// Sets the charset, because Slack warns about JSON without one.
pub(super) fn json_body(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/json; charset=utf-8").body(body.to_string())
}

pub(super) async fn send_and_read(request: RequestBuilder) -> Result<RawResponse, Rejection> {
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
    Ok(RawResponse {
        status,
        retry_after: header_text(&headers, RETRY_AFTER.as_str()),
        received_at: header_text(&headers, DATE.as_str())
            .and_then(|date| http_date(&date))
            .unwrap_or_else(Timestamp::from_system_clock),
        scopes: header_text(&headers, "x-oauth-scopes")
            .map(|scopes| split_scopes(&scopes))
            .filter(|scopes| !scopes.is_empty()),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn split_scopes(scopes: &str) -> Vec<String> {
    scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
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
