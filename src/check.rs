//! `check`: verifies the whole setup, one line per check, with a hint where a check fails. Nothing is posted (unless
//! requested), saved or pushed.

mod aws;
mod hint;
mod metadata;
mod pushgateway;
mod samples;
mod slack;
mod state;
mod table;

use futures_util::future::join4;

use crate::config::Config;
use crate::exit::ExitStatus;
use crate::http;
use crate::metrics::RequestCounts;
use crate::output::Output;
use crate::slack::Client;

use table::{CheckResult, Table};

/// Options of the check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Posts a test message to every channel.
    pub post: bool,
    /// Prints the table as one JSON document.
    pub json: bool,
}

/// Performs all checks concurrently and prints the table. The exit status is 0 if none failed.
pub(crate) async fn run_checks(config: &Config, options: Options, output: &Output) -> ExitStatus {
    http::install_crypto_provider();
    let table = Table(rows(config, options.post).await);
    if options.json {
        output.line(table.json());
    } else {
        output.line(&table);
    }
    ExitStatus::from_success(table.is_passed())
}

async fn rows(config: &Config, post: bool) -> Vec<CheckResult> {
    let requests = RequestCounts::default();
    let aws_client = http::aws_client(config.aws.ca_bundle.as_deref());
    let (client, aws_client) = match (http::client(http::Timeouts::default()), aws_client) {
        (Ok(client), Ok(aws)) => (client, aws),
        (Err(error), _) | (_, Err(error)) => {
            return vec![CheckResult::failed("HTTP client", error, "check SSL_CERT_FILE and HTTPS_PROXY")];
        }
    };
    let chat = Client::new(client.clone(), &config.slack.access, &config.slack.api_url, requests.clone());
    let aws = aws::rows(config, aws_client, requests.clone());
    let slack = slack::rows(config, &chat, post);
    let state = state::rows(config, requests);
    let pushgateway = pushgateway::rows(config.pushgateway.as_ref(), &client);
    let (aws, slack, state, pushgateway) = join4(aws, slack, state, pushgateway).await;
    let mut rows = vec![CheckResult::ok("configuration", "valid")];
    rows.extend([aws, slack, state, pushgateway].into_iter().flatten());
    rows
}
