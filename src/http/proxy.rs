//! Decides which requests go through a proxy.

use std::fmt;

use aws_smithy_http_client::proxy::ProxyConfig;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::HttpError;

/// Hosts that are never called through a proxy: loopback, and the credentials endpoints of containers and instances (the ECS
/// and EKS agents, the instance metadata). A proxy cannot reach them, and must not see their traffic.
const BYPASS_HOSTS: &str =
    "localhost,127.0.0.0/8,::1,169.254.170.2,169.254.170.23,fd00:ec2::23,169.254.169.254,fd00:ec2::254";

/// The proxies of the environment, each with the name of its variable.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ProxySettings {
    https: Option<(&'static str, String)>,
    http: Option<(&'static str, String)>,
    bypass: String,
}

/// Prints nothing: the URL of a proxy may contain a password.
impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").finish_non_exhaustive()
    }
}

impl ProxySettings {
    pub(super) fn none() -> Self {
        Self { https: None, http: None, bypass: String::new() }
    }

    /// The uppercase name takes precedence over the lowercase one, as in curl, except for `http_proxy`. An empty value counts
    /// as not set.
    pub(super) fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, HttpError> {
        let first = |names: &[&'static str]| {
            names
                .iter()
                .find_map(|name| variable(name).filter(|v| !v.trim().is_empty()).map(|v| (*name, v.trim().to_owned())))
        };
        let proxy = |names| first(names).map(validate).transpose();
        let exempt = first(&["NO_PROXY", "no_proxy"]).map(|(_, list)| format!(",{list}"));
        // The API server of the cluster: see `cluster_client`.
        let server = first(&["KUBERNETES_SERVICE_HOST"]).map(|(_, host)| format!(",{host}"));
        Ok(Self {
            https: proxy(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])?,
            http: proxy(&["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])?,
            bypass: format!("{BYPASS_HOSTS}{}{}", server.unwrap_or_default(), exempt.unwrap_or_default()),
        })
    }

    pub(super) fn for_reqwest(&self) -> Result<Vec<reqwest::Proxy>, HttpError> {
        let exempt = || reqwest::NoProxy::from_string(&self.bypass);
        let https = self.https.as_ref().map(|(variable, url)| (variable, reqwest::Proxy::https(url)));
        let http = self.http.as_ref().map(|(variable, url)| (variable, reqwest::Proxy::http(url)));
        let named = |(variable, proxy): (&&'static str, reqwest::Result<reqwest::Proxy>)| match proxy {
            Ok(proxy) => Ok(proxy.no_proxy(exempt())),
            Err(_) => Err(HttpError::Proxy { variable }),
        };
        https.into_iter().chain(http).map(named).collect()
    }

    /// The host of a URL, with its port if it is not the default port, and the proxy for requests to it.
    pub(super) fn peer(&self, url: &Uri) -> String {
        let mut builder = Matcher::builder().no(self.bypass.clone());
        if let Some((_, proxy)) = &self.https {
            builder = builder.https(proxy.clone());
        }
        if let Some((_, proxy)) = &self.http {
            builder = builder.http(proxy.clone());
        }
        match builder.build().intercept(url) {
            Some(proxy) => format!("{} through proxy {}", host_and_port(url), host_and_port(proxy.uri())),
            None => host_and_port(url),
        }
    }

    /// For `https` only: an AWS endpoint without TLS is in a test, an agent for credentials, or an interface endpoint in the
    /// VPC.
    pub(super) fn for_aws(&self) -> Result<ProxyConfig, HttpError> {
        match &self.https {
            None => Ok(ProxyConfig::disabled()),
            Some((variable, url)) => ProxyConfig::https(url.as_str())
                .map(|p| p.no_proxy(&self.bypass))
                .map_err(|_| HttpError::Proxy { variable }),
        }
    }
}

fn host_and_port(url: &Uri) -> String {
    let host = url.host().unwrap_or_default();
    match url.port_u16() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Adds the scheme, which may be omitted: `proxy.corp.example:3128`.
fn validate((variable, value): (&'static str, String)) -> Result<(&'static str, String), HttpError> {
    let url = if value.contains("://") { value } else { format!("http://{value}") };
    match reqwest::Url::parse(&url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => Ok((variable, url)),
        _ => Err(HttpError::Proxy { variable }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(env: &[(&str, &str)]) -> Result<ProxySettings, HttpError> {
        ProxySettings::from_env(|name| env.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))
    }

    #[test]
    fn the_environment_names_the_proxies() {
        let p = read(&[
            ("https_proxy", "proxy.corp.example:3128"),
            ("HTTPS_PROXY", " "),
            ("NO_PROXY", "corp.example,10.0.0.0/8"),
        ])
        .unwrap_or_else(|e| panic!("{e}"));
        assert!(p.https == Some(("https_proxy", "http://proxy.corp.example:3128".into())) && p.http.is_none());
        assert!(p.bypass.ends_with(",corp.example,10.0.0.0/8") && p.bypass.contains("169.254.170.23"));
        assert!(!p.for_aws().unwrap().is_disabled());
        assert!(read(&[]).is_ok_and(|p| p.for_aws().unwrap().is_disabled()));
    }

    #[test]
    fn a_peer_is_the_host_and_the_proxy_without_credentials() {
        let proxied = read(&[("HTTPS_PROXY", "http://user:s3cret@proxy.example:3128"), ("NO_PROXY", "direct.example")]);
        let proxied = proxied.unwrap_or_else(|e| panic!("{e}"));
        let peer = |url: &str| proxied.peer(&url.parse().unwrap());
        assert_eq!(peer("https://slack.com/api/chat.postMessage"), "slack.com through proxy proxy.example:3128");
        assert_eq!(peer("https://direct.example/s3cret"), "direct.example");
        assert_eq!(peer("https://127.0.0.1:9/"), "127.0.0.1:9");
        assert_eq!(peer("http://gateway:9091/"), "gateway:9091");
    }

    #[test]
    fn a_wrong_proxy_is_named_without_its_value() {
        for bad in ["socks5://user:secret@proxy", "http://", "http://user:secret@host:port"] {
            let error = read(&[("ALL_PROXY", bad)]).err().unwrap();
            assert_eq!(error.to_string(), "ALL_PROXY: invalid proxy URL (not shown): expected http://host:port");
        }
    }
}
