//! A state as it may be found: refused with a mend, or understood, written as it was, and kept within a bound.
#![no_main]

use std::collections::HashSet;
use std::time::Duration;

use guardduty_slack::state::{InHand, State, Unusable};
use guardduty_slack::time::Millis;
use libfuzzer_sys::fuzz_target;

const NOW: Millis = Millis(1_800_000_000_000);
const OVERLAP: Duration = Duration::from_secs(900);

fuzz_target!(|input: (u16, &str)| {
    let (bound, text) = (usize::from(input.0), input.1);
    let before = match State::parse(text) {
        Ok(state) => state,
        Err(Unusable::Newer { found }) => return assert!(found > 1),
        Err(damaged) => return assert!(damaged.to_string().contains("restore it")),
    };
    let written = before.encode();
    let again = State::parse(&written).expect("what was written is read");
    assert_eq!(again.encode(), written, "to read and to write changes nothing");

    let mut after = before.clone();
    // Half of the findings and of the sources are in hand.
    let in_hand = InHand {
        ids: before.findings.keys().step_by(2).map(String::as_str).collect(),
        oldest: before
            .sources
            .iter()
            .step_by(2)
            .map(|(key, s)| (key.as_str(), s.watermark.minus(OVERLAP / 2)))
            .collect(),
    };
    let unforgettable = before.unforgettable(OVERLAP, &in_hand);
    assert!(unforgettable <= written.len());
    let forgotten = after.forget(bound, OVERLAP, &in_hand, NOW);
    assert_eq!(forgotten.bytes, after.encode().len());
    assert!(forgotten.bytes <= written.len());
    let numbers: HashSet<u32> = before.sources.values().map(|s| s.n).collect();
    for (key, source) in &after.sources {
        let was = &before.sources[key];
        assert!(source.watermark == was.watermark && source.floor >= was.floor, "a bound moved back: {key}");
        if source.floor > was.floor {
            assert!(source.floor <= was.watermark, "a floor above its watermark: {key}");
            assert!(
                in_hand.oldest.get(key.as_str()).is_none_or(|u| source.floor <= *u),
                "a floor above what is not settled: {key}"
            );
        }
        // Each source has a number of its own, or nothing can be told by it.
        for (id, e) in before.findings.iter().filter(|(_, e)| numbers.len() == before.sources.len() && e.s == source.n)
        {
            let listable = e.u >= source.lower(OVERLAP);
            assert!(!listable || after.findings.contains_key(id), "{id} can be listed again, and would be said twice");
        }
    }
});
