//! The log has a finding in full if Slack shows it only in the minimal form.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::config::LogFormat;
use crate::guardduty::{ReadError, TransientReason};
use crate::telemetry::tests::logged;

type Documents = Result<BTreeMap<String, String>, ReadError>;

/// Plays a run in which Slack rejects the blocks and the text of a finding, and GuardDuty returns these documents.
fn play_with_rejected_content(config: &Config, documents: Documents) {
    let mut run = begin(config);
    run.show(&["f1"]);
    run.answer_save(Ok(()));
    for _ in 0..2 {
        run.respond(Err(SlackError::ContentRejected("invalid_blocks".into())));
        run.pass(Duration::from_secs(1));
    }
    run.acknowledge();
    let (id, query) = run.queries.remove(0);
    assert!(matches!(query, Query::Documents(FindingIds { ids, .. }) if ids == ["f1"]));
    run.handle(Event::QueryAnswered(QueryId::default(), QueryResponse::Documents(Ok(BTreeMap::new()))));
    assert!(run.saves.is_empty(), "this is not the reply to the query");
    run.handle(Event::QueryAnswered(id, QueryResponse::Documents(documents)));
    run.answer_save(Ok(()));
    assert!(run.core.is_finished() && run.core.is_success());
}

#[test]
fn a_finding_in_the_minimal_form_is_logged_as_guardduty_returns_it_or_as_far_as_it_was_read() {
    const DOCUMENT: &str = r#"{"id": "f1", "everything": true}"#;
    let config = config(&[]);
    let unavailable = ReadError::Transient { reason: TransientReason::Timeout, text: "no response".into() };
    for (documents, is_complete) in [
        (Ok([("f1".to_owned(), DOCUMENT.to_owned())].into()), true),
        (Ok(BTreeMap::new()), false),
        (Err(unavailable), false),
    ] {
        let lines = logged(LogFormat::Json, "warn", || play_with_rejected_content(&config, documents));
        let events: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let complete: Vec<&Value> = events.iter().filter(|event| event["message"] == "complete finding").collect();
        let [event] = complete[..] else { panic!("{events:?}") };
        assert_eq!((&event["finding_id"], &event["source"]), (&"f1".into(), &format!("{ACCOUNT}/{REGION}").into()));
        let text = event["finding"].as_str().unwrap();
        let members: Value = serde_json::from_str(text).unwrap();
        assert_eq!(members["id"], "f1");
        assert_eq!(text == DOCUMENT, is_complete);
        assert_eq!(members["type"] == "Recon:EC2/Portscan", !is_complete, "{text}");
    }
}
