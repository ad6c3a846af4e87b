//! Minimized histories that once violated a guarantee, and histories that a guarantee names.

use crate::bugs::Bug;
use crate::history::{
    Event, Fault, FaultEffect, FindingSpec, History, Installation, Kill, Op, Reaction, RunPlan, SourceChange,
    WorldEvent,
};
use crate::runner::run_history;
use crate::triaged::{ACKNOWLEDGE, LISTED, RESOLVE, STRANGER};

fn new_finding(finding: usize, at: i64) -> Event {
    Event { at, what: WorldEvent::Revision { finding, severity: 5.0, ip: 1, count: 1, late: 0 } }
}

fn run(gap: i64, faults: &[(Op, u32, FaultEffect)]) -> RunPlan {
    let faults = faults.iter().map(|(op, nth, effect)| Fault { op: *op, nth: *nth, effect: effect.clone() }).collect();
    RunPlan { faults, ..RunPlan::clean(gap) }
}

fn check(setup: Installation, events: Vec<Event>, runs: Vec<RunPlan>) {
    check_history(&History { seed: 1, theme: "regression", setup, events, runs });
}

fn check_history(history: &History) {
    let report = run_history(history, None, true);
    assert!(report.violations.is_empty(), "{:#?}\n{}", report.violations, report.trace.join("\n"));
}

/// One run that posts, edits, moves, replies in a thread and posts a digest, killed at each of its calls.
fn kills_of_a_busy_run() -> Vec<History> {
    let setup = Installation { digest_after: 1, routed: true, ..Installation::plain(6) };
    let revision = |finding, at, severity| Event {
        at,
        what: WorldEvent::Revision { finding, severity, ip: 1, count: 1, late: 0 },
    };
    let first = [revision(0, 5_000, 2.0), revision(1, 6_000, 8.0), revision(2, 95_000, 8.0)];
    let second = [revision(0, 200_000, 5.0), revision(1, 201_000, 5.0), revision(2, 202_000, 9.0)];
    let more = (3..6).map(|f| revision(f, 203_000, 5.0));
    let events: Vec<Event> = first.into_iter().chain(second).chain(more).collect();
    let runs = |kill| {
        let killed = RunPlan { kill: Some(kill), ..RunPlan::clean(120_000) };
        vec![RunPlan::clean(1_000), RunPlan::clean(30_000), RunPlan::clean(60_000), killed]
    };
    let kills = (1..40).flat_map(|call| [true, false].map(|after| Kill { op: None, call, after }));
    kills
        .map(|kill| History {
            seed: 1,
            theme: "regression",
            setup: setup.clone(),
            events: events.clone(),
            runs: runs(kill),
        })
        .collect()
}

#[test]
fn run_can_be_killed_at_any_request() {
    kills_of_a_busy_run().iter().for_each(check_history);
}

/// A run that archives, unarchives, escalates and summarizes, killed at each of its calls.
fn kills_in_triage() -> Vec<History> {
    let setup = Installation { triage: "archive", escalate: true, summary: true, ..Installation::plain(5) };
    let react = |finding, at, emoji, user, is_added| {
        let reaction = Reaction { emoji, user };
        Event { at, what: WorldEvent::React { finding, reaction, is_added } }
    };
    let mut events: Vec<Event> = (0..5).map(|f| new_finding(f, 5_000 + f as i64)).collect();
    events.extend([
        react(0, 60_000, RESOLVE, LISTED[0], true),
        react(1, 60_000, RESOLVE, LISTED[0], true),
        react(2, 60_000, ACKNOWLEDGE, LISTED[1], true),
        react(3, 60_000, RESOLVE, STRANGER, true),
        react(1, 290_000, RESOLVE, LISTED[0], false),
        react(2, 290_000, RESOLVE, LISTED[1], true),
    ]);
    let runs = |kill| {
        let killed = RunPlan { kill: Some(kill), ..RunPlan::clean(220_000) };
        vec![RunPlan::clean(1_000), RunPlan::clean(30_000), RunPlan::clean(60_000), killed, RunPlan::clean(90_000)]
    };
    let kills = (1..50).flat_map(|call| [true, false].map(|after| Kill { op: None, call, after }));
    kills
        .map(|kill| History {
            seed: 1,
            theme: "regression",
            setup: setup.clone(),
            events: events.clone(),
            runs: runs(kill),
        })
        .collect()
}

