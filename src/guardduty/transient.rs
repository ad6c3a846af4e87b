//! Classifies transient responses that the SDK does not retry: those of a proxy or a load balancer instead of AWS.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

/// A classifier for every client, in addition to those of the SDK.
#[derive(Debug)]
pub(super) struct TransientAnswer;

impl ClassifyRetry for TransientAnswer {
    fn name(&self) -> &'static str {
        "TransientAnswer"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(response) = context.response() else { return RetryAction::NoActionIndicated };
        match response.status().as_u16() {
            429 => RetryAction::throttling_error(),
            500..=599 => RetryAction::server_error(),
            200..=299 if is_page(response) => RetryAction::server_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }
}

/// Returns true for a page for a browser, as a proxy returns it with status 200. AWS returns JSON, or XML without a document
/// type.
fn is_page(response: &HttpResponse) -> bool {
    let body = response.body().bytes().unwrap_or_default().trim_ascii_start();
    let begins = |tag: &str| body.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()));
    begins("<!doctype html") || begins("<html")
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn action(status: u16, body: &'static str) -> RetryAction {
        let mut context =
            InterceptorContext::new(aws_smithy_runtime_api::client::interceptors::context::Input::erase(()));
        context.set_response(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body)));
        TransientAnswer.classify_retry(&context)
    }

    #[test]
    fn the_page_of_a_proxy_is_worth_another_attempt() {
        let page = "\n<!DOCTYPE html><html>busy</html>";
        assert_eq!(action(429, page), RetryAction::throttling_error());
        for (status, body) in [(500, "{}"), (502, page), (503, ""), (507, page), (200, page), (200, "<HTML>")] {
            assert_eq!(action(status, body), RetryAction::server_error(), "{status} {body}");
        }
        for (status, body) in [(200, "{}"), (200, "<GetCallerIdentityResponse/>"), (200, ""), (400, "{}"), (403, page)]
        {
            assert_eq!(action(status, body), RetryAction::NoActionIndicated, "{status} {body}");
        }
    }
}
