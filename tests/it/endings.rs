//! How a run ends when it is told to, or killed.

use std::time::{Duration, Instant};

use guardduty_slack_support::fault::{Step, hang, kill, ok, status, terminate};
use guardduty_slack_support::findings::{Kind, high, of};
use guardduty_slack_support::journal::Effect;
use guardduty_slack_support::world::World;

use crate::kit::{each, run_until_settled, world, world_with_short_lease};

#[test]
fn sigterm_while_slack_is_waited_for_ends_the_run_and_what_was_settled_is_recorded() {
    let world = world().findings([high("f1"), high("f2").updated_ago(60)]);
    let world = world.slack([ok(), ok(), status(429).retry_after(300)]); // a notice, the first finding, the second
    ends_soon_and_goes_on(world, |calls| calls.iter().any(|e| e.effect == Effect::Refused(429)), ["f1", "f2"]);
}

#[test]
fn sigterm_while_aws_is_silent_ends_the_run() {
    let world = world().findings([high("f1")]).on("ListFindings", [hang().for_ever()]);
    ends_soon_and_goes_on(world, |calls| calls.iter().any(|e| e.call.operation == "ListFindings"), ["f1"]);
}

#[test]
fn sigterm_while_the_kubernetes_api_is_silent_ends_the_run() {
    let world = world().configmap().findings([high("f1")]).on("get configmaps", [hang().for_ever()]);
    ends_soon_and_goes_on(world, |calls| calls.iter().any(|e| e.call.operation == "get configmaps"), ["f1"]);
}

fn ends_soon_and_goes_on<const N: usize>(
    world: World,
    at: impl FnMut(&[guardduty_slack_support::journal::Entry]) -> bool,
    ids: [&str; N],
) {
    let run = world.start();
    world.wait_until(at);
    run.terminate();
    let told = Instant::now();
    let world = world.finish(run).exit(1);
    assert!(told.elapsed() < Duration::from_secs(20), "it took {:?}", told.elapsed()); // 10 s, and a crowded machine
    run_until_settled(world.heal()).each_said_once(ids);
}

/// The small run that is killed at each of its calls: a first one with a new finding, or a later one in which one
/// finding recurs (update and reply), one is new, and one was archived.
fn first(in_cluster: bool) -> World {
    let world = if in_cluster { world_with_short_lease().configmap().metrics() } else { world_with_short_lease() };
    world.findings([high("f1")])
}

fn later(in_cluster: bool) -> World {
    let world = first(in_cluster).env("SLACK_REMIND_AFTER", "0s").findings([of(Kind::TorCaller, "f2").updated_ago(90)]);
    let world = world.run().posted(["f1", "f2"]).exit(0);
    let recurs = of(Kind::TorCaller, "f2").updated_ago(20).count(9).ip("203.0.113.77");
    world.findings([recurs, high("f3").updated_ago(10)])
}

fn killed_at_every_call<const N: usize>(build: fn(bool) -> World, in_cluster: bool, ids: [&str; N]) {
    let undisturbed = build(in_cluster);
    let before = undisturbed.journal().len();
    let undisturbed = undisturbed.run().exit(0);
    let calls = undisturbed.journal().len() - before;
    let once = said(&undisturbed);
    let points = (1..=calls).flat_map(|k| [(k, "before"), (k, "after")]).collect();
    each(points, 16, |(k, when)| {
        let step: Step = if when == "before" { kill() } else { kill().after_effect() };
        let world = build(in_cluster).at_call(k, step).run();
        eprintln!("killed {when} the effect of call {k} of {calls}: {:?}", world.lines().last());
        let world = run_until_settled(world.heal());
        assert_eq!(said(&world), once, "killed {when} call {k}: {:#?}", world.lines());
    });
    assert_eq!(once[..ids.len()], ids.map(|id| format!("guardduty_finding {id}")));
}

/// Everything that was said, sorted: each state of a finding, each reply, each notice (by its first words).
fn said(world: &World) -> Vec<String> {
    let states =
        world.announced().into_iter().flat_map(|((id, _), times)| vec![format!("guardduty_finding {id}"); times]);
    let messages = world.slack.messages();
    let others = messages.iter().filter(|m| m.event_type() != "guardduty_finding").map(|m| {
        let name = if m.event_type() == "guardduty_notice" { "notice_id" } else { "finding_id" };
        let words = m.told(name).trim_end_matches(|c: char| c.is_ascii_digit() && name == "notice_id").to_owned();
        format!("{} {words}", m.event_type())
    });
    let mut all: Vec<String> = states.chain(others).collect();
    all.sort();
    all
}

#[test]
fn a_run_killed_at_any_call_loses_nothing_and_repeats_nothing() {
    killed_at_every_call(first, false, ["f1"]);
}

#[test]
fn a_run_killed_at_any_call_loses_nothing_and_repeats_nothing_in_a_cluster() {
    killed_at_every_call(first, true, ["f1"]);
}

#[test]
fn a_recurrence_killed_at_any_call_is_told_once() {
    killed_at_every_call(later, false, ["f1", "f2", "f2", "f3"]);
}

#[test]
fn sigterm_at_any_call_ends_the_run_and_loses_nothing() {
    let calls = first(true).run().exit(0).journal().len();
    each((1..=calls).collect(), 16, |k| {
        let world = first(true).at_call(k, terminate()).run();
        eprintln!("told to end at call {k} of {calls}: exit {:?}", world.ran().code);
        assert!(matches!(world.ran().code, Some(0 | 1)), "{}", world.ran().tail());
        run_until_settled(world.heal()).each_said_once(["f1"]);
    });
}
