//! A history of runs on a simulated time axis: what the Pushgateway exposed after each run, scraped every 30 seconds.
//!
//! The runs are real and take seconds; the axis gives each of them a time of its own, so that a day passes at once.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Labels of a series, without its name.
pub(crate) type Labels = BTreeMap<String, String>;
/// Value of each series, by metric name and labels.
pub(crate) type Samples = BTreeMap<(String, Labels), f64>;

/// The evaluation time of all queries: a multiple of two hours, in the past.
pub(crate) const END: i64 = 1_790_006_400;
pub(crate) const SCRAPE_INTERVAL: i64 = 30;
/// The scrapes are not aligned with the windows of the queries.
const SCRAPE_OFFSET: i64 = 13;
/// An instant query ignores samples that are older.
const LOOKBACK: i64 = 300;

/// A run of one release.
pub(crate) struct Run {
    pub release: String,
    pub at: i64,
    /// The state was lost before this run: its counters begin at 0.
    pub state_lost: bool,
    /// As the Pushgateway exposed them.
    exposed: Samples,
    /// The same with Unix times on the simulated axis.
    pub samples: Samples,
}

/// Runs in the order of time, and the times at which nothing could be scraped.
#[derive(Default)]
pub(crate) struct History {
    pub runs: Vec<Run>,
    pub outages: Vec<(i64, i64)>,
}

impl History {
    /// Adds a run that ended at this time, from the exposition of its group. The runs of a release are added in order.
    pub(crate) fn add(&mut self, release: &str, at: i64, state_lost: bool, exposition: &str) {
        let exposed = parse(exposition, release);
        let samples = self.move_times(release, at, &exposed);
        self.runs.push(Run { release: release.into(), at, state_lost, exposed, samples });
        self.runs.sort_by_key(|run| run.at);
    }

    /// Moves Unix times to the simulated axis. One that did not change since the previous run stays where it was.
    fn move_times(&self, release: &str, at: i64, exposed: &Samples) -> Samples {
        let ended = |(name, _): &&(String, Labels)| name == "guardduty_slack_last_run_timestamp_seconds";
        let series = exposed.keys().find(ended).expect("a run pushes the time of its end");
        let offset = at as f64 - exposed[series];
        let previous = self.runs.iter().rev().find(|run| run.release == release);
        let mut samples = exposed.clone();
        for (series, value) in samples.iter_mut().filter(|((name, _), _)| name.ends_with("_timestamp_seconds")) {
            let unchanged = previous.filter(|run| run.exposed.get(series) == Some(value));
            *value = unchanged.map_or(*value + offset, |run| run.samples[series]);
        }
        samples
    }

    /// Times of all scrapes within a closed interval.
    fn scrapes(&self, from: i64, to: i64) -> impl Iterator<Item = i64> {
        let first = from + (SCRAPE_OFFSET - from).rem_euclid(SCRAPE_INTERVAL);
        let up = |time: &i64| !self.outages.iter().any(|(start, end)| (start..end).contains(&time));
        (0..).map(move |n| first + n * SCRAPE_INTERVAL).take_while(move |time| *time <= to).filter(up)
    }

    /// Time of the scrape that sees a run first.
    pub(crate) fn visible_at(&self, run: &Run) -> i64 {
        self.scrapes(run.at, END).next().unwrap_or(i64::MAX)
    }

    pub(crate) fn releases(&self) -> Vec<&str> {
        let mut releases: Vec<&str> = self.runs.iter().map(|run| run.release.as_str()).collect();
        releases.sort_unstable();
        releases.dedup();
        releases
    }

    /// The run of a release whose metrics a scrape at this time returns.
    fn scraped_run(&self, release: &str, time: i64) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.release == release && run.at <= time)
    }

    /// Runs whose metrics are scraped within a closed interval.
    pub(crate) fn scraped_runs(&self, from: i64, to: i64) -> Vec<&Run> {
        let scrapes: Vec<i64> = self.scrapes(from, to).collect();
        let of = |release| scrapes.iter().filter_map(move |time| self.scraped_run(release, *time));
        let mut runs: Vec<&Run> = self.releases().into_iter().flat_map(of).collect();
        runs.dedup_by_key(|run| (run.release.as_str(), run.at));
        runs
    }

    /// The runs whose metrics an instant query at this time finds, the latest of each release last. A series that a
    /// run removed is found for five minutes, because imported samples have no staleness markers.
    pub(crate) fn current_runs(&self, time: i64) -> Vec<&Run> {
        self.scraped_runs(time - LOOKBACK, time)
    }

    /// Writes the scrapes as blocks of a Prometheus database.
    pub(crate) fn write_blocks(&self, folder: &Path) {
        let first = self.runs.first().expect("a history has runs").at;
        let mut text = String::new();
        for time in self.scrapes(first, END) {
            for run in self.releases().into_iter().filter_map(|release| self.scraped_run(release, time)) {
                for ((name, labels), value) in &run.samples {
                    writeln!(text, "{name}{} {value} {time}", braces(labels)).expect("a string can be written to");
                }
            }
        }
        text.push_str("# EOF\n");
        let file = folder.join("scrapes.om");
        std::fs::write(&file, text).expect("the temporary folder can be written to");
        let status = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
            .args([&file, &folder.join("data")])
            .stdout(Stdio::null())
            .status()
            .expect("promtool starts");
        assert!(status.success(), "promtool cannot import {}", file.display());
    }
}

/// `{a="b",…}`
fn braces(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!("{{{}}}", pairs.join(","))
}

/// The program's samples of one release in the text that a Pushgateway exposes.
pub(crate) fn parse(exposition: &str, release: &str) -> Samples {
    let own = exposition.lines().filter(|line| line.starts_with("guardduty_slack_"));
    own.map(parse_line).filter(|((_, labels), _)| labels["release"] == release).collect()
}

fn parse_line(line: &str) -> ((String, Labels), f64) {
    let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
    let (name, labels) = series.split_once('{').expect("a sample of a group has labels");
    let pairs = labels.trim_end_matches('}').split("\",");
    let pair = |pair: &str| {
        let (name, value) = pair.split_once("=\"").expect("a label has a value");
        (name.to_owned(), value.trim_end_matches('"').to_owned())
    };
    // Prometheus drops empty labels
    let labels = pairs.map(pair).filter(|(_, value)| !value.is_empty()).collect();
    ((name.to_owned(), labels), value.parse().expect("a value is a number"))
}
