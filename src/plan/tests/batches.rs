//! Batches of findings: messages of their own, digests, and findings that wait or move.

use super::*;

fn planned(batch: Vec<Finding>, digest_after: Option<usize>) -> DeliveryPlan {
    let mut n = 0;
    let id = || {
        n += 1;
        format!("d{n}")
    };
    let batch = batch.into_iter().map(Rc::new).collect();
    plan_deliveries(&State::default(), &config(&[]), batch, &mut MessageBudget::new(digest_after, MAX_DIGEST), id, NOW)
}

#[test]
fn most_severe_findings_have_messages_and_others_are_in_a_digest() {
    let batch = (0..1_203).map(|i| distinct(i, if i % 400 == 7 { 9.0 } else { 2.0 })).collect();
    let plan = planned(batch, Some(3));
    let deliveries = &plan.queues[&Queue::Channel("C0SECURITY".into())];
    let own: Vec<f64> = deliveries
        .iter()
        .filter(|a| matches!(a, Delivery::Post(..)))
        .flat_map(Delivery::findings)
        .map(|f| f.severity)
        .collect();
    assert_eq!(own, [9.0, 9.0, 9.0]);
    let digests: Vec<usize> = deliveries
        .iter()
        .filter_map(|a| match a {
            Delivery::Digest { findings, .. } => Some(findings.len()),
            _ => None,
        })
        .collect();
    assert_eq!(digests, [500, 500, 200]);
}

#[test]
fn without_digests_every_finding_has_its_own_message() {
    let plan = planned((0..60).map(|i| distinct(i, 5.0)).collect(), None);
    assert_eq!(plan.queues[&Queue::Channel("C0SECURITY".into())].len(), 60);
}

#[test]
fn related_findings_of_one_batch_wait_for_the_first() {
    let plan = planned(vec![finding("f", 5.0, 100), seen_in("us-east-1", "g", 5.0, 90, "198.51.100.7")], Some(20));
    assert_eq!(plan.queues[&Queue::Channel("C0SECURITY".into())].len(), 1);
    assert_eq!(plan.deferred.len(), 1);
}

/// Numbers of a plan: messages of their own, the size of each digest, findings that wait for a sibling.
type Shape = (usize, Vec<usize>, usize);

fn shape_of(plan: &DeliveryPlan) -> Shape {
    let deliveries = || plan.queues.values().flatten();
    let messages = deliveries().filter(|delivery| matches!(delivery, Delivery::Post(..))).count();
    let digests = deliveries()
        .filter(|delivery| matches!(delivery, Delivery::Digest { .. }))
        .map(|delivery| delivery.findings().len())
        .collect();
    (messages, digests, plan.deferred.len())
}

#[test]
fn findings_of_one_principal_wait_only_for_a_message_from_another_region() {
    // (findings of one user in eu-west-1, in us-east-1, findings of others, SLACK_DIGEST_AFTER) → shape
    let table: [(u64, u64, u64, Option<usize>, Shape); 11] = [
        (60, 0, 0, Some(20), (20, vec![40], 0)),
        (60, 0, 0, None, (60, vec![], 0)),
        (21, 0, 0, Some(20), (21, vec![], 0)),
        (22, 0, 0, Some(20), (20, vec![2], 0)),
        (1, 0, 0, Some(20), (1, vec![], 0)),
        (1, 1, 0, Some(20), (1, vec![], 1)),
        (2, 2, 0, Some(20), (2, vec![], 2)),
        (30, 30, 0, Some(20), (20, vec![10], 30)),
        // The budget is used up by more severe findings: no message has a thread to wait for.
        (30, 30, 20, Some(20), (20, vec![60], 0)),
        (1, 1, 20, Some(20), (20, vec![2], 0)),
        (1, 0, 20, Some(20), (21, vec![], 0)),
    ];
    for (europe, america, others, digest_after, expected) in table {
        let of_user = |region: &'static str, count| {
            (0..count).map(move |i| seen_in(region, &format!("{region}-{i:03}"), 5.0, 100, "198.51.100.7"))
        };
        let severe = (0..others).map(|i| distinct(i, 8.0));
        let findings = of_user("eu-west-1", europe).chain(of_user("us-east-1", america)).chain(severe).collect();
        let found = shape_of(&planned(findings, digest_after));
        assert_eq!(found, expected, "{europe} + {america} of one user, {others} others, digest after {digest_after:?}");
    }
}

