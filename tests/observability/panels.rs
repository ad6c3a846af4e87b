//! The value that each query of each panel should have.

use crate::history::{History, Labels};
use crate::truth::{
    Values, Window, all, current, failed_runs, growth, growth_in_step, highest, lowest, map, max_by, min_by, quantile,
    sum_by, top,
};

const RELEASE: &[&str] = &["namespace", "release"];
const SOURCE: &[&str] = &["namespace", "release", "account", "region"];
const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];

/// The value of the query with this index in the panel with this title; none if the panel is not known.
pub(crate) fn expected(panel: &str, query: usize, history: &History, window: Window) -> Option<Values> {
    let by_severity = |severity: &'static str| move |labels: &Labels| labels["severity"] == severity;
    let values = match panel {
        "Time since last successful run" => age(history, window, "last_success_timestamp_seconds", RELEASE),
        "Time since last run" => age(history, window, "last_run_timestamp_seconds", RELEASE),
        "Failed runs" => failed_runs(history, window),
        "Unreadable sources" => zeros(&current(history, window, "source_up")),
        "Disabled or missing detectors" => zeros(&current(history, window, "detector_enabled")),
        "Version" => max_by(&current(history, window, "build_info"), &["namespace", "release", "version", "revision"]),
        "Run results" => min_by(&lowest(history, window, "run_success"), RELEASE),
        "Unreadable sources and disabled detectors" => {
            zeros(&lowest(history, window, ["source_up", "detector_enabled"][query]))
        }
        "Sources with problems" => problems(history, window),
        "Disabled protection plans" => {
            let disabled = sum_by(&map(current(history, window, "feature_enabled"), |value| 1.0 - value), &["feature"]);
            top(100, disabled)
        }
        "Disabled protection plans by source" => disabled(&current(history, window, "feature_enabled")),
        "Unhealthy runtime coverage" => positive(current(history, window, "coverage_unhealthy_resources")),
        "Missed malware scans" => positive(current(history, window, "malware_scans_missed")),
        "Failing exports" => positive(current(history, window, "publishing_destinations_failing")),
        "Unacknowledged findings" => sum_by(&current(history, window, "unacknowledged_findings"), &["severity"]),
        "Oldest unacknowledged finding" => {
            age(history, window, "oldest_unacknowledged_timestamp_seconds", &["severity"])
        }
        "Average time to acknowledgment" => average(history, window, "acknowledge_delay_seconds"),
        "Time to acknowledgment" => delay_quantile(history, window, "acknowledge_delay_seconds", [0.5, 0.9][query]),
        "Delivered within 15 minutes" => share_within(history, window, "900"),
        "Average notification delay" => average(history, window, "notification_delay_seconds"),
        "Notification delay" => delay_quantile(history, window, "notification_delay_seconds", [0.5, 0.9, 0.99][query]),
        "Pending findings" | "Pending findings over time" => {
            sum_by(&current(history, window, "pending_findings"), RELEASE)
        }
        "Longest run" | "Run duration" => max_by(&highest(history, window, "run_duration_seconds"), RELEASE),
        "Sources with pending findings" => pending_sources(history, window, query),
        "Findings received" => {
            let found = growth(history, window, "findings_total", &by_severity(SEVERITIES[query]));
            sum_by(&found, &["severity"])
        }
        "Open findings" => {
            let open = current(history, window, "open_findings");
            let of_level = open.into_iter().filter(|(labels, _)| by_severity(SEVERITIES[query])(labels)).collect();
            sum_by(&of_level, &["severity"])
        }
        "Findings received over time" => sum_by(&growth_in_step(history, window, "findings_total"), &["severity"]),
        "Open findings over time" => sum_by(&current(history, window, "open_findings"), &["severity"]),
        "Most frequent finding types" => {
            top(10, sum_by(&growth(history, window, "findings_by_type_total", &all), &["type"]))
        }
        "Sources with most findings" => top(10, sum_by(&growth(history, window, "findings_total", &all), SOURCE)),
        "Delivered" => outcomes(history, window, &["posted", "updated", "threaded", "digested"], RELEASE),
        "Failed deliveries" => outcomes(history, window, &["failed"], RELEASE),
        "Given up" => outcomes(history, window, &["given_up"], RELEASE),
        "Outcomes" => outcomes(history, window, &[], &["outcome"]),
        "Outcomes over time" => sum_by(&growth_in_step(history, window, "notifications_total"), &["outcome"]),
        "Outcomes by channel" => {
            top(20, outcomes(history, window, &[], &["namespace", "release", "channel", "outcome"]))
        }
        "Slack rate limits" => rate_limits(history, window),
        "State size" | "State size over time" => max_by(&current(history, window, "state_bytes"), RELEASE),
        "Requests" => sum_by(&growth(history, window, "api_requests_total", &all), &["service"]),
        "Requests over time" => sum_by(&growth_in_step(history, window, "api_requests_total"), &["service"]),
        "Failed requests" => failed_requests(history, window),
        _ => return None,
    };
    Some(values)
}

