//! Notices about malware scans.

use super::*;

const KEY: &str = "111122223333/eu-west-1";
const EPOCH: NoticeEpoch = NoticeEpoch(Timestamp(1));
const HOUR: i64 = 3_600_000;
/// After `LOOK_BACK`.
const START: i64 = 100 * HOUR;

fn key() -> SourceKey {
    KEY.parse().expect("a key of a source")
}

fn scan(id: &str, resource_type: &str, failed: bool, reason: Option<&str>) -> MissedScan {
    MissedScan {
        id: id.into(),
        resource: Some(format!("arn:aws:ec2:eu-west-1:111122223333:{id}")),
        resource_type: resource_type.into(),
        outcome: if failed { ScanOutcome::Failed } else { ScanOutcome::Skipped },
        reason: reason.map(str::to_owned),
    }
}

fn observe(watched: &mut WatchBaseline, found: &[MissedScan], hour: i64) -> Vec<Notice> {
    compare_scans(&key(), watched, found, EPOCH, Timestamp(START + hour * HOUR))
}

#[test]
fn scans_are_announced_together_with_counts_and_the_most_frequent_reason() {
    let mut watched = WatchBaseline::default();
    let old = scan("old", "EC2_INSTANCE", true, None);
    assert!(observe(&mut watched, std::slice::from_ref(&old), 0).is_empty(), "the first look");
    let found = [
        scan("a", "EC2_INSTANCE", true, Some("ACCESS_DENIED")),
        scan("b", "EBS_SNAPSHOT", false, Some("UNSUPPORTED_SNAPSHOT")),
        scan("c", "EC2_INSTANCE", true, Some("ACCESS_DENIED")),
        old,
    ];
    let notices = observe(&mut watched, &found, 1);
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].title, format!("Malware scans in {KEY}: 1 EBS_SNAPSHOT skipped, 2 EC2_INSTANCE failed"));
    assert!(notices[0].lines.contains(&"Most frequent reason (2): ACCESS_DENIED".to_owned()));
    assert!(notices[0].lines.contains(&"For example arn:aws:ec2:eu-west-1:111122223333:a".to_owned()));
    assert!(observe(&mut watched, &found, 2).is_empty());
    let recorded = watched.scans.expect("recorded");
    assert_eq!((recorded.failed, recorded.skipped), (3, 1));
}

#[test]
fn scans_that_keep_failing_are_announced_once_a_day_with_their_number() {
    let mut watched = WatchBaseline::default();
    observe(&mut watched, &[], 0);
    let of_hour = |hour: i64| [scan(&format!("scan-{hour}"), "EC2_INSTANCE", true, None)];
    let announced: Vec<(i64, String)> = (1..60)
        .flat_map(|hour| {
            observe(&mut watched, &of_hour(hour), hour).into_iter().map(move |notice| (hour, notice.title))
        })
        .collect();
    let title = |count: u32| format!("Malware scans in {KEY}: {count} EC2_INSTANCE failed");
    assert_eq!(announced, [(1, title(1)), (25, title(24)), (49, title(24))]);
    let rest = observe(&mut watched, &[], 73);
    assert_eq!(rest[0].title, title(10), "the last ones are announced, too");
    assert!(observe(&mut watched, &[], 98).is_empty());
}

#[test]
fn another_kind_of_scan_is_announced_at_once() {
    let mut watched = WatchBaseline::default();
    observe(&mut watched, &[], 0);
    assert_eq!(observe(&mut watched, &[scan("a", "EC2_INSTANCE", false, None)], 1).len(), 1);
    assert!(observe(&mut watched, &[scan("b", "EC2_INSTANCE", false, None)], 2).is_empty());
    let notices = observe(&mut watched, &[scan("c", "EC2_INSTANCE", true, None)], 3);
    assert_eq!(notices[0].title, format!("Malware scans in {KEY}: 1 EC2_INSTANCE failed, 1 EC2_INSTANCE skipped"));
}

#[test]
fn an_incremental_scan_that_had_nothing_to_search_is_not_announced() {
    let mut watched = WatchBaseline::default();
    observe(&mut watched, &[], 0);
    assert!(observe(&mut watched, &[scan("a", "EBS_SNAPSHOT", false, Some(NOTHING_TO_SCAN))], 1).is_empty());
    assert_eq!(observe(&mut watched, &[scan("b", "EBS_SNAPSHOT", true, Some(NOTHING_TO_SCAN))], 2).len(), 1);
}

#[test]
fn scans_are_read_from_a_day_before_the_last_comparison() {
    let now = Timestamp(START);
    assert_eq!(ScanQuery::of(None, now).since, now.minus(LOOK_BACK));
    let watched = WatchBaseline { compared_at: Some(Timestamp(START - 10 * HOUR)), ..WatchBaseline::default() };
    let source = SourceState { watch_baseline: Some(watched), ..SourceState::default() };
    assert_eq!(ScanQuery::of(Some(&source), now).since, Timestamp(START - 10 * HOUR).minus(LOOK_BACK));
}

#[test]
fn reasons_are_read_of_scans_that_are_not_recorded() {
    let known = |known: Option<&str>| ScanQuery {
        since: Timestamp(0),
        known: known.map(|id| BTreeSet::from([short_hash(id)])),
    };
    let scan = scan("a", "EC2_INSTANCE", true, None);
    assert!(known(Some("b")).is_new(&scan));
    assert!(!known(Some("a")).is_new(&scan));
    assert!(!known(None).is_new(&scan), "the first look");
}
