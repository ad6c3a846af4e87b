//! Counts every attempt of every call, retries too, for `guardduty_slack_api_requests_total`.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::metrics::Requests;

/// To be given to a client of `service` as an interceptor.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) service: &'static str,
    pub(super) requests: Requests,
}

impl Intercept for Counted {
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
        if let (Some(code), Some(call)) = (code(context), cfg.load::<Metadata>()) {
            self.requests.count(self.service, call.name(), &code);
        }
        Ok(())
    }
}

/// The HTTP status, `timeout`, or `error` (no answer, or a broken one); nothing where nothing was sent.
fn code(context: &FinalizerInterceptorContextRef<'_>) -> Option<String> {
    let status = || context.response().map(|r| r.status().as_u16().to_string());
    match context.output_or_error()? {
        Ok(_) => status(),
        Err(e) if e.is_timeout_error() => Some("timeout".into()),
        Err(e) if e.is_operation_error() => status(),
        Err(e) if e.is_response_error() || e.is_connector_error() => Some("error".into()),
        Err(_) => None,
    }
}
