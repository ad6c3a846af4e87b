//! Notices about changes of the watched configuration.

use std::collections::BTreeMap;

use super::lists::capitalized;
use super::parts::MOST_MEMBERS;
use super::*;
use crate::guardduty::{ConfigVersion, Uncovered};
use crate::state::SharedSets;

const KEY: &str = "111122223333/eu-west-1";
const EPOCH: NoticeEpoch = NoticeEpoch(Timestamp(1));

fn key() -> SourceKey {
    KEY.parse().expect("a key of a source")
}

fn row(subject: Subject) -> &'static Row {
    TABLE.iter().find(|row| row.subject == subject).expect("every subject has a row")
}

fn item(name: &str, active: bool, fingerprint: &str) -> (String, WatchedConfig) {
    let content = WatchedConfig { name: name.into(), active, fingerprint: fingerprint.into(), changed: None };
    (format!("id-{name}"), content)
}

/// Titles of the notices about what is observed.
fn observe(watched: &mut WatchBaseline, subject: Subject, items: &[(String, WatchedConfig)]) -> Vec<String> {
    let ids: Vec<String> = items.iter().map(|(id, _)| id.clone()).collect();
    titles(compare(&key(), row(subject), watched, &ids, items, EPOCH))
}

fn titles(notices: Vec<Notice>) -> Vec<String> {
    notices.into_iter().map(|notice| notice.title).collect()
}

fn nothing() -> Vec<String> {
    Vec::new()
}

#[test]
fn rules_and_trusted_lists_are_announced_when_they_appear_change_and_end() {
    for subject in [Subject::Filters, Subject::IpSets, Subject::TrustedEntitySets] {
        let (mut watched, name) = (WatchBaseline::default(), row(subject).name);
        let old = item("old", true, "1");
        assert_eq!(observe(&mut watched, subject, std::slice::from_ref(&old)), nothing(), "the first look");
        let both = [old.clone(), item("x", true, "1")];
        assert_eq!(observe(&mut watched, subject, &both), [format!("New {name} “x” in {KEY}")]);
        assert_eq!(observe(&mut watched, subject, &both), nothing());
        let changed = [old.clone(), item("x", true, "2")];
        assert_eq!(observe(&mut watched, subject, &changed), [format!("Changed {name} “x” in {KEY}")]);
        let inactive = [old.clone(), item("x", false, "3")];
        assert_eq!(
            observe(&mut watched, subject, &inactive),
            [format!("{} “x” in {KEY} is no longer active", capitalized(name))]
        );
        assert_eq!(observe(&mut watched, subject, &[old]), nothing());
        assert_eq!(
            observe(&mut watched, subject, &[]),
            [format!("{} “old” in {KEY} is no longer active", capitalized(name))]
        );
        assert_eq!(observe(&mut watched, subject, &[]), nothing());
    }
}

#[test]
fn an_item_that_hides_nothing_is_not_announced() {
    let mut watched = WatchBaseline::default();
    assert_eq!(observe(&mut watched, Subject::Filters, &[]), nothing());
    assert_eq!(observe(&mut watched, Subject::Filters, &[item("view", false, "1")]), nothing());
    assert_eq!(observe(&mut watched, Subject::Filters, &[item("view", false, "2")]), nothing());
    assert_eq!(observe(&mut watched, Subject::Filters, &[]), nothing());
}

#[test]
fn an_item_without_a_recorded_time_is_not_announced_as_changed() {
    let at = |time| {
        let (id, content) = item("x", true, "1");
        [(id, WatchedConfig { changed: Some(Timestamp(time)), ..content })]
    };
    let recorded = ConfigVersion { fingerprint: "1".into(), changed: None };
    let mut watched =
        WatchBaseline { filters: Some([("id-x".to_owned(), recorded)].into()), ..WatchBaseline::default() };
    assert_eq!(observe(&mut watched, Subject::Filters, &at(1_000)), nothing());
    assert_eq!(observe(&mut watched, Subject::Filters, &at(2_000)), [format!("Changed suppression rule “x” in {KEY}")]);
}

