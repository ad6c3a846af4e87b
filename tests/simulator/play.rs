//! Plays many histories on all cores.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::runner::Report;
use crate::scenarios::{THEMES, Theme};

#[derive(Default)]
pub(crate) struct Played {
    pub threads: usize,
    /// Violations, by seed.
    pub failed: BTreeMap<u64, Vec<String>>,
    /// Faults and other events, with how often they happened.
    pub counts: BTreeMap<String, u64>,
}

pub(crate) fn play_all(seeds: Range<u64>, play: impl Fn(u64) -> Report + Sync) -> Played {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(seeds.start);
    let worker = || {
        let mut played = Played::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return played;
            }
            played.add(seed, play(seed));
        }
    };
    let all = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a history panicked")).collect::<Vec<Played>>()
    });
    let mut sum = Played { threads, ..Played::default() };
    for played in all {
        sum.failed.extend(played.failed);
        played.counts.into_iter().for_each(|(what, times)| *sum.counts.entry(what).or_default() += times);
    }
    sum
}

impl Played {
    fn add(&mut self, seed: u64, report: Report) {
        report.counts.into_iter().for_each(|(what, times)| *self.counts.entry(what).or_default() += times);
        if !report.violations.is_empty() {
            self.failed.insert(seed, report.violations);
        }
    }
}

/// Returns the number in `GUARDDUTY_SLACK_SIM_…`.
pub(crate) fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(format!("GUARDDUTY_SLACK_SIM_{variable}")).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("GUARDDUTY_SLACK_SIM_{variable} must be a number, not {value:?}")))
}

/// Returns the theme in `GUARDDUTY_SLACK_SIM_THEME`.
pub(crate) fn theme() -> Option<&'static Theme> {
    let name = std::env::var("GUARDDUTY_SLACK_SIM_THEME").ok()?;
    let theme = THEMES.iter().find(|theme| theme.name == name);
    Some(theme.unwrap_or_else(|| panic!("no theme {name:?} in tests/simulator/scenarios.rs")))
}
