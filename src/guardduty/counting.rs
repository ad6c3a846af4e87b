//! Counts every attempt of every call, including retries, for `guardduty_slack_api_requests_total`.
//!
//! Each client has an interceptor. The exception is `AssumeRoleWithWebIdentity` in the credentials chain of the SDK, which
//! the HTTP client counts.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::metrics::{RequestCounts, Service};

/// Interceptor for a client of `service`.
#[derive(Clone, Debug)]
pub(super) struct CountingInterceptor {
    pub(super) service: Service,
    pub(super) requests: RequestCounts,
}

impl Intercept for CountingInterceptor {
    fn name(&self) -> &'static str {
        "Counted"
    }

    // Runs after an attempt that timed out, too (aws-smithy-runtime, orchestrator, `finally_attempt`).
    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(code), Some(call)) = (status_code(context), cfg.load::<Metadata>()) {
            self.requests.increment(self.service, call.name(), &code);
        }
        Ok(())
    }
}

/// The HTTP status, `timeout`, or `error` (no response, or an invalid one). `None` if nothing was sent.
fn status_code(context: &FinalizerInterceptorContextRef<'_>) -> Option<String> {
    let status = || context.response().map(|r| r.status().as_u16().to_string());
    match context.output_or_error()? {
        Ok(_) => status(),
        Err(e) if e.is_timeout_error() => Some("timeout".into()),
        Err(e) if e.is_operation_error() => status(),
        Err(e) if e.is_response_error() || e.is_connector_error() => Some("error".into()),
        Err(_) => None,
    }
}

/// The HTTP client of the SDK's credentials chain.
#[derive(Debug)]
pub(super) struct CredentialsHttpClient {
    pub(super) inner: SharedHttpClient,
    pub(super) requests: RequestCounts,
}

#[derive(Debug)]
struct CredentialsHttpConnector {
    inner: SharedHttpConnector,
    requests: RequestCounts,
}

impl HttpClient for CredentialsHttpClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(CredentialsHttpConnector { inner, requests: self.requests.clone() })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

impl HttpConnector for CredentialsHttpConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let ours = request.body().bytes().is_some_and(|b| b.starts_with(b"Action=AssumeRoleWithWebIdentity&"));
        let answer = self.inner.call(request);
        if !ours {
            return answer;
        }
        let requests = self.requests.clone();
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            let code = match &answer {
                Ok(response) => response.status().as_u16().to_string(),
                Err(e) if e.is_timeout() => "timeout".into(),
                Err(_) => "error".into(),
            };
            requests.increment(Service::Sts, "AssumeRoleWithWebIdentity", &code);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Wire, refused};
    use super::*;

    #[tokio::test]
    async fn the_call_inside_the_credentials_chain_is_counted() {
        let wire = Wire::answering(|_| refused(400, "InvalidIdentityToken", "Incorrect token"));
        let inner = wire.sdk().http_client().unwrap();
        let counting = CredentialsHttpClient { inner, requests: wire.requests.clone() };
        let sts = aws_sdk_sts::Client::new(&wire.sdk().into_builder().http_client(counting).build());
        let token = sts.assume_role_with_web_identity().role_arn("arn").role_session_name("me").web_identity_token("t");
        assert!(token.send().await.is_err());
        assert!(sts.get_caller_identity().send().await.is_err());
        assert_eq!(wire.counted(), ["sts AssumeRoleWithWebIdentity 400: 1"]);
    }
}
