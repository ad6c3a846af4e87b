//! The data of the server: AWS with any number of findings, Slack, a Pushgateway, a ConfigMap.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use guardduty_slack_support::findings::{Kind, finding_of, iso};
use serde_json::{Value, json};

use crate::server::Request;

pub(crate) const DETECTOR: &str = "12abc34d567e8fa901bc2d34e56789f0";
pub(crate) const PAGE: usize = 50;
pub(crate) const REGIONS: [&str; 20] = [
    "eu-west-1",
    "eu-central-1",
    "us-east-1",
    "us-west-2",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "eu-south-1",
    "us-east-2",
    "us-west-1",
    "ca-central-1",
    "sa-east-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "af-south-1",
    "me-south-1",
];
/// Number of accounts to which the findings of a region belong in turn.
pub(crate) const ACCOUNTS: usize = 20;

/// Placeholders in the model findings, with the length of their replacements.
const ID: &str = "ffffffffffffffffffffffffffffffff";
const ACCOUNT: &str = "999988887777";
const REGION: &str = "zz-somewhere-0";
const THEN: i64 = 0;

pub struct World {
    pub latency: Duration,
    /// Number of findings in each region.
    findings: usize,
    /// Time of the oldest finding, and the interval between two findings, in milliseconds.
    first: i64,
    step: i64,
    models: Vec<Vec<Piece>>,
    posted: AtomicU64,
    /// The document of the ConfigMap, and its version.
    object: Mutex<(Option<String>, u64)>,
}

enum Piece {
    Text(String),
    Id,
    Account,
    Region,
    Updated,
}

pub struct Answer {
    pub what: &'static str,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

impl World {
    pub fn empty() -> Self {
        Self::with(Duration::ZERO, 0, 0, 1)
    }

    /// Creates `findings` findings per region, distributed evenly from `first` to `last` (epoch milliseconds).
    pub fn with(latency: Duration, findings: usize, first: i64, last: i64) -> Self {
        let step = ((last - first) / findings.max(1) as i64).max(1);
        let models = Kind::ALL.into_iter().map(model).collect();
        Self { latency, findings, first, step, models, posted: AtomicU64::new(0), object: Mutex::default() }
    }

    pub fn answer(&self, request: &Request) -> Answer {
        let region = request.authorization.split('/').nth(2).unwrap_or_default();
        let (what, content_type, body) = self.route(request, region);
        Answer { what, content_type, body }
    }

    fn route(&self, request: &Request, region: &str) -> (&'static str, &'static str, Vec<u8>) {
        let path = request.path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let json = |what, value: Value| (what, "application/json", value.to_string().into_bytes());
        match (request.method.as_str(), &parts[..]) {
            ("GET", ["detector"]) => json("ListDetectors", json!({ "detectorIds": [DETECTOR] })),
            ("GET", ["detector", _]) => json("GetDetector", detector()),
            ("POST", ["detector", _, "findings"]) => ("ListFindings", "application/json", self.list(request, region)),
            ("POST", ["detector", _, "findings", "get"]) => {
                ("GetFindings", "application/json", self.get(request, region))
            }
            ("POST", ["detector", _, "findings", "statistics"]) => json("GetFindingsStatistics", statistics()),
            ("GET", ["detector", _, "filter"]) => json("ListFilters", json!({ "filterNames": ["Scanners"] })),
            ("GET", ["detector", _, "filter", _]) => json("GetFilter", filter()),
            ("GET", ["detector", _, "ipset"]) => {
                json("ListIPSets", json!({ "ipSetIds": ["0cb0141ab9fbde177613ab9436212e90"] }))
            }
            ("GET", ["detector", _, "ipset", _]) => json("GetIPSet", ip_set()),
            ("GET", ["api", "auth.test"]) => json("auth.test", auth()),
            ("POST", ["api", "chat.postMessage"]) => json("chat.postMessage", self.post(request)),
            ("GET", ["api", "conversations.history"]) => {
                json("conversations.history", json!({ "ok": true, "messages": [], "has_more": false }))
            }
            ("GET", ["api", "v1", ..]) => json("get ConfigMap", self.config_map(None)),
            ("PATCH", ["api", "v1", ..]) => json("patch ConfigMap", self.config_map(Some(&request.body))),
            (_, ["metrics", ..]) => ("push", "text/plain", Vec::new()),
            ("POST", [""]) => {
                let (what, xml) = sts(&String::from_utf8_lossy(&request.body));
                (what, "text/xml", xml.into_bytes())
            }
            _ => json("unknown", json!({ "message": format!("{} {path}", request.method) })),
        }
    }

