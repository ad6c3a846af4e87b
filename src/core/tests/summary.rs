//! The summary: when it is posted, and what a run reads for it.

mod contents;

use std::collections::BTreeMap;

use super::support::{other, posted};
use super::*;
use crate::core::channels::NamedChannel;
use crate::core::checkpoint::Checkpoints;
use crate::core::event::{ChannelHistory, FindingIds, QueryResponse};
use crate::finding::SeverityLevel;
use crate::guardduty::{ReadError, TransientReason};
use crate::message::Summary;
use crate::slack::{HistoryError, ReactionAccess};
use crate::state::{FindingRecord, SummaryProgress};

const DAY: Duration = Duration::from_hours(24);
/// `NOW` is 8 o'clock.
const DAILY: (&str, &str) = ("SLACK_SUMMARY", "daily 08:00");
/// More events than any of these runs has.
const EVENTS: usize = 1_000;

type Answer<T> = Result<T, ReadError>;
type Documents = BTreeMap<String, String>;

/// What GuardDuty and Slack reply. `None`: nothing.
struct World {
    open_by_age: fn() -> Option<Vec<Answer<[u64; 3]>>>,
    findings: fn(&FindingIds) -> Option<Answer<Vec<Finding>>>,
    permalink: fn(&MessageRef) -> Option<Option<String>>,
    documents: fn(&FindingIds) -> Option<Answer<Documents>>,
}

fn world() -> World {
    World {
        open_by_age: || Some(vec![Ok([3, 2, 1])]),
        findings: |page| Some(Ok(page.ids.iter().map(|id| titled(id)).collect())),
        permalink: |at| Some(Some(format!("https://slack.example/{}", at.ts))),
        documents: |page| Some(Ok(page.ids.iter().map(|id| (id.clone(), document(id))).collect())),
    }
}

fn failed() -> ReadError {
    ReadError::Transient { reason: TransientReason::Timeout, text: "no response".into() }
}

fn titled(id: &str) -> Finding {
    let mut f = Rc::unwrap_or_clone(finding(id));
    f.title = Some(format!("title of {id}"));
    f
}

/// A finding as GuardDuty returns it, which occurred five times.
fn document(id: &str) -> String {
    serde_json::json!({"id": id, "accountId": ACCOUNT, "type": "Recon:EC2/Portscan", "service": {"count": 5},
        "resource": {"instanceDetails": {"instanceId": format!("i-{id}")}}})
    .to_string()
}

/// The record of a finding that was announced at `ts`.
fn announced(ts: &str, severity: f64) -> FindingRecord {
    let at = MessageRef { channel: "C0SECURITY".into(), ts: ts.into(), thread_ts: None };
    FindingRecord { severity, message: Some(at.into()), ..super::support::announced() }
}

fn dry_run(more: &[(&str, &str)]) -> Config {
    let mut config = config(&[&[DAILY], more].concat());
    config.dry_run = true;
    config
}

/// A run whose summary is due.
fn begin_due<'a>(config: &'a Config, records: &[(&str, FindingRecord)]) -> Run<'a> {
    let mut run = begin(config);
    make_due(&mut run);
    run.core.state.findings.extend(records.iter().map(|(id, record)| ((*id).to_owned(), record.clone())));
    run
}

fn make_due(run: &mut Run) {
    run.core.state.summary = Some(SummaryProgress { done: START, new: 4, archived: 7 });
}

impl World {
    fn reply(&self, query: &Query) -> Option<QueryResponse> {
        match query {
            Query::OpenByAge(..) => (self.open_by_age)().map(QueryResponse::OpenByAge),
            Query::Findings(page) => (self.findings)(page).map(QueryResponse::Findings),
            Query::Permalink(at) => (self.permalink)(at).map(QueryResponse::Permalink),
            Query::Documents(page) => (self.documents)(page).map(QueryResponse::Documents),
            Query::ReactionAccess => Some(QueryResponse::ReactionAccess(Ok(ReactionAccess::default()))),
            Query::Histories { channels, .. } => {
                Some(QueryResponse::Histories(channels.iter().map(empty_history).collect()))
            }
            other => panic!("{other:?}"),
        }
    }

    /// Plays a run to its end, and returns what it requested.
    fn play(&self, run: &mut Run) -> Vec<Query> {
        self.play_until(run, |run| run.core.is_finished())
    }

    fn play_until(&self, run: &mut Run, is_reached: impl Fn(&Run) -> bool) -> Vec<Query> {
        let mut requested = Vec::new();
        for _ in 0..EVENTS {
            if is_reached(run) {
                return requested;
            } else if !run.saves.is_empty() {
                run.answer_save(Ok(()));
            } else if !run.calls.is_empty() {
                run.acknowledge();
            } else if let Some((id, query)) = run.queries.pop() {
                self.respond(run, id, &query);
                requested.push(query);
            } else {
                run.pass(Duration::from_secs(1));
            }
        }
        panic!("the run does not get there: {requested:?}");
    }

