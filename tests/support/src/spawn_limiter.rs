//! Lets a few programs start at a time. Afterwards they mostly wait, and may be many; but dozens that start at once on
//! two processors starve each other, until the few seconds that a program gives the Kubernetes API have passed.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use crate::scripted_faults::{FaultScript, PATIENCE};

const AT_ONCE: usize = 4;

static STARTING: Mutex<usize> = Mutex::new(0);
static LEFT: Condvar = Condvar::new();

/// Starts a process by `start` (its id) when it is its turn; the next one's comes when this one has looked at
/// GuardDuty's findings, or has ended.
pub(crate) fn spawn_limited<T>(stage: &FaultScript, start: impl FnOnce() -> (u32, T)) -> T {
    let starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut starting = LEFT.wait_while(starting, |n| *n >= AT_ONCE).unwrap_or_else(PoisonError::into_inner);
    *starting += 1;
    drop(starting);
    let before = stage.journal.len();
    let (pid, started) = start();
    let stage = stage.clone();
    thread::spawn(move || {
        stage.journal.wait(PATIENCE, |entries| {
            let looked =
                entries[before..].iter().any(|e| e.call.operation == "ListFindings" || e.call.service == "slack");
            looked || !stage.runs(pid)
        });
        *STARTING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        LEFT.notify_one();
    });
    started
}
