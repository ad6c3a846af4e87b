//! Monitoring of GuardDuty itself: detectors, suppression rules, trusted IP lists, protection plans, unreadable periods.

use guardduty_slack_support::aws::Scan;
use guardduty_slack_support::fault::error;
use guardduty_slack_support::findings::{high, iso, now};
use guardduty_slack_support::world::{ACCOUNT, REGION, World};

use crate::kit::world;

fn quiet() -> World {
    world().findings([high("f1")]).run().posted(["f1"]).exit(0)
}

/// What is compared hourly is due in the next run.
fn an_hour_later(world: World) -> World {
    let mut state = world.state();
    state["sources"]["111122223333/eu-west-1"]["watched"]["compared_at"] = "2024-01-01T00:00:00.000Z".into();
    world.set_state(&state.to_string())
}

/// The same, with a time that a day before it still holds what was recorded.
fn a_while_later(world: World) -> World {
    let mut state = world.state();
    let an_hour_ago = iso(now() - 3_600_000);
    state["sources"]["111122223333/eu-west-1"]["watched"]["compared_at"] = an_hour_ago.into();
    world.set_state(&state.to_string())
}

#[test]
fn a_detector_that_is_disabled_is_announced_once() {
    let world = quiet();
    world.aws.source(ACCOUNT, REGION, |source| source.status = "DISABLED");
    let world = world.run().posted_notice(["111122223333/eu-west-1", "disabled"]);
    world.run().posted_no_notice();
}

#[test]
fn metrics_report_a_missing_detector_as_not_enabled() {
    let enabled = format!("guardduty_slack_detector_enabled{{account=\"{ACCOUNT}\",region=\"{REGION}\"}}");
    let world = world().metrics().run().metric(&enabled, 1.0);
    world.aws.remove_source(ACCOUNT, REGION);
    world.run().metric(&enabled, 0.0).run().metric(&enabled, 0.0);
}

#[test]
fn deleted_and_recreated_detectors_are_announced_and_the_watermark_is_kept() {
    let world = quiet();
    world.aws.remove_source(ACCOUNT, REGION);
    let world = world.run().posted_notice(["111122223333/eu-west-1", "Detector"]).run().posted_no_notice();
    world.aws.source(ACCOUNT, REGION, |source| source.detector = "0123456789abcdef0123456789abcdef".into());
    let world = world.findings([high("f2").updated_ago(20)]);
    world
        .run()
        .posted(["f2"])
        .posted_notice(["111122223333/eu-west-1", "Detector"])
        .exit(0)
        .run()
        .posted_nothing()
        .exit(0);
}

#[test]
fn a_new_filter_that_archives_and_a_new_trusted_ip_list_are_announced_by_name() {
    let world = quiet();
    world.aws.source(ACCOUNT, REGION, |source| {
        source.filters.push(("hide-portscans".into(), "ARCHIVE".into()));
        source.filters.push(("only-a-view".into(), "NOOP".into()));
        source.ip_sets.push(("ab12".into(), "office-network".into(), "s3://lists/office.txt".into()));
    });
    let world = world.run().posted_notice(["hide-portscans"]).posted_notice(["office-network"]).exit(0);
    assert!(!world.notices().join("\n").contains("only-a-view"));
    world.run().posted_nothing().exit(0);
}

#[test]
fn disabled_protection_plan_is_announced_and_so_is_its_end() {
    let world = quiet();
    world.aws.source(ACCOUNT, REGION, |source| source.features.insert("RDS_LOGIN_EVENTS".into(), false));
    let world = world.run().posted_notice(["111122223333/eu-west-1", "RDS_LOGIN_EVENTS", "was disabled"]).exit(0);
    let world = world.run().posted_nothing();
    world.aws.source(ACCOUNT, REGION, |source| source.features.insert("RDS_LOGIN_EVENTS".into(), true));
    world.run().posted_notice(["111122223333/eu-west-1", "RDS_LOGIN_EVENTS", "again"]).exit(0).run().posted_nothing();
}

#[test]
fn what_costs_calls_of_its_own_is_read_hourly() {
    let world = quiet().calls("ListCoverage", 1).run().calls("ListCoverage", 1).calls("ListMembers", 1);
    an_hour_later(world).run().calls("ListCoverage", 2).calls("ListMembers", 2).calls("ListTrustedEntitySets", 2);
}

