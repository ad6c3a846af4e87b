//! Which channels a run reads after one that could not record its messages, and what it does without their history.

use super::support::{announced, notice};
use super::*;
use crate::config::LogFormat;
use crate::core::channels::NamedChannel;
use crate::core::event::{ChannelHistory, QueryResponse};
use crate::message::{Notice, NoticeId};
use crate::slack::HistoryError;
use crate::state::{DigestPlan, FindingRecord};
use crate::telemetry::tests::logged;

fn begin_uncertain(config: &Config, is_unclean: bool) -> Run<'_> {
    let since = NOW.minus(Duration::from_mins(10));
    begin_after(config, 1, Some(EarlierPosts { since, readable_at: None, is_unclean }))
}

#[test]
fn every_channel_is_read_that_may_have_a_message() {
    let routes = r#"[{"match": {"type": ["Recon:*"]}, "channel": "C0ROUTE"}]"#;
    let config = config(&[("SLACK_ROUTES", routes)]);
    let mut run = begin_uncertain(&config, true);
    let plan = DigestPlan { channel: "C0PLAN".into(), findings: vec![("f2".into(), NOW, 0)] };
    run.core.state.save_digest_plan("run-1", plan);
    let at = MessageRef { channel: "C0FORMER".into(), ts: "1.1".into(), thread_ts: None };
    let record = FindingRecord { message: Some(at.into()), ..announced() };
    run.core.state.findings.insert("f3".to_owned(), record);
    run.show(&["f1"]);
    let [(_, Query::Histories { channels, .. })] = &run.queries[..] else { panic!("{:?}", run.queries) };
    let ids: Vec<&str> = channels.keys().map(String::as_str).collect();
    assert_eq!(ids, ["C0FORMER", "C0PLAN", "C0ROUTE", "C0SECURITY"]);
}

#[test]
fn without_the_history_a_run_posts_unless_the_last_one_ended_uncleanly_and_the_history_may_be_readable_later() {
    let denied = || HistoryError::Denied("missing_scope".into());
    let rejected = || HistoryError::Denied("not_in_channel".into());
    let unavailable = || HistoryError::Unavailable("503".into());
    for (error, is_unclean, is_posted) in
        [(denied(), true, true), (rejected(), true, true), (unavailable(), false, true), (unavailable(), true, false)]
    {
        let case = format!("{error:?} {is_unclean}");
        let config = config(&[]);
        let mut run = begin_uncertain(&config, is_unclean);
        run.show(&["f1"]);
        let channel = NamedChannel { name: "C0SECURITY".into(), id: "C0SECURITY".into() };
        run.reply(QueryResponse::Histories(vec![ChannelHistory { channel, messages: Err(error) }]));
        run.play_to_end(None);
        assert_eq!(run.core.state.is_processed("f1", NOW), is_posted, "{case}");
    }
}

#[test]
fn a_notice_that_was_posted_is_removed_and_the_others_are_not() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.core.state.queue_notice(notice());
    run.show(&[]);
    run.answer_save(Ok(()));
    run.core.state.queue_notice(Notice { id: NoticeId::new("n2", NOW), ..notice() });
    run.acknowledge();
    let ids: Vec<String> = run.core.state.notices.iter().map(|notice| notice.id.to_string()).collect();
    assert!(matches!(&ids[..], [id] if id.starts_with("n2")), "{ids:?}");
    run.play_to_end(None);
    assert!(run.core.is_success());
}

#[test]
fn a_channel_whose_history_is_denied_is_a_warning_that_says_what_to_do() {
    for (error, hint) in [
        ("not_in_channel", "; invite the app to the channel"),
        ("missing_scope", "; add the scopes channels:history and groups:history"),
        ("channel_not_found", ""),
    ] {
        let config = config(&[]);
        let mut run = begin_uncertain(&config, true);
        run.show(&["f1"]);
        let channel = NamedChannel { name: "C0SECURITY".into(), id: "C0SECURITY".into() };
        let history = ChannelHistory { channel, messages: Err(HistoryError::Denied(error.into())) };
        let lines = logged(LogFormat::Json, "warn", || run.reply(QueryResponse::Histories(vec![history])));
        let message = format!("channel history is not readable; duplicates are possible after a crash{hint}\"");
        assert!(lines.iter().any(|line| line.contains(&message)), "{error}: {lines:?}");
    }
}
