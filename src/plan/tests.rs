//! The decisions about findings.

mod batches;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::finding::{self, Finding, Origin};
use crate::slack::{MessageRef, SentMessage, WebhookMessage};
use crate::state::{FindingRecord, Outcome, SourceState, State};
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const ACCOUNT: &str = "111122223333";

fn config(more: &[(&str, &str)]) -> Config {
    let base = [("SLACK_BOT_TOKEN", "xoxb-1"), ("SLACK_CHANNEL", "C0SECURITY")];
    let vars =
        base.iter().filter(|(k, _)| !more.iter().any(|(m, _)| *m == "SLACK_WEBHOOK_URL") || !k.starts_with("SLACK"));
    Config::from_env(vars.chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), false).unwrap()
}

/// An IAM user's finding, updated `ago` seconds before now.
fn finding(id: &str, severity: f64, ago: u64) -> Finding {
    seen_in("eu-west-1", id, severity, ago, "198.51.100.7")
}

fn seen_in(region: &str, id: &str, severity: f64, ago: u64, ip: &str) -> Finding {
    let raw = serde_json::json!({
        "id": id, "accountId": ACCOUNT, "region": region, "type": "UnauthorizedAccess:IAMUser/TorIPCaller", "severity": severity,
        "createdAt": NOW.to_rfc3339(), "updatedAt": NOW.minus(Duration::from_secs(ago)).to_rfc3339(),
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": {"userName": "deploy-bot", "principalId": "AIDA1"}},
        "service": {"count": 1_000 - ago.min(999), "action": {"actionType": "AWS_API_CALL",
            "awsApiCallAction": {"api": "ListBuckets", "remoteIpDetails": {"ipAddressV4": ip}}}},
    });
    let origin = Origin { account: ACCOUNT.into(), region: region.into(), detector: "d".into() };
    finding::decode(&raw.to_string(), &Arc::new(origin)).unwrap()
}

fn at(channel: &str) -> MessageRef {
    MessageRef { channel: channel.into(), ts: "1799999000.000100".into(), thread_ts: None }
}

/// A state in which the finding was delivered `ago` seconds before now.
fn state_with_delivered(f: &Finding, ago: u64) -> State {
    let mut state = State::default();
    for (n, region) in ["eu-west-1", "us-east-1"].into_iter().enumerate() {
        let source = SourceState { id: u32::try_from(n).unwrap(), ..SourceState::default() };
        state.sources.insert(format!("{ACCOUNT}/{region}").into(), source);
    }
    let posted =
        Outcome::Posted { at: at("C0SECURITY").into(), intended_channel: None, superseded: None, links: String::new() };
    state.mark_processed(f, 0, "C0SECURITY", &posted, NOW.minus(Duration::from_secs(ago)));
    state
}

fn changes_of(decision: &Decision) -> Option<&Changes> {
    match decision {
        Decision::Update(update) => update.reply.as_ref().map(|reply| match &reply.subject {
            ReplySubject::Changes(changes) => changes,
            other => panic!("a decision is about changes: {other:?}"),
        }),
        other => panic!("wanted an update: {other:?}"),
    }
}

#[test]
fn delivered_revision_is_recognized_and_a_later_one_is_new() {
    let f = finding("f", 5.0, 100);
    let state = state_with_delivered(&f, 90);
    assert_eq!(decide(&state, &config(&[]), &f, NOW), Decision::AlreadyProcessed);
    assert_ne!(decide(&state, &config(&[]), &finding("f", 6.0, 50), NOW), Decision::AlreadyProcessed);
}

#[test]
fn recurrence_without_severity_increase_updates_without_a_reply() {
    let state = state_with_delivered(&finding("f", 5.0, 100), 90);
    let decision = decide(&state, &config(&[]), &finding("f", 6.0, 50), NOW);
    assert_eq!(changes_of(&decision), None);
}

#[test]
fn severity_increase_is_posted_in_the_thread_immediately() {
    let state = state_with_delivered(&finding("f", 5.0, 100), 90);
    let decision = decide(&state, &config(&[]), &finding("f", 8.0, 50), NOW);
    assert_eq!(changes_of(&decision).and_then(|reply| reply.previous_severity), Some(5.0));
}

#[test]
fn reply_after_the_reminder_interval_lists_changes_since_the_last_reply() {
    let state = state_with_delivered(&finding("f", 5.0, 100_000), 90_000);
    let again = seen_in("eu-west-1", "f", 5.0, 50, "203.0.113.9");
    let decision = decide(&state, &config(&[]), &again, NOW);
    let reply = changes_of(&decision).unwrap();
    assert_eq!((reply.previous_severity, reply.new_attributes.as_slice()), (None, &["ip 203.0.113.9".into()][..]));
    assert_eq!(reply.previous_count, Some(1));
}

#[test]
fn a_recurrence_that_brings_only_time_and_count_is_worth_one_edit_an_hour() {
    let again = finding("f", 5.0, 50);
    let young = state_with_delivered(&finding("f", 5.0, 100), 90);
    let decision = decide(&young, &config(&[]), &again, NOW);
    assert_eq!(decision, Decision::Skip(Outcome::Coalesced, SkipReason::NoNewInformation));
    let old = state_with_delivered(&finding("f", 5.0, 4_000), 3_700);
    assert_eq!(changes_of(&decide(&old, &config(&[]), &again, NOW)), None);
}

