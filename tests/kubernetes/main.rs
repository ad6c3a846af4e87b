//! Tests of the chart on a real API server with Helm 3 and Helm 4, and of the program with the token of its ServiceAccount.
//!
//! `cargo test` runs only the tests that need no cluster. `tests/kubernetes/run` builds the programs, starts the cluster and
//! runs all of them.

mod admission;
mod documented;
mod kit;
mod lifecycle;
mod manifests;
mod notes;
mod packaging;
mod permissions;
mod site;
