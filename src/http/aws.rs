//! The HTTP client of the AWS SDK.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::HttpError;
use super::dns::Resolver;
use super::proxy::ProxySettings;
use super::roots::TrustRoots;

/// Key of a connector: connect and read timeout.
type ConnectorKey = (Option<Duration>, Option<Duration>);

/// Caches one connector per pair of timeouts. The builder of the SDK would parse all roots again for every client.
pub(super) struct AwsHttpClient {
    tls: TlsContext,
    proxy: ProxyConfig,
    proxies: Arc<ProxySettings>,
    resolver: Resolver,
    connectors: Mutex<Vec<(ConnectorKey, SharedHttpConnector)>>,
}

/// Prints nothing: the URL of a proxy may contain a password.
impl fmt::Debug for AwsHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl AwsHttpClient {
    pub(super) fn new(roots: &TrustRoots, proxies: &ProxySettings, resolver: &Resolver) -> Result<Self, HttpError> {
        let tls = TlsContext::builder()
            .with_trust_store(roots.trust_store())
            .build()
            .map_err(|e| HttpError::Client(e.to_string()))?;
        let proxy = proxies.for_aws()?;
        let (proxies, resolver) = (Arc::new(proxies.clone()), resolver.clone());
        Ok(Self { tls, proxy, proxies, resolver, connectors: Mutex::default() })
    }

    fn connect(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let mut builder = Connector::builder().connector_settings(settings.clone()).proxy_config(self.proxy.clone());
        builder.set_sleep_impl(components.sleep_impl());
        let builder = builder.tls_provider(Provider::rustls(CryptoMode::Ring)).tls_context(self.tls.clone());
        let inner = SharedHttpConnector::new(builder.build_with_resolver(self.resolver.clone()));
        SharedHttpConnector::new(NamingConnector { inner, proxies: self.proxies.clone() })
    }
}

impl HttpClient for AwsHttpClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let key = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = connectors.iter().find(|(k, _)| *k == key) {
            return known.clone();
        }
        let made = self.connect(settings, components);
        connectors.push((key, made.clone()));
        made
    }
}

/// Adds the host to network errors, which the errors of the SDK do not contain.
#[derive(Debug)]
struct NamingConnector {
    inner: SharedHttpConnector,
    proxies: Arc<ProxySettings>,
}

impl HttpConnector for NamingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (url, proxies) = (request.uri().to_owned(), self.proxies.clone());
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move { answer.await.map_err(|error| named(error, &url, &proxies)) })
    }
}

/// Returns the error with the same kind, and with the host in its text.
fn named(error: ConnectorError, url: &str, proxies: &ProxySettings) -> ConnectorError {
    let peer = url.parse().map(|url| proxies.peer(&url)).unwrap_or_default();
    let (is_timeout, is_user, other) = (error.is_timeout(), error.is_user(), error.as_other());
    let is_io = error.is_io();
    let source = Box::new(Unreachable { peer, source: error.into_source() });
    match () {
        () if is_timeout => ConnectorError::timeout(source),
        () if is_user => ConnectorError::user(source),
        () if is_io => ConnectorError::io(source),
        () => ConnectorError::other(source, other),
    }
}

/// The error of a host that cannot be reached, or that closed the connection.
#[derive(Debug)]
pub(crate) struct Unreachable {
    peer: String,
    source: BoxError,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::causes::at_peer(Some(&self.peer), &*self.source))
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
