//! Findings whose messages are in another channel, and channels whose ID is not known.

use super::support::announced;
use super::*;
use crate::slack::{Target, Thread};
use crate::state::FindingRecord;

fn message(channel: &str, ts: &str) -> MessageRef {
    MessageRef { channel: channel.into(), ts: ts.into(), thread_ts: None }
}

fn record(at: &MessageRef) -> FindingRecord {
    FindingRecord { updated_at: Some(START), message: Some(at.clone().into()), ..announced() }
}

fn begin_recorded(config: &Config, record: FindingRecord) -> Run<'_> {
    let mut run = begin(config);
    run.core.state.findings.insert("f1".to_owned(), record);
    run
}

/// Slack accepts the edit that replaces the old message with a link to the new one.
fn redirect(run: &mut Run, old: &MessageRef) {
    let [(_, Call::Permalink { .. })] = &run.calls[..] else { panic!("{:?}", run.calls) };
    run.answer(CallResponse::Permalink(Some("https://slack.example/p1".into())));
    run.pass(Duration::from_secs(3));
    let [(_, Call::Update { at, .. })] = &run.calls[..] else { panic!("{:?}", run.calls) };
    assert_eq!(at, old);
    run.answer(CallResponse::Updated(Ok(())));
}

#[test]
fn the_old_message_of_a_finding_that_moved_to_another_channel_is_replaced_in_the_same_run() {
    let config = config(&[]);
    let old = message("C0OLD", "1.1");
    let mut run = begin_recorded(&config, record(&old));
    run.show(&["f1"]);
    run.answer_save(Ok(()));
    assert!(matches!(&run.calls[..], [(_, Call::Post { .. })]), "{:?}", run.calls);
    run.acknowledge();
    redirect(&mut run, &old);
    run.answer_save(Ok(()));
    assert!(run.core.is_finished() && run.core.is_success());
    assert!(run.core.state.findings["f1"].superseded.is_empty());
}

#[test]
fn an_old_message_that_an_earlier_run_left_is_replaced() {
    let config = config(&[]);
    let old = message("C0OLD", "1.1");
    let superseded = vec![old.clone()];
    let mut run = begin_recorded(&config, FindingRecord { superseded, ..record(&message("C0SECURITY", "2.1")) });
    run.show(&[]);
    run.answer_save(Ok(()));
    redirect(&mut run, &old);
    run.play_to_end(None);
    assert!(run.core.is_success());
    assert!(run.core.state.findings["f1"].superseded.is_empty());
}

#[test]
fn a_reply_goes_to_the_channel_of_the_message() {
    let routes = r#"[{"match": {"type": ["*"]}, "channel": "C0ROUTE"}]"#;
    let config = config(&[("SLACK_ROUTES", routes)]);
    let mut run = begin_recorded(&config, FindingRecord { severity: 2.0, ..record(&message("C0ROUTE", "1.1")) });
    run.show(&["f1"]);
    run.answer_save(Ok(()));
    run.answer(CallResponse::Updated(Ok(())));
    if let [(_, Call::Replies { .. })] = &run.calls[..] {
        run.answer(CallResponse::Messages(Ok(Vec::new())));
    }
    run.pass(Duration::from_secs(3));
    let [(_, Call::Post { to, thread, .. })] = &run.calls[..] else { panic!("{:?}", run.calls) };
    assert_eq!(*to, Target::Channel("C0ROUTE".into()));
    assert_eq!(*thread, Some(Thread { ts: "1.1".into(), is_broadcast: true }));
}

#[test]
fn the_id_of_a_channel_is_saved_before_a_second_message_goes_there() {
    let config = config(&[("SLACK_CHANNEL", "#security")]);
    let mut run = begin(&config);
    run.show(&["f1", "f2"]);
    run.answer_save(Ok(()));
    run.acknowledge();
    run.pass(Duration::from_secs(3));
    assert!(run.calls.is_empty());
    assert!(run.saves[0].document.contains(r##""#security":"C0SECURITY""##), "{}", run.saves[0].document);
    run.answer_save(Ok(()));
    run.pass(Duration::from_secs(3));
    assert!(matches!(&run.calls[..], [(_, Call::Post { .. })]), "{:?}", run.calls);
}

#[test]
fn what_a_digest_names_is_processed_once_it_is_posted() {
    let config = config(&[("SLACK_DIGEST_AFTER", "1")]);
    let mut run = begin(&config);
    run.show(&["f1", "f2", "f3"]);
    run.play_to_end(None);
    assert!(["f1", "f2", "f3"].iter().all(|id| run.core.state.is_processed(id, NOW)));
    assert!(run.core.state.digest_plans.is_empty());
    assert_eq!(run.core.report().delivered, 3);
    assert!(run.core.is_success());
}

#[test]
fn without_triage_the_most_severe_finding_is_posted_first_also_if_it_recurred() {
    let config = config(&[("SLACK_RECURRENCE", "repost")]);
    let mut run = begin_recorded(&config, FindingRecord { severity: 8.0, ..record(&message("C0SECURITY", "1.1")) });
    let mut severe = Rc::unwrap_or_clone(finding("f1"));
    severe.severity = 8.0;
    run.read(PolledBatch { new_findings: vec![finding("f2"), Rc::new(severe)], ..PolledBatch::default() });
    run.answer_save(Ok(()));
    run.acknowledge();
    assert!(run.core.state.is_processed("f1", NOW) && !run.core.state.is_processed("f2", NOW));
}
