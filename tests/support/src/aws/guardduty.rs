//! GuardDuty: detectors, the findings behind them, their filters and trusted-IP lists.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::{AwsError, Inner, bad_request, criteria, scans};
use crate::findings::{FindingBuilder, hex_id, millis, now};
use crate::journal::Call;
use crate::server::{Reply, Request};

/// A finding in the service, and whether the list shows it yet.
struct Item {
    document: Value,
    updated: i64,
    visible: bool,
    /// Its position in a list without an order, which the service does not define.
    place: String,
}

/// An investigation.
#[derive(Clone, Debug)]
pub struct Investigation {
    pub id: String,
    pub prompt: String,
    /// `RUNNING`, `COMPLETED` or `FAILED`.
    pub status: String,
    pub summary: String,
    /// Seconds since it ended.
    pub age: i64,
}

impl Investigation {
    fn document(&self) -> Value {
        let ended = now() / 1_000 - self.age;
        json!({
            "investigationId": self.id, "status": self.status, "triggerPrompt": self.prompt,
            "riskLevel": "High", "confidence": "Medium", "startTime": ended - 300, "endTime": ended,
        })
    }
}

/// A malware scan.
#[derive(Clone, Debug)]
pub struct Scan {
    pub id: String,
    pub resource: String,
    pub resource_type: String,
    /// `COMPLETED`, `FAILED`, `SKIPPED`, …
    pub status: String,
    pub reason: String,
    /// Seconds since it started.
    pub age: i64,
}

/// The detector of one account in one region.
pub struct Source {
    account: String,
    region: String,
    pub detector: String,
    pub status: &'static str,
    /// Name and action (`ARCHIVE` or `NOOP`).
    pub filters: Vec<(String, String)>,
    /// Id, name and location.
    pub ip_sets: Vec<(String, String, String)>,
    /// Name and status (`ACTIVE` or `INACTIVE`), by ID.
    pub trusted_entity_sets: BTreeMap<String, (String, String)>,
    pub threat_intel_sets: BTreeMap<String, (String, String)>,
    pub threat_entity_sets: BTreeMap<String, (String, String)>,
    /// Status of each member account.
    pub members: BTreeMap<String, String>,
    /// Resource type, ID and issue of each resource with unhealthy runtime coverage.
    pub uncovered: Vec<(String, String, String)>,
    /// Bucket and status of each publishing destination, by ID.
    pub destinations: BTreeMap<String, (String, String)>,
    /// Malware scans, the oldest first.
    pub scans: Vec<Scan>,
    /// Investigations, the oldest first.
    pub investigations: Vec<Investigation>,
    /// Whether a feature is enabled.
    pub features: BTreeMap<String, bool>,
    items: HashMap<String, Item>,
    /// What a list showed, by its question, until a finding changes: a flood is paged through many times.
    listed: HashMap<String, Vec<String>>,
}

