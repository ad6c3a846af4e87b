//! Queues, rate limits and outcomes of deliveries.

use std::rc::Rc;
use std::sync::Arc;

use super::queue::MAX_OUTCOME_CHECKS;
use super::*;
use crate::config::Config;
use crate::finding::{self, Origin};
use crate::message::{MessageOptions, Notice, NoticeId, NoticeLevel};
use crate::plan::{Reply, ReplySubject, default_destination};
use crate::slack::{HistoryError, MessageRef, SentMessage, SlackError, WebhookMessage};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// An outbox with notices for the default channel, which has ID C0SECURITY.
struct Fixture {
    outbox: Outbox,
    channels: Channels,
    writer: MessageOptions,
    permission: Permission,
    now: Timestamp,
}

fn outbox(channel: &str, notices: usize) -> Fixture {
    let vars = [("SLACK_BOT_TOKEN", "xoxb-1"), ("SLACK_CHANNEL", channel)];
    let config = Config::from_env(vars.map(|(k, v)| (k.to_owned(), v.to_owned())), false).unwrap();
    let channels = Channels::new(default_destination(&config), BTreeMap::new());
    let mut outbox = Outbox::default();
    let notice = |n| Notice {
        id: NoticeId::new("n", Timestamp(i64::try_from(n).unwrap())),
        title: "title".into(),
        lines: vec![],
        level: NoticeLevel::Info,
    };
    outbox.push(Queue::Channel(channel.to_owned()), (0..notices).map(|n| Delivery::Notice(notice(n))).collect());
    Fixture { outbox, channels, writer: MessageOptions::default(), permission: Permission::Send, now: NOW }
}

impl Fixture {
    fn context(&mut self) -> (&mut Outbox, DeliveryContext<'_>) {
        let context = DeliveryContext {
            channels: &mut self.channels,
            writer: &self.writer,
            range: HistoryRange::since(NOW, None),
            permission: self.permission,
            now: self.now,
            time_left: if self.permission == Permission::Stop { Duration::ZERO } else { Duration::from_secs(100) },
            refresh_until: Timestamp::MAX,
            chance: 1.0,
        };
        (&mut self.outbox, context)
    }

    fn advance(&mut self) -> Work {
        let (outbox, mut context) = self.context();
        outbox.advance(&mut context)
    }

    /// The one request that is due now.
    fn call(&mut self) -> (CallId, Call) {
        let mut work = self.advance();
        assert_eq!(work.calls.len(), 1, "{work:?}");
        work.calls.remove(0)
    }

    fn note(&mut self, id: CallId, answer: CallResponse) {
        let (outbox, mut context) = self.context();
        outbox.on_answer(id, answer, &mut context);
    }

    fn answer(&mut self, id: CallId, answer: CallResponse) -> Vec<DeliveryResult> {
        self.note(id, answer);
        self.advance().ended.into_iter().map(|report| report.result).collect()
    }

    fn pass(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self
    }
}

fn posted() -> CallResponse {
    CallResponse::Posted(Ok(MessageRef { channel: "C0SECURITY".into(), ts: "1.1".into(), thread_ts: None }.into()))
}

fn unknown() -> CallResponse {
    CallResponse::Posted(Err(SlackError::OutcomeUnknown("timed out".into())))
}

#[test]
fn one_message_of_a_queue_is_under_way_at_a_time() {
    let mut outbox = outbox("C0SECURITY", 2);
    let (id, _) = outbox.call();
    assert!(outbox.advance().calls.is_empty());
    assert_eq!(outbox.answer(id, posted()), [DeliveryResult::Completed]);
    assert_eq!(outbox.advance().wake_at, Some(NOW.plus(Duration::from_secs(1))), "one message a second");
    let (id, _) = outbox.pass(1).call();
    assert_eq!(outbox.answer(id, posted()), [DeliveryResult::Completed]);
    assert!(outbox.outbox.is_empty());
}

#[test]
fn nothing_is_posted_while_the_state_must_be_saved_first() {
    let mut outbox = outbox("#security", 2);
    outbox.permission = Permission::Wait;
    assert!(outbox.advance().calls.is_empty());
    outbox.permission = Permission::Send;
    let (id, _) = outbox.call();
    assert_eq!(outbox.answer(id, posted()), [DeliveryResult::Completed]);
    assert!(outbox.channels.has_unsaved_id(), "the ID of the channel must be saved before the second message");
}

#[test]
fn an_unknown_outcome_is_sent_again_only_after_the_history_was_read() {
    let mut outbox = outbox("C0SECURITY", 1);
    let (id, _) = outbox.call();
    assert_eq!(outbox.answer(id, unknown()), []);
    assert_eq!(outbox.advance().wake_at, Some(NOW.plus(HISTORY_LAG)));
    let (id, call) = outbox.pass(10).call();
    assert!(matches!(call, Call::History { .. }), "{call:?}");
    outbox.note(id, CallResponse::Messages(Ok(vec![])));
    let (id, call) = outbox.call();
    assert!(matches!(call, Call::Post { .. }), "{call:?}");
    assert_eq!(outbox.answer(id, posted()), [DeliveryResult::Completed]);
}

