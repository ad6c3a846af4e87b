//! People are called once about an increase of the severity level.

use super::*;
use crate::core::replies::PostedReplies;

/// The thread has a reply about a revision of a finding, which called people at this severity.
fn called(finding_id: &str, updated_at: &str, severity: Option<f64>) -> CallResponse {
    let CallResponse::Messages(Ok(mut messages)) = replied() else { unreachable!("the thread has a reply") };
    messages[0].payload.insert("finding_id".into(), finding_id.into());
    messages[0].payload.insert("updated_at".into(), updated_at.into());
    messages[0].payload.extend(severity.map(|severity| ("severity".to_owned(), severity.into())));
    CallResponse::Messages(Ok(messages))
}

#[test]
fn people_are_called_once_about_an_increase_even_if_a_run_died_after_the_call_and_the_finding_recurred() {
    const BEFORE: &str = "2027-01-15T06:00:00.000Z";
    for (thread, is_called, case) in [
        (called("f", EARLIER, Some(8.0)), false, "the run that died called about an earlier revision"),
        (called("f", EARLIER, Some(9.5)), false, "it called about a higher severity level"),
        (called("f", EARLIER, Some(5.0)), true, "it called about a lower severity level"),
        (called("f", EARLIER, None), true, "its reply called nobody"),
        (called("f", BEFORE, Some(8.0)), true, "the severity level decreased since"),
        (called("g", EARLIER, Some(8.0)), true, "it called about another finding"),
    ] {
        let Delivery::Update(f, mut update) = recurrence(None) else { unreachable!("a recurrence is an update") };
        let since = Timestamp::parse(BEFORE);
        update.reply = Some(reply_at(&update.message, increase(since)));
        let (requests, result) = play(Delivery::Update(f, update), vec![edited(), thread]);
        assert_eq!(requests.last().is_some_and(|request| request == "broadcast in 2.2"), is_called, "{case}");
        let is_left = matches!(result, Some(DeliveryResult::Processed(Outcome::Updated { notified: false, .. })));
        assert_eq!(is_left, !is_called, "{case}: a later reply reports what else is new");
    }
}

#[test]
fn people_are_called_once_about_an_increase_even_if_their_thread_rejected_the_call() {
    let CallResponse::Messages(Ok(in_channel)) = called("f", EARLIER, Some(8.0)) else {
        unreachable!("a call is a message")
    };
    let in_channel: Vec<BotMessage> = in_channel.into_iter().map(|m| BotMessage { thread_ts: None, ..m }).collect();
    let mut found_at_start = channels();
    let mut replies = PostedReplies::default();
    in_channel.iter().for_each(|m| replies.add(m));
    found_at_start.set_standalone_replies(replies);
    let history = CallResponse::Messages(Ok(in_channel));
    for (mut channels, attempt, answers, requests, case) in [
        (found_at_start, Attempt::First, vec![], vec!["edit 2.2", "read 2.2"], "the run began with the history"),
        (
            channels(),
            Attempt::AfterUnknownOutcome,
            vec![history],
            vec!["edit 2.2", "read 2.2", "read the channel"],
            "an outcome is unknown",
        ),
    ] {
        let answers = [edited(), nothing_there()].into_iter().chain(answers).collect();
        let played = play_in(&mut channels, recurrence(None), attempt, answers);
        assert_eq!(played.names(), requests, "{case}");
        let is_left =
            matches!(played.result, Some(DeliveryResult::Processed(Outcome::Updated { notified: false, .. })));
        assert!(is_left, "{case}: {:?}", played.result);
    }
}
