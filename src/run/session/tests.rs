//! How a run starts, by the state that it loads.

use std::time::Duration;

use super::*;
use crate::source_key::SourceOrIdentity;
use crate::state::store::{Denial, SaveError};
use crate::state::{FindingRecord, Lease, Unrecorded};

fn config() -> Config {
    let vars = [("SLACK_BOT_TOKEN", "xoxb-1"), ("SLACK_CHANNEL", "C0SECURITY")];
    Config::from_env(vars.map(|(k, v)| (k.to_owned(), v.to_owned())), false).unwrap()
}

fn loaded(state: &State) -> Loaded {
    Loaded { document: LoadedDocument::Current(state.to_json()), replay: None }
}

fn run(renewed: Timestamp, released: bool) -> State {
    let run = Lease { id: "a".into(), posting_since: Timestamp(1_000), renewed_at: renewed, released };
    State { lease: Some(run), saved_at: Some(renewed), ..State::default() }
}

const NOW: Timestamp = Timestamp(1_800_000_000_000);

#[test]
fn a_living_lease_turns_a_run_away_and_a_dead_one_is_waited_out() {
    let state = run(NOW.minus(Duration::from_secs(59)), false);
    assert!(matches!(open(loaded(&state), &config(), NOW), Ok(Opening::Busy { .. })));
    let state = run(NOW.minus(Duration::from_secs(61)), false);
    let Ok(Opening::Go(start)) = open(loaded(&state), &config(), NOW) else { panic!("the lease has expired") };
    let earlier = start.earlier.unwrap();
    assert!(earlier.is_unclean);
    assert_eq!(earlier.readable_at, Some(NOW.plus(Duration::from_secs(9))));
}

#[test]
fn a_lease_from_a_wrong_clock_is_waited_out_by_our_own() {
    let hours = Duration::from_hours(2);
    let mut state = run(NOW.plus(Duration::from_secs(29)), false);
    assert!(matches!(open(loaded(&state), &config(), NOW), Ok(Opening::Busy { .. })), "clocks may differ by that");
    for (released, seconds) in [(false, 70), (true, 10)] {
        state = run(NOW.plus(hours), released);
        state.lease.as_mut().unwrap().posting_since = NOW.plus(hours);
        let Ok(Opening::Go(start)) = open(loaded(&state), &config(), NOW) else { panic!("nobody holds it") };
        let (earlier, note) = (start.earlier.unwrap(), start.state.lease.unwrap());
        assert_eq!(earlier.readable_at, Some(NOW.plus(Duration::from_secs(seconds))));
        // It is not known since when it posted.
        assert_eq!((earlier.since, note.posting_since), (NOW.minus(config().lookback), earlier.since));
    }
}

#[test]
fn what_a_wrong_clock_wrote_is_not_believed() {
    let ahead = NOW.plus(Duration::from_hours(5));
    let key = SourceOrIdentity::from("111122223333/eu-west-1");
    let other = SourceOrIdentity::from("111122223333/us-east-1");
    let mut state = State { saved_at: Some(ahead), replayed_at: Some(ahead), ..State::default() };
    state.source_or_insert(&key, ahead);
    state.source_or_insert(&other, ahead).0.is_initial_watermark = false; // by a finding: then it is ours that is wrong
    state.findings.insert(
        "f1".into(),
        FindingRecord { edited_at: Some(ahead), notified_at: Some(ahead), ..FindingRecord::default() },
    );
    let Ok(Opening::Go(start)) = open(loaded(&state), &config(), NOW) else { panic!("there is no lease") };
    let (look_back, state) = (NOW.minus(config().lookback), start.state);
    assert_eq!((state.saved_at, state.replayed_at), (Some(look_back), Some(NOW)));
    assert_eq!((state.sources[&key].watermark, state.sources[&key].floor), (look_back, look_back));
    assert_eq!(state.sources[&other].watermark, ahead);
    assert_eq!((state.findings["f1"].edited_at, state.findings["f1"].notified_at), (Some(NOW), Some(NOW)));
    assert!(matches!(&state.notices[..], [notice] if notice.title.contains(&key.to_string())), "{:?}", state.notices);
}

#[test]
fn a_note_without_lease_is_looked_up_but_turns_nobody_away() {
    let mut state = run(NOW.minus(Duration::from_secs(1)), true);
    state.source_or_insert(&SourceOrIdentity::from("111122223333/eu-west-1"), NOW);
    let Ok(Opening::Go(start)) = open(loaded(&state), &config(), NOW) else { panic!("there is no lease") };
    assert_eq!(start.earlier.unwrap().readable_at, Some(NOW.plus(Duration::from_secs(10))));
    assert!(!start.is_new_installation);
}

