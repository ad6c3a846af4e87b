//! The clients, with scripted connections.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use guardduty_slack_support::server::{Outcome, Reply, Server};

use super::*;

fn with(proxies: &[(&str, &str)]) -> reqwest::Client {
    within(Duration::from_secs(30), proxies)
}

fn within(total: Duration, proxies: &[(&str, &str)]) -> reqwest::Client {
    install_crypto_provider();
    let proxies =
        ProxySettings::from_env(|name| proxies.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string())).unwrap();
    let timeouts = Timeouts { total, ..Timeouts::default() };
    build_client(TrustRoots::load(CERT_FILE, None).unwrap().config(), &proxies, &Resolver::of_system(), timeouts)
        .unwrap()
}

async fn failure(client: &reqwest::Client, url: String) -> reqwest::Error {
    let read = async { client.post(url).body("x").send().await?.text().await };
    read.await.unwrap_err()
}

/// A proxy that refuses every request, and the requests that it received.
fn refusing_proxy() -> (Server, Arc<Mutex<Vec<String>>>) {
    let received = Arc::new(Mutex::new(Vec::new()));
    let log = received.clone();
    let proxy = Server::start(move |request, _| {
        log.lock().unwrap().push(format!("{} {}", request.method, request.target));
        Outcome::Reply(Reply::text(403, "text/plain", ""))
    });
    (proxy, received)
}

#[tokio::test]
async fn a_refused_connection_is_certainly_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let error = failure(&with(&[]), format!("http://{free}/secret")).await;
    assert!(was_not_sent(&error));
    assert!(!error_chain(error).contains("secret"));
}

#[tokio::test]
async fn reset_end_timeout_and_truncated_body_leave_the_outcome_unknown() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/reset" => Outcome::Reset,
        "/end" => Outcome::Bytes(Vec::new()),
        "/hang" => Outcome::Hang,
        _ => Outcome::Cut(Reply::text(200, "application/json", r#"{"ok":true}"#)),
    });
    for (path, total) in [("reset", 30_000), ("end", 30_000), ("hang", 200), ("cut", 30_000)] {
        let client = within(Duration::from_millis(total), &[]);
        let error = failure(&client, format!("{}/{path}", server.url())).await;
        assert!(!was_not_sent(&error), "{path}: {error:?}");
    }
}

#[tokio::test]
async fn a_proxy_is_asked_but_never_for_loopback() {
    let (proxy, received) = refusing_proxy();
    let client = with(&[("HTTPS_PROXY", &proxy.url()), ("ALL_PROXY", "http://127.0.0.1:9")]);
    let error = failure(&client, "https://slack.example/".into()).await;
    assert!(was_not_sent(&error), "a proxy that refuses: nothing was sent");
    assert_eq!(*received.lock().unwrap(), ["CONNECT slack.example:443"]);

    let direct = Server::start(|_, _| Outcome::Reply(Reply::text(200, "text/plain", "ok")));
    assert_eq!(client.get(direct.url()).send().await.unwrap().text().await.unwrap(), "ok");
}

/// The HTTP client of the SDK as in a run, with short timeouts.
fn sts(endpoint: String, env: &[(&str, &str)]) -> aws_sdk_sts::Client {
    install_crypto_provider();
    let proxies =
        ProxySettings::from_env(|name| env.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string())).unwrap();
    let http =
        aws::AwsHttpClient::new(&TrustRoots::load(CERT_FILE, None).unwrap(), &proxies, &Resolver::of_system()).unwrap();
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(aws_sdk_sts::config::Region::new("eu-west-1"))
        .credentials_provider(aws_sdk_sts::config::Credentials::new("AKIA", "secret", None, None, "test"))
        .retry_config(aws_sdk_sts::config::retry::RetryConfig::disabled())
        .endpoint_url(endpoint)
        .http_client(SharedHttpClient::new(http));
    aws_sdk_sts::Client::from_conf(config.build())
}

#[tokio::test]
async fn the_aws_client_asks_the_proxy_but_never_for_loopback() {
    let (proxy, received) = refusing_proxy();
    let through_proxy = sts("https://sts.example".into(), &[("HTTPS_PROXY", &proxy.url())]);
    let refused = through_proxy.get_caller_identity().send().await.unwrap_err();
    assert!(refused.as_service_error().is_none(), "{refused:?}");
    assert_eq!(*received.lock().unwrap(), ["CONNECT sts.example:443"]);

    let body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let direct = Server::start(move |_, _| Outcome::Reply(Reply::text(200, "text/xml", body)));
    let unreachable = [("HTTPS_PROXY", "http://127.0.0.1:9"), ("HTTP_PROXY", "http://127.0.0.1:9")];
    let known = sts(direct.url(), &unreachable).get_caller_identity().send().await.unwrap();
    assert_eq!(known.account(), Some("111122223333"));
}