#[test]
fn triage_run_can_be_killed_at_any_request() {
    kills_in_triage().iter().for_each(check_history);
}

/// A person resolves the only finding, or removes that reaction.
fn resolve(at: i64, user: &'static str, is_added: bool) -> Event {
    let reaction = Reaction { emoji: RESOLVE, user };
    Event { at, what: WorldEvent::React { finding: 0, reaction, is_added } }
}

/// A run that is killed when its first request of this kind has taken effect.
fn killed_after(op: Op, gap: i64) -> RunPlan {
    RunPlan { kill: Some(Kill { op: Some(op), call: 1, after: true }), ..RunPlan::clean(gap) }
}

#[test]
fn second_resolution_is_unarchived_after_it_is_removed() {
    let setup = Installation { triage: "archive", ..Installation::plain(1) };
    let [alice, bob] = LISTED;
    let events = vec![
        new_finding(0, 5_000),
        resolve(60_000, bob, true),
        resolve(110_000, bob, false),
        resolve(200_000, alice, true),
        resolve(300_000, alice, false),
    ];
    let runs = vec![
        RunPlan::clean(1_000),
        RunPlan::clean(30_000),
        killed_after(Op::Archive, 60_000),
        killed_after(Op::Update, 70_000),
        RunPlan::clean(70_000),
    ];
    check(setup, events, runs);
}

#[test]
fn a_finding_that_is_resolved_again_after_a_killed_run_unarchived_it_stays_resolved() {
    let setup = Installation { triage: "archive", ..Installation::plain(1) };
    let [alice, bob] = LISTED;
    let events = vec![
        new_finding(0, 5_000),
        resolve(60_000, alice, true),
        resolve(150_000, alice, false),
        resolve(190_000, bob, true),
    ];
    let runs = vec![
        RunPlan::clean(1_000),
        RunPlan::clean(30_000),
        RunPlan::clean(60_000),
        killed_after(Op::Archive, 70_000),
        killed_after(Op::Save, 80_000),
    ];
    check(setup, events, runs);
}

/// A run that calls about an increased severity level is killed at each of its calls, and the finding recurs before the
/// next one. Threads reject replies until a time.
fn kills_at_a_call(no_replies_until: i64) -> Vec<History> {
    let revision =
        |at, severity, ip| Event { at, what: WorldEvent::Revision { finding: 0, severity, ip, count: 1, late: 0 } };
    let events = vec![revision(5_000, 5.0, 1), revision(60_000, 9.0, 1), revision(130_000, 9.0, 2)];
    let kills = (1..20).flat_map(|call| [true, false].map(|after| Kill { op: None, call, after }));
    let histories = kills.map(|kill| {
        let killed = RunPlan { kill: Some(kill), ..RunPlan::clean(60_000) };
        let runs = vec![RunPlan::clean(1_000), RunPlan::clean(10_000), killed, RunPlan::clean(90_000)];
        let setup = Installation { no_replies_until, ..Installation::plain(1) };
        History { seed: 1, theme: "regression", setup, events: events.clone(), runs }
    });
    histories.collect()
}

#[test]
fn people_are_called_once_if_a_finding_recurs_after_a_kill() {
    for no_replies_until in [0, 120_000, i64::MAX] {
        kills_at_a_call(no_replies_until).iter().for_each(check_history);
    }
}

