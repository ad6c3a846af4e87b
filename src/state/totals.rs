//! Counters that accumulate over runs. They are in the state, because the Pushgateway keeps only the last push.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::SeverityLevel;
use crate::metrics::{NotificationOutcome, Service};
use crate::source_key::{SourceKey, SourceOrIdentity};
use crate::state::State;
use crate::time::Timestamp;

/// Upper bounds, in seconds, of the buckets of `notification_delay_seconds`.
pub(crate) const DELAY_BUCKETS: [f64; 13] =
    [5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0];

/// Counters above zero, by their labels; a histogram; the last success.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// By severity level and source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub findings: BTreeMap<String, BTreeMap<SourceOrIdentity, u64>>,
    /// By the finding's type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, u64>,
    /// By channel and outcome.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notifications: BTreeMap<String, BTreeMap<String, u64>>,
    /// By service, operation and code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, BTreeMap<String, BTreeMap<String, u64>>>,
    #[serde(default, skip_serializing_if = "DelayHistogram::is_empty")]
    pub delay: DelayHistogram,
    /// From the first message of a finding to its acknowledgment.
    #[serde(default, skip_serializing_if = "DelayHistogram::is_empty")]
    pub acknowledge_delay: DelayHistogram,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
}

/// A histogram: `buckets[i]` counts what is at most `DELAY_BUCKETS[i]` and above the bound before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DelayHistogram {
    pub buckets: Vec<u64>,
    pub sum: f64,
    pub count: u64,
}

impl DelayHistogram {
    fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn observe(&mut self, seconds: f64) {
        self.buckets.resize(DELAY_BUCKETS.len(), 0);
        if let Some(i) = DELAY_BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.buckets[i] += 1;
        }
        self.sum += seconds;
        self.count += 1;
    }

    /// Cumulative counts per bucket, as in a Prometheus histogram.
    pub fn cumulative(&self) -> Vec<(f64, u64)> {
        let mut sum = 0;
        let own = |i: usize| self.buckets.get(i).copied().unwrap_or(0);
        DELAY_BUCKETS
            .iter()
            .enumerate()
            .map(|(i, bound)| {
                sum += own(i);
                (*bound, sum)
            })
            .collect()
    }
}

impl Totals {
    pub fn count_finding(&mut self, level: SeverityLevel, source: SourceKey, kind: &str) {
        // GuardDuty documents some 200 types; what goes beyond is not worth a series.
        if self.types.contains_key(kind) || self.types.len() < 400 {
            *self.types.entry(kind.to_owned()).or_default() += 1;
        }
        let by_source = self.findings.entry(level.name().to_owned()).or_default();
        *by_source.entry(source.into()).or_default() += 1;
    }

    pub fn count_notification(&mut self, channel: &str, outcome: NotificationOutcome) {
        let by_outcome = self.notifications.entry(channel.to_owned()).or_default();
        *by_outcome.entry(outcome.name().to_owned()).or_default() += 1;
    }

    /// The number of notifications with an outcome, in all channels.
    pub fn notifications(&self, outcome: NotificationOutcome) -> u64 {
        self.notifications.values().filter_map(|by_outcome| by_outcome.get(outcome.name())).sum()
    }
}

/// What is counted at the end of a run.
impl State {
    /// Counts findings that failed, by the channel as configured.
    pub fn count_failed(&mut self, failed: &BTreeMap<String, u64>) {
        for (channel, count) in failed {
            for _ in 0..*count {
                self.totals.count_notification(channel, NotificationOutcome::Failed);
            }
        }
    }

    pub fn count_requests(&mut self, service: Service, operation: &str, code: &str, count: u64) {
        let by_operation = self.totals.requests.entry(service.name().to_owned()).or_default();
        let by_code = by_operation.entry(operation.to_owned()).or_default();
        *by_code.entry(code.to_owned()).or_default() += count;
    }

    /// Sets the time of the last successful run, and returns the one before.
    pub fn set_last_success(&mut self, time: Option<Timestamp>) -> Option<Timestamp> {
        std::mem::replace(&mut self.totals.last_success, time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_falls_into_the_first_bucket_that_holds_it() {
        let mut delay = DelayHistogram::default();
        delay.observe(5.0);
        delay.observe(59.0);
        delay.observe(1e9);
        assert_eq!(delay.cumulative()[..4], [(5.0, 1), (15.0, 1), (30.0, 1), (60.0, 2)]);
        assert_eq!((delay.count, delay.cumulative()[12].1), (3, 2));
    }

    #[test]
    fn a_delay_counts_in_its_bucket_and_in_the_sum() {
        let mut delay = DelayHistogram::default();
        [3.0, 4.0, 59.0].into_iter().for_each(|seconds| delay.observe(seconds));
        assert_eq!((delay.buckets[0], delay.buckets[3], delay.sum), (2, 1, 66.0));
    }

    #[test]
    fn nothing_is_written_of_counters_that_never_counted() {
        assert_eq!(serde_json::to_string(&Totals::default()).unwrap(), "{}");
        let mut totals = Totals::default();
        totals.delay.observe(1.0);
        let read: Totals = serde_json::from_str(&serde_json::to_string(&totals).unwrap()).unwrap();
        assert_eq!(read, totals);
    }

    #[test]
    fn new_types_are_counted_up_to_a_limit_and_known_ones_and_all_findings_beyond_it() {
        let source: SourceKey = "111122223333/eu-west-1".parse().expect("a key of a source");
        let mut totals = Totals::default();
        for n in 0..401 {
            totals.count_finding(SeverityLevel::High, source.clone(), &format!("type {n}"));
        }
        totals.count_finding(SeverityLevel::High, source.clone(), "type 399");
        assert_eq!((totals.types.len(), totals.types["type 399"]), (400, 2));
        assert_eq!(totals.findings, [("high".to_owned(), [(source.into(), 402)].into())].into());
    }

    #[test]
    fn what_failed_and_what_was_requested_adds_up() {
        let mut state = State::default();
        for _ in 0..2 {
            state.count_failed(&[("C1".to_owned(), 2)].into());
            state.count_requests(Service::Slack, "chat.postMessage", "200", 3);
        }
        assert_eq!(state.totals.notifications(NotificationOutcome::Failed), 4);
        assert_eq!(state.totals.requests["slack"]["chat.postMessage"]["200"], 6);
    }
}
