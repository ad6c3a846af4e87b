//! Results of investigations, in the threads of their findings.

use super::support::announced;
use super::*;
use crate::config::LogFormat;
use crate::finding::Assessment;
use crate::guardduty::{DetectorInfo, Investigation, ReadError, TransientReason};
use crate::slack::{SentMessage, WebhookMessage};
use crate::state::{FindingRecord, Triage};
use crate::telemetry::tests::logged;
use crate::user::UserId;

const ID: &str = "1ab2c3d4e5f6a7b8c9d0e1f2a3b4c5d6";

/// A run whose state has a finding with a message.
fn begin_announced(config: &Config) -> Run<'_> {
    let mut run = begin(config);
    run.core.state.findings.insert(ID.into(), announced());
    run
}

/// A run that asks for the investigations of its source.
fn begin_listing(config: &Config) -> Run<'_> {
    let mut run = begin_announced(config);
    run.read_source(true);
    assert!(matches!(&run.queries[..], [(_, Query::Investigations(detectors))] if detectors[0].source == source()));
    run
}

impl Run<'_> {
    /// The source is read, and its account can start investigations or not.
    fn read_source(&mut self, can_investigate: bool) {
        let features = [("AI_ANALYST".to_owned(), can_investigate)].into();
        self.read_as(|report| report.detector_info = Some(DetectorInfo { enabled: true, features }));
    }

    fn list(&mut self, investigations: Vec<Investigation>) {
        self.reply(QueryResponse::Investigations(vec![Ok(investigations)]));
    }

    fn record(&mut self) -> &mut FindingRecord {
        self.core.state.findings.get_mut(ID).unwrap()
    }

    fn is_recorded(&self, investigation: &str) -> bool {
        self.core.state.findings.get(ID).is_some_and(|record| record.has_investigation(investigation))
    }

    /// Findings are read, because the thread of one is to have a result.
    fn is_fetching(&self) -> bool {
        matches!(&self.queries[..], [(_, Query::Findings(page))] if page.ids == [ID])
    }

    fn is_reading(&self, investigation: &str) -> bool {
        matches!(&self.queries[..], [(_, Query::Assessment(of, id))] if of.source == source() && id == investigation)
    }

    fn mute(&mut self) {
        let mut triage = Triage::default();
        triage.marks.muted = UserId::parse("U024BE7LH");
        self.record().triage = Some(Box::new(triage));
    }
}

fn investigation(id: &str) -> Investigation {
    Investigation { id: id.into(), prompt: format!("Investigate finding {ID}"), ended: NOW }
}

fn assessment(investigation: &str) -> QueryResponse {
    QueryResponse::Assessment(Ok(Assessment { investigation: investigation.into(), ..Assessment::default() }))
}

fn found() -> QueryResponse {
    QueryResponse::Findings(Ok(vec![Rc::unwrap_or_clone(finding(ID))]))
}

fn unavailable() -> ReadError {
    ReadError::Transient { reason: TransientReason::Timeout, text: "no response".into() }
}

#[test]
fn the_result_of_an_investigation_is_posted_in_the_thread_of_its_finding_and_recorded() {
    let config = config(&[]);
    let mut run = begin_listing(&config);
    run.list(vec![investigation("i1")]);
    assert!(run.is_fetching());
    run.reply(found());
    assert!(run.is_reading("i1"));
    run.reply(assessment("i1"));
    run.answer_save(Ok(()));
    assert!(matches!(&run.calls[..], [(_, Call::Replies { thread, .. })] if thread == "1799999000.1"));
    run.answer(CallResponse::Messages(Ok(Vec::new())));
    assert!(matches!(&run.calls[..], [(_, Call::Post { thread: Some(_), .. })]));
    assert!(!run.is_recorded("i1"));
    run.acknowledge();
    assert!(run.is_recorded("i1"));
    run.answer_save(Ok(()));
    assert!(run.core.is_finished() && run.core.is_success());
}

