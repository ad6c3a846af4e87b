//! What a run did, from the journal of the fakes.

use guardduty_slack_support::journal::{Effect, Entry};
use guardduty_slack_support::slack::Message;
use guardduty_slack_support::world::World;

/// Characters of a message that are printed.
const WIDTH: usize = 100;

/// Returns what the last run did, line by line: the journal after its first `before` entries.
pub(crate) fn lines(world: &World, before: usize) -> Vec<String> {
    let calls = world.journal().entries().split_off(before);
    let of = |service: &str| calls.iter().filter(|entry| entry.call.service == service).count();
    let throttled = calls.iter().filter(|entry| entry.effect == Effect::Refused(429)).count();
    let ended =
        world.last_run().code.map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit status {code}"));
    let calls_made =
        format!("{ended}; {} calls of GuardDuty, {} of Slack ({throttled} throttled)", of("guardduty"), of("slack"));
    let mut lines = vec![calls_made];
    let messages = world.slack.messages();
    for message in world.new_messages() {
        lines.push(format!("{:13} {}", place(world, &message), line(&message)));
    }
    for entry in done(&calls, "chat.update") {
        if let Some(message) = messages.iter().find(|message| message.metadata_value("finding_id") == entry.call.detail)
        {
            lines.push(format!("{:13} {}", "(edited)", line(message)));
        }
    }
    for entry in done(&calls, "ArchiveFindings") {
        lines.push(format!("{:13} archived {}", "(GuardDuty)", entry.call.detail));
    }
    lines
}

fn done<'e>(calls: &'e [Entry], operation: &'e str) -> impl Iterator<Item = &'e Entry> {
    calls.iter().filter(move |entry| entry.call.operation == operation && entry.effect == Effect::Done)
}

fn place(world: &World, message: &Message) -> String {
    let name = world.slack.channel_name(&message.channel);
    if message.thread.is_empty() { format!("#{name}") } else { "  in thread".into() }
}

/// The one-line fallback without its marks, cut to the width of a terminal.
fn line(message: &Message) -> String {
    let text = message.payload["text"].as_str().unwrap_or_default().replace('`', "");
    let short: String = text.chars().take(WIDTH).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

pub(crate) fn count(world: &World) -> String {
    let announced = world.deliveries_by_revision();
    let messages: usize = announced.values().sum();
    let calls = world.journal().entries().iter().filter(|entry: &&Entry| entry.call.service == "slack").count();
    format!("{} revisions, {messages} announcements, {calls} Slack requests", announced.len())
}
