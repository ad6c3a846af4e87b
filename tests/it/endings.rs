//! The end of a run after SIGTERM or SIGKILL.

use guardduty_slack_support::fault::{hang, kill, ok, status, terminate};
use guardduty_slack_support::findings::{Kind, critical, finding_of, findings, high};
use guardduty_slack_support::journal::{Call, Effect};
use guardduty_slack_support::world::World;
use serde_json::json;

use crate::kit::{each, run_until_processed, world, world_with_short_lease};
use crate::life::{are_linked, signal_and_sequence};

#[test]
fn sigterm_while_waiting_for_slack_saves_processed_findings() {
    let world = world().findings([high("f1"), high("f2").updated_ago(60)]);
    let world = world.slack([ok(), ok(), status(429).retry_after(3_000)]); // a notice, the first finding, the second
    terminate_and_recover(world, |calls| calls.iter().any(|e| e.effect == Effect::Refused(429)), ["f1", "f2"]);
}

#[test]
fn sigterm_ends_the_run_while_aws_does_not_respond() {
    let world = world().findings([high("f1")]).on("ListFindings", [hang().for_ever()]);
    terminate_and_recover(world, |calls| calls.iter().any(|e| e.call.operation == "ListFindings"), ["f1"]);
}

#[test]
fn sigterm_ends_the_run_while_the_kubernetes_api_does_not_respond() {
    let world = world().configmap().findings([high("f1")]).on("get configmaps", [hang().for_ever()]);
    terminate_and_recover(world, |calls| calls.iter().any(|e| e.call.operation == "get configmaps"), ["f1"]);
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
    run_until_processed(world.clear_faults()).each_delivered_once(["f1"]);
}

fn terminate_and_recover<const N: usize>(
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
    run_until_processed(world.clear_faults()).each_delivered_once(ids);
}

/// A first run with a new finding.
fn first(world: World) -> World {
    world.findings([high("f1")])
}

/// A later run in which one finding recurs (update and reply) and one is new.
fn later(world: World) -> World {
    let world =
        first(world).env("SLACK_REMIND_AFTER", "0s").findings([finding_of(Kind::TorCaller, "f2").updated_ago(90)]);
    let world = world.run().posted(["f1", "f2"]).exit(0);
    let recurs = finding_of(Kind::TorCaller, "f2").updated_ago(20).count(9).ip("203.0.113.77");
    world.findings([recurs, high("f3").updated_ago(10)])
}

/// Kills the run that `build` prepares before and after each of its requests. Then the next runs recover, and `check`
/// inspects the result. The state is a file, whose writes are not requests: a kill at a read can follow a write.
fn kill_at_every_request(build: impl Fn(World) -> World + Sync, check: impl Fn(&World) + Sync) {
    let build = || build(world_with_short_lease().env("GUARDDUTY_WATCH", "false"));
    let requests = count_requests(build(), |_| true, &check);
    let points = (1..=requests).flat_map(|k| [(k, kill()), (k, kill().after_effect())]).collect();
    each(points, 32, |(k, step)| check(&run_until_processed(build().at_call(k, step).run().clear_faults())));
}

/// Kills the run that `build` prepares before its first write and after each of its writes. Then the next runs recover,
/// and `check` inspects the result. The state is a ConfigMap, so that each write of a run is a request: a kill at a
/// read, or before the next write, leaves the same messages and the same state.
pub(crate) fn kill_at_every_write(build: impl Fn(World) -> World + Sync, check: impl Fn(&World) + Sync) {
    let build = || build(world_with_short_lease().configmap());
    let writes = count_requests(build(), is_write, &check);
    let after = (1..=writes).map(|k| (k, kill().after_effect()));
    each([(1, kill())].into_iter().chain(after).collect(), 32, |(k, step)| {
        let world = build().at_nth(k, is_write, step).run();
        eprintln!("killed at write {k} of {writes}: {:?}", world.lines().last());
        check(&run_until_processed(world.clear_faults()));
    });
}

/// The number of the selected requests of the run that `build` prepares, if nothing goes wrong.
fn count_requests(world: World, is_meant: fn(&Call) -> bool, check: impl Fn(&World)) -> usize {
    let before = world.journal().len();
    let world = world.run().exit(0);
    check(&world);
    world.journal().entries()[before..].iter().filter(|entry| is_meant(&entry.call)).count()
}

