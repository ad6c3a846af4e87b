//! Credentials, regions, detectors, and the permissions of each source.

use std::collections::BTreeSet;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::future::{join, join_all, join4};

use super::hint;
use super::table::{Row, Status};
use crate::config::{AccountNames, Config};
use crate::guardduty::{Aws, Detector, DetectorStatus, ReadError, Source, Subject};
use crate::metrics::Requests;
use crate::plan::watch::TABLE;
use crate::time::Millis;

const READ_PERMISSIONS: &str =
    "allow guardduty:ListDetectors, guardduty:ListFindings and guardduty:GetFindings (k8s/iam-policy.json)";
const WATCH_PERMISSIONS: &str =
    "optional: allow this permission (k8s/iam-policy-optional.json), or set GUARDDUTY_WATCH=false";

pub(super) async fn rows(config: &Config, client: SharedHttpClient, requests: Requests) -> Vec<Row> {
    match Aws::connect(&config.aws, client, requests).await {
        Ok(aws) => {
            let (mut rows, names) = join(source_rows(&aws), names_row(&aws, config)).await;
            rows.extend(names);
            rows
        }
        Err(error) => vec![Row::failed("AWS region", error, "set AWS_REGION or GUARDDUTY_REGIONS")],
    }
}

async fn source_rows(aws: &Aws) -> Vec<Row> {
    let (mut rows, mut unusable) = (Vec::new(), BTreeSet::new());
    for (identity, caller) in aws.callers().await {
        if caller.is_err() {
            unusable.insert(identity.clone());
        }
        rows.push(caller_row(&identity, caller.map(|caller| caller.arn)));
    }
    let callers = rows.len();
    for index in 0..aws.identities() {
        let seen = aws.sources_of(index).await;
        match seen.sources {
            // The row of the identity reports it.
            _ if unusable.contains(&seen.identity) => {}
            Ok(sources) => rows.extend(join_all(sources.iter().map(rows_of_source)).await.into_iter().flatten()),
            Err(error) => rows.push(regions_row(&seen.identity, &error)),
        }
    }
    // A source without a detector is a warning; a run that has no other polls nothing.
    if unusable.is_empty() && rows[callers..].iter().all(|row| row.status == Status::Warning) {
        let hint = "enable GuardDuty, or correct GUARDDUTY_REGIONS";
        rows.push(Row::failed("detectors", "no detector found: nothing would be polled", hint));
    }
    rows
}

/// Without the names a message shows account IDs only.
async fn names_row(aws: &Aws, config: &Config) -> Option<Row> {
    let AccountNames::Organization = config.wording.account_names else { return None };
    let permission = "allow organizations:ListAccounts, or set ACCOUNT_NAMES to a list";
    Some(match aws.organization().await {
        Ok(names) => Row::ok("account names", format!("{} accounts", names.len())),
        Err(error) => Row::warning("account names", &error, hint::for_aws(&error, permission)),
    })
}

fn caller_row(identity: &str, arn: Result<String, ReadError>) -> Row {
    let name = format!("AWS credentials of {}", identity.rsplit('/').next().unwrap_or(identity));
    let permission =
        "check the IRSA annotation or Pod Identity association, the trust policy of the role and GUARDDUTY_EXTERNAL_ID";
    match arn {
        Ok(arn) => Row::ok(name, arn),
        Err(error) => Row::failed(name, &error, hint::for_aws(&error, permission)),
    }
}

fn regions_row(identity: &str, error: &ReadError) -> Row {
    let permission = "allow account:ListRegions, or set GUARDDUTY_REGIONS to a list";
    Row::failed(format!("regions of {identity}"), error, hint::for_aws(error, permission))
}

async fn rows_of_source(source: &Source) -> Vec<Row> {
    let key = source.key().to_string();
    let detector = match source.detectors().await {
        Ok(found) => found.into_iter().next(),
        Err(error) => return vec![read_failure(&key, "ListDetectors", &error)],
    };
    let Some(detector) = detector else {
        let hint = "enable GuardDuty, or remove the region from GUARDDUTY_REGIONS";
        return vec![Row::warning(format!("{key} detector"), "GuardDuty is not enabled in this region", hint)];
    };
    let mut rows = vec![Row::ok(format!("{key} detector"), &detector)];
    rows.extend(findings_rows(source, &key, &detector).await);
    rows.extend(watch_rows(source, &key, &detector).await);
    rows
}

