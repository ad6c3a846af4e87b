//! Histories that once broke a promise, cut down to what it took, and those that a promise names.

use crate::bugs::Bug;
use crate::drive::play;
use crate::history::{Event, Fault, History, How, Kill, Make, Op, Reaction, RunPlan, Setup, What};
use crate::triaged::{ACKNOWLEDGE, LISTED, RESOLVE, STRANGER};

fn seen(finding: usize, at: i64) -> Event {
    Event { at, what: What::State { finding, severity: 5.0, ip: 1, count: 1, late: 0 } }
}

fn run(gap: i64, faults: &[(Op, u32, How)]) -> RunPlan {
    let faults = faults.iter().map(|(op, nth, how)| Fault { op: *op, nth: *nth, how: how.clone() }).collect();
    RunPlan { faults, ..RunPlan::clean(gap) }
}

fn holds(setup: Setup, events: Vec<Event>, runs: Vec<RunPlan>) {
    hold(&History { seed: 1, setup, events, runs });
}

fn hold(history: &History) {
    let report = play(history, None, true);
    assert!(report.broken.is_empty(), "{:#?}\n{}", report.broken, report.trace.join("\n"));
}

/// Histories in which a run is killed at every call it makes.
pub fn deaths() -> Vec<History> {
    [deaths_of_a_busy_run(), deaths_after_a_rejected_reply()].concat()
}

/// One run that posts, edits, moves, speaks in a thread and sums up, killed at every call it makes.
fn deaths_of_a_busy_run() -> Vec<History> {
    let setup = Setup { digest_after: 1, routed: true, ..Setup::plain(6) };
    let state = |finding, at, severity| Event { at, what: What::State { finding, severity, ip: 1, count: 1, late: 0 } };
    let first = [state(0, 5_000, 2.0), state(1, 6_000, 8.0), state(2, 95_000, 8.0)];
    let second = [state(0, 200_000, 5.0), state(1, 201_000, 5.0), state(2, 202_000, 9.0)];
    let more = (3..6).map(|f| state(f, 203_000, 5.0));
    let events: Vec<Event> = first.into_iter().chain(second).chain(more).collect();
    let runs = |kill| {
        let killed = RunPlan { kill: Some(kill), ..RunPlan::clean(120_000) };
        vec![RunPlan::clean(1_000), RunPlan::clean(30_000), RunPlan::clean(60_000), killed]
    };
    let kills = (1..40).flat_map(|call| [true, false].map(|after| Kill { op: None, call, after }));
    kills.map(|kill| History { seed: 1, setup: setup.clone(), events: events.clone(), runs: runs(kill) }).collect()
}

#[test]
fn a_run_may_die_at_any_call() {
    deaths_of_a_busy_run().iter().for_each(hold);
}

/// A run that archives, unarchives, escalates and summarizes, killed at every call it makes.
fn deaths_in_triage() -> Vec<History> {
    let setup = Setup { triage: "archive", escalate: true, summary: true, ..Setup::plain(5) };
    let react = |finding, at, emoji, user, is_added| {
        let reaction = Reaction { emoji, user };
        Event { at, what: What::React { finding, reaction, is_added } }
    };
    let mut events: Vec<Event> = (0..5).map(|f| seen(f, 5_000 + f as i64)).collect();
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
    kills.map(|kill| History { seed: 1, setup: setup.clone(), events: events.clone(), runs: runs(kill) }).collect()
}

#[test]
fn a_run_that_carries_out_what_reactions_say_may_die_at_any_call() {
    deaths_in_triage().iter().for_each(hold);
}

#[test]
fn a_finding_that_is_resolved_again_before_it_was_unarchived_is_unarchived_when_that_is_taken_back() {
    let setup = Setup { triage: "archive", ..Setup::plain(1) };
    let resolve = |at, user, is_added| {
        let reaction = Reaction { emoji: RESOLVE, user };
        Event { at, what: What::React { finding: 0, reaction, is_added } }
    };
    let [alice, bob] = LISTED;
    let events = vec![
        seen(0, 5_000),
        resolve(60_000, bob, true),
        resolve(110_000, bob, false),
        resolve(200_000, alice, true),
        resolve(300_000, alice, false),
    ];
    let killed = |op, gap| {
        let kill = Some(Kill { op: Some(op), call: 1, after: true });
        RunPlan { kill, ..RunPlan::clean(gap) }
    };
    let runs = vec![
        RunPlan::clean(1_000),
        RunPlan::clean(30_000),
        killed(Op::Archive, 60_000),
        killed(Op::Update, 70_000),
        RunPlan::clean(70_000),
    ];
    holds(setup, events, runs);
}

