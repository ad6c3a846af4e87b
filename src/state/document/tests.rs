//! The document is read as it was written.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_severity_is_read_as_it_was_written(sev in prop_oneof![Just(5.55e80), 0.0..10.0, proptest::num::f64::NORMAL]) {
        let state = State { findings: [("f".to_owned(), FindingRecord { severity: sev, ..FindingRecord::default() })].into(), ..State::default() };
        prop_assert_eq!(State::parse(&state.to_json()).map(|s| s.findings["f"].severity).ok(), Some(sev));
    }
}

#[test]
fn sources_and_identities_are_written_as_they_were_read() {
    let keys = ["111122223333/*", "111122223333/eu-west-1", "a key of a newer release", "self/*"];
    let state = State { sources: keys.map(|key| (key.into(), SourceState::default())).into(), ..State::default() };
    let read = State::parse(&state.to_json()).unwrap();
    assert_eq!(read.to_json(), state.to_json());
    assert_eq!(read.sources.keys().map(SourceOrIdentity::to_string).collect::<Vec<_>>(), keys);
    assert_eq!(read.sources.keys().filter_map(SourceOrIdentity::as_source).count(), 1);
    assert_eq!(read.sources.keys().filter(|key| key.is_identity()).count(), 2);
}