/// A thread rejects the reply about an increased severity level; the run that posts it to the channel instead is killed at
/// each of its calls, and the next one finds a thread that accepts replies, or not.
fn kills_after_a_rejected_reply() -> Vec<History> {
    let revision =
        |at, severity| Event { at, what: WorldEvent::Revision { finding: 0, severity, ip: 1, count: 1, late: 0 } };
    let events = vec![revision(5_000, 5.0), revision(60_000, 9.0)];
    let kills = (1..20).flat_map(|call| [true, false].map(|after| Kill { op: None, call, after }));
    let histories = kills.flat_map(|kill| {
        [i64::MAX, 120_000].map(|no_replies_until| {
            let setup = Installation { no_replies_until, ..Installation::plain(1) };
            let killed = RunPlan { kill: Some(kill), ..RunPlan::clean(60_000) };
            let runs = vec![RunPlan::clean(1_000), RunPlan::clean(10_000), killed, RunPlan::clean(90_000)];
            History { seed: 1, theme: "regression", setup, events: events.clone(), runs }
        })
    });
    histories.collect()
}

#[test]
fn rejected_reply_is_posted_once_in_the_channel_when_the_run_is_killed() {
    let histories = kills_after_a_rejected_reply();
    histories.iter().for_each(check_history);
    let caught =
        histories.iter().filter(|h| !run_history(h, Some(Bug::RepliesInTheChannelUnread), false).violations.is_empty());
    assert!(caught.count() > 0, "a run that does not read them back announces it twice");
}

#[test]
fn rejected_mention_is_omitted_and_the_finding_stays_in_its_channel() {
    let setup = Installation { routed: true, no_mentions: true, ..Installation::plain(3) };
    let revision =
        |finding, at| Event { at, what: WorldEvent::Revision { finding, severity: 8.0, ip: 1, count: 1, late: 0 } };
    let events = (0..3).map(|f| revision(f, 5_000 + f as i64)).collect();
    check(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(30_000)]);
}

#[test]
fn reconciliation_interrupted_by_sigterm_is_repeated() {
    let ended = RunPlan { term: Some(20_000), ..run(60_000, &[(Op::History, 1, FaultEffect::Slow(40_000))]) };
    let runs = vec![RunPlan::clean(1_000), run(30_000, &[(Op::Load, 1, FaultEffect::Fail)]), ended];
    check(Installation::plain(1), vec![new_finding(0, 5_000)], runs);
}

#[test]
fn slow_poll_without_findings_does_not_list_discarded_findings() {
    let setup = Installation { overlap: 120, digest_after: 1, ..Installation::plain(3) };
    let slow = run(60_000, &[(Op::List, 1, FaultEffect::Slow(3_000))]);
    let events = vec![new_finding(0, 58_300), new_finding(1, 58_300), new_finding(2, 180_000)];
    check(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(190_000), slow, RunPlan::clean(60_000)]);
}

#[test]
fn longer_overlap_does_not_repeat_a_digest() {
    let setup = Installation { overlap: 120, digest_after: 1, ..Installation::plain(3) };
    let longer = RunPlan { overlap: 3, ..RunPlan::clean(60_000) };
    let events = vec![new_finding(0, 50_000), new_finding(1, 50_000), new_finding(2, 180_000)];
    check(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(190_000), longer]);
}

#[test]
fn next_batch_does_not_list_discarded_findings() {
    let setup = Installation { page: 8, max_batch: 2, max_state_bytes: 2_600, ..Installation::plain(16) };
    let old = (0..8).map(|f| new_finding(f, 5_000 + f as i64 * 1_000));
    let new = (8..16).map(|f| new_finding(f, 200_000 + f as i64 * 1_000));
    // Its first post is so slow that it saves and compacts before its second batch.
    let slow = run(120_000, &[(Op::Post, 1, FaultEffect::Slow(12_000))]);
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(30_000), RunPlan::clean(120_000), slow];
    check(setup, old.chain(new).collect(), runs);
}

