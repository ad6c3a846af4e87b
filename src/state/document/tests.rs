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

#[test]
fn a_document_of_another_version_is_refused_for_its_reason() {
    let refused = |text: &str| State::parse(text).expect_err("refused").to_string();
    let newer = format!(r#"{{"version": {}, "sources": 5}}"#, VERSION + 1);
    assert!(refused(&newer).starts_with("state has version"), "{}", refused(&newer));
    for text in [r#"{"version": 0}"#, r#"{"version": "3"}"#, "{}", "[]", "", "null"] {
        assert!(refused(text).starts_with("state is corrupt"), "{text}");
    }
}

#[test]
fn nothing_is_written_of_what_is_as_usual() {
    let source = SourceState::default();
    assert_eq!(
        serde_json::to_string(&source).unwrap(),
        r#"{"id":0,"watermark":"1970-01-01T00:00:00.000Z","floor":"1970-01-01T00:00:00.000Z"}"#
    );
    let disabled = SourceState { detector_status: crate::state::DetectorStatus::Disabled, ..source };
    assert!(serde_json::to_string(&disabled).unwrap().contains(r#""detector_status":"disabled""#));
    assert!(!State::default().to_json().contains("triage"));
    let mut state = State::default();
    state.note_reactions_read_to("f");
    assert_eq!(State::parse(&state.to_json()).unwrap().triage.read_to.as_deref(), Some("f"));
}

#[test]
fn a_time_that_is_set_returns_the_one_before() {
    let time = Some(Timestamp(5));
    let mut state = State::default();
    assert_eq!((state.set_saved(time), state.set_saved(None)), (None, time));
    assert_eq!((state.set_last_success(time), state.set_last_success(None)), (None, time));
}
