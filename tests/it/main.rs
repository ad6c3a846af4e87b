//! End-to-end tests: the binary against fakes on loopback. Each test is a sentence about behavior that users rely on.

mod commands;
mod delivery;
mod endings;
mod environment;
mod escalation;
mod fakes;
mod faults;
mod inspect;
mod investigations;
mod kit;
mod life;
mod polling;
mod rejections;
mod resolver;
mod state;
mod summary;
mod triage;
mod watching;
mod webhooks;
