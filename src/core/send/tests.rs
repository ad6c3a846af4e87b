//! Forms, channels and attempts of one message.

use super::*;
use crate::slack::MessageRef;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const LEFT: Duration = Duration::from_secs(100);

fn to(name: &str, mention: Option<&str>) -> Destination {
    Destination { target: Target::Channel(name.into()), mention: mention.and_then(Mention::parse), route: None }
}

fn channels() -> Channels {
    Channels::new(to("C0DEFAULT", None), [("#old".to_owned(), "C0OLD".to_owned())].into())
}

struct Case {
    channel: &'static str,
    place: Place,
    mention: Option<&'static str>,
}

impl Case {
    fn channel(channel: &'static str) -> Self {
        Self { channel, place: Place::Channel, mention: None }
    }

    fn reply() -> Self {
        Self { place: Place::OnlyThread(thread()), ..Self::channel("C0OTHER") }
    }

    /// What follows from a failure, and where the message goes then.
    fn after(self, failure: SlackError, channels: &mut Channels) -> (AfterFailure, String, Place) {
        let mut outgoing = OutgoingMessage::new(&to(self.channel, self.mention), self.place, channels);
        let mut limiter = RateLimiter::default();
        let mut context = SendContext { channels, limiter: &mut limiter, now: NOW, time_left: LEFT, chance: 1.0 };
        let next = outgoing.on_failure(failure, &mut context);
        (next, channels.address(&outgoing.target).name().to_owned(), outgoing.place)
    }
}

fn thread() -> Thread {
    Thread { ts: "1.1".into(), is_broadcast: false }
}

fn error() -> String {
    "code".into()
}

#[test]
fn every_failure_of_a_new_message_has_its_consequence() {
    let again = |channel: &str| (AfterFailure::Again, channel.to_owned(), Place::Channel);
    let end = |unsent: Unsent| (AfterFailure::End(unsent), "C0OTHER".to_owned(), Place::Channel);
    let later = NOW.plus(Duration::from_millis(500));
    for (failure, expected) in [
        (SlackError::RateLimited(None), again("C0OTHER")),
        (SlackError::ContentRejected(error()), again("C0OTHER")),
        (SlackError::Restricted(error()), again("C0DEFAULT")),
        (SlackError::ChannelRejected(error()), again("C0DEFAULT")),
        (SlackError::ThreadRejected(error()), again("C0DEFAULT")),
        (SlackError::MessageNotFound(error()), again("C0DEFAULT")),
        (SlackError::Unclassified(error()), again("C0OTHER")),
        (SlackError::AppRejected(error()), end(Unsent::NotTried)),
        (SlackError::NotSent(error()), (AfterFailure::AgainAt(later), "C0OTHER".into(), Place::Channel)),
        (SlackError::OutcomeUnknown(error()), end(Unsent::Unknown("chat.postMessage: code".into()))),
    ] {
        assert_eq!(Case::channel("C0OTHER").after(failure.clone(), &mut channels()), expected, "{failure:?}");
    }
}

#[test]
fn a_message_that_the_default_channel_rejects_stops_its_queue() {
    let mut channels = channels();
    let stopped = Unsent::Stopped("C0DEFAULT: is_archived".into());
    let (next, ..) = Case::channel("C0DEFAULT").after(SlackError::ChannelRejected("is_archived".into()), &mut channels);
    assert_eq!(next, AfterFailure::End(stopped));
    let mut outgoing = OutgoingMessage::new(&to("C0DEFAULT", None), Place::Channel, &channels);
    assert_eq!(outgoing.prepare(&channels), Err(Unsent::Stopped("C0DEFAULT: is_archived".into())));
}

#[test]
fn an_unknown_outcome_is_tried_again_where_no_history_can_show_the_message() {
    let mut channels = channels();
    channels.set_unreadable("C0OTHER".into());
    let (next, ..) = Case::channel("C0OTHER").after(SlackError::OutcomeUnknown(error()), &mut channels);
    assert!(matches!(next, AfterFailure::AgainAt(_)), "{next:?}");
}