/// A thread rejects the reply about an increased severity level; the run that posts it to the channel instead is killed at
/// every call it makes, and the next one finds a thread that accepts replies, or not.
fn deaths_after_a_rejected_reply() -> Vec<History> {
    let state = |at, severity| Event { at, what: What::State { finding: 0, severity, ip: 1, count: 1, late: 0 } };
    let events = vec![state(5_000, 5.0), state(60_000, 9.0)];
    let kills = (1..20).flat_map(|call| [true, false].map(|after| Kill { op: None, call, after }));
    let histories = kills.flat_map(|kill| {
        [i64::MAX, 120_000].map(|no_replies_until| {
            let setup = Setup { no_replies_until, ..Setup::plain(1) };
            let killed = RunPlan { kill: Some(kill), ..RunPlan::clean(60_000) };
            let runs = vec![RunPlan::clean(1_000), RunPlan::clean(10_000), killed, RunPlan::clean(90_000)];
            History { seed: 1, setup, events: events.clone(), runs }
        })
    });
    histories.collect()
}

#[test]
fn a_rejected_reply_is_announced_once_in_the_channel_whenever_the_run_dies() {
    let histories = deaths_after_a_rejected_reply();
    histories.iter().for_each(hold);
    let caught = histories.iter().filter(|h| !play(h, Some(Bug::RepliesInTheChannelUnread), false).broken.is_empty());
    assert!(caught.count() > 0, "a run that does not read them back announces it twice");
}

#[test]
fn a_rejected_mention_is_left_out_and_the_finding_stays_in_its_channel() {
    let setup = Setup { routed: true, no_mentions: true, ..Setup::plain(3) };
    let state = |finding, at| Event { at, what: What::State { finding, severity: 8.0, ip: 1, count: 1, late: 0 } };
    let events = (0..3).map(|f| state(f, 5_000 + f as i64)).collect();
    holds(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(30_000)]);
}

#[test]
fn what_an_unrecorded_run_said_is_looked_up_even_if_the_next_run_is_told_to_end_while_it_looks() {
    let ended = RunPlan { term: Some(20_000), ..run(60_000, &[(Op::History, 1, How::Slow(40_000))]) };
    let runs = vec![RunPlan::clean(1_000), run(30_000, &[(Op::Load, 1, How::Fail)]), ended];
    holds(Setup::plain(1), vec![seen(0, 5_000)], runs);
}

#[test]
fn a_slow_look_at_nothing_new_does_not_reach_below_what_was_forgotten() {
    let setup = Setup { overlap: 120, digest_after: 1, ..Setup::plain(3) };
    let slow = run(60_000, &[(Op::List, 1, How::Slow(3_000))]);
    let events = vec![seen(0, 58_300), seen(1, 58_300), seen(2, 180_000)];
    holds(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(190_000), slow, RunPlan::clean(60_000)]);
}

#[test]
fn a_longer_overlap_repeats_no_digest() {
    let setup = Setup { overlap: 120, digest_after: 1, ..Setup::plain(3) };
    let longer = RunPlan { overlap: 3, ..RunPlan::clean(60_000) };
    let events = vec![seen(0, 50_000), seen(1, 50_000), seen(2, 180_000)];
    holds(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(190_000), longer]);
}

#[test]
fn what_a_run_forgets_in_a_flood_it_does_not_list_again_in_its_next_window() {
    let setup = Setup { page: 8, window: 2, bound: 2_600, ..Setup::plain(16) };
    let old = (0..8).map(|f| seen(f, 5_000 + f as i64 * 1_000));
    let new = (8..16).map(|f| seen(f, 200_000 + f as i64 * 1_000));
    // Its first post takes so long that it records, and forgets, before its second window.
    let slow = run(120_000, &[(Op::Post, 1, How::Slow(12_000))]);
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(30_000), RunPlan::clean(120_000), slow];
    holds(setup, old.chain(new).collect(), runs);
}

