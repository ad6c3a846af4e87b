//! The calls of a quiet run in a cluster with their start and end, and the longest chain of calls that waited for each other.

use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

use guardduty_slack_support::kubernetes::write_service_account;
use guardduty_slack_support::tls::Authority;

use crate::chart::{self, Bar};
use crate::jobs::{Bench, Job, Subject};
use crate::measure::{Program, measure};
use crate::report;
use crate::server::Call;

const LATENCY: Duration = Duration::from_millis(40);

/// Web identity, the state in a ConfigMap, one region, a Pushgateway.
pub(crate) fn draw(bench: &Bench) -> io::Result<()> {
    bench.seed(Subject::Product)?;
    let state = std::fs::read_to_string(bench.seeded(Subject::Product))?;
    let account = bench.dir.join("service-account");
    write_service_account(&account, "bench", "default", Authority::shared().ca());
    let variables = [
        ("STATE_CONFIGMAP", "state".to_owned()),
        ("STATE_SERVICE_ACCOUNT", account.display().to_string()),
        ("KUBERNETES_SERVICE_HOST", "127.0.0.1".to_owned()),
        ("KUBERNETES_SERVICE_PORT", bench.server.tls_port.to_string()),
    ];
    let program = Program { command: vec![bench.binary.display().to_string()], env: bench.environment(&variables) };
    // The second run is measured, because the first one reads the program from disk.
    let run = || {
        bench.server.play(Job::Quiet.world(LATENCY).holding(state.clone()));
        let began = Instant::now();
        measure(&program, &bench.dir).map(|cost| (began, cost))
    };
    run()?;
    let (began, cost) = run()?;
    let calls = bench.server.journal();
    // The measuring process starts slightly before the measured one.
    let before = began.elapsed().as_secs_f64() - cost.wall;
    let zero = bench.server.since(began).as_secs_f64() + before.max(0.0) * 0.9;
    write_report(&calls, zero, cost.wall)
}

fn write_report(calls: &[Call], zero: f64, wall: f64) -> io::Result<()> {
    let chain = chain(calls);
    let ms = |t: Duration| (t.as_secs_f64() - zero) * 1e3;
    let bar = |(n, c): (usize, &Call)| Bar {
        name: c.what.to_owned(),
        from: ms(c.from).max(0.0),
        to: ms(c.to),
        chain: chain.contains(&n),
    };
    let bars: Vec<Bar> = calls.iter().enumerate().map(bar).collect();
    let path = report::docs().join("images/performance-timeline.svg");
    std::fs::write(path, chart::bars(&bars, wall * 1e3))?;
    let mut connections: Vec<usize> = Vec::new();
    for call in calls {
        if !connections.contains(&call.connection) {
            connections.push(call.connection);
        }
    }
    let mut text =
        String::from("| call | begins | ends | connection | on the longest chain |\n|---|---|---|---|---|\n");
    for (call, bar) in calls.iter().zip(&bars) {
        let _ = writeln!(
            text,
            "| {} | {:.1} ms | {:.1} ms | {} | {} |",
            bar.name,
            bar.from,
            bar.to,
            connections.iter().position(|c| *c == call.connection).map_or(0, |n| n + 1),
            if bar.chain { "yes" } else { "" }
        );
    }
    let asked: f64 = chain.iter().map(|n| calls[*n].to.as_secs_f64() - calls[*n].from.as_secs_f64()).sum();
    let _ = writeln!(
        text,
        "\n{} calls, {} of them in the longest chain: {:.1} ms of {:.1} ms. The program takes the other {:.1} ms.",
        calls.len(),
        chain.len(),
        asked * 1e3,
        wall * 1e3,
        (wall - asked) * 1e3
    );
    report::put("timeline", &text)
}

/// Follows the chain from the last call to the first: before each call, the latest call that had ended when it began.
fn chain(calls: &[Call]) -> Vec<usize> {
    let Some((mut at, _)) = calls.iter().enumerate().max_by_key(|(_, c)| c.to) else { return Vec::new() };
    let mut chain = vec![at];
    while let Some((before, _)) =
        calls.iter().enumerate().filter(|(_, c)| c.to <= calls[at].from).max_by_key(|(_, c)| c.to)
    {
        chain.push(before);
        at = before;
    }
    chain.reverse();
    chain
}
