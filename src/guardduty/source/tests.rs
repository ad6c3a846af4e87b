//! The calls of a source with a fake AWS server.

mod detector;

use guardduty_slack_support::server::{Outcome, Reply};
use serde_json::{Value, json};

use super::super::wire::{Wire, answer, assumed, error, ok};
use super::*;

/// A server with a working STS, and a source that uses it.
async fn source(script: impl Fn(&str, &Value) -> Outcome + Send + Sync + 'static) -> (Wire, SourceClient) {
    let wire = Wire::answering(move |call| match call.op.as_str() {
        "AssumeRole" => assumed("ASIAROLE"),
        op => script(op, &call.body),
    });
    let source = wire.source().await;
    (wire, source)
}

fn found(ids: &[Value]) -> Outcome {
    let finding =
        |id| json!({"id": id, "updatedAt": "2026-11-24T09:54:36.123Z", "severity": 5.0, "type": "Recon:EC2/Portscan"});
    ok(json!({"findings": ids.iter().map(finding).collect::<Vec<_>>()}))
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("f{n}")).collect()
}

#[tokio::test]
async fn a_list_is_asked_for_by_update_oldest_first_without_archived_ones() {
    let (wire, source) = source(|_, _| ok(json!({"findingIds": ["a", "b"], "nextToken": "t2"}))).await;
    let page = source
        .list_findings("d1", Timestamp(1_764_000_000_001), Some(Timestamp(1_764_000_000_999)), Some("t1"))
        .await
        .unwrap();
    assert_eq!(page, ListPage { ids: vec!["a".into(), "b".into()], next_token: Some("t2".into()) });
    let asked = wire.asked().pop().unwrap();
    assert_eq!(
        (asked.op.as_str(), asked.region.as_str(), asked.key.as_str()),
        ("POST /detector/d1/findings", "eu-west-1", "ASIAROLE")
    );
    insta::assert_json_snapshot!(asked.body, @r#"
    {
      "findingCriteria": {
        "criterion": {
          "service.archived": {
            "equals": [
              "false"
            ]
          },
          "updatedAt": {
            "greaterThanOrEqual": 1764000000001,
            "lessThanOrEqual": 1764000000999
          }
        }
      },
      "maxResults": 50,
      "nextToken": "t1",
      "sortCriteria": {
        "attributeName": "updatedAt",
        "orderBy": "ASC"
      }
    }
    "#);
}

#[tokio::test]
async fn an_empty_token_is_the_end_and_a_list_may_have_no_upper_bound() {
    let (wire, source) = source(|_, _| ok(json!({"findingIds": [], "nextToken": ""}))).await;
    assert_eq!(source.list_findings("d1", Timestamp(7), None, None).await.unwrap(), ListPage::default());
    let body = wire.asked().pop().unwrap().body;
    assert_eq!(body["findingCriteria"]["criterion"]["updatedAt"], json!({"greaterThanOrEqual": 7}));
    assert_eq!(body.get("nextToken"), None);
}

#[tokio::test]
async fn details_are_asked_for_fifty_at_a_time() {
    let (wire, source) = source(|_, body| found(body["findingIds"].as_array().unwrap())).await;
    assert_eq!(source.get_findings("d1", &numbered(120)).await.unwrap().len(), 120);
    let sizes: Vec<usize> = wire.asked()[1..].iter().map(|a| a.body["findingIds"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [50, 50, 20]);
    assert!(source.get_findings("d1", &[]).await.unwrap().is_empty());
    assert_eq!(wire.asked().len(), 4, "nothing is asked for no ids");
}

#[tokio::test]
async fn finding_has_account_and_region() {
    let (_wire, source) = source(|_, body| found(body["findingIds"].as_array().unwrap())).await;
    let finding = source.get_findings("d1", &numbered(1)).await.unwrap().remove(0);
    let origin = (finding.origin.account.as_str(), finding.origin.region.as_str(), finding.origin.detector.as_str());
    assert_eq!(origin, ("111122223333", "eu-west-1", "d1"));
}

fn asked_ids(body: &Value) -> Vec<String> {
    body["findingIds"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn ids_of(findings: &[Finding]) -> Vec<&str> {
    let mut ids: Vec<&str> = findings.iter().map(|finding| finding.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_finding_without_an_id_is_the_one_that_is_missing() {
    let (_wire, source) =
        source(|_, _| ok(json!({"findings": [{"type": "x"}, {"id": "f0", "updatedAt": "2026-11-24T09:54:36Z"}]})))
            .await;
    assert_eq!(ids_of(&source.get_findings("d1", &numbered(2)).await.unwrap()), ["f0", "f1"]);
}

#[tokio::test]
async fn findings_without_ids_are_requested_alone() {
    let (wire, source) = source(|_, body| {
        let finding = |id: &String| match id.as_str() {
            "f1" | "f2" => json!({"id": {"odd": 1}, "title": id}),
            id => json!({"id": id, "title": id}),
        };
        ok(json!({"findings": asked_ids(body).iter().map(finding).collect::<Vec<_>>()}))
    })
    .await;
    let findings = source.get_findings("d1", &numbered(4)).await.unwrap();
    assert_eq!(ids_of(&findings), ["f0", "f1", "f2", "f3"]);
    assert!(findings.iter().all(|finding| finding.title.as_ref() == Some(&finding.id)));
    assert_eq!(wire.asked().len(), 1 + 1 + 2);
}

#[tokio::test]
async fn a_finding_that_the_answer_does_not_contain_is_missing() {
    let (_wire, source) = source(|_, _| found(&[json!("f0")])).await;
    assert_eq!(ids_of(&source.get_findings("d1", &numbered(2)).await.unwrap()), ["f0"]);
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_requested_again() {
    for broken in
        ["<html>sign in to the network</html>", r#"{"findings": [{"id": "f0", "#, "", r#"{"message": "hello"}"#]
    {
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let (wire, source) = source(move |_, body| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => answer(200, broken),
            _ => found(body["findingIds"].as_array().unwrap()),
        })
        .await;
        assert_eq!(source.get_findings("d1", &numbered(3)).await.unwrap().len(), 3, "{broken}");
        assert_eq!(wire.counted()[..2], ["guardduty GetFindings 200: 1", "guardduty GetFindings error: 1"]);
    }
}

#[tokio::test]
async fn a_finding_whose_answer_is_never_json_has_its_id_only() {
    let (wire, source) = source(|_, body| match body["findingIds"].as_array().unwrap() {
        ids if ids.contains(&json!("f13")) => answer(200, r#"{"findings": [{"id": "f13", "#),
        ids => found(ids),
    })
    .await;
    let findings = source.get_findings("d1", &numbered(50)).await.unwrap();
    assert_eq!(findings.len(), 50);
    let odd: Vec<&Finding> = findings.iter().filter(|finding| finding.raw.is_some()).collect();
    assert_eq!(odd.iter().map(|finding| finding.id.as_str()).collect::<Vec<_>>(), ["f13"]);
    assert_eq!(odd[0].raw.as_deref(), Some(r#"{"findings": [{"id": "f13", "#));
    assert!(wire.asked().len() < 26, "{} calls for one finding", wire.asked().len());
}

#[tokio::test]
async fn when_no_answer_is_json_the_source_is_unreadable() {
    let (wire, source) = source(|_, _| answer(200, "<html>sign in to the network</html>")).await;
    for ids in [numbered(50), numbered(1)] {
        let Err(e) = source.get_findings("d1", &ids).await else { panic!("read") };
        assert_eq!(e.reason(), "malformed");
        assert!(e.to_string().contains("sign in to the network"), "{e}");
    }
    assert!(wire.asked().len() < 60, "{}", wire.asked().len());
}

#[tokio::test]
async fn documents_are_those_that_were_received() {
    let body = r#"{"findings": [{"id":"f0",  "count":"1e3"}, null, {"id":"f1"}]}"#;
    let (_wire, source) = source(move |_, _| answer(200, body)).await;
    let documents = source.documents("d1", &numbered(2)).await.unwrap();
    let documents: Vec<_> = documents.iter().map(|(id, text)| format!("{id}: {text}")).collect();
    assert_eq!(documents, [r#"f0: {"id":"f0",  "count":"1e3"}"#, r#"f1: {"id":"f1"}"#]);
}

#[tokio::test]
async fn odd_lists_are_read() {
    let (_wire, source) =
        source(|_, _| ok(json!({"findingIds": ["a", null], "nextToken": null, "more": [null]}))).await;
    assert_eq!(
        source.list_findings("d1", Timestamp(7), None, None).await.unwrap(),
        ListPage { ids: vec!["a".into()], next_token: None }
    );
}

#[tokio::test]
async fn a_denial_is_not_retried() {
    let (wire, source) = source(|_, _| {
        error(403, "AccessDeniedException", "User: x is not authorized to perform: guardduty:ListDetectors")
    })
    .await;
    let e = source.list_detectors().await.unwrap_err();
    assert!(e.is_access_denied());
    let text = "AccessDeniedException: User: x is not authorized to perform: guardduty:ListDetectors";
    assert_eq!(e.to_string(), format!("ListDetectors in eu-west-1: {text}"));
    assert_eq!(wire.ops(), ["AssumeRole", "GET /detector?maxResults=50"]);
}

#[tokio::test]
async fn throttling_is_retried_and_then_reported() {
    let (wire, source) = source(|_, _| error(400, "ThrottlingException", "Rate exceeded")).await;
    let e = source.list_detectors().await.unwrap_err();
    assert_eq!((e.is_access_denied(), e.reason()), (false, "throttled"));
    assert_eq!(wire.ops().len(), 1 + 3);
}

#[tokio::test]
async fn transient_source_failure_is_not_announced() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let (wire, source) = source(move |_, _| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => answer(503, "<html>busy</html>"),
        1 => Outcome::Cut(Reply::json(200, &json!({"detectorIds": ["d1"]}))),
        _ => ok(json!({"detectorIds": ["d1"]})),
    })
    .await;
    assert_eq!(source.list_detectors().await.unwrap(), ["d1"]);
    insta::assert_snapshot!(wire.counted().join("\n"), @"
    guardduty ListDetectors 200: 1
    guardduty ListDetectors 503: 1
    guardduty ListDetectors error: 1
    sts AssumeRole 200: 1
    ");
}
