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
mod causes;
mod dns;
mod error;
mod proxy;
mod roots;

pub(crate) use aws::Unreachable;
pub(crate) use causes::{causes, error_chain, links, was_not_sent};
pub(crate) use dns::ResolveError;
pub(crate) use error::HttpError;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rustls::crypto::ring;

use dns::Resolver;
use proxy::ProxySettings;
use roots::TrustRoots;

/// Timeouts of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
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
pub(crate) fn install_crypto_provider() {
    // An error means that it is installed already: the dependency graph contains no other provider.
    let _ = ring::default_provider().install_default();
}

/// A client for JSON over HTTP: Slack, the Pushgateway.
pub(crate) fn client(timeouts: Timeouts) -> Result<reqwest::Client, HttpError> {
    let env = network_settings()?;
    build_client(env.roots.config(), &env.proxies, &env.resolver, timeouts)
}

/// The HTTP client of the AWS SDK. All SDK clients share it, and therefore its connections. `ca_bundle`: the only
/// certificates that calls to AWS trust.
pub(crate) fn aws_client(ca_bundle: Option<&str>) -> Result<SharedHttpClient, HttpError> {
    let env = network_settings()?;
    let client = match ca_bundle {
        Some(file) => aws::AwsHttpClient::new(&TrustRoots::load(CA_BUNDLE, Some(file))?, &env.proxies, &env.resolver),
        None => aws::AwsHttpClient::new(&env.roots, &env.proxies, &env.resolver),
    };
    Ok(SharedHttpClient::new(client?))
}

/// Returns every error in the settings of the clients.
pub(crate) fn problems(variable: impl Fn(&str) -> Option<String>, ca_bundle: Option<&str>) -> Vec<HttpError> {
    let bundles = [(CERT_FILE, variable(CERT_FILE)), (CA_BUNDLE, ca_bundle.map(str::to_owned))];
    let bundles = bundles.into_iter().filter_map(|(variable, file)| TrustRoots::load(variable, Some(&file?)).err());
    ProxySettings::from_env(variable).err().into_iter().chain(bundles).collect()
}

/// A client for the API server of the cluster. It trusts only `ca` (PEM) and uses no proxy.
pub(crate) fn cluster_client(ca: &[u8], timeouts: Timeouts) -> Result<reqwest::Client, HttpError> {
    install_crypto_provider();
    let roots = TrustRoots::from_pem(ca).map_err(HttpError::Client)?;
    build_client(roots.config(), &ProxySettings::none(), &network_settings()?.resolver, timeouts)
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
mod tests;
