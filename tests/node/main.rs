//! Tests of image and chart on a real Kubernetes node. AWS and Slack are the fakes of this process, with their real names.
//!
//! `cargo test` runs none of them. `tests/node/run` builds the programs, starts the node and runs all of them, one after
//! the other: the fakes have fixed addresses.

mod credentials;
mod eks;
mod guide;
mod helm;
mod install;
#[path = "../kubernetes/kit.rs"]
#[expect(dead_code, reason = "shared with the tests of the chart")]
mod kit;
mod limits;
mod network;
mod process;
mod schedule;
mod security;
mod shutdown;
mod site;
mod state;
