//! Measures the resource usage by the number of new findings, and by the number of sources without new findings.

use std::fmt::Write;
use std::io;
use std::time::Duration;

use guardduty_slack_support::findings;

use crate::chart::{self, Panel, thousands};
use crate::jobs::Bench;
use crate::measure::{Cost, Program, measure};
use crate::report::{self, seconds};
use crate::world::{REGIONS, World};

const FINDINGS: [usize; 7] = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];
/// Numbers of regions and roles.
const SOURCES: [(usize, usize); 6] = [(1, 1), (10, 1), (20, 5), (20, 15), (20, 50), (20, 100)];
const REGIONS_OF_FINDINGS: usize = 4;
const LATENCY: Duration = Duration::from_millis(40);

struct Point {
    n: usize,
    cost: Cost,
    state: u64,
}

pub(crate) fn draw(bench: &Bench) -> io::Result<()> {
    let findings = FINDINGS.into_iter().map(|n| findings_point(bench, n)).collect::<io::Result<Vec<_>>>()?;
    write_report("findings", "findings", &findings)?;
    let sources = SOURCES.into_iter().map(|(r, a)| sources_point(bench, r, a)).collect::<io::Result<Vec<_>>>()?;
    write_report("sources", "quiet sources", &sources)
}

/// Measures a flood: all findings within ten minutes, in four regions, without latency. Time and memory are those of a dry
/// run. The size of the state is measured with a route that drops all findings, because Slack accepts only five messages
/// per second.
fn findings_point(bench: &Bench, n: usize) -> io::Result<Point> {
    let regions = REGIONS[..REGIONS_OF_FINDINGS].join(",");
    let now = findings::now();
    let world = || World::with(Duration::ZERO, n / REGIONS_OF_FINDINGS, now - 600_000, now - 1_000);
    let common = [("GUARDDUTY_REGIONS", regions), ("GUARDDUTY_LOOKBACK", "1h".to_owned())];
    let dry = run(bench, world(), &[&common[..], &[("DRY_RUN", "1".to_owned())]].concat())?;
    let drop = ("SLACK_ROUTES", r#"[{"match":{"type":["*"]},"drop":true}]"#.to_owned());
    let dropped = run(bench, world(), &[&common[..], &[drop]].concat())?;
    let memory = dry.cost.memory.max(dropped.cost.memory);
    eprintln!("{n} findings: {:.3} s dry, {:.3} s dropped, {memory:.1} MiB", dry.cost.wall, dropped.cost.wall);
    Ok(Point { n, cost: Cost { memory, ..dry.cost }, state: dropped.state })
}

/// Measures every role in every region with 40 ms per call. It is the second run, because the first announces the sources.
fn sources_point(bench: &Bench, regions: usize, roles: usize) -> io::Result<Point> {
    let arn = |n| format!("arn:aws:iam::{}:role/reader", 200_000_000_000u64 + n as u64);
    let roles: Vec<String> = (0..roles).map(arn).collect();
    let variables = [("GUARDDUTY_REGIONS", REGIONS[..regions].join(",")), ("GUARDDUTY_ROLE_ARNS", roles.join(","))];
    let now = findings::now();
    run(bench, World::with(Duration::ZERO, 0, now, now), &variables)?;
    let point = repeat_run(bench, World::with(LATENCY, 0, now, now), &variables)?;
    let n = regions * roles.len();
    eprintln!("{n} sources: {:.3} s, {:.1} MiB, {} requests", point.cost.wall, point.cost.memory, point.cost.requests);
    Ok(Point { n, ..point })
}

fn run(bench: &Bench, world: World, variables: &[(&str, String)]) -> io::Result<Point> {
    let state = bench.dir.join("state.json");
    if state.exists() {
        std::fs::remove_file(state)?;
    }
    repeat_run(bench, world, variables)
}

fn repeat_run(bench: &Bench, world: World, variables: &[(&str, String)]) -> io::Result<Point> {
    bench.server.play(world);
    let program = Program { command: vec![bench.binary.display().to_string()], env: bench.environment(variables) };
    let cost = measure(&program, &bench.dir)?;
    let state = std::fs::metadata(bench.dir.join("state.json")).map_or(0, |m| m.len());
    Ok(Point { n: 0, cost: Cost { requests: bench.server.journal().len(), ..cost }, state })
}

fn write_report(name: &str, x_title: &str, points: &[Point]) -> io::Result<()> {
    let over = |what: fn(&Point) -> f64| points.iter().map(|p| (p.n as f64, what(p))).collect();
    let kib = |b: f64| if b < 1_000.0 { format!("{b:.0} B") } else { format!("{:.0} KiB", b / 1024.0) };
    let panels = [
        Panel { title: "wall clock", points: over(|p| p.cost.wall), show: seconds_short, bound: None },
        Panel { title: "CPU", points: over(|p| p.cost.cpu), show: seconds_short, bound: None },
        Panel {
            title: "peak memory",
            points: over(|p| p.cost.memory),
            show: |m| format!("{m:.0} MiB"),
            bound: Some((48.0e6 / 1_048_576.0, "48 MB")),
        },
        Panel { title: "state", points: over(|p| p.state as f64), show: kib, bound: Some((786_432.0, "768 KiB")) },
    ];
    let svg = chart::panels(x_title, &panels);
    std::fs::write(report::docs().join(format!("images/performance-{name}.svg")), svg)?;
    let mut table = format!("| {x_title} | wall | CPU | peak memory | requests | state |\n|---|---|---|---|---|---|\n");
    for p in points {
        let (wall, cpu) = (seconds(p.cost.wall), seconds(p.cost.cpu));
        let state = thousands(p.state as f64);
        let n = thousands(p.n as f64);
        let _ = writeln!(
            table,
            "| {n} | {wall} | {cpu} | {:.1} MiB | {} | {state} B |",
            p.cost.memory,
            thousands(p.cost.requests as f64)
        );
    }
    report::put(name, &table)
}

fn seconds_short(s: f64) -> String {
    if s < 1.0 { format!("{:.0} ms", s * 1e3) } else { format!("{s:.1} s") }
}
