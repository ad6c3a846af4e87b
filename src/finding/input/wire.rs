//! Brings JSON about findings, however it was kept, into the form that GuardDuty's own answers have.
//!
//! The AWS CLI prints member names (`AccountId`) and ISO times, EventBridge expands `additionalInfo`, exports hold
//! `null`s, spreadsheets turn booleans and numbers into strings. The model of the API says what each member is; what
//! cannot be made that is left out, so that one odd member costs itself and not the finding.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Number, Value};

use crate::finding::sdk::instant;

/// What a member is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Text,
    Integer { bits: u32 },
    Double,
    Boolean,
    Timestamp,
    List(Box<Kind>),
    Map(Box<Kind>),
    Shape(&'static str),
}

struct Member {
    wire: &'static str,
    kind: Kind,
}

/// The members of a shape by each of their names in small letters.
type Shape = HashMap<String, Member>;

static SHAPES: LazyLock<HashMap<&'static str, Shape>> =
    LazyLock::new(|| include_str!("wire.txt").lines().filter(|l| !l.starts_with('#')).filter_map(shape).collect());

fn shape(line: &'static str) -> Option<(&'static str, Shape)> {
    let (name, members) = line.split_once(' ')?;
    let mut shape = Shape::new();
    for member in members.split(' ') {
        let (names, kind) = member.split_once(':')?;
        let (own, wire) = names.split_once('=').unwrap_or((names, names));
        let kind = Kind::parse(kind)?;
        for name in [own, wire] {
            shape.insert(name.to_lowercase(), Member { wire, kind: kind.clone() });
        }
    }
    Some((name, shape))
}

impl Kind {
    fn parse(text: &'static str) -> Option<Kind> {
        let inner = |open, close| text.strip_prefix(open).and_then(|t: &'static str| t.strip_suffix(close));
        Some(match text {
            "s" => Kind::Text,
            "i" => Kind::Integer { bits: 32 },
            "l" => Kind::Integer { bits: 64 },
            "f" => Kind::Double,
            "b" => Kind::Boolean,
            "t" => Kind::Timestamp,
            "" => return None,
            _ => match (inner('[', ']'), inner('{', '}')) {
                (Some(of), _) => Kind::List(Box::new(Kind::parse(of)?)),
                (_, Some(of)) => Kind::Map(Box::new(Kind::parse(of)?)),
                _ => Kind::Shape(text),
            },
        })
    }
}

/// The members of a shape by their wire names, in a stable order.
#[cfg(test)]
pub(super) fn members(name: &str) -> std::collections::BTreeMap<&'static str, Kind> {
    SHAPES.get(name).into_iter().flat_map(HashMap::values).map(|m| (m.wire, m.kind.clone())).collect()
}

/// One finding in the form of an element of GetFindings' answer.
pub(super) fn finding(raw: Map<String, Value>) -> Value {
    structure("Finding", raw)
}

fn structure(name: &str, raw: Map<String, Value>) -> Value {
    let raw = if name == "ServiceAdditionalInfo" { collapsed(raw) } else { raw };
    let mut out = Map::new();
    let Some(shape) = SHAPES.get(name) else { return Value::Object(out) };
    for (key, value) in raw {
        let Some(member) = shape.get(&key.to_lowercase()) else { continue };
        if let Some(value) = mend(&member.kind, value) {
            out.insert(member.wire.to_owned(), value);
        }
    }
    Value::Object(out)
}

/// EventBridge writes the members of `additionalInfo` beside `value` and `type`; GuardDuty's answer has them as JSON text in `value`.
fn collapsed(mut raw: Map<String, Value>) -> Map<String, Value> {
    let kept = |key: &String| matches!(key.to_lowercase().as_str(), "value" | "type");
    let (mut own, expanded): (Map<_, _>, Map<_, _>) =
        std::mem::take(&mut raw).into_iter().partition(|(key, _)| kept(key));
    if expanded.is_empty() {
        return own;
    }
    let (key, told) = own
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case("value"))
        .map_or(("value".to_owned(), None), |(k, v)| (k.clone(), v.as_str()));
    let mut all = match told.map(serde_json::from_str) {
        Some(Ok(Value::Object(all))) => all,
        _ => Map::new(),
    };
    all.extend(expanded);
    own.insert(key, Value::String(Value::Object(all).to_string()));
    own
}

/// The value as its kind, or nothing.
fn mend(kind: &Kind, value: Value) -> Option<Value> {
    if value.is_null() {
        return None;
    }
    match kind {
        Kind::Text => text(value),
        Kind::Integer { bits } => integer(&value).filter(|n| *bits == 64 || i32::try_from(*n).is_ok()).map(Value::from),
        Kind::Double => number(&value).and_then(Number::from_f64).map(Value::Number),
        Kind::Boolean => boolean(&value).map(Value::Bool),
        Kind::Timestamp => timestamp(&value).and_then(Number::from_f64).map(Value::Number),
        Kind::List(of) => Some(Value::Array(match value {
            Value::Array(items) => items.into_iter().filter_map(|item| mend(of, item)).collect(),
            one => mend(of, one).into_iter().collect(),
        })),
        Kind::Map(of) => match value {
            Value::Object(map) => {
                Some(Value::Object(map.into_iter().filter_map(|(k, v)| Some((k, mend(of, v)?))).collect()))
            }
            _ => None,
        },
        Kind::Shape(name) => match value {
            Value::Object(map) => Some(structure(name, map)),
            _ => None,
        },
    }
}

