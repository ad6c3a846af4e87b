//! The token, its scopes, the form of messages, and every channel.

use std::collections::BTreeSet;

use super::table::Row;
use super::{hint, metadata, samples};
use crate::config::{Access, Config, RouteTo, Target};
use crate::message::{self, Form, Level, Notice};
use crate::slack::{Chat, Client, Failure, Proof};
use crate::time::Clock;

pub(super) const REINSTALL: &str = "add the scope and reinstall the app";
const INVITE: &str = "invite the app to the channel (/invite), or correct SLACK_CHANNEL or SLACK_ROUTES";

pub(super) async fn rows(config: &Config, chat: &Client, post: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Access::Bot { .. } = config.slack.access {
        match chat.identity().await {
            Ok(identity) => {
                rows.push(Row::ok("Slack token", format!("{} in {}", identity.user, identity.team)));
                rows.extend(scope_rows(|scope| identity.has(scope)));
                rows.extend(config.slack.triage.as_ref().map(|_| triage_row(identity.has("reactions:read"))));
            }
            Err(failure) => {
                let rejected = "install the app (slack-manifest.yaml) and set SLACK_BOT_TOKEN to its xoxb- token";
                rows.push(Row::failed("Slack token", &failure, hint::for_slack(&failure, rejected)));
                // Every channel would fail for the same reason.
                return rows;
            }
        }
    }
    if let Access::Bot { .. } = config.slack.access {
        rows.push(blocks_row(chat).await);
    }
    match post {
        true => rows.extend(post_rows(config, chat).await),
        false => {
            for target in targets(config) {
                rows.push(target_row(&target, chat.probe(&target).await));
            }
        }
    }
    rows
}

fn scope_rows(has: impl Fn(&str) -> bool) -> Vec<Row> {
    let mut rows = vec![match has("chat:write") {
        true => Row::ok("Slack scope chat:write", "granted"),
        false => Row::failed("Slack scope chat:write", "missing", REINSTALL),
    }];
    for (scope, channels) in [("channels:history", "public"), ("groups:history", "private")] {
        let name = format!("Slack scope {scope}");
        let missing = format!("missing: messages in {channels} channels can be duplicated after a crash");
        rows.push(if has(scope) { Row::ok(name, "granted") } else { Row::warning(name, missing, REINSTALL) });
    }
    rows
}

/// A run without the scope announces as before.
fn triage_row(has_scope: bool) -> Row {
    let name = "Slack scope reactions:read";
    if has_scope {
        Row::ok(name, "granted")
    } else {
        Row::warning(name, "missing: SLACK_TRIAGE has no effect", REINSTALL)
    }
}

fn target_row(target: &Target, proof: Result<Proof, Failure>) -> Row {
    let name = format!("Slack {}", target.name());
    match proof {
        Ok(Proof::Accepts) => Row::ok(name, "accepts messages"),
        Ok(Proof::Unproven(reason)) => Row::warning(name, reason, "run `check --post` to post a test message"),
        Err(failure) => Row::failed(name, &failure, hint::for_slack(&failure, INVITE)),
    }
}

/// Whether Slack accepts the blocks of each kind of message. Not every workspace offers the method.
async fn blocks_row(chat: &Client) -> Row {
    let name = "Slack message blocks";
    for (kind, message) in samples::messages() {
        match chat.validate_blocks(&message).await {
            Ok(()) => {}
            Err(Failure::Content(reason)) => {
                let detail = format!("Slack rejects the blocks of a {kind}: {reason}");
                return Row::warning(name, detail, "report this; until then, messages are sent as plain text");
            }
            Err(_) => return Row::ok(name, "not verified: blocks.validate is not available"),
        }
    }
    Row::ok(name, "accepted")
}

/// Posts a test message to every channel, and reads its metadata back where the history can be read.
async fn post_rows(config: &Config, chat: &Client) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut first_readable = None;
    for target in targets(config) {
        let (row, posted) = post_test_message(chat, target).await;
        rows.push(row);
        if let Some(posted) = posted {
            let row = metadata::posted_row(chat, &posted).await;
            first_readable = first_readable.or((!row.is_warning()).then_some(posted));
            rows.push(row);
        }
    }
    if let Some(test) = first_readable {
        rows.extend(metadata::other_rows(chat, &test).await);
    }
    rows
}

/// The message that was posted, if its channel has a history: a webhook does not return it.
async fn post_test_message(chat: &Client, target: Target) -> (Row, Option<metadata::Posted>) {
    let name = format!("Slack {} post", target.name());
    let notice = Notice {
        id: format!("test-{}", Clock::system().now().0),
        title: "Test message: guardduty-slack can post to this channel".into(),
        lines: vec!["Sent by `guardduty-slack check --post`. Not a finding; no action needed".into()],
        level: Level::Info,
    };
    let message = message::notice(&notice, Form::Full);
    match chat.post(&target, &message, None).await {
        Ok(posted) => {
            let has_history = matches!(target, Target::Channel(_));
            let posted = has_history.then_some(metadata::Posted { target, at: posted.at, message });
            (Row::ok(name, "test message posted"), posted)
        }
        Err(failure) => (Row::failed(name, &failure, hint::for_slack(&failure, INVITE)), None),
    }
}

/// The default channel and the channel of every route, each once.
fn targets(config: &Config) -> Vec<Target> {
    let routed = config.routes.0.iter().filter_map(|route| match &route.to {
        RouteTo::Target(target) => Some(target.clone()),
        RouteTo::Drop => None,
    });
    let mut seen = BTreeSet::new();
    let all = std::iter::once(config.slack.access.default_target()).chain(routed);
    all.filter(|target| seen.insert(target.name().to_owned())).collect()
}
