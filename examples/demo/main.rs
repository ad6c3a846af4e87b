//! `cargo run --example demo`: a day of findings from GuardDuty to Slack, without an account, a token or a network.
//!
//! Starts GuardDuty, Slack and a Pushgateway on loopback (the same fakes that the tests use), runs the real program
//! against them, prints what each run does, and writes a page that renders the messages like Slack. Findings are
//! announced, acknowledged by a reaction, escalated, resolved, archived in GuardDuty, reopened and summarized.

mod clock;
mod day;
mod journal;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use guardduty_slack_support::html;
use guardduty_slack_support::world::World;

use clock::Clock;

/// With this argument the demo is the program itself: `cargo run --example` builds no binaries.
const AS_PROGRAM: &str = "--as-program";

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == AS_PROGRAM) {
        return program();
    }
    let executable = std::env::current_exe().expect("a program knows where it is");
    let page = executable.ancestors().nth(3).map(|target| target.join("demo/slack.html"));
    let page = page.unwrap_or_else(|| PathBuf::from("slack.html"));
    println!("GuardDuty, Slack and a Pushgateway have been started on 127.0.0.1; nothing leaves this machine.");
    let (world, clock) = day::pass(World::with_program(vec![executable.into(), AS_PROGRAM.into()]));
    println!("\nNo duplicates: {}.", journal::count(&world));
    write(&world, &clock, &page);
    println!("The messages, rendered like Slack: {}", page.display());
    ExitCode::SUCCESS
}

/// What the binary's `main` does.
fn program() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let environment = guardduty_slack::config::read_environment();
    ExitCode::from(runtime.block_on(guardduty_slack::cli::main(std::env::args().skip(2).collect(), environment)))
}

fn write(world: &World, clock: &Clock, page: &Path) {
    let folder = page.parent().expect("a file is in a folder");
    std::fs::create_dir_all(folder).expect("the build's folder can be written");
    let channels = clock.set(html::channels(&world.slack));
    let html = day::with_names(html::page("GuardDuty demo", &channels));
    std::fs::write(page, html).expect("and a page in it");
}