fn read_failure(key: &str, operation: &str, error: &ReadError) -> Row {
    Row::failed(format!("{key} {operation}"), error, hint::for_aws(error, READ_PERMISSIONS))
}

async fn findings_rows(source: &Source, key: &str, detector: &str) -> Vec<Row> {
    let page = match source.list(detector, Millis(0), None, None).await {
        Ok(page) => page,
        Err(error) => return vec![read_failure(key, "ListFindings", &error)],
    };
    let listed = Row::ok(format!("{key} ListFindings"), format!("{} findings on the first page", page.ids.len()));
    if page.ids.is_empty() {
        let hint = "create sample findings in the GuardDuty console, then run check again";
        return vec![
            listed,
            Row::warning(format!("{key} GetFindings"), "not verified: there is no finding to fetch", hint),
        ];
    }
    let fetched = match source.get(detector, &page.ids[..1]).await {
        Ok(_) => Row::ok(format!("{key} GetFindings"), "one finding fetched"),
        Err(error) => read_failure(key, "GetFindings", &error),
    };
    vec![listed, fetched]
}

/// What only makes the absence of messages less ambiguous: a missing permission is a warning.
async fn watch_rows(source: &Source, key: &str, detector: &str) -> Vec<Row> {
    let row = |operation: &str, result: Result<String, ReadError>| match result {
        Ok(found) => Row::ok(format!("{key} {operation}"), found),
        Err(error) => Row::warning(format!("{key} {operation}"), &error, hint::for_aws(&error, WATCH_PERMISSIONS)),
    };
    let (status, open) = join(source.status(detector), source.open_findings(detector, None)).await;
    let can_investigate = status.as_ref().is_ok_and(DetectorStatus::can_investigate);
    let enabled = |status: DetectorStatus| if status.enabled { "enabled" } else { "DISABLED" }.to_owned();
    let mut rows = vec![
        row("GetDetector", status.map(enabled)),
        row("GetFindingsStatistics", open.map(|o| format!("{} open findings", o.values().sum::<u64>()))),
    ];
    for watched in &TABLE {
        let listed = list_and_read(source, detector, watched.subject).await;
        rows.push(row(watched.operation, listed.map(|count| format!("{count} {}s", watched.name))));
    }
    let (members, uncovered) = (source.members(detector), source.uncovered(detector));
    let (destinations, scans) = (source.destinations(detector), list_and_read_scans(source));
    let (members, uncovered, destinations, scans) = join4(members, uncovered, destinations, scans).await;
    rows.push(row("ListMembers", members.map(|members| format!("{} member accounts", members.map_or(0, |m| m.len())))));
    rows.push(row("ListCoverage", uncovered.map(|found| format!("{} resources with unhealthy coverage", found.len()))));
    rows.push(row(
        "ListPublishingDestinations",
        destinations.map(|found| format!("{} publishing destinations", found.len())),
    ));
    rows.push(row("ListMalwareScans", scans.map(|count| format!("{count} malware scans failed or were skipped"))));
    if can_investigate {
        let investigations = source.investigations(detector).await;
        rows.push(row("ListInvestigations", investigations.map(|found| format!("{} investigations", found.len()))));
    }
    rows
}

/// The number of malware scans that failed or were skipped. The reason of one of them is read, too.
async fn list_and_read_scans(source: &Source) -> Result<usize, ReadError> {
    let scans = source.missed_scans(Millis(0)).await?;
    if let Some(scan) = scans.first() {
        source.scan_reason(&scan.id).await?;
    }
    Ok(scans.len())
}

/// The number of items. The contents of one of them are read, too: that is another permission.
async fn list_and_read(source: &Source, detector: &str, subject: Subject) -> Result<usize, ReadError> {
    let ids = source.watched_ids(detector, subject).await?;
    if let Some(id) = ids.first() {
        source.watched(detector, subject, id).await?;
    }
    Ok(ids.len())
}
