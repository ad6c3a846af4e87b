//! How a run ends when it is told to, or killed.

use guardduty_slack_support::fault::{Step, hang, kill, ok, status, terminate};
use guardduty_slack_support::findings::{Kind, critical, finding_of, findings, high};
use guardduty_slack_support::journal::Effect;
use guardduty_slack_support::world::World;
use serde_json::json;

use crate::kit::{each, run_until_settled, world, world_with_short_lease};
use crate::life::{are_linked, signal_and_sequence};

#[test]
fn sigterm_while_waiting_for_slack_saves_processed_findings() {
    let world = world().findings([high("f1"), high("f2").updated_ago(60)]);
    let world = world.slack([ok(), ok(), status(429).retry_after(3_000)]); // a notice, the first finding, the second
    ends_soon_and_goes_on(world, |calls| calls.iter().any(|e| e.effect == Effect::Refused(429)), ["f1", "f2"]);
}

#[test]
fn sigterm_ends_the_run_while_aws_does_not_respond() {
    let world = world().findings([high("f1")]).on("ListFindings", [hang().for_ever()]);
    ends_soon_and_goes_on(world, |calls| calls.iter().any(|e| e.call.operation == "ListFindings"), ["f1"]);
}

#[test]
fn sigterm_ends_the_run_while_the_kubernetes_api_does_not_respond() {
    let world = world().configmap().findings([high("f1")]).on("get configmaps", [hang().for_ever()]);
    ends_soon_and_goes_on(world, |calls| calls.iter().any(|e| e.call.operation == "get configmaps"), ["f1"]);
}

#[test]
fn shutdown_does_not_wait_for_a_hanging_checkpoint() {
    let world = world().configmap().findings([high("f1")]);
    let world = world.on("patch configmaps", [hang().for_ever()]);
    let run = world.start();
    world.wait_until(|calls| calls.iter().any(|e| e.call.operation == "patch configmaps"));
    run.terminate();
    let world = world.finish(run).posted([]).exit(1);
    assert_eq!(world.last_run().stderr.matches("failed to save state").count(), 1, "{}", world.last_run().tail());
    run_until_settled(world.clear_faults()).each_delivered_once(["f1"]);
}

fn ends_soon_and_goes_on<const N: usize>(
    world: World,
    at: impl FnMut(&[guardduty_slack_support::journal::Entry]) -> bool,
    ids: [&str; N],
) {
    let world = world.env("RUN_TIMEOUT", "1h");
    let run = world.start();
    world.wait_until(at);
    run.terminate();
    // Without the signal the run would outlast the time after which a test is taken for hung.
    let world = world.finish(run).exit(1);
    run_until_settled(world.clear_faults()).each_delivered_once(ids);
}

/// The small run that is killed at each of its calls: a first one with a new finding, or a later one in which one
/// finding recurs (update and reply), one is new, and one was archived.
fn first(in_cluster: bool) -> World {
    let world = if in_cluster { world_with_short_lease().configmap().metrics() } else { world_with_short_lease() };
    world.findings([high("f1")])
}

fn later(in_cluster: bool) -> World {
    let world =
        first(in_cluster).env("SLACK_REMIND_AFTER", "0s").findings([finding_of(Kind::TorCaller, "f2").updated_ago(90)]);
    let world = world.run().posted(["f1", "f2"]).exit(0);
    let recurs = finding_of(Kind::TorCaller, "f2").updated_ago(20).count(9).ip("203.0.113.77");
    world.findings([recurs, high("f3").updated_ago(10)])
}

/// Kills the run behind `build` before and after each call that it makes, lets it be made good, and has `right` look.
pub fn killed_at_every_call(build: impl Fn() -> World + Sync, right: impl Fn(&World) + Sync) {
    let undisturbed = build();
    let before = undisturbed.journal().len();
    let undisturbed = undisturbed.run().exit(0);
    right(&undisturbed);
    let calls = undisturbed.journal().len() - before;
    let points = (1..=calls).flat_map(|k| [(k, "before"), (k, "after")]).collect();
    each(points, 16, |(k, when)| {
        let step: Step = if when == "before" { kill() } else { kill().after_effect() };
        let world = build().at_call(k, step).run();
        eprintln!("killed {when} the effect of call {k} of {calls}: {:?}", world.lines().last());
        right(&run_until_settled(world.clear_faults()));
    });
}

fn says(world: &World, wanted: &[&str]) {
    assert_eq!(said(world), wanted, "{:#?}", world.lines());
}

