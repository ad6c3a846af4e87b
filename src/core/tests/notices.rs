//! Notices of a run without a saved state.

use super::support::{notice, posted};
use super::*;
use crate::core::channels::NamedChannel;
use crate::message::{Notice, NoticeLevel};
use crate::slack::{BotMessage, HistoryError};

type Messages = Result<Vec<BotMessage>, HistoryError>;

fn save_failed() -> Result<(), SaveError> {
    Err(SaveError::Unavailable("503".into()))
}

/// A run whose state was never saved, and which has a notice to announce.
fn begin_unsaved(config: &Config, level: NoticeLevel) -> Run<'_> {
    let mut run = begin(config);
    run.core.state.saved_at = None;
    run.core.state.queue_notice(Notice { level, ..notice() });
    run.show(&[]);
    run
}

fn history(messages: Messages) -> QueryResponse {
    let channel = NamedChannel { name: "C0SECURITY".into(), id: "C0SECURITY".into() };
    QueryResponse::Histories(vec![ChannelHistory { channel, messages }])
}

fn posted_notice(id: &str) -> Messages {
    Ok(vec![posted("guardduty_notice", &[("notice_id", id)])])
}

#[test]
fn without_a_saved_state_a_warning_is_announced_that_the_last_day_does_not_show_and_no_info() {
    let unavailable = || Err(HistoryError::Unavailable("503".into()));
    for (level, messages, is_announced, case) in [
        (NoticeLevel::Warning, Ok(Vec::new()), true, "an empty history"),
        (NoticeLevel::Warning, posted_notice("n2-1"), true, "another event"),
        (NoticeLevel::Warning, posted_notice("n1-1"), false, "an earlier run without a saved state announced it"),
        (NoticeLevel::Warning, unavailable(), true, "the history cannot be read"),
        (NoticeLevel::Info, Ok(Vec::new()), false, "info"),
    ] {
        let config = config(&[]);
        let mut run = begin_unsaved(&config, level);
        run.answer_save(save_failed());
        let [(_, Query::Histories { channels, oldest })] = &run.queries[..] else {
            panic!("{case}: {:?}", run.queries)
        };
        assert_eq!(*channels, [("C0SECURITY".to_owned(), "C0SECURITY".to_owned())].into());
        assert_eq!(*oldest, NOW.minus(Duration::from_hours(24)));
        run.reply(history(messages));
        assert_eq!(run.calls.len(), usize::from(is_announced), "{case}");
        if !is_announced {
            assert!(run.saves[0].document.contains("\"n1\""), "{case}: a run that can save its state announces it");
        }
    }
}

#[test]
fn a_history_without_an_answer_shows_no_notice() {
    let config = config(&[]);
    let mut run = begin_unsaved(&config, NoticeLevel::Warning);
    run.answer_save(save_failed());
    run.reply(QueryResponse::Permalink(None));
    assert_eq!(run.calls.len(), 1);
}

#[test]
fn the_history_is_not_read_for_notices_if_the_state_is_saved_or_the_history_cannot_be_read() {
    let config = config(&[]);
    let mut run = begin_unsaved(&config, NoticeLevel::Info);
    run.answer_save(Ok(()));
    assert_eq!((run.queries.len(), run.calls.len()), (0, 1), "the state is saved");
    let mut run = begin_unsaved(&config, NoticeLevel::Warning);
    run.core.channels.set_unreadable("C0SECURITY".into());
    run.answer_save(save_failed());
    assert_eq!((run.queries.len(), run.calls.len()), (0, 1), "the history cannot be read");
    let mut run = begin(&config);
    run.core.state.saved_at = None;
    run.show(&["f1"]);
    run.answer_save(save_failed());
    assert_eq!((run.queries.len(), run.calls.len()), (0, 1), "there is no notice");
}