#[test]
fn a_finding_that_two_sources_show_is_known_by_either_one() {
    let mut setup = Setup { sources: 3, ..Setup::plain(1) };
    setup.findings[0].sources = vec![0, 2];
    let one_eyed = run(60_000, &[(Op::Load, 1, How::Fail), (Op::Identity, 2, How::Fail)]);
    holds(setup, vec![seen(0, 5_000)], vec![RunPlan::clean(1_000), RunPlan::clean(30_000), one_eyed]);
}

#[test]
fn what_a_digest_sums_up_is_not_edited_besides() {
    let setup = Setup { routed: true, digest_after: 1, ..Setup::plain(2) };
    let as_bad_as = |severity, event: Event| match event.what {
        What::State { finding, ip, count, late, .. } => {
            Event { what: What::State { finding, severity, ip, count, late }, ..event }
        }
        _ => event,
    };
    let archived = Event { at: 40_000, what: What::Archive(0) };
    let back = Event { at: 200_000, what: What::BringBack(0) };
    let events =
        vec![as_bad_as(8.0, seen(0, 5_000)), archived, back, as_bad_as(2.0, seen(0, 210_000)), seen(1, 211_000)];
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(30_000), RunPlan::clean(60_000), RunPlan::clean(120_000)];
    holds(setup, events, runs);
}

#[test]
fn a_word_in_a_thread_is_said_there_also_where_the_channel_refuses_new_messages() {
    let setup = Setup { routed: true, ..Setup::plain(2) };
    let bad = |finding, at, severity| Event { at, what: What::State { finding, severity, ip: 1, count: 1, late: 0 } };
    let events = vec![bad(0, 5_000, 8.0), bad(0, 100_000, 9.0), bad(1, 100_001, 10.0)];
    let refused = run(120_000, &[(Op::Post, 1, How::Channel), (Op::Save, 2, How::Fail), (Op::Save, 3, How::Fail)]);
    holds(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(30_000), refused]);
}

#[test]
fn a_siblings_message_in_a_thread_is_not_summed_up_besides() {
    let mut setup = Setup { sources: 2, digest_after: 1, ..Setup::plain(3) };
    setup.findings[0].wide = Some(0);
    setup.findings[1] = Make { sources: vec![1], wide: Some(0) };
    let events = vec![seen(0, 5_000), seen(1, 100_000), Event { at: 200_000, what: seen(2, 0).what }];
    let unsaved = run(120_000, &[(Op::Save, 2, How::Fail), (Op::Save, 3, How::Fail)]);
    let bad = Event { at: 200_001, what: What::State { finding: 2, severity: 9.0, ip: 1, count: 1, late: 0 } };
    let events = events.into_iter().chain([bad]).collect();
    holds(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(30_000), unsaved]);
}

#[test]
fn a_siblings_message_in_a_thread_is_found_there_also_when_the_first_one_is_archived_since() {
    let mut setup = Setup { sources: 2, ..Setup::plain(2) };
    setup.findings[0].wide = Some(0);
    setup.findings[1] = Make { sources: vec![1], wide: Some(0) };
    let kill = Some(Kill { op: Some(Op::Post), call: 1, after: true });
    let killed = RunPlan { kill, ..RunPlan::clean(90_000) };
    let archived = Event { at: 140_000, what: What::Archive(0) };
    let blind = run(60_000, &[(Op::Replies, 1, How::Fail)]);
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(30_000), killed, blind, RunPlan::clean(60_000)];
    holds(setup, vec![seen(0, 5_000), seen(1, 100_000), archived], runs);
}

#[test]
fn a_run_without_state_knows_its_messages_also_where_the_list_broke_off() {
    let setup = Setup { page: 1, ..Setup::plain(3) };
    let events = (0..3).map(|f| seen(f, 5_000 + f as i64)).collect();
    let blind = run(60_000, &[(Op::Load, 1, How::Fail), (Op::List, 3, How::Fail), (Op::List, 5, How::Fail)]);
    holds(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(30_000), blind]);
}

#[test]
fn a_finding_that_moves_to_a_channel_of_many_has_a_message_of_its_own_there_and_the_old_one_says_so() {
    let setup = Setup { routed: true, digest_after: 1, ..Setup::plain(2) };
    let state = |finding, at, severity| Event { at, what: What::State { finding, severity, ip: 1, count: 1, late: 0 } };
    let events = vec![state(1, 20_000, 2.0), state(0, 97_000, 9.0), state(1, 121_000, 8.0)];
    holds(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(60_000), RunPlan::clean(60_000)]);
}

