//! What several tests of runs need: an earlier announcement, notices, and the responses to a run.

use super::*;
use crate::message::{Notice, NoticeId, NoticeLevel};
use crate::slack::BotMessage;
use crate::state::FindingRecord;

/// A warning that is to be announced.
pub(super) fn notice() -> Notice {
    Notice { id: NoticeId::new("n1", NOW), title: "title".into(), lines: vec![], level: NoticeLevel::Warning }
}

/// A source in another region.
pub(super) fn other() -> SourceKey {
    SourceKey { account: ACCOUNT.into(), region: "us-east-1".into() }
}

/// The record of a finding whose revision `NOW` was announced.
pub(super) fn announced() -> FindingRecord {
    let at = MessageRef { channel: "C0SECURITY".into(), ts: "1799999000.1".into(), thread_ts: None };
    FindingRecord { updated_at: Some(NOW), message: Some(at.into()), severity: 5.0, ..FindingRecord::default() }
}

/// A message that an earlier run posted.
pub(super) fn posted(event_type: &str, payload: &[(&str, &str)]) -> BotMessage {
    let payload = payload.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    let ts = format!("{}.1", NOW.0 / 1_000);
    BotMessage { ts, thread_ts: None, event_type: event_type.into(), payload }
}

impl Run<'_> {
    /// The source is discovered, and read with a report that is changed in this way.
    pub(super) fn read_as(&mut self, change: impl FnOnce(&mut SourceReport)) {
        self.handle(Event::SourcesDiscovered(Ok(vec![source()])));
        self.report_as(source(), change);
    }

    /// A source is read.
    pub(super) fn report_as(&mut self, key: SourceKey, change: impl FnOnce(&mut SourceReport)) {
        let mut report = SourceReport::of(key, Ok(Some("d".into())), true);
        change(&mut report);
        self.handle(Event::SourceRead(Box::new(report)));
    }

    /// The open query gets a reply.
    pub(super) fn reply(&mut self, response: QueryResponse) {
        let (id, _) = self.queries.remove(0);
        self.handle(Event::QueryAnswered(id, response));
    }

    /// Slack responds to the oldest request.
    pub(super) fn answer(&mut self, answer: CallResponse) {
        let (id, _) = self.calls.remove(0);
        self.handle(Event::CallAnswered(id, answer));
    }

    /// Plays to the end of the run. Slack accepts each post, or responds to it with this error. Every save succeeds.
    pub(super) fn play_to_end(&mut self, error: Option<fn() -> SlackError>) {
        while !self.core.is_finished() {
            match error {
                _ if !self.saves.is_empty() => self.answer_save(Ok(())),
                _ if self.calls.is_empty() => self.pass(Duration::from_secs(1)),
                None => self.acknowledge(),
                Some(error) => self.respond(Err(error())),
            }
        }
    }
}
