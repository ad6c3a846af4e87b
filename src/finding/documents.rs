//! Reads the documents of `preview`: a JSON object, an array, JSON lines, the output of `aws guardduty get-findings`,
//! EventBridge events.

use serde_json::Deserializer;
use serde_json::value::RawValue;
use thiserror::Error;

use super::decode::{EventSource, decode_document, read_document, repair};
use super::{Finding, NoId};

/// Maximum depth of arrays and events around a finding.
const MAX_DEPTH: usize = 8;

/// The findings of a text in their order, and what is none.
#[derive(Debug, Default)]
pub struct Documents {
    pub findings: Vec<Finding>,
    pub faults: Vec<DocumentError>,
}

/// Why something is not a finding. Positions count from 1.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DocumentError {
    #[error("there is no finding in the input; {EXPECTED}")]
    Empty,
    #[error("line {at} is not JSON: {error}")]
    Json { at: usize, error: String },
    #[error("item {at} is not a JSON object")]
    NotAnObject { at: usize },
    #[error("item {at} is a finding of Security Hub, in its format ASFF, not of GuardDuty; {EXPECTED}")]
    SecurityHub { at: usize },
    #[error("item {at} is an event without a finding")]
    NoDetail { at: usize },
    #[error("item {at} is {error}")]
    NoId { at: usize, error: NoId },
}

const EXPECTED: &str = "expected a GuardDuty finding, an array of them, JSON lines, the output of \
                        `aws guardduty get-findings` or an EventBridge event of the source aws.guardduty";

/// Reads all findings of a text. What is not a finding costs only itself.
pub fn read_documents(text: &str) -> Documents {
    let text = text.trim_start_matches('\u{feff}');
    let mut documents = Documents::default();
    let repaired;
    match stream(text) {
        Ok(values) => documents.unfold_all(values),
        Err(error) => {
            repaired = repair(text);
            match stream(&repaired) {
                Ok(values) => documents.unfold_all(values),
                Err(_) => documents.read_lines(text, &error),
            }
        }
    }
    if documents.findings.is_empty() && documents.faults.is_empty() {
        documents.faults.push(DocumentError::Empty);
    }
    documents
}

/// The JSON values of a text that follow one another.
fn stream(text: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    Deserializer::from_str(text).into_iter().collect()
}

impl Documents {
    fn unfold_all(&mut self, values: Vec<&RawValue>) {
        for value in values {
            self.unfold(value.get(), &EventSource::default(), 0);
        }
    }

