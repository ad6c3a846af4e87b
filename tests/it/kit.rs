//! The world in which each test starts, and helpers that several tests use.

use std::thread;
use std::time::Duration;

use guardduty_slack_support::findings::{millis, now};
use guardduty_slack_support::tls::Authority;
use guardduty_slack_support::world::World;

/// A world for the binary that these tests were built with. The program trusts one certificate instead of the built-in
/// root certificates, whose parsing takes an eighth of the CPU time of a run of a debug build.
pub(crate) fn world() -> World {
    let world = World::new(env!("CARGO_BIN_EXE_guardduty-slack"));
    let roots = world.folder.path().join("roots.pem");
    std::fs::write(&roots, Authority::shared().ca()).expect("a file in a temporary folder");
    world.env("SSL_CERT_FILE", roots.display())
}

/// A world in which a killed run's lease expires soon.
pub(crate) fn world_with_short_lease() -> World {
    world().env("RUN_LEASE", "2s")
}

/// Waits until the lease of a killed run in the saved state has expired.
pub(crate) fn after_the_lease(world: World) -> World {
    let state = world.state();
    if let Some(renewed) = state["lease"]["renewed_at"].as_str().and_then(millis) {
        let left = renewed + 2_050 - now();
        thread::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0)));
    }
    world
}

/// Runs again until every finding is processed: exit 0. The outcome of a message may be unknown for a run or two.
pub(crate) fn run_until_processed(world: World) -> World {
    let mut world = after_the_lease(world).run();
    for _ in 0..4 {
        if world.last_run().code == Some(0) {
            break;
        }
        world = after_the_lease(world).run();
    }
    world.exit(0)
}

/// Runs each case on a thread of its own, `at_once` at a time: a run waits for Slack far more than it works.
pub(crate) fn each<T: Send>(cases: Vec<T>, at_once: usize, test: impl Fn(T) + Sync) {
    let cases = std::sync::Mutex::new(cases.into_iter());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let next = cases.lock().expect("no test panics while it holds this").next();
                    match next {
                        Some(case) => test(case),
                        None => return,
                    }
                }
            });
        }
    });
}
