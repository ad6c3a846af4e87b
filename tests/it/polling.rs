//! What is read from GuardDuty, and what is left out.

use guardduty_slack_support::aws::Role;
use guardduty_slack_support::fault::{cut, error, hang, reset, status};
use guardduty_slack_support::findings::{Kind, finding_of, findings, high, low, medium, set};
use guardduty_slack_support::journal::Call;
use guardduty_slack_support::world::{ACCOUNT, REGION};
use serde_json::json;

use crate::kit::world;

fn in_region(region: &'static str) -> impl Fn(&Call) -> bool {
    move |call| call.service == "guardduty" && call.place.ends_with(region)
}

#[test]
fn a_first_run_announces_what_the_look_back_covers_and_a_second_one_nothing() {
    let world = world().findings([high("new"), high("old").updated_ago(3600)]).run().posted(["new"]).exit(0);
    world.run().posted_nothing().exit(0);
}

#[test]
fn finding_visible_late_within_the_overlap_is_announced() {
    let world = world().findings([high("first").updated_ago(60), high("late").updated_ago(500).not_yet_visible()]);
    let world = world.run().posted(["first"]).exit(0);
    world.aws.source(ACCOUNT, REGION, |source| source.show("late"));
    world.run().posted(["late"]).exit(0);
}

#[test]
fn all_findings_of_one_millisecond_are_announced() {
    let one = |id| high(id).with("/updatedAt", guardduty_slack_support::findings::iso(start_of_minute()));
    let world = world().env("GUARDDUTY_OVERLAP", "0s").findings([one("a"), one("b"), one("c").not_yet_visible()]);
    let world = world.run().posted(["a", "b"]).exit(0);
    world.aws.source(ACCOUNT, REGION, |source| source.show("c"));
    world.run().posted(["c"]).exit(0);
}

fn start_of_minute() -> i64 {
    guardduty_slack_support::findings::now() / 60_000 * 60_000 - 60_000
}

#[test]
fn the_details_of_a_list_longer_than_a_page_are_fetched_behind_its_last_page() {
    let world = world().env("SLACK_DIGEST_AFTER", "1").findings(findings("f", 120)).run().digested(119).exit(0);
    let lines = world.lines();
    let first = lines.iter().position(|line| line.contains("GetFindings "));
    let last = lines.iter().rposition(|line| line.contains("ListFindings"));
    assert_eq!(world.journal().of("ListFindings").len(), 3, "{lines:#?}");
    assert!(last < first, "{lines:#?}");
    world.run().posted_nothing().exit(0);
}

#[test]
fn a_backlog_is_read_in_parts_at_the_same_time() {
    let old = |n: usize| high(&format!("f{n}")).updated_ago(60 + 5 * n as u64);
    let world = world().env("SLACK_DIGEST_AFTER", "1").env("GUARDDUTY_LOOKBACK", "3h").findings((0..1_500).map(old));
    let world = world.run().digested(1_499).exit(0);
    // Four pages show that the list is long; then each finding is listed once more, and fetched once.
    let (listed, fetched) = (world.journal().of("ListFindings").len(), world.journal().of("GetFindings").len());
    assert!((34..50).contains(&listed) && (31..45).contains(&fetched), "{listed} lists, {fetched} times details");
    world.run().posted_nothing().exit(0);
}

#[test]
fn repeated_pagination_token_is_an_error_without_loss() {
    let world = world().env("SLACK_DIGEST_AFTER", "1").findings(findings("f", 160));
    world.aws.repeat_page_tokens(usize::MAX);
    let world = world.run().exit(1);
    assert!(world.journal().of("ListFindings").len() < 20, "a loop: {:#?}", world.lines());
    world.aws.repeat_page_tokens(0);
    let digested = |w: &guardduty_slack_support::world::World| -> usize {
        let digests = w.slack.messages().into_iter().filter(|m| m.event_type() == "guardduty_digest");
        digests.map(|m| m.metadata_value("findings").parse::<usize>().unwrap_or(0)).sum()
    };
    let world = world.run().exit(0);
    assert_eq!(world.deliveries_by_revision().len() + digested(&world), 160);
}

#[test]
fn throttling_errors_resets_and_cut_bodies_of_aws_are_tried_again_within_the_run() {
    world()
        .findings([high("f1")])
        .on("ListDetectors", [error("ThrottlingException"), status(503)])
        .on("ListFindings", [status(500), reset(), cut()])
        .on("GetFindings", [cut(), error("ThrottlingException")])
        .run()
        .posted(["f1"])
        .exit(0);
}

#[test]
fn skipped_findings_do_not_block_the_watermark() {
    let world = world()
        .env("GUARDDUTY_MIN_SEVERITY", "medium")
        .env("GUARDDUTY_EXCLUDE_TYPES", "Policy:*")
        .env("GUARDDUTY_SAMPLES", "drop")
        .findings([
            high("announced").updated_ago(200),
            high("archived").archived(),
            low("low"),
            finding_of(Kind::RootUsage, "excluded").severity(8.0),
            high("sample").sample(),
        ]);
    world.run().posted(["announced"]).exit(0).run().posted_nothing().exit(0);
}

#[test]
fn denied_region_is_announced_once_and_does_not_affect_others() {
    let world = world()
        .env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1")
        .findings([high("here")])
        .findings_in(ACCOUNT, "us-east-1", [high("there")])
        .fault(in_region("us-east-1"), [error("AccessDeniedException").for_ever()]);
    let world = world.run().posted(["here"]).posted_notice(["111122223333/us-east-1", "Cannot read"]).exit(1);
    let world = world.run().posted_nothing().exit(1);
    world.clear_faults().run().posted(["there"]).posted_notice(["111122223333/us-east-1", "from", "to"]).exit(0);
}