    /// Reads each line as a separate value, so that an invalid line affects no other line. `error` is the error of the
    /// whole text. It is the only error reported if no line is an object.
    fn read_lines(&mut self, text: &str, error: &serde_json::Error) {
        let lines: Vec<_> = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).collect();
        let parse = |line| serde_json::from_str::<&RawValue>(line);
        if !lines.iter().any(|(_, line)| line.trim_start().starts_with('{') && parse(line).is_ok()) {
            return self.faults.push(DocumentError::Json { at: error.line(), error: error.to_string() });
        }
        for (n, line) in lines {
            match parse(line) {
                Ok(value) => self.unfold(value.get(), &EventSource::default(), 0),
                Err(error) => self.faults.push(DocumentError::Json { at: n + 1, error: error.to_string() }),
            }
        }
    }

    /// Takes arrays, the output of `get-findings` and events apart.
    fn unfold(&mut self, raw: &str, event: &EventSource, depth: usize) {
        let at = self.findings.len() + self.faults.len() + 1;
        if depth > MAX_DEPTH {
            return self.faults.push(DocumentError::NotAnObject { at });
        }
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw) {
            return items.iter().for_each(|item| self.unfold(item.get(), event, depth + 1));
        }
        let Some(object) = read_document(raw) else { return self.faults.push(DocumentError::NotAnObject { at }) };
        if let Some(findings) = object.findings() {
            return self.unfold(findings, event, depth + 1);
        }
        if let Some(detail) = object.detail() {
            let event = EventSource {
                account: object.account().map(str::to_owned),
                region: object.region().map(str::to_owned),
                time: object.time(),
            };
            return self.unfold(detail, &event, depth + 1);
        }
        // Its severity and its type are elsewhere: shown as a finding of GuardDuty it would look harmless.
        if object.product_arn().is_some() || object.product_fields().is_some() {
            return self.faults.push(DocumentError::SecurityHub { at });
        }
        if object.detail_type().is_some() {
            return self.faults.push(DocumentError::NoDetail { at });
        }
        match decode_document(raw, event) {
            Ok(finding) => self.findings.push(finding),
            Err(error) => self.faults.push(DocumentError::NoId { at, error }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::finding::Origin;

    fn finding(id: &str) -> Value {
        json!({"schemaVersion": "2.0", "accountId": "111122223333", "region": "eu-west-1", "id": id, "type": "Recon:EC2/Portscan", "severity": 5,
            "updatedAt": "2026-01-02T03:04:05.678Z", "service": {"detectorId": "d1"}})
    }

    fn ids(text: &str) -> Vec<String> {
        read_documents(text).findings.into_iter().map(|finding| finding.id).collect()
    }

    fn faults(text: &str) -> Vec<String> {
        read_documents(text).faults.iter().map(DocumentError::to_string).collect()
    }

    #[test]
    fn each_form_of_input_is_read() {
        let (a, b) = (finding("a"), finding("b"));
        let event = |f: &Value| json!({"detail-type": "GuardDuty Finding", "account": "444455556666", "region": "eu-west-1", "detail": f});
        for (form, text) in [
            ("one object", format!("{a:#}")),
            ("an array", json!([a]).to_string()),
            ("an event", event(&a).to_string()),
            ("the CLI", json!({"Findings": [{"Id": "a", "UpdatedAt": "2026-01-02T03:04:05.678Z"}]}).to_string()),
            ("lower case", json!({"findings": [{"id": "a", "updatedat": "2026-01-02T03:04:05.678Z"}]}).to_string()),
            ("NaN", r#"[{"id": "a", "severity": NaN}]"#.to_owned()),
        ] {
            assert_eq!(ids(&text), ["a"], "{form}");
        }
        assert_eq!(ids(&format!("\u{feff}{a}\n{b}\n")), ["a", "b"]);
        assert_eq!(ids(&format!("{}\r\n{}", event(&a), event(&b))), ["a", "b"]);
        assert_eq!(ids(&json!([event(&a), {"findings": [b]}]).to_string()), ["a", "b"]);
    }

    #[test]
    fn an_event_completes_its_finding() {
        let event = json!({"account": "444455556666", "region": "eu-west-1", "time": "2026-01-01T00:00:00Z",
            "detail": {"id": "a", "service": {"detectorId": "d1"}}});
        let finding = read_documents(&event.to_string()).findings.remove(0);
        let origin = Origin { account: "444455556666".into(), region: "eu-west-1".into(), detector: "d1".into() };
        assert_eq!(*finding.origin, origin);
        assert_eq!(
            (finding.account_id.as_str(), finding.region.as_str(), finding.updated_at.as_str()),
            ("444455556666", "eu-west-1", "2026-01-01T00:00:00.000Z")
        );
    }

    #[test]
    fn a_finding_without_times_has_none() {
        let finding = read_documents(r#"{"id": "a", "type": "Recon:EC2/Portscan"}"#).findings.remove(0);
        assert_eq!((finding.changed(), finding.listed_at()), (None, None));
    }

    #[test]
    fn what_is_not_a_finding_costs_only_itself() {
        let text = format!("{}\nnonsense\n[7]\n{{\"a\": 1}}\n{}", finding("a"), finding("b"));
        assert_eq!(ids(&text), ["a", "b"]);
        insta::assert_snapshot!(faults(&text).join("\n"), @r"
        line 2 is not JSON: expected ident at line 1 column 2
        item 3 is not a JSON object
        item 4 is a finding without id
        ");
    }

    #[test]
    fn finding_of_security_hub_has_its_own_error() {
        let imported = json!({"SchemaVersion": "2018-10-08", "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/guardduty", "Id": "arn:aws:guardduty:eu-west-1:1:detector/d/finding/f", "Severity": {"Label": "HIGH"}});
        let event = json!({"detail-type": "Security Hub Findings - Imported", "source": "aws.securityhub", "detail": {"findings": [imported]}});
        for document in [json!({"Findings": [imported]}), event] {
            assert_eq!(read_documents(&document.to_string()).faults, [DocumentError::SecurityHub { at: 1 }]);
        }
        let empty = json!({"id": "e1", "detail-type": "GuardDuty Finding", "detail": null});
        assert_eq!(read_documents(&empty.to_string()).faults, [DocumentError::NoDetail { at: 1 }]);
    }

    #[test]
    fn invalid_json_is_one_error() {
        for (text, error) in [
            ("{nonsense", "line 1 is not JSON: key must be a string at line 1 column 2"),
            ("", "there is no finding in the input"),
            ("[]", "there is no finding in the input"),
        ] {
            let faults = faults(text);
            assert!(faults.len() == 1 && faults[0].starts_with(error), "{text}: {faults:?}");
        }
        assert_eq!(faults(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))).len(), 1);
    }

    #[test]
    fn a_finding_kept_without_its_id_and_times_is_read() {
        let text =
            r#"{"arn": "arn:aws:guardduty:eu-west-1:1:detector/d/finding/f9", "createdAt": "2025-02-25 20:40:06.721"}"#;
        let finding = read_documents(text).findings.remove(0);
        assert_eq!((finding.id.as_str(), finding.updated.to_rfc3339().as_str()), ("f9", "2025-02-25T20:40:06.721Z"));
    }
}
