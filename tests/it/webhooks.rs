//! Webhooks: the history is not readable, so that messages that were not saved may be repeated; no finding is lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use guardduty_slack_support::fault::kill;
use guardduty_slack_support::findings::{FindingBuilder, critical, high, iso, low, medium, now};
use guardduty_slack_support::journal::Call;
use guardduty_slack_support::slack::{CHANNEL, TOKEN};
use guardduty_slack_support::world::World;
use serde_json::json;

use crate::endings::is_write;
use crate::kit::{each, run_until_processed, world, world_with_short_lease};

/// A webhook for each severity level but one.
fn webhooks(world: World) -> World {
    let mut world = world.webhook();
    let levels = [("CRITICAL", ">=9"), ("HIGH", ">=7"), ("LOW", "<4")];
    for (name, _) in levels {
        let url = world.webhook_url(name, &format!("C0{name}"));
        world = world.env(&format!("SLACK_WEBHOOK_{name}"), url);
    }
    let route =
        |(name, severity)| json!({ "match": { "severity": severity }, "webhook": format!("SLACK_WEBHOOK_{name}") });
    world.env("SLACK_ROUTES", json!(levels.map(route)))
}

/// The number of repeated announcements; each finding must have been announced.
fn repeated(world: &World, findings: usize) -> usize {
    let announced = world.deliveries_by_revision();
    assert_eq!(announced.len(), findings, "announced: {announced:?}\n{}", world.last_run().tail());
    announced.values().sum::<usize>() - findings
}

#[test]
fn webhook_run_killed_at_any_write_repeats_only_unsaved_messages() {
    let build = || webhooks(world_with_short_lease().configmap()).findings([high("f1"), medium("f2"), medium("f3")]);
    let writes = build().run().exit(0).journal().entries().iter().filter(|e| is_write(&e.call)).count();
    each((1..=writes).collect(), 32, |k| {
        let world = build().at_nth(k, is_write, kill().after_effect()).run();
        let world = run_until_processed(world.clear_faults());
        let again = repeated(&world, 3);
        eprintln!("killed at write {k} of {writes}: {again} repeated");
        world.run().posted_nothing().exit(0);
    });
}

#[test]
fn webhook_mode_repeats_at_most_20_messages_and_those_in_flight() {
    let six = |make: fn(&str) -> FindingBuilder, name: &'static str| (1..=6).map(move |i| make(&format!("{name}{i}")));
    let world = webhooks(world()).findings(six(critical, "c").chain(six(high, "h")));
    let world = world.findings(six(medium, "m").chain(six(low, "l")));
    let sent = AtomicUsize::new(0);
    let last = move |call: &Call| call.operation == "webhook" && sent.fetch_add(1, Ordering::SeqCst) == 22;
    let world = world.fault(last, [kill().after_effect()]).run().killed();
    let mut state = world.state();
    state["lease"]["renewed_at"] = iso(now() - 61_000).into(); // its lease has expired
    let world = world.set_state(&state.to_string()).run().exit(0);
    let again = repeated(&world, 24);
    assert!(again < 4 + 20, "{again}");
    world.run().posted_nothing().exit(0);
}

#[test]
fn switching_between_bot_token_and_webhook_does_not_block_delivery() {
    let world = world().findings([medium("f1"), high("f2")]).run().posted(["f1", "f2"]).exit(0);
    let again = |id, ip| [high(id).updated_ago(5).ip(ip)];
    let world = world.webhook().findings(again("f1", "192.0.2.1")).findings(again("f2", "192.0.2.2")).run();
    let world = world.posted(["f1"]).exit(0).findings([high("f3")]).run().posted(["f3"]).exit(0);
    let world = world.env_remove("SLACK_WEBHOOK_URL").env("SLACK_BOT_TOKEN", TOKEN).env("SLACK_CHANNEL", CHANNEL);
    let increased = critical("f3").updated_ago(2);
    world.findings([increased, high("f4")]).run().posted(["f3", "f4"]).exit(0).run().posted_nothing().exit(0);
}
