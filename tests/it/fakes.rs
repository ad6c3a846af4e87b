//! The fakes themselves: what AWS's own SDK makes of them, so that a test that passes means something.

use std::sync::Arc;

use aws_sdk_guardduty::Client;
use aws_sdk_guardduty::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_guardduty::types::{Condition, FindingCriteria, SortCriteria};
use guardduty_slack::finding::{self, Origin, Topic};
use guardduty_slack_support::findings::{Kind, finding_of, now};
use guardduty_slack_support::world::{ACCOUNT, REGION, World};

use crate::kit::world;

fn client(world: &World) -> Client {
    let me = world.aws.identity(ACCOUNT, "arn:aws:iam::111122223333:user/tester", false);
    let config = aws_sdk_guardduty::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(world.aws_url())
        .credentials_provider(Credentials::new(me.key, me.secret, None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

#[tokio::test]
async fn every_sample_finding_is_parsed_by_the_sdk_and_the_program() {
    let world = world().findings(Kind::ALL.map(|kind| finding_of(kind, &format!("{kind:?}"))));
    let client = client(&world);
    let detector = client.list_detectors().send().await.unwrap().detector_ids.unwrap_or_default().remove(0);
    let ids = Kind::ALL.map(|kind| format!("{kind:?}"));
    let answer = client.get_findings().detector_id(&detector).set_finding_ids(Some(ids.to_vec())).send().await.unwrap();
    assert_eq!(answer.findings.unwrap_or_default().len(), ids.len());
    let origin = Arc::new(Origin { account: ACCOUNT.into(), region: REGION.into(), detector });
    for kind in Kind::ALL {
        let id = format!("{kind:?}");
        let document = finding_of(kind, &id).document(ACCOUNT, REGION, &origin.detector, now());
        let finding = finding::decode(&document.to_string(), &origin).unwrap();
        assert!(!finding.subject().is_empty(), "{id} has no resource");
        let actions = [Topic::Action, Topic::Signals, Topic::Malware];
        assert!(actions.iter().any(|about| !finding.lines_about(*about).is_empty()), "{id} has no action");
    }
}

#[tokio::test]
async fn a_list_is_filtered_sorted_and_paged_as_guardduty_documents_it() {
    let sightings = (0..7).map(|i| finding_of(Kind::PortProbe, &format!("f{i}")).updated_ago(100 - 10 * i));
    let archived = finding_of(Kind::PortProbe, "archived").archived();
    let old = finding_of(Kind::PortProbe, "old").updated_ago(1000);
    let world =
        world().findings(sightings.chain([archived, old, finding_of(Kind::PortProbe, "late").not_yet_visible()]));
    let client = client(&world);
    let detector = client.list_detectors().send().await.unwrap().detector_ids.unwrap_or_default().remove(0);
    let from = Condition::builder().greater_than_or_equal(now() - 500_000).build();
    let open = Condition::builder().equals("false").build();
    let criteria = FindingCriteria::builder().criterion("updatedAt", from).criterion("service.archived", open).build();
    let ascending = SortCriteria::builder().attribute_name("updatedAt").order_by("ASC".into()).build();
    let mut pages = client
        .list_findings()
        .detector_id(detector)
        .finding_criteria(criteria)
        .sort_criteria(ascending)
        .max_results(3)
        .into_paginator()
        .send();
    let mut sizes = Vec::new();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap().finding_ids.unwrap_or_default();
        sizes.push(page.len());
        ids.extend(page);
    }
    assert_eq!((sizes, ids.join(" ")), (vec![3, 3, 1], "f0 f1 f2 f3 f4 f5 f6".to_owned()));
}
