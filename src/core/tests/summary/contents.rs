//! What a summary contains. A dry run shows it.

use super::*;

#[test]
fn a_summary_counts_the_open_findings_of_all_polled_sources() {
    let config = dry_run(&[("GUARDDUTY_REGIONS", "all")]);
    let mut run = begin_due(&config, &[]);
    let unknown = SourceKey { account: ACCOUNT.into(), region: "us-west-2".into() };
    // Without a detector, a region that is new is not polled.
    let excluded = SourceKey { account: ACCOUNT.into(), region: "sa-east-1".into() };
    for key in [other(), unknown.clone()] {
        run.core.state.source_or_insert(&key.to_string().into(), START);
    }
    run.handle(Event::SourcesDiscovered(Ok(vec![source(), other(), unknown.clone(), excluded.clone()])));
    let counts = |high, low| Some(BTreeMap::from([(SeverityLevel::High, high), (SeverityLevel::Low, low)]));
    run.report_as(source(), |report| report.open = counts(2, 3));
    run.report_as(other(), |report| report.open = counts(5, 0));
    run.report_as(unknown.clone(), |_| {});
    run.report_as(excluded, |report| report.detector_id = Ok(None));
    let world = World { open_by_age: || Some(vec![Ok([6, 4, 2]), Ok([1, 1, 1]), Err(failed())]), ..world() };
    let requested = world.play(&mut run);
    let Some(Query::OpenByAge(detectors, before)) = requested.first() else { panic!("{requested:?}") };
    assert_eq!(detectors.len(), 3);
    assert_eq!(*before, [1, 7, 30].map(|days: u32| NOW.minus(DAY * days)));
    let summary = printed(&run);
    assert_eq!(summary.id, "summary-1800000000");
    assert_eq!((summary.new, summary.archived, summary.unacknowledged), (4, 7, None));
    assert_eq!(summary.open, counts(7, 3));
    assert_eq!(summary.older, Some([7, 5, 3]));
    assert_eq!(summary.unknown, [unknown.to_string()], "it is named once");
}

#[test]
fn a_summary_counts_unacknowledged_findings_if_reactions_are_read() {
    for (triage, expected) in [("show", Some(2)), ("off", None)] {
        let config = dry_run(&[("SLACK_TRIAGE", triage)]);
        let mut run = begin_due(&config, &[("f1", announced("1.1", 5.0)), ("f2", announced("2.1", 5.0))]);
        assert_eq!(world().summarize(&mut run).unacknowledged, expected, "{triage}");
    }
}

#[test]
fn the_most_severe_findings_have_titles_and_links() {
    let config = dry_run(&[]);
    let unposted = FindingRecord { message: None, first: Some(START), ..announced("", 9.5) };
    let mut run = begin_due(
        &config,
        &[
            ("f1", announced("1.1", 5.0)),
            ("f2", announced("2.1", 8.0)),
            ("f3", unposted),
            ("f4", announced("0.1", 5.0)),
        ],
    );
    let summary = world().summarize(&mut run);
    let worst: Vec<_> = summary.worst.iter().map(|one| (one.title.as_str(), one.level, one.since.0)).collect();
    assert_eq!(
        worst,
        [
            ("title of f2", SeverityLevel::High, 2_100),
            ("title of f4", SeverityLevel::Medium, 100),
            ("title of f1", SeverityLevel::Medium, 1_100)
        ]
    );
    let links: Vec<_> = summary.worst.iter().filter_map(|one| one.permalink.as_deref()).collect();
    assert_eq!(links, ["https://slack.example/2.1", "https://slack.example/0.1", "https://slack.example/1.1"]);
}

#[test]
fn the_most_frequent_findings_are_paired_with_their_resources() {
    let config = dry_run(&[]);
    let frequent = |count| FindingRecord { count, ..announced("1.1", 5.0) };
    let mut run = begin_due(&config, &[("f1", frequent(5)), ("f2", frequent(1)), ("f3", frequent(2))]);
    let broken = World {
        documents: |page| {
            assert_eq!(page.ids, ["f1", "f3"]);
            Some(Ok(BTreeMap::from([("f1".into(), document("f1")), ("f3".into(), "{".into())])))
        },
        ..world()
    };
    let pairs = broken.summarize(&mut run).noisiest;
    let [pair] = &pairs[..] else { panic!("{pairs:?}") };
    assert_eq!((pair.finding_type.as_str(), pair.resource.as_str(), pair.count), ("Recon:EC2/Portscan", "i-f1", 5));
    assert!(pair.command.contains("--region eu-west-1 --detector-id d "), "{}", pair.command);
}

#[test]
fn a_summary_is_posted_without_what_cannot_be_read() {
    fn no<T>(_: &FindingIds) -> Option<T> {
        None
    }
    let records = [("f1", FindingRecord { count: 5, ..announced("1.1", 5.0) })];
    let failing = World {
        open_by_age: || Some(vec![Err(failed())]),
        findings: |_| Some(Err(failed())),
        permalink: |_| Some(None),
        documents: |_| Some(Err(failed())),
    };
    for (world, has_age, title, has_link, pairs, case) in [
        (failing, false, "finding f1", false, 0, "everything fails"),
        (World { open_by_age: || None, ..world() }, false, "title of f1", true, 1, "no response about the age"),
        (World { permalink: |_| None, ..world() }, true, "title of f1", false, 1, "no response with a link"),
        (World { documents: no, ..world() }, true, "title of f1", true, 0, "no response with documents"),
    ] {
        let config = dry_run(&[]);
        let mut run = begin_due(&config, &records);
        let summary = world.summarize(&mut run);
        let [worst] = &summary.worst[..] else { panic!("{case}: {summary:?}") };
        assert_eq!(summary.open, Some(BTreeMap::from([(SeverityLevel::High, 2)])), "{case}");
        assert_eq!(summary.older.is_some(), has_age, "{case}");
        assert_eq!((worst.title.as_str(), worst.permalink.is_some()), (title, has_link), "{case}");
        assert_eq!(summary.noisiest.len(), pairs, "{case}");
        assert!(run.core.is_success(), "{case}");
    }
}