#[test]
fn finding_of_two_sources_is_recognized_from_either_source() {
    let mut setup = Installation { sources: 3, ..Installation::plain(1) };
    setup.findings[0].sources = vec![0, 2];
    let limited = run(60_000, &[(Op::Load, 1, FaultEffect::Fail), (Op::Identity, 2, FaultEffect::Fail)]);
    check(setup, vec![new_finding(0, 5_000)], vec![RunPlan::clean(1_000), RunPlan::clean(30_000), limited]);
}

#[test]
fn digested_finding_is_not_updated_separately() {
    let setup = Installation { routed: true, digest_after: 1, ..Installation::plain(2) };
    let with_severity = |severity, event: Event| match event.what {
        WorldEvent::Revision { finding, ip, count, late, .. } => {
            Event { what: WorldEvent::Revision { finding, severity, ip, count, late }, ..event }
        }
        _ => event,
    };
    let archived = Event { at: 40_000, what: WorldEvent::Archive(0) };
    let back = Event { at: 200_000, what: WorldEvent::Unarchive(0) };
    let events = vec![
        with_severity(8.0, new_finding(0, 5_000)),
        archived,
        back,
        with_severity(2.0, new_finding(0, 210_000)),
        new_finding(1, 211_000),
    ];
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(30_000), RunPlan::clean(60_000), RunPlan::clean(120_000)];
    check(setup, events, runs);
}

#[test]
fn reply_is_posted_in_its_thread_when_the_channel_rejects_new_messages() {
    let setup = Installation { routed: true, ..Installation::plain(2) };
    let revision = |finding, at, severity| Event {
        at,
        what: WorldEvent::Revision { finding, severity, ip: 1, count: 1, late: 0 },
    };
    let events = vec![revision(0, 5_000, 8.0), revision(0, 100_000, 9.0), revision(1, 100_001, 10.0)];
    let rejected = run(
        120_000,
        &[(Op::Post, 1, FaultEffect::Channel), (Op::Save, 2, FaultEffect::Fail), (Op::Save, 3, FaultEffect::Fail)],
    );
    check(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(30_000), rejected]);
}

#[test]
fn related_reply_is_not_repeated_in_a_digest() {
    let mut setup = Installation { sources: 2, digest_after: 1, ..Installation::plain(3) };
    setup.findings[0].account_wide = Some(0);
    setup.findings[1] = FindingSpec { sources: vec![1], account_wide: Some(0) };
    let events =
        vec![new_finding(0, 5_000), new_finding(1, 100_000), Event { at: 200_000, what: new_finding(2, 0).what }];
    let unsaved = run(120_000, &[(Op::Save, 2, FaultEffect::Fail), (Op::Save, 3, FaultEffect::Fail)]);
    let revision =
        Event { at: 200_001, what: WorldEvent::Revision { finding: 2, severity: 9.0, ip: 1, count: 1, late: 0 } };
    let events = events.into_iter().chain([revision]).collect();
    check(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(30_000), unsaved]);
}

#[test]
fn related_reply_is_found_after_the_first_finding_was_archived() {
    let mut setup = Installation { sources: 2, ..Installation::plain(2) };
    setup.findings[0].account_wide = Some(0);
    setup.findings[1] = FindingSpec { sources: vec![1], account_wide: Some(0) };
    let kill = Some(Kill { op: Some(Op::Post), call: 1, after: true });
    let killed = RunPlan { kill, ..RunPlan::clean(90_000) };
    let archived = Event { at: 140_000, what: WorldEvent::Archive(0) };
    let failing = run(60_000, &[(Op::Replies, 1, FaultEffect::Fail)]);
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(30_000), killed, failing, RunPlan::clean(60_000)];
    check(setup, vec![new_finding(0, 5_000), new_finding(1, 100_000), archived], runs);
}