#[test]
fn a_finding_that_moves_again_before_its_first_message_says_so_leaves_none_that_does_not() {
    let setup = Setup { routed: true, ..Setup::plain(2) };
    let state = |finding, at, severity| Event { at, what: What::State { finding, severity, ip: 1, count: 1, late: 0 } };
    let first = [state(0, 93_000, 8.0), state(1, 102_000, 2.0), state(0, 183_000, 5.0), state(1, 187_000, 8.0)];
    let events = first.into_iter().chain([state(1, 277_000, 5.0)]).collect();
    let killed = || {
        let kill = Some(Kill { op: Some(Op::Update), call: 1, after: true });
        RunPlan { kill, ..RunPlan::clean(68_000) }
    };
    let clean = RunPlan::clean;
    holds(setup, events, vec![clean(1_000), clean(76_000), clean(68_000), killed(), killed()]);
}

#[test]
fn a_finding_brought_back_while_it_can_be_listed_is_told_though_it_was_archived_when_it_was_fetched() {
    let archived = Event { at: 65_000, what: What::Archive(0) };
    let back = Event { at: 200_000, what: What::BringBack(0) };
    let slow = run(59_000, &[(Op::Get, 1, How::Slow(3_000))]);
    let runs = vec![RunPlan::clean(1_000), slow, RunPlan::clean(60_000)];
    holds(Setup::plain(1), vec![seen(0, 30_000), archived, back], runs);
}

#[test]
fn a_recurrence_of_a_finding_that_a_flood_would_forget_is_told_in_its_message_all_the_same() {
    let setup = Setup { window: 9, page: 3, digest_after: 0, bound: 4_000, overlap: 120, ..Setup::plain(40) };
    let events = (0..40).map(|f| seen(f, 20_000 + f as i64 * 1_000));
    let again = Event { at: 300_000, what: What::State { finding: 3, severity: 8.0, ip: 2, count: 2, late: 0 } };
    let more = (30..40).map(|f| Event { at: 300_001, what: seen(f, 0).what });
    let kill = Some(Kill { op: Some(Op::Update), call: 1, after: true });
    let killed = RunPlan { kill, ..RunPlan::clean(200_000) };
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(70_000), killed];
    holds(setup, events.chain([again]).chain(more).collect(), runs);
}

#[test]
fn a_recurrence_that_no_list_showed_yet_is_not_forgotten_while_it_is_told() {
    let setup = Setup { window: 9, page: 3, digest_after: 0, bound: 4_000, overlap: 120, ..Setup::plain(32) };
    let old = (0..20).map(|f| seen(f, 20_000 + f as i64 * 1_000));
    let new = (20..32).map(|f| seen(f, 300_000));
    let again = Event { at: 300_100, what: What::State { finding: 6, severity: 8.0, ip: 2, count: 2, late: 0 } };
    let kill = Some(Kill { op: Some(Op::Update), call: 1, after: true });
    let killed = RunPlan { kill, ..RunPlan::clean(240_000) };
    let runs = vec![RunPlan::clean(1_000), RunPlan::clean(70_000), killed];
    holds(setup, old.chain(new).chain([again]).collect(), runs);
}

#[test]
fn of_a_millisecond_in_which_a_window_ends_no_finding_is_passed_when_another_is_archived_meanwhile() {
    let setup = Setup { page: 2, window: 2, ..Setup::plain(3) };
    let slow: Vec<_> = (3..6).map(|nth| (Op::List, nth, How::Slow(3_000))).collect();
    let archived = Event { at: 64_500, what: What::Archive(2) };
    let events = vec![seen(0, 5_000), seen(1, 5_000), seen(2, 5_000), archived];
    holds(setup, events, vec![RunPlan::clean(1_000), run(58_000, &slow)]);
}

#[test]
fn a_finding_that_shows_up_late_is_told_also_after_a_run_of_many_windows() {
    let setup = Setup { overlap: 120, window: 9, page: 3, digest_after: 0, ..Setup::plain(82) };
    let backlog = (0..80).map(|f| seen(f, 20_000 + f as i64 * 100));
    let late = Event { at: 20_050, what: What::State { finding: 80, severity: 5.0, ip: 1, count: 1, late: 115_000 } };
    let events = backlog.chain([late, seen(81, 155_000)]).collect();
    holds(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(90_000)]);
}

