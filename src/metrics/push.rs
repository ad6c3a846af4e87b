//! Pushes metrics to a Pushgateway. A failure is only a warning, and a push takes at most 5 s.

use std::time::Duration;

use reqwest::{Method, Url};
use secrecy::ExposeSecret;

use super::render::render;
use super::snapshot::RunMetrics;
use crate::config::PushgatewayConfig;
use crate::http;
use crate::text::truncate;

/// Maximum time by which a push delays the end of a run.
const PUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The reason why a push failed. It contains neither the URL nor the credentials.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("PUSHGATEWAY_URL: push timed out after 5 s")]
    Timeout,
    #[error("PUSHGATEWAY_URL: Pushgateway rejected the metrics with status {status}: {text}")]
    Rejected { status: u16, text: String },
    #[error("PUSHGATEWAY_URL: cannot reach the Pushgateway: {0}")]
    Unreachable(String),
    #[error("PUSHGATEWAY_URL: invalid base URL")]
    Url,
}

/// Pushes a snapshot into the group of this job and these labels.
pub async fn push(
    gateway: &PushgatewayConfig,
    snapshot: &RunMetrics,
    client: &reqwest::Client,
) -> Result<(), PushError> {
    let request = client
        .request(push_method(snapshot), group_url(gateway).ok_or(PushError::Url)?)
        .header(reqwest::header::CONTENT_TYPE, prometheus::TEXT_FORMAT)
        .body(render(snapshot));
    tokio::time::timeout(PUSH_TIMEOUT, send_push(with_auth(request, gateway))).await.unwrap_or(Err(PushError::Timeout))
}

/// Adds the user name and the password, if they are configured.
pub fn with_auth(request: reqwest::RequestBuilder, gateway: &PushgatewayConfig) -> reqwest::RequestBuilder {
    match &gateway.auth {
        Some(auth) => request.basic_auth(&auth.username, Some(auth.password.expose_secret())),
        None => request,
    }
}

async fn send_push(request: reqwest::RequestBuilder) -> Result<(), PushError> {
    let answer = request.send().await.map_err(|e| PushError::Unreachable(http::error_chain(e)))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let text = answer.text().await.unwrap_or_default();
    Err(PushError::Rejected { status: status.as_u16(), text: truncate(text.trim(), 300) })
}

/// PUT replaces the whole group; POST replaces only the metrics with the same names. See README of the Pushgateway, “API”.
/// PUT also removes metrics that are no longer reported, so it is for a run that reports all metrics. Other runs must not
/// change the counters and the time of the last success.
fn push_method(snapshot: &RunMetrics) -> Method {
    let everything = snapshot.counters.is_some() && snapshot.last_success.is_some() && snapshot.state_bytes.is_some();
    if everything { Method::PUT } else { Method::POST }
}

/// `…/metrics/job/JOB/LABEL/VALUE…`
fn group_url(gateway: &PushgatewayConfig) -> Option<Url> {
    let mut url = Url::parse(&gateway.url).ok()?;
    {
        let mut path = url.path_segments_mut().ok()?;
        path.pop_if_empty().push("metrics");
        let job = std::iter::once(("job", gateway.job.as_str()));
        for (name, value) in job.chain(gateway.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()))) {
            let (name, value) = label_segments(name, value);
            path.push(&name).push(&value);
        }
    }
    Some(url)
}