#[test]
fn threat_lists_are_announced_when_they_end_and_when_they_return() {
    for subject in [Subject::ThreatIntelSets, Subject::ThreatEntitySets] {
        let (mut watched, name) = (WatchBaseline::default(), row(subject).name);
        let (a, b) = (item("a", true, "1"), item("b", true, "1"));
        assert_eq!(observe(&mut watched, subject, &[a.clone(), b.clone()]), nothing(), "the first look");
        let lost = format!("{} “a” in {KEY} is no longer active", capitalized(name));
        assert_eq!(observe(&mut watched, subject, &[item("a", false, "1"), b.clone()]), std::slice::from_ref(&lost));
        assert_eq!(observe(&mut watched, subject, std::slice::from_ref(&b)), nothing());
        let again = [("other-id".to_owned(), a.1.clone()), b.clone()];
        assert_eq!(
            observe(&mut watched, subject, &again),
            [format!("{} “a” in {KEY} is active again", capitalized(name))]
        );
        assert_eq!(observe(&mut watched, subject, &[b]), [lost]);
    }
}

fn features(of: &[(&str, bool)]) -> BTreeMap<String, bool> {
    of.iter().map(|(name, is_enabled)| ((*name).to_owned(), *is_enabled)).collect()
}

#[test]
fn features_are_announced_when_they_are_disabled_and_enabled_again() {
    let (mut watched, mut sets) = (WatchBaseline::default(), SharedSets::default());
    let mut seen =
        |of: &[(&str, bool)]| titles(compare_features(&key(), &mut watched, &mut sets, &features(of), EPOCH));
    assert_eq!(seen(&[("S3", true), ("RDS", false), ("RUNTIME", true), ("RUNTIME/EKS", true)]), nothing());
    let off = format!("Protection plan “S3” in {KEY} was disabled");
    assert_eq!(seen(&[("S3", false), ("RDS", false), ("RUNTIME", true), ("RUNTIME/EKS", true)]), [off]);
    assert_eq!(seen(&[("S3", false), ("RDS", false)]), nothing(), "missing in the answer");
    let on = format!("Protection plan “S3” in {KEY} is active again");
    assert_eq!(seen(&[("S3", true), ("RDS", true), ("RUNTIME", true), ("RUNTIME/EKS", true)]), [on]);
    let off = format!("Protection plan “RUNTIME” in {KEY} was disabled");
    assert_eq!(seen(&[("S3", true), ("RUNTIME", false), ("RUNTIME/EKS", false)]), [off]);
    let on = format!("Protection plan “RUNTIME” in {KEY} is active again");
    assert_eq!(seen(&[("S3", true), ("RUNTIME", true), ("RUNTIME/EKS", true)]), [on]);
    let off = format!("Protection plan “RUNTIME/EKS” in {KEY} was disabled");
    assert_eq!(seen(&[("S3", true), ("RUNTIME", true), ("RUNTIME/EKS", false)]), [off]);
}

#[test]
fn members_are_announced_when_they_are_lost_and_when_they_return() {
    let (mut watched, mut sets) = (WatchBaseline::default(), SharedSets::default());
    let mut seen = |of: &[(&str, &str)]| {
        let members = of.iter().map(|(account, status)| ((*account).to_owned(), (*status).to_owned())).collect();
        titles(compare_members(&key(), &mut watched, &mut sets, &members, EPOCH))
    };
    let lost = |what| format!("Member account “444455556666” in {KEY} is no longer monitored: {what}");
    let again = format!("Member account “444455556666” in {KEY} is active again");
    assert_eq!(seen(&[("444455556666", "Enabled"), ("777788889999", "Invited")]), nothing());
    assert_eq!(seen(&[("444455556666", "Disabled")]), [lost("disabled")]);
    assert_eq!(seen(&[("444455556666", "Enabled")]), std::slice::from_ref(&again));
    assert_eq!(seen(&[]), [lost("removed")]);
    assert_eq!(seen(&[("444455556666", "Enabled")]), [again]);
}

