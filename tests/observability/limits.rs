//! The number of lines and rows does not grow with the number of sources.

use guardduty_slack_support::findings::{high, medium};
use guardduty_slack_support::world::{ACCOUNT, World};

use crate::dashboard::targets;
use crate::history::{END, History};
use crate::services::{prometheus_with_blocks, pushgateway};

const SOURCES: usize = 1_000;
const MAX_LINES: usize = 16;
const MAX_ROWS: usize = 100;

/// The metrics of a run with one source as those of a thousand sources, all of them down, disabled and pending.
fn multiply(exposition: &str) -> String {
    let (of_source, of_run): (Vec<&str>, Vec<&str>) = exposition.lines().partition(|line| line.contains(ACCOUNT));
    let mut lines: Vec<String> = of_run.into_iter().map(str::to_owned).collect();
    for source in 0..SOURCES {
        let account = format!("{source:012}");
        lines.extend(of_source.iter().map(|line| worst(&line.replace(ACCOUNT, &account))));
    }
    lines.join("\n")
}

fn worst(line: &str) -> String {
    let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
    let value = match series.split('{').next() {
        Some("guardduty_slack_source_up" | "guardduty_slack_detector_enabled" | "guardduty_slack_feature_enabled") => {
            "0"
        }
        Some("guardduty_slack_pending_findings") => "7",
        _ => value,
    };
    format!("{series} {value}")
}

#[test]
#[ignore = "needs prometheus and prometheus-pushgateway: tests/observability/run"]
fn a_thousand_sources_do_not_draw_a_thousand_lines() {
    let gateway = pushgateway();
    World::new(env!("CARGO_BIN_EXE_guardduty-slack"))
        .env("PUSHGATEWAY_URL", format!("http://127.0.0.1:{}", gateway.port))
        .env("PUSHGATEWAY_LABELS", "namespace=security,release=rel")
        .findings([high("h1"), medium("m1")])
        .run()
        .exit(0);
    let (_, exposition) = gateway.get("/metrics").expect("a running Pushgateway answers");
    let mut history = History::default();
    history.add("rel", END - 300, false, &multiply(&exposition));

    let folder = tempfile::tempdir().expect("a temporary folder");
    history.write_blocks(folder.path());
    let prometheus = prometheus_with_blocks(folder.path());
    for target in targets() {
        let query = target.query(3_600, 60);
        let (shown, limit) = if target.instant {
            (prometheus.query_at(&query, END).len(), MAX_ROWS)
        } else {
            (prometheus.query_range(&query, END - 3_600, END, 60).len(), MAX_LINES)
        };
        assert!(shown <= limit, "panel \"{}\" shows {shown} series", target.title);
    }
}