#[test]
fn a_reply_is_posted_in_its_thread_or_nowhere() {
    let place = || Place::OnlyThread(thread());
    for (failure, unsent) in [
        (SlackError::MessageNotFound(error()), Unsent::NotFound),
        (SlackError::ThreadRejected(error()), Unsent::NoReply(error())),
        (SlackError::ChannelRejected(error()), Unsent::NoReply(error())),
    ] {
        let expected = (AfterFailure::End(unsent), "C0OTHER".to_owned(), place());
        assert_eq!(Case::reply().after(failure, &mut channels()), expected);
    }
}

#[test]
fn a_message_that_a_thread_rejects_goes_to_the_channel() {
    let case = Case { place: Place::PreferThread(thread()), ..Case::channel("C0OTHER") };
    let expected = (AfterFailure::Again, "C0OTHER".to_owned(), Place::Channel);
    assert_eq!(case.after(SlackError::ThreadRejected(error()), &mut channels()), expected);
}

#[test]
fn a_channel_that_was_renamed_is_addressed_by_its_id() {
    let mut channels = channels();
    let not_found = || SlackError::ChannelRejected("channel_not_found".into());
    assert_eq!(Case::channel("#old").after(not_found(), &mut channels).1, "C0OLD");
    assert_eq!(Case::channel("#old").after(not_found(), &mut channels).1, "C0DEFAULT", "the ID does not exist either");
    assert_eq!(Case::channel("#unknown").after(not_found(), &mut channels).1, "C0DEFAULT");
}

#[test]
fn a_mention_that_a_channel_may_reject_is_omitted_first() {
    let case = Case { mention: Some("<!channel>"), ..Case::channel("C0OTHER") };
    let expected = (AfterFailure::Again, "C0OTHER".to_owned(), Place::Channel);
    assert_eq!(case.after(SlackError::Restricted(error()), &mut channels()), expected);
}

/// What follows each time a message fails in the same way, and where it goes then, until it is given up.
fn fail_to_end(case: Case, failure: &SlackError, channels: &mut Channels) -> Vec<(AfterFailure, String)> {
    let mut outgoing = OutgoingMessage::new(&to(case.channel, case.mention), case.place, channels);
    let mut limiter = RateLimiter::default();
    let mut context = SendContext { channels, limiter: &mut limiter, now: NOW, time_left: LEFT, chance: 1.0 };
    let mut trace: Vec<(AfterFailure, String)> = Vec::new();
    while !matches!(trace.last(), Some((AfterFailure::End(_), _))) {
        let next = outgoing.on_failure(failure.clone(), &mut context);
        trace.push((next, outgoing.target.name().to_owned()));
    }
    trace
}

#[test]
fn a_message_is_simplified_twice_and_then_goes_to_the_default_channel_unless_its_content_is_rejected() {
    const OTHER: &str = "C0OTHER";
    const DEFAULT: &str = "C0DEFAULT";
    let in_thread = Case { place: Place::PreferThread(thread()), ..Case::channel(DEFAULT) };
    for (case, failure, expected) in [
        (Case::channel(OTHER), SlackError::ContentRejected(error()), vec![OTHER; 3]),
        (Case::channel(DEFAULT), SlackError::Unclassified(error()), vec![DEFAULT; 3]),
        (
            Case::channel(OTHER),
            SlackError::Unclassified(error()),
            vec![OTHER, OTHER, DEFAULT, DEFAULT, DEFAULT, DEFAULT],
        ),
        (in_thread, SlackError::Unclassified(error()), vec![DEFAULT; 6]),
    ] {
        let mut channels = channels();
        let mut trace = fail_to_end(case, &failure, &mut channels);
        let targets: Vec<String> = trace.iter().map(|(_, target)| target.clone()).collect();
        assert_eq!(targets, expected, "{failure:?}");
        assert_eq!(trace.pop().map(|(next, _)| next), Some(AfterFailure::End(Unsent::Failed(error()))), "{failure:?}");
        assert!(trace.iter().all(|(next, _)| *next == AfterFailure::Again), "{failure:?}: {trace:?}");
        assert_eq!(channels.rejection(&Target::Channel(DEFAULT.into())), None, "its queue does not stop");
    }
}