#[test]
fn hanging_region_delays_neither_other_regions_nor_the_end_of_the_run() {
    let world = world()
        .env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1")
        .env("RUN_TIMEOUT", "12s")
        .findings([high("here")])
        .findings_in(ACCOUNT, "us-east-1", [high("there")])
        .fault(in_region("us-east-1"), [hang().for_ever()]);
    let world = world.run().posted(["here"]).exit(1);
    world.clear_faults().run().posted(["there"]).exit(0);
}

#[test]
fn roles_are_assumed_with_their_external_id_in_every_region() {
    let role = |account: &str| Role {
        arn: format!("arn:aws:iam::{account}:role/reader"),
        external_id: "ext-1".into(),
        ..Role::default()
    };
    let (one, two) = (role("222233334444"), role("333344445555"));
    let world = world()
        .env("GUARDDUTY_REGIONS", "eu-west-1,us-east-1")
        .env("GUARDDUTY_ROLE_ARNS", format!("{},{},self", one.arn, two.arn))
        .env("GUARDDUTY_EXTERNAL_ID", "ext-1")
        .findings([high("own")])
        .findings_in("222233334444", "us-east-1", [high("second")])
        .findings_in("333344445555", "eu-west-1", [high("third")]);
    world.aws.role(one);
    world.aws.role(two);
    for (account, region) in [("222233334444", "eu-west-1"), ("333344445555", "us-east-1"), (ACCOUNT, "us-east-1")] {
        world.aws.source(account, region, |_| ());
    }
    let world = world.run().posted(["own", "second", "third"]).exit(0);
    let message = world.message_of("second");
    assert_eq!(
        (message.metadata_value("account_id"), message.metadata_value("region")),
        ("222233334444".into(), "us-east-1".into())
    );
}

#[test]
fn a_web_identity_token_is_all_that_a_pod_needs() {
    let token = "eyJhbGciOiJSUzI1NiJ9.fakeWebIdentityToken.c2ln";
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/irsa");
    let world = world().findings([high("f1")]);
    let path = world.folder.path().join("token");
    std::fs::write(&path, token).unwrap();
    world.aws.role(Role { arn: arn.clone(), web_identity: token.into(), ..Role::default() });
    world
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_ROLE_ARN", arn)
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", path.display())
        .run()
        .posted(["f1"])
        .calls_in_order(["sts AssumeRoleWithWebIdentity", "guardduty ListFindings"])
        .exit(0);
}

#[test]
fn finding_listed_but_not_returned_is_fetched_by_a_later_run() {
    let world = world().findings([high("withheld").updated_ago(100), high("announced").updated_ago(50)]);
    world.aws.omit_from_get_findings(["withheld"]);
    let world = world.run().posted(["announced"]).exit(1);
    world.aws.omit_from_get_findings([]);
    world.run().posted(["withheld"]).exit(0);
}

#[test]
fn all_regions_are_those_that_the_account_has_enabled_and_one_without_a_detector_is_named_once() {
    let world = world().env("GUARDDUTY_REGIONS", "all").findings([high("here")]).findings_in(
        ACCOUNT,
        "us-east-1",
        [high("there")],
    );
    world.aws.regions([
        ("ap-east-1", "DISABLED"),
        ("eu-west-1", "ENABLED_BY_DEFAULT"),
        ("us-east-1", "ENABLED_BY_DEFAULT"),
        ("us-west-2", "ENABLED"),
    ]);
    let world = world.run().posted(["here", "there"]).posted_notice(["us-west-2"]).exit(0);
    assert!(!world.lines().iter().any(|l| l.ends_with("ap-east-1")), "{:#?}", world.lines());
    world.run().posted_nothing().exit(0);
}

#[test]
fn a_finding_seen_through_two_sources_is_one_finding() {
    let arn = "arn:aws:iam::222233334444:role/reader";
    let world = world()
        .env("GUARDDUTY_ROLE_ARNS", format!("self,{arn}"))
        .findings([medium("both").account("222233334444")])
        .findings_in("222233334444", REGION, [medium("both")]);
    world.aws.role(Role { arn: arn.into(), ..Role::default() });
    world.run().posted(["both"]).exit(0).run().posted_nothing().exit(0);
}

#[test]
fn findings_that_break_the_service_model_are_announced_once() {
    let odd = [
        ("euid", "/service/runtimeDetails", json!({"process": {"name": "curl", "euid": "1000"}})),
        ("tags", "/resource/instanceDetails/tags", json!([null, {"key": "team", "value": "payments"}])),
        ("time", "/updatedAt", json!({"odd": 1})),
        ("service", "/service", json!("odd")),
    ];
    let world = world().findings(odd.iter().map(|(id, ..)| high(id)).chain([medium("sound")]));
    for (id, pointer, value) in odd {
        world.aws.source(ACCOUNT, REGION, |source| source.answer(id, |document| set(document, pointer, value)));
    }
    let world = world.run().posted(["euid", "tags", "time", "service", "sound"]).exit(0);
    world.run().posted_nothing().exit(0).run().posted_nothing().exit(0);
}

#[test]
fn a_finding_of_which_only_the_id_can_be_read_is_announced_once_and_logged() {
    let world = world().findings([high("odd"), medium("sound")]);
    world.aws.source(ACCOUNT, REGION, |source| {
        source.answer("odd", |document| *document = json!({"id": "odd", "type": ["odd"], "words": "as received"}));
    });
    let world = world.run().posted(["odd", "sound"]).exit(0).stderr_has("as received");
    world.run().posted_nothing().exit(0).run().posted_nothing().exit(0);
}
