//! What the state knows of the watched configuration and of investigations.

use super::*;
use crate::state::SourceState;

const KIND: WatchedKind = WatchedKind::SuppressionRule;

fn key() -> SourceKey {
    "111122223333/eu-west-1".parse().expect("a key of a source")
}

/// A state with a source and this finding.
fn state_with(id: &str) -> State {
    let mut state = State::default();
    let watch_baseline = Some(WatchBaseline::default());
    state.sources.insert(key().into(), SourceState { watch_baseline, ..SourceState::default() });
    state.findings.insert(id.to_owned(), FindingRecord::default());
    state
}

#[test]
fn an_item_is_active_until_it_is_inactive() {
    let mut watched = WatchBaseline::default();
    assert_eq!(watched.set_inactive(&KIND, "a"), None);
    assert_eq!(watched.set_active(&KIND, "a", "one"), None);
    assert_eq!(watched.set_active(&KIND, "a", "renamed").as_deref(), Some("one"));
    watched.set_active(&KIND, "b", "two");
    assert_eq!(watched.set_inactive(&KIND, "b").as_deref(), Some("two"));
    assert_eq!(watched.active[&KIND], [("a".to_owned(), "renamed".to_owned())].into(), "the others stay active");
    assert_eq!(watched.set_inactive(&KIND, "a").as_deref(), Some("renamed"));
    assert_eq!(watched, WatchBaseline::default(), "a kind without items is not recorded");
}

#[test]
fn a_loss_is_recorded_until_the_item_is_back() {
    let mut watched = WatchBaseline::default();
    watched.set_lost(&KIND, "one");
    watched.set_lost(&KIND, "two");
    assert!(!watched.take_lost(&KIND, "other") && !watched.take_lost(&WatchedKind::Member, "one"));
    assert!(watched.take_lost(&KIND, "one") && !watched.take_lost(&KIND, "one"));
    assert!(watched.take_all_lost(&KIND) && !watched.take_all_lost(&KIND));
    assert_eq!(watched, WatchBaseline::default());
}

#[test]
fn the_number_of_recorded_losses_is_limited() {
    let mut watched = WatchBaseline::default();
    for n in 0..=MAX_LOST {
        let kind = if n % 2 == 0 { KIND } else { WatchedKind::Member };
        watched.set_lost(&kind, &n.to_string());
    }
    assert_eq!(watched.lost.values().map(BTreeSet::len).sum::<usize>(), MAX_LOST);
}

#[test]
fn the_result_of_an_investigation_is_noted_once() {
    let mut state = state_with("f");
    assert!(!state.findings["f"].has_investigation("i"));
    for _ in 0..2 {
        state.set_investigated("f", "i");
    }
    assert!(state.findings["f"].has_investigation("i") && !state.findings["f"].has_investigation("j"));
    assert_eq!(state.findings["f"].investigations.len(), 1);
    state.set_investigated("of no known finding", "i");
    assert_eq!(state.findings.len(), 1);
}

#[test]
fn the_newest_investigations_of_a_finding_are_kept() {
    let mut state = state_with("f");
    for n in 0..=MAX_INVESTIGATIONS {
        state.set_investigated("f", &n.to_string());
    }
    let record = &state.findings["f"];
    assert_eq!(record.investigations.len(), MAX_INVESTIGATIONS);
    assert!(!record.has_investigation("0") && record.has_investigation("1"));
    assert!(record.has_investigation(&MAX_INVESTIGATIONS.to_string()));
}

#[test]
fn whether_investigations_can_be_listed_is_noted_when_it_changes() {
    let mut state = state_with("f");
    for (can_be_listed, has_changed) in [(true, false), (false, true), (false, false), (true, true), (true, false)] {
        assert_eq!(state.note_investigations(&key(), can_be_listed), has_changed, "{can_be_listed}");
    }
    let unknown = "111122223333/us-east-1".parse().expect("a key of a source");
    assert!(state.note_investigations(&unknown, true), "nothing is noted of a source that is not watched yet");
}

#[test]
fn a_count_of_zero_scans_is_not_written() {
    assert_eq!(serde_json::to_string(&Scans::default()).unwrap(), "{}");
    let scans = Scans { failed: 1, skipped: 2, ..Scans::default() };
    assert_eq!(serde_json::to_string(&scans).unwrap(), r#"{"failed":1,"skipped":2}"#);
}

#[test]
fn the_document_distinguishes_what_was_never_read_from_what_was_read_and_is_empty() {
    let never = WatchBaseline::default();
    let empty = WatchBaseline {
        filters: Some(Versions::new()),
        ip_sets: Some(Versions::new()),
        trusted_entity_sets: Some(Versions::new()),
        threat_intel_sets: Some(Names::new()),
        threat_entity_sets: Some(Names::new()),
        coverage: Some(BTreeMap::new()),
        destinations: Some(BTreeMap::new()),
        scans: Some(Scans::default()),
        ..WatchBaseline::default()
    };
    let denied = WatchBaseline { ip_sets: None, ..empty.clone() };
    for (baseline, text) in [
        (empty, "{}"),
        (denied, r#"{"ip_sets":null}"#),
        (
            never,
            r#"{"filters":null,"ip_sets":null,"trusted_entity_sets":null,"threat_intel_sets":null,"threat_entity_sets":null,"coverage":null,"destinations":null,"scans":null}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&baseline).unwrap(), text);
        assert_eq!(serde_json::from_str::<WatchBaseline>(text).unwrap(), baseline);
    }
}
