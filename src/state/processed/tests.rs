//! The counters of processed revisions.

use super::*;
use crate::slack::MessageRef;

#[test]
fn only_the_announcement_of_a_revision_counts_for_the_delay() {
    let origin = crate::finding::Origin { account: String::new(), region: String::new(), detector: String::new() };
    let raw = r#"{"id": "f", "type": "t", "updatedAt": "2026-01-01T00:00:00.000Z"}"#;
    let f = crate::finding::decode(raw, &std::sync::Arc::new(origin)).unwrap();
    let at = MessageRef { channel: "C1".into(), ts: "1.1".into(), thread_ts: None };
    let mut state = State::default();
    state.mark_processed(
        &f,
        0,
        "C1",
        &Outcome::Posted { at: at.into(), meant: None, old: None, links: String::new() },
        f.updated,
    );
    let archived = Outcome::Updated { notified: false, links: String::new() };
    state.mark_processed(&f, 0, "C1", &archived, f.updated.plus(Duration::from_secs(86_400)));
    assert_eq!((state.totals.delay.count, state.totals.delay.sum), (1, 0.0));
}
