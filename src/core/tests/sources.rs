//! What a run concludes from the results of its sources: their health, their notices, and how far it looks back.

use super::support::other;
use super::*;
use crate::config::LogFormat;
use crate::core::event::UnusableIdentity;
use crate::finding::SeverityLevel;
use crate::guardduty::{ReadError, TransientReason};
use crate::source_key::SourceOrIdentity;
use crate::state::{DetectorStatus, SourceState};
use crate::telemetry::tests::logged;

fn unreadable() -> ReadError {
    ReadError::Transient { reason: TransientReason::Timeout, text: "no response".into() }
}

fn identity_error(account: Option<&str>) -> Event {
    let account = account.map(str::to_owned);
    Event::SourcesDiscovered(Err(UnusableIdentity { identity: "self".into(), account, error: unreadable() }))
}

impl Run<'_> {
    fn titles(&self) -> Vec<&str> {
        self.core.state.notices.iter().map(|notice| notice.title.as_str()).collect()
    }

    fn source_state(&mut self) -> &mut SourceState {
        self.core.state.source_mut(&source()).unwrap()
    }

    /// The keys of the sources and identities that cannot be read.
    fn unreadable_keys(&self) -> Vec<String> {
        let sources = self.core.state.sources.iter();
        sources.filter(|(_, source)| source.unreadable_since.is_some()).map(|(key, _)| key.to_string()).collect()
    }
}

#[test]
fn an_identity_that_can_be_used_again_is_announced_and_removed_once_every_identity_can() {
    let key = SourceOrIdentity::from("self/*");
    let all_discovered: Circumstance = |run| {
        run.show(&["f1"]);
        run.handle(Event::SourcesDiscovered(Ok(Vec::new())));
    };
    let one_unusable: Circumstance = |run| {
        run.show(&["f1"]);
        run.handle(identity_error(None));
    };
    let one_undiscovered: Circumstance = |run| {
        run.show(&["f1"]);
        run.pass(Duration::from_mins(1));
    };
    for (circumstance, is_known, case) in [
        (all_discovered, false, "every identity can be used"),
        (one_unusable, true, "an identity cannot be used"),
        (one_undiscovered, true, "an identity has not responded"),
    ] {
        let config = config(&[]);
        let mut run = begin_with(&config, 2);
        let (entry, _) = run.core.state.source_or_insert(&key, START);
        (entry.unreadable_since, entry.outage_announced) = (Some(START), true);
        circumstance(&mut run);
        assert_eq!(run.saves.len(), 1, "{case}: the finding is planned");
        assert_eq!(run.core.state.sources.contains_key(&key), is_known, "{case}");
        let is_announced = run.titles().iter().any(|title| title.starts_with("Could not read GuardDuty"));
        assert_eq!(is_announced, !is_known, "{case}");
    }
}

#[test]
fn an_identity_that_cannot_be_used_makes_its_own_sources_unreadable_and_no_others() {
    const OF_ROLE: &str = "444455556666";
    let own = format!("{ACCOUNT}/{REGION}");
    let all = ["444455556666/*", "444455556666/eu-west-1", "777788889999/eu-west-1", "self/*"];
    for (known, account, expected) in [
        (&all[..], Some(ACCOUNT), vec![own.as_str()]),
        (&all[..], Some(OF_ROLE), vec!["444455556666/*", "444455556666/eu-west-1"]),
        (&all[..], None, vec![own.as_str(), "777788889999/eu-west-1", "self/*"]),
        (&[], Some(OF_ROLE), vec!["444455556666/*"]),
        (&[], Some("777788889999"), vec!["777788889999/*"]),
    ] {
        let config = config(&[("GUARDDUTY_ROLE_ARNS", "self,arn:aws:iam::444455556666:role/reader")]);
        let mut run = begin_with(&config, 2);
        for key in known {
            run.core.state.source_or_insert(&(*key).into(), START);
        }
        run.handle(identity_error(account));
        assert_eq!(run.unreadable_keys(), expected, "{account:?}");
    }
    let config = config(&[]);
    let mut run = begin_with(&config, 2);
    run.core.state.sources.clear();
    run.handle(identity_error(None));
    assert_eq!(run.unreadable_keys(), ["self/*"]);
}

#[test]
fn optional_checks_that_failed_are_a_warning() {
    for (warnings, is_logged) in [(vec!["denied".to_owned(), "timeout".to_owned()], true), (vec![], false)] {
        let config = config(&[]);
        let mut run = begin(&config);
        let lines = logged(LogFormat::Json, "warn", || run.read_as(|report| report.warnings = warnings));
        assert_eq!(lines.iter().any(|line| line.contains("\"denied; timeout\"")), is_logged, "{lines:?}");
        assert_eq!(lines.iter().any(|line| line.contains("optional GuardDuty checks failed")), is_logged);
    }
}

