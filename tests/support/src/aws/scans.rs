//! Malware scans, which are listed without a detector.

use serde_json::{Value, json};

use super::guardduty::Scan;
use super::{AwsError, bad_request};
use crate::findings::now;
use crate::journal::Call;

pub(super) fn answer(scans: &[Scan], call: &Call, body: &Value) -> Result<Value, AwsError> {
    if call.operation == "ListMalwareScans" {
        return list(scans, body);
    }
    let scan = scans.iter().find(|scan| scan.id == call.detail);
    let scan = scan.ok_or_else(|| bad_request("the input scanId does not exist."))?;
    let mut answer = summary(scan);
    answer["scanStatusReason"] = json!(scan.reason);
    Ok(answer)
}

/// One page. The criteria take one key, and the order is required.
fn list(scans: &[Scan], body: &Value) -> Result<Value, AwsError> {
    if body["sortCriteria"] != json!({ "attributeName": "scanStartTime", "orderBy": "DESC" }) {
        return Err(bad_request("this service sorts by scanStartTime, the newest first."));
    }
    let criteria = body["filterCriteria"]["filterCriterion"].as_array().map(Vec::as_slice).unwrap_or_default();
    let status = match criteria {
        [] => None,
        [one] if one["criterionKey"] == "SCAN_STATUS" => one["filterCondition"]["equalsValue"].as_str(),
        _ => return Err(bad_request("this service filters by SCAN_STATUS alone.")),
    };
    let mut found: Vec<&Scan> = scans.iter().filter(|scan| status.is_none_or(|status| scan.status == status)).collect();
    found.sort_by_key(|scan| scan.age);
    let page: Vec<Value> = found.iter().take(50).map(|scan| summary(scan)).collect();
    let mut answer = json!({ "scans": page });
    if found.len() > 50 {
        answer["nextToken"] = json!("more");
    }
    Ok(answer)
}

fn summary(scan: &Scan) -> Value {
    let started = now() / 1_000 - scan.age;
    json!({
        "scanId": scan.id, "resourceArn": scan.resource, "resourceType": scan.resource_type,
        "scanStatus": scan.status, "scanType": "GUARDDUTY_INITIATED", "scanStartedAt": started,
    })
}