#[test]
fn a_digest_never_summarizes_a_single_finding() {
    for (count, limit, expected) in [
        (21, 500, (21, vec![])),
        (25, 2, (21, vec![2, 2])),
        (521, 500, (21, vec![500])),
        (522, 500, (20, vec![500, 2])),
        (24, 1, (24, vec![])),
    ] {
        let findings = (0..count).map(|i| Rc::new(distinct(i, 5.0))).collect();
        let mut budget = MessageBudget::new(Some(20), limit);
        let plan = plan_deliveries(&State::default(), &config(&[]), findings, &mut budget, || "d".into(), NOW);
        let (messages, digests, _) = shape_of(&plan);
        assert_eq!((messages, digests), expected, "{count} findings, digests of {limit}");
    }
}

/// A finding that has no siblings.
fn distinct(i: u64, severity: f64) -> Finding {
    let mut f = finding(&format!("f{i}"), severity, 100);
    f.account_id = format!("{i:012}");
    f
}

#[test]
fn a_finding_that_moves_gets_a_message_that_the_old_one_points_to_and_no_digest() {
    let routes = ("SLACK_ROUTES", r#"[{"match": {"severity": ">=7"}, "channel": "C0CRITICAL"}]"#);
    let posted = |channel| Outcome::Posted {
        at: at(channel).into(),
        intended_channel: None,
        superseded: None,
        links: String::new(),
    };
    let before = |outcome: Outcome| {
        let mut state = State::default();
        state.mark_processed(&finding("f", 5.0, 100), 0, "C0SECURITY", &outcome, NOW.minus(Duration::from_secs(90)));
        state
    };
    let mut archived = finding("f", 8.0, 50);
    archived.archived = true;
    let own = |superseded: Option<&str>| Some(("C0CRITICAL", superseded.map(at)));
    // (what was delivered of it, the finding now, SLACK_DIGEST_AFTER) → its own message, and the one it replaces
    for (state, now, limit, expected, case) in [
        (State::default(), finding("f", 8.0, 50), 4, own(None), "a first sighting"),
        (State::default(), finding("f", 8.0, 50), 2, None, "a first sighting in a flood"),
        (before(Outcome::Digested), finding("f", 8.0, 50), 4, own(None), "a digest has no message to replace"),
        (before(Outcome::Digested), finding("f", 8.0, 50), 2, None, "digested before, and in a flood again"),
        (before(posted("C0SECURITY")), finding("f", 8.0, 50), 4, own(Some("C0SECURITY")), "it moves"),
        (before(posted("C0SECURITY")), finding("f", 8.0, 50), 2, own(Some("C0SECURITY")), "it moves in a flood"),
        (before(posted("C0SECURITY")), archived, 4, None, "archived: its message stays, and is edited"),
        (before(posted("C0CRITICAL")), finding("f", 8.0, 50), 2, None, "it is there: its message is edited"),
    ] {
        let others = (0..3).map(|i| distinct(i, 9.0));
        let batch = others.chain([now]).map(Rc::new).collect();
        let mut budget = MessageBudget::new(Some(limit), MAX_DIGEST);
        let plan = plan_deliveries(&state, &config(&[routes]), batch, &mut budget, || "d".into(), NOW);
        let found = plan.queues.values().flatten().find_map(|delivery| match delivery {
            Delivery::Post(f, post) if f.id == "f" => Some((post.to.name(), post.superseded.clone())),
            _ => None,
        });
        assert_eq!(found, expected, "{case}");
        let is_announced = plan.queues.values().flatten().flat_map(Delivery::findings).any(|f| f.id == "f");
        assert!(is_announced, "{case}");
    }
}
