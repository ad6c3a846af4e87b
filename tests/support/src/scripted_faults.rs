//! What all fakes of one world share: the journal, the script of faults, the processes under test, and what the
//! program did that no peer would stand for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::fault::{Fault, Rule, Step};
use crate::journal::{Call, Effect, Journal};
use crate::server::{Closing, Outcome, Reply, Request, Server};
use crate::tls::Authority;

/// A service as its fake plays it.
pub(crate) trait Peer: Send + Sync + 'static {
    /// Reads what a request asks for.
    fn call(&self, request: &Request) -> Call;
    /// Lets the call take effect; what was asked wrongly goes to [`FaultScript::violation`].
    fn answer(&self, call: &Call, request: &Request) -> Reply;
    /// The answer that this service gives with an HTTP status.
    fn status(&self, call: &Call, status: u16) -> Reply;
    /// The answer that this service gives for an error of its own.
    fn error(&self, call: &Call, name: &str) -> Reply;
    /// Whether the service took it: a status below 300, for Slack `ok` too.
    fn accepted(&self, reply: &Reply) -> bool {
        reply.status < 300
    }
}

#[derive(Default)]
struct Inner {
    rules: Vec<Rule>,
    processes: Vec<u32>,
    violations: Vec<String>,
    /// By operation and channel of Slack: the end of the last `Retry-After`.
    rate_limited_until: HashMap<(String, String), Instant>,
}

#[derive(Clone, Default)]
pub struct FaultScript {
    pub journal: Journal,
    inner: Arc<Mutex<Inner>>,
}

impl FaultScript {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    pub(crate) fn clear(&self) {
        self.lock().rules.clear();
    }

    /// Something that the real service would refuse or that a careful client never does.
    pub(crate) fn violation(&self, what: impl Into<String>) {
        self.lock().violations.push(what.into());
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// A new process does not know the `Retry-After` of another.
    pub(crate) fn started(&self, process: u32) {
        let mut inner = self.lock();
        inner.processes.push(process);
        inner.rate_limited_until.clear();
    }

    /// Records a violation if a call comes before Slack's `Retry-After` has passed: Slack may disable such an app.
    fn check_retry_after(&self, call: &Call, step: &Step) {
        let key = (call.operation.clone(), call.place.clone());
        let mut inner = self.lock();
        let early = inner.rate_limited_until.get(&key).map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(early) = early.filter(|e| *e > Duration::from_millis(50)) {
            inner.violations.push(format!("{} to {} came {early:?} before Retry-After had passed", key.0, key.1));
        }
        if let Some(seconds) = step.retry_after.filter(|_| call.service == "slack") {
            inner.rate_limited_until.insert(key, Instant::now() + Duration::from_secs(seconds.into()));
        }
    }

    pub(crate) fn ended(&self, process: u32) {
        self.lock().processes.retain(|p| *p != process);
        self.journal.wake();
    }

    pub(crate) fn runs(&self, process: u32) -> bool {
        self.lock().processes.contains(&process)
    }

    /// Sends a signal to every program under test that still runs.
    pub(crate) fn signal(&self, signal: Signal) {
        for process in self.lock().processes.iter().filter_map(|p| Pid::from_raw(i32::try_from(*p).ok()?)) {
            let _ = kill_process(process, signal); // it may just have ended
        }
    }

    fn step(&self, call: &Call) -> Step {
        self.lock().rules.iter_mut().find_map(|rule| rule.step(call)).unwrap_or_else(crate::fault::ok)
    }

    pub(crate) fn serve(&self, peer: Arc<impl Peer>) -> Server {
        let stage = self.clone();
        Server::start(move |request, closing| stage.handle(&*peer, &request, closing))
    }

    /// The same over TLS.
    pub(crate) fn serve_tls(&self, peer: Arc<impl Peer>) -> Server {
        let stage = self.clone();
        Server::start_tls(Authority::shared(), 0, move |request, closing| stage.handle(&*peer, &request, closing))
    }

    /// The same on one address of this machine, with a certificate of `authority`.
    pub(crate) fn serve_tls_at(
        &self,
        peer: Arc<impl Peer>,
        address: SocketAddr,
        authority: &'static Authority,
    ) -> Server {
        let stage = self.clone();
        Server::start_tls_at(authority, address, move |request, closing| stage.handle(&*peer, &request, closing))
    }

    fn handle(&self, peer: &impl Peer, request: &Request, closing: &Closing) -> Outcome {
        let call = peer.call(request);
        let index = self.journal.begin(call.clone());
        let step = self.step(&call);
        self.check_retry_after(&call, &step);
        if let Fault::Hold(gate) = &step.fault {
            gate.wait();
        }
        let effect = (step.after || step.fault == Fault::Ok).then(|| peer.answer(&call, request));
        let outcome = self.outcome(peer, &call, &step, effect.clone(), closing);
        let status = match &outcome {
            Outcome::Reply(reply) => reply.status,
            Outcome::Reset | Outcome::Cut(_) | Outcome::Bytes(_) | Outcome::Hang => 0,
        };
        let took = effect.as_ref().is_some_and(|reply| peer.accepted(reply));
        let honest = matches!(step.fault, Fault::Ok | Fault::Delay(_) | Fault::Hold(_) | Fault::Terminate);
        self.journal.end(
            index,
            if !took {
                Effect::Refused(status)
            } else if honest {
                Effect::Done
            } else {
                Effect::Hidden(status)
            },
        );
        outcome
    }

    fn outcome(&self, peer: &impl Peer, call: &Call, step: &Step, effect: Option<Reply>, closing: &Closing) -> Outcome {
        let refusal = |reply: Reply| match step.retry_after {
            Some(seconds) => reply.with("retry-after", seconds),
            None => reply,
        };
        match (&step.fault, effect) {
            (Fault::Status(code), _) => Outcome::Reply(refusal(peer.status(call, *code))),
            (Fault::Error(name), _) => Outcome::Reply(refusal(peer.error(call, name))),
            (Fault::Hang, _) => Outcome::Hang,
            (Fault::Kill, _) => {
                self.signal(Signal::KILL);
                Outcome::Hang // the connection ends with the process
            }
            (Fault::Cut, Some(reply)) => Outcome::Cut(reply),
            (Fault::Bytes(bytes), _) => Outcome::Bytes(bytes.clone()),
            (Fault::Delay(time), Some(reply)) => {
                closing.wait(*time);
                Outcome::Reply(reply)
            }
            (Fault::Terminate, Some(reply)) => {
                self.signal(Signal::TERM);
                Outcome::Reply(reply)
            }
            (Fault::Ok | Fault::Hold(_), Some(reply)) => Outcome::Reply(reply),
            (Fault::Reset | Fault::Ok | Fault::Cut | Fault::Delay(_) | Fault::Hold(_) | Fault::Terminate, _) => {
                Outcome::Reset
            }
        }
    }
}

/// Time after which a test that waits is taken for hung. It says nothing about how fast the program is: a crowded machine
/// can be a hundred times slower than a quiet one.
pub const PATIENCE: Duration = Duration::from_mins(10);