#[test]
fn a_message_in_the_default_channel_names_the_channel_that_rejected_it_and_has_its_mention() {
    let mut channels = channels();
    let mut outgoing = OutgoingMessage::new(&to("C0OTHER", Some("<!channel>")), Place::Channel, &channels);
    let mut limiter = RateLimiter::default();
    let mut context =
        SendContext { channels: &mut channels, limiter: &mut limiter, now: NOW, time_left: LEFT, chance: 1.0 };
    assert_eq!(
        outgoing.on_failure(SlackError::ChannelRejected("is_archived".into()), &mut context),
        AfterFailure::Again
    );
    outgoing.addressed(|_, addressing| {
        assert_eq!(addressing.intended_channel, Some("C0OTHER"));
        assert!(addressing.mention.is_some());
    });
    let at = MessageRef { channel: "C0DEFAULT".into(), ts: "1.1".into(), thread_ts: None };
    assert_eq!(outgoing.on_sent(at.into(), &mut context).intended_channel.as_deref(), Some("C0OTHER"));
}

#[test]
fn a_channel_that_is_known_to_reject_messages_is_avoided_except_by_replies() {
    let mut channels = channels();
    channels.add_rejection(&Target::Channel("C0OTHER".into()), "C0OTHER: is_archived");
    let prepare = |place: Place| {
        let mut outgoing = OutgoingMessage::new(&to("C0OTHER", None), place, &channels);
        (outgoing.prepare(&channels), outgoing.target.name().to_owned())
    };
    assert_eq!(prepare(Place::Channel), (Ok(()), "C0DEFAULT".to_owned()));
    assert_eq!(prepare(Place::OnlyThread(thread())), (Ok(()), "C0OTHER".to_owned()));
}

#[test]
fn a_rate_limit_holds_the_queue_as_long_as_slack_requests_or_longer_each_time() {
    let queue = Queue::Channel("C0OTHER".into());
    for (asked, seconds) in [(Some(Duration::from_secs(30)), [30, 30, 30]), (None, [2, 4, 8])] {
        let mut attempts = Attempts::default();
        for wait in seconds {
            let (mut channels, mut limiter) = (channels(), RateLimiter::default());
            let mut context =
                SendContext { channels: &mut channels, limiter: &mut limiter, now: NOW, time_left: LEFT, chance: 1.0 };
            attempts.on_rate_limit(&queue, asked, &mut context);
            assert_eq!(limiter.take(&queue, NOW), Err(NOW.plus(Duration::from_secs(wait))), "{asked:?}");
        }
    }
}

#[test]
fn a_message_that_was_certainly_not_sent_has_four_attempts() {
    let after = |millis: u64| AfterFailure::AgainAt(NOW.plus(Duration::from_millis(millis)));
    let trace = fail_to_end(Case::channel("C0OTHER"), &SlackError::NotSent(error()), &mut channels());
    let next: Vec<AfterFailure> = trace.into_iter().map(|(next, _)| next).collect();
    let failed = AfterFailure::End(Unsent::Failed("chat.postMessage: code".into()));
    assert_eq!(next, [after(500), after(1_000), after(2_000), failed]);
}

#[test]
fn a_message_goes_to_its_own_channel_unless_that_rejects_messages() {
    for (is_rejected, expected) in [(false, "C0OTHER"), (true, "C0DEFAULT")] {
        let mut channels = channels();
        if is_rejected {
            Case::channel("C0OTHER").after(SlackError::ChannelRejected("is_archived".into()), &mut channels);
        }
        let mut outgoing = OutgoingMessage::new(&to("C0OTHER", None), Place::Channel, &channels);
        assert_eq!(outgoing.prepare(&channels), Ok(()));
        assert_eq!(outgoing.target.name(), expected);
    }
}