#[test]
fn a_result_is_due_if_it_is_of_the_last_day_and_the_finding_has_a_thread_without_it() {
    const DAY: Duration = Duration::from_hours(24);
    const ALMOST: Duration = Duration::from_millis(86_399_999);
    let nothing: Circumstance = |_| {};
    let unknown: Circumstance = |run| _ = run.core.state.findings.remove(ID);
    let no_message: Circumstance = |run| run.record().message = None;
    let webhook: Circumstance = |run| {
        run.record().message = Some(SentMessage::Webhook(WebhookMessage { variable: "SLACK_WEBHOOK_URL".into() }));
    };
    let has_result: Circumstance = |run| run.core.state.set_investigated(ID, "i1");
    let tried: Circumstance = |run| _ = run.core.tried.insert(ID.into());
    let muted: Circumstance = |run| run.mute();
    let muted_and_tried: Circumstance = |run| {
        run.mute();
        run.core.tried.insert(ID.into());
    };
    for (circumstance, age, is_due, is_recorded, case) in [
        (nothing, Duration::ZERO, true, false, "a new result"),
        (nothing, ALMOST, true, false, "a result of the last day"),
        (nothing, DAY, false, false, "an older result"),
        (unknown, Duration::ZERO, false, false, "the finding was never announced"),
        (no_message, Duration::ZERO, false, false, "the finding has no message"),
        (webhook, Duration::ZERO, false, false, "a webhook posted the message: it has no thread"),
        (has_result, Duration::ZERO, false, true, "the thread has the result"),
        (tried, Duration::ZERO, false, false, "a reply about the finding failed in this run"),
        (muted, Duration::ZERO, false, true, "the thread is muted"),
        (muted_and_tried, Duration::ZERO, false, false, "the thread is muted, and a reply failed in this run"),
    ] {
        let config = config(&[]);
        let mut run = begin_listing(&config);
        circumstance(&mut run);
        run.list(vec![Investigation { ended: NOW.minus(age), ..investigation("i1") }]);
        assert_eq!((run.is_fetching(), run.is_recorded("i1")), (is_due, is_recorded), "{case}");
        assert_eq!(run.saves.len(), usize::from(!is_due), "{case}: the run ends if nothing is due");
    }
}

#[test]
fn investigations_are_listed_only_if_there_can_be_a_result_to_announce() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.read_source(true);
    assert!(run.queries.is_empty(), "no finding has a message");
    let mut run = begin_announced(&config);
    run.read_source(false);
    assert!(run.queries.is_empty(), "the account cannot start investigations");
    let mut run = begin_announced(&config);
    run.show(&[]);
    assert!(run.queries.is_empty(), "the status of the detector was not read");
    let mut run = begin_announced(&config);
    run.read_as(|report| {
        report.detector_info = Some(DetectorInfo { enabled: true, features: [("AI_ANALYST".to_owned(), true)].into() });
        report.batch.new_findings = vec![finding("f1")];
    });
    run.answer_save(Err(SaveError::Unavailable("503".into())));
    run.acknowledge();
    assert!(run.queries.is_empty(), "the state cannot be saved: the next run would announce the result again");
}

#[test]
fn investigations_that_can_lastingly_not_be_listed_are_one_warning_until_they_can() {
    let denied = || Err(ReadError::AccessDenied("denied".into()));
    let unsupported = || Err(ReadError::Unsupported("no such operation".into()));
    let rejected = || Err(ReadError::Transient { reason: TransientReason::Rejected, text: "400".into() });
    let transient = || Err(unavailable());
    for (result, could_be_listed, is_logged, can_be_listed) in [
        (denied(), true, true, false),
        (denied(), false, false, false),
        (unsupported(), true, true, false),
        (unsupported(), false, false, false),
        (rejected(), true, true, false),
        (rejected(), false, false, false),
        (transient(), true, true, true),
        (transient(), false, true, false),
        (Ok(Vec::new()), false, false, true),
    ] {
        let case = format!("{result:?}, could be listed before: {could_be_listed}");
        let config = config(&[]);
        let mut run = begin_listing(&config);
        let lines = logged(LogFormat::Json, "warn", || {
            run.core.state.note_investigations(&source(), could_be_listed);
            run.reply(QueryResponse::Investigations(vec![result]));
        });
        assert_eq!(lines.iter().any(|line| line.contains("cannot list investigations")), is_logged, "{case}");
        let watched = run.core.state.source(&source()).and_then(|source| source.watch_baseline.as_ref());
        assert_eq!(watched.map(|watched| !watched.no_investigations), Some(can_be_listed), "{case}");
    }
}

#[test]
fn a_result_that_cannot_be_read_is_left_to_the_next_run_and_does_not_stop_the_others() {
    let config = config(&[]);
    let mut run = begin_listing(&config);
    run.list(vec![investigation("i1"), investigation("i2")]);
    run.reply(found());
    assert!(run.is_reading("i1"));
    let lines = logged(LogFormat::Json, "warn", || run.reply(QueryResponse::Assessment(Err(unavailable()))));
    assert!(lines.iter().any(|line| line.contains("cannot read an investigation")), "{lines:?}");
    assert!(run.is_reading("i2"));
    run.reply(assessment("i2"));
    run.answer_save(Ok(()));
    run.answer(CallResponse::Messages(Ok(Vec::new())));
    run.acknowledge();
    assert!(run.calls.is_empty());
    assert_eq!((run.is_recorded("i1"), run.is_recorded("i2")), (false, true));
}

#[test]
fn no_result_is_read_of_a_finding_that_guardduty_does_not_return() {
    let config = config(&[]);
    let mut run = begin_listing(&config);
    run.list(vec![investigation("i1")]);
    run.reply(QueryResponse::Findings(Ok(Vec::new())));
    assert_eq!((run.queries.len(), run.saves.len()), (0, 1));
}
