//! Queries GuardDuty and Slack, one request at a time.

use std::task::Poll;
use std::time::Duration;

use crate::core::event::{Effect, Query, QueryId, Reply};
use crate::core::run::Core;
use crate::time::Timestamp;

/// A query whose reply was not returned yet.
#[derive(Debug)]
pub(super) struct OpenQuery {
    id: QueryId,
    /// Time until which the run waits for the reply.
    pub(super) until: Timestamp,
    reply: Option<Reply>,
}

impl Core<'_> {
    /// Starts a query, or returns the reply to the open one. The reply is `None` if it does not arrive before `until`, or
    /// before the run must end.
    pub(super) fn query_until(&mut self, until: Timestamp, query: impl FnOnce() -> Query) -> Poll<Option<Reply>> {
        let Some(open_query) = &mut self.open_query else {
            return self.begin_query(until, query);
        };
        if let Some(reply) = open_query.reply.take() {
            self.open_query = None;
            return Poll::Ready(Some(reply));
        }
        let (id, until) = (open_query.id, open_query.until);
        if !self.is_stopping() && self.now < until {
            return Poll::Pending;
        }
        self.open_query = None;
        self.effects.push(Effect::AbandonQuery(id));
        Poll::Ready(None)
    }

    /// Like [`Core::query_until`], limited only by the end of the run.
    pub(super) fn query(&mut self, query: impl FnOnce() -> Query) -> Poll<Option<Reply>> {
        self.query_until(Timestamp::MAX, query)
    }

    /// Like [`Core::query_until`], within the time that triage and the summary may take.
    pub(super) fn query_within(&mut self, limit: Duration, query: impl FnOnce() -> Query) -> Poll<Option<Reply>> {
        let until = self.now.plus(limit.min(self.time_for_triage()));
        self.query_until(until, query)
    }

    fn begin_query(&mut self, until: Timestamp, query: impl FnOnce() -> Query) -> Poll<Option<Reply>> {
        if self.is_stopping() || self.now >= until {
            return Poll::Ready(None);
        }
        self.last_query += 1;
        let id = QueryId(self.last_query);
        self.open_query = Some(OpenQuery { id, until, reply: None });
        self.effects.push(Effect::Query(id, query()));
        Poll::Pending
    }

    pub(super) fn on_reply(&mut self, id: QueryId, reply: Reply) {
        if let Some(open_query) = self.open_query.as_mut().filter(|open_query| open_query.id == id) {
            open_query.reply = Some(reply);
        }
    }
}
