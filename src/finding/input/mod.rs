//! Findings from JSON: what `preview` reads. There is one way from JSON to a [`Finding`]: through the SDK's own deserialiser.

#[cfg(test)]
pub(crate) mod arbitrary;
mod canned;
mod forms;
mod wire;

use std::sync::Arc;

use aws_sdk_guardduty::types as sdk;
use serde_json::{Value, json};
use thiserror::Error;

use super::{Finding, Malformed, Origin};
use forms::Raw;

/// What was read: the findings in their order, and what could not be read as one.
#[derive(Debug, Default)]
pub struct Input {
    pub findings: Vec<Finding>,
    pub faults: Vec<InputError>,
}

/// Why something on the input is no finding. Positions count from 1.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InputError {
    #[error(
        "there is no finding on the input: give a finding, an array, JSON lines, the output of `aws guardduty get-findings` or an EventBridge event"
    )]
    Empty,
    #[error("line {at} is no JSON: {why}")]
    Json { at: usize, why: String },
    #[error("item {at} is no JSON object")]
    NoObject { at: usize },
    #[error("item {at} is a finding of Security Hub, or an event without a finding; give what GuardDuty itself says")]
    Foreign { at: usize },
    #[error("item {at} is {source}")]
    Malformed { at: usize, source: Malformed },
    #[error("item {at} is not read by the AWS SDK: {why}")]
    Unreadable { at: usize, why: String },
}

/// Reads all findings in one of `preview`'s five forms: one JSON object, an array, JSON lines, the output of
/// `aws guardduty get-findings`, EventBridge events. One malformed finding costs only itself; an error only if there is nothing else.
pub async fn read(text: &str) -> Result<Input, InputError> {
    let mut input = Input::default();
    let mut items = Vec::new();
    for (n, raw) in forms::split(text).into_iter().enumerate() {
        match raw {
            Ok(raw) => items.push((n + 1, Item::new(raw))),
            Err(fault) => input.faults.push(fault),
        }
    }
    for (at, finding) in convert(items).await {
        match finding {
            Ok(finding) => input.findings.push(finding),
            Err(fault) => input.faults.push(fault.at(at)),
        }
    }
    match input.faults.first() {
        Some(first) if input.findings.is_empty() => Err(first.clone()),
        None if input.findings.is_empty() => Err(InputError::Empty),
        _ => Ok(input),
    }
}

/// A finding in its wire form, with where it was seen.
struct Item {
    wire: Value,
    origin: Arc<Origin>,
}

impl Item {
    fn new(raw: Raw) -> Self {
        let wire = completed(wire::finding(raw.finding));
        let member = |path: &str| wire.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let origin = Origin {
            account: raw.account.or_else(|| member("/accountId")).unwrap_or_default(),
            region: raw.region.or_else(|| member("/region")).unwrap_or_default(),
            detector: member("/service/detectorId").unwrap_or_default(),
        };
        Self { wire, origin: Arc::new(origin) }
    }
}

/// What people keep of a finding may lack its id or its `updatedAt`. Here nothing is settled by them, so what says
/// nearly the same stands in: the end of the ARN, and the latest other time, or the epoch.
fn completed(mut wire: Value) -> Value {
    let member = |path: &str| wire.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let id = member("/id")
        .or_else(|| member("/arn").and_then(|arn| arn.rsplit_once("/finding/").map(|(_, id)| id.to_owned())));
    let times = ["/updatedAt", "/service/eventLastSeen", "/createdAt", "/service/eventFirstSeen"];
    let updated = times.into_iter().find_map(member).unwrap_or_else(|| "1970-01-01T00:00:00.000Z".to_owned());
    if let Value::Object(finding) = &mut wire {
        finding.insert("updatedAt".to_owned(), updated.into());
        if let Some(id) = id {
            finding.insert("id".to_owned(), id.into());
        }
    }
    wire
}

/// All at once; if that fails, one by one, to know which one it is.
async fn convert(items: Vec<(usize, Item)>) -> Vec<(usize, Result<Finding, InputError>)> {
    let all: Vec<&Value> = items.iter().map(|(_, item)| &item.wire).collect();
    let mut whole = canned::findings(json!({"findings": all}).to_string())
        .await
        .ok()
        .filter(|f| f.len() == items.len())
        .map(Vec::into_iter);
    let mut out = Vec::with_capacity(items.len());
    for (at, item) in items {
        let read = match whole.as_mut().and_then(Iterator::next) {
            Some(finding) => Ok(finding),
            None => one(&item.wire).await,
        };
        out.push((
            at,
            read.and_then(|f| {
                Finding::from_sdk(f, &item.origin).map_err(|source| InputError::Malformed { at, source })
            }),
        ));
    }
    out
}