    /// Returns a page by `updatedAt` ascending. The token is the index of the first finding of the next page.
    fn list(&self, request: &Request, region: &str) -> Vec<u8> {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let updated = &asked["findingCriteria"]["criterion"]["updatedAt"];
        let from = updated["greaterThanOrEqual"].as_i64().unwrap_or(i64::MIN / 2);
        let to = updated["lessThanOrEqual"].as_i64().unwrap_or(i64::MAX / 2);
        let index = |n: i64| usize::try_from(n.max(0)).unwrap_or(0).min(self.findings);
        let end = index((to - self.first).div_euclid(self.step) + 1);
        let oldest = index((from - self.first + self.step - 1).div_euclid(self.step));
        let begin = asked["nextToken"].as_str().and_then(|t| t.parse().ok()).unwrap_or(oldest);
        let stop = (begin + PAGE).min(end);
        let ids: Vec<String> = (begin..stop).map(|i| id(region, i)).collect();
        let next = if stop < end { stop.to_string() } else { String::new() };
        json!({ "findingIds": ids, "nextToken": next }).to_string().into_bytes()
    }

    fn get(&self, request: &Request, region: &str) -> Vec<u8> {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let ids = asked["findingIds"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut out = Vec::with_capacity(256 * 1024);
        out.extend_from_slice(b"{\"findings\":[");
        for (n, id) in ids.iter().filter_map(Value::as_str).enumerate() {
            if n > 0 {
                out.push(b',');
            }
            self.finding(id, region, &mut out);
        }
        out.extend_from_slice(b"]}");
        out
    }

    fn finding(&self, id: &str, region: &str, out: &mut Vec<u8>) {
        let index = id.get(4..).and_then(|hex| usize::from_str_radix(hex, 16).ok()).unwrap_or(0);
        for piece in &self.models[index % self.models.len()] {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Id => out.extend_from_slice(id.as_bytes()),
                Piece::Account => out.extend_from_slice(account(index).as_bytes()),
                Piece::Region => out.extend_from_slice(region.as_bytes()),
                Piece::Updated => out.extend_from_slice(iso(self.first + self.step * index as i64).as_bytes()),
            }
        }
    }

    fn post(&self, request: &Request) -> Value {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let ts = format!("1800000000.{:06}", self.posted.fetch_add(1, Ordering::Relaxed));
        json!({ "ok": true, "channel": asked["channel"], "ts": ts })
    }

    fn config_map(&self, patch: Option<&[u8]>) -> Value {
        let mut object = self.object.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(patch) = patch {
            let asked: Value = serde_json::from_slice(patch).unwrap_or_default();
            *object = (asked["data"]["watermark.json"].as_str().map(str::to_owned), object.1 + 1);
        }
        let mut map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": "state", "namespace": "default", "resourceVersion": (object.1 + 1).to_string() } });
        if let Some(document) = &object.0 {
            map["data"] = json!({ "watermark.json": document });
        }
        map
    }

