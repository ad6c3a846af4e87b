//! The chart on a real API server, installed by real Helm, and the program in the name of its ServiceAccount.
//!
//! Not part of a plain `cargo test`: `tests/kubernetes/run` builds the peers, starts the cluster and runs these in it.

mod admission;
mod documented;
mod kit;
mod life;
mod manifests;
mod notes;
mod packaging;
mod permissions;
mod site;
