//! The attributes of a finding, and the format of its record.

use super::*;
use crate::state::State;

#[test]
fn newest_attributes_and_announced_counts_are_recorded() {
    let mut entry = FindingRecord::default();
    let names = |r: std::ops::Range<usize>| r.map(|i| Attribute::from(format!("ip 10.0.0.{i}"))).collect::<Vec<_>>();
    entry.add_attributes(&names(0..10));
    entry.notified_attributes = 10;
    entry.add_attributes(&names(5..20));
    assert_eq!((entry.attributes.len(), entry.notified_attributes), (MAX_ATTRIBUTES, 6));
    assert_eq!(entry.attributes, names(4..20));
}

#[test]
fn a_failing_finding_without_a_time_is_not_processed_after_a_restart() {
    let mut state = State::default();
    state.mark_failing("no-time", 0, Timestamp(5));
    state.mark_processed_by_id("no-time-processed", Timestamp(0), 0);
    assert_eq!(state.findings["no-time"].updated_at, None);
    let read = State::parse(&state.to_json()).unwrap();
    assert_eq!(read.findings, state.findings);
    assert!(!read.is_processed("no-time", Timestamp(0)));
    assert!(read.is_processed("no-time-processed", Timestamp(0)));
}

#[test]
fn messages_of_bots_and_webhooks_are_written_as_they_were_read() {
    let records = [
        r#"{"u":1,"msg":{"c":"C1","t":"1.5"},"superseded":{"c":"C2","t":"1.1","h":"1.0"}}"#,
        r#"{"u":1,"msg":{"c":"SLACK_WEBHOOK_URL"}}"#,
    ];
    let records = records.map(|text| (text, serde_json::from_str::<FindingRecord>(text).unwrap()));
    for (text, record) in &records {
        assert_eq!(serde_json::to_string(record).unwrap(), *text);
    }
    assert!(records[0].1.bot_message().is_some() && records[1].1.bot_message().is_none());
}
