//! Writes tables in Markdown between the marks of `docs/performance.md`.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use crate::Row;
use crate::measure::{Cost, median, millis};

/// Writes a text between `<!-- bench: NAME -->` and `<!-- end -->` of the page, and prints it.
pub(crate) fn put(name: &str, text: &str) -> io::Result<()> {
    println!("{text}");
    let path = docs().join("performance.md");
    let page = std::fs::read_to_string(&path)?;
    let begin = format!("<!-- bench: {name} -->\n");
    let Some((before, rest)) = page.split_once(&begin) else { return Ok(()) };
    let Some((_, after)) = rest.split_once("<!-- end -->") else { return Ok(()) };
    std::fs::write(path, format!("{before}{begin}{text}<!-- end -->{after}"))
}

pub(crate) fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs")
}

pub(crate) fn jobs(rows: &[Row]) -> io::Result<()> {
    let mut table = String::from(
        "| job | latency | client | wall | CPU | peak memory | requests | wall, program / client | CPU, client / program | memory, client / program |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        for (who, costs) in [("program", &row.product), ("script", &row.python), ("floor", &row.floor)] {
            if costs.is_empty() {
                continue;
            }
            let of = |what: fn(&Cost) -> f64| median(costs.iter().map(what).collect());
            let _ = write!(
                table,
                "| {} | {} ms | {who} | {} | {} | {:.1} MiB | {} ",
                row.job.name(),
                millis(row.latency),
                seconds(of(|c| c.wall)),
                seconds(of(|c| c.cpu)),
                of(|c| c.memory),
                costs[0].requests
            );
            let wall = paired(row, costs, |product, other| product.wall / other.wall);
            let cpu = paired(row, costs, |product, other| other.cpu / product.cpu);
            let memory = paired(row, costs, |product, other| other.memory / product.memory);
            let _ = match who {
                "program" => writeln!(table, "| | | |"),
                "floor" => writeln!(table, "| {wall:.2} | | |"),
                _ => writeln!(table, "| {wall:.3} | {cpu:.1} | {memory:.1} |"),
            };
        }
    }
    put("jobs", &table)
}

/// The median of the ratios of paired runs.
fn paired(row: &Row, costs: &[Cost], ratio: fn(&Cost, &Cost) -> f64) -> f64 {
    median(row.product.iter().zip(costs).map(|(product, other)| ratio(product, other)).collect())
}

pub(crate) fn seconds(s: f64) -> String {
    if s < 1.0 { format!("{:.1} ms", s * 1e3) } else { format!("{s:.2} s") }
}