/// A value that a path cannot contain is encoded as URL-safe base64, and an empty value as `=` (same source). `.` and `..`
/// are encoded, too, because proxies remove them from paths.
fn label_segments(name: &str, value: &str) -> (String, String) {
    match value {
        "" => (format!("{name}@base64"), "=".into()),
        _ if value.contains('/') || value == "." || value == ".." => {
            let encoded = aws_smithy_types::base64::encode(value).replace('+', "-").replace('/', "_");
            (format!("{name}@base64"), encoded.trim_end_matches('=').to_owned())
        }
        _ => (name.to_owned(), value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use guardduty_slack_support::server::{Outcome, Reply, Server};

    use super::*;
    use crate::config::BasicAuth;
    use crate::metrics::render::tests::full;

    fn gateway(url: &str, labels: &[(&str, &str)]) -> PushgatewayConfig {
        let labels: BTreeMap<String, String> = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let auth = BasicAuth { username: "pusher".into(), password: "s3cret".into() };
        PushgatewayConfig { url: url.into(), job: "guardduty-slack".into(), labels, auth: Some(auth) }
    }

    fn client() -> reqwest::Client {
        http::install_crypto_provider();
        reqwest::Client::builder().no_proxy().build().unwrap()
    }

    type Seen = Arc<Mutex<Vec<String>>>;

    /// A gateway that records requests and answers with this status.
    fn listening(status: u16) -> (Server, Seen) {
        let seen = Seen::default();
        let journal = seen.clone();
        let server = Server::start(move |request, _| {
            let entry = format!("{} {} {}", request.method, request.path, request.header("authorization"));
            journal.lock().unwrap().push(entry);
            Outcome::Reply(Reply::text(status, "text/plain", "as the gateway explains\n"))
        });
        (server, seen)
    }

    #[tokio::test]
    async fn complete_snapshot_replaces_its_metric_group() {
        let (server, seen) = listening(200);
        push(&gateway(&server.url(), &[("cluster", "blue"), ("env", "test")]), &full(), &client()).await.unwrap();
        let path = "/metrics/job/guardduty-slack/cluster/blue/env/test";
        assert_eq!(*seen.lock().unwrap(), [format!("PUT {path} Basic cHVzaGVyOnMzY3JldA==")]);
    }

    #[test]
    fn partial_snapshot_keeps_other_metrics_of_its_group() {
        let full = full();
        assert_eq!(push_method(&full), Method::PUT);
        assert_eq!(push_method(&RunMetrics { success: false, ..full.clone() }), Method::PUT);
        assert_eq!(push_method(&RunMetrics { counters: None, ..full.clone() }), Method::POST);
        assert_eq!(push_method(&RunMetrics { last_success: None, ..full }), Method::POST);
    }

    #[test]
    fn label_values_that_no_path_can_carry_are_encoded() {
        let path = |value: &str| {
            let mut gateway = gateway("http://g/prefix", &[("k", value)]);
            gateway.job = "j".into();
            group_url(&gateway).unwrap().path().to_owned()
        };
        assert_eq!(path("a/b?"), "/prefix/metrics/job/j/k@base64/YS9iPw");
        assert_eq!(path("?>/"), "/prefix/metrics/job/j/k@base64/Pz4v");
        assert_eq!(path(""), "/prefix/metrics/job/j/k@base64/=");
        assert_eq!(path(".."), "/prefix/metrics/job/j/k@base64/Li4");
        assert_eq!(path("a b?ü%"), "/prefix/metrics/job/j/k/a%20b%3F%C3%BC%25");
    }

    #[tokio::test]
    async fn rejection_is_reported_with_the_response_body_and_without_the_url() {
        let (server, _) = listening(400);
        let error = push(&gateway(&server.url(), &[]), &full(), &client()).await.unwrap_err().to_string();
        insta::assert_snapshot!(error, @"PUSHGATEWAY_URL: Pushgateway rejected the metrics with status 400: as the gateway explains");
    }

    #[tokio::test]
    async fn an_unreachable_gateway_is_named_by_host_with_the_cause() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/s3cret-path", listener.local_addr().unwrap());
        drop(listener);
        let error = push(&gateway(&url, &[]), &full(), &client()).await.unwrap_err().to_string();
        assert!(error.contains("refused") && error.contains("127.0.0.1") && !error.contains("s3cret"), "{error}");
    }

    #[tokio::test]
    async fn push_times_out_after_5_seconds() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        let error = push(&gateway(&url, &[]), &full(), &client()).await.unwrap_err();
        assert!(matches!(error, PushError::Timeout) && began.elapsed() <= Duration::from_millis(5_001), "{error}");
    }

    #[tokio::test]
    async fn no_error_shows_the_credentials() {
        let (server, _) = listening(401);
        for url in [server.url().as_str(), "http://127.0.0.1:1", "no url"] {
            let error = push(&gateway(url, &[]), &full(), &client()).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("s3cret") && !shown.contains("cHVzaGVyOnMzY3JldA"), "{shown}");
        }
    }

    #[tokio::test]
    #[ignore = "needs prometheus-pushgateway"]
    async fn pushgateway_keeps_metrics_that_a_partial_push_omits() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("--web.listen-address=127.0.0.1:{port}");
        let mut real =
            std::process::Command::new("prometheus-pushgateway").args([&listen, "--log.level=error"]).spawn().unwrap();
        let labels = [("cluster", "a/b"), ("odd", ". ?%ü+"), ("dots", "..")];
        let (gateway, http) = (gateway(&format!("http://127.0.0.1:{port}"), &labels), client());
        let mut tries = 0..200;
        while push(&gateway, &full(), &http).await.is_err() && tries.next().is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let poorer = RunMetrics { success: false, counters: None, last_success: None, ..full() };
        push(&gateway, &poorer, &http).await.unwrap();
        let text = http.get(format!("{}/metrics", gateway.url)).send().await.unwrap().text().await.unwrap();
        real.kill().unwrap();
        real.wait().unwrap();
        let group = r#"cluster="a/b",dots="..",instance="",job="guardduty-slack",odd=". ?%ü+""#;
        for sample in [
            format!("guardduty_slack_run_success{{{group}}} 0"),
            format!("guardduty_slack_last_success_timestamp_seconds{{{group}}} 1.764e+09"),
        ] {
            assert!(text.contains(&sample), "{sample} is not in\n{text}");
        }
        assert!(text.contains("guardduty_slack_notifications_total{channel=\"#sec\""), "{text}");
    }
}
