//! Dashboard and alerts: their queries are evaluated by a real Prometheus that has the metrics of real runs from a real
//! Pushgateway.
//!
//! `tests/observability/run` renders the alerts from the chart and runs all tests; a plain `cargo test` only checks the
//! structure of the dashboard.

mod dashboard;
mod faults;
mod history;
mod leftovers;
mod limits;
mod numbers;
mod panels;
mod queries;
mod services;
mod truth;
