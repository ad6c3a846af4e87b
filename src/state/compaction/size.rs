//! Bytes that the state and its values take in the document.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use serde::Serialize;

use super::{InFlight, without_message};
use crate::state::{FindingRecord, State};
use crate::time::Timestamp;

impl State {
    /// Size of the state.
    pub fn bytes(&self) -> usize {
        json_len(self)
    }

    /// Size of the state after the strongest compaction. It discards the baselines beyond the share of the sources, the
    /// findings below the lower bound of their source, the findings below the highest floor that the region allows, and
    /// the message references of the other findings.
    pub fn min_bytes(&self, bound: usize, overlap: Duration, in_flight: &InFlight) -> usize {
        let bounds = self.lower_bounds(overlap);
        let limits: HashMap<u32, Timestamp> =
            self.sources.iter().map(|(key, s)| (s.id, self.max_floor(key.region(), in_flight))).collect();
        let goes = |e: &FindingRecord| {
            let below = |limit: Option<&Timestamp>| limit.is_none_or(|limit| e.updated_at < Some(*limit));
            below(bounds.get(&e.source_id)) || (e.failing_since.is_none() && below(limits.get(&e.source_id)))
        };
        let free = |(id, e): (&String, &FindingRecord)| match without_message(e) {
            _ if in_flight.ids.contains(id.as_str()) => 0,
            _ if goes(e) => encoded_len(id, e),
            Some(bare) => encoded_len(id, e) - encoded_len(id, &bare),
            None => 0,
        };
        let excess = self.excess_baselines(bound);
        let baselines = excess.iter().filter_map(|key| self.sources.get(key)?.watch_baseline.as_ref());
        // The first entry has no comma, which counts only if no entry is left.
        let is_emptied = self.findings.iter().all(|(id, e)| goes(e) && !in_flight.ids.contains(id.as_str()));
        let no_comma = usize::from(is_emptied && !self.findings.is_empty());
        self.bytes() + no_comma - self.findings.iter().map(free).sum::<usize>() - baselines.map(json_len).sum::<usize>()
    }
}

/// Bytes of a value.
pub(super) fn json_len(value: &impl Serialize) -> usize {
    let mut bytes = ByteCount(0);
    serde_json::to_writer(&mut bytes, value).expect("a state can be serialized, and a count does not fail");
    bytes.0
}

/// Bytes of an entry in the document: key, quotes, colon and comma included.
pub(super) fn encoded_len(id: &str, e: &FindingRecord) -> usize {
    id.len() + 4 + json_len(e)
}

/// Counts the bytes that are written.
struct ByteCount(usize);

impl io::Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