#[test]
fn rerouted_finding_is_posted_in_the_new_channel_and_the_old_message_is_recorded() {
    let routes = r#"[{"match": {"severity": ">=7"}, "channel": "C0CRITICAL"}]"#;
    let state = state_with_delivered(&finding("f", 5.0, 100), 90);
    match decide(&state, &config(&[("SLACK_ROUTES", routes)]), &finding("f", 8.0, 50), NOW) {
        Decision::Post(post) => assert_eq!((post.to.name(), post.superseded), ("C0CRITICAL", Some(at("C0SECURITY")))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn message_in_the_default_channel_is_updated_there() {
    let routes = r#"[{"match": {"severity": ">=1"}, "channel": "C0OUTSIDE"}]"#;
    let mut state = state_with_delivered(&finding("f", 5.0, 100), 90);
    state.findings.entry("f".into()).and_modify(|e| e.intended_channel = Some("C0OUTSIDE".into()));
    let decision = decide(&state, &config(&[("SLACK_ROUTES", routes)]), &finding("f", 6.0, 50), NOW);
    assert!(matches!(decision, Decision::Update(_)), "{decision:?}");
}

#[test]
fn a_digested_finding_that_recurs_counts_as_a_first_sighting() {
    let f = finding("f", 5.0, 100);
    let mut state = State::default();
    state.mark_processed(&f, 0, "C0SECURITY", &Outcome::Digested, NOW);
    let decision = decide(&state, &config(&[("SLACK_RECURRENCE", "ignore")]), &finding("f", 5.0, 50), NOW);
    assert!(matches!(decision, Decision::Post(_)), "{decision:?}");
}

#[test]
fn a_finding_whose_severity_and_type_cannot_be_read_is_not_filtered() {
    let routes = r#"[{"match": {"severity": "<4"}, "drop": true}]"#;
    let config =
        config(&[("GUARDDUTY_MIN_SEVERITY", "high"), ("GUARDDUTY_INCLUDE_TYPES", "Recon:*"), ("SLACK_ROUTES", routes)]);
    let origin = Origin { account: ACCOUNT.into(), region: "eu-west-1".into(), detector: "d".into() };
    let odd =
        r#"{"id": "f", "severity": "odd", "type": {"odd": 1}, "title": "t", "updatedAt": "2026-01-01T00:00:00Z"}"#;
    let odd = finding::decode(odd, &Arc::new(origin)).unwrap();
    assert!(matches!(decide(&State::default(), &config, &odd, NOW), Decision::Post(_)));
}

#[test]
fn a_finding_that_rises_to_the_minimum_is_a_first_sighting_then() {
    let config = config(&[("GUARDDUTY_MIN_SEVERITY", "high")]);
    let (low, high) = (finding("f", 5.0, 100), finding("f", 8.0, 50));
    let mut state = State::default();
    let decision = decide(&state, &config, &low, NOW);
    assert_eq!(decision, Decision::Skip(Outcome::Dropped, SkipReason::BelowMinSeverity));
    state.mark_processed(&low, 0, "C0SECURITY", &Outcome::Dropped, NOW);
    assert!(matches!(decide(&state, &config, &high, NOW), Decision::Post(_)));
}

#[test]
fn global_finding_of_another_region_is_posted_in_the_first_thread() {
    let state = state_with_delivered(&finding("f", 5.0, 100), 90);
    match decide(&state, &config(&[]), &seen_in("us-east-1", "g", 5.0, 50, "198.51.100.7"), NOW) {
        Decision::Post(post) => assert_eq!(post.reply_to, Some(at("C0SECURITY"))),
        other => panic!("{other:?}"),
    }
    match decide(&state, &config(&[]), &finding("h", 5.0, 50), NOW) {
        Decision::Post(post) => assert_eq!(post.reply_to, None, "the same region is not another one"),
        other => panic!("{other:?}"),
    }
    let mut archived = state.clone();
    archived.findings.entry("f".into()).and_modify(|e| e.archived = true);
    match decide(&archived, &config(&[]), &seen_in("us-east-1", "g", 5.0, 50, "198.51.100.7"), NOW) {
        Decision::Post(post) => assert_eq!((post.reply_to, post.candidate_threads), (None, vec![at("C0SECURITY")])),
        other => panic!("{other:?}"),
    }
}

#[test]
fn webhook_posts_again_only_on_a_severity_increase() {
    let config = config(&[("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/x")]);
    let mut state = state_with_delivered(&finding("f", 5.0, 100), 90);
    let hook = SentMessage::Webhook(WebhookMessage { variable: "SLACK_WEBHOOK_URL".into() });
    state.findings.entry("f".into()).and_modify(|e| e.message = Some(hook));
    let within = decide(&state, &config, &finding("f", 6.0, 50), NOW);
    assert_eq!(within, Decision::Skip(Outcome::Coalesced, SkipReason::WebhookCannotEdit));
    assert!(matches!(decide(&state, &config, &finding("f", 8.0, 50), NOW), Decision::Post(_)));
}

#[test]
fn the_entry_of_a_live_message_stays_small() {
    let state = state_with_delivered(&finding("0123456789abcdef0123456789abcdef", 5.0, 100), 90);
    let entry: &FindingRecord = state.findings.values().next().unwrap();
    let bytes = serde_json::to_string(entry).unwrap().len();
    assert!(bytes < 300, "{bytes} bytes");
}