#[test]
fn changes_of_lists_members_and_coverage_are_announced_within_the_hour_and_so_is_their_end() {
    let world = world().findings([high("f1")]);
    world.aws.source(ACCOUNT, REGION, |source| {
        source.threat_intel_sets.insert("a1".into(), ("known-bad".into(), "ACTIVE".into()));
        source.members.insert("444455556666".into(), "Enabled".into());
    });
    let world = world.run().posted(["f1"]).exit(0);
    world.aws.source(ACCOUNT, REGION, |source| {
        source.trusted_entity_sets.insert("b1".into(), ("office-domains".into(), "ACTIVE".into()));
        source.threat_intel_sets.insert("a1".into(), ("known-bad".into(), "INACTIVE".into()));
        source.members.insert("444455556666".into(), "Disabled".into());
        source.uncovered.push(("EKS".into(), "cluster-1".into(), "No pods running".into()));
    });
    let world = an_hour_later(world).run().exit(0).posted_notice(["office-domains"]).posted_notice(["known-bad"]);
    let world = world.posted_notice(["444455556666"]).posted_notice(["coverage", "1 EKS", "No pods running"]);
    let world = an_hour_later(world.run().posted_nothing()).run().posted_nothing();
    world.aws.source(ACCOUNT, REGION, |source| {
        source.trusted_entity_sets.clear();
        source.threat_intel_sets.insert("a1".into(), ("known-bad".into(), "ACTIVE".into()));
        source.members.insert("444455556666".into(), "Enabled".into());
        source.uncovered.clear();
    });
    let world = an_hour_later(world).run().exit(0).posted_notice(["office-domains"]).posted_notice(["known-bad"]);
    world.posted_notice(["444455556666"]).posted_notice(["coverage", "healthy"]).run().posted_nothing();
}

#[test]
fn a_permission_that_is_lost_and_regained_announces_no_change() {
    let world = world().findings([high("f1")]);
    world.aws.source(ACCOUNT, REGION, |source| {
        source.filters.push(("hide-portscans".into(), "ARCHIVE".into()));
        source.members.insert("444455556666".into(), "Enabled".into());
        source.threat_entity_sets.insert("a1".into(), ("known-bad".into(), "ACTIVE".into()));
    });
    let denied = ["ListFilters", "ListMembers", "ListThreatEntitySets", "ListCoverage", "GetDetector"];
    let world = an_hour_later(world.run().posted(["f1"]).exit(0));
    let world =
        denied.iter().fold(world, |world, operation| world.on(operation, [error("AccessDeniedException").for_ever()]));
    let world = an_hour_later(world.run().posted_nothing().exit(0)).clear_faults();
    an_hour_later(world.run().posted_nothing().exit(0)).run().posted_nothing().exit(0);
}

#[test]
fn permissions_that_are_missing_for_watching_are_a_warning_and_no_failure() {
    let watching = |call: &guardduty_slack_support::journal::Call| {
        matches!(call.operation.as_str(), "GetDetector" | "ListFilters" | "ListIPSets" | "GetFindingsStatistics")
    };
    let world = world().findings([high("f1")]).fault(watching, [error("AccessDeniedException").for_ever()]);
    world.run().posted(["f1"]).exit(0).run().posted_nothing().exit(0);
}

#[test]
fn monitoring_can_be_disabled() {
    let world = world().env("GUARDDUTY_WATCH", "false").findings([high("f1")]).run().posted(["f1"]).exit(0);
    world.calls("ListFilters", 0).calls("ListIPSets", 0);
}

#[test]
fn new_source_is_announced_with_open_counts() {
    let world = quiet().env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1");
    let old = [high("old").updated_ago(90_000), high("new").updated_ago(60)];
    let world =
        world.findings_in(ACCOUNT, "us-east-1", old).run().posted(["new"]).posted_notice(["us-east-1", "1 high"]);
    world.exit(0).run().posted_nothing().exit(0);
}

#[test]
fn concurrent_notices_are_combined_in_one_message() {
    let world = quiet();
    let filters = |n: std::ops::Range<usize>| n.map(|i| (format!("hide-{i:03}-of-many"), "ARCHIVE".to_owned()));
    world.aws.source(ACCOUNT, REGION, |source| source.filters.extend(filters(0..20)));
    let world = world.run().exit(0);
    assert_eq!(world.notices().len(), 20, "few stand apart");
    world.aws.source(ACCOUNT, REGION, |source| source.filters.extend(filters(20..220)));
    let world = world.run().exit(0);
    let text = world.notices().join("\n");
    let missing: Vec<String> = filters(20..220).map(|f| f.0).filter(|name| !text.contains(name)).collect();
    assert!(missing.is_empty() && world.notices().len() <= 10, "{missing:?} in {}: {text}", world.notices().len());
    world.run().posted_nothing().exit(0);
}

#[test]
fn regions_that_are_left_out_are_all_named_however_many() {
    let regions: Vec<&'static str> = vec![
        "af-south-1",
        "ap-east-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-7",
        "ca-central-1",
        "ca-west-1",
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-2",
        "eu-west-3",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ];
    let world = world().env("GUARDDUTY_REGIONS", "all").findings([high("f1")]);
    world.aws.regions(regions.iter().copied().chain([REGION]).map(|r| (r, "ENABLED")));
    let world = world.run().posted(["f1"]).exit(0);
    let notices = world.notices();
    let text = notices.iter().find(|n| n.contains("Regions excluded")).cloned().unwrap_or_default();
    let missing: Vec<&&str> = regions.iter().filter(|r| !text.contains(**r)).collect();
    assert!(missing.is_empty(), "{missing:?} in {text}");
}

fn scan(id: &str, status: &str, age: i64) -> Scan {
    Scan {
        id: id.into(),
        resource: format!("arn:aws:ec2:eu-west-1:111122223333:instance/{id}"),
        resource_type: "EC2_INSTANCE".into(),
        status: status.into(),
        reason: "ACCESS_DENIED".into(),
        age,
    }
}

