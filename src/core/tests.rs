//! Runs, one event at a time.

mod clock;
mod decisions;
mod ends;
mod full_log;
mod gathering;
mod histories;
mod investigations;
mod notices;
mod planning;
mod queries;
mod reconciliation;
mod records;
mod redirects;
mod sources;
mod summary;
mod support;
mod triage;
mod undelivered;

use std::sync::Arc;

use super::*;
use crate::core::call::{Call, CallId, CallResponse};
use crate::core::event::{Generation, Query, QueryId, Save, SourceRequest};
use crate::finding::{self, Origin};
use crate::guardduty::SourceKey;
use crate::message::MessageOptions;
use crate::plan::Delivery;
use crate::poll::PolledBatch;
use crate::poll::source::SourceReport;
use crate::slack::{MessageRef, SlackError};
use crate::state::store::SaveError;
use support::notice;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
/// The watermark of the source at the beginning.
const START: Timestamp = Timestamp(NOW.0 - 60_000);
const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

fn config(more: &[(&str, &str)]) -> Config {
    let base = [("SLACK_BOT_TOKEN", "xoxb-1"), ("SLACK_CHANNEL", "C0SECURITY"), ("RUN_TIMEOUT", "4m")];
    let vars = base.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::from_env(vars, false).unwrap()
}

fn finding(id: &str) -> Rc<Finding> {
    let raw = serde_json::json!({
        "id": id, "accountId": ACCOUNT, "region": REGION, "type": "Recon:EC2/Portscan", "severity": 5.0,
        "updatedAt": NOW.to_rfc3339(),
    });
    let origin = Origin { account: ACCOUNT.into(), region: REGION.into(), detector: "d".into() };
    Rc::new(finding::decode(&raw.to_string(), &Arc::new(origin)).unwrap())
}

fn source() -> SourceKey {
    SourceKey { account: ACCOUNT.into(), region: REGION.into() }
}

/// A run with one source, and what it wants done.
struct Run<'a> {
    core: Core<'a>,
    now: Timestamp,
    calls: Vec<(CallId, Call)>,
    saves: Vec<Save>,
    queries: Vec<(QueryId, Query)>,
    printed: Vec<Delivery>,
    requests: Vec<SourceRequest>,
    wake_at: Option<Timestamp>,
}

/// What happens at the beginning of a run.
type Circumstance = fn(&mut Run);

fn wording() -> &'static MessageOptions {
    Box::leak(Box::default())
}

fn begin(config: &Config) -> Run<'_> {
    begin_with(config, 1)
}

/// A run that discovers the sources of so many identities.
fn begin_with(config: &Config, identities: usize) -> Run<'_> {
    begin_after(config, identities, None)
}

fn begin_after(config: &Config, identities: usize, earlier: Option<EarlierPosts>) -> Run<'_> {
    let mut state = State { saved_at: Some(NOW), ..State::default() };
    state.source_or_insert(&format!("{ACCOUNT}/{REGION}").into(), START);
    begin_from(config, identities, earlier, state)
}

fn begin_from(config: &Config, identities: usize, earlier: Option<EarlierPosts>, state: State) -> Run<'_> {
    let core = Core::new(RunInput {
        config,
        writer: wording(),
        limits: Limits::default(),
        id: "run".into(),
        chance: || 0.5,
        requests: RequestCounts::default(),
        identities,
        state,
        is_new_installation: false,
        unrecordable: None,
        earlier,
        begun: NOW,
        now: NOW,
        end: NOW.plus(Duration::from_secs(225)),
    });
    let (calls, saves, queries, printed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut run = Run { core, now: NOW, calls, saves, queries, printed, requests: Vec::new(), wake_at: None };
    let effects = run.core.begin(NOW);
    run.note(effects);
    run
}

impl Run<'_> {
    fn note(&mut self, effects: Vec<Effect>) {
        self.wake_at = None;
        for effect in effects {
            match effect {
                Effect::Call(id, call) => self.calls.push((id, call)),
                Effect::Save(save) => self.saves.push(save),
                Effect::Print(delivery) => self.printed.push(*delivery),
                Effect::WakeAt(time) => self.wake_at = Some(time),
                Effect::AbandonCalls => self.calls.clear(),
                Effect::Query(id, query) => self.queries.push((id, query)),
                Effect::AbandonQuery(id) => self.queries.retain(|(open, _)| *open != id),
                Effect::ReadSource(request) => self.requests.push(*request),
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let effects = self.core.handle(event, self.now);
        self.note(effects);
    }

    /// The source shows these findings.
    fn show(&mut self, ids: &[&str]) {
        let new_findings = ids.iter().map(|id| finding(id)).collect();
        self.read(PolledBatch { new_findings, complete_until: Some(NOW), ..PolledBatch::default() });
    }

    /// The source is discovered, and read with this result.
    fn read(&mut self, batch: PolledBatch) {
        self.read_as(|report| report.batch = batch);
    }

    fn answer_save(&mut self, result: Result<(), SaveError>) {
        let generation = self.saves.last().unwrap().generation;
        self.saves.clear();
        self.handle(Event::Saved(generation, result));
    }

    fn acknowledge(&mut self) {
        let at = MessageRef { channel: "C0SECURITY".into(), ts: format!("{}.1", self.now.0 / 1_000), thread_ts: None };
        self.respond(Ok(at));
    }

    /// Slack responds to the oldest post.
    fn respond(&mut self, result: Result<MessageRef, SlackError>) {
        let (id, _) = self.calls.remove(0);
        self.handle(Event::CallAnswered(id, CallResponse::Posted(result.map(Into::into))));
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.handle(Event::Woken);
    }

    fn pass_to_end(&mut self) {
        self.pass(self.core.end.duration_since(self.now));
    }
}

#[test]
fn a_finding_is_announced_after_its_intent_was_saved_and_recorded_after_it_was_acknowledged() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&["f1"]);
    assert!(run.calls.is_empty());
    assert!(run.saves[0].document.contains("\"lease\":"), "{}", run.saves[0].document);
    assert!(!run.saves[0].document.contains("f1"));
    run.answer_save(Ok(()));
    assert!(matches!(run.calls[..], [(_, Call::Post { .. })]));
    assert!(run.saves.is_empty());
    run.acknowledge();
    assert!(run.saves[0].document.contains("f1"));
    assert!(!run.saves[0].document.contains("\"lease\":"), "a clean end leaves no intent");
    assert!(!run.core.is_finished());
    run.answer_save(Ok(()));
    assert!(run.core.is_finished());
    assert!(run.core.is_success());
}