#[test]
fn a_region_without_a_detector_is_a_warning_unless_it_is_one_of_all_regions_that_was_never_polled() {
    let known: Circumstance = |_| {};
    let new: Circumstance = |run| _ = run.core.state.remove_source(&source().into());
    for (regions, circumstance, is_logged, status, title) in [
        (REGION, known, true, DetectorStatus::Missing, "No GuardDuty detector in 111122223333/eu-west-1"),
        (REGION, new, true, DetectorStatus::Missing, "No GuardDuty detector in 111122223333/eu-west-1"),
        ("all", known, false, DetectorStatus::Missing, "No GuardDuty detector in 111122223333/eu-west-1"),
        ("all", new, false, DetectorStatus::Excluded, "Regions excluded"),
    ] {
        let config = config(&[("GUARDDUTY_REGIONS", regions)]);
        let mut run = begin(&config);
        circumstance(&mut run);
        let lines = logged(LogFormat::Json, "warn", || run.read_as(|report| report.detector_id = Ok(None)));
        assert_eq!(lines.iter().any(|line| line.contains("nothing can be found there")), is_logged, "{lines:?}");
        assert_eq!(run.source_state().detector_status, status);
        assert!(run.titles().contains(&title), "{:?}", run.titles());
    }
}

#[test]
fn an_excluded_region_that_has_a_detector_is_a_new_source_and_no_other_is_set_back() {
    const FIRST: Timestamp = Timestamp(START.0 - 1_000);
    let denied = || Err(ReadError::AccessDenied("opt-in is missing".into()));
    let found = || Ok(Some("d".to_owned()));
    for (before, detector, watermark, is_polled, case) in [
        (DetectorStatus::Excluded, found(), FIRST, true, "it has a detector now"),
        (DetectorStatus::Excluded, denied(), START, false, "it is still excluded"),
        (DetectorStatus::Ok, found(), START, true, "it was polled before"),
    ] {
        let config = config(&[("GUARDDUTY_REGIONS", "all")]);
        let mut run = begin(&config);
        run.source_state().detector_status = before;
        run.core.sources.start = FIRST;
        run.read_as(|report| report.detector_id = detector);
        assert_eq!(run.source_state().watermark, watermark, "{case}");
        let is_new = run.titles().iter().any(|title| title.starts_with("New source 111122223333/eu-west-1"));
        assert_eq!(is_new, watermark == FIRST, "{case}");
        assert!(run.core.tally.problems.is_empty(), "{case}");
        assert_eq!(run.core.report().sources.len(), usize::from(is_polled), "{case}");
    }
}

#[test]
fn the_notice_about_new_sources_adds_up_what_was_open_and_says_how_far_they_are_read() {
    use SeverityLevel::{Critical, High, Low};
    let counts = |counts: &[(SeverityLevel, u64)]| Some(counts.iter().copied().collect());
    let (first, second) = (counts(&[(Critical, 1), (High, 2)]), counts(&[(High, 3), (Low, 4)]));
    let (minute, second_more) = (Duration::from_mins(1), Duration::from_mins(1) + Duration::from_secs(1));
    for (opens, more, look_back, open) in [
        ([first.clone(), second], Duration::ZERO, "30 min", "Already open: 1 critical, 5 high, 4 others"),
        ([first, None], minute, "31 min", "Already open: 1 critical, 2 high, 0 others"),
        (
            [None, None],
            second_more,
            "32 min",
            "Already open: unknown (guardduty:GetFindingsStatistics is not available)",
        ),
    ] {
        let config = config(&[("GUARDDUTY_LOOKBACK", "30m")]);
        let mut run = begin(&config);
        run.core.state.remove_source(&source().into());
        run.core.sources.start = NOW.minus(config.lookback + more);
        run.handle(Event::SourcesDiscovered(Ok(vec![source(), other()])));
        for (key, open) in [source(), other()].into_iter().zip(opens) {
            run.report_as(key, |report| report.open_before = open);
        }
        assert_eq!(run.titles(), [format!("2 new sources: looking back {look_back}")]);
        assert_eq!(run.core.state.notices[0].lines[0], open);
    }
}

#[test]
fn a_source_that_does_not_respond_to_a_second_run_is_announced_while_there_is_time_for_it() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.source_state().unreadable_since = Some(START);
    run.handle(Event::SourcesDiscovered(Ok(vec![source()])));
    // The run ends after 225 seconds.
    run.pass(Duration::from_millis(219_999));
    assert!(run.titles().is_empty());
    let lines = logged(LogFormat::Json, "warn", || run.pass(Duration::from_millis(1)));
    assert_eq!(run.titles(), ["Cannot read 111122223333/eu-west-1"]);
    assert!(lines.iter().any(|line| line.contains("notice queued")), "{lines:?}");
    assert!(run.saves[0].document.contains("Cannot read"));
    run.answer_save(Ok(()));
    assert!(matches!(run.calls[..], [(_, Call::Post { .. })]));
}