    /// Sets the document of the ConfigMap.
    pub fn holding(self, document: String) -> Self {
        Self { object: Mutex::new((Some(document), 1)), ..self }
    }
}

/// The ID of a finding contains its position in the list of the region.
pub(crate) fn id(region: &str, index: usize) -> String {
    let place = REGIONS.iter().position(|r| *r == region).unwrap_or(0);
    format!("b{place:03x}{index:028x}")
}

pub(crate) fn account(index: usize) -> String {
    format!("1000000000{:02}", index % ACCOUNTS)
}

/// A finding of one kind, split at the values that differ between findings.
fn model(kind: Kind) -> Vec<Piece> {
    let document = finding_of(kind, ID).updated_ago(0).document(ACCOUNT, REGION, DETECTOR, THEN).to_string();
    let updated = iso(THEN);
    let marks = [(ID, 0), (ACCOUNT, 1), (REGION, 2), (updated.as_str(), 3)];
    let (mut pieces, mut rest) = (Vec::new(), document.as_str());
    while let Some((at, mark, which)) =
        marks.iter().filter_map(|(mark, n)| rest.find(mark).map(|at| (at, *mark, *n))).min_by_key(|(at, ..)| *at)
    {
        pieces.push(Piece::Text(rest[..at].to_owned()));
        pieces.push(match which {
            0 => Piece::Id,
            1 => Piece::Account,
            2 => Piece::Region,
            _ => Piece::Updated,
        });
        rest = &rest[at + mark.len()..];
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

fn detector() -> Value {
    let plans = ["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS", "S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "EBS_MALWARE_PROTECTION"];
    let more = ["RDS_LOGIN_EVENTS", "LAMBDA_NETWORK_LOGS", "RUNTIME_MONITORING"];
    let feature = |name| json!({ "name": name, "status": "ENABLED", "updatedAt": 1_704_067_200.0 });
    let features: Vec<Value> = plans.into_iter().chain(more).map(feature).collect();
    json!({ "status": "ENABLED", "features": features, "serviceRole": "arn:aws:iam::111122223333:role/aws-service-role/guardduty",
        "createdAt": "2024-01-01T00:00:00.000Z", "findingPublishingFrequency": "FIFTEEN_MINUTES" })
}

fn statistics() -> Value {
    json!({ "findingStatistics": { "groupedBySeverity": [
        { "severity": 8.0, "totalFindings": 14 }, { "severity": 5.0, "totalFindings": 120 }, { "severity": 2.0, "totalFindings": 78 }] } })
}

fn filter() -> Value {
    json!({ "name": "Scanners", "action": "ARCHIVE", "rank": 1,
        "findingCriteria": { "criterion": { "type": { "equals": ["Recon:EC2/PortProbeUnprotectedPort"] } } } })
}

fn ip_set() -> Value {
    json!({ "name": "offices", "format": "TXT", "location": "https://s3.amazonaws.com/b/offices.txt", "status": "ACTIVE" })
}

fn auth() -> Value {
    json!({ "ok": true, "url": "https://bench.slack.com/", "team": "bench", "user": "guardduty", "team_id": "T0BENCH00",
        "user_id": "U0BENCH00", "bot_id": "B0BENCH00" })
}

fn sts(form: &str) -> (&'static str, String) {
    let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    let role = field("RoleArn").unwrap_or_default().replace("%3A", ":").replace("%2F", "/");
    let account = role.split(':').nth(4).unwrap_or("111122223333").to_owned();
    let session = format!(
        "<Credentials><AccessKeyId>ASIABENCH{account}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
         <SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         <AssumedRoleUser><AssumedRoleId>AROABENCH:run</AssumedRoleId>\
         <Arn>arn:aws:sts::{account}:assumed-role/reader/run</Arn></AssumedRoleUser>"
    );
    let caller = format!(
        "<Account>{account}</Account><UserId>AROABENCH:run</UserId><Arn>arn:aws:sts::{account}:assumed-role/reader/run</Arn>"
    );
    let (what, result) = match field("Action") {
        Some("AssumeRole") => ("AssumeRole", session),
        Some("AssumeRoleWithWebIdentity") => ("AssumeRoleWithWebIdentity", session),
        _ => ("GetCallerIdentity", caller),
    };
    (
        what,
        format!(
            "<{what}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{what}Result>{result}</{what}Result>\
             <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{what}Response>"
        ),
    )
}