    /// Replies to a query, or lets a second pass until the run no longer waits for the reply.
    fn respond(&self, run: &mut Run, id: QueryId, query: &Query) {
        match self.reply(query) {
            Some(reply) => run.handle(Event::QueryAnswered(id, reply)),
            None => {
                let limit = run.now.plus(Duration::from_secs(30));
                run.pass(Duration::from_millis(29_999));
                assert!(run.printed.is_empty() && run.queries.is_empty(), "a reply is waited for");
                run.pass(limit.duration_since(run.now));
            }
        }
    }

    /// The summary of a dry run that reads the source with these open findings.
    fn summarize(&self, run: &mut Run) -> Summary {
        run.read_as(|report| report.open = Some(BTreeMap::from([(SeverityLevel::High, 2)])));
        self.play(run);
        printed(run)
    }
}

fn empty_history((id, name): (&String, &String)) -> ChannelHistory {
    ChannelHistory { channel: NamedChannel { name: name.clone(), id: id.clone() }, messages: Ok(Vec::new()) }
}

fn printed(run: &Run) -> Summary {
    match run.printed.last() {
        Some(Delivery::Summary(summary)) => summary.content.clone(),
        other => panic!("{other:?}"),
    }
}

/// What is posted, by the first words of its text.
fn posts(run: &Run) -> Vec<bool> {
    let is_summary = |call: &Call| format!("{call:?}").contains("GuardDuty summary");
    run.calls.iter().map(|(_, call)| is_summary(call)).collect()
}

#[test]
fn a_summary_is_posted_once_after_the_findings_and_the_counts_begin_again() {
    let config = config(&[DAILY]);
    let mut run = begin_due(&config, &[]);
    run.show(&["f1"]);
    run.answer_save(Ok(()));
    assert_eq!(posts(&run), [false]);
    run.acknowledge();
    world().play_until(&mut run, |run| !run.calls.is_empty());
    assert_eq!(posts(&run), [true]);
    assert!(run.core.state.summary.as_ref().is_some_and(|summary| summary.done == START), "it is not delivered yet");
    world().play(&mut run);
    assert!(run.core.is_success());
    assert_eq!(run.core.state.summary, Some(SummaryProgress { done: NOW, new: 0, archived: 0 }));
    assert_eq!(run.core.summary_due(), None);
}

#[test]
fn no_summary_is_prepared_if_none_is_due_or_it_could_not_be_posted_or_recorded() {
    let nothing: Circumstance = |_| {};
    let shutdown: Circumstance = |run| run.handle(Event::ShutdownRequested);
    let posted: Circumstance = |run| run.core.state.set_summarized(NOW);
    let end: Circumstance = |run| run.now = run.core.end;
    let unrecordable: Circumstance = |run| {
        run.core.checkpoints = Checkpoints::new(run.core.config, Some("read-only".into()), NOW);
    };
    for (circumstance, expected, case) in [
        (nothing, 1, "due"),
        (posted, 0, "it was posted"),
        (shutdown, 0, "the run was asked to end"),
        (end, 0, "the time is over"),
        (unrecordable, 0, "the next run could not know that it was posted"),
    ] {
        let config = config(&[DAILY]);
        let mut run = begin_due(&config, &[]);
        circumstance(&mut run);
        run.show(&[]);
        assert_eq!(run.queries.len(), expected, "{case}");
    }
    let without = config(&[]);
    let mut run = begin_due(&without, &[]);
    run.show(&[]);
    assert!(run.queries.is_empty(), "no schedule");
}

#[test]
fn a_summary_in_the_history_is_not_posted_again() {
    let is_due = |id: &str, ts: Timestamp| {
        let config = config(&[DAILY]);
        let since = ts.minus(DAY);
        let earlier = EarlierPosts { since, readable_at: None, is_unclean: true };
        let mut run = begin_after(&config, 1, Some(earlier));
        make_due(&mut run);
        run.show(&[]);
        let channel = NamedChannel { name: "C0SECURITY".into(), id: "C0SECURITY".into() };
        let messages = Ok(vec![posted("guardduty_summary", &[("summary_id", id)])]);
        run.reply(QueryResponse::Histories(vec![ChannelHistory { channel, messages }]));
        let is_due = !run.queries.is_empty();
        assert_eq!(run.core.state.summary.as_ref().is_some_and(|summary| summary.done == START), is_due);
        is_due
    };
    assert!(!is_due("summary-1800000000", NOW));
    assert!(is_due("summary-1799913600", NOW), "that of the day before");
}

#[test]
fn no_summary_is_posted_if_the_history_that_could_show_it_is_not_readable() {
    let config = config(&[DAILY]);
    let since = NOW.minus(DAY);
    let earlier = EarlierPosts { since, readable_at: None, is_unclean: true };
    let mut run = begin_after(&config, 1, Some(earlier));
    make_due(&mut run);
    run.show(&[]);
    let channel = NamedChannel { name: "C0SECURITY".into(), id: "C0SECURITY".into() };
    let messages = Err(HistoryError::Unavailable("503".into()));
    run.reply(QueryResponse::Histories(vec![ChannelHistory { channel, messages }]));
    assert!(world().play(&mut run).is_empty());
    assert!(!run.core.is_success());
    assert_eq!(run.core.report().problems, 1);
}