#[test]
fn related_reply_is_edited_if_its_finding_recurs_after_a_kill() {
    let mut setup = Installation { sources: 2, ..Installation::plain(2) };
    setup.findings[0].account_wide = Some(0);
    setup.findings[1] = FindingSpec { sources: vec![1], account_wide: Some(0) };
    let killed = RunPlan { kill: Some(Kill { op: Some(Op::Post), call: 1, after: true }), ..RunPlan::clean(90_000) };
    let recurrence = Event { at: 130_000, ..new_finding(1, 0) };
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(30_000), killed, RunPlan::clean(90_000)];
    check(setup, vec![new_finding(0, 5_000), new_finding(1, 100_000), recurrence], runs);
}

/// The clock of the run with the unknown outcome is slow, that of the next run is fast.
#[test]
fn history_is_read_late_enough_if_clocks_differ() {
    let lost = RunPlan { skew: -11_000, ..run(30_000, &[(Op::Post, 1, FaultEffect::ResponseLost)]) };
    let next = RunPlan { skew: 11_000, ..RunPlan::clean(100) };
    let terminated = RunPlan { term: Some(1_000), ..lost };
    // The seed decides how late the history shows the message.
    for seed in 1..=20 {
        let runs = vec![RunPlan::clean(1_000), terminated.clone(), next.clone()];
        let (setup, events) = (Installation::plain(1), vec![new_finding(0, 20_000)]);
        check_history(&History { seed, theme: "regression", setup, events, runs });
    }
}

#[test]
fn run_without_state_recognizes_its_messages_after_an_incomplete_list() {
    let setup = Installation { page: 1, ..Installation::plain(3) };
    let events = (0..3).map(|f| new_finding(f, 5_000 + f as i64)).collect();
    let failing = run(
        60_000,
        &[(Op::Load, 1, FaultEffect::Fail), (Op::List, 3, FaultEffect::Fail), (Op::List, 5, FaultEffect::Fail)],
    );
    check(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(30_000), failing]);
}

#[test]
fn moved_finding_has_its_own_message_even_in_a_channel_with_digests() {
    let setup = Installation { routed: true, digest_after: 1, ..Installation::plain(2) };
    let revision = |finding, at, severity| Event {
        at,
        what: WorldEvent::Revision { finding, severity, ip: 1, count: 1, late: 0 },
    };
    let events = vec![revision(1, 20_000, 2.0), revision(0, 97_000, 9.0), revision(1, 121_000, 8.0)];
    check(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(60_000), RunPlan::clean(60_000)]);
}

#[test]
fn every_old_message_of_a_twice_moved_finding_links_to_the_new_one() {
    let setup = Installation { routed: true, ..Installation::plain(2) };
    let revision = |finding, at, severity| Event {
        at,
        what: WorldEvent::Revision { finding, severity, ip: 1, count: 1, late: 0 },
    };
    let first =
        [revision(0, 93_000, 8.0), revision(1, 102_000, 2.0), revision(0, 183_000, 5.0), revision(1, 187_000, 8.0)];
    let events = first.into_iter().chain([revision(1, 277_000, 5.0)]).collect();
    let killed = || {
        let kill = Some(Kill { op: Some(Op::Update), call: 1, after: true });
        RunPlan { kill, ..RunPlan::clean(68_000) }
    };
    let clean = RunPlan::clean;
    check(setup, events, vec![clean(1_000), clean(76_000), clean(68_000), killed(), killed()]);
}

#[test]
fn finding_archived_between_list_and_get_is_announced_after_it_is_restored() {
    let archived = Event { at: 65_000, what: WorldEvent::Archive(0) };
    let back = Event { at: 200_000, what: WorldEvent::Unarchive(0) };
    let slow = run(59_000, &[(Op::Get, 1, FaultEffect::Slow(3_000))]);
    let runs = vec![RunPlan::clean(1_000), slow, RunPlan::clean(60_000)];
    check(Installation::plain(1), vec![new_finding(0, 30_000), archived, back], runs);
}

