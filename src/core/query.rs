//! Queries GuardDuty and Slack, one request at a time.

use std::task::Poll;
use std::time::Duration;

use crate::core::Core;
use crate::core::event::{Effect, Query, QueryId, QueryResponse};
use crate::time::Timestamp;

/// The queries of a run.
#[derive(Debug, Default)]
pub(super) struct Queries {
    open: Option<OpenQuery>,
    last: QueryId,
}

/// A query whose response was not returned yet.
#[derive(Debug)]
struct OpenQuery {
    id: QueryId,
    /// Time until which the run waits for the response.
    until: Timestamp,
    response: Option<QueryResponse>,
}

impl Queries {
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Time until which the run waits for a response.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        self.open.as_ref().map(|open| open.until)
    }
}

impl Core<'_> {
    /// Starts a query, or returns the response to the open one. The response is `None` if it does not arrive before `until`,
    /// or before the run must end.
    ///
    /// A step calls this again until it is ready. `until` and `query` count at the first call only. No other query may
    /// start before: the next call would return the response to this one.
    pub(super) fn query_until(
        &mut self,
        until: Timestamp,
        query: impl FnOnce() -> Query,
    ) -> Poll<Option<QueryResponse>> {
        let Some(open) = &mut self.queries.open else {
            return self.begin_query(until, query);
        };
        if let Some(response) = open.response.take() {
            self.queries.open = None;
            return Poll::Ready(Some(response));
        }
        let (id, until) = (open.id, open.until);
        if !self.is_stopping() && self.now < until {
            return Poll::Pending;
        }
        self.queries.open = None;
        self.effects.push(Effect::AbandonQuery(id));
        Poll::Ready(None)
    }

    /// Like [`Core::query_until`], limited only by the end of the run.
    pub(super) fn query(&mut self, query: impl FnOnce() -> Query) -> Poll<Option<QueryResponse>> {
        self.query_until(Timestamp::MAX, query)
    }

    /// Like [`Core::query_until`], within the time that triage and the summary may take.
    pub(super) fn query_within(
        &mut self,
        limit: Duration,
        query: impl FnOnce() -> Query,
    ) -> Poll<Option<QueryResponse>> {
        let until = self.now.plus(limit.min(self.time_for_triage()));
        self.query_until(until, query)
    }

    fn begin_query(&mut self, until: Timestamp, query: impl FnOnce() -> Query) -> Poll<Option<QueryResponse>> {
        if self.is_stopping() || self.now >= until {
            return Poll::Ready(None);
        }
        let id = self.queries.last.next();
        self.queries = Queries { open: Some(OpenQuery { id, until, response: None }), last: id };
        self.effects.push(Effect::Query(id, query()));
        Poll::Pending
    }

    pub(super) fn on_query_answered(&mut self, id: QueryId, response: QueryResponse) {
        if let Some(open) = self.queries.open.as_mut().filter(|open| open.id == id) {
            open.response = Some(response);
        }
    }
}