#[test]
fn many_busy_sources_together_have_no_more_in_hand_than_a_window_holds() {
    let mut setup = Setup { sources: 3, window: 4, digest_after: 0, ..Setup::plain(18) };
    setup.findings.iter_mut().enumerate().for_each(|(f, make)| make.sources = vec![f % 3]);
    let events = (0..18).map(|f| seen(f, 20_000 + f as i64)).collect();
    let history = History { seed: 1, setup, events, runs: vec![RunPlan::clean(1_000), RunPlan::clean(60_000)] };
    let report = play(&history, None, true);
    assert!(report.broken.is_empty(), "{:#?}", report.broken);
    let is = |line: &&String, op: &str| line.contains(op);
    let windows = report.trace.split(|line| is(&line, " List/") || is(&line, " Get/"));
    let most = windows.map(|w| w.iter().filter(|l| is(l, " Post/")).count()).max();
    assert!(most <= Some(4), "{most:?} posts of one window");
}

#[test]
fn a_finding_that_slips_through_the_pages_of_two_listings_is_not_passed() {
    let setup = Setup { page: 2, window: 9, ..Setup::plain(6) };
    let first = [(0, 5_000), (1, 5_900), (2, 6_800), (4, 8_600), (5, 9_500)];
    let moved = [(3, 69_631), (4, 70_567), (0, 76_216), (2, 78_875)];
    let events = first.into_iter().chain(moved).map(|(finding, at)| seen(finding, at)).collect();
    let slow = [(1, 3_000), (2, 2_000), (3, 3_000), (5, 2_000), (6, 2_000), (7, 3_000)];
    let slow = slow.map(|(nth, ms)| (Op::List, nth, How::Slow(ms)));
    let runs = vec![RunPlan::clean(1_000), run(58_000, &slow), RunPlan::clean(60_000)];
    // The seed is what makes the calls take as long as they do.
    hold(&History { seed: 2_783, setup, events, runs });
}

#[test]
fn without_digests_a_backlog_of_ten_runs_is_told_though_each_of_them_brings_severe_findings() {
    let (old, each) = (400, 4);
    let setup = Setup { digest_after: 0, timeout: 60, ..Setup::plain(old + 10 * each) };
    let backlog = (0..old).map(|f| seen(f, 5_000 + f as i64 * 100));
    let severe = (0..10 * each).map(|i| Event {
        at: 60_000 + (i / each) as i64 * 80_000,
        what: What::State { finding: old + i, severity: 9.0, ip: 1, count: 1, late: 0 },
    });
    let runs = [RunPlan::clean(1_000)].into_iter().chain((0..10).map(|_| RunPlan::clean(20_000))).collect();
    let history = History { seed: 1, setup, events: backlog.chain(severe).collect(), runs };
    let report = play(&history, None, true);
    assert!(report.broken.is_empty(), "{:#?}", report.broken);
    let posts = |run: usize| {
        let its = format!(" run {run} #");
        report.trace.iter().filter(|l| l.contains(&its) && l.contains(" Post/")).count()
    };
    assert!((1..10).all(|run| (30..60).contains(&posts(run))), "{:?}", (0..11).map(posts).collect::<Vec<_>>());
    let told = |f: usize| report.trace.iter().position(|l| l.contains(&format!("finding f{f:03} ")));
    let last = (0..old).filter_map(told).max();
    assert!((0..old).all(|f| told(f).is_some()) && last > told(old), "the old ones are told, beside the severe ones");
}

#[test]
fn a_history_that_could_not_be_read_is_read_by_the_run_that_announces_the_rest() {
    let setup = Setup { page: 3, ..Setup::plain(4) };
    let events = vec![seen(0, 80_000), seen(1, 80_001), seen(2, 80_002), seen(3, 80_003)];
    let unrecorded = run(90_000, &[(Op::Load, 1, How::Copy(60))]);
    let unread = run(60_000, &[(Op::History, 1, How::Fail), (Op::Get, 2, How::Fail)]);
    holds(setup, events, vec![RunPlan::clean(1_000), RunPlan::clean(30_000), unrecorded, unread]);
}