/// A run that knows no source yet, and of whose two identities one does not respond.
fn begin_without_sources(config: &Config, is_new_installation: bool) -> Run<'_> {
    let mut run = begin_with(config, 2);
    run.core.state.sources.clear();
    run.core.is_new_installation = is_new_installation;
    if is_new_installation {
        run.core.state.saved_at = None;
    }
    run
}

#[test]
fn what_is_announced_once_about_sources_is_saved_for_the_next_run_by_a_run_that_must_end_before() {
    let found = || Ok(Some("d".to_owned()));
    for (is_new_installation, detector, title) in [
        (false, found(), "New source 111122223333/eu-west-1: looking back 10 min"),
        (true, found(), "No saved state: looking back 10 min"),
        (false, Ok(None), "Regions excluded"),
    ] {
        let config = config(&[("GUARDDUTY_REGIONS", "all")]);
        let mut run = begin_without_sources(&config, is_new_installation);
        run.read_as(|report| report.detector_id = detector);
        run.handle(Event::ShutdownRequested);
        assert_eq!(run.titles(), [title]);
        assert!(run.saves[0].document.contains(title), "{}", run.saves[0].document);
        run.answer_save(Ok(()));
        assert!(run.core.is_finished() && !run.core.is_success());
    }
}

#[test]
fn a_state_that_has_a_new_source_has_its_notice() {
    let config = config(&[]);
    let mut run = begin_with(&config, 2);
    run.show(&["f1"]);
    run.pass(Duration::from_mins(1));
    run.answer_save(Ok(()));
    run.handle(Event::SourcesDiscovered(Ok(vec![other()])));
    run.report_as(other(), |_| {});
    run.core.save();
    run.handle(Event::Woken);
    let document = &run.saves[0].document;
    assert!(document.contains("\"111122223333/us-east-1\""), "{document}");
    assert!(document.contains("New source 111122223333/us-east-1"), "{document}");
}

#[test]
fn a_new_source_that_does_not_respond_is_announced_as_new() {
    for (is_new_installation, title) in [
        (false, "New source 111122223333/eu-west-1: looking back 10 min"),
        (true, "No saved state: looking back 10 min"),
    ] {
        let config = config(&[]);
        let mut run = begin_without_sources(&config, is_new_installation);
        run.handle(Event::SourcesDiscovered(Ok(vec![source()])));
        run.pass(Duration::from_secs(220));
        assert_eq!(run.titles(), [title]);
        run.answer_save(Ok(()));
        assert!(matches!(run.calls[..], [(_, Call::Post { .. })]));
    }
}

#[test]
fn a_run_that_knows_no_source_announces_none() {
    let config = config(&[]);
    let mut run = begin_without_sources(&config, true);
    run.pass(Duration::from_secs(220));
    assert!(run.titles().is_empty());
}

#[test]
fn a_run_that_may_not_wait_for_its_sources_does_not_call_them_unreadable() {
    let shutdown: Circumstance = |run| run.handle(Event::ShutdownRequested);
    let conflict: Circumstance = |run| {
        run.pass(Duration::from_mins(1));
        run.answer_save(Err(SaveError::Conflict("409".into())));
    };
    for circumstance in [shutdown, conflict] {
        let config = config(&[]);
        let mut run = begin(&config);
        run.core.state.source_or_insert(&other().into(), START);
        run.handle(Event::SourcesDiscovered(Ok(vec![source(), other()])));
        run.report_as(source(), |report| report.batch.new_findings = vec![finding("f1")]);
        circumstance(&mut run);
        assert!(run.unreadable_keys().is_empty(), "{:?}", run.unreadable_keys());
        assert!(run.calls.is_empty());
    }
}

#[test]
fn an_excluded_region_need_not_respond() {
    let config = config(&[("GUARDDUTY_REGIONS", "all")]);
    let mut run = begin(&config);
    run.core.state.source_or_insert(&other().into(), START).0.detector_status = DetectorStatus::Excluded;
    run.handle(Event::SourcesDiscovered(Ok(vec![source(), other()])));
    run.report_as(source(), |_| {});
    run.pass(Duration::from_secs(220));
    assert!(run.unreadable_keys().is_empty());
    assert!(run.core.tally.problems.is_empty(), "{:?}", run.core.tally.problems);
    assert!(run.core.would_be_complete() && run.core.posting().is_all_readable);
}

#[test]
fn the_entry_of_an_identity_stays_until_the_state_has_all_sources() {
    let config = config(&[]);
    let mut run = begin(&config);
    run.core.state.source_or_insert(&SourceOrIdentity::from("self/*"), START);
    run.handle(Event::SourcesDiscovered(Ok(vec![source(), other()])));
    run.report_as(source(), |report| report.batch.new_findings = vec![finding("f1")]);
    run.pass(Duration::from_mins(1));
    let document = &run.saves[0].document;
    assert!(!document.contains("111122223333/us-east-1"), "{document}");
    assert!(document.contains("self/*"), "{document}");
}
