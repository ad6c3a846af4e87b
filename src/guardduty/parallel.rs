//! How many calls may be in flight to one source: fewer when GuardDuty throttles, slowly more again when it does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Calls in flight to one source: twice as many as a quiet run makes at the same time. A backlog is bound by latency, so
/// that it is read twice as fast with twice as many. GuardDuty's limits hold by account and region, that is, by source;
/// AWS publishes no figures. So the number adapts: it falls by one with each throttled attempt, and rises by one after
/// so many attempts that were not throttled. Where every tenth attempt is throttled, it stays as it is, and one call in
/// a hundred thousand is throttled in all five of its attempts.
const MOST: usize = 12;
const CALM: usize = 9;

#[derive(Debug)]
pub(super) struct Parallel {
    places: Semaphore,
    allowed: Mutex<Allowed>,
}

#[derive(Debug, PartialEq)]
struct Allowed {
    places: usize,
    /// Places that are in use, and no longer allowed when they become free.
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
        let allowed = Allowed { places: MOST, surplus: 0, calm: 0 };
        Self { places: Semaphore::new(MOST), allowed: Mutex::new(allowed) }
    }

    pub(super) async fn place(&self) -> Place<'_> {
        // The semaphore is never closed; were it, the call would merely go unbounded.
        Place { parallel: self, permit: self.places.acquire().await.ok() }
    }

    fn throttled(&self) {
        let mut allowed = self.allowed();
        if allowed.lower() && self.places.forget_permits(1) == 0 {
            allowed.surplus += 1;
        }
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
    /// An attempt was throttled. Whether one place less is allowed.
    fn lower(&mut self) -> bool {
        self.calm = 0;
        let lower = self.places > 1;
        self.places -= usize::from(lower);
        lower
    }

    /// An attempt was not throttled. Whether one place more is allowed.
    fn raise(&mut self) -> bool {
        self.calm += 1;
        let raise = self.calm >= CALM && self.places < MOST;
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

/// Reports to the [`Parallel`] of a source how its attempts end.
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

/// GuardDuty throttles with 429 and `TooManyRequestsException`; the gateway before it with `ThrottlingException`.
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
        for _ in 0..2 * MOST {
            parallel.throttled();
        }
        assert_eq!(parallel.places.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_place_in_use_is_taken_away_when_it_becomes_free() {
        let parallel = Parallel::new();
        let mut places = Vec::new();
        for _ in 0..MOST {
            places.push(parallel.place().await);
        }
        parallel.throttled();
        parallel.throttled();
        drop(places);
        assert_eq!(parallel.places.available_permits(), MOST - 2);
    }

    #[tokio::test]
    async fn places_come_back_one_by_one_while_nothing_is_throttled_and_no_further_than_at_first() {
        let parallel = Parallel::new();
        (0..3).for_each(|_| parallel.throttled());
        (0..CALM).for_each(|_| parallel.answered());
        assert_eq!(parallel.places.available_permits(), MOST - 2);
        (0..10 * CALM).for_each(|_| parallel.answered());
        assert_eq!(parallel.places.available_permits(), MOST);
    }

    #[tokio::test]
    async fn a_place_that_comes_back_before_it_was_given_up_is_kept() {
        let parallel = Parallel::new();
        let mut places = Vec::new();
        for _ in 0..MOST {
            places.push(parallel.place().await);
        }
        parallel.throttled();
        (0..CALM).for_each(|_| parallel.answered());
        drop(places);
        assert_eq!(parallel.places.available_permits(), MOST);
    }
}