#[test]
fn a_takeover_keeps_the_beginning_of_the_note() {
    let mut state = run(NOW, false);
    state.renew_lease("b", NOW.plus(Duration::from_secs(100)));
    assert_eq!(state.lease.as_ref().map(|r| (r.id.as_str(), r.posting_since)), Some(("b", Timestamp(1_000))));
    state.release_lease("b", Some(Unrecorded { since: NOW, last_post: NOW }));
    assert!(state.lease.as_ref().is_some_and(|r| r.released && r.posting_since == Timestamp(1_000)));
    state.release_lease("b", None);
    assert_eq!(state.lease, None);
}

#[test]
fn the_history_is_readable_ten_seconds_after_the_last_possible_post() {
    let ended_at = NOW.minus(Duration::from_secs(1));
    for (seconds_ago, not_before, case) in [
        (1, 10, "just now"),
        (-20, 10, "by a clock that is fast"),
        (30, 10, "just now, if the clock of that run is slow by half the lease"),
        (35, 5, "5 s ago, by that clock"),
        (100, -60, "long ago, by any clock"),
    ] {
        let last_post = Timestamp(NOW.0 - seconds_ago * 1_000);
        let mut state = State { saved_at: Some(ended_at), ..State::default() };
        state.release_lease("b", Some(Unrecorded { since: Timestamp(1_000), last_post }));
        let Ok(Opening::Go(start)) = open(loaded(&state), &config(), NOW) else { panic!("there is no lease") };
        assert_eq!(start.earlier.unwrap().readable_at, Some(Timestamp(NOW.0 + not_before * 1_000)), "{case}");
    }
}

#[test]
fn corrupt_state_and_invalid_replay_are_reported_together() {
    let loaded = |source: LoadedDocument| Loaded { document: source, replay: Some("since yesterday".into()) };
    let problems = |source: LoadedDocument| -> Vec<String> {
        open(loaded(source), &config(), NOW).unwrap_err().iter().map(StartError::to_string).collect()
    };
    let replay = problems(LoadedDocument::Absent);
    assert!(matches!(&replay[..], [replay] if replay.starts_with("invalid replay \"since yesterday\"")), "{replay:?}");
    let both = problems(LoadedDocument::Current("[]".into()));
    assert!(both.len() == 2 && both[0].contains("corrupt") && both[1] == replay[0], "{both:?}");
    let binary = problems(LoadedDocument::Corrupt("key watermark.json is under binaryData".into()));
    assert!(binary[0].contains("binaryData"), "{binary:?}");
}

#[test]
fn a_damaged_or_newer_state_is_not_used() {
    for text in ["hello", "[]", "{}", "{\"version\":1,\"sources\":{", "{\"version\":999}", ""] {
        let loaded = Loaded { document: LoadedDocument::Current(text.into()), replay: None };
        assert!(open(loaded, &config(), NOW).is_err(), "{text}");
    }
}

#[test]
fn the_posting_history_is_read_since_the_last_run_that_may_have_posted_without_a_record() {
    let seconds = |from: Timestamp, seconds: i64| Timestamp(from.0 + 1_000 * seconds);
    let ended = seconds(NOW, -300);
    let saved = || State { saved_at: Some(ended), ..State::default() };
    let posting = || run(ended, false);
    // The lease is 60 s, clocks differ by half of it, and the history shows a message after 10 s.
    for (state, is_copy, expected, case) in [
        (State::default(), false, None, "a state that was never saved: nothing was posted"),
        (saved(), false, Some((ended, None, false)), "a clean end: a later run may have failed to save"),
        (saved(), true, Some((ended, Some(seconds(NOW, 10)), false)), "a copy: another run may just have ended"),
        (posting(), false, Some((Timestamp(1_000), Some(seconds(ended, 70)), true)), "a crash, until its lease ended"),
        (posting(), true, Some((Timestamp(1_000), Some(seconds(NOW, 10)), true)), "a crash, and a copy"),
        (run(ended, true), false, Some((Timestamp(1_000), Some(seconds(ended, 40)), true)), "an unknown outcome"),
    ] {
        let earlier = earlier_posts(&state, is_copy, &config(), NOW);
        let found = earlier.map(|earlier| (earlier.since, earlier.readable_at, earlier.is_unclean));
        assert_eq!(found, expected, "{case}");
    }
}

/// A clock at one time.
#[derive(Clone)]
struct Fixed(Timestamp);

impl Time for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn sleep_until(&self, _time: Timestamp) -> impl Future<Output = ()> + 'static {
        std::future::ready(())
    }
}

