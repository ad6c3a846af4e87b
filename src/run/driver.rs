//! The only loop of a run: it converts effects of the core to requests, and responses to events.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::rc::Rc;

use futures_util::future::{FusedFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Mutex, watch};

use crate::core::call::{CallId, CallResponse};
use crate::core::{Core, Effect, Event, Generation, QueryId, QueryResponse, Save, SourceRequest, UnusableIdentity};
use crate::guardduty::{GuardDutyApi, SourceKey};
use crate::plan::Delivery;
use crate::run::source_reads::SourceReads;
use crate::run::workers;
use crate::slack::SlackApi;
use crate::state::store::{SaveError, Store};
use crate::time::{Time, Timestamp};

/// The sources of one identity, once they are known.
pub type SourceDiscovery<D> = Pin<Box<dyn Future<Output = Result<Vec<D>, UnusableIdentity>>>>;

/// The external systems of a run.
pub struct Systems<'a, D, C, S> {
    pub discoveries: Vec<SourceDiscovery<D>>,
    pub chat: &'a C,
    pub store: S,
    /// Prints a delivery of a dry run.
    pub print: &'a dyn Fn(&Delivery),
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

struct Driver<'a, D, C, S, T> {
    time: T,
    chat: &'a C,
    /// A save that is replaced releases the store.
    store: Rc<Mutex<S>>,
    print: &'a dyn Fn(&Delivery),
    sources: HashMap<SourceKey, Rc<D>>,
    discoveries: FuturesUnordered<SourceDiscovery<D>>,
    source_reads: SourceReads<D, T>,
    calls: FuturesUnordered<Pending<'a, (CallId, CallResponse)>>,
    query: Option<(QueryId, Pending<'a, QueryResponse>)>,
    save: Option<(Generation, Pending<'a, Result<(), SaveError>>)>,
    wake_at: Option<Timestamp>,
}

/// Runs until the core is finished.
pub async fn drive<D: GuardDutyApi + 'static, C: SlackApi, S: Store + 'static, T: Time>(
    core: &mut Core<'_>,
    systems: Systems<'_, D, C, S>,
    time: T,
    shutdown: watch::Receiver<bool>,
) {
    let mut driver = Driver::new(systems, time.clone());
    let mut shutdown = pin!(wait_for_request(shutdown).fuse());
    let effects = core.begin(time.now());
    driver.start(effects);
    while !core.is_finished() {
        let event = driver.next_event(shutdown.as_mut()).await;
        let effects = core.handle(event, time.now());
        driver.start(effects);
    }
}

impl<'a, D: GuardDutyApi + 'static, C: SlackApi, S: Store + 'static, T: Time> Driver<'a, D, C, S, T> {
    fn new(systems: Systems<'a, D, C, S>, time: T) -> Self {
        Self {
            chat: systems.chat,
            store: Rc::new(Mutex::new(systems.store)),
            print: systems.print,
            sources: HashMap::new(),
            discoveries: systems.discoveries.into_iter().collect(),
            source_reads: SourceReads::new(time.clone()),
            calls: FuturesUnordered::new(),
            query: None,
            save: None,
            wake_at: None,
            time,
        }
    }

    fn start(&mut self, effects: Vec<Effect>) {
        self.wake_at = None;
        for effect in effects {
            match effect {
                Effect::ReadSource(request) => self.read_source(*request),
                Effect::Call(id, call) => {
                    let response = workers::call(self.chat, call);
                    self.calls.push(Box::pin(async move { (id, response.await) }));
                }
                Effect::AbandonCalls => self.calls.clear(),
                Effect::Query(id, query) => {
                    let response = workers::run_query(self.chat, self.sources.clone(), query);
                    self.query = Some((id, Box::pin(response)));
                }
                Effect::AbandonQuery(id) => _ = self.query.take_if(|(running, _)| *running == id),
                Effect::Save(save) => self.start_save(save),
                Effect::Print(delivery) => (self.print)(&delivery),
                Effect::WakeAt(time) => self.wake_at = Some(time),
            }
        }
    }

    fn read_source(&mut self, request: SourceRequest) {
        if let Some(source) = self.sources.get(&request.source) {
            self.source_reads.push(source.clone(), request.detector_id, request.batch, request.extras);
        }
    }

    fn start_save(&mut self, Save { generation, document }: Save) {
        // Dropping the previous save releases the store.
        self.save = None;
        let store = self.store.clone();
        let save = async move { store.lock().await.save(&document).await };
        self.save = Some((generation, Box::pin(save)));
    }

    /// The order of the branches decides which of several events that are due comes first.
    async fn next_event(&mut self, mut shutdown: Pin<&mut impl FusedFuture<Output = ()>>) -> Event {
        tokio::select! {
            biased;
            () = &mut shutdown => Event::ShutdownRequested,
            Some((id, response)) = self.calls.next() => Event::CallAnswered(id, response),
            (generation, result) = response_of(&mut self.save) => Event::Saved(generation, result),
            (id, response) = response_of(&mut self.query) => Event::QueryAnswered(id, response),
            Some(discovered) = self.discoveries.next() => Event::SourcesDiscovered(self.keep(discovered)),
            Some(report) = self.source_reads.next() => Event::SourceRead(Box::new(report)),
            () = sleep_until(self.wake_at, &self.time) => Event::Woken,
        }
    }

    /// Keeps the sources, and returns their keys. A source that another identity showed first is not replaced.
    fn keep(&mut self, discovered: Result<Vec<D>, UnusableIdentity>) -> Result<Vec<SourceKey>, UnusableIdentity> {
        let sources = discovered?;
        let mut keys = Vec::new();
        for source in sources {
            let key = source.key().clone();
            self.sources.entry(key.clone()).or_insert_with(|| Rc::new(source));
            keys.push(key);
        }
        Ok(keys)
    }
}

/// Waits for the response to the request in progress, and removes the request.
async fn response_of<I: Copy, T>(pending: &mut Option<(I, Pending<'_, T>)>) -> (I, T) {
    let Some((id, future)) = pending else { return std::future::pending().await };
    let response = (*id, future.await);
    *pending = None;
    response
}

/// Waits for the request to shut down.
async fn wait_for_request(mut shutdown: watch::Receiver<bool>) {
    if shutdown.wait_for(|is_requested| *is_requested).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn sleep_until(wake_at: Option<Timestamp>, time: &impl Time) {
    match wake_at {
        Some(wake_at) => time.sleep_until(wake_at).await,
        None => std::future::pending().await,
    }
}
