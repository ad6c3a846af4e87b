//! Counters that accumulate over runs. They are in the state, because the Pushgateway keeps only the last push.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::state::State;
use crate::time::Timestamp;

/// Upper bounds, in seconds, of the buckets of `notification_delay_seconds`.
pub const DELAY_BUCKETS: [f64; 13] =
    [5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0];

/// Counters above zero, by their labels; a histogram; the last success.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// (severity level, account, region), joined by `|`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub findings: BTreeMap<String, u64>,
    /// By the finding's type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, u64>,
    /// (channel, outcome), joined by `|`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notifications: BTreeMap<String, u64>,
    /// (service, operation, code), joined by `|`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, u64>,
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
    pub fn count_finding(&mut self, severity: &str, account: &str, region: &str, kind: &str) {
        // GuardDuty documents some 200 types; what goes beyond is not worth a series.
        if self.types.contains_key(kind) || self.types.len() < 400 {
            *self.types.entry(kind.to_owned()).or_default() += 1;
        }
        *self.findings.entry(format!("{severity}|{account}|{region}")).or_default() += 1;
    }

    pub fn count_notification(&mut self, channel: &str, outcome: &str) {
        *self.notifications.entry(format!("{channel}|{outcome}")).or_default() += 1;
    }
}

/// What is counted at the end of a run.
impl State {
    /// Counts findings that failed, by the channel as configured.
    pub fn count_failed(&mut self, failed: &BTreeMap<String, u64>) {
        for (channel, count) in failed {
            for _ in 0..*count {
                self.totals.count_notification(channel, "failed");
            }
        }
    }

    /// Counts a request: service, operation and code.
    pub fn count_requests(&mut self, request: (&str, &str, &str), count: u64) {
        let (service, operation, code) = request;
        *self.totals.requests.entry(format!("{service}|{operation}|{code}")).or_default() += count;
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
}
