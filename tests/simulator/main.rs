//! A deterministic simulator: the real core of a run against a simulated GuardDuty, Slack and state, from a seed.
//!
//! `GUARDDUTY_SLACK_SIM_HISTORIES` plays so many, from seed `GUARDDUTY_SLACK_SIM_FIRST`; `GUARDDUTY_SLACK_SIM_SEED`
//! replays one and tells it step by step; `GUARDDUTY_SLACK_SIM_PLANTED` plays so many with each planted bug and counts,
//! `GUARDDUTY_SLACK_SIM_BUGS` names the ones to plant.

mod adapters;
mod announced;
mod bugs;
mod executor;
mod fake_guardduty;
mod fake_slack;
mod fake_store;
mod guarantee;
mod history;
mod oracle;
mod plain_writer;
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
use runner::run_history;
use shrink::shrink;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|v| v.parse().ok())
}

#[test]
fn no_history_violates_a_guarantee() {
    if let Some(seed) = number("GUARDDUTY_SLACK_SIM_SEED") {
        return tell(&History::of(seed));
    }
    let count = number("GUARDDUTY_SLACK_SIM_HISTORIES").unwrap_or(2_000);
    let first = number("GUARDDUTY_SLACK_SIM_FIRST").unwrap_or(1);
    let began = Instant::now();
    let mut met: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_theme: BTreeMap<&str, (u32, std::time::Duration)> = BTreeMap::new();
    let mut failed: Vec<(u64, Vec<String>)> = Vec::new();
    for seed in first..first + count {
        let history = match std::env::var("GUARDDUTY_SLACK_SIM_THEME")
            .ok()
            .and_then(|t| scenarios::THEMES.iter().find(|theme| theme.name == t))
        {
            Some(t) => t.of(seed),
            None => History::of(seed),
        };
        let t0 = Instant::now();
        let report = run_history(&history, None, false);
        let e = by_theme.entry(history.theme).or_insert((0u32, std::time::Duration::ZERO));
        e.0 += 1;
        e.1 += t0.elapsed();
        report.met.into_iter().for_each(|(k, n)| *met.entry(k).or_default() += n);
        if !report.broken.is_empty() {
            failed.push((seed, report.broken));
        }
    }
    met.iter().for_each(|(k, n)| println!("{n:>8} {k}"));
    for (k, (n, t)) in &by_theme {
        println!("THEME {k:30} {n:5} {:8.2} ms each", t.as_secs_f64() * 1000.0 / f64::from(*n));
    }
    println!("{count} histories in {:.1} s", began.elapsed().as_secs_f64());
    for (seed, broken) in failed.iter().take(40) {
        println!("seed {seed}: {} ({} more)", broken[0], broken.len() - 1);
    }
    if let Some((seed, _)) = failed.first() {
        println!("replay with GUARDDUTY_SLACK_SIM_SEED={seed}; what is left of it when it is cut down:");
        tell(&shrink(&History::of(*seed), None));
    }
}

/// Plays one history and tells it step by step.
fn tell(history: &History) {
    let report = run_history(history, None, true);
    println!("{}\n{}", history.describe(), report.trace.join("\n"));
    assert!(report.broken.is_empty(), "seed {}: {:#?}", history.seed, report.broken);
}

#[test]
fn a_seed_is_always_the_same_history() {
    for seed in 1..=20 {
        let [one, two] = [(); 2].map(|()| run_history(&History::of(seed), None, true).trace);
        assert!(one == two, "seed {seed}");
    }
}

/// Each known bug shows in at least one history.
#[test]
fn every_planted_bug_is_caught() {
    let all = number("GUARDDUTY_SLACK_SIM_PLANTED");
    let named = std::env::var("GUARDDUTY_SLACK_SIM_BUGS").ok();
    let is_meant = |bug: &&Bug| named.as_ref().is_none_or(|n| n.split(',').any(|n| n == format!("{bug:?}")));
    let mut missed: Vec<&Bug> = Vec::new();
    for bug in Bug::ALL.iter().filter(is_meant) {
        let shows = |history: &History| !run_history(history, Some(*bug), false).broken.is_empty();
        let found = match all {
            Some(count) => (1..=count).map(History::of).filter(&shows).count(),
            None => regressions::deaths().into_iter().chain((1..=600).map(History::of)).find(&shows).map_or(0, |_| 1),
        };
        println!("{found:>6} {bug:?}");
        let missing = found == 0 && !regressions::deaths().iter().any(&shows);
        missed.extend(missing.then_some(bug));
    }
    assert!(missed.is_empty(), "no history shows {missed:?}");
}

#[test]
#[ignore = "matrix"]
fn matrix() {
    let count = number("N").unwrap_or(40);
    for bug in Bug::ALL {
        let mut row = Vec::new();
        for theme in scenarios::THEMES {
            let n = (1..=count).filter(|s| !run_history(&theme.of(*s), Some(*bug), false).broken.is_empty()).count();
            row.push((n, theme.name));
        }
        row.sort_unstable_by(|a, b| b.cmp(a));
        println!("{bug:?}: {:?}", row.iter().filter(|(n, _)| *n > 0).take(6).collect::<Vec<_>>());
    }
}
