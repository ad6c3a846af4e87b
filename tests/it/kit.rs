//! What every test begins with.

use guardduty_slack_support::world::World;

/// A world for the binary that these tests were built with.
pub fn world() -> World {
    World::new(env!("CARGO_BIN_EXE_guardduty-slack"))
}
