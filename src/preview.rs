//! `preview`: what would be sent for the findings on standard input, and where. No network, no state.

use std::io::Read;

use crate::config::{AccountNames, Config};
use crate::finding::{Band, Finding, input};
use crate::message::{self, Form, Life, Portal, Wording};
use crate::output::Output;
use crate::plan::{Destination, Routed, left_out, route};
use crate::telemetry::err;

/// Reads findings from standard input, prints a Slack payload each on standard output, the route and why on standard
/// error. False: something on the input is no finding.
pub async fn preview(config: &Config, output: &Output) -> bool {
    let mut text = String::new();
    if let Err(e) = std::io::stdin().read_to_string(&mut text) {
        err(format_args!("standard input cannot be read: {e}"));
        return false;
    }
    let input = match input::read(&text).await {
        Ok(input) => input,
        Err(e) => {
            err(e);
            return false;
        }
    };
    let wording = wording(config);
    for f in &input.findings {
        let (payload, why) = shown(config, &wording, f);
        err(why);
        output.line(format_args!("{payload:#}"));
        if output.has_failed() {
            return true;
        }
    }
    for fault in &input.faults {
        err(fault);
    }
    input.faults.is_empty()
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

fn shown(config: &Config, wording: &Wording, f: &Finding) -> (serde_json::Value, String) {
    let routed = route(config, f);
    let mention = match &routed {
        Routed::To(Destination { mention, .. }) => mention.as_deref(),
        Routed::Drop => None,
    };
    let life = Life { archived: f.archived, mention, ..Life::default() };
    (message::finding(f, &life, wording, Form::Full).payload(), explain(config, f, &routed))
}

/// One line: where the finding goes, and why.
fn explain(config: &Config, f: &Finding, routed: &Routed) -> String {
    let what = format!("{} {} (severity {})", f.id, f.kind.as_str(), Band::number(f.severity));
    if let Some(reason) = left_out(config, f) {
        return format!("{what}: not sent, {}", reason.text());
    }
    if f.archived {
        return format!("{what}: not sent, it is archived");
    }
    match routed {
        Routed::Drop => format!("{what}: not sent, a route of SLACK_ROUTES drops it"),
        Routed::To(to) => {
            let why = match to.route {
                Some(index) => format!("SLACK_ROUTES[{index}] matches"),
                None => "no route matches, the default".into(),
            };
            let mention = to.mention.as_ref().map(|m| format!(", mentions {m}")).unwrap_or_default();
            format!("{what}: to {}, {why}{mention}", to.name())
        }
    }
}
