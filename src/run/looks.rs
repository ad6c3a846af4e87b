//! Polls the sources of a run: a limited number concurrently, the others in turn.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::guardduty::GuardDutyApi;
use crate::poll::Ask;
use crate::poll::look::{Besides, Look, look};
use crate::time::Time;

/// Sources that are looked at at the same time. A look holds the state of all its calls, some 40 KB; one that waits holds
/// what is to be asked. More than the calls that may be in flight (96, some six a look) would only wait.
const AT_A_TIME: usize = 48;

type Looking = Pin<Box<dyn Future<Output = Look>>>;

pub struct Looks<D, T> {
    time: T,
    waiting: VecDeque<Wanted<D>>,
    running: FuturesUnordered<Looking>,
}

struct Wanted<D> {
    source: Rc<D>,
    detector: Option<String>,
    ask: Ask,
    besides: Besides,
}

impl<D: GuardDutyApi + 'static, T: Time> Looks<D, T> {
    pub(super) fn new(time: T) -> Self {
        Self { time, waiting: VecDeque::new(), running: FuturesUnordered::new() }
    }

    pub(super) fn push(&mut self, source: Rc<D>, detector: Option<String>, ask: Ask, besides: Besides) {
        self.waiting.push_back(Wanted { source, detector, ask, besides });
    }

    /// What the next source that is done shows. Nothing is lost if it is not waited for to its end.
    pub(super) async fn next(&mut self) -> Option<Look> {
        while self.running.len() < AT_A_TIME
            && let Some(Wanted { source, detector, ask, besides }) = self.waiting.pop_front()
        {
            self.running.push(Box::pin(look(source, detector, ask, besides, self.time.clone())));
        }
        self.running.next().await
    }
}
