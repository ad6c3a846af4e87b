//! The built binary against fakes at the wire; each test is a sentence about what a user can rely on.

mod fakes;
mod kit;