fn text(value: Value) -> Option<Value> {
    match value {
        Value::String(_) => Some(value),
        Value::Number(n) => Some(Value::String(n.to_string())),
        Value::Bool(b) => Some(Value::String(b.to_string())),
        // A JSON text that somebody parsed, such as the `parameters` of a Kubernetes call.
        Value::Object(_) | Value::Array(_) => Some(Value::String(value.to_string())),
        Value::Null => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    };
    number.filter(|n| n.is_finite())
}

fn integer(value: &Value) -> Option<i64> {
    // Floats hold whole numbers exactly up to 2^53; what lies beyond is no count.
    value.as_i64().or_else(|| number(value).filter(|n| n.abs() < 9e15).map(|n| n as i64))
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::String(s) => match s.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => number(value).map(|n| n != 0.0),
    }
}

/// Seconds since the epoch: given so, in milliseconds, or as an ISO time.
fn timestamp(value: &Value) -> Option<f64> {
    let seconds = match (number(value), value.as_str()) {
        (Some(n), _) => n,
        (None, Some(s)) => instant(Some(s))?.seconds(),
        _ => return None,
    };
    let seconds = if seconds.abs() > 1e11 { seconds / 1_000.0 } else { seconds };
    // The SDK's instants reach from the year -9999 to 9999.
    (seconds.abs() < 2e11).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wire(value: Value) -> Value {
        match value {
            Value::Object(map) => finding(map),
            _ => Value::Null,
        }
    }

    #[test]
    fn the_model_is_read_whole() {
        let wires: usize =
            include_str!("wire.txt").lines().filter(|l| !l.starts_with('#')).map(|l| l.split(' ').count() - 1).sum();
        assert_eq!((SHAPES.len(), wires), (132, 601));
        let shapes = |kind: &Kind| {
            let mut kind = kind.clone();
            while let Kind::List(of) | Kind::Map(of) = kind {
                kind = *of;
            }
            kind
        };
        for member in SHAPES.values().flat_map(HashMap::values) {
            if let Kind::Shape(name) = shapes(&member.kind) {
                assert!(SHAPES.contains_key(name), "{name}");
            }
        }
    }

    #[test]
    fn member_names_of_the_cli_become_wire_names() {
        let cli = json!({"AccountId": "1", "Service": {"Action": {"RdsLoginAttemptAction": {"LoginAttributes": [{"User": "u"}]},
            "KubernetesApiCallAction": {"SourceIps": ["203.0.113.7"]}}, "Detection": {"Sequence": {"Endpoints": [{"Location": {"Latitude": 1, "Longitude": 2}}],
            "Actors": [{"User": {"Account": {"Uid": "1", "Name": "prod"}}}], "Resources": [{"Data": {"Ec2Instance": {"IamInstanceProfile": {"Id": "p"}},
            "KubernetesWorkload": {"KubernetesResourcesTypes": "PODS"}}}]}}},
            "Resource": {"InstanceDetails": {"ProductCodes": [{"Code": "c", "ProductType": "t"}]},
            "EcsClusterDetails": {"TaskDetails": {"TaskCreatedAt": "2026-01-01T00:00:00+00:00"}}}});
        assert_eq!(
            wire(cli),
            json!({"accountId": "1", "service": {"action": {"rdsLoginAttemptAction": {"LoginAttributes": [{"user": "u"}]},
            "kubernetesApiCallAction": {"sourceIPs": ["203.0.113.7"]}}, "detection": {"sequence": {"endpoints": [{"location": {"lat": 1.0, "lon": 2.0}}],
            "actors": [{"user": {"account": {"uid": "1", "account": "prod"}}}], "resources": [{"data": {"ec2Instance": {"IamInstanceProfile": {"id": "p"}},
            "kubernetesWorkload": {"type": "PODS"}}}]}}},
            "resource": {"instanceDetails": {"productCodes": [{"productCodeId": "c", "productCodeType": "t"}]},
            "ecsClusterDetails": {"taskDetails": {"createdAt": 1_767_225_600.0}}}})
        );
    }

    #[test]
    fn what_people_keep_is_mended() {
        let kept = json!({"id": 5, "title": null, "severity": "8.0", "unknown": 1, "resource": {"s3BucketDetails": {"name": "b", "createdAt": "2026-01-01 00:00:00"},
            "instanceDetails": "gone"}, "service": {"archived": "False", "count": "14", "additionalInfo": {"sample": true, "type": "default"},
            "action": {"networkConnectionAction": {"blocked": "maybe", "localPortDetails": {"port": 99_999_999_999_i64}}}}});
        assert_eq!(
            wire(kept),
            json!({"id": "5", "severity": 8.0, "resource": {"s3BucketDetails": [{"name": "b", "createdAt": 1_767_225_600.0}]},
            "service": {"archived": false, "count": 14, "additionalInfo": {"type": "default", "value": "{\"sample\":true}"},
            "action": {"networkConnectionAction": {"localPortDetails": {}}}}})
        );
    }

    #[test]
    fn keys_of_maps_are_data() {
        let call =
            json!({"service": {"action": {"awsApiCallAction": {"affectedResources": {"AWS::S3::Bucket": "b"}}}}});
        assert_eq!(wire(call.clone()), call);
    }
}
