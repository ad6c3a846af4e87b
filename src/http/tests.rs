//! The clients, with scripted connections.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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

/// Serves one connection with scripted responses.
async fn serve<F: Future<Output = ()> + 'static>(then: impl FnOnce(TcpStream, String) -> F + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let n = stream.read(&mut head).await.unwrap();
        then(stream, String::from_utf8_lossy(&head[..n]).into_owned()).await;
    });
    address
}

async fn failure(client: &reqwest::Client, url: String) -> reqwest::Error {
    let read = async { client.post(url).body("x").send().await?.text().await };
    read.await.unwrap_err()
}

async fn local<T>(test: impl Future<Output = T>) -> T {
    tokio::task::LocalSet::new().run_until(test).await
}

#[tokio::test]
async fn a_refused_connection_is_certainly_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let error = failure(&with(&[]), format!("http://{free}/secret")).await;
    assert!(was_not_sent(&error));
    assert!(!error_chain(error).contains("secret"));
}

#[tokio::test]
async fn reset_timeout_and_truncated_body_leave_the_outcome_unknown() {
    local(async {
        let reset = serve(|stream, _| async move { drop(stream) }).await;
        let hanging = serve(|stream, _| async move {
            let _open = stream;
            std::future::pending::<()>().await;
        })
        .await;
        let cut = serve(|mut stream, _| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"ok").await.unwrap();
        })
        .await;
        for (address, total) in [(reset, 30_000), (hanging, 200), (cut, 30_000)] {
            let client = within(Duration::from_millis(total), &[]);
            assert!(!was_not_sent(&failure(&client, format!("http://{address}/")).await));
        }
    })
    .await;
}

#[tokio::test]
async fn a_proxy_is_asked_but_never_for_loopback() {
    local(async {
        let proxy = serve(|mut stream, head| async move {
            assert!(head.starts_with("CONNECT slack.example:443"), "{head}");
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.unwrap();
        })
        .await;
        let client = with(&[("HTTPS_PROXY", &format!("http://{proxy}")), ("ALL_PROXY", "http://127.0.0.1:9")]);
        let error = failure(&client, "https://slack.example/".into()).await;
        assert!(was_not_sent(&error), "a proxy that refuses: nothing was sent");

        let direct = serve(|mut stream, _| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        })
        .await;
        assert_eq!(client.get(format!("http://{direct}/")).send().await.unwrap().text().await.unwrap(), "ok");
    })
    .await;
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
    local(async {
        let proxy = serve(|mut stream, head| async move {
            assert!(head.starts_with("CONNECT sts.example:443"), "{head}");
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.unwrap();
        })
        .await;
        let env = [("HTTPS_PROXY", format!("http://{proxy}"))];
        let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let refused = sts("https://sts.example".into(), &env).get_caller_identity().send().await.unwrap_err();
        assert!(refused.as_service_error().is_none(), "{refused:?}");

        let direct = serve(|mut stream, _| async move {
            let body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
        })
        .await;
        let unreachable = [("HTTPS_PROXY", "http://127.0.0.1:9"), ("HTTP_PROXY", "http://127.0.0.1:9")];
        let known = sts(format!("http://{direct}"), &unreachable).get_caller_identity().send().await.unwrap();
        assert_eq!(known.account(), Some("111122223333"));
    })
    .await;
}
