//! Queries GuardDuty and Slack, one request at a time.

use std::task::Poll;
use std::time::Duration;

use crate::core::event::{Effect, Query, QueryId, Reply};
use crate::core::run::Core;
use crate::time::Timestamp;

/// A question that was asked.
#[derive(Debug)]
pub(super) struct Inquiry {
    id: QueryId,
    /// Time until which the answer is waited for.
    pub(super) until: Timestamp,
    reply: Option<Reply>,
}

impl Core<'_> {
    /// Asks, or returns the reply to what was asked. The reply is `None` if it did not come until `until`, or before the
    /// run must end.
    pub(super) fn ask_until(&mut self, until: Timestamp, query: impl FnOnce() -> Query) -> Poll<Option<Reply>> {
        let Some(inquiry) = &mut self.inquiry else {
            return self.begin_inquiry(until, query);
        };
        if let Some(reply) = inquiry.reply.take() {
            self.inquiry = None;
            return Poll::Ready(Some(reply));
        }
        let (id, until) = (inquiry.id, inquiry.until);
        if !self.is_stopping() && self.now < until {
            return Poll::Pending;
        }
        self.inquiry = None;
        self.effects.push(Effect::AbandonQuery(id));
        Poll::Ready(None)
    }

    /// Asks, with no limit but the end of the run.
    pub(super) fn ask(&mut self, query: impl FnOnce() -> Query) -> Poll<Option<Reply>> {
        self.ask_until(Timestamp::MAX, query)
    }

    /// Asks within the time that triage and the summary may take.
    pub(super) fn ask_within(&mut self, limit: Duration, query: impl FnOnce() -> Query) -> Poll<Option<Reply>> {
        let until = self.now.plus(limit.min(self.time_for_triage()));
        self.ask_until(until, query)
    }

    fn begin_inquiry(&mut self, until: Timestamp, query: impl FnOnce() -> Query) -> Poll<Option<Reply>> {
        if self.is_stopping() || self.now >= until {
            return Poll::Ready(None);
        }
        self.last_query += 1;
        let id = QueryId(self.last_query);
        self.inquiry = Some(Inquiry { id, until, reply: None });
        self.effects.push(Effect::Ask(id, query()));
        Poll::Pending
    }

    pub(super) fn on_reply(&mut self, id: QueryId, reply: Reply) {
        if let Some(inquiry) = self.inquiry.as_mut().filter(|inquiry| inquiry.id == id) {
            inquiry.reply = Some(reply);
        }
    }
}
