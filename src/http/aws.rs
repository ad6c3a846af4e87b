//! The HTTP client of the AWS SDK.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::HttpError;
use super::proxy::Proxies;
use super::roots::Roots;

/// What tells connectors apart: connect and read time-out.
type Key = (Option<Duration>, Option<Duration>);

/// Keeps one connector for each pair of time-outs. The SDK's own builder parses all roots again for every client that is
/// made, of which there are as many as sources.
pub(super) struct Http {
    tls: TlsContext,
    proxy: ProxyConfig,
    connectors: Mutex<Vec<(Key, SharedHttpConnector)>>,
}

/// Tells nothing: a proxy's URL may hold a password.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl Http {
    pub(super) fn new(roots: &Roots, proxies: &Proxies) -> Result<Self, HttpError> {
        let tls = TlsContext::builder()
            .with_trust_store(roots.trust_store())
            .build()
            .map_err(|e| HttpError::Client(e.to_string()))?;
        Ok(Self { tls, proxy: proxies.for_aws()?, connectors: Mutex::default() })
    }

    fn connect(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let mut builder = Connector::builder().connector_settings(settings.clone()).proxy_config(self.proxy.clone());
        builder.set_sleep_impl(components.sleep_impl());
        SharedHttpConnector::new(
            builder.tls_provider(Provider::rustls(CryptoMode::Ring)).tls_context(self.tls.clone()).build(),
        )
    }
}

impl HttpClient for Http {
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
