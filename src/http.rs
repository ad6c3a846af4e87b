//! Builds all HTTP clients, with the same trusted certificates, proxies and cryptography.
//!
//! - There is one TLS stack, rustls with ring. With a second provider in the dependency graph, the first use of TLS would
//!   panic.
//! - Trusted certificates are the built-in roots of Mozilla. The bundle in `SSL_CERT_FILE` replaces them. For AWS, the
//!   bundle in `AWS_CA_BUNDLE` replaces both.
//! - Proxies are read from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (or in lowercase). Loopback and the
//!   credentials endpoints of Pods and instances are never called through a proxy.
//! - [`dns`] resolves names for all clients.
//! - Redirects are not followed: a POST would become a GET, and the services do not redirect.

mod aws;
mod dns;
mod proxy;
mod roots;

pub use aws::Unreachable;
pub use dns::ResolveError;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rustls::crypto::ring;

use dns::Resolver;
use proxy::ProxySettings;
use roots::TrustRoots;

/// The reason why no client can be built: the environment is invalid, and a retry does not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// A bundle of certificates that cannot be used.
    Roots {
        variable: &'static str,
        file: String,
        why: String,
    },
    /// The value is not shown, because it may contain a password.
    Proxy {
        variable: &'static str,
    },
    Client(String),
}

impl HttpError {
    /// The invalid variable.
    pub fn variable(&self) -> &'static str {
        match self {
            HttpError::Roots { variable, .. } | HttpError::Proxy { variable } => variable,
            HttpError::Client(_) => "HTTP client",
        }
    }

    pub fn problem(&self) -> String {
        match self {
            HttpError::Roots { file, why, .. } => {
                format!("{file} {why}; name a file of PEM certificates, or unset it for the built-in roots")
            }
            HttpError::Proxy { .. } => "invalid proxy URL (not shown): expected http://host:port".into(),
            HttpError::Client(why) => format!("cannot be built: {why}"),
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable(), self.problem())
    }
}

impl std::error::Error for HttpError {}

/// Timeouts of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For name resolution, TCP, proxy and TLS together.
    pub connect: Duration,
    /// From the first byte sent to the last byte read.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(15) }
    }
}

/// Installs ring as the crypto provider of the process. Every function that builds a client calls it first.
pub fn install_crypto_provider() {
    // An error means that it is installed already: the dependency graph contains no other provider.
    let _ = ring::default_provider().install_default();
}

/// A client for JSON over HTTP: Slack, the Pushgateway.
pub fn client(timeouts: Timeouts) -> Result<reqwest::Client, HttpError> {
    let env = network_settings()?;
    build_client(env.roots.config(), &env.proxies, &env.resolver, timeouts)
}

/// The HTTP client of the AWS SDK. All SDK clients share it, and therefore its connections. `ca_bundle`: the only
/// certificates that calls to AWS trust.
pub fn aws_client(ca_bundle: Option<&str>) -> Result<SharedHttpClient, HttpError> {
    let env = network_settings()?;
    let client = match ca_bundle {
        Some(file) => aws::AwsHttpClient::new(&TrustRoots::load(CA_BUNDLE, Some(file))?, &env.proxies, &env.resolver),
        None => aws::AwsHttpClient::new(&env.roots, &env.proxies, &env.resolver),
    };
    Ok(SharedHttpClient::new(client?))
}

/// Returns every error in the settings of the clients.
pub fn problems(variable: impl Fn(&str) -> Option<String>, ca_bundle: Option<&str>) -> Vec<HttpError> {
    let bundles = [(CERT_FILE, variable(CERT_FILE)), (CA_BUNDLE, ca_bundle.map(str::to_owned))];
    let bundles = bundles.into_iter().filter_map(|(variable, file)| TrustRoots::load(variable, Some(&file?)).err());
    ProxySettings::from_env(variable).err().into_iter().chain(bundles).collect()
}

/// A client for the API server of the cluster. It trusts only `ca` (PEM) and uses no proxy.
pub fn cluster_client(ca: &[u8], timeouts: Timeouts) -> Result<reqwest::Client, HttpError> {
    install_crypto_provider();
    let roots = TrustRoots::from_pem(ca).map_err(HttpError::Client)?;
    build_client(roots.config(), &ProxySettings::none(), &network_settings()?.resolver, timeouts)
}

