//! The world around guardduty-slack, for its tests, its demo and its gallery: AWS, Slack, a Kubernetes API and a
//! Pushgateway on loopback, with scripted faults and one journal of everything that was asked of them.
//!
//! ```text
//! World::new(binary).findings([high("f1")]).slack([status(429).retry_after(1), ok()]).run().posted(["f1"]).exit(0)
//! ```
//!
//! The fakes know the documented behavior of what they play, and refuse what the real one refuses; each world's
//! servers run on threads of their own.

mod assertions;
pub mod aws;
pub mod dns;
pub mod fault;
pub mod findings;
pub mod html;
pub mod journal;
pub mod kubernetes;
pub mod process;
pub mod pushgateway;
pub mod scripted_faults;
pub mod server;
pub mod slack;
mod spawn_limiter;
pub mod text;
pub mod tls;
pub mod world;
