//! Polls the sources of a run: a limited number concurrently, the others in turn.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::guardduty::GuardDutyApi;
use crate::poll::BatchRequest;
use crate::poll::source::{SourceExtras, SourceReport, read_source};
use crate::time::Time;

/// Maximum number of sources that are read concurrently. A read that is in progress holds the state of all its calls,
/// about 40 KB; a queued read holds only its request. At most 96 calls are in flight, about 6 per source, so that more
/// concurrent reads would only wait.
const MAX_CONCURRENT_READS: usize = 48;

type PendingRead = Pin<Box<dyn Future<Output = SourceReport>>>;

pub(super) struct SourceReads<D, T> {
    time: T,
    waiting: VecDeque<QueuedRead<D>>,
    running: FuturesUnordered<PendingRead>,
}

struct QueuedRead<D> {
    source: Rc<D>,
    detector: Option<String>,
    batch: BatchRequest,
    extras: SourceExtras,
}

impl<D: GuardDutyApi + 'static, T: Time> SourceReads<D, T> {
    pub(super) fn new(time: T) -> Self {
        Self { time, waiting: VecDeque::new(), running: FuturesUnordered::new() }
    }

    pub(super) fn push(&mut self, source: Rc<D>, detector: Option<String>, batch: BatchRequest, extras: SourceExtras) {
        self.waiting.push_back(QueuedRead { source, detector, batch, extras });
    }

    /// Returns the report of the next source that was read. A caller can drop the future: no report is lost.
    pub(super) async fn next(&mut self) -> Option<SourceReport> {
        while self.running.len() < MAX_CONCURRENT_READS
            && let Some(QueuedRead { source, detector, batch, extras }) = self.waiting.pop_front()
        {
            self.running.push(Box::pin(read_source(source, detector, batch, extras, self.time.clone())));
        }
        self.running.next().await
    }
}