#[test]
fn an_outcome_that_stays_unknown_is_reported_after_three_checks() {
    let mut outbox = outbox("C0SECURITY", 1);
    let (mut id, _) = outbox.call();
    assert_eq!(outbox.answer(id, unknown()), []);
    for check in 1..=MAX_OUTCOME_CHECKS {
        (id, _) = outbox.pass(10).call();
        let unread = CallResponse::Messages(Err(HistoryError::Unavailable("503".into())));
        assert_eq!(outbox.answer(id, unread).len(), usize::from(check == MAX_OUTCOME_CHECKS));
    }
    assert!(outbox.outbox.is_empty());
}

#[test]
fn a_run_that_ends_waits_for_writes_and_leaves_the_rest() {
    let mut outbox = outbox("C0SECURITY", 2);
    let (id, _) = outbox.call();
    outbox.permission = Permission::Stop;
    assert!(outbox.advance().ended.is_empty(), "the message may take effect");
    assert_eq!(outbox.answer(id, posted()), [DeliveryResult::Completed, DeliveryResult::NotTried]);
    assert!(!outbox.outbox.abandon());
}

#[test]
fn a_write_that_is_abandoned_may_take_effect() {
    let mut outbox = outbox("C0SECURITY", 1);
    assert!(!outbox.outbox.abandon());
    let mut outbox = super::tests::outbox("C0SECURITY", 1);
    outbox.call();
    assert!(outbox.outbox.abandon());
}

#[test]
fn what_was_unknown_before_the_run_ended_is_reported_as_unknown() {
    let mut outbox = outbox("C0SECURITY", 1);
    let (id, _) = outbox.call();
    assert_eq!(outbox.answer(id, unknown()), []);
    outbox.permission = Permission::Stop;
    let reports = outbox.advance().ended;
    assert!(matches!(&reports[..], [EndedDelivery { result: DeliveryResult::Unknown(_), .. }]), "{reports:?}");
}

#[test]
fn each_queue_gets_the_response_to_its_own_request() {
    let mut outbox = outbox("C0SECURITY", 1);
    let old = MessageRef { channel: "C0OLD".into(), ts: "1.1".into(), thread_ts: None };
    let new = SentMessage::Webhook(WebhookMessage { variable: "SLACK_WEBHOOK_URL".into() });
    let redirect = Delivery::Redirect { id: "f1".into(), old, new, channel: "C0SECURITY".into() };
    outbox.outbox.push(Queue::Edits, vec![redirect]);
    let calls = [outbox.call(), outbox.pass(3).call()];
    for (id, call) in calls.into_iter().rev() {
        let answer = if matches!(call, Call::Post { .. }) { posted() } else { CallResponse::Updated(Ok(())) };
        assert_eq!(outbox.answer(id, answer), [DeliveryResult::Completed]);
    }
    assert!(outbox.outbox.is_empty());
}

#[test]
fn an_unknown_outcome_stays_unknown_if_the_next_attempt_fails_before_the_history_was_read() {
    let mut outbox = outbox("C0SECURITY", 0);
    let raw = serde_json::json!({"id": "f", "severity": 8.0, "updatedAt": "2027-01-15T08:00:00.000Z"});
    let origin = Origin { account: "111122223333".into(), region: "us-east-1".into(), detector: "d".into() };
    let f = Rc::new(finding::decode(&raw.to_string(), &Arc::new(origin)).unwrap());
    let message = MessageRef { channel: "C0SECURITY".into(), ts: "1.1".into(), thread_ts: None };
    let subject = ReplySubject::Unacknowledged(Duration::from_hours(1));
    let escalation = Delivery::Reply(f, Reply { message, mention: None, subject });
    outbox.outbox.push(Queue::Channel("C0SECURITY".into()), vec![escalation]);
    let unread = || CallResponse::Messages(Err(HistoryError::Unavailable("503".into())));
    let (id, _) = outbox.call();
    outbox.note(id, CallResponse::Messages(Ok(vec![])));
    let (id, call) = outbox.call();
    assert!(matches!(call, Call::Post { .. }), "{call:?}");
    assert_eq!(outbox.answer(id, unknown()), []);
    for check in 1..=MAX_OUTCOME_CHECKS {
        let (id, call) = outbox.pass(10).call();
        assert!(matches!(call, Call::Replies { .. }), "{call:?}");
        let results = outbox.answer(id, unread());
        let is_last = check == MAX_OUTCOME_CHECKS;
        assert_eq!(matches!(results[..], [DeliveryResult::Unknown(_)]), is_last, "{results:?}");
        assert_eq!(results.is_empty(), !is_last, "{results:?}");
    }
}

#[test]
fn an_attempt_that_fails_after_the_history_was_read_has_a_known_outcome() {
    let mut outbox = outbox("C0SECURITY", 1);
    let (id, _) = outbox.call();
    assert_eq!(outbox.answer(id, unknown()), []);
    let (id, _) = outbox.pass(10).call();
    outbox.note(id, CallResponse::Messages(Ok(vec![])));
    let (id, _) = outbox.call();
    let rejected = CallResponse::Posted(Err(SlackError::ChannelRejected("is_archived".into())));
    let results = outbox.answer(id, rejected);
    assert!(matches!(results[..], [DeliveryResult::Stopped(_)]), "{results:?}");
}

#[test]
fn an_outcome_that_becomes_unknown_when_the_run_must_end_is_reported_as_slack_gave_it() {
    let mut outbox = outbox("C0SECURITY", 1);
    let (id, _) = outbox.call();
    outbox.permission = Permission::Stop;
    assert_eq!(outbox.answer(id, unknown()), [DeliveryResult::Unknown("chat.postMessage: timed out".into())]);
}
