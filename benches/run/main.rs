//! Measures the resource usage of a run, of a Python script with the same task, and of a minimal client.
//!
//! ```text
//! cargo bench --bench run                  # everything
//! cargo bench --bench run -- jobs curves   # some of it
//! cargo bench --bench run -- serve backlog # for a profiler: prints the environment, and answers until its input ends
//! ```
//!
//! - `GUARDDUTY_SLACK_BIN`: the program. Default: `target/x86_64-unknown-linux-musl/dist/guardduty-slack`, built if absent.
//! - `PYTHON`: an interpreter with boto3 and requests. Default: an environment with both, created below `target/`.
//! - `SAMPLES`: number of paired runs of the quiet job, 9 by default. Other jobs run at most three times, and the backlog of
//!   the script once.
//!
//! Tables are written between the marks of `docs/performance.md`, charts to `docs/images/`.

#![expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "counts of a benchmark are small")]

mod baseline_client;
mod chart;
mod curves;
mod jobs;
mod measure;
mod prepare;
mod report;
mod server;
mod timeline;
mod world;

use std::io::{self, Read};
use std::process::ExitCode;
use std::time::Duration;

use jobs::{Bench, Job, Subject};
use measure::Cost;

/// Maximum number of paired runs of jobs that take seconds.
const LONG: usize = 3;
/// Latencies of the responses.
const LATENCIES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(40)];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some(measure::MEASURE) => return measure::main(&args[1..]),
        Some(baseline_client::BASELINE_CLIENT) => return baseline_client::main(&args[1..]),
        _ => {}
    }
    // `cargo test --all-targets` also starts this program. It measures nothing in that case.
    if !args.iter().any(|a| a == "--bench") {
        return ExitCode::SUCCESS;
    }
    let parts: Vec<&str> = args.iter().map(String::as_str).filter(|a| !a.starts_with('-')).collect();
    match bench(&parts) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn bench(parts: &[&str]) -> io::Result<()> {
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
    let bench = prepare::bench()?;
    if let ["serve", name] = parts {
        let job = Job::ALL.into_iter().find(|job| job.name().starts_with(name));
        return serve(&bench, job.ok_or_else(|| io::Error::other("jobs: quiet, 20, backlog"))?);
    }
    if wanted("jobs") {
        let rows = jobs_of(&bench)?;
        report::jobs(&rows)?;
    }
    if wanted("timeline") {
        timeline::draw(&bench)?;
    }
    if wanted("curves") {
        curves::draw(&bench)?;
    }
    Ok(())
}

/// Serves a job for a program that is started manually with the printed environment.
fn serve(bench: &Bench, job: Job) -> io::Result<()> {
    bench.seed(Subject::Product)?;
    bench.server.play(job.world(Duration::ZERO));
    bench.restore(job, Subject::Product)?;
    for (name, value) in bench.environment(&job.variables(Subject::Product)) {
        println!("export {name}='{value}'");
    }
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A job with one latency: the paired runs of all clients, in order.
pub struct Row {
    pub job: Job,
    pub latency: Duration,
    pub product: Vec<Cost>,
    pub python: Vec<Cost>,
    pub floor: Vec<Cost>,
}

fn jobs_of(bench: &Bench) -> io::Result<Vec<Row>> {
    let samples = std::env::var("SAMPLES").ok().and_then(|n| n.parse().ok()).unwrap_or(9);
    for who in [Subject::Product, Subject::Python] {
        if who == Subject::Product || bench.python.is_some() {
            bench.seed(who)?;
        }
    }
    let mut rows = Vec::new();
    for job in Job::ALL {
        for latency in LATENCIES {
            rows.push(row(bench, job, latency, samples)?);
        }
    }
    Ok(rows)
}

fn row(bench: &Bench, job: Job, latency: Duration, samples: usize) -> io::Result<Row> {
    // The first run is not measured, because it reads the programs from disk.
    bench.once(job, Subject::Product, latency)?;
    let mut row = Row { job, latency, product: Vec::new(), python: Vec::new(), floor: Vec::new() };
    let samples = if job == Job::Quiet { samples } else { samples.min(LONG) };
    for sample in 0..samples {
        row.product.push(bench.once(job, Subject::Product, latency)?);
        row.floor.push(bench.once(job, Subject::Floor, latency)?);
        // The script takes minutes for a backlog.
        if bench.python.is_some() && (job != Job::Backlog || sample == 0) {
            row.python.push(bench.once(job, Subject::Python, latency)?);
        }
        let last = |costs: &[Cost]| costs.last().map_or(f64::NAN, |c| c.wall);
        eprintln!(
            "{} at {} ms: {:.3} s, floor {:.3} s, script {:.3} s",
            job.name(),
            measure::millis(latency),
            last(&row.product),
            last(&row.floor),
            last(&row.python)
        );
    }
    Ok(row)
}
