//! Minimizes a failing history: removes every part without which it still fails.

use crate::bugs::Bug;
use crate::history::{History, RunPlan, WorldEvent};
use crate::runner::run_history;

/// Maximum number of histories that are tried.
const PLAYS: usize = 600;

/// Returns a smaller history that also violates a guarantee.
pub(crate) fn shrink(history: &History, bug: Option<Bug>) -> History {
    let (mut small, mut plays) = (history.clone(), 0);
    let mut still_fails = |h: &History| {
        plays += 1;
        plays <= PLAYS && !run_history(h, bug, false).violations.is_empty()
    };
    while let Some(smaller) = simpler(&small).into_iter().find(&mut still_fails) {
        small = smaller;
    }
    small
}

/// Returns all histories that are one step simpler, the largest steps first.
fn simpler(h: &History) -> Vec<History> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut History)| {
        let mut simpler = h.clone();
        change(&mut simpler);
        all.push(simpler);
    };
    for i in 1..h.runs.len() {
        with(&|h| {
            h.runs.remove(i);
        });
    }
    let findings = h.setup.findings.len();
    let mut half = findings / 2;
    while half > 1 {
        for first in (0..findings).step_by(half) {
            let within = |what: &WorldEvent| finding(what).is_some_and(|f| (first..first + half).contains(&f));
            if h.events.iter().any(|e| within(&e.what)) {
                with(&|h| h.events.retain(|e| !within(&e.what)));
            }
        }
        half /= 2;
    }
    for f in 0..findings {
        let is_of = |what: &WorldEvent| finding(what) == Some(f);
        if h.events.iter().any(|e| is_of(&e.what)) {
            with(&|h| h.events.retain(|e| !is_of(&e.what)));
        }
    }
    for i in 0..h.events.len() {
        with(&|h| {
            h.events.remove(i);
        });
    }
    for (i, run) in h.runs.iter().enumerate() {
        for n in 0..run.faults.len() {
            with(&|h| {
                h.runs[i].faults.remove(n);
            });
        }
        let RunPlan { overlaps, gap, .. } = *run;
        let plain = RunPlan { overlaps, gap, faults: run.faults.clone(), ..RunPlan::clean(0) };
        if run.kill.is_some() || run.term.is_some() || run.skew != 0 {
            with(&|h| h.runs[i] = plain.clone());
        }
        if run.term.is_some() && run.kill.is_some() {
            with(&|h| h.runs[i].term = None);
            with(&|h| h.runs[i].kill = None);
        }
    }
    let s = &h.setup;
    if s.page != 50 {
        with(&|h| h.setup.page = 50);
    }
    if s.routed {
        with(&|h| h.setup.routed = false);
    }
    if s.has_named_channels {
        with(&|h| h.setup.has_named_channels = false);
    }
    if s.digest_after != 20 {
        with(&|h| h.setup.digest_after = 20);
    }
    all
}

fn finding(what: &WorldEvent) -> Option<usize> {
    match what {
        WorldEvent::Revision { finding, .. } | WorldEvent::React { finding, .. } => Some(*finding),
        WorldEvent::Archive(f) | WorldEvent::Unarchive(f) | WorldEvent::Delete(f) | WorldEvent::Forge(f) => Some(*f),
        WorldEvent::Touch
        | WorldEvent::Replay(_)
        | WorldEvent::DeleteState
        | WorldEvent::Restore(_)
        | WorldEvent::ChangeSource(..) => None,
    }
}