/// A store whose writes have this result, and whose document is loaded after them.
struct OneWrite {
    result: Result<(), SaveError>,
    then: LoadedDocument,
    written: Vec<State>,
}

impl Store for OneWrite {
    async fn load(&mut self) -> Loaded {
        Loaded { document: self.then.clone(), replay: Some("6h".into()) }
    }

    async fn save(&mut self, _document: &str) -> Result<(), SaveError> {
        panic!("the write must remove the request");
    }

    async fn consume_replay(&mut self, document: &str) -> Result<(), SaveError> {
        self.written.push(State::parse(document).unwrap());
        self.result.clone()
    }
}

/// A state with a finding that was announced an hour ago.
fn announced() -> State {
    let record = FindingRecord { updated_at: Some(NOW.minus(Duration::from_hours(1))), ..FindingRecord::default() };
    let mut state = State { saved_at: Some(NOW), ..State::default() };
    state.source_or_insert(&SourceOrIdentity::from("111122223333/eu-west-1"), NOW);
    state.findings.insert("f1".into(), record);
    state
}

/// Begins a replay of six hours. Returns how the run starts, and the documents that were written.
async fn replay(config: &Config, result: Result<(), SaveError>, then: LoadedDocument) -> (Opening, Vec<State>) {
    let requested = Loaded { replay: Some("6h".into()), ..loaded(&announced()) };
    let Ok(Opening::Go(start)) = open(requested, config, NOW) else { panic!("nobody holds the lease") };
    let mut store = OneWrite { result, then, written: Vec::new() };
    let opening = begin_replay(*start, "this run", &mut store, config, &Fixed(NOW)).await.unwrap();
    (opening, store.written)
}

fn is_replaying(opening: Opening) -> bool {
    let Opening::Go(start) = opening else { panic!("the run starts") };
    let is_replaying = start.state.replay_since == Some(NOW.minus(Duration::from_hours(6)));
    assert_eq!(start.state.findings.is_empty(), is_replaying);
    is_replaying
}

#[tokio::test]
async fn a_replay_begins_with_the_write_that_removes_the_request() {
    let (opening, written) = replay(&config(), Ok(()), LoadedDocument::Absent).await;
    assert!(is_replaying(opening));
    let [state] = &written[..] else { panic!("one write") };
    let lease = state.lease.as_ref().unwrap();
    assert_eq!((lease.id.as_str(), lease.posting_since, state.replayed_at), ("this run", NOW, Some(NOW)));
    assert!(state.findings.is_empty());
}

#[tokio::test]
async fn a_replay_whose_beginning_cannot_be_saved_is_left_to_the_next_run() {
    for error in [
        SaveError::Denied(Denial::Permission, "403".into()),
        SaveError::Unavailable("timeout".into()),
        SaveError::TooLarge("413".into()),
    ] {
        let (opening, _) = replay(&config(), Err(error.clone()), loaded(&announced()).document).await;
        assert!(!is_replaying(opening), "{error}");
    }
}

#[tokio::test]
async fn a_replay_that_does_not_begin_keeps_the_state_that_was_read_before() {
    let copy = LoadedDocument::MountedCopy { text: State::default().to_json(), why: "timeout".into() };
    for then in [LoadedDocument::Unreadable("timeout".into()), copy] {
        let (opening, _) = replay(&config(), Err(SaveError::Unavailable("timeout".into())), then).await;
        let Opening::Go(start) = opening else { panic!("the run starts") };
        assert!(start.unrecordable.is_some() && start.state.findings.contains_key("f1"));
    }
}

#[tokio::test]
async fn a_replay_continues_if_its_beginning_was_saved_without_a_response() {
    let mut saved = announced();
    saved.renew_lease("this run", NOW);
    let (opening, _) = replay(&config(), Err(SaveError::Unavailable("timeout".into())), loaded(&saved).document).await;
    assert!(is_replaying(opening));
}

#[tokio::test]
async fn a_run_that_begins_meanwhile_turns_a_replay_away() {
    let mut other = announced();
    other.renew_lease("another run", NOW);
    let (opening, _) = replay(&config(), Err(SaveError::Conflict("409".into())), loaded(&other).document).await;
    assert!(matches!(opening, Opening::Busy { .. }));
}

#[tokio::test]
async fn a_dry_run_replays_without_a_write() {
    let config = Config { dry_run: true, ..config() };
    let (opening, written) = replay(&config, Ok(()), LoadedDocument::Absent).await;
    assert!(is_replaying(opening));
    assert!(written.is_empty());
}
