//! What a delivery sends: the content and the form of its messages, and their thread.

use super::*;
use crate::finding::Attribute;
use crate::mention::Mention;
use crate::message::{
    Addressing, Message, MessageContent, MessageForm, Placement, Relation, RenderContext, ReplyContent,
};
use crate::plan::Refresh;
use crate::state::RelatedMessage;
use crate::user::UserId;

const LINKS: [&str; 2] = ["https://acme.slack.com/archives/C0/p71", "https://acme.slack.com/archives/C0/p72"];

fn write(content: &MessageContent) -> Message {
    MessageOptions::default().write(content, MessageForm::Blocks)
}

fn message_of(call: &Call) -> &Message {
    match call {
        Call::Post { message, .. } | Call::Update { message, .. } => message,
        _ => panic!("{call:?} sends nothing"),
    }
}

fn content_rejected() -> SlackError {
    SlackError::ContentRejected("invalid_blocks".into())
}

fn here() -> Option<Mention> {
    Mention::parse("<!here>")
}

fn marks() -> Marks {
    Marks { acknowledged: UserId::parse("U0ALICE"), ..Marks::default() }
}

fn known_attributes() -> Vec<Attribute> {
    ["ip 203.0.113.7", "country Germany"].map(Attribute::from).into()
}

fn related() -> Vec<RelatedMessage> {
    let at = |ts: &str| MessageRef { channel: "C0SECURITY".into(), ts: ts.into(), thread_ts: None };
    ["7.1", "7.2"]
        .map(|ts| RelatedMessage { relation: Relation::Signal, title: format!("signal {ts}"), at: at(ts) })
        .into()
}

fn with_links(more: Vec<CallResponse>) -> Vec<CallResponse> {
    LINKS.iter().map(|link| CallResponse::Permalink(Some((*link).to_owned()))).chain(more).collect()
}

/// A new message in the channel.
fn message() -> Delivery {
    let Delivery::Post(f, post) = first_sighting(false) else { unreachable!("a first sighting is posted") };
    let to = Destination { mention: here(), ..channel() };
    let (known_attributes, related) = (known_attributes(), related());
    Delivery::Post(f, Post { to, reply_to: None, candidate_threads: Vec::new(), known_attributes, related, ..post })
}

/// A new revision, with a reply about these changes.
fn change(changes: Option<Changes>) -> (Rc<Finding>, Update) {
    let Delivery::Update(f, update) = recurrence(None) else { unreachable!("a recurrence is an update") };
    let repost_to = Destination { mention: here(), ..channel() };
    let reply = changes.map(|changes| {
        let mention = here().filter(|_| changes.previous_severity.is_some());
        Reply { mention, ..reply_at(&update.message, changes) }
    });
    (f, Update { reply, repost_to, marks: marks(), known_attributes: known_attributes(), ..update })
}

fn unlinked(delivery: Delivery) -> Delivery {
    match delivery {
        Delivery::Post(f, post) => Delivery::Post(f, Post { related: Vec::new(), ..post }),
        other => other,
    }
}

#[test]
fn a_finding_whose_blocks_and_text_slack_rejects_is_shown_in_the_minimal_form() {
    let (f, update) = change(None);
    let posts = || CallResponse::Posted(Err(content_rejected()));
    let edits = || CallResponse::Updated(Err(content_rejected()));
    for (delivery, before, rejected, accepted, case) in [
        (unlinked(message()), vec![], posts(), posted(), "a new message"),
        (Delivery::Update(f, update), vec![], edits(), edited(), "an edit"),
        (first_sighting(true), vec![shown(EARLIER, 8.0)], edits(), edited(), "an edit in a thread"),
    ] {
        for rejections in 0..=2 {
            let rejected = std::iter::repeat_n(rejected.clone(), rejections);
            let answers = before.iter().cloned().chain(rejected).chain([accepted.clone()]).collect();
            let played = play_in(&mut channels(), delivery.clone(), Attempt::First, answers);
            assert!(matches!(played.result, Some(DeliveryResult::Processed(_))), "{case}: {:?}", played.result);
            assert_eq!(played.is_minimal, rejections == 2, "{case}: {rejections}");
        }
    }
}

#[test]
fn what_no_form_can_express_by_an_edit_is_posted_again() {
    for error in [content_rejected(), SlackError::Unclassified("fatal_error".into())] {
        let (f, update) = change(None);
        let mut answers = vec![CallResponse::Updated(Err(error)); 3];
        answers.extend([nothing_there(), posted()]);
        let (requests, result) = play(Delivery::Update(f, update), answers);
        assert_eq!(requests, ["edit 2.2", "edit 2.2", "edit 2.2", "read the channel", "post in the channel"]);
        assert!(matches!(result, Some(DeliveryResult::Processed(Outcome::Posted { .. }))), "{result:?}");
    }
}