fn age(history: &History, window: Window, timestamp: &str, by: &[&str]) -> Values {
    max_by(&map(current(history, window, timestamp), |time| window.end as f64 - time), by)
}

fn zeros(gauge: &Values) -> Values {
    sum_by(&map(gauge.clone(), |value| 1.0 - value), RELEASE)
}

/// Series of a gauge that are above 0.
fn positive(gauge: Values) -> Values {
    top(100, gauge.into_iter().filter(|(_, value)| *value > 0.0).collect())
}

/// Series of a 0/1 gauge that are 0.
fn disabled(gauge: &Values) -> Values {
    gauge.iter().filter(|(_, value)| **value == 0.0).map(|(labels, value)| (labels.clone(), *value)).collect()
}

fn problems(history: &History, window: Window) -> Values {
    let named = |gauge: &str, problem: &'static str| {
        let down = disabled(&current(history, window, gauge)).into_iter();
        let with_problem = move |(mut labels, value): (Labels, f64)| {
            labels.insert("problem".into(), problem.into());
            (labels, value)
        };
        down.map(with_problem).collect::<Values>()
    };
    let mut problems = named("source_up", "not readable");
    problems.extend(named("detector_enabled", "detector disabled or missing"));
    problems
}

fn share_within(history: &History, window: Window, bound: &str) -> Values {
    let buckets = growth(history, window, "notification_delay_seconds_bucket", &|labels| labels["le"] == bound);
    let count = growth(history, window, "notification_delay_seconds_count", &all);
    ratio(&sum_by(&buckets, &[]), &sum_by(&count, &[]))
}

/// The average of a histogram.
fn average(history: &History, window: Window, histogram: &str) -> Values {
    let sum = growth(history, window, &format!("{histogram}_sum"), &all);
    let count = growth(history, window, &format!("{histogram}_count"), &all);
    ratio(&sum_by(&sum, &[]), &sum_by(&count, &[]))
}

/// Nothing where the denominator is 0.
fn ratio(numerators: &Values, denominators: &Values) -> Values {
    let nonzero = denominators.iter().filter(|(_, value)| **value > 0.0);
    nonzero.map(|(labels, value)| (labels.clone(), numerators[labels] / value)).collect()
}

fn delay_quantile(history: &History, window: Window, histogram: &str, q: f64) -> Values {
    let buckets = growth(history, window, &format!("{histogram}_bucket"), &all);
    quantile(q, &sum_by(&buckets, &["le"]))
}

fn pending_sources(history: &History, window: Window, query: usize) -> Values {
    let pending = top(10, current(history, window, "pending_findings"));
    if query == 0 {
        return pending;
    }
    let values = if query == 1 {
        map(current(history, window, "source_watermark_timestamp_seconds"), |time| window.end as f64 - time)
    } else {
        map(current(history, window, "source_floor_timestamp_seconds"), |time| 1_000.0 * time)
    };
    values.into_iter().filter(|(labels, _)| pending.contains_key(labels)).collect()
}

/// Growth of these outcomes, or of all; by these labels.
fn outcomes(history: &History, window: Window, outcomes: &[&str], by: &[&str]) -> Values {
    let chosen = |labels: &Labels| outcomes.is_empty() || outcomes.contains(&labels["outcome"].as_str());
    sum_by(&growth(history, window, "notifications_total", &chosen), by)
}

fn rate_limits(history: &History, window: Window) -> Values {
    let to_slack = growth(history, window, "api_requests_total", &|labels| labels["service"] == "slack");
    let is_limit = |labels: &Labels| ["429", "ratelimited", "rate_limited"].contains(&labels["code"].as_str());
    let limits =
        to_slack.into_iter().map(|(labels, value)| if is_limit(&labels) { (labels, value) } else { (labels, 0.0) });
    sum_by(&limits.collect(), RELEASE)
}

fn failed_requests(history: &History, window: Window) -> Values {
    let is_success = |code: &str| code == "ok" || (code.len() == 3 && code.starts_with('2'));
    let failed = growth(history, window, "api_requests_total", &|labels| !is_success(&labels["code"]));
    top(20, sum_by(&failed, &["service", "operation", "code"]))
}