/// Returns true if the request was not sent, because no connection was made (name, TCP, proxy, TLS). The outcome of every
/// other failure (timeout, reset, truncated body) is unknown.
pub fn was_not_sent(error: &reqwest::Error) -> bool {
    error.is_builder() || error.is_connect()
}

/// The error on one line, with the host that was called, and without the URL, which may be a secret.
pub fn error_chain(error: reqwest::Error) -> String {
    let peer = error.url().and_then(peer_of);
    at_peer(peer.as_deref(), &error.without_url())
}

/// The error and the host where it occurred.
fn at_peer(peer: Option<&str>, error: &(dyn std::error::Error + 'static)) -> String {
    match peer {
        Some(peer) if links(error).any(|e| e.to_string() == CONNECT) => {
            format!("cannot connect to {peer}: {}", causes(error))
        }
        Some(peer) => format!("{peer}: {}", causes(error)),
        None => causes(error),
    }
}

fn peer_of(url: &reqwest::Url) -> Option<String> {
    let proxies = &network_settings().ok()?.proxies;
    Some(proxies.peer(&url.as_str().parse().ok()?))
}

/// The message of hyper for a failed connection.
const CONNECT: &str = "client error (Connect)";

/// Messages that libraries add to a cause, and that contain no information.
const WRAPPERS: [&str; 8] = [
    "builder error",
    CONNECT,
    "client error (SendRequest)",
    "dispatch failure",
    "dns error",
    "error sending request",
    "failed to perform DNS lookup",
    "tcp connect error",
];

/// The error and its sources.
pub fn links<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |e| (*e).source())
}

/// The chain of causes in one text. A text that only repeats the previous one is omitted.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in links(error).map(ToString::to_string) {
        let is_wrapper = WRAPPERS.contains(&text.as_str());
        if !is_wrapper && !texts.iter().any(|before| before.contains(&text)) {
            texts.push(text);
        }
    }
    if texts.is_empty() { error.to_string() } else { texts.join(": ") }
}

const CERT_FILE: &str = "SSL_CERT_FILE";
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

struct NetworkSettings {
    roots: TrustRoots,
    proxies: ProxySettings,
    resolver: Resolver,
}

/// Loaded once, because parsing the roots takes longer than a handshake.
fn network_settings() -> Result<&'static NetworkSettings, HttpError> {
    static READ: OnceLock<Result<NetworkSettings, HttpError>> = OnceLock::new();
    let read = || {
        install_crypto_provider();
        let variable = |name: &str| std::env::var(name).ok();
        let roots = TrustRoots::load(CERT_FILE, variable(CERT_FILE).as_deref())?;
        Ok(NetworkSettings { roots, proxies: ProxySettings::from_env(variable)?, resolver: Resolver::of_system() })
    };
    READ.get_or_init(read).as_ref().map_err(Clone::clone)
}

fn build_client(
    tls: Arc<rustls::ClientConfig>,
    proxies: &ProxySettings,
    resolver: &Resolver,
    timeouts: Timeouts,
) -> Result<reqwest::Client, HttpError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(Arc::unwrap_or_clone(tls))
        .user_agent(concat!("guardduty-slack/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .dns_resolver(resolver.clone())
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
        // Shorter than the timeout of any server: the outcome of a request on a connection that the server closes is unknown.
        .pool_idle_timeout(Duration::from_secs(20))
        .no_proxy();
    for proxy in proxies.for_reqwest()? {
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|e| HttpError::Client(error_chain(e)))
}

#[cfg(test)]
mod tests {
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
            ProxySettings::from_env(|name| proxies.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
                .unwrap();
        let timeouts = Timeouts { total, ..Timeouts::default() };
        build_client(TrustRoots::load(CERT_FILE, None).unwrap().config(), &proxies, &Resolver::of_system(), timeouts)
            .unwrap()
    }

    /// Serves one connection with scripted responses.
    async fn serve<F: Future<Output = ()> + 'static>(
        then: impl FnOnce(TcpStream, String) -> F + 'static,
    ) -> SocketAddr {
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
            aws::AwsHttpClient::new(&TrustRoots::load(CERT_FILE, None).unwrap(), &proxies, &Resolver::of_system())
                .unwrap();
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
}
