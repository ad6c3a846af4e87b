//! What is read of a detector besides its findings: status, features, counts, and what is watched.

use super::*;

#[tokio::test]
async fn missing_detector_has_its_own_error() {
    let text = "The request is rejected because the input detectorId is not owned by the current account.";
    let (_wire, source) = source(move |_, _| error(400, "BadRequestException", text)).await;
    assert!(matches!(source.detector_info("d1").await, Err(ReadError::DetectorNotFound(_))));
}

#[tokio::test]
async fn a_detector_is_enabled_or_not() {
    let (_wire, source) =
        source(|op, _| ok(json!({"status": if op.ends_with("on") { "ENABLED" } else { "DISABLED" }}))).await;
    let is_enabled = async |detector| source.detector_info(detector).await.unwrap().enabled;
    assert_eq!((is_enabled("on").await, is_enabled("off").await), (true, false));
}

#[tokio::test]
async fn features_of_a_detector_and_their_options_are_read() {
    let features = json!([
        {"name": "S3_DATA_EVENTS", "status": "DISABLED"},
        {"name": "RUNTIME_MONITORING", "status": "ENABLED", "additionalConfiguration": [
            {"name": "EKS_ADDON_MANAGEMENT", "status": "DISABLED"}, {"name": "A_NEW_OPTION"},
        ]},
        {"name": "A_NEW_FEATURE", "status": "ENABLED"},
        {"status": "ENABLED"},
    ]);
    let (_wire, source) = source(move |_, _| ok(json!({"status": "ENABLED", "features": features}))).await;
    let features = source.detector_info("d1").await.unwrap().features;
    let shown: Vec<String> = features.iter().map(|(name, is_enabled)| format!("{name} {is_enabled}")).collect();
    assert_eq!(
        shown,
        [
            "A_NEW_FEATURE true",
            "RUNTIME_MONITORING true",
            "RUNTIME_MONITORING/EKS_ADDON_MANAGEMENT false",
            "S3_DATA_EVENTS false"
        ]
    );
}

#[tokio::test]
async fn open_findings_are_counted_by_severity_level() {
    let rows = [(2.0, 190), (3.9, 8), (5.0, 1), (7.0, 3), (8.9, 11), (9.0, 2)];
    let rows = rows.map(|(severity, total)| json!({"severity": severity, "totalFindings": total}));
    let (wire, source) = source(move |_, _| ok(json!({"findingStatistics": {"groupedBySeverity": rows}}))).await;
    let open = source.count_open_findings("d1", Some(Timestamp(99))).await.unwrap();
    assert_eq!(open.values().copied().collect::<Vec<_>>(), [198, 1, 14, 2]);
    insta::assert_json_snapshot!(wire.asked().pop().unwrap().body, @r#"
    {
      "findingCriteria": {
        "criterion": {
          "service.archived": {
            "equals": [
              "false"
            ]
          },
          "updatedAt": {
            "lessThan": 99
          }
        }
      },
      "groupBy": "SEVERITY",
      "maxResults": 100
    }
    "#);
}

#[tokio::test]
async fn severity_levels_without_findings_are_zero() {
    let (_wire, source) = source(|_, _| ok(json!({"findingStatistics": {}}))).await;
    assert_eq!(source.count_open_findings("d1", None).await.unwrap().len(), 4);
}

#[tokio::test]
async fn filters_and_trusted_lists_are_watched() {
    let (_wire, source) = source(|op, _| match op {
        "GET /detector/d1/filter?maxResults=50" => ok(json!({"filterNames": ["a"], "nextToken": "2"})),
        "GET /detector/d1/filter?maxResults=50&nextToken=2" => ok(json!({"filterNames": ["b"]})),
        "GET /detector/d1/filter/b" => {
            ok(json!({"name": "b", "action": "ARCHIVE", "findingCriteria": {"criterion": {}}}))
        }
        "GET /detector/d1/ipset?maxResults=50" => ok(json!({"ipSetIds": ["i"]})),
        "GET /detector/d1/ipset/i" => {
            ok(json!({"name": "office", "format": "TXT", "status": "ACTIVE", "location": "s3://b/k"}))
        }
        _ => error(404, "UnknownOperationException", op),
    })
    .await;
    assert_eq!(source.watched_ids("d1", Subject::Filters).await.unwrap(), ["a", "b"]);
    assert!(source.watched("d1", Subject::Filters, "b").await.unwrap().active);
    assert_eq!(source.watched_ids("d1", Subject::IpSets).await.unwrap(), ["i"]);
    assert_eq!(source.watched("d1", Subject::IpSets, "i").await.unwrap().name, "office");
}

#[tokio::test]
async fn entity_lists_members_and_coverage_are_watched() {
    let (_wire, source) = source(|op, _| match op {
        "GET /detector/d1/trustedentityset?maxResults=50" => ok(json!({"trustedEntitySetIds": ["t"]})),
        "GET /detector/d1/trustedentityset/t" => {
            ok(json!({"name": "office", "format": "TXT", "status": "ACTIVE", "location": "s3://b/k", "updatedAt": 1.7e9}))
        }
        "GET /detector/d1/threatintelset/i" => ok(json!({"name": "bad", "format": "TXT", "status": "INACTIVE"})),
        "GET /detector/d1/threatentityset/e" => ok(json!({"name": "worse", "format": "TXT", "status": "ACTIVE"})),
        "GET /detector/d1/member?maxResults=50&onlyAssociated=false" => {
            ok(json!({"members": [{"accountId": "444455556666", "relationshipStatus": "Enabled"}]}))
        }
        "POST /detector/d1/coverage" => ok(json!({"resources": [{
            "resourceId": "r", "issue": "No pods", "coverageStatus": "UNHEALTHY", "resourceDetails": {"resourceType": "EKS"}
        }]})),
        _ => error(404, "UnknownOperationException", op),
    })
    .await;
    assert_eq!(source.watched_ids("d1", Subject::TrustedEntitySets).await.unwrap(), ["t"]);
    let trusted = source.watched("d1", Subject::TrustedEntitySets, "t").await.unwrap();
    assert_eq!((trusted.active, trusted.changed), (true, Some(Timestamp(1_700_000_000_000))));
    assert!(!source.watched("d1", Subject::ThreatIntelSets, "i").await.unwrap().active);
    assert!(source.watched("d1", Subject::ThreatEntitySets, "e").await.unwrap().active);
    assert_eq!(source.members("d1").await.unwrap().unwrap()["444455556666"], "Enabled");
    let uncovered = source.uncovered("d1").await.unwrap();
    assert_eq!((uncovered[0].resource_type.as_str(), uncovered[0].reason.as_deref()), ("EKS", Some("No pods")));
}

#[tokio::test]
async fn account_that_is_not_an_administrator_has_no_members() {
    let (_wire, source) = source(|_, _| error(400, "BadRequestException", "not an administrator")).await;
    assert_eq!(source.members("d1").await.unwrap(), None);
}