#[test]
fn recurrence_updates_its_message_even_during_compaction() {
    let setup = Installation {
        max_batch: 9,
        page: 3,
        digest_after: 0,
        max_state_bytes: 4_000,
        overlap: 120,
        ..Installation::plain(40)
    };
    let events = (0..40).map(|f| new_finding(f, 20_000 + f as i64 * 1_000));
    let recurrence =
        Event { at: 300_000, what: WorldEvent::Revision { finding: 3, severity: 8.0, ip: 2, count: 2, late: 0 } };
    let more = (30..40).map(|f| Event { at: 300_001, what: new_finding(f, 0).what });
    let kill = Some(Kill { op: Some(Op::Update), call: 1, after: true });
    let killed = RunPlan { kill, ..RunPlan::clean(200_000) };
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(70_000), killed];
    check(setup, events.chain([recurrence]).chain(more).collect(), runs);
}

#[test]
fn unlisted_recurrence_is_not_discarded_during_delivery() {
    let setup = Installation {
        max_batch: 9,
        page: 3,
        digest_after: 0,
        max_state_bytes: 4_000,
        overlap: 120,
        ..Installation::plain(32)
    };
    let old = (0..20).map(|f| new_finding(f, 20_000 + f as i64 * 1_000));
    let new = (20..32).map(|f| new_finding(f, 300_000));
    let recurrence =
        Event { at: 300_100, what: WorldEvent::Revision { finding: 6, severity: 8.0, ip: 2, count: 2, late: 0 } };
    let kill = Some(Kill { op: Some(Op::Update), call: 1, after: true });
    let killed = RunPlan { kill, ..RunPlan::clean(240_000) };
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(70_000), killed];
    check(setup, old.chain(new).chain([recurrence]).collect(), runs);
}

#[test]
fn batch_end_within_one_millisecond_skips_no_finding() {
    let setup = Installation { page: 2, max_batch: 2, ..Installation::plain(3) };
    let slow: Vec<_> = (3..6).map(|nth| (Op::List, nth, FaultEffect::Slow(3_000))).collect();
    let archived = Event { at: 64_500, what: WorldEvent::Archive(2) };
    let events = vec![new_finding(0, 5_000), new_finding(1, 5_000), new_finding(2, 5_000), archived];
    check(setup, events, vec![RunPlan::clean(1_000), run(58_000, &slow)]);
}

#[test]
fn finding_visible_late_is_announced_after_a_run_with_many_batches() {
    let setup = Installation { overlap: 120, max_batch: 9, page: 3, digest_after: 0, ..Installation::plain(82) };
    let backlog = (0..80).map(|f| new_finding(f, 20_000 + f as i64 * 100));
    let late =
        Event { at: 20_050, what: WorldEvent::Revision { finding: 80, severity: 5.0, ip: 1, count: 1, late: 115_000 } };
    let events = backlog.chain([late, new_finding(81, 155_000)]).collect();
    check(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(90_000)]);
}

#[test]
fn many_busy_sources_together_stay_within_the_batch_limit() {
    let mut setup = Installation { sources: 3, max_batch: 4, digest_after: 0, ..Installation::plain(18) };
    setup.findings.iter_mut().enumerate().for_each(|(f, make)| make.sources = vec![f % 3]);
    let events = (0..18).map(|f| new_finding(f, 20_000 + f as i64)).collect();
    let history = History {
        seed: 1,
        theme: "regression",
        setup,
        events,
        runs: vec![RunPlan::clean(1_000), RunPlan::clean(60_000)],
    };
    let report = run_history(&history, None, true);
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    let is = |line: &&String, op: &str| line.contains(op);
    let batches = report.trace.split(|line| is(&line, " List/") || is(&line, " Get/"));
    let most = batches.map(|w| w.iter().filter(|l| is(l, " Post/")).count()).max();
    assert!(most <= Some(4), "{most:?} posts of one batch");
}

