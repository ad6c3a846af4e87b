//! What is requested of each source, and what is known of its progress.

use std::sync::Arc;

use super::*;
use crate::finding::{Origin, decode};
use crate::guardduty::ConfigVersion;
use crate::slack::MessageRef;
use crate::state::{FindingRecord, WatchBaseline};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn config() -> Config {
    let vars = [("SLACK_BOT_TOKEN", "xoxb-1"), ("SLACK_CHANNEL", "C0SECURITY")];
    Config::from_env(vars.map(|(k, v)| (k.to_owned(), v.to_owned())), false).unwrap()
}

fn key(region: &str) -> SourceKey {
    SourceKey { account: "111122223333".into(), region: region.into() }
}

fn request(sources: &mut Sources, region: &str, state: &State) -> Option<SourceRequest> {
    sources.first_request(key(region), state, &Rc::new(Capacity::new(9)), &Rc::default(), NOW)
}

fn finding(id: &str, region: &str) -> Rc<Finding> {
    let origin = Origin { account: "111122223333".into(), region: region.into(), detector: "d".into() };
    let raw =
        serde_json::json!({"id": id, "type": "Recon:EC2/Portscan", "severity": 5.0, "updatedAt": NOW.to_rfc3339()});
    Rc::new(decode(&raw.to_string(), &Arc::new(origin)).unwrap())
}

fn report(region: &str, fresh: &[&str], missing: &[&str]) -> SourceReport {
    let mut report = SourceReport::of(key(region), Ok(Some(format!("d-{region}"))), true);
    report.batch.new_findings = fresh.iter().map(|id| finding(id, region)).collect();
    report.batch.unfetched = missing.iter().map(|id| (*id).to_owned()).collect();
    report
}

/// Sources 1 and 2, of which the first one was read and the second one was not.
fn sources<'a>(config: &'a Config, first: &mut SourceReport) -> Sources<'a> {
    let mut sources = Sources::new(config, 1, NOW);
    for (id, region) in [(1, "eu-west-1"), (2, "us-east-1")] {
        request(&mut sources, region, &State::default()).unwrap();
        sources.tracks.get_mut(&key(region)).unwrap().source_id = id;
    }
    sources.record(first, NOW);
    sources
}

fn with_message(source_id: u32, ts: &str) -> FindingRecord {
    let at = MessageRef { channel: "C0SECURITY".into(), ts: ts.into(), thread_ts: None };
    FindingRecord { source_id, message: Some(at.into()), ..FindingRecord::default() }
}

#[test]
fn a_finding_is_pending_once_whether_it_was_fetched_or_not_until_it_is_processed() {
    let config = config();
    let mut sources = sources(&config, &mut report("eu-west-1", &["a", "b"], &["b", "c"]));
    assert_eq!(sources.tracks[&key("eu-west-1")].pending(), 3);
    assert_eq!(sources.tracks[&key("us-east-1")].pending(), 0);
    assert_eq!(sources.announceable(), 2, "those that can be announced");
    let updated = finding("a", "eu-west-1").updated;
    sources.set_processed("a", Timestamp(updated.0 - 1));
    assert_eq!(sources.in_flight().ids, ["a", "b"].into(), "an earlier revision was processed");
    sources.set_processed("a", updated);
    sources.set_processed("c", updated);
    assert_eq!(sources.tracks[&key("eu-west-1")].pending(), 1);
    assert_eq!(sources.in_flight().ids, ["b"].into());
}

#[test]
fn a_finding_that_no_list_showed_is_pending_for_its_source() {
    let config = config();
    let mut sources = sources(&config, &mut report("eu-west-1", &["a"], &[]));
    sources.add_pending(&[finding("a", "eu-west-1"), finding("b", "us-east-1"), finding("c", "ap-south-1")]);
    assert_eq!(sources.announceable(), 2);
    let in_flight = sources.in_flight();
    assert_eq!(in_flight.ids, ["a", "b"].into());
    assert_eq!(in_flight.oldest_updated_at.len(), 2);
    assert!(in_flight.oldest_updated_at.values().all(|oldest| *oldest == NOW));
}

#[test]
fn the_detector_of_a_source_is_known_once_it_was_read() {
    let config = config();
    let sources = sources(&config, &mut report("eu-west-1", &[], &[]));
    let id = |detector: Option<DetectorRef>| detector.map(|detector| detector.id);
    assert_eq!(id(sources.detector(1)).as_deref(), Some("d-eu-west-1"));
    assert_eq!(id(sources.detector_of(&key("eu-west-1"))).as_deref(), Some("d-eu-west-1"));
    assert_eq!(id(sources.detector(2)), None, "not read");
    assert_eq!(id(sources.detector(3)), None, "not a source");
    assert_eq!(id(sources.detector_of(&key("us-east-1"))), None);
    let all: Vec<String> = sources.detectors().into_iter().map(|detector| detector.id).collect();
    assert_eq!(all, ["d-eu-west-1"]);
    assert_eq!(sources.source_ids(), [(key("eu-west-1"), 1), (key("us-east-1"), 2)].into());
}

#[test]
fn contents_that_are_known_are_read_again_when_all_is_compared() {
    let config = config();
    let version = ConfigVersion { fingerprint: "v".into(), changed: None };
    for (compared_at, is_due) in
        [(None, true), (Some(NOW), false), (Some(NOW.minus(std::time::Duration::from_hours(2))), true)]
    {
        let filters = Some([("rule".to_owned(), version.clone())].into());
        let baseline = WatchBaseline { filters, compared_at, ..WatchBaseline::default() };
        let mut state = State::default();
        state.source_or_insert(&key("eu-west-1").into(), NOW).0.watch_baseline = Some(baseline);
        let watched = request(&mut Sources::new(&config, 1, NOW), "eu-west-1", &state).unwrap().extras.watched;
        assert_eq!(watched.all, is_due, "{compared_at:?}");
        let known = watched.known.get(&Subject::Filters).cloned();
        assert_eq!(known, (!is_due).then(|| vec!["rule".to_owned()]), "{compared_at:?}");
    }
}

#[test]
fn findings_with_messages_of_the_source_are_looked_up_in_turn() {
    let config = config();
    let mut state = State::default();
    let id = state.source_or_insert(&key("eu-west-1").into(), NOW).0.id;
    for (n, name) in ["a", "b", "c"].into_iter().enumerate() {
        state.findings.insert(name.to_owned(), with_message(id, &format!("{n}.1")));
    }
    state.findings.insert("of another source".to_owned(), with_message(id + 1, "7.1"));
    state.findings.insert("without a message".to_owned(), FindingRecord { source_id: id, ..FindingRecord::default() });
    for (cursor, expected) in [(None, ["a", "b", "c"]), (Some("a"), ["b", "c", "a"]), (Some("c"), ["a", "b", "c"])] {
        state.source_mut(&key("eu-west-1")).unwrap().archive_cursor = cursor.map(str::to_owned);
        let lookups = request(&mut Sources::new(&config, 1, NOW), "eu-west-1", &state).unwrap().extras.lookups;
        assert_eq!(lookups, expected, "after {cursor:?}");
    }
    let lookups = request(&mut Sources::new(&config, 1, NOW), "us-east-1", &state).unwrap().extras.lookups;
    assert!(lookups.is_empty(), "of a source that is new to the state");
}
