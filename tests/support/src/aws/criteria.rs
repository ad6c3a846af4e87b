//! `findingCriteria.criterion` as ListFindings and GetFindingsStatistics document it: which findings match.

use serde_json::{Map, Value};

use super::{AwsError, bad_request};
use crate::findings::millis;

/// The fields that the program has reason to ask for; the real list is longer.
const FIELDS: [&str; 9] = [
    "accountId",
    "createdAt",
    "id",
    "region",
    "severity",
    "type",
    "updatedAt",
    "service.archived",
    "resource.resourceType",
];

/// Rejects criteria that the service does not accept.
pub(super) fn validate(criteria: &Map<String, Value>) -> Result<(), AwsError> {
    for (field, conditions) in criteria {
        if !FIELDS.contains(&field.as_str()) {
            return Err(bad_request(format_args!("the criterion {field} is unknown.")));
        }
        for (condition, want) in conditions.as_object().into_iter().flatten() {
            holds(field, condition, want, &Value::Null)?;
        }
    }
    Ok(())
}

/// Whether a finding, updated at `updated` (epoch milliseconds), meets all criteria. The time is compared first: it
/// excludes most findings of a flood.
pub(super) fn matches(criteria: &Map<String, Value>, finding: &Value, updated: i64) -> Result<bool, AwsError> {
    let others = criteria.iter().filter(|(field, _)| *field != "updatedAt");
    for (field, conditions) in criteria.get_key_value("updatedAt").into_iter().chain(others) {
        let value = match field.as_str() {
            "updatedAt" => Value::from(updated),
            "createdAt" => finding["createdAt"].as_str().and_then(millis).map_or(Value::Bool(false), Value::from),
            _ => finding.pointer(&format!("/{}", field.replace('.', "/"))).cloned().unwrap_or(Value::Bool(false)),
        };
        for (condition, want) in conditions.as_object().into_iter().flatten() {
            if !holds(field, condition, want, &value)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn holds(field: &str, condition: &str, want: &Value, value: &Value) -> Result<bool, AwsError> {
    let wrong = |what: &str| bad_request(format_args!("{field}.{condition} must be {what}, it is {want}."));
    if let "equals" | "notEquals" | "eq" | "neq" = condition {
        let list = want.as_array().filter(|l| (1..=50).contains(&l.len()) && l.iter().all(Value::is_string));
        let list = list.ok_or_else(|| wrong("a list of 1 to 50 strings"))?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let found = list.iter().filter_map(Value::as_str).any(|w| w == text);
        return Ok(found == matches!(condition, "equals" | "eq"));
    }
    let bound = want.as_i64().ok_or_else(|| wrong("an integer"))? as f64;
    if matches!(condition, "gt" | "gte" | "lt" | "lte") && bound > f64::from(i32::MAX) {
        return Err(wrong("a 32-bit integer"));
    }
    let value = value.as_f64().unwrap_or(f64::NAN);
    Ok(match condition {
        "greaterThan" | "gt" => value > bound,
        "greaterThanOrEqual" | "gte" => value >= bound,
        "lessThan" | "lt" => value < bound,
        "lessThanOrEqual" | "lte" => value <= bound,
        _ => return Err(bad_request(format_args!("the condition {condition} is unknown."))),
    })
}
