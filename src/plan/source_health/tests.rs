//! Changes of the health of a source, each announced once.

use super::*;
use crate::guardduty::TransientReason;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn detector(enabled: Option<bool>) -> SourceStatus<'static> {
    SourceStatus::Detector { id: "d1", enabled }
}

fn known(detector_status: DetectorStatus) -> SourceState {
    SourceState { detector_id: Some("d1".into()), detector_status, ..SourceState::default() }
}

#[test]
fn a_change_of_the_detector_is_announced_once() {
    use DetectorStatus::{Disabled, Excluded, Missing, Ok};
    let key = SourceOrIdentity::from("111122223333/eu-west-1");
    let other = SourceStatus::Detector { id: "d2", enabled: Some(true) };
    let of_all = true;
    let new = || SourceState::default();
    let timeout = ReadError::Transient { reason: TransientReason::Timeout, text: "no response".into() };
    for (source, status, has_all_regions, is_new, expected, titles) in [
        (known(Ok), detector(Some(true)), false, false, Ok, vec![]),
        (known(Ok), detector(None), false, false, Ok, vec![]),
        (known(Ok), detector(Some(false)), false, false, Disabled, vec!["Detector disabled in"]),
        (known(Disabled), detector(Some(false)), false, false, Disabled, vec![]),
        (known(Disabled), detector(None), false, false, Disabled, vec![]),
        (known(Disabled), detector(Some(true)), false, false, Ok, vec!["Detector enabled again in"]),
        (known(Ok), other, false, false, Ok, vec!["Detector replaced in"]),
        (known(Ok), SourceStatus::NoDetector, of_all, false, Missing, vec!["Detector missing in"]),
        (known(Missing), SourceStatus::NoDetector, of_all, false, Missing, vec![]),
        (known(Missing), detector(Some(true)), false, false, Ok, vec!["Detector replaced in"]),
        (new(), SourceStatus::NoDetector, false, true, Missing, vec!["No GuardDuty detector in"]),
        (new(), SourceStatus::NoDetector, of_all, true, Excluded, vec![]),
        (known(Excluded), SourceStatus::NoDetector, of_all, false, Excluded, vec![]),
        (known(Excluded), SourceStatus::Unreadable(&timeout), of_all, false, Excluded, vec![]),
        (known(Excluded), detector(Some(true)), of_all, false, Ok, vec![]),
        (new(), detector(Some(false)), false, true, Disabled, vec!["Detector disabled in"]),
    ] {
        let case = format!("{:?} {status:?} {is_new}", source.detector_status);
        let epoch = NoticeEpoch(NOW);
        let observation = Observation { key: &key, status: &status, is_new, has_all_regions, epoch, now: NOW };
        let (after, notices) = observation.update(&source);
        assert_eq!((after.detector_status, after.unreadable_since), (expected, None), "{case}");
        let found: Vec<String> = notices.iter().map(|notice| notice.title.clone()).collect();
        let wanted: Vec<String> = titles.iter().map(|title| format!("{title} {key}")).collect();
        assert_eq!(found, wanted, "{case}");
    }
}

#[test]
fn an_outage_is_announced_once_and_its_end_if_it_was_announced() {
    let key = SourceOrIdentity::from("111122223333/eu-west-1");
    let error = ReadError::Transient { reason: TransientReason::Timeout, text: "no response".into() };
    let (outage, readable) = (SourceStatus::Unreadable(&error), detector(Some(true)));
    let mut source = known(DetectorStatus::Ok);
    for (status, titles) in [
        (&outage, vec![]),
        (&readable, vec![]),
        (&outage, vec![]),
        (&outage, vec!["Cannot read 111122223333/eu-west-1"]),
        (&outage, vec![]),
        (&readable, vec!["Could not read 111122223333/eu-west-1 from"]),
        (&readable, vec![]),
    ] {
        let (epoch, is_new, has_all_regions) = (NoticeEpoch(NOW), false, false);
        let observation = Observation { key: &key, status, is_new, has_all_regions, epoch, now: NOW };
        let (after, notices) = observation.update(&source);
        let is_expected = notices.len() == titles.len()
            && notices.iter().zip(&titles).all(|(notice, title)| notice.title.starts_with(title));
        assert!(is_expected, "{notices:?} instead of {titles:?}");
        source = after;
    }
}
