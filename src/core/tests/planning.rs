//! What a run plans of what arrived. A dry run shows it.

use super::support::{announced, notice};
use super::*;
use crate::config::LogFormat;
use crate::message::{Marks, Notice, NoticeId, Reopened};
use crate::plan::{Changes, ReplySubject, Update};
use crate::state::{FindingRecord, Triage, fingerprint};
use crate::telemetry::tests::logged;
use crate::user::UserId;

fn dry_run(variables: &[(&str, &str)]) -> Config {
    let mut config = config(variables);
    config.dry_run = true;
    config
}

/// A revision of the finding `f1`.
fn revision(updated: Timestamp, archived: bool) -> Rc<Finding> {
    let mut f = Rc::unwrap_or_clone(finding("f1"));
    (f.updated, f.updated_at, f.archived) = (updated, updated.to_rfc3339(), archived);
    Rc::new(f)
}

/// A revision that is a signal of the attack sequence `s1`.
fn signal(updated: Timestamp) -> Rc<Finding> {
    let mut f = Rc::unwrap_or_clone(revision(updated, true));
    f.sequence_arn = Some("arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/s1".into());
    Rc::new(f)
}

fn look_up(run: &mut Run, f: Rc<Finding>) {
    run.read_as(|report| report.looked_up = vec![f]);
}

#[test]
fn a_finding_that_was_looked_up_is_announced_if_no_list_can_have_shown_its_revision() {
    const BEFORE: Timestamp = Timestamp(START.0 - 1);
    for (updated, archived, expected, case) in [
        (START, false, 1, "a revision at the lower bound"),
        (BEFORE, false, 0, "one below it may have been announced and discarded"),
        (START, true, 0, "an archived one"),
    ] {
        let config = dry_run(&[("GUARDDUTY_OVERLAP", "0s")]);
        let mut run = begin(&config);
        look_up(&mut run, revision(updated, archived));
        assert_eq!(run.printed.len(), expected, "{case}");
    }
}

#[test]
fn of_several_revisions_of_a_finding_the_newest_is_announced() {
    let (older, newer) = (revision(START, false), revision(NOW, false));
    for new_findings in
        [vec![older.clone(), newer.clone()], vec![newer.clone(), older.clone()], vec![newer.clone(), newer]]
    {
        let config = dry_run(&[]);
        let mut run = begin(&config);
        run.read(PolledBatch { new_findings, complete_until: Some(NOW), ..PolledBatch::default() });
        let updated: Vec<Timestamp> = run.printed.iter().flat_map(Delivery::findings).map(|f| f.updated).collect();
        assert_eq!(updated, [NOW]);
    }
}

#[test]
fn the_archiving_of_a_finding_is_shown_after_the_reactions_were_read() {
    let lacks_link: Circumstance = |run| {
        run.core.state.findings.insert("s1".into(), announced());
        run.core.state.findings.insert("f1".into(), FindingRecord { archived: true, ..announced() });
    };
    let was_open: Circumstance = |run| _ = run.core.state.findings.insert("f1".into(), announced());
    for (triage, circumstance, shown_before, case) in [
        ("show", was_open, 0, "the finding was archived: the reactions come first"),
        ("off", was_open, 1, "the finding was archived, and nobody triages"),
        ("show", lacks_link, 1, "nothing was archived: only a link is new"),
    ] {
        let config = dry_run(&[("SLACK_TRIAGE", triage)]);
        let mut run = begin(&config);
        circumstance(&mut run);
        look_up(&mut run, signal(NOW));
        assert_eq!((run.printed.len(), run.queries.len()), (shown_before, usize::from(triage == "show")), "{case}");
    }
}

