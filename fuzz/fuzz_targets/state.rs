//! A state as it may be found: refused, or understood and kept within its bound.
#![no_main]

use std::collections::HashMap;
use std::time::Duration;

use guardduty_slack::state::{BOUND, State};
use guardduty_slack::time::Millis;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(mut state) = State::parse(text) else { return };
    let again = State::parse(&state.encode()).expect("what was written is read");
    assert_eq!(again.encode(), state.encode());
    state.forget(BOUND, Duration::from_secs(900), &HashMap::new(), Millis(1_800_000_000_000));
});
