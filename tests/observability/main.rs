//! What watches the program: the dashboard's and the alerts' queries, asked of a real Prometheus that scrapes a real
//! Pushgateway to which real runs of the program have pushed.
//!
//! `tests/observability/run` renders the alerts from the chart and runs all of these; a plain `cargo test` only looks
//! at the dashboard's file.

mod dashboard;
mod peers;
mod queries;