async fn one(wire: &Value) -> Result<sdk::Finding, InputError> {
    let why = match canned::findings(json!({"findings": [wire]}).to_string()).await {
        Ok(mut findings) if findings.len() == 1 => return Ok(findings.remove(0)),
        Ok(_) => "no finding in it".to_owned(),
        Err(why) => why,
    };
    Err(InputError::Unreadable { at: 0, why })
}

impl InputError {
    fn at(self, at: usize) -> Self {
        match self {
            Self::Unreadable { why, .. } => Self::Unreadable { at, why },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str) -> Value {
        json!({"schemaVersion": "2.0", "accountId": "111122223333", "region": "eu-west-1", "id": id, "type": "Recon:EC2/Portscan", "severity": 5,
            "updatedAt": "2026-01-02T03:04:05.678Z", "service": {"detectorId": "d1"}})
    }

    async fn ids(text: &str) -> Vec<String> {
        read(text).await.map(|i| i.findings.into_iter().map(|f| f.id).collect()).unwrap_or_default()
    }

    #[tokio::test]
    async fn all_five_forms_are_read() {
        let (a, b) = (finding("a"), finding("b"));
        let event = |f: &Value| json!({"detail-type": "GuardDuty Finding", "account": "444455556666", "region": "eu-west-1", "detail": f});
        for (form, text) in [
            ("one object", format!("{a:#}")),
            ("an array", json!([a]).to_string()),
            ("an event", event(&a).to_string()),
            ("the CLI", json!({"Findings": [{"Id": "a", "UpdatedAt": "2026-01-02T03:04:05.678Z"}]}).to_string()),
        ] {
            assert_eq!(ids(&text).await, ["a"], "{form}");
        }
        assert_eq!(ids(&format!("\u{feff}{a}\n{b}\n")).await, ["a", "b"]);
        assert_eq!(ids(&format!("{}\r\n{}", event(&a), event(&b))).await, ["a", "b"]);
        assert_eq!(ids(&json!([event(&a), {"findings": [b]}]).to_string()).await, ["a", "b"]);
    }

    #[tokio::test]
    async fn an_event_says_where_it_was_seen() {
        let read = read(&json!({"account": "444455556666", "region": "eu-west-1", "detail": finding("a")}).to_string())
            .await
            .unwrap();
        let seen = Origin { account: "444455556666".into(), region: "eu-west-1".into(), detector: "d1".into() };
        assert_eq!(*read.findings[0].origin, seen);
        assert_eq!(read.findings[0].account_id, "111122223333");
    }

    #[tokio::test]
    async fn what_is_no_finding_costs_only_itself() {
        let read = read(&format!("{}\nnonsense\n[7]\n{{\"a\": 1}}\n{}", finding("a"), finding("b"))).await.unwrap();
        assert_eq!(read.findings.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let faults: Vec<String> = read.faults.iter().map(InputError::to_string).collect();
        insta::assert_snapshot!(faults.join("\n"), @r"
        line 2 is no JSON: expected ident at line 1 column 2
        item 3 is no JSON object
        item 4 is a finding without id
        ");
    }

    #[tokio::test]
    async fn what_is_no_finding_of_guardduty_s_own_is_not_shown_as_one() {
        let imported = json!({"ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/guardduty", "Id": "arn:aws:guardduty:eu-west-1:1:detector/d/finding/f", "UpdatedAt": "2026-01-02T03:04:05.678Z", "Severity": {"Label": "HIGH"}});
        let empty = json!({"id": "e1", "detail-type": "GuardDuty Finding", "detail": null});
        for foreign in [json!({"Findings": [imported]}), empty] {
            assert_eq!(read(&foreign.to_string()).await.unwrap_err(), InputError::Foreign { at: 1 });
        }
    }

    #[tokio::test]
    async fn nonsense_is_one_error() {
        for (text, error) in [
            ("{nonsense", "line 1 is no JSON: key must be a string at line 1 column 2"),
            ("", "there is no finding on the input"),
            ("[]", "there is no finding on the input"),
        ] {
            let told = read(text).await.unwrap_err().to_string();
            assert!(told.starts_with(error), "{text}: {told}");
        }
    }

    #[tokio::test]
    async fn what_was_kept_without_its_time_is_shown_all_the_same() {
        let read = read(
            r#"{"arn": "arn:aws:guardduty:eu-west-1:1:detector/d/finding/f9", "createdAt": "2025-02-25 20:40:06.721"}"#,
        )
        .await
        .unwrap();
        assert_eq!(
            (read.findings[0].id.as_str(), read.findings[0].updated.iso().as_str()),
            ("f9", "2025-02-25T20:40:06.721Z")
        );
    }
}
