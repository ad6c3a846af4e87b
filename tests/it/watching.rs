//! The watcher is watched: detectors, filters that archive, trusted-IP lists, blind periods.

use guardduty_slack_support::fault::error;
use guardduty_slack_support::findings::high;
use guardduty_slack_support::world::{ACCOUNT, REGION, World};

use crate::kit::world;

fn quiet() -> World {
    world().findings([high("f1")]).run().posted(["f1"]).exit(0)
}

#[test]
fn a_detector_that_is_disabled_is_announced_once() {
    let world = quiet();
    world.aws.source(ACCOUNT, REGION, |source| source.status = "DISABLED");
    let world = world.run().noticed(["111122223333/eu-west-1", "disabled"]);
    world.run().without_notice();
}

#[test]
fn a_detector_that_is_gone_and_one_made_anew_are_announced_and_the_watermark_stays() {
    let world = quiet();
    world.aws.remove_source(ACCOUNT, REGION);
    let world = world.run().noticed(["111122223333/eu-west-1", "detector"]).run().without_notice();
    world.aws.source(ACCOUNT, REGION, |source| source.detector = "0123456789abcdef0123456789abcdef".into());
    let world = world.findings([high("f2").updated_ago(20)]);
    world.run().posted(["f2"]).noticed(["111122223333/eu-west-1", "detector"]).exit(0).run().silent().exit(0);
}

#[test]
fn a_new_filter_that_archives_and_a_new_trusted_ip_list_are_announced_by_name() {
    let world = quiet();
    world.aws.source(ACCOUNT, REGION, |source| {
        source.filters.push(("hide-portscans".into(), "ARCHIVE".into()));
        source.filters.push(("only-a-view".into(), "NOOP".into()));
        source.ip_sets.push(("ab12".into(), "office-network".into(), "s3://lists/office.txt".into()));
    });
    let world = world.run().noticed(["hide-portscans"]).noticed(["office-network"]).exit(0);
    assert!(!world.notices().join("\n").contains("only-a-view"));
    world.run().silent().exit(0);
}

#[test]
fn permissions_that_are_missing_for_watching_are_a_warning_and_no_failure() {
    let watching = |call: &guardduty_slack_support::journal::Call| {
        matches!(call.operation.as_str(), "GetDetector" | "ListFilters" | "ListIPSets" | "GetFindingsStatistics")
    };
    let world = world().findings([high("f1")]).fault(watching, [error("AccessDeniedException").for_ever()]);
    world.run().posted(["f1"]).exit(0).run().silent().exit(0);
}

#[test]
fn watching_can_be_switched_off() {
    let world = world().env("GUARDDUTY_WATCH", "false").findings([high("f1")]).run().posted(["f1"]).exit(0);
    world.calls("ListFilters", 0).calls("ListIPSets", 0);
}

#[test]
fn a_source_new_to_the_state_is_announced_with_what_was_open_before() {
    let world = quiet().env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1");
    let old = [high("old").updated_ago(90_000), high("new").updated_ago(60)];
    let world = world.findings_in(ACCOUNT, "us-east-1", old).run().posted(["new"]).noticed(["us-east-1", "1 high"]);
    world.exit(0).run().silent().exit(0);
}