#[test]
fn finding_missing_from_two_listings_is_not_skipped() {
    let setup = Installation { page: 2, max_batch: 9, ..Installation::plain(6) };
    let first = [(0, 5_000), (1, 5_900), (2, 6_800), (4, 8_600), (5, 9_500)];
    let moved = [(3, 69_631), (4, 70_567), (0, 76_216), (2, 78_875)];
    let events = first.into_iter().chain(moved).map(|(finding, at)| new_finding(finding, at)).collect();
    let slow = [(1, 3_000), (2, 2_000), (3, 3_000), (5, 2_000), (6, 2_000), (7, 3_000)];
    let slow = slow.map(|(nth, ms)| (Op::List, nth, FaultEffect::Slow(ms)));
    let runs = vec![RunPlan::clean(1_000), run(58_000, &slow), RunPlan::clean(60_000)];
    // The seed determines the delays of the calls.
    check_history(&History { seed: 2_783, theme: "regression", setup, events, runs });
}

#[test]
fn backlog_without_digests_is_processed_despite_new_severe_findings() {
    let (old, each) = (400, 4);
    let setup = Installation { digest_after: 0, timeout: 60, ..Installation::plain(old + 10 * each) };
    let backlog = (0..old).map(|f| new_finding(f, 5_000 + f as i64 * 100));
    let severe = (0..10 * each).map(|i| Event {
        at: 60_000 + (i / each) as i64 * 80_000,
        what: WorldEvent::Revision { finding: old + i, severity: 9.0, ip: 1, count: 1, late: 0 },
    });
    let runs = [RunPlan::clean(1_000)].into_iter().chain((0..10).map(|_| RunPlan::clean(20_000))).collect();
    let history = History { seed: 1, theme: "regression", setup, events: backlog.chain(severe).collect(), runs };
    let report = run_history(&history, None, true);
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    let posts = |run: usize| {
        let its = format!(" run {run} #");
        report.trace.iter().filter(|l| l.contains(&its) && l.contains(" Post/")).count()
    };
    assert!((1..10).all(|run| (30..60).contains(&posts(run))), "{:?}", (0..11).map(posts).collect::<Vec<_>>());
    let announced_at = |f: usize| report.trace.iter().position(|l| l.contains(&format!("finding f{f:03} ")));
    let last = (0..old).filter_map(announced_at).max();
    assert!(
        (0..old).all(|f| announced_at(f).is_some()) && last > announced_at(old),
        "the old findings are announced in addition to the severe ones"
    );
}

/// Two sources show a finding. The one that a killed run posted it for has a new detector, and the other is unreadable.
#[test]
fn finding_of_a_replaced_detector_is_not_announced_again_for_another_source() {
    let finding = FindingSpec { sources: vec![0, 2], account_wide: None };
    let setup = Installation { sources: 3, findings: vec![finding], ..Installation::plain(0) };
    let change = |at, source, change| Event { at, what: WorldEvent::ChangeSource(source, change) };
    for posting_source in [0, 2] {
        let other = 2 - posting_source;
        let events = vec![
            new_finding(0, 20_000),
            change(90_000, other, SourceChange::Unreadable { denied: false }),
            change(91_000, posting_source, SourceChange::Replaced),
            change(190_000, other, SourceChange::Readable),
        ];
        let killed =
            RunPlan { kill: Some(Kill { op: Some(Op::Post), call: 1, after: true }), ..RunPlan::clean(80_000) };
        let runs = vec![RunPlan::clean(1_000), killed, RunPlan::clean(80_000), RunPlan::clean(60_000)];
        check(setup.clone(), events, runs);
    }
}

#[test]
fn unreadable_history_is_read_by_the_next_run() {
    let setup = Installation { page: 3, ..Installation::plain(4) };
    let events = vec![new_finding(0, 80_000), new_finding(1, 80_001), new_finding(2, 80_002), new_finding(3, 80_003)];
    let unrecorded = run(90_000, &[(Op::Load, 1, FaultEffect::Copy(60))]);
    let unread = run(60_000, &[(Op::History, 1, FaultEffect::Fail), (Op::Get, 2, FaultEffect::Fail)]);
    check(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(30_000), unrecorded, unread]);
}
