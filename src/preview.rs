//! `preview`: the messages that would be sent for findings in files or on standard input, and where. No network, no state.

use std::io::Read;

use serde_json::Value;

use crate::config::{AccountNames, Config};
use crate::finding::documents::{Documents, read_documents};
use crate::finding::{Band, Finding};
use crate::message::{self, Form, Life, Portal, Wording};
use crate::output::Output;
use crate::plan::{Destination, Routed, left_out, route};
use crate::telemetry::err;

/// Reads findings from the files, or from standard input if there are none. Prints a Slack payload on standard output
/// for each finding that would be sent, and the route or the reason on standard error.
/// Returns false if an input cannot be read, or if something in it is not a finding.
pub fn preview(config: &Config, files: &[String], output: &Output) -> bool {
    let mut all_read = true;
    let inputs: Vec<Option<&str>> =
        if files.is_empty() { vec![None] } else { files.iter().map(|file| Some(file.as_str())).collect() };
    for file in inputs {
        match read_input(file) {
            Ok(documents) => all_read &= show(config, file, &documents, output),
            Err(error) => {
                err(format_args!("{} cannot be read: {error}", file.unwrap_or("standard input")));
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
    let wording = wording(config);
    // A reader that ends early, as in `preview | head`, ends the work.
    for finding in documents.findings.iter().take_while(|_| !output.has_failed()) {
        match decide(config, finding) {
            Ok(to) => {
                err(format_args!("{}: {}", title(finding), explain(finding, &to)));
                output.line(format_args!("{:#}", payload(finding, &to, &wording)));
            }
            Err(reason) => err(format_args!("{}: not sent, {reason}", title(finding))),
        }
    }
    for fault in &documents.faults {
        match file {
            Some(file) => err(format_args!("{file}: {fault}")),
            None => err(fault),
        }
    }
    documents.faults.is_empty()
}

/// How findings are worded, as far as that is known without asking AWS.
pub fn wording(config: &Config) -> Wording {
    let account_names = match &config.wording.account_names {
        AccountNames::Map(names) => names.clone(),
        AccountNames::Organization => Default::default(),
    };
    let portal = config.wording.portal.as_ref().map(|p| Portal { url: p.url.clone(), role: p.role.clone() });
    Wording { account_names, runbook_url: config.wording.runbook_url.clone(), portal }
}

/// Where a finding would be sent, or why it would not.
fn decide(config: &Config, finding: &Finding) -> Result<Destination, &'static str> {
    if let Some(reason) = left_out(config, finding) {
        return Err(reason.text());
    }
    match route(config, finding) {
        Routed::Drop => Err("a route of SLACK_ROUTES drops it"),
        Routed::To(to) => Ok(to),
    }
}

fn payload(finding: &Finding, to: &Destination, wording: &Wording) -> Value {
    let life = Life { archived: finding.archived, mention: to.mention.as_deref(), ..Life::default() };
    message::finding(finding, &life, wording, Form::Full).payload()
}

fn title(finding: &Finding) -> String {
    format!("{} {} (severity {})", finding.id, finding.kind.as_str(), Band::number(finding.severity))
}

/// Where a finding goes, and why.
fn explain(finding: &Finding, to: &Destination) -> String {
    let why = match to.route {
        Some(index) => format!("SLACK_ROUTES[{index}] matches"),
        None => "no route matches, the default".into(),
    };
    let mention = to.mention.as_ref().map(|m| format!(", mentions {m}")).unwrap_or_default();
    let archived =
        if finding.archived { "; it is archived, which a run shows on its message if there is one" } else { "" };
    format!("to {}, {why}{mention}{archived}", to.name())
}
