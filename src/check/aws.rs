//! Checks credentials, regions, detectors, and the permissions of each source.

use std::collections::BTreeSet;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::future::{join, join_all, join4};

use super::hint;
use super::table::{CheckResult, Status};
use crate::config::{AccountNames, Config};
use crate::guardduty::{Aws, DetectorInfo, GuardDutyApi, ReadError, SourceClient, Subject};
use crate::metrics::RequestCounts;
use crate::plan::watch::TABLE;
use crate::time::Timestamp;

const READ_PERMISSIONS: &str =
    "allow guardduty:ListDetectors, guardduty:ListFindings and guardduty:GetFindings (k8s/iam-policy.json)";
const WATCH_PERMISSIONS: &str =
    "optional: allow this permission (k8s/iam-policy-optional.json), or set GUARDDUTY_WATCH=false";

pub(super) async fn rows(config: &Config, client: SharedHttpClient, requests: RequestCounts) -> Vec<CheckResult> {
    match Aws::connect(&config.aws, client, requests).await {
        Ok(aws) => {
            let (mut rows, names) = join(check_source(&aws), check_account_names(&aws, config)).await;
            rows.extend(names);
            rows
        }
        Err(error) => vec![CheckResult::failed("AWS region", error, "set AWS_REGION or GUARDDUTY_REGIONS")],
    }
}

async fn check_source(aws: &Aws) -> Vec<CheckResult> {
    let (mut rows, mut unusable) = (Vec::new(), BTreeSet::new());
    for (identity, caller) in aws.caller_identities().await {
        if caller.is_err() {
            unusable.insert(identity.clone());
        }
        rows.push(credentials_result(&identity, caller.map(|caller| caller.arn)));
    }
    let callers = rows.len();
    for index in 0..aws.identity_count() {
        let seen = aws.discover_sources(index).await;
        match seen.sources {
            // The row of the identity reports it.
            _ if unusable.contains(&seen.identity) => {}
            Ok(sources) => rows.extend(join_all(sources.iter().map(rows_of_source)).await.into_iter().flatten()),
            Err(error) => rows.push(regions_row(&seen.identity, &error)),
        }
    }
    // A source without a detector is a warning. If there is no other source, a run polls nothing.
    if unusable.is_empty() && rows[callers..].iter().all(|row| row.status == Status::Warning) {
        let hint = "enable GuardDuty, or correct GUARDDUTY_REGIONS";
        rows.push(CheckResult::failed("detectors", "no detector found: nothing would be polled", hint));
    }
    rows
}

/// Without the names, messages show only account IDs.
async fn check_account_names(aws: &Aws, config: &Config) -> Option<CheckResult> {
    let AccountNames::Organization = config.wording.account_names else { return None };
    let permission = "allow organizations:ListAccounts, or set ACCOUNT_NAMES to a list";
    Some(match aws.organization_account_names().await {
        Ok(names) => CheckResult::ok("account names", format!("{} accounts", names.len())),
        Err(error) => CheckResult::warning("account names", &error, hint::for_aws(&error, permission)),
    })
}

fn credentials_result(identity: &str, arn: Result<String, ReadError>) -> CheckResult {
    let name = format!("AWS credentials of {}", identity.rsplit('/').next().unwrap_or(identity));
    let permission =
        "check the IRSA annotation or Pod Identity association, the trust policy of the role and GUARDDUTY_EXTERNAL_ID";
    match arn {
        Ok(arn) => CheckResult::ok(name, arn),
        Err(error) => CheckResult::failed(name, &error, hint::for_aws(&error, permission)),
    }
}

fn regions_row(identity: &str, error: &ReadError) -> CheckResult {
    let permission = "allow account:ListRegions, or set GUARDDUTY_REGIONS to a list";
    CheckResult::failed(format!("regions of {identity}"), error, hint::for_aws(error, permission))
}

async fn rows_of_source(source: &SourceClient) -> Vec<CheckResult> {
    let key = source.key().to_string();
    let detector = match source.list_detectors().await {
        Ok(found) => found.into_iter().next(),
        Err(error) => return vec![read_failure(&key, "ListDetectors", &error)],
    };
    let Some(detector) = detector else {
        let hint = "enable GuardDuty, or remove the region from GUARDDUTY_REGIONS";
        return vec![CheckResult::warning(format!("{key} detector"), "GuardDuty is not enabled in this region", hint)];
    };
    let mut rows = vec![CheckResult::ok(format!("{key} detector"), &detector)];
    rows.extend(check_findings(source, &key, &detector).await);
    rows.extend(check_watch_permissions(source, &key, &detector).await);
    rows
}

fn read_failure(key: &str, operation: &str, error: &ReadError) -> CheckResult {
    CheckResult::failed(format!("{key} {operation}"), error, hint::for_aws(error, READ_PERMISSIONS))
}

async fn check_findings(source: &SourceClient, key: &str, detector: &str) -> Vec<CheckResult> {
    let page = match source.list_findings(detector, Timestamp(0), None, None).await {
        Ok(page) => page,
        Err(error) => return vec![read_failure(key, "ListFindings", &error)],
    };
    let listed =
        CheckResult::ok(format!("{key} ListFindings"), format!("{} findings on the first page", page.ids.len()));
    if page.ids.is_empty() {
        let hint = "create sample findings in the GuardDuty console, then run check again";
        return vec![
            listed,
            CheckResult::warning(format!("{key} GetFindings"), "not verified: there is no finding to fetch", hint),
        ];
    }
    let fetched = match source.get_findings(detector, &page.ids[..1]).await {
        Ok(_) => CheckResult::ok(format!("{key} GetFindings"), "one finding fetched"),
        Err(error) => read_failure(key, "GetFindings", &error),
    };
    vec![listed, fetched]
}

/// Checks permissions that only help to explain an absence of messages. A missing one is a warning.
async fn check_watch_permissions(source: &SourceClient, key: &str, detector: &str) -> Vec<CheckResult> {
    let row = |operation: &str, result: Result<String, ReadError>| match result {
        Ok(found) => CheckResult::ok(format!("{key} {operation}"), found),
        Err(error) => {
            CheckResult::warning(format!("{key} {operation}"), &error, hint::for_aws(&error, WATCH_PERMISSIONS))
        }
    };
    let (status, open) = join(source.detector_info(detector), source.count_open_findings(detector, None)).await;
    let can_investigate = status.as_ref().is_ok_and(DetectorInfo::can_investigate);
    let enabled = |status: DetectorInfo| if status.enabled { "enabled" } else { "DISABLED" }.to_owned();
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

/// Returns the number of malware scans that failed or were skipped. The reason of one of them is read, too.
async fn list_and_read_scans(source: &SourceClient) -> Result<usize, ReadError> {
    let scans = source.missed_scans(Timestamp(0)).await?;
    if let Some(scan) = scans.first() {
        source.scan_reason(&scan.id).await?;
    }
    Ok(scans.len())
}

/// Returns the number of items. The contents of one of them are read, too, because that needs another permission.
async fn list_and_read(source: &SourceClient, detector: &str, subject: Subject) -> Result<usize, ReadError> {
    let ids = source.watched_ids(detector, subject).await?;
    if let Some(id) = ids.first() {
        source.watched(detector, subject, id).await?;
    }
    Ok(ids.len())
}
