//! Limits the calls in flight to one source: fewer when GuardDuty throttles, and slowly more when it does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Maximum number of calls in flight to one source: twice the number of concurrent calls of a run without new findings.
/// Latency limits the reading of a backlog, so that twice as many calls read it twice as fast. The limits of GuardDuty apply
/// per account and region, that is, per source. AWS does not publish them, so the number adapts: it decreases by one with
/// each throttled attempt, and increases by one after [`ATTEMPTS_PER_INCREASE`] attempts that were not throttled. If every
/// tenth attempt is throttled, the number is stable, and one call in a hundred thousand is throttled in all five attempts.
const MAX_PARALLEL_CALLS: usize = 12;
const ATTEMPTS_PER_INCREASE: usize = 9;

#[derive(Debug)]
pub(super) struct Parallel {
    places: Semaphore,
    allowed: Mutex<Allowed>,
}

#[derive(Debug, PartialEq)]
struct Allowed {
    places: usize,
    /// Number of places in use that are removed when they become free.
    surplus: usize,
    calm: usize,
}

/// A place among the calls in flight. A call that is throttled keeps it while it backs off.
pub(super) struct Place<'a> {
    parallel: &'a Parallel,
    permit: Option<SemaphorePermit<'a>>,
}

impl Parallel {
    pub(super) fn new() -> Self {
        let allowed = Allowed { places: MAX_PARALLEL_CALLS, surplus: 0, calm: 0 };
        Self { places: Semaphore::new(MAX_PARALLEL_CALLS), allowed: Mutex::new(allowed) }
    }

    pub(super) async fn place(&self) -> Place<'_> {
        // The semaphore is never closed. If it were, the call would not be limited.
        Place { parallel: self, permit: self.places.acquire().await.ok() }
    }

    fn throttled(&self) {
        let mut allowed = self.allowed();
        if allowed.lower() && !self.remove_free_place() {
            allowed.surplus += 1;
        }
    }

    /// Removes a place that is not in use. Returns false if there is none.
    fn remove_free_place(&self) -> bool {
        self.places.forget_permits(1) == 1
    }

    fn answered(&self) {
        let mut allowed = self.allowed();
        if !allowed.raise() {
            return;
        }
        match allowed.surplus.checked_sub(1) {
            Some(surplus) => allowed.surplus = surplus,
            None => self.places.add_permits(1),
        }
    }

    fn allowed(&self) -> MutexGuard<'_, Allowed> {
        self.allowed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Allowed {
    /// Records a throttled attempt. Returns true if the number of places decreases.
    fn lower(&mut self) -> bool {
        self.calm = 0;
        let lower = self.places > 1;
        self.places -= usize::from(lower);
        lower
    }

    /// Records an attempt that was not throttled. Returns true if the number of places increases.
    fn raise(&mut self) -> bool {
        self.calm += 1;
        let raise = self.calm >= ATTEMPTS_PER_INCREASE && self.places < MAX_PARALLEL_CALLS;
        if raise {
            (self.places, self.calm) = (self.places + 1, 0);
        }
        raise
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut allowed = self.parallel.allowed();
        if let (Some(surplus), Some(permit)) = (allowed.surplus.checked_sub(1), self.permit.take()) {
            allowed.surplus = surplus;
            permit.forget();
        }
    }
}

/// Reports the results of attempts to the [`Parallel`] of a source.
#[derive(Clone, Debug)]
pub(super) struct Throttles(pub(super) Arc<Parallel>);

impl Intercept for Throttles {
    fn name(&self) -> &'static str {
        "Throttles"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match context.response() {
            Some(response) if is_throttled(response) => self.0.throttled(),
            Some(_) => self.0.answered(),
            None => {}
        }
        Ok(())
    }
}

/// GuardDuty throttles with 429 and `TooManyRequestsException`. The gateway in front of it throttles with
/// `ThrottlingException`.
fn is_throttled(response: &HttpResponse) -> bool {
    let code = response.headers().get("x-amzn-errortype").unwrap_or_default();
    response.status().as_u16() == 429 || code.contains("Throttl") || code.contains("TooManyRequests")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_throttled_attempt_takes_a_place_away_down_to_one() {
        let parallel = Parallel::new();
        for _ in 0..2 * MAX_PARALLEL_CALLS {
            parallel.throttled();
        }
        assert_eq!(parallel.places.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_place_in_use_is_taken_away_when_it_becomes_free() {
        let parallel = Parallel::new();
        let mut places = Vec::new();
        for _ in 0..MAX_PARALLEL_CALLS {
            places.push(parallel.place().await);
        }
        parallel.throttled();
        parallel.throttled();
        drop(places);
        assert_eq!(parallel.places.available_permits(), MAX_PARALLEL_CALLS - 2);
    }

    #[tokio::test]
    async fn places_increase_up_to_the_maximum_while_nothing_is_throttled() {
        let parallel = Parallel::new();
        (0..3).for_each(|_| parallel.throttled());
        (0..ATTEMPTS_PER_INCREASE).for_each(|_| parallel.answered());
        assert_eq!(parallel.places.available_permits(), MAX_PARALLEL_CALLS - 2);
        (0..10 * ATTEMPTS_PER_INCREASE).for_each(|_| parallel.answered());
        assert_eq!(parallel.places.available_permits(), MAX_PARALLEL_CALLS);
    }

    #[tokio::test]
    async fn a_place_that_comes_back_before_it_was_given_up_is_kept() {
        let parallel = Parallel::new();
        let mut places = Vec::new();
        for _ in 0..MAX_PARALLEL_CALLS {
            places.push(parallel.place().await);
        }
        parallel.throttled();
        (0..ATTEMPTS_PER_INCREASE).for_each(|_| parallel.answered());
        drop(places);
        assert_eq!(parallel.places.available_permits(), MAX_PARALLEL_CALLS);
    }
}
