//! What is said in Slack.

pub mod blocks;
pub mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::finding::Finding;

/// A Slack message without its channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    text: String,
    metadata: Option<Value>,
}

impl Message {
    /// The arguments of `chat.postMessage`, `chat.update` or a webhook, without the channel.
    pub fn payload(&self) -> Value {
        let mut payload = json!({"text": self.text, "unfurl_links": false, "unfurl_media": false});
        if let Some(metadata) = &self.metadata {
            payload["metadata"] = metadata.clone();
        }
        payload
    }

    /// The top-level text: complete, one line.
    pub fn fallback(&self) -> &str {
        &self.text
    }
}

/// What is sent: all of it, or what stands in for it when Slack refuses the form before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    Full,
    /// One text, no blocks.
    Text,
    /// One line of checked fields only: id, account, region, severity, console link.
    Bare,
}

/// How findings are worded here: from the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wording {
    /// Names of accounts by their id.
    pub account_names: BTreeMap<String, String>,
    /// Link template with `{type}`, `{id}`, `{account}`, `{region}`.
    pub runbook_url: Option<String>,
    pub portal: Option<Portal>,
}

/// The IAM Identity Center portal through which console links open in the finding's own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// The start URL, such as `https://d-1234567890.awsapps.com/start`.
    pub url: String,
    pub role: String,
}

/// What has become of a finding so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Life<'a> {
    pub archived: bool,
    /// All traits ever seen of it: GuardDuty forgets earlier ones.
    pub traits_seen: &'a [String],
    /// A mention in Slack's syntax, as configured: live.
    pub mention: Option<&'a str>,
    /// The channel that should have had this message, and refused it.
    pub refused_channel: Option<&'a str>,
}

/// What is new about a finding since its thread last spoke.
#[derive(Clone, Copy, Debug, Default)]
pub struct News<'a> {
    /// The severity before; some only if the band rose.
    pub severity_was: Option<f64>,
    pub fresh: &'a [String],
    pub count_was: Option<u64>,
    pub mention: Option<&'a str>,
}

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Info,
    Warning,
    Resolved,
}

/// Something to say about the watch itself. Kept in the state until it is delivered; may hold foreign strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub id: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    pub level: Level,
}

fn line(parts: &[&str]) -> String {
    let joined = parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join(" · ");
    let one: String = joined.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    one.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn metadata(event_type: &str, event_payload: Value) -> Option<Value> {
    Some(json!({"event_type": event_type, "event_payload": event_payload}))
}

/// A finding's own message.
pub fn finding(f: &Finding, life: &Life, w: &Wording, _form: Form) -> Message {
    let severity = format!("{} {:.1}", f.band().name().to_uppercase(), f.severity);
    let name = w.account_names.get(&f.account_id).map_or("", String::as_str);
    let archived = if life.archived || f.archived { "archived" } else { "" };
    let text = line(&[
        &severity,
        f.title.as_deref().unwrap_or(f.kind.as_str()),
        f.kind.as_str(),
        &f.account_id,
        name,
        &f.origin.region,
        archived,
        &f.id,
    ]);
    let payload = json!({
        "finding_id": f.id, "updated_at": f.updated_at, "account_id": f.account_id, "region": f.origin.region,
        "detector_id": f.origin.detector, "type": f.kind.as_str(), "severity": f.severity,
    });
    Message { text, metadata: metadata("guardduty_finding", payload) }
}

/// What is new about a finding, for its thread.
pub fn reply(f: &Finding, news: &News, _w: &Wording, _form: Form) -> Message {
    let severity = news.severity_was.map_or_else(String::new, |was| format!("severity {was:.1} → {:.1}", f.severity));
    let text = line(&[&severity, &news.fresh.join(", "), &format!("{} times", f.count)]);
    Message { text, metadata: metadata("guardduty_reply", json!({"finding_id": f.id, "updated_at": f.updated_at})) }
}

/// Many findings in one message.
pub fn digest(id: &str, findings: &[&Finding], _w: &Wording, _mention: Option<&str>, _form: Form) -> Message {
    let text = line(&[&format!("{} more findings", findings.len())]);
    Message { text, metadata: metadata("guardduty_digest", json!({"digest_id": id, "findings": findings.len()})) }
}

pub fn notice(n: &Notice, _form: Form) -> Message {
    Message {
        text: line(&[&n.title, &n.lines.join(" · ")]),
        metadata: metadata("guardduty_notice", json!({"notice_id": n.id})),
    }
}

/// What the old message of a finding says after its route led it to another channel. Without metadata: Slack then keeps what it had.
pub fn moved(id: &str, to_channel: &str, link: Option<&str>, _form: Form) -> Message {
    Message { text: line(&[&format!("finding {id} moved to {to_channel}"), link.unwrap_or_default()]), metadata: None }
}
