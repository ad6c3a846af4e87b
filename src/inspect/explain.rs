//! The command `explain`: looks up findings in the state and in GuardDuty.

use std::collections::BTreeMap;

use super::answer::{Known, Line, Message, lines};
use super::{Saved, inert, load, place};
use crate::config::Config;
use crate::exit::ExitStatus;
use crate::finding::Finding;
use crate::guardduty::{Aws, GuardDutyApi, PAGE_SIZE, ReadError, SourceClient};
use crate::http;
use crate::metrics::RequestCounts;
use crate::output::Output;
use crate::slack::{Client, SentMessage, SlackApi};
use crate::state::State;
use crate::telemetry;
use crate::time::Timestamp;

/// Prints for each ID what happened to the finding. The exit status is 0 if every ID was found.
pub(crate) async fn explain(config: &Config, ids: &[String], output: &Output) -> ExitStatus {
    http::install_crypto_provider();
    let state = match load(config).await {
        Ok(saved) => saved.map_or_else(State::default, |Saved { state, .. }| state),
        Err(error) => {
            telemetry::print_stderr(format_args!("{}: {error}", place(config)));
            return error.exit();
        }
    };
    let requests = RequestCounts::default();
    let clients = (http::client(http::Timeouts::default()), http::aws_client(config.aws.ca_bundle.as_deref()));
    let (client, aws_client) = match clients {
        (Ok(client), Ok(aws)) => (client, aws),
        (Err(error), _) | (_, Err(error)) => {
            telemetry::print_stderr(&error);
            return ExitStatus::InvalidInput;
        }
    };
    let aws = match Aws::connect(&config.aws, aws_client, requests.clone()).await {
        Ok(aws) => aws,
        Err(error) => {
            telemetry::print_stderr(&error);
            return ExitStatus::InvalidInput;
        }
    };
    let chat = Client::new(client, &config.slack.access, &config.slack.api_url, requests);
    let (findings, all_read) = look_up(&aws, ids).await;
    let mut all_found = true;
    for (n, id) in ids.iter().enumerate() {
        let finding = findings.get(id);
        if finding.is_none() && !state.findings.contains_key(id) && !state.unfetched.contains_key(id) {
            all_found = false;
            print(
                output,
                n,
                id,
                &[("not found", "neither the state nor any source that could be read knows this ID".into())],
            );
            continue;
        }
        let message = message(&chat, &state, id).await;
        let known = Known { finding, message, state: &state };
        print(output, n, id, &lines(id, &known, config, Timestamp::from_system_clock()));
    }
    ExitStatus::from_success(all_found && all_read)
}

async fn message<'a>(chat: &Client, state: &'a State, id: &str) -> Option<Message<'a>> {
    let at = state.findings.get(id)?.message.as_ref()?;
    let permalink = match at {
        SentMessage::Bot(at) => chat.permalink(at).await,
        SentMessage::Webhook(_) => None,
    };
    Some(Message { at, permalink })
}

fn print(output: &Output, n: usize, id: &str, lines: &[Line]) {
    if n > 0 {
        output.line("");
    }
    output.line(format_args!("finding {}", inert(id)));
    for (label, text) in lines {
        output.line(format_args!("  {label:9}  {text}"));
    }
}

/// Returns the findings of these IDs in any source, and true if every source could be read.
async fn look_up(aws: &Aws, ids: &[String]) -> (BTreeMap<String, Finding>, bool) {
    let mut findings = BTreeMap::new();
    let mut all_read = true;
    for seen in aws.discover_all().await {
        let sources = match seen.sources {
            Ok(sources) => sources,
            Err(error) => {
                telemetry::print_stderr(format_args!("{} could not be used: {error}", seen.identity));
                all_read = false;
                continue;
            }
        };
        for source in sources {
            let missing: Vec<String> = ids.iter().filter(|id| !findings.contains_key(*id)).cloned().collect();
            match read(&source, &missing).await {
                Ok(found) => findings.extend(found.into_iter().map(|f| (f.id.clone(), f))),
                Err(error) => {
                    telemetry::print_stderr(format_args!("{} could not be read: {error}", source.key()));
                    all_read = false;
                }
            }
        }
    }
    (findings, all_read)
}

async fn read(source: &SourceClient, ids: &[String]) -> Result<Vec<Finding>, ReadError> {
    let mut findings = Vec::new();
    let Some(detector) = source.list_detectors().await?.into_iter().next() else { return Ok(findings) };
    for page in ids.chunks(PAGE_SIZE) {
        findings.extend(source.get_findings(&detector, page).await?);
    }
    Ok(findings)
}
