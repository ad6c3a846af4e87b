//! A saved state is either rejected with a hint, or parsed, serialized without changes and compacted to its limit.
#![no_main]

use std::collections::HashSet;
use std::time::Duration;

use guardduty_slack::state::{InFlight, State, StateError};
use guardduty_slack::time::Timestamp;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const OVERLAP: Duration = Duration::from_secs(900);

fuzz_target!(|input: (u16, &str)| {
    let (limit, text) = (usize::from(input.0), input.1);
    let before = match State::parse(text) {
        Ok(state) => state,
        Err(StateError::TooNew { found }) => return assert!(found > 1),
        Err(corrupt) => return assert!(corrupt.to_string().contains("restore a backup")),
    };
    let saved = before.to_json();
    let parsed = State::parse(&saved).expect("a saved state is valid");
    assert_eq!(parsed.to_json(), saved, "parsing and serializing changes nothing");

    let mut after = before.clone();
    // Half of the findings and of the sources are in flight.
    let in_flight = InFlight {
        ids: before.findings.keys().step_by(2).map(String::as_str).collect(),
        oldest_updated_at: before
            .sources
            .iter()
            .step_by(2)
            .filter_map(|(key, source)| Some((key.as_source()?, source.watermark.minus(OVERLAP / 2))))
            .collect(),
    };
    let min_bytes = before.min_bytes(limit, OVERLAP, &in_flight);
    assert!(min_bytes <= saved.len());
    let report = after.compact(limit, OVERLAP, &in_flight, NOW);
    assert_eq!(report.document, after.to_json());
    assert!(report.document.len() <= saved.len());
    let ids: HashSet<u32> = before.sources.values().map(|source| source.id).collect();
    for (key, source) in &after.sources {
        let previous = &before.sources[key];
        assert!(source.watermark == previous.watermark && source.floor >= previous.floor, "a time decreased: {key}");
        if source.floor > previous.floor {
            assert!(source.floor <= previous.watermark, "a floor is above its watermark: {key}");
            let oldest = key.as_source().and_then(|key| in_flight.oldest_updated_at.get(key));
            assert!(oldest.is_none_or(|oldest| source.floor <= *oldest), "a floor is above a pending finding: {key}");
        }
        // Findings belong to a source only if the IDs of sources are unique.
        let is_unique = ids.len() == before.sources.len();
        for (id, record) in before.findings.iter().filter(|(_, record)| is_unique && record.source_id == source.id) {
            let can_be_listed = record.updated_at.is_some_and(|time| time >= source.lower_bound(OVERLAP));
            assert!(!can_be_listed || after.findings.contains_key(id), "{id} can be listed and announced again");
        }
    }
});
