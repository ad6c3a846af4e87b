//! A deterministic simulator: the core of a run, its driver and its workers with a simulated GuardDuty, Slack and state.
//! README.md in this directory describes it, and the variables that select what is played.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers of a history are small, and not negative"
)]

mod adapters;
mod announced;
mod bugs;
mod configuration;
mod executor;
mod fake_guardduty;
mod fake_slack;
mod fake_store;
mod guarantee;
mod history;
mod oracle;
mod plain_writer;
mod play;
mod regressions;
mod rng;
mod runner;
mod scenarios;
mod shrink;
mod triaged;
mod world;

use std::collections::BTreeMap;
use std::time::Instant;

use bugs::Bug;
use history::History;
use play::{number, play_all, theme};
use runner::run_history;
use shrink::shrink;

/// A history makes thousands of small allocations, which otherwise take a fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Histories that are played by default.
const DEFAULT: u64 = 300;
/// Histories of its theme in which a planted bug is looked for.
const SEARCHED: u64 = 200;

#[test]
fn no_history_violates_a_guarantee() {
    if let Some(seed) = number("SEED") {
        return trace(&history_of(seed));
    }
    let count = number("HISTORIES").unwrap_or(DEFAULT);
    let first = number("FIRST").unwrap_or(1);
    let began = Instant::now();
    let played = play_all(first..first + count, |seed| run_history(&history_of(seed), None, false));
    let seconds = began.elapsed().as_secs_f64();
    played.counts.iter().for_each(|(what, times)| println!("{times:>8} {what}"));
    println!("{count} histories in {seconds:.1} s on {} threads", played.threads);
    for (seed, violations) in played.failed.iter().take(40) {
        println!("seed {seed}: {} ({} more)", violations[0], violations.len() - 1);
    }
    if let Some((seed, _)) = played.failed.first_key_value() {
        println!("replay with GUARDDUTY_SLACK_SIM_SEED={seed}; minimized:");
        trace(&shrink(&history_of(*seed), None));
    }
}

fn history_of(seed: u64) -> History {
    theme().map_or_else(|| History::of(seed), |theme| theme.of(seed))
}

/// Plays one history, and prints it step by step.
fn trace(history: &History) {
    let report = run_history(history, None, true);
    println!("{}\n{}", history.describe(), report.trace.join("\n"));
    assert!(report.violations.is_empty(), "seed {}: {:#?}", history.seed, report.violations);
}

#[test]
fn seed_always_generates_the_same_history() {
    for seed in 1..=20 {
        let [one, two] = [(); 2].map(|()| run_history(&History::of(seed), None, true).trace);
        assert!(one == two, "seed {seed}");
    }
}

#[test]
fn every_planted_bug_violates_a_guarantee() {
    let missed: Vec<&Bug> =
        Bug::ALL.iter().filter(|bug| !(1..=SEARCHED).any(|seed| is_detected(**bug, seed))).collect();
    assert!(missed.is_empty(), "no history violates a guarantee with {missed:?}");
}

/// Returns true if a history of the bug's theme violates a guarantee.
fn is_detected(bug: Bug, seed: u64) -> bool {
    !run_history(&bug.theme().of(seed), Some(bug), false).violations.is_empty()
}

#[test]
#[ignore = "needs an optimized build"]
fn every_planted_bug_shows_in_one_percent_of_the_histories_of_its_theme() {
    let count = number("PLANTED").unwrap_or(1_000);
    let mut rates: BTreeMap<String, usize> = BTreeMap::new();
    for bug in Bug::ALL {
        let played = play_all(1..1 + count, |seed| run_history(&bug.theme().of(seed), Some(*bug), false));
        println!("{:>6} of {count} {bug:?}", played.failed.len());
        rates.insert(format!("{bug:?}"), played.failed.len());
    }
    rates.retain(|_, shown| (*shown as u64) < count / 100);
    assert!(rates.is_empty(), "bugs that show in less than 1 % of {count} histories: {rates:?}");
}
