//! A client for the Kubernetes API in a Pod: `get` and `patch` of one ConfigMap, with the ServiceAccount of the Pod.
//!
//! The kubelet rotates the token, and a cluster its CA: both files are read for each request. The API is never reached
//! through a proxy, and only the cluster's own CA is trusted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::text::truncate;
use crate::time::Timestamp;
use crate::{http, retry};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum time for one request, from the connection to the last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const FIELD_MANAGER: &str = "guardduty-slack";
/// Maximum length, in UTF-16 units, of what an error quotes of a message.
const MAX_QUOTED: usize = 500;

/// The parts of a ConfigMap that the state needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigMap {
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub data: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub binary_data: Option<BTreeMap<String, Value>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(default)]
    pub resource_version: String,
}

/// Reason why a request failed.
#[derive(Debug)]
pub(super) enum RequestError {
    /// The program does not run in a Pod, or a file of the ServiceAccount cannot be used. A retry cannot help.
    Setup(String),
    /// The API server rejected the request.
    Rejected { status: u16, message: String, retry_after: Option<Duration> },
    /// No response, or an unreadable one. The request may have taken effect.
    Unanswered(String),
}

impl RequestError {
    /// Returns true if the same request may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Setup(_) => false,
            Self::Unanswered(_) => true,
            Self::Rejected { status, .. } => {
                matches!(retry::classify_status(*status), retry::StatusClass::RateLimited | retry::StatusClass::Unknown)
            }
        }
    }

    /// Delay that the server requested.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected { retry_after, .. } => *retry_after,
            Self::Setup(_) | Self::Unanswered(_) => None,
        }
    }

    /// Code of the metric `api_requests_total`.
    pub(super) fn code(&self) -> String {
        match self {
            Self::Rejected { status, .. } => status.to_string(),
            Self::Setup(_) | Self::Unanswered(_) => "error".to_owned(),
        }
    }
}

/// Body of an error of the API server (`kind: Status`).
#[derive(Deserialize)]
struct Status {
    message: String,
}

/// Whether a patch takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Write,
    /// The server checks permission and admission, and does not write.
    DryRun,
}

/// Client in the name of the Pod's ServiceAccount.
pub(super) struct Client {
    server: Option<String>,
    /// Directory with `token`, `ca.crt` and `namespace`.
    account: PathBuf,
    /// The HTTP client and the CA that it trusts.
    http: RefCell<Option<(Vec<u8>, reqwest::Client)>>,
}

impl Client {
    /// `variable` looks up `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`, which the kubelet sets in every
    /// Pod.
    pub(super) fn new(account: &Path, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let server = set("KUBERNETES_SERVICE_HOST")
            .map(|host| server_url(&host, set("KUBERNETES_SERVICE_PORT").as_deref().unwrap_or("443")));
        Self { server, account: account.to_owned(), http: RefCell::default() }
    }

    /// Namespace of the Pod, if it is known.
    pub(super) fn namespace(&self) -> Option<String> {
        self.read_text("namespace").ok()
    }

    pub(super) async fn get(&self, name: &str) -> Result<ConfigMap, RequestError> {
        let (http, url) = self.prepare(name)?;
        self.send(http.get(url)).await
    }

    /// Applies a JSON merge patch. With a `metadata.resourceVersion` in it, the server responds with 409 if the ConfigMap
    /// has another version.
    pub(super) async fn patch(&self, name: &str, patch: &Value, effect: Effect) -> Result<ConfigMap, RequestError> {
        let (http, url) = self.prepare(name)?;
        let dry_run = match effect {
            Effect::Write => "",
            Effect::DryRun => "&dryRun=All",
        };
        let request = http
            .patch(format!("{url}?fieldManager={FIELD_MANAGER}{dry_run}"))
            .header("content-type", "application/merge-patch+json")
            .body(patch.to_string());
        self.send(request).await
    }

    fn prepare(&self, name: &str) -> Result<(reqwest::Client, String), RequestError> {
        let Some(server) = &self.server else {
            let why = "KUBERNETES_SERVICE_HOST is not set: the program does not run in a Pod";
            return Err(RequestError::Setup(why.into()));
        };
        let namespace = self.read_text("namespace")?;
        Ok((self.http()?, format!("{server}/api/v1/namespaces/{namespace}/configmaps/{name}")))
    }

    /// The HTTP client for the CA as it is now.
    fn http(&self) -> Result<reqwest::Client, RequestError> {
        let ca = self.read_file("ca.crt")?;
        if let Some((trusted, http)) = &*self.http.borrow()
            && *trusted == ca
        {
            return Ok(http.clone());
        }
        let timeouts = http::Timeouts { connect: CONNECT_TIMEOUT, total: REQUEST_TIMEOUT };
        let http = http::cluster_client(&ca, timeouts)
            .map_err(|error| RequestError::Setup(format!("cannot use {}: {error}", self.path("ca.crt").display())))?;
        *self.http.borrow_mut() = Some((ca, http.clone()));
        Ok(http)
    }

    async fn send(&self, request: RequestBuilder) -> Result<ConfigMap, RequestError> {
        let token = self.read_text("token")?;
        let answer = request.bearer_auth(token).header("accept", "application/json").send().await;
        let answer = answer.map_err(|error| self.unanswered(error))?;
        let (status, retry_after) = (answer.status(), retry_after(&answer));
        let body = answer.bytes().await.map_err(|error| self.unanswered(error))?;
        if !status.is_success() {
            return Err(RequestError::Rejected { status: status.as_u16(), message: message_of(&body), retry_after });
        }
        serde_json::from_slice(&body)
            .map_err(|error| RequestError::Unanswered(format!("the Kubernetes API sent no ConfigMap: {error}")))
    }

    fn unanswered(&self, error: reqwest::Error) -> RequestError {
        let server = self.server.as_deref().unwrap_or_default();
        RequestError::Unanswered(format!("no answer from the Kubernetes API at {server}: {}", http::error_chain(error)))
    }

    fn path(&self, file: &str) -> PathBuf {
        self.account.join(file)
    }

    fn read_file(&self, file: &str) -> Result<Vec<u8>, RequestError> {
        let path = self.path(file);
        std::fs::read(&path).map_err(|error| RequestError::Setup(format!("cannot read {}: {error}", path.display())))
    }

    fn read_text(&self, file: &str) -> Result<String, RequestError> {
        let text = String::from_utf8_lossy(&self.read_file(file)?).trim().to_owned();
        if text.is_empty() {
            return Err(RequestError::Setup(format!("{} is empty", self.path(file).display())));
        }
        Ok(text)
    }
}

/// An IPv6 address is in brackets.
fn server_url(host: &str, port: &str) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("https://[{host}]:{port}"),
        false => format!("https://{host}:{port}"),
    }
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let header = answer.headers().get("retry-after")?.to_str().ok()?;
    retry::parse_retry_after(header, Timestamp::from_system_clock())
}

/// The message of a `Status`, or the beginning of what an intermediary sent.
fn message_of(body: &[u8]) -> String {
    let message = match serde_json::from_slice::<Status>(body) {
        Ok(status) => status.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    truncate(message.trim(), MAX_QUOTED)
}

#[cfg(test)]
mod tests;
