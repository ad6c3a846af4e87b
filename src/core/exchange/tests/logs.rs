//! The lines of the log about messages that Slack acknowledged.

use serde_json::Value;

use super::*;
use crate::config::LogFormat;
use crate::message::{Notice, NoticeId, NoticeLevel, Summary};
use crate::plan::DueSummary;
use crate::telemetry::tests::logged;

/// The events that a delivery logs.
fn events(delivery: Delivery, answers: Vec<CallResponse>) -> Vec<Value> {
    let lines = logged(LogFormat::Json, "info", || {
        play(delivery, answers);
    });
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn post_of(f: Rc<Finding>) -> Delivery {
    let Delivery::Post(_, post) = first_sighting(false) else { unreachable!("a first sighting is posted") };
    Delivery::Post(f, Post { reply_to: None, candidate_threads: Vec::new(), ..post })
}

fn escalation(update: &Update) -> Reply {
    let subject = ReplySubject::Unacknowledged(Duration::from_hours(1));
    Reply { message: update.message.clone(), mention: None, subject }
}

#[test]
fn every_message_that_slack_acknowledged_is_one_line_in_the_log() {
    let Delivery::Update(f, update) = recurrence(None) else { unreachable!("a recurrence is an update") };
    let notice =
        Notice { id: NoticeId::new("n1", NOW), title: "title".into(), lines: vec![], level: NoticeLevel::Warning };
    let summary = DueSummary { due: NOW, content: Summary { id: "s1".into(), ..Summary::default() } };
    let digest = Delivery::Digest { id: "d1".into(), to: channel(), findings: vec![f.clone()] };
    let now = MessageRef { channel: "C0OTHER".into(), ts: "3.3".into(), thread_ts: None };
    let redirect =
        Delivery::Redirect { id: "f".into(), old: update.message.clone(), new: now.into(), channel: "C0OTHER".into() };
    let reply = Delivery::Reply(f.clone(), escalation(&update));
    let recurrence = Delivery::Update(f.clone(), update);
    for (delivery, answers, expected) in [
        (post_of(f), vec![posted()], vec![("finding posted", "finding_id", "f")]),
        (
            recurrence,
            vec![edited(), nothing_there(), posted()],
            vec![("finding updated", "finding_id", "f"), ("reply posted", "finding_id", "f")],
        ),
        (reply, vec![nothing_there(), posted()], vec![("reply posted", "finding_id", "f")]),
        (first_sighting(true), vec![shown(UPDATED, 8.0)], vec![("finding found in history", "finding_id", "f")]),
        (digest, vec![posted()], vec![("digest posted", "digest_id", "d1")]),
        (Delivery::Notice(notice), vec![posted()], vec![("notice posted", "notice", "title")]),
        (Delivery::Summary(Box::new(summary)), vec![posted()], vec![("summary posted", "summary_id", "s1")]),
        (redirect, vec![CallResponse::Permalink(None), edited()], vec![("redirect posted", "finding_id", "f")]),
    ] {
        let events = events(delivery, answers);
        assert_eq!(events.len(), expected.len(), "{events:?}");
        for (event, (message, key, value)) in std::iter::zip(&events, expected) {
            assert_eq!((&event["message"], &event[key]), (&message.into(), &value.into()));
            assert_eq!((&event["channel"], event.get("channel_id")), (&"C0SECURITY".into(), None), "{event}");
        }
    }
}

#[test]
fn the_raw_text_of_a_finding_that_cannot_be_read_is_in_the_log_once() {
    let Delivery::Update(f, update) = recurrence(None) else { unreachable!("a recurrence is an update") };
    let mut unreadable = (*f).clone();
    unreadable.raw = Some("{\"id\":\"f\"}".into());
    let unreadable = Rc::new(unreadable);
    let reply = Delivery::Reply(unreadable.clone(), escalation(&update));
    for (delivery, answers, expected) in
        [(post_of(unreadable), vec![posted()], 1), (reply, vec![nothing_there(), posted()], 0)]
    {
        let events = events(delivery, answers);
        let raw: Vec<&Value> = events.iter().filter_map(|event| event.get("finding")).collect();
        assert_eq!(raw, vec![&Value::from("{\"id\":\"f\"}"); expected]);
    }
}
