//! Findings as GuardDuty serializes them, made by a builder: `high("f1").ip("198.51.100.7").updated_ago(60)`.

mod kinds;
mod machines;
mod parts;
mod people;

use serde_json::{Value, json};

pub use kinds::Kind;

/// One state of one finding, before it is put into a source: times are relative, account and region the source's.
#[derive(Clone, Debug)]
pub struct FindingBuilder {
    id: String,
    kind: Kind,
    severity: f64,
    updated_ago_ms: i64,
    lasting_ms: i64,
    count: u64,
    visible: bool,
    ip: Option<String>,
    member: Option<String>,
    edits: Vec<(String, Value)>,
}

/// A finding of one kind with an id of one's own and a severity that this kind usually has.
pub fn finding_of(kind: Kind, id: &str) -> FindingBuilder {
    FindingBuilder {
        id: id.into(),
        kind,
        severity: kind.usual_severity(),
        updated_ago_ms: 120_000,
        lasting_ms: 60_000,
        count: 1,
        visible: true,
        ip: None,
        member: None,
        edits: Vec::new(),
    }
}

pub fn low(id: &str) -> FindingBuilder {
    finding_of(Kind::PortProbe, id).severity(2.0)
}

pub fn medium(id: &str) -> FindingBuilder {
    finding_of(Kind::PortProbe, id).severity(5.0)
}

pub fn high(id: &str) -> FindingBuilder {
    finding_of(Kind::PortProbe, id).severity(8.0)
}

pub fn critical(id: &str) -> FindingBuilder {
    finding_of(Kind::AttackSequence, id).severity(9.0)
}

/// `n` findings of medium severity, `PREFIX1` to `PREFIXn`, a second apart, the last the newest.
pub fn findings(prefix: &str, n: usize) -> impl Iterator<Item = FindingBuilder> {
    let prefix = prefix.to_owned();
    (1..=n).map(move |i| medium(&format!("{prefix}{i}")).updated_ago(60 + (n - i) as u64))
}

impl FindingBuilder {
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn is_visible(&self) -> bool {
        self.visible
    }

    pub fn severity(mut self, severity: f64) -> Self {
        self.severity = severity;
        self
    }

    /// Seconds before it is put in.
    pub fn updated_ago(mut self, seconds: u64) -> Self {
        self.updated_ago_ms = i64::try_from(seconds * 1000).unwrap_or(i64::MAX);
        self
    }

    /// Seconds between its first and its last event.
    pub fn first_seen_ago(mut self, seconds: u64) -> Self {
        self.lasting_ms = i64::try_from(seconds * 1000).unwrap_or(i64::MAX);
        self
    }

    /// How often it has been seen.
    pub fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// The remote address of its actor, wherever the kind has one.
    pub fn ip(mut self, ip: &str) -> Self {
        self.ip = Some(ip.into());
        self
    }

    /// The member account that it is about, when the source is a delegated administrator's.
    pub fn account(mut self, account: &str) -> Self {
        self.member = Some(account.into());
        self
    }

    /// It exists, but the list does not show it yet.
    pub fn not_yet_visible(mut self) -> Self {
        self.visible = false;
        self
    }

    pub fn archived(self) -> Self {
        self.with("/service/archived", true)
    }

    pub fn sample(self) -> Self {
        self.with("/service/additionalInfo", json!({ "value": "{\"sample\":true}", "type": "default" }))
    }

    /// Sets (or, by null, takes away) a member by its JSON pointer.
    pub fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        self.edits.push((pointer.into(), value.into()));
        self
    }

    /// The document; `now` in epoch milliseconds.
    pub fn document(&self, account: &str, region: &str, detector: &str, now: i64) -> Value {
        let (updated, first) = (now - self.updated_ago_ms, now - self.updated_ago_ms - self.lasting_ms);
        let member = self.member.as_deref().unwrap_or(account);
        let place = parts::FindingContext { account: member, region, id: &self.id, at: first as f64 / 1000.0 };
        let shape = self.kind.shape(&place);
        let mut service = json!({
            "serviceName": "guardduty", "detectorId": detector, "archived": false, "count": self.count,
            "resourceRole": "TARGET", "eventFirstSeen": iso(first), "eventLastSeen": iso(updated),
            "additionalInfo": { "value": "{}", "type": "default" },
        });
        merge(&mut service, shape.service);
        let mut document = json!({
            "schemaVersion": "2.0", "accountId": place.account, "region": region, "partition": "aws", "id": self.id,
            "arn": format!("arn:aws:guardduty:{region}:{account}:detector/{detector}/finding/{}", self.id),
            "type": shape.name, "severity": self.severity, "title": shape.title, "description": shape.description,
            "createdAt": iso(first), "updatedAt": iso(updated), "resource": shape.resource, "service": service,
        });
        if let Some(ip) = &self.ip {
            set_remote_ip(&mut document["service"], ip);
        }
        for (pointer, value) in &self.edits {
            set(&mut document, pointer, value.clone());
        }
        document
    }
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

fn set_remote_ip(node: &mut Value, ip: &str) {
    match node {
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "remoteIpDetails" => member["ipAddressV4"] = json!(ip),
                    "sourceIPs" => *member = json!([ip]),
                    _ => set_remote_ip(member, ip),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| set_remote_ip(item, ip)),
        _ => {}
    }
}

/// Sets what a JSON pointer names and makes the objects on the way; null takes it away.
pub fn set(document: &mut Value, pointer: &str, value: Value) {
    let (path, last) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    let mut at = document;
    for name in path.split('/').filter(|n| !n.is_empty()) {
        at = match (name.parse::<usize>(), at.is_array()) {
            (Ok(index), true) => &mut at[index],
            _ => &mut at[name],
        };
    }
    match (value, at.as_object_mut()) {
        (Value::Null, Some(object)) => drop(object.remove(last)),
        (value, _) => at[last] = value,
    }
}

/// 32 hexadecimal digits that stand for a name, as GuardDuty's own ids look.
pub fn hex_id(name: &str) -> String {
    let fnv = |seed: u64| name.bytes().fold(seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{:016x}{:016x}", fnv(0xcbf2_9ce4_8422_2325), fnv(0x6c62_272e_07bb_0142))
}

/// `2026-11-24T09:54:36.123Z` from epoch milliseconds.
pub fn iso(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|t| format!("{t:.3}")).unwrap_or_default()
}

/// Epoch milliseconds of an ISO 8601 timestamp.
pub fn millis(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// Epoch milliseconds now.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