#[test]
fn the_message_of_a_finding_shows_its_history_its_reactions_and_its_links() {
    let Delivery::Post(f, post) = message() else { unreachable!("a message is posted") };
    let update = Update { related: related(), ..change(None).1 };
    let at = update.message.clone();
    let refresh = Refresh {
        message: at,
        marks: marks(),
        known_attributes: known_attributes(),
        related: related(),
        intended_channel: None,
    };
    let links: Vec<Related> = std::iter::zip(related(), LINKS)
        .map(|(one, link)| Related { relation: one.relation, title: one.title, permalink: link.into() })
        .collect();
    let (mention, marks, seen) = (here(), marks(), known_attributes());
    let edit =
        RenderContext { known_attributes: &seen, related: &links, marks: Some(&marks), ..RenderContext::default() };
    let new = RenderContext { mention: mention.as_ref(), marks: None, ..edit };
    let text = |context| write(&MessageContent::Finding(&f, context));
    let rejected = Some("#rejecting");
    let update_elsewhere = Update { intended_channel: rejected.map(str::to_owned), ..update.clone() };
    let refresh_elsewhere = Refresh { intended_channel: rejected.map(str::to_owned), ..refresh.clone() };
    let elsewhere = text(RenderContext { intended_channel: rejected, ..edit });
    let poorer = [
        RenderContext { known_attributes: &[], ..edit },
        RenderContext { related: &[], ..edit },
        RenderContext { marks: None, ..edit },
    ];
    for (n, context) in poorer.into_iter().enumerate() {
        assert_ne!(text(context), text(edit), "member {n} is visible");
    }
    let deleted = vec![CallResponse::Updated(Err(not_found())), nothing_there(), posted()];
    let f = || f.clone();
    for (delivery, answers, expected, case) in [
        (Delivery::Post(f(), post), vec![posted()], vec![text(new)], "a new message"),
        (Delivery::Update(f(), update.clone()), vec![edited()], vec![text(edit)], "an edit"),
        (Delivery::Update(f(), update), deleted, vec![text(edit), text(new)], "posted again: it has no reactions"),
        (Delivery::Refresh(f(), refresh), vec![edited()], vec![text(edit)], "a refresh"),
        (
            Delivery::Update(f(), update_elsewhere),
            vec![edited()],
            vec![elsewhere.clone()],
            "an edit in another channel",
        ),
        (Delivery::Refresh(f(), refresh_elsewhere), vec![edited()], vec![elsewhere], "a refresh in another channel"),
    ] {
        let played = play_in(&mut channels(), delivery, Attempt::First, with_links(answers));
        assert_eq!(played.names()[..2], ["link to 7.1", "link to 7.2"], "{case}");
        let sent: Vec<&Message> = played.calls.iter().filter(|call| call.is_write()).map(message_of).collect();
        assert_eq!(sent, expected.iter().collect::<Vec<_>>(), "{case}");
    }
}

#[test]
fn a_reply_is_in_the_thread_and_if_that_rejects_it_in_the_channel_with_a_link() {
    let recurrence = Changes { new_attributes: known_attributes(), ..Changes::default() };
    for (changes, is_broadcast) in [(increase(None), true), (recurrence, false)] {
        let (f, update) = change(Some(changes));
        let reply = update.reply.clone().expect("the revision has a reply");
        let mention = here().filter(|_| is_broadcast);
        let addressing = Addressing { mention: mention.as_ref(), ..Addressing::default() };
        let text =
            |placement| write(&MessageContent::Reply(&f, ReplyContent { addressing, placement, ..reply.content() }));
        let rejected = CallResponse::Posted(Err(SlackError::ThreadRejected("restricted_action".into())));
        let answers =
            vec![edited(), nothing_there(), rejected, CallResponse::Permalink(Some(LINKS[0].into())), posted()];
        let played = play_in(&mut channels(), Delivery::Update(f.clone(), update), Attempt::First, answers);
        let place = if is_broadcast { "broadcast in 2.2" } else { "post in 2.2" };
        assert_eq!(played.names(), ["edit 2.2", "read 2.2", place, "link to 2.2", "post in the channel"]);
        assert_eq!(*message_of(&played.calls[2]), text(Placement::Thread));
        assert_eq!(*message_of(&played.calls[4]), text(Placement::Channel { message_link: Some(LINKS[0]) }));
        assert!(matches!(played.result, Some(DeliveryResult::Processed(Outcome::Updated { notified: true, .. }))));
    }
}

