//! Scripted faults: what goes wrong at which call.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::journal::Call;
use crate::scripted_faults::PATIENCE;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    Ok,
    Status(u16),
    Error(String),
    Reset,
    Hang,
    Cut,
    Bytes(Vec<u8>),
    Delay(Duration),
    Hold(Gate),
    Kill,
    Terminate,
}

/// What happens to one call, or to several.
#[derive(Clone, Debug)]
pub struct Step {
    pub(crate) fault: Fault,
    pub(crate) retry_after: Option<u32>,
    /// The call takes effect nevertheless.
    pub(crate) after: bool,
    times: usize,
}

fn step(fault: Fault) -> Step {
    Step { fault, retry_after: None, after: false, times: 1 }
}

/// The call is answered as it should be.
pub fn ok() -> Step {
    step(Fault::Ok)
}

/// An HTTP status with the body that the service gives with it.
pub fn status(code: u16) -> Step {
    step(Fault::Status(code))
}

/// An error by the service's own name: Slack's `invalid_auth`, AWS's `AccessDeniedException`.
pub fn error(name: &str) -> Step {
    step(Fault::Error(name.into()))
}

/// The connection is reset.
pub fn reset() -> Step {
    step(Fault::Reset)
}

/// No answer comes.
pub fn hang() -> Step {
    step(Fault::Hang)
}

/// The answer ends in the middle of its body (the call takes effect).
pub fn cut() -> Step {
    Step { after: true, ..step(Fault::Cut) }
}

/// These bytes come instead of the answer, then the connection ends (the call takes no effect).
pub fn bytes(bytes: impl Into<Vec<u8>>) -> Step {
    step(Fault::Bytes(bytes.into()))
}

/// This answer comes instead of the service's own (the call takes no effect).
pub fn answer(head: &str, body: &str) -> Step {
    let length = body.len();
    bytes(format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"))
}

/// The answer takes its time.
pub fn delay(time: Duration) -> Step {
    Step { after: true, ..step(Fault::Delay(time)) }
}

/// Holds back calls until a test has done what it wants to do meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets every call pass, those that wait and those that come.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let is_open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_timeout_while(is_open, PATIENCE, |is_open| !*is_open));
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The call takes effect, and is answered, when the gate is open.
pub fn hold(gate: &Gate) -> Step {
    Step { after: true, ..step(Fault::Hold(gate.clone())) }
}

/// The program under test gets a SIGKILL at this call.
pub fn kill() -> Step {
    step(Fault::Kill)
}

/// The program under test gets a SIGTERM at this call, which is then answered as it should be.
pub fn terminate() -> Step {
    Step { after: true, ..step(Fault::Terminate) }
}

impl Step {
    /// Adds `Retry-After`, in seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The call takes effect first; the caller does not learn it.
    pub fn after_effect(mut self) -> Self {
        self.after = true;
        self
    }

    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    pub fn for_ever(self) -> Self {
        self.times(usize::MAX)
    }
}

type Condition = Arc<dyn Fn(&Call) -> bool + Send + Sync>;

/// The steps for the calls that a condition chooses, one a call; when they are used up, all is well again.
pub(crate) struct Rule {
    condition: Condition,
    steps: VecDeque<Step>,
}

impl Rule {
    pub(crate) fn new(
        condition: impl Fn(&Call) -> bool + Send + Sync + 'static,
        steps: impl IntoIterator<Item = Step>,
    ) -> Self {
        Self { condition: Arc::new(condition), steps: steps.into_iter().collect() }
    }

    /// The step for this call, if this rule is about it.
    pub(crate) fn step(&mut self, call: &Call) -> Option<Step> {
        if self.steps.is_empty() || !(self.condition)(call) {
            return None;
        }
        let front = self.steps.front_mut()?;
        front.times -= 1;
        let step = front.clone();
        if front.times == 0 {
            self.steps.pop_front();
        }
        Some(step)
    }
}
