//! What a panel should show, computed from the runs themselves and without PromQL.

use std::collections::BTreeMap;

use crate::history::{History, Labels, Run};

/// Values by labels; the labels of one value are those that the panel shows.
pub(crate) type Values = BTreeMap<Labels, f64>;

/// A closed interval of Unix times.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub start: i64,
    pub end: i64,
}

/// Selects labels, such as `severity=high`.
type Filter<'a> = &'a dyn Fn(&Labels) -> bool;

pub(crate) fn all(_: &Labels) -> bool {
    true
}

/// Sum of values by these labels.
pub(crate) fn sum_by(values: &Values, by: &[&str]) -> Values {
    fold_by(values, by, |a, b| a + b)
}

pub(crate) fn min_by(values: &Values, by: &[&str]) -> Values {
    fold_by(values, by, f64::min)
}

pub(crate) fn max_by(values: &Values, by: &[&str]) -> Values {
    fold_by(values, by, f64::max)
}

fn fold_by(values: &Values, by: &[&str], fold: impl Fn(f64, f64) -> f64) -> Values {
    let mut folded = Values::new();
    for (labels, value) in values {
        let kept = labels.iter().filter(|(name, _)| by.contains(&name.as_str()));
        let key = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        folded.entry(key).and_modify(|sum| *sum = fold(*sum, *value)).or_insert(*value);
    }
    folded
}

/// The largest values that are not 0.
pub(crate) fn top(count: usize, values: Values) -> Values {
    let mut rows: Vec<(Labels, f64)> = values.into_iter().filter(|(_, value)| *value > 0.0).collect();
    rows.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    rows.into_iter().take(count).collect()
}

pub(crate) fn map(values: Values, change: impl Fn(f64) -> f64) -> Values {
    values.into_iter().map(|(labels, value)| (labels, change(value))).collect()
}

fn samples<'a>(run: &'a Run, name: &str) -> impl Iterator<Item = (&'a Labels, f64)> {
    let name = format!("guardduty_slack_{name}");
    run.samples.iter().filter(move |((sample, _), _)| *sample == name).map(|((_, labels), value)| (labels, *value))
}

/// A gauge at the end of the window.
pub(crate) fn current(history: &History, window: Window, name: &str) -> Values {
    let runs = history.current_runs(window.end);
    runs.into_iter().flat_map(|run| samples(run, name)).map(|(labels, value)| (labels.clone(), value)).collect()
}

/// The smallest value of each series of a gauge within the window.
pub(crate) fn lowest(history: &History, window: Window, name: &str) -> Values {
    map(highest_of(history, window, name, -1.0), |value| -value)
}

/// The largest value of each series of a gauge within the window.
pub(crate) fn highest(history: &History, window: Window, name: &str) -> Values {
    highest_of(history, window, name, 1.0)
}

fn highest_of(history: &History, window: Window, name: &str, sign: f64) -> Values {
    let mut extremes = Values::new();
    for run in history.scraped_runs(window.start, window.end) {
        for (labels, value) in samples(run, name) {
            let value = sign * value;
            extremes.entry(labels.clone()).and_modify(|highest| *highest = highest.max(value)).or_insert(value);
        }
    }
    extremes
}

/// Growth of each series of a counter: what the runs added that Prometheus saw first within the window. Series that did
/// not grow have 0.
pub(crate) fn growth(history: &History, window: Window, name: &str, filter: Filter) -> Values {
    let runs = history.scraped_runs(window.start, window.end);
    let series = runs.into_iter().flat_map(|run| samples(run, name)).filter(|(labels, _)| filter(labels));
    let grown = series.map(|(labels, _)| (labels.clone(), 0.0)).collect();
    add_growth(grown, history, window, name, filter)
}

/// The same for a step of a graph, which shows the series that exist at its end.
pub(crate) fn growth_in_step(history: &History, window: Window, name: &str) -> Values {
    let grown = map(current(history, window, name), |_| 0.0);
    add_growth(grown, history, window, name, &all)
}

fn add_growth(mut grown: Values, history: &History, window: Window, name: &str, filter: Filter) -> Values {
    for release in history.releases() {
        let mut before = Values::new();
        for run in history.runs.iter().filter(|run| run.release == release) {
            let seen = history.visible_at(run);
            if run.state_lost {
                before.clear();
            }
            for (labels, value) in samples(run, name).filter(|(labels, _)| filter(labels)) {
                let added = value - before.insert(labels.clone(), value).unwrap_or(0.0);
                if seen > window.start && seen <= window.end {
                    *grown.entry(labels.clone()).or_insert(0.0) += added;
                }
            }
        }
    }
    grown
}

/// Runs that ended within the window without success, by release.
pub(crate) fn failed_runs(history: &History, window: Window) -> Values {
    let mut failed = Values::new();
    for run in history.scraped_runs(window.start, window.end) {
        let (labels, success) = samples(run, "run_success").next().expect("a run pushes its result");
        let ended_within = run.at > window.start;
        *failed.entry(release_of(labels)).or_insert(0.0) += f64::from(ended_within && success == 0.0);
    }
    failed
}

fn release_of(labels: &Labels) -> Labels {
    labels.iter().filter(|(name, _)| ["namespace", "release"].contains(&name.as_str())).map(clone_pair).collect()
}

fn clone_pair((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// Quantile of a histogram from the growth of its buckets, interpolated within a bucket as Prometheus does.
pub(crate) fn quantile(quantile: f64, buckets: &Values) -> Values {
    let bound = |labels: &Labels| labels["le"].parse::<f64>().expect("a bound is a number");
    let mut counts: Vec<(f64, f64)> = buckets.iter().map(|(labels, count)| (bound(labels), *count)).collect();
    counts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rank = quantile * counts.last().expect("a histogram has buckets").1;
    let at = counts.iter().position(|(_, count)| *count >= rank).expect("the last bucket has all");
    let (lower, below) = if at == 0 { (0.0, 0.0) } else { counts[at - 1] };
    let (upper, count) = counts[at];
    let value = if upper.is_infinite() { lower } else { lower + (upper - lower) * (rank - below) / (count - below) };
    Values::from([(Labels::new(), value)])
}
