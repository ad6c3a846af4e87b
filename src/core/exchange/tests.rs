//! The requests of deliveries, by the responses of Slack.

mod calls;
mod contents;
mod logs;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::*;
use crate::core::rate_limit::RateLimiter;
use crate::finding::{self, Origin};
use crate::message::{Marks, MessageOptions};
use crate::plan::{Changes, Post, ReplySubject};
use crate::slack::{BotMessage, SlackError};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const UPDATED: &str = "2027-01-15T08:00:00.000Z";
const EARLIER: &str = "2027-01-15T07:00:00.000Z";

fn recurrence(thread_ts: Option<&str>) -> Delivery {
    let raw = serde_json::json!({
        "id": "f", "type": "Recon:EC2/Portscan", "severity": 8.0, "updatedAt": UPDATED, "service": {"archived": true},
    });
    let origin = Origin { account: "111122223333".into(), region: "us-east-1".into(), detector: "d".into() };
    let f = Rc::new(finding::decode(&raw.to_string(), &Arc::new(origin)).unwrap());
    let message =
        MessageRef { channel: "C0SECURITY".into(), ts: "2.2".into(), thread_ts: thread_ts.map(str::to_owned) };
    let update = Update {
        reply: Some(reply_at(&message, increase(None))),
        message,
        repost_to: channel(),
        known_attributes: Vec::new(),
        related: Vec::new(),
        marks: Marks::default(),
        intended_channel: None,
    };
    Delivery::Update(f, update)
}

/// A reply that mentions nobody.
fn reply_at(message: &MessageRef, changes: Changes) -> Reply {
    Reply { message: message.clone(), mention: None, subject: ReplySubject::Changes(changes) }
}

/// An increase of the severity level since an earlier revision.
fn increase(since: Option<Timestamp>) -> Changes {
    Changes { previous_severity: Some(5.0), since, ..Changes::default() }
}

fn channel() -> Destination {
    Destination { target: Target::Channel("C0SECURITY".into()), mention: None, route: None }
}

/// The requests of a delivery until the responses are used up, and its result.
struct Played {
    calls: Vec<Call>,
    result: Option<DeliveryResult>,
    is_minimal: bool,
}

impl Played {
    fn names(&self) -> Vec<String> {
        self.calls.iter().map(name).collect()
    }
}

fn play(delivery: Delivery, answers: Vec<CallResponse>) -> (Vec<String>, Option<DeliveryResult>) {
    let played = play_in(&mut channels(), delivery, Attempt::First, answers);
    (played.names(), played.result)
}

fn channels() -> Channels {
    Channels::new(channel(), BTreeMap::new())
}

fn play_in(channels: &mut Channels, delivery: Delivery, attempt: Attempt, answers: Vec<CallResponse>) -> Played {
    let mut limiter = RateLimiter::default();
    let (writer, range) = (MessageOptions::default(), HistoryRange::since(NOW, None));
    let mut exchange = Exchange::new(delivery, attempt, channels);
    let mut calls = Vec::new();
    let mut answers = answers.into_iter();
    let result = loop {
        let is_write = match exchange.next(NOW, channels) {
            NextAction::Ended(result) => break Some(result),
            NextAction::WaitUntil(time) => panic!("nothing waits until {time:?}"),
            NextAction::Read => false,
            NextAction::Write(_) => true,
        };
        let call = exchange.request(&writer, &range, channels);
        assert_eq!(call.is_write(), is_write, "{call:?}");
        calls.push(call);
        let Some(answer) = answers.next() else { break None };
        let time_left = Duration::from_secs(100);
        let mut context = SendContext { channels, limiter: &mut limiter, now: NOW, time_left, chance: 0.5 };
        exchange.on_answer(answer, &range, &mut context);
    };
    Played { calls, result, is_minimal: exchange.end().1 }
}

fn name(call: &Call) -> String {
    match call {
        Call::Post { thread: None, .. } => "post in the channel".into(),
        Call::Post { thread: Some(thread), .. } if thread.is_broadcast => format!("broadcast in {}", thread.ts),
        Call::Post { thread: Some(thread), .. } => format!("post in {}", thread.ts),
        Call::Update { at, .. } => format!("edit {}", at.ts),
        Call::Permalink { at } => format!("link to {}", at.ts),
        Call::History { .. } => "read the channel".into(),
        Call::Replies { thread, .. } => format!("read {thread}"),
    }
}

fn edited() -> CallResponse {
    CallResponse::Updated(Ok(()))
}

fn nothing_there() -> CallResponse {
    CallResponse::Messages(Ok(Vec::new()))
}

fn posted() -> CallResponse {
    CallResponse::Posted(Ok(MessageRef { channel: "C0SECURITY".into(), ts: "3.3".into(), thread_ts: None }.into()))
}

fn not_found() -> SlackError {
    SlackError::MessageNotFound("thread_not_found".into())
}

/// The thread has the reply already.
fn replied() -> CallResponse {
    let payload = [("finding_id", "f"), ("updated_at", UPDATED)].map(|(key, value)| (key.to_owned(), value.into()));
    CallResponse::Messages(Ok(vec![BotMessage {
        ts: "2.9".into(),
        thread_ts: Some("1.1".into()),
        event_type: "guardduty_reply".into(),
        payload: payload.into_iter().collect(),
    }]))
}

