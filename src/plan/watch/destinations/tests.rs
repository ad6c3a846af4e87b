//! Notices about publishing destinations.

use super::*;
use crate::time::Timestamp;

const KEY: &str = "111122223333/eu-west-1";
const EPOCH: NoticeEpoch = NoticeEpoch(Timestamp(1));

fn key() -> SourceKey {
    KEY.parse().expect("a key of a source")
}

fn destination(id: &str, bucket: &str, status: &str) -> PublishingDestination {
    PublishingDestination { id: id.into(), bucket: bucket.into(), status: Some(status.into()), failing_since: None }
}

fn observe(watched: &mut WatchBaseline, found: &[PublishingDestination]) -> Vec<String> {
    compare_destinations(&key(), watched, found, EPOCH).into_iter().map(|notice| notice.title).collect()
}

#[test]
fn a_destination_is_announced_when_it_is_removed_and_when_it_returns() {
    let mut watched = WatchBaseline::default();
    let a = destination("1", "arn:aws:s3:::a", "PUBLISHING");
    assert!(observe(&mut watched, std::slice::from_ref(&a)).is_empty(), "the first look");
    assert!(observe(&mut watched, &[destination("2", "arn:aws:s3:::a", "PENDING_VERIFICATION")]).is_empty());
    assert_eq!(observe(&mut watched, &[]), [format!("Publishing destination “arn:aws:s3:::a” in {KEY} was removed")]);
    assert!(observe(&mut watched, &[]).is_empty());
    let again = format!("Findings of {KEY} are exported again, to “arn:aws:s3:::a”");
    assert_eq!(observe(&mut watched, std::slice::from_ref(&a)), [again]);
    assert!(observe(&mut watched, &[a]).is_empty());
}

#[test]
fn a_destination_that_stops_is_announced_with_its_status_and_the_time_since() {
    for status in ["STOPPED", "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY"] {
        let mut watched = WatchBaseline::default();
        observe(&mut watched, &[destination("1", "arn:aws:s3:::a", "PUBLISHING")]);
        let failing = PublishingDestination {
            failing_since: Some(Timestamp(1_000)),
            ..destination("1", "arn:aws:s3:::a", status)
        };
        let notices = compare_destinations(&key(), &mut watched, std::slice::from_ref(&failing), EPOCH);
        assert_eq!(
            notices[0].title,
            format!("Publishing destination “arn:aws:s3:::a” in {KEY} no longer receives findings")
        );
        assert!(notices[0].lines.contains(&format!("Status: {status}")));
        assert!(notices[0].lines.iter().any(|line| line.contains("1970-01-01T00:00:01.000Z")));
        assert!(observe(&mut watched, &[failing]).is_empty());
        assert_eq!(observe(&mut watched, &[destination("1", "arn:aws:s3:::a", "PUBLISHING")]).len(), 1);
    }
}

#[test]
fn another_bucket_is_announced_also_while_the_destination_fails() {
    let changed = format!("Publishing destination in {KEY} was changed to “arn:aws:s3:::b” (was “arn:aws:s3:::a”)");
    for status in ["PUBLISHING", "STOPPED"] {
        let mut watched = WatchBaseline::default();
        observe(&mut watched, &[destination("1", "arn:aws:s3:::a", status)]);
        let other = destination("1", "arn:aws:s3:::b", "PUBLISHING");
        assert_eq!(observe(&mut watched, std::slice::from_ref(&other)), std::slice::from_ref(&changed));
        assert!(observe(&mut watched, &[other]).is_empty());
    }
}

#[test]
fn a_destination_that_failed_from_the_first_look_on_is_recorded_and_not_announced() {
    let mut watched = WatchBaseline::default();
    assert!(observe(&mut watched, &[destination("1", "arn:aws:s3:::a", "STOPPED")]).is_empty());
    assert!(observe(&mut watched, &[destination("1", "arn:aws:s3:::a", "STOPPED")]).is_empty());
    assert!(watched.destinations.is_some_and(|recorded| !recorded["1"].publishes));
}
