//! Simulated time: a number and a heap of timers. A future is polled until it waits for a timer. Then the time becomes the
//! time of the next timer.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use guardduty_slack::time::{Time, Timestamp};

/// Clock of the world or of one node.
#[derive(Clone)]
pub(crate) struct SimTime {
    timers: Rc<Timers>,
    /// Milliseconds by which this clock is ahead.
    skew: i64,
}

struct Timers {
    now: Cell<Timestamp>,
    /// Number of timers that were set. Timers for the same time fire in the order in which they were set.
    set: Cell<u64>,
    heap: RefCell<BinaryHeap<Reverse<(Timestamp, u64, Timer)>>>,
}

/// None: nothing waits for the timer any more.
#[derive(Clone, Default)]
struct Timer(Rc<RefCell<Option<Waker>>>);

impl SimTime {
    pub(crate) fn starting_at(now: Timestamp) -> Self {
        let timers = Timers { now: Cell::new(now), set: Cell::new(0), heap: RefCell::default() };
        Self { timers: Rc::new(timers), skew: 0 }
    }

    /// A clock that is ahead of this one.
    pub(crate) fn ahead(&self, milliseconds: i64) -> Self {
        Self { timers: self.timers.clone(), skew: self.skew + milliseconds }
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now().plus(duration)).await;
    }

    /// Runs a future to its end.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        loop {
            if woken.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                    return output;
                }
            } else {
                self.fire_next();
            }
        }
    }

    fn fire_next(&self) {
        loop {
            let next = self.timers.heap.borrow_mut().pop();
            let Reverse((time, _, timer)) = next.expect("a future waits for something other than a timer");
            if let Some(waker) = timer.0.take() {
                self.timers.now.set(time);
                return waker.wake();
            }
        }
    }
}

impl Time for SimTime {
    fn now(&self) -> Timestamp {
        Timestamp(self.timers.now.get().0 + self.skew)
    }

    fn sleep_until(&self, time: Timestamp) -> impl Future<Output = ()> + 'static {
        Sleep { timers: self.timers.clone(), until: Timestamp(time.0.saturating_sub(self.skew)), timer: None }
    }
}

struct Sleep {
    timers: Rc<Timers>,
    until: Timestamp,
    timer: Option<Timer>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.timers.now.get() >= self.until {
            return Poll::Ready(());
        }
        if self.timer.is_none() {
            let timer = Timer::default();
            let order = self.timers.set.replace(self.timers.set.get() + 1);
            self.timers.heap.borrow_mut().push(Reverse((self.until, order, timer.clone())));
            self.timer = Some(timer);
        }
        if let Some(Timer(waker)) = &self.timer {
            remember(&mut waker.borrow_mut(), context);
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(Timer(waker)) = &self.timer {
            waker.take();
        }
    }
}

/// The end of a run that is killed.
#[derive(Default)]
pub(crate) struct Crash {
    has_happened: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Crash {
    pub(crate) fn happen(&self) {
        self.has_happened.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Waits until the run is killed. One future waits for it.
    pub(crate) fn wait(&self) -> impl Future<Output = ()> {
        poll_fn(|context| {
            if self.has_happened.get() {
                return Poll::Ready(());
            }
            remember(&mut self.waker.borrow_mut(), context);
            Poll::Pending
        })
    }
}

/// Keeps the waker of the last poll. It is usually the same one.
fn remember(known: &mut Option<Waker>, context: &Context<'_>) {
    match known {
        Some(waker) => waker.clone_from(context.waker()),
        None => *known = Some(context.waker().clone()),
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The heap compares times and the order only.
impl PartialEq for Timer {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

#[test]
fn timers_fire_by_time_and_an_abandoned_one_does_not_count() {
    let time = SimTime::starting_at(Timestamp(1_000));
    let fired = RefCell::new(Vec::new());
    let wait = async |milliseconds: u64| {
        time.sleep(Duration::from_millis(milliseconds)).await;
        fired.borrow_mut().push(time.now());
    };
    time.run(async {
        let abandoned = pin!(time.sleep(Duration::from_millis(5)));
        futures_util::future::select(abandoned, std::future::ready(())).await;
        futures_util::future::join3(wait(20), wait(10), wait(30)).await
    });
    assert_eq!(fired.take(), [1_010, 1_020, 1_030].map(Timestamp));
}
