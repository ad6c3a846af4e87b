//! One run: read what the sources show, decide, deliver, record.

pub mod deliver;
pub mod engine;
pub mod intake;
pub mod look;
pub mod poll;
pub mod recall;
pub mod record;
pub mod session;
pub mod stop;