#[test]
fn a_thread_is_read_from_the_revision_on_or_from_its_message_on_for_what_is_posted_once() {
    let (f, update) = change(Some(increase(None)));
    let (updated, sent) = (f.updated, update.message.posted());
    let reply = reply_at(&update.message, Changes::default());
    for (delivery, answers, expected) in [
        (Delivery::Update(f.clone(), update), vec![edited()], updated.minus(Duration::from_hours(1))),
        (Delivery::Reply(f, reply), vec![], sent),
    ] {
        let played = play_in(&mut channels(), delivery, Attempt::First, answers);
        let Some(Call::Replies { oldest, .. }) = played.calls.last() else { panic!("{:?}", played.names()) };
        assert_eq!(*oldest, expected);
    }
}

#[test]
fn a_deleted_message_is_not_posted_again_if_the_history_shows_a_newer_one() {
    for (ts, is_posted) in [("2.1", true), ("2.2", true), ("2.3", false)] {
        let (f, update) = change(None);
        let answers = vec![CallResponse::Updated(Err(not_found())), shown_at(ts, None, UPDATED, 8.0)];
        let (requests, result) = play(Delivery::Update(f, update), answers);
        assert_eq!(requests.last().is_some_and(|request| request == "post in the channel"), is_posted, "{ts}");
        assert_eq!(result.is_none(), is_posted, "{ts}");
    }
}

#[test]
fn after_an_unknown_outcome_the_history_is_read_before_the_links() {
    let mut answers = vec![nothing_there()];
    answers.extend(with_links(vec![posted()]));
    let played = play_in(&mut channels(), message(), Attempt::AfterUnknownOutcome, answers);
    assert_eq!(played.names(), ["read the channel", "link to 7.1", "link to 7.2", "post in the channel"]);
}

#[test]
fn a_message_in_the_history_has_the_channel_that_rejected_it() {
    let mut found = shown_at("2.3", None, UPDATED, 8.0);
    if let CallResponse::Messages(Ok(messages)) = &mut found {
        messages[0].payload.insert("intended_channel".into(), "C0REJECTING".into());
    }
    let (f, update) = change(None);
    for (delivery, attempt, before, case) in [
        (message(), Attempt::AfterUnknownOutcome, vec![], "a new message"),
        (Delivery::Update(f, update), Attempt::First, vec![CallResponse::Updated(Err(not_found()))], "posted again"),
    ] {
        let answers = before.into_iter().chain([found.clone()]).collect();
        let played = play_in(&mut channels(), delivery, attempt, answers);
        let Some(DeliveryResult::Processed(Outcome::Posted { intended_channel, .. })) = played.result else {
            panic!("{case}")
        };
        assert_eq!(intended_channel.as_deref(), Some("C0REJECTING"), "{case}");
    }
}

#[test]
fn threads_in_a_channel_that_cannot_be_read_are_not_searched() {
    let mut channels = channels();
    channels.set_unreadable("C0SECURITY".into());
    let played = play_in(&mut channels, first_sighting(true), Attempt::First, vec![posted_in_thread()]);
    assert_eq!(played.names(), ["post in 1.1"]);
}

#[test]
fn only_a_refresh_waits_for_the_rest() {
    let (f, update) = change(None);
    let refresh = Refresh {
        message: update.message.clone(),
        marks: marks(),
        known_attributes: Vec::new(),
        related: Vec::new(),
        intended_channel: None,
    };
    for (delivery, expected) in [(Delivery::Refresh(f.clone(), refresh), true), (Delivery::Update(f, update), false)] {
        assert_eq!(Exchange::new(delivery, Attempt::First, &channels()).is_refresh(), expected);
    }
}

#[test]
fn an_attempt_that_certainly_failed_is_repeated_after_its_delay_and_not_before() {
    let mut channels = channels();
    let mut limiter = RateLimiter::default();
    let mut exchange = Exchange::new(unlinked(message()), Attempt::First, &channels);
    assert!(matches!(exchange.next(NOW, &mut channels), NextAction::Write(_)));
    let failed = CallResponse::Posted(Err(SlackError::NotSent("connection refused".into())));
    let time_left = Duration::from_secs(100);
    let mut context = SendContext { channels: &mut channels, limiter: &mut limiter, now: NOW, time_left, chance: 0.5 };
    exchange.on_answer(failed, &HistoryRange::since(NOW, None), &mut context);
    let NextAction::WaitUntil(time) = exchange.next(NOW, &mut channels) else { panic!("nothing waits") };
    assert!(time > NOW);
    let before = time.minus(Duration::from_millis(1));
    assert!(matches!(exchange.next(before, &mut channels), NextAction::WaitUntil(again) if again == time));
    assert!(matches!(exchange.next(time, &mut channels), NextAction::Write(_)));
}
