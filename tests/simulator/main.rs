//! A deterministic simulator: the real core of a run against a simulated GuardDuty, Slack and state, from a seed.

mod bugs;
mod dice;
mod drive;
mod history;
mod judge;
mod kept;
mod regressions;
mod seams;
mod sky;
mod workspace;
mod world;

use std::collections::BTreeMap;

use bugs::Bug;
use drive::play;
use history::History;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|v| v.parse().ok())
}

#[test]
fn no_history_breaks_a_promise() {
    if let Some(seed) = number("GUARDDUTY_SLACK_SIM_SEED") {
        let history = History::of(seed);
        let report = play(&history, None, true);
        println!("{}", history.told());
        println!("{}", report.trace.join("\n"));
        assert!(report.broken.is_empty(), "{:#?}", report.broken);
        return;
    }
    let count = number("GUARDDUTY_SLACK_SIM_HISTORIES").unwrap_or(500);
    let first = number("GUARDDUTY_SLACK_SIM_FIRST").unwrap_or(1);
    let quick = std::time::Instant::now();
    let mut met: BTreeMap<String, u64> = BTreeMap::new();
    let mut failed: Vec<(u64, Vec<String>)> = Vec::new();
    for seed in first..first + count {
        let report = play(&History::of(seed), None, false);
        report.met.into_iter().for_each(|(k, n)| *met.entry(k).or_default() += n);
        if !report.broken.is_empty() {
            failed.push((seed, report.broken));
        }
    }
    met.iter().for_each(|(k, n)| println!("{n:>8} {k}"));
    println!("{count} histories in {:.1} s", quick.elapsed().as_secs_f64());
    for (seed, broken) in failed.iter().take(40) {
        println!("seed {seed}: {} ({} more)", broken[0], broken.len() - 1);
    }
    assert!(failed.is_empty(), "{} of {count} histories break a promise", failed.len());
}

/// Each known bug shows in at least one history of these.
#[test]
fn every_planted_bug_is_caught() {
    let count = number("GUARDDUTY_SLACK_SIM_PLANTED").unwrap_or(400);
    let mut missed: Vec<&Bug> = Vec::new();
    for bug in Bug::ALL {
        let caught = (1..=count).find(|seed| !play(&History::of(*seed), Some(*bug), false).broken.is_empty());
        println!("{bug:?}: {caught:?}");
        missed.extend(caught.is_none().then_some(bug));
    }
    assert!(missed.is_empty(), "no history of {count} shows {missed:?}");
}
