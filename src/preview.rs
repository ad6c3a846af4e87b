//! The command `preview`: prints the messages for findings in files or on standard input, with their channels. It uses
//! neither network nor state.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::Value;

use crate::config::{AccountNames, Config};
use crate::finding::documents::{Documents, read_documents};
use crate::finding::{Finding, SeverityLevel};
use crate::message::{self, ConsolePortal, MessageForm, MessageOptions, RenderContext};
use crate::output::Output;
use crate::plan::{Destination, RouteDecision, route, skip_reason};
use crate::telemetry::print_stderr;

/// Reads findings from the files, or from standard input if there are none. Prints a Slack payload on standard output
/// for each finding that would be sent, and the route or the reason on standard error.
/// Returns false if an input cannot be read, or if something in it is not a finding.
pub(crate) fn run_preview(config: &Config, files: &[String], output: &Output) -> bool {
    let mut all_read = true;
    let inputs: Vec<Option<&str>> =
        if files.is_empty() { vec![None] } else { files.iter().map(|file| Some(file.as_str())).collect() };
    for file in inputs {
        match read_input(file) {
            Ok(documents) => all_read &= show(config, file, &documents, output),
            Err(error) => {
                print_stderr(format_args!("{} cannot be read: {error}", file.unwrap_or("standard input")));
                all_read = false;
            }
        }
    }
    all_read
}

fn read_input(file: Option<&str>) -> std::io::Result<Documents> {
    let mut bytes = Vec::new();
    match file {
        Some(path) => bytes = std::fs::read(path)?,
        None => _ = std::io::stdin().read_to_end(&mut bytes)?,
    }
    Ok(read_documents(&String::from_utf8_lossy(&bytes)))
}

/// Prints the messages of one input. Returns false if something in it is not a finding.
fn show(config: &Config, file: Option<&str>, documents: &Documents, output: &Output) -> bool {
    let wording = message_options(config);
    // A reader that exits early, as in `preview | head`, ends the command.
    for finding in documents.findings.iter().take_while(|_| !output.has_failed()) {
        match decide(config, finding) {
            Ok(to) => {
                print_stderr(format_args!("{}: {}", title(finding), explain_route(finding, &to)));
                output.line(format_args!("{:#}", payload(finding, &to, &wording)));
            }
            Err(reason) => print_stderr(format_args!("{}: not sent, {reason}", title(finding))),
        }
    }
    for fault in &documents.faults {
        match file {
            Some(file) => print_stderr(format_args!("{file}: {fault}")),
            None => print_stderr(fault),
        }
    }
    documents.faults.is_empty()
}

/// The options of messages that are known without a call to AWS.
pub(crate) fn message_options(config: &Config) -> MessageOptions {
    let account_names = match &config.wording.account_names {
        AccountNames::Map(names) => names.clone(),
        AccountNames::Organization => BTreeMap::default(),
    };
    let portal = config.wording.portal.as_ref().map(|p| ConsolePortal { url: p.url.clone(), role: p.role.clone() });
    MessageOptions { account_names, runbook_url: config.wording.runbook_url.clone(), portal }
}

/// The channel to which a finding would be sent, or the reason why it would not be sent.
fn decide(config: &Config, finding: &Finding) -> Result<Destination, &'static str> {
    if let Some(reason) = skip_reason(config, finding) {
        return Err(reason.as_str());
    }
    match route(config, finding) {
        RouteDecision::Drop => Err("a route of SLACK_ROUTES drops it"),
        RouteDecision::To(to) => Ok(to),
    }
}

fn payload(finding: &Finding, to: &Destination, wording: &MessageOptions) -> Value {
    let context = RenderContext { mention: to.mention.as_ref(), ..RenderContext::default() };
    message::finding(finding, &context, wording, MessageForm::Blocks).payload()
}

fn title(finding: &Finding) -> String {
    format!("{} {} (severity {})", finding.id, finding.kind.as_str(), SeverityLevel::format_score(finding.severity))
}

/// The channel of a finding, with the reason.
fn explain_route(finding: &Finding, to: &Destination) -> String {
    let why = match to.route {
        Some(index) => format!("SLACK_ROUTES[{index}] matches"),
        None => "no route matches, the default".into(),
    };
    let mention = to.mention.as_ref().map(|m| format!(", mentions {m}")).unwrap_or_default();
    let archived =
        if finding.archived { "; it is archived, which a run shows on its message if there is one" } else { "" };
    format!("to {}, {why}{mention}{archived}", to.name())
}
