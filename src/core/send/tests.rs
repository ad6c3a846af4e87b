//! Forms, channels and attempts of one message.

use super::*;

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
    fn after(self, failure: SlackError, channels: &mut Channels) -> (Next, String, Place) {
        let mut outgoing = OutgoingMessage::new(&to(self.channel, self.mention), self.place, channels);
        let mut limiter = RateLimiter::default();
        let mut shared = Shared { channels, limiter: &mut limiter, now: NOW, left: LEFT, chance: 1.0 };
        let next = outgoing.on_failure(failure, &mut shared);
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
    let again = |channel: &str| (Next::Again, channel.to_owned(), Place::Channel);
    let end = |unsent: Unsent| (Next::End(unsent), "C0OTHER".to_owned(), Place::Channel);
    let later = NOW.plus(Duration::from_millis(500));
    for (failure, expected) in [
        (SlackError::RateLimited(None), again("C0OTHER")),
        (SlackError::ContentRejected(error()), again("C0OTHER")),
        (SlackError::Restricted(error()), again("C0DEFAULT")),
        (SlackError::ChannelRejected(error()), again("C0DEFAULT")),
        (SlackError::Reply(error()), again("C0DEFAULT")),
        (SlackError::MessageNotFound(error()), again("C0DEFAULT")),
        (SlackError::Unclassified(error()), again("C0OTHER")),
        (SlackError::AppRejected(error()), end(Unsent::Left)),
        (SlackError::NotSent(error()), (Next::AgainAt(later), "C0OTHER".into(), Place::Channel)),
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
    assert_eq!(next, Next::End(stopped));
    let mut outgoing = OutgoingMessage::new(&to("C0DEFAULT", None), Place::Channel, &channels);
    assert_eq!(outgoing.prepare(&channels), Err(Unsent::Stopped("C0DEFAULT: is_archived".into())));
}

#[test]
fn an_unknown_outcome_is_tried_again_where_no_history_can_show_the_message() {
    let mut channels = channels();
    channels.set_unreadable("C0OTHER".into());
    let (next, ..) = Case::channel("C0OTHER").after(SlackError::OutcomeUnknown(error()), &mut channels);
    assert!(matches!(next, Next::AgainAt(_)), "{next:?}");
}

#[test]
fn a_reply_is_posted_in_its_thread_or_nowhere() {
    let place = || Place::OnlyThread(thread());
    for (failure, unsent) in [
        (SlackError::MessageNotFound(error()), Unsent::NotFound),
        (SlackError::Reply(error()), Unsent::NoReply(error())),
        (SlackError::ChannelRejected(error()), Unsent::NoReply(error())),
    ] {
        let expected = (Next::End(unsent), "C0OTHER".to_owned(), place());
        assert_eq!(Case::reply().after(failure, &mut channels()), expected);
    }
}

#[test]
fn a_message_that_a_thread_rejects_goes_to_the_channel() {
    let case = Case { place: Place::PreferThread(thread()), ..Case::channel("C0OTHER") };
    let expected = (Next::Again, "C0OTHER".to_owned(), Place::Channel);
    assert_eq!(case.after(SlackError::Reply(error()), &mut channels()), expected);
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
    let expected = (Next::Again, "C0OTHER".to_owned(), Place::Channel);
    assert_eq!(case.after(SlackError::Restricted(error()), &mut channels()), expected);
}