#[test]
fn more_members_than_are_recorded_announce_no_false_change() {
    let (mut watched, mut sets) = (WatchBaseline::default(), SharedSets::default());
    let members = |from: u64| (from..from + 600).map(|n| (format!("{n:012}"), "Enabled".to_owned())).collect();
    for _ in 0..2 {
        assert_eq!(titles(compare_members(&key(), &mut watched, &mut sets, &members(1_000), EPOCH)), nothing());
    }
    let mut more: BTreeMap<String, String> = members(1_000);
    more.extend(members(0));
    assert_eq!(titles(compare_members(&key(), &mut watched, &mut sets, &more, EPOCH)), nothing());
    assert_eq!(sets.get(watched.members.as_ref()).map(BTreeSet::len), Some(MOST_MEMBERS));
}

fn uncovered_resources(of: &[(&str, &str, &str)]) -> Vec<Uncovered> {
    let resource = |(resource_type, id, reason): &(&str, &str, &str)| Uncovered {
        resource_type: (*resource_type).to_owned(),
        id: Some((*id).to_owned()),
        reason: Some((*reason).to_owned()),
    };
    of.iter().map(resource).collect()
}

#[test]
fn coverage_is_announced_once_with_counts_and_the_most_frequent_reason() {
    let mut watched = WatchBaseline::default();
    let mut seen = |of: &[(&str, &str, &str)]| compare_coverage(&key(), &mut watched, &uncovered_resources(of), EPOCH);
    assert!(seen(&[("EKS", "a", "No pods")]).is_empty(), "the first look");
    let more = [("EKS", "a", "No pods"), ("EC2", "b", "Agent stopped"), ("EC2", "c", "Agent stopped")];
    let notices = seen(&more);
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].title, format!("Unhealthy runtime coverage in {KEY}: 2 EC2, 1 EKS"));
    assert!(notices[0].lines.iter().any(|line| line == "Most frequent reason (2): Agent stopped"));
    assert!(seen(&more).is_empty());
    let other = [("EKS", "x", "No pods"), ("EC2", "b", "Agent stopped")];
    assert_eq!(seen(&other).len(), 1, "another cluster became unhealthy");
    assert_eq!(titles(seen(&[])), [format!("Runtime coverage in {KEY} is healthy again: EC2, EKS")]);
    assert!(seen(&[]).is_empty());
}

#[test]
fn many_unhealthy_resources_are_compared_by_their_number() {
    let mut watched = WatchBaseline::default();
    let of = |count: usize| {
        let resource = |n| Uncovered { resource_type: "EC2".into(), id: Some(format!("i-{n}")), reason: None };
        (0..count).map(resource).collect::<Vec<Uncovered>>()
    };
    assert!(compare_coverage(&key(), &mut watched, &of(300), EPOCH).is_empty());
    assert!(compare_coverage(&key(), &mut watched, &of(290), EPOCH).is_empty());
    assert_eq!(compare_coverage(&key(), &mut watched, &of(291), EPOCH).len(), 1);
}

#[test]
fn recorded_filters_are_not_new_and_unknown_fields_are_kept() {
    let json = r#"{"filters":{"id-x":{"fingerprint":"1"}},"compared_at":"2026-01-01T00:00:00.000Z","later":{"a":1}}"#;
    let mut watched: WatchBaseline = serde_json::from_str(json).expect("readable");
    assert_eq!(observe(&mut watched, Subject::Filters, &[item("x", true, "1")]), nothing());
    assert!(serde_json::to_string(&watched).expect("writable").contains(r#""later":{"a":1}"#));
}

#[test]
fn resources_without_an_id_are_compared_by_their_number() {
    let resource =
        |id: Option<&str>| Uncovered { resource_type: "EC2".into(), id: id.map(str::to_owned), reason: None };
    let mut watched = WatchBaseline::default();
    let mut seen = |found: &[Uncovered]| compare_coverage(&key(), &mut watched, found, EPOCH).len();
    assert_eq!(seen(&[resource(Some("a")), resource(None)]), 0, "the first comparison");
    assert_eq!(seen(&[resource(Some("b")), resource(None)]), 0, "the same number");
    assert_eq!(seen(&[resource(Some("b")), resource(None), resource(None)]), 1);
}