#[test]
fn what_is_delivered_is_in_a_saved_state_before() {
    let unavailable = || Err(SaveError::Unavailable("503".into()));
    let conflict = || Err(SaveError::Conflict("409".into()));
    let config = config(&[("SLACK_DIGEST_AFTER", "1")]);
    for (ids, notices, entries, case) in [
        (vec!["f1"], vec![], vec!["\"lease\":"], "a message"),
        (vec!["f1", "f2", "f3"], vec![], vec!["\"lease\":", "\"digest_plans\":{\"run-1\""], "a digest"),
        (vec![], vec![notice()], vec!["\"lease\":", "\"notices\":[{\"event\":\"n1\""], "a notice"),
    ] {
        for (result, is_sent) in [(Ok(()), true), (unavailable(), true), (conflict(), false)] {
            let mut run = begin(&config);
            notices.iter().cloned().for_each(|notice| run.core.state.queue_notice(notice));
            run.show(&ids);
            assert!(run.calls.is_empty(), "{case}: the store has not answered");
            let document = &run.saves[0].document;
            assert!(entries.iter().all(|entry| document.contains(entry)), "{case}: {document}");
            let answer = format!("{result:?}");
            run.answer_save(result);
            assert_eq!(!run.calls.is_empty(), is_sent, "{case}: {answer}");
        }
    }
}

#[test]
fn a_run_without_findings_saves_once() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&[]);
    run.answer_save(Ok(()));
    assert!(run.core.is_finished());
    assert!(run.core.is_success());
    assert!(run.calls.is_empty());
}

#[test]
fn nothing_is_sent_after_a_conflict_and_no_save_overwrites_the_other_writer() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&["f1"]);
    run.answer_save(Err(SaveError::Conflict("409".into())));
    assert!(run.core.is_finished());
    assert!(!run.core.is_success());
    assert!(run.calls.is_empty());
    assert!(run.saves.is_empty());
}

#[test]
fn a_finding_is_announced_although_the_store_does_not_answer() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&["f1"]);
    run.answer_save(Err(SaveError::Unavailable("503".into())));
    run.acknowledge();
    run.answer_save(Err(SaveError::Unavailable("503".into())));
    assert!(run.core.is_finished());
    assert!(!run.core.is_success());
    assert!(run.core.state.is_processed("f1", NOW));
}

#[test]
fn a_run_that_must_end_waits_a_moment_for_the_answers_and_then_saves_that_the_outcome_is_unknown() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&["f1", "f2"]);
    run.answer_save(Ok(()));
    run.pass_to_end();
    assert!(run.saves.is_empty());
    run.pass(Duration::from_millis(1_500));
    assert!(run.saves[0].document.contains("\"lease\":"), "the next run must read the history");
    run.answer_save(Ok(()));
    assert!(run.core.is_finished());
    assert!(!run.core.is_success());
}

#[test]
fn the_last_save_takes_the_place_of_one_that_has_no_answer() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.show(&["f1"]);
    let generations = |run: &Run| run.saves.iter().map(|save| save.generation).collect::<Vec<Generation>>();
    let first = generations(&run)[0];
    run.handle(Event::ShutdownRequested);
    assert_eq!(run.saves.len(), 2);
    run.handle(Event::Saved(first, Err(SaveError::Conflict("409".into()))));
    assert!(!run.core.is_finished(), "the answer is not that of the last save");
    run.answer_save(Ok(()));
    assert!(run.core.is_finished());
    assert!(run.calls.is_empty());
}

#[test]
fn a_dry_run_prints_and_neither_sends_nor_saves() {
    let mut config = config(&[]);
    config.dry_run = true;
    let mut run = begin(&config);
    run.show(&["f1", "f2"]);
    assert_eq!((run.printed.len(), run.calls.len(), run.saves.len()), (2, 0, 0));
    assert!(run.core.is_finished());
    assert!(run.core.is_success());
}
