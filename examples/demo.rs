//! `cargo run --example demo`: the whole way from GuardDuty to Slack, without an account, a token or a network.
//!
//! Starts GuardDuty, Slack and a Pushgateway on loopback (the same fakes that the tests use), runs the real program
//! against them twice, prints the result and writes a page that renders the messages like Slack.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use guardduty_slack_support::fault::{ok, status};
use guardduty_slack_support::findings::{Kind, Sighting, hex_id, of};
use guardduty_slack_support::html;
use guardduty_slack_support::journal::{Effect, Entry};
use guardduty_slack_support::slack::Message;
use guardduty_slack_support::world::{ACCOUNT, REGION, World};

/// With this argument the demo is the program itself: `cargo run --example` builds no binaries.
const AS_PROGRAM: &str = "--as-program";

const ROUTES: &str =
    r##"[{"match": {"severity": ">=9"}, "channel": "#sec-critical", "mention": "<!subteam^S0ONCALL>"}]"##;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == AS_PROGRAM) {
        return program();
    }
    let executable = std::env::current_exe().expect("a program knows where it is");
    let page = executable.ancestors().nth(3).map(|target| target.join("demo/slack.html"));
    let page = page.unwrap_or_else(|| PathBuf::from("slack.html"));
    let world = second_run(first_run(start(vec![executable.into(), AS_PROGRAM.into()])));
    println!("\nNo duplicates: {}.", count(&world));
    write(&world, &page);
    println!("The messages, rendered like Slack: {}", page.display());
    ExitCode::SUCCESS
}

/// What the binary's `main` does.
fn program() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let environment = guardduty_slack::config::environment();
    ExitCode::from(runtime.block_on(guardduty_slack::cli::main(std::env::args().skip(2).collect(), environment)))
}

fn start(program: Vec<OsString>) -> World {
    println!("GuardDuty, Slack and a Pushgateway have been started on 127.0.0.1; nothing leaves this machine.");
    World::with_program(program)
        .metrics()
        .env("ACCOUNT_NAMES", format!("{ACCOUNT}=prod"))
        .env("GUARDDUTY_LOOKBACK", "1h")
        .env("RUNBOOK_URL", "https://runbooks.corp.example/guardduty?type={type}&account={account}")
        .env("SLACK_ROUTES", ROUTES)
}

fn finding(kind: Kind, minutes_ago: u64) -> Sighting {
    of(kind, &id(kind)).updated_ago(60 * minutes_ago)
}

fn id(kind: Kind) -> String {
    hex_id(&format!("{kind:?}"))
}

fn first_run(world: World) -> World {
    let findings = Kind::ALL.iter().zip(5..).map(|(kind, minutes)| finding(*kind, minutes).lasting(900));
    let open = ["a", "b", "c"].map(|name| of(Kind::Mining, &hex_id(name)).updated_ago(3 * 24 * 3600));
    println!(
        "\n1. {} new findings of many kinds wait in GuardDuty, and {} old ones. guardduty-slack runs; at the third\n   \
         message Slack says “429, come again in 2 seconds”. One message a second and channel: this takes a while.\n",
        Kind::ALL.len(),
        open.len()
    );
    let world = world.findings(findings.chain(open)).slack([ok(), ok(), status(429).retry_after(2)]).run();
    tell(&world, 0);
    world
}

fn second_run(world: World) -> World {
    println!(
        "\n2. Later: the Tor caller is back from a further address; the command in a pod is rated high now, the database\n   \
         critical (its route leads elsewhere); the port probe goes on as before; the miner was archived by hand.\n   \
         guardduty-slack runs again.\n"
    );
    let recurs = [
        finding(Kind::TorCaller, 1).lasting(1200).count(14).ip("203.0.113.77"),
        finding(Kind::PodExec, 1).lasting(1200).count(6).severity(8.0),
        finding(Kind::RdsBruteForce, 1).lasting(1200).count(3).severity(9.1),
        finding(Kind::PortProbe, 1).lasting(1200).count(90),
    ];
    let before = world.journal().len();
    let world = world.findings(recurs).env("SLACK_REMIND_AFTER", "1s");
    world.aws.source(ACCOUNT, REGION, |source| {
        source.change(&id(Kind::Mining), |finding| finding["service"]["archived"] = true.into());
    });
    let world = world.run();
    tell(&world, before);
    world
}

/// What the last run did, from the fakes' journal after its first `before` entries.
fn tell(world: &World, before: usize) {
    let calls = world.journal().entries().split_off(before);
    let of = |service: &str| calls.iter().filter(|e| e.call.service == service).count();
    let throttled = calls.iter().filter(|e| e.effect == Effect::Refused(429)).count();
    let ended = world.ran().code.map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit status {code}"));
    println!(
        "   {ended}; {} calls of GuardDuty, {} of Slack ({throttled} throttled), {} push of metrics",
        of("guardduty"),
        of("slack"),
        of("pushgateway")
    );
    let messages = world.slack.messages();
    for message in world.new_messages() {
        println!("   {:13} {}", place(world, &message), line(&message));
    }
    for entry in calls.iter().filter(|e| e.call.operation == "chat.update" && e.effect == Effect::Done) {
        if let Some(message) = messages.iter().find(|m| m.told("finding_id") == entry.call.detail) {
            println!("   {:13} {}", "(edited)", line(message));
        }
    }
}

fn place(world: &World, message: &Message) -> String {
    let name = world.slack.channel_name(&message.channel);
    if message.thread.is_empty() { format!("#{name}") } else { "  in thread".into() }
}

/// The one-line fallback without its marks, cut to a terminal's width.
fn line(message: &Message) -> String {
    let text = message.payload["text"].as_str().unwrap_or_default().replace('`', "");
    let short: String = text.chars().take(100).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

fn count(world: &World) -> String {
    let announced = world.announced();
    let messages: usize = announced.values().sum();
    let calls = world.journal().entries().iter().filter(|e: &&Entry| e.call.service == "slack").count();
    format!("{} revisions, {messages} announcements, {calls} Slack requests", announced.len())
}

fn write(world: &World, page: &std::path::Path) {
    let folder = page.parent().expect("a file is in a folder");
    std::fs::create_dir_all(folder).expect("the build's folder can be written");
    std::fs::write(page, html::page("GuardDuty demo", &html::channels(&world.slack))).expect("and a page in it");
}