impl Source {
    pub(super) fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            detector: hex_id(&format!("{account}/{region}")),
            status: "ENABLED",
            filters: Vec::new(),
            ip_sets: Vec::new(),
            trusted_entity_sets: BTreeMap::new(),
            threat_intel_sets: BTreeMap::new(),
            threat_entity_sets: BTreeMap::new(),
            members: BTreeMap::new(),
            uncovered: Vec::new(),
            destinations: BTreeMap::new(),
            scans: Vec::new(),
            investigations: Vec::new(),
            features: [("S3_DATA_EVENTS".into(), false), ("RDS_LOGIN_EVENTS".into(), true)].into(),
            items: HashMap::new(),
            listed: HashMap::new(),
        }
    }

    /// Puts a finding in, or a newer state of it in its place.
    pub fn put(&mut self, sighting: &FindingBuilder, now: i64) {
        self.put_document(sighting.document(&self.account, &self.region, &self.detector, now), sighting.is_visible());
    }

    /// Puts in a finding as GuardDuty serializes it.
    pub fn put_document(&mut self, document: Value, visible: bool) {
        let updated = document["updatedAt"].as_str().and_then(millis).unwrap_or_default();
        let id = document["id"].as_str().unwrap_or_default().to_owned();
        self.listed.clear();
        self.items.insert(id.clone(), Item { document, updated, visible, place: hex_id(&id) });
    }

    /// From now on the list shows it.
    pub fn show(&mut self, id: &str) {
        self.listed.clear();
        self.items.get_mut(id).into_iter().for_each(|i| i.visible = true);
    }

    /// Edits a finding, such as `/service/archived`; its `updatedAt` stays unless it is changed.
    pub fn change(&mut self, id: &str, edit: impl FnOnce(&mut Value)) {
        self.listed.clear();
        if let Some(item) = self.items.get_mut(id) {
            edit(&mut item.document);
            item.updated = item.document["updatedAt"].as_str().and_then(millis).unwrap_or_default();
        }
    }

    /// From now on GetFindings answers with another document; the list shows the finding as before.
    pub fn answer(&mut self, id: &str, edit: impl FnOnce(&mut Value)) {
        if let Some(item) = self.items.get_mut(id) {
            edit(&mut item.document);
        }
    }

    pub fn documents(&self) -> Vec<Value> {
        self.items.values().map(|i| i.document.clone()).collect()
    }

    fn selected(&self, body: &Value) -> Result<Vec<&Item>, AwsError> {
        let none = Map::new();
        let criteria = body["findingCriteria"]["criterion"].as_object().unwrap_or(&none);
        criteria::validate(criteria)?;
        let mut found = Vec::new();
        for item in self.items.values().filter(|i| i.visible) {
            if criteria::matches(criteria, &item.document, item.updated)? {
                found.push(item);
            }
        }
        Ok(found)
    }
}

pub(super) fn call(request: &Request) -> (&'static str, String, String) {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let (operation, detail) = match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["detector"]) => ("ListDetectors", String::new()),
        ("GET", ["detector", _]) => ("GetDetector", String::new()),
        ("POST", ["detector", _, "findings"]) => ("ListFindings", String::new()),
        ("POST", ["detector", _, "findings", "get"]) => ("GetFindings", ids(&request.json()).join(",")),
        ("POST", ["detector", _, "findings", "archive"]) => ("ArchiveFindings", ids(&request.json()).join(",")),
        ("POST", ["detector", _, "findings", "unarchive"]) => ("UnarchiveFindings", ids(&request.json()).join(",")),
        ("POST", ["detector", _, "findings", "statistics"]) => ("GetFindingsStatistics", String::new()),
        ("GET", ["detector", _, "filter"]) => ("ListFilters", String::new()),
        ("GET", ["detector", _, "filter", name]) => ("GetFilter", (*name).to_owned()),
        ("GET", ["detector", _, "ipset"]) => ("ListIPSets", String::new()),
        ("GET", ["detector", _, "ipset", id]) => ("GetIPSet", (*id).to_owned()),
        ("GET", ["detector", _, "trustedentityset"]) => ("ListTrustedEntitySets", String::new()),
        ("GET", ["detector", _, "trustedentityset", id]) => ("GetTrustedEntitySet", (*id).to_owned()),
        ("GET", ["detector", _, "threatintelset"]) => ("ListThreatIntelSets", String::new()),
        ("GET", ["detector", _, "threatintelset", id]) => ("GetThreatIntelSet", (*id).to_owned()),
        ("GET", ["detector", _, "threatentityset"]) => ("ListThreatEntitySets", String::new()),
        ("GET", ["detector", _, "threatentityset", id]) => ("GetThreatEntitySet", (*id).to_owned()),
        ("GET", ["detector", _, "member"]) => ("ListMembers", String::new()),
        ("POST", ["detector", _, "coverage"]) => ("ListCoverage", String::new()),
        ("GET", ["detector", _, "publishingDestination"]) => ("ListPublishingDestinations", String::new()),
        ("GET", ["detector", _, "publishingDestination", id]) => ("DescribePublishingDestination", (*id).to_owned()),
        ("POST", ["detector", _, "investigation", "list"]) => ("ListInvestigations", String::new()),
        ("GET", ["detector", _, "investigation", id]) => ("GetInvestigation", (*id).to_owned()),
        ("POST", ["malware-scan"]) => ("ListMalwareScans", String::new()),
        ("GET", ["malware-scan", id]) => ("GetMalwareScan", (*id).to_owned()),
        _ => ("?", format!("{} {}", request.method, request.path)),
    };
    ("guardduty", operation.to_owned(), detail)
}

