//! The names of kinds in the state.

use super::*;

#[test]
fn each_kind_is_written_and_read_by_its_name() {
    let text = r#"["suppression-rule","trusted-ip-list","trusted-entity-list","threat-ip-list","threat-entity-list","feature","member","destination"]"#;
    let kinds: Vec<WatchedKind> = serde_json::from_str(text).unwrap();
    assert_eq!(kinds, KNOWN);
    assert_eq!(serde_json::to_string(&kinds).unwrap(), text);
    assert!(kinds.iter().all(|kind| text.contains(&format!("\"{kind}\""))));
}

#[test]
fn a_kind_of_another_release_is_kept() {
    let kind: WatchedKind = serde_json::from_str(r#""later""#).unwrap();
    assert_eq!(kind, WatchedKind::Unknown("later".to_owned()));
    assert_eq!(serde_json::to_string(&kind).unwrap(), r#""later""#);
}