#[test]
fn a_message_is_edited_to_show_a_new_link_once_its_revision_is_processed() {
    let config = dry_run(&[]);
    let begin_linked = |record: FindingRecord| {
        let mut run = begin(&config);
        run.core.state.findings.insert("s1".into(), announced());
        run.core.state.findings.insert("f1".into(), FindingRecord { archived: true, ..record });
        run
    };
    let mut run = begin_linked(announced());
    look_up(&mut run, signal(NOW));
    let [Delivery::Refresh(_, refresh)] = &run.printed[..] else { panic!("{:?}", run.printed) };
    assert_eq!(refresh.related.len(), 1);
    let links = fingerprint(&refresh.related);
    let mut run = begin_linked(FindingRecord { links, ..announced() });
    look_up(&mut run, signal(NOW));
    assert!(run.printed.is_empty(), "the message has the link");
    let mut run = begin_linked(announced());
    look_up(&mut run, signal(NOW.plus(Duration::from_secs(1))));
    assert!(run.printed.is_empty(), "the next run announces the revision");
}

#[test]
fn the_message_of_a_resolved_finding_that_is_unarchived_is_open_again_and_its_thread_says_so_unless_muted() {
    const RESOLVED: &[&str] = &["resolved"];
    const MUTED: &[&str] = &["resolved", "muted"];
    for (was_archived, marks, is_resolved, is_replied, case) in [
        (true, RESOLVED, false, true, "a resolved finding was unarchived"),
        (true, MUTED, false, false, "its thread is muted"),
        (true, &[], false, false, "a finding that nobody resolved was unarchived"),
        (false, RESOLVED, true, false, "a resolved finding was archived"),
    ] {
        let user = |mark: &str| UserId::parse("U024BE7LH").filter(|_| marks.contains(&mark));
        let marks = Marks { resolved: user("resolved"), muted: user("muted"), ..Marks::default() };
        let triage = Some(Box::new(Triage { marks, ..Triage::default() }));
        let config = dry_run(&[]);
        let mut run = begin(&config);
        run.core.state.findings.insert("f1".into(), FindingRecord { archived: was_archived, triage, ..announced() });
        look_up(&mut run, revision(NOW, !was_archived));
        let [Delivery::Update(_, Update { reply, marks, .. })] = &run.printed[..] else { panic!("{case}") };
        let expected = Changes { reopened: Some(Reopened::Unarchived), ..Changes::default() };
        let subject = reply.as_ref().map(|reply| reply.subject.clone());
        assert_eq!(subject, is_replied.then_some(ReplySubject::Changes(expected)), "{case}");
        assert_eq!((marks.resolved.is_some(), marks.muted.clone()), (is_resolved, user("muted")), "{case}");
    }
}

#[test]
fn a_flood_of_findings_that_are_skipped_is_saved_and_so_compacted_after_each_batch() {
    for (known, saves) in [(11_999, 0), (12_000, 1)] {
        let config = config(&[("GUARDDUTY_MIN_SEVERITY", "8")]);
        let mut run = begin_with(&config, 2);
        let record = FindingRecord { updated_at: Some(NOW), ..FindingRecord::default() };
        run.core.state.findings.extend((0..known).map(|n| (format!("known{n}"), record.clone())));
        run.show(&["f1"]);
        run.pass(Duration::from_mins(1));
        assert_eq!((run.core.state.findings.len(), run.saves.len()), (known + 1, saves), "{known}");
    }
}

#[test]
fn the_oldest_notices_beyond_the_limit_are_discarded_with_an_error_unless_one_of_them_may_be_posted() {
    let open: Circumstance = |_| {};
    let closed: Circumstance = |run| run.core.channels.close("C0SECURITY".into());
    for (circumstance, left, discarded) in [(open, 50, 1), (closed, 51, 0)] {
        let config = config(&[]);
        let mut run = begin(&config);
        circumstance(&mut run);
        for n in 0..51 {
            let id = NoticeId { is_combined: true, ..NoticeId::new(format!("n{n}"), NOW) };
            run.core.state.queue_notice(Notice { id, ..notice() });
        }
        let lines = logged(LogFormat::Json, "error", || run.show(&[]));
        let errors: Vec<&String> = lines.iter().filter(|line| line.contains("notice discarded")).collect();
        assert!(errors.iter().all(|line| line.contains("combined-n0-")), "{errors:?}");
        assert_eq!((run.core.state.notices.len(), errors.len()), (left, discarded));
    }
}