/// Everything that was said, sorted: each state of a finding, each reply, each notice (by its first words).
fn said(world: &World) -> Vec<String> {
    let states = world
        .deliveries_by_revision()
        .into_iter()
        .flat_map(|((id, _), times)| vec![format!("guardduty_finding {id}"); times]);
    let messages = world.slack.messages();
    let others = messages.iter().filter(|m| m.event_type() != "guardduty_finding").map(|m| {
        let name = if m.event_type() == "guardduty_notice" { "notice_id" } else { "finding_id" };
        let words =
            m.metadata_value(name).trim_end_matches(|c: char| c.is_ascii_digit() && name == "notice_id").to_owned();
        format!("{} {words}", m.event_type())
    });
    let mut all: Vec<String> = states.chain(others).collect();
    all.sort();
    all
}

const AFRESH: &str = "guardduty_notice no-state-";

#[test]
fn run_killed_at_any_request_has_no_loss_and_no_duplicates() {
    killed_at_every_call(|| first(false), |world| says(world, &["guardduty_finding f1", AFRESH]));
}

#[test]
fn run_killed_at_any_request_has_no_loss_and_no_duplicates_with_a_configmap() {
    killed_at_every_call(|| first(true), |world| says(world, &["guardduty_finding f1", AFRESH]));
}

#[test]
fn recurrence_killed_at_any_request_is_announced_once() {
    let wanted = [
        "guardduty_finding f1",
        "guardduty_finding f2",
        "guardduty_finding f2",
        "guardduty_finding f3",
        AFRESH,
        "guardduty_reply f2",
    ];
    killed_at_every_call(|| later(false), |world| says(world, &wanted));
}

#[test]
fn a_link_that_is_missing_is_added_though_the_run_is_killed_at_any_call() {
    let build = || {
        let world = world_with_short_lease().findings([high("f1")]).run().posted(["f1"]);
        world.findings(signal_and_sequence()).run().posted(["sequence"]).exit(0)
    };
    killed_at_every_call(build, |world| {
        assert!(are_linked(world), "{:#?}", world.slack.messages());
        says(world, &["guardduty_finding f1", "guardduty_finding f1", "guardduty_finding sequence", AFRESH]);
    });
}

#[test]
fn digest_killed_at_any_request_contains_each_finding_once() {
    let build = || world_with_short_lease().env("SLACK_DIGEST_AFTER", "1").findings(findings("m", 6));
    killed_at_every_call(build, |world| {
        let messages = world.slack.messages();
        let digests = messages.iter().filter(|m| m.event_type() == "guardduty_digest");
        let summed: usize = digests.map(|m| m.metadata_value("findings").parse::<usize>().unwrap_or(0)).sum();
        let alone = world.deliveries_by_revision();
        assert!(alone.values().all(|times| *times == 1), "{:#?}", world.lines());
        assert_eq!(alone.len() + summed, 6, "{:#?}", world.lines());
    });
}

#[test]
fn moved_finding_is_announced_once_when_the_run_is_killed_at_any_request() {
    let build = || {
        let routes = json!([
            { "match": { "severity": ">=9" }, "channel": "#outside" },
            { "match": { "severity": ">=7" }, "channel": "C0CRITICAL" },
        ]);
        let world = world_with_short_lease().env("SLACK_ROUTES", routes).findings([high("f1").severity(5.0)]);
        let world = world.run().posted(["f1"]).exit(0);
        world.findings([high("f1").severity(8.0).updated_ago(20), critical("f2").updated_ago(10)])
    };
    killed_at_every_call(build, |world| {
        says(world, &["guardduty_finding f1", "guardduty_finding f1", "guardduty_finding f2", AFRESH]);
        let messages = world.slack.messages();
        let old = messages.iter().find(|m| m.metadata_value("finding_id") == "f1").unwrap();
        assert!(old.visible().contains("has moved to"), "{}", old.visible());
    });
}

#[test]
fn sigterm_at_any_request_ends_the_run_without_loss() {
    let calls = first(true).run().exit(0).journal().len();
    each((1..=calls).collect(), 16, |k| {
        let world = first(true).at_call(k, terminate()).run();
        eprintln!("told to end at call {k} of {calls}: exit {:?}", world.last_run().code);
        assert!(matches!(world.last_run().code, Some(0 | 1)), "{}", world.last_run().tail());
        run_until_settled(world.clear_faults()).each_delivered_once(["f1"]);
    });
}