#[test]
fn a_publishing_destination_that_fails_changes_or_is_removed_is_announced_and_so_is_its_end() {
    let put = |world: &World, bucket: &str, status: &str| {
        let destination = (format!("arn:aws:s3:::{bucket}/"), status.to_owned());
        world.aws.source(ACCOUNT, REGION, |source| source.destinations.insert("d1".into(), destination));
    };
    let gauge = format!("guardduty_slack_publishing_destinations_failing{{account=\"{ACCOUNT}\",region=\"{REGION}\"}}");
    let world = world().metrics().findings([high("f1")]);
    put(&world, "archive", "PUBLISHING");
    let world = world.run().posted(["f1"]).metric(&gauge, 0.0).exit(0);
    put(&world, "archive", "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY");
    let world =
        an_hour_later(world).run().posted_notice(["s3:::archive", "UNABLE_TO_PUBLISH"]).metric(&gauge, 1.0).exit(0);
    let world = an_hour_later(world.run().posted_nothing()).run().posted_nothing();
    put(&world, "archive", "PUBLISHING");
    let world = an_hour_later(world).run().posted_notice(["exported again", "s3:::archive"]).metric(&gauge, 0.0);
    put(&world, "elsewhere", "PUBLISHING");
    let world = an_hour_later(world).run().posted_notice(["changed to", "s3:::elsewhere", "s3:::archive"]);
    world.aws.source(ACCOUNT, REGION, |source| source.destinations.clear());
    an_hour_later(world).run().posted_notice(["s3:::elsewhere", "removed"]).exit(0).run().posted_nothing().exit(0);
}

#[test]
fn malware_scans_that_failed_or_were_skipped_are_announced_once_with_the_reason() {
    let gauge = |outcome: &str| {
        let labels = format!("account=\"{ACCOUNT}\",outcome=\"{outcome}\",region=\"{REGION}\"");
        format!("guardduty_slack_malware_scans_missed{{{labels}}}")
    };
    let world = world().metrics().findings([high("f1")]);
    world.aws.source(ACCOUNT, REGION, |source| source.scans.push(scan("before", "FAILED", 7_200)));
    let world = world.run().posted(["f1"]).metric(&gauge("failed"), 1.0).calls("GetMalwareScan", 0).exit(0);
    world.aws.source(ACCOUNT, REGION, |source| {
        source.scans.push(scan("i-1", "FAILED", 60));
        source.scans.push(scan("i-2", "SKIPPED", 50));
        source.scans.push(scan("i-3", "COMPLETED", 40));
    });
    let world = world.run().posted_nothing();
    let world =
        a_while_later(world).run().posted_notice(["Malware scans", "1 EC2_INSTANCE failed", "1 EC2_INSTANCE skipped"]);
    let world = world.posted_notice(["Most frequent reason (2)", "ACCESS_DENIED"]);
    let world = world.metric(&gauge("failed"), 2.0).metric(&gauge("skipped"), 1.0).calls("GetMalwareScan", 2).exit(0);
    a_while_later(world).run().posted_nothing().calls("GetMalwareScan", 2).exit(0);
}

#[test]
fn failed_malware_scans_are_found_behind_many_that_were_completed() {
    let world = quiet();
    world.aws.source(ACCOUNT, REGION, |source| {
        source.scans.push(scan("i-1", "FAILED", 600));
        source.scans.extend((0..200).map(|n| scan(&format!("done-{n}"), "COMPLETED", n)));
    });
    a_while_later(world).run().posted_notice(["Malware scans", "1 EC2_INSTANCE failed"]).calls("ListMalwareScans", 4);
}

#[test]
fn operations_that_are_denied_or_unknown_are_read_hourly_and_hide_nothing_else() {
    for code in ["AccessDeniedException", "UnknownOperationException"] {
        let optional = ["ListPublishingDestinations", "ListMalwareScans"];
        let world = optional.iter().fold(world(), |world, operation| world.on(operation, [error(code).for_ever()]));
        let world = world.findings([high("f1")]).run().posted(["f1"]).exit(0);
        let world = world.run().posted_nothing().exit(0).calls("ListMalwareScans", 1).calls("ListCoverage", 1);
        world.aws.source(ACCOUNT, REGION, |source| {
            source.uncovered.push(("EKS".into(), "cluster-1".into(), "No pods running".into()));
        });
        a_while_later(world).run().posted_notice(["coverage", "1 EKS"]).exit(0).run().posted_nothing().exit(0);
    }
}

#[test]
fn malware_scans_are_announced_without_a_reason_where_it_may_not_be_read() {
    let world = quiet().on("GetMalwareScan", [error("AccessDeniedException").for_ever()]);
    world.aws.source(ACCOUNT, REGION, |source| {
        source.scans.extend((0..3).map(|n| scan(&format!("i-{n}"), "FAILED", 60)));
    });
    let world = a_while_later(world).run().posted_notice(["Malware scans", "3 EC2_INSTANCE failed"]).exit(0);
    a_while_later(world.calls("GetMalwareScan", 1)).run().posted_nothing().exit(0);
}