/// Whether the request changes something outside of the run.
pub(crate) fn is_write(call: &Call) -> bool {
    let operation = call.operation.as_str();
    matches!(operation, "chat.postMessage" | "chat.update" | "webhook" | "patch configmaps" | "PUT" | "POST")
        || matches!(operation, "ArchiveFindings" | "UnarchiveFindings")
}

fn announces(world: &World, wanted: &[&str]) {
    assert_eq!(announcements(world), wanted, "{:#?}", world.lines());
}

/// All announcements, sorted: each revision of a finding, each reply, each notice (by the first words of its ID).
fn announcements(world: &World) -> Vec<String> {
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

const NO_STATE: &str = "guardduty_notice no-state-";

#[test]
fn first_run_killed_at_any_write_has_no_loss_and_no_duplicates() {
    kill_at_every_write(|world| first(world.metrics()), |world| announces(world, &["guardduty_finding f1", NO_STATE]));
}

#[test]
fn recurrence_killed_at_any_request_is_announced_once() {
    let wanted = [
        "guardduty_finding f1",
        "guardduty_finding f2",
        "guardduty_finding f2",
        "guardduty_finding f3",
        NO_STATE,
        "guardduty_reply f2",
    ];
    kill_at_every_request(later, |world| announces(world, &wanted));
}

#[test]
fn missing_link_is_added_when_the_run_is_killed_at_any_write() {
    let build = |world: World| {
        let world = world.findings([high("f1")]).run().posted(["f1"]);
        world.findings(signal_and_sequence()).run().posted(["sequence"]).exit(0)
    };
    kill_at_every_write(build, |world| {
        assert!(are_linked(world), "{:#?}", world.slack.messages());
        announces(world, &["guardduty_finding f1", "guardduty_finding f1", "guardduty_finding sequence", NO_STATE]);
    });
}

#[test]
fn digest_killed_at_any_write_contains_each_finding_once() {
    let build = |world: World| world.env("SLACK_DIGEST_AFTER", "1").findings(findings("m", 6));
    kill_at_every_write(build, |world| {
        let messages = world.slack.messages();
        let digests = messages.iter().filter(|m| m.event_type() == "guardduty_digest");
        let summed: usize = digests.map(|m| m.metadata_value("findings").parse::<usize>().unwrap_or(0)).sum();
        let alone = world.deliveries_by_revision();
        assert!(alone.values().all(|times| *times == 1), "{:#?}", world.lines());
        assert_eq!(alone.len() + summed, 6, "{:#?}", world.lines());
    });
}

#[test]
fn moved_finding_is_announced_once_when_the_run_is_killed_at_any_write() {
    let build = |world: World| {
        let routes = json!([
            { "match": { "severity": ">=9" }, "channel": "#outside" },
            { "match": { "severity": ">=7" }, "channel": "C0CRITICAL" },
        ]);
        let world = world.env("SLACK_ROUTES", routes).findings([high("f1").severity(5.0)]);
        let world = world.run().posted(["f1"]).exit(0);
        world.findings([high("f1").severity(8.0).updated_ago(20), critical("f2").updated_ago(10)])
    };
    kill_at_every_write(build, |world| {
        announces(world, &["guardduty_finding f1", "guardduty_finding f1", "guardduty_finding f2", NO_STATE]);
        let messages = world.slack.messages();
        let old = messages.iter().find(|m| m.metadata_value("finding_id") == "f1").unwrap();
        assert!(old.visible().contains("has moved to"), "{}", old.visible());
    });
}

#[test]
fn sigterm_at_any_request_ends_the_run_without_loss() {
    let build = || first(world_with_short_lease().configmap().metrics().env("GUARDDUTY_WATCH", "false"));
    let requests = build().run().exit(0).journal().len();
    each((1..=requests).collect(), 32, |k| {
        let world = build().at_call(k, terminate()).run();
        eprintln!("SIGTERM at request {k} of {requests}: exit {:?}", world.last_run().code);
        assert!(matches!(world.last_run().code, Some(0 | 1)), "{}", world.last_run().tail());
        run_until_processed(world.clear_faults()).each_delivered_once(["f1"]);
    });
}