fn ids(body: &Value) -> Vec<&str> {
    body["findingIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

impl Inner {
    pub(super) fn guardduty(
        &mut self,
        call: &Call,
        request: &Request,
        account: &str,
        region: &str,
    ) -> Result<Reply, AwsError> {
        let source = self.sources.get_mut(&(account.to_owned(), region.to_owned()));
        if call.operation == "ListDetectors" {
            let ids: Vec<&str> = source.iter().map(|s| s.detector.as_str()).collect();
            return Ok(Reply::json(200, &json!({ "detectorIds": ids })));
        }
        if call.operation.ends_with("MalwareScans") || call.operation.ends_with("MalwareScan") {
            let scans = source.map(|source| source.scans.as_slice()).unwrap_or_default();
            return Ok(Reply::json(200, &scans::answer(scans, call, &request.json())?));
        }
        let asked = request.path.split('/').nth(2).unwrap_or_default();
        let source = source.filter(|s| s.detector == asked);
        let source = source.ok_or_else(|| bad_request("the input detectorId is not owned by the current account."))?;
        let body = request.json();
        let answer = match call.operation.as_str() {
            "ListFindings" => list(source, &body, &mut self.tokens, &mut self.repeat_tokens)?,
            "GetFindings" => get(source, &body, &self.withheld)?,
            "ArchiveFindings" => archive(source, &body, true)?,
            "UnarchiveFindings" => archive(source, &body, false)?,
            "GetFindingsStatistics" => statistics(source, &body)?,
            "GetDetector" => json!({
                "status": source.status, "findingPublishingFrequency": "FIFTEEN_MINUTES", "tags": {},
                "features": features(&source.features),
                "createdAt": "2024-01-01T00:00:00.000Z", "updatedAt": "2024-01-01T00:00:00.000Z",
                "serviceRole": format!("arn:aws:iam::{account}:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty"),
            }),
            "ListFilters" => json!({ "filterNames": source.filters.iter().map(|(n, _)| n).collect::<Vec<_>>() }),
            "GetFilter" => match source.filters.iter().find(|(name, _)| *name == call.detail) {
                Some((name, action)) => json!({
                    "name": name, "action": action, "rank": 1, "description": "", "tags": {},
                    "findingCriteria": { "criterion": { "type": { "equals": ["Recon:EC2/Portscan"] } } },
                }),
                None => return Err(bad_request("the input filterName does not exist.")),
            },
            "ListIPSets" => json!({ "ipSetIds": source.ip_sets.iter().map(|(id, ..)| id).collect::<Vec<_>>() }),
            "GetIPSet" => match source.ip_sets.iter().find(|(id, ..)| *id == call.detail) {
                Some((_, name, location)) => json!({
                    "name": name, "format": "TXT", "status": "ACTIVE", "location": location, "tags": {},
                }),
                None => return Err(bad_request("the input ipSetId does not exist.")),
            },
            "ListTrustedEntitySets" => json!({ "trustedEntitySetIds": ids_of(&source.trusted_entity_sets) }),
            "GetTrustedEntitySet" => entity_set(&source.trusted_entity_sets, &call.detail)?,
            "ListThreatIntelSets" => json!({ "threatIntelSetIds": ids_of(&source.threat_intel_sets) }),
            "GetThreatIntelSet" => entity_set(&source.threat_intel_sets, &call.detail)?,
            "ListThreatEntitySets" => json!({ "threatEntitySetIds": ids_of(&source.threat_entity_sets) }),
            "GetThreatEntitySet" => entity_set(&source.threat_entity_sets, &call.detail)?,
            "ListMembers" => {
                let members = source.members.iter();
                let member = |(id, status)| json!({ "accountId": id, "relationshipStatus": status });
                json!({ "members": members.map(member).collect::<Vec<_>>() })
            }
            "ListCoverage" => {
                let uncovered = source.uncovered.iter();
                let resource = |(kind, id, issue): &(String, String, String)| {
                    json!({
                        "resourceId": id, "coverageStatus": "UNHEALTHY", "issue": issue,
                        "resourceDetails": { "resourceType": kind },
                    })
                };
                json!({ "resources": uncovered.map(resource).collect::<Vec<_>>() })
            }
            "ListInvestigations" => {
                let documents = source.investigations.iter().rev().map(Investigation::document);
                json!({ "investigations": documents.take(50).collect::<Vec<_>>() })
            }
            "GetInvestigation" => match source.investigations.iter().find(|one| one.id == call.detail) {
                Some(investigation) => {
                    let mut document = investigation.document();
                    document["risk"] = json!("Credentials were used from a Tor exit node");
                    document["summary"] = json!(investigation.summary);
                    json!({ "investigation": document })
                }
                None => return Err(bad_request("the input investigationId does not exist.")),
            },
            "ListPublishingDestinations" => {
                let destination = |(id, (_, status)): (&String, &(String, String))| json!({ "destinationId": id, "destinationType": "S3", "status": status });
                json!({ "destinations": source.destinations.iter().map(destination).collect::<Vec<_>>() })
            }
            "DescribePublishingDestination" => match source.destinations.get(&call.detail) {
                Some((bucket, status)) => json!({
                    "destinationId": call.detail, "destinationType": "S3", "status": status,
                    "publishingFailureStartTimestamp": if status == "PUBLISHING" { 0 } else { 1_700_000_000_000_i64 },
                    "destinationProperties": { "destinationArn": bucket, "kmsKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/1" },
                }),
                None => return Err(bad_request("the input destinationId does not exist.")),
            },
            _ => return Err(AwsError(404, "UnknownOperationException".into(), call.detail.clone())),
        };
        Ok(Reply::json(200, &answer))
    }
}

fn features(of: &BTreeMap<String, bool>) -> Vec<Value> {
    let status = |is_enabled: &bool| if *is_enabled { "ENABLED" } else { "DISABLED" };
    of.iter().map(|(name, is_enabled)| json!({ "name": name, "status": status(is_enabled) })).collect()
}

fn ids_of(sets: &BTreeMap<String, (String, String)>) -> Vec<&String> {
    sets.keys().collect()
}

fn entity_set(sets: &BTreeMap<String, (String, String)>, id: &str) -> Result<Value, AwsError> {
    let (name, status) = sets.get(id).ok_or_else(|| bad_request("the input ID does not exist."))?;
    Ok(json!({ "name": name, "format": "TXT", "status": status, "location": "s3://lists/list.txt" }))
}

/// One page. A token is an offset into the current list: a finding that is updated meanwhile shifts it.
fn list(
    source: &mut Source,
    body: &Value,
    tokens: &mut BTreeMap<String, (String, usize)>,
    repeat: &mut usize,
) -> Result<Value, AwsError> {
    let size = body["maxResults"].as_u64().unwrap_or(50);
    if !(1..=50).contains(&size) {
        return Err(bad_request("the parameter maxResults has an invalid value."));
    }
    let question = format!("{}{}{}", source.detector, body["findingCriteria"], body["sortCriteria"]);
    if !source.listed.contains_key(&question) {
        let mut found = source.selected(body)?;
        sort(&mut found, &body["sortCriteria"])?;
        let ids = found.iter().filter_map(|i| i.document["id"].as_str()).map(str::to_owned).collect();
        source.listed.insert(question.clone(), ids);
    }
    let found = &source.listed[&question];
    let token = body["nextToken"].as_str().filter(|t| !t.is_empty());
    let start = match token.map(|t| tokens.get(t)) {
        None => 0,
        Some(Some((asked, offset))) if *asked == question => *offset,
        Some(_) => return Err(bad_request("the nextToken does not belong to this request.")),
    };
    let end = start + usize::try_from(size).unwrap_or(50);
    let page: Vec<&String> = found.iter().skip(start).take(end - start).collect();
    let mut answer = json!({ "findingIds": page });
    if end < found.len() {
        let mut next = hex_id(&format!("{question}{end}"));
        tokens.insert(next.clone(), (question, end));
        if let Some(token) = token.filter(|_| *repeat > 0) {
            *repeat -= 1;
            next = token.to_owned();
        }
        answer["nextToken"] = json!(next);
    }
    Ok(answer)
}

fn sort(found: &mut [&Item], order: &Value) -> Result<(), AwsError> {
    found.sort_by(|a, b| a.place.cmp(&b.place));
    match order["attributeName"].as_str() {
        None => return Ok(()),
        Some("updatedAt") => found.sort_by_key(|i| i.updated),
        Some("severity") => found.sort_by(|a, b| {
            let severity = |i: &Item| i.document["severity"].as_f64().unwrap_or_default();
            severity(a).total_cmp(&severity(b))
        }),
        Some(other) => return Err(bad_request(format_args!("it cannot be sorted by {other}."))),
    }
    match order["orderBy"].as_str() {
        None | Some("ASC") => Ok(()),
        Some("DESC") => {
            found.reverse();
            Ok(())
        }
        Some(other) => Err(bad_request(format_args!("orderBy is {other}."))),
    }
}

/// In an order of its own, never the one asked for.
fn get(source: &Source, body: &Value, withheld: &[String]) -> Result<Value, AwsError> {
    let mut ids = ids(body);
    if !(1..=50).contains(&ids.len()) {
        return Err(bad_request("the parameter findingIds must hold 1 to 50 ids."));
    }
    ids.sort_by_cached_key(|id| hex_id(&format!("order of {id}")));
    ids.retain(|id| !withheld.iter().any(|w| w == id));
    let find = |id: &&str| source.items.get(*id);
    Ok(json!({ "findings": ids.iter().filter_map(find).map(|i| &i.document).collect::<Vec<_>>() }))
}

fn archive(source: &mut Source, body: &Value, archived: bool) -> Result<Value, AwsError> {
    let ids = ids(body);
    if !(1..=50).contains(&ids.len()) {
        return Err(bad_request("the parameter findingIds must hold 1 to 50 ids."));
    }
    for id in ids {
        source.change(id, |document| document["service"]["archived"] = archived.into());
    }
    Ok(json!({}))
}

fn statistics(source: &Source, body: &Value) -> Result<Value, AwsError> {
    if body["groupBy"] != "SEVERITY" {
        return Err(bad_request("this service counts by SEVERITY."));
    }
    let mut counts: BTreeMap<String, (f64, u64)> = BTreeMap::new();
    for item in source.selected(body)? {
        let severity = item.document["severity"].as_f64().unwrap_or_default();
        counts.entry(format!("{severity:05.1}")).or_insert((severity, 0)).1 += 1;
    }
    let rows: Vec<Value> =
        counts.values().map(|(severity, n)| json!({ "severity": severity, "totalFindings": n })).collect();
    Ok(json!({ "findingStatistics": { "groupedBySeverity": rows } }))
}