#[test]
fn a_recurrence_is_replied_to_in_the_thread_that_its_message_is_in() {
    const OTHER: Option<&str> = Some("1.1");
    let replied_to = |message: &str| vec![format!("edit {message}")];
    let then = |mut requests: Vec<String>, more: &[&str]| {
        requests.extend(more.iter().map(|request| (*request).to_owned()));
        requests
    };
    for (thread, answers, more, expected, case) in [
        (None, vec![edited(), nothing_there(), posted()], vec!["read 2.2", "broadcast in 2.2"], "updated", "its own"),
        (OTHER, vec![edited(), nothing_there(), posted()], vec!["read 1.1", "broadcast in 1.1"], "updated", "another"),
        (OTHER, vec![edited(), replied()], vec!["read 1.1"], "updated", "the thread has the reply"),
        (
            OTHER,
            vec![
                edited(),
                nothing_there(),
                CallResponse::Posted(Err(not_found())),
                CallResponse::Permalink(None),
                posted(),
            ],
            vec!["read 1.1", "broadcast in 1.1", "link to 2.2", "post in the channel"],
            "updated",
            "the message that began the thread was deleted: the own one exists",
        ),
        (
            None,
            vec![edited(), nothing_there(), CallResponse::Posted(Err(not_found())), nothing_there(), posted()],
            vec!["read 2.2", "broadcast in 2.2", "read the channel", "post in the channel"],
            "posted",
            "the own message was deleted",
        ),
        (
            OTHER,
            vec![CallResponse::Updated(Err(not_found())), nothing_there(), posted()],
            vec!["read the channel", "post in the channel"],
            "posted",
            "the own message was deleted from the thread",
        ),
    ] {
        let (requests, result) = play(recurrence(thread), answers);
        assert_eq!(requests, then(replied_to("2.2"), &more), "{case}");
        let Some(DeliveryResult::Processed(outcome)) = result else { panic!("{case}: {result:?}") };
        assert_eq!(outcome.notification().name(), expected, "{case}");
    }
}

/// A first sighting that belongs to the thread of the same finding in another region.
fn first_sighting(edits_earlier: bool) -> Delivery {
    let root = MessageRef { channel: "C0SECURITY".into(), ts: "1.1".into(), thread_ts: None };
    let Delivery::Update(f, _) = recurrence(None) else { unreachable!("a recurrence is an update") };
    let post = Post {
        to: channel(),
        reply_to: Some(root.clone()),
        candidate_threads: vec![root],
        edits_earlier,
        superseded: None,
        known_attributes: Vec::new(),
        related: Vec::new(),
    };
    Delivery::Post(f, post)
}

/// The thread has a message of the finding.
fn shown(updated_at: &str, severity: f64) -> CallResponse {
    shown_at("2.5", Some("1.1"), updated_at, severity)
}

fn shown_at(ts: &str, thread_ts: Option<&str>, updated_at: &str, severity: f64) -> CallResponse {
    let mut payload: BTreeMap<String, serde_json::Value> =
        [("finding_id", "f"), ("updated_at", updated_at)].map(|(key, value)| (key.to_owned(), value.into())).into();
    payload.insert("severity".to_owned(), severity.into());
    CallResponse::Messages(Ok(vec![BotMessage {
        ts: ts.into(),
        thread_ts: thread_ts.map(str::to_owned),
        event_type: "guardduty_finding".into(),
        payload: payload.into_iter().collect(),
    }]))
}

#[test]
fn a_finding_has_one_message_in_a_thread_even_if_a_run_died_after_it() {
    for (edits_earlier, answers, expected, case) in [
        (true, vec![nothing_there(), posted_in_thread()], vec!["read 1.1", "post in 1.1"], "nothing was posted"),
        (true, vec![shown(UPDATED, 8.0)], vec!["read 1.1"], "this revision was posted"),
        (true, vec![shown(EARLIER, 8.0), edited()], vec!["read 1.1", "edit 2.5"], "an earlier revision was posted"),
        (
            true,
            vec![shown(EARLIER, 5.0), posted_in_thread()],
            vec!["read 1.1", "post in 1.1"],
            "the severity level increased since: a message that calls is more important",
        ),
        (
            true,
            vec![shown(EARLIER, 8.0), CallResponse::Updated(Err(not_found())), posted_in_thread()],
            vec!["read 1.1", "edit 2.5", "post in 1.1"],
            "it was deleted in the meantime",
        ),
        (
            false,
            vec![shown(EARLIER, 8.0), posted_in_thread()],
            vec!["read 1.1", "post in 1.1"],
            "recurrences get messages of their own",
        ),
    ] {
        let (requests, result) = play(first_sighting(edits_earlier), answers);
        assert_eq!(requests, expected, "{case}");
        let Some(DeliveryResult::Processed(outcome)) = result else { panic!("{case}: {result:?}") };
        let Outcome::Posted { at: SentMessage::Bot(at), .. } = outcome else { panic!("{case}: {outcome:?}") };
        assert_eq!(at.thread_ts.as_deref(), Some("1.1"), "{case}");
    }
}

#[test]
fn a_message_found_in_a_thread_says_which_channel_rejected_it() {
    let CallResponse::Messages(Ok(mut messages)) = shown(UPDATED, 8.0) else { unreachable!("a message is shown") };
    messages[0].payload.insert("intended_channel".into(), "#archived".into());
    let (_, result) = play(first_sighting(true), vec![CallResponse::Messages(Ok(messages))]);
    let Some(DeliveryResult::Processed(Outcome::Posted { intended_channel, .. })) = result else {
        panic!("{result:?}")
    };
    assert_eq!(intended_channel.as_deref(), Some("#archived"));
}

fn posted_in_thread() -> CallResponse {
    let at = MessageRef { channel: "C0SECURITY".into(), ts: "3.3".into(), thread_ts: Some("1.1".into()) };
    CallResponse::Posted(Ok(at.into()))
}
