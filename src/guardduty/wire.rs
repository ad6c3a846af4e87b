//! An AWS server on loopback for tests, which answers as scripted and records its requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use guardduty_slack_support::server::{Outcome, Reply, Request, Server};
use serde_json::Value;

use super::{Aws, SourceClient};
use crate::config;
use crate::metrics::RequestCounts;

/// One recorded request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// `POST /detector/d1/findings`, or STS's action, or the target of Organizations.
    pub(super) op: String,
    /// From the scope of the signature.
    pub(super) region: String,
    pub(super) key: String,
    /// JSON, or the form of STS as an object of strings.
    pub(super) body: Value,
}

pub(super) struct Wire {
    server: Server,
    asked: Arc<Mutex<Vec<Asked>>>,
    pub(super) requests: RequestCounts,
}

impl Wire {
    /// `script` answers every request.
    pub(super) fn answering(script: impl Fn(&Asked) -> Outcome + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let journal = asked.clone();
        let server = Server::start(move |request, _| {
            let call = read(&request);
            journal.lock().unwrap().push(call.clone());
            script(&call)
        });
        Self { server, asked, requests: RequestCounts::default() }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn ops(&self) -> Vec<String> {
        self.asked().into_iter().map(|a| a.op).collect()
    }

    /// `service operation code: times`
    pub(super) fn counted(&self) -> Vec<String> {
        let counted = self.requests.take_counts().into_iter();
        counted
            .map(|((service, operation, code), times)| format!("{} {operation} {code}: {times}", service.name()))
            .collect()
    }

    /// A configuration of the SDK with static credentials, the address of this server, and almost no backoff.
    pub(super) fn sdk(&self) -> SdkConfig {
        let retry = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let waiting = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(10)).build();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(self.server.url())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "AKIAOWN", "hush", None, None, "test",
            )))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(retry)
            .timeout_config(waiting)
            .build()
    }

    pub(super) fn aws(&self, regions: config::Regions, roles: Vec<config::Role>) -> Aws {
        let settings =
            config::AwsConfig { regions, roles, external_id: Some("ext-1".into()), ..config::AwsConfig::default() };
        Aws::new(self.sdk(), None, &settings, self.requests.clone()).unwrap()
    }

    /// The one source of an account in `eu-west-1`.
    pub(super) async fn source(&self) -> SourceClient {
        let aws =
            self.aws(config::Regions::Default, vec![config::Role::Arn("arn:aws:iam::111122223333:role/reader".into())]);
        aws.discover_all().await.remove(0).sources.unwrap().remove(0)
    }
}

fn read(request: &Request) -> Asked {
    let scope: Vec<&str> = request.header("authorization").split(['=', '/', ',']).collect();
    let part = |n: usize| scope.get(n).unwrap_or(&"").to_string();
    let text = String::from_utf8_lossy(&request.body);
    let (op, body) = match text.strip_prefix("Action=") {
        Some(form) => (form.split('&').next().unwrap_or_default().to_owned(), Value::String(text.to_string())),
        None if request.header("x-amz-target").is_empty() => {
            (format!("{} {}", request.method, request.target), request.json())
        }
        None => (request.header("x-amz-target").to_owned(), request.json()),
    };
    Asked { op, region: part(3), key: part(1), body }
}

pub(super) fn answer(status: u16, body: &str) -> Outcome {
    let kind = if body.starts_with('<') { "text/xml" } else { "application/json" };
    Outcome::Reply(Reply::text(status, kind, body))
}

/// An error as GuardDuty returns it.
pub(super) fn error(status: u16, code: &str, message: &str) -> Outcome {
    answer(status, &serde_json::json!({"__type": code, "message": message}).to_string())
}

pub(super) fn ok(body: Value) -> Outcome {
    answer(200, &body.to_string())
}

/// The response of STS to `AssumeRole` with this access key.
pub(super) fn assumed(key: &str) -> Outcome {
    let given = format!(
        "<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>\
         <SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    );
    sts("AssumeRole", &given)
}

pub(super) fn sts(action: &str, result: &str) -> Outcome {
    let xmlns = "https://sts.amazonaws.com/doc/2011-06-15/";
    let result = format!("<{action}Result>{result}</{action}Result>");
    answer(200, &format!(r#"<{action}Response xmlns="{xmlns}">{result}</{action}Response>"#))
}

/// An error as STS returns it.
pub(super) fn refused(status: u16, code: &str, message: &str) -> Outcome {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    answer(status, &format!("<ErrorResponse>{error}</ErrorResponse>"))
}
