//! Checks that the metadata of messages can be read back. Slack can discard them with a warning, for example if the app has a
//! schema for them. In that case, a run could not recognize its messages after a crash.

use std::time::Duration;

use super::slack::REINSTALL;
use super::table::CheckResult;
use super::{hint, samples};
use crate::config::Target;
use crate::message::Message;
use crate::slack::{Client, MessageRef, SlackApi, SlackError, has_metadata};

/// Maximum number of times that the history is read for the test message.
const MAX_ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);
const REMOVE_SCHEMAS: &str = "remove the metadata schemas of the app, or create the app from slack-manifest.yaml";

/// A test message that was posted to a channel.
pub(super) struct Posted {
    pub target: Target,
    pub at: MessageRef,
    pub message: Message,
}

impl Posted {
    fn name_of(&self, message: &Message) -> String {
        format!("Slack {} metadata {}", self.target.name(), message.event_type().unwrap_or_default())
    }
}

/// Checks the metadata of the posted message.
pub(super) async fn posted_row(chat: &Client, test: &Posted) -> CheckResult {
    row(test.name_of(&test.message), read_back(chat, &test.at, &test.message).await)
}

/// Checks the other event types of the program: the test message is updated with a sample of each, and restored at the end.
/// No other message is posted. One channel is enough, because schemas belong to the app.
pub(super) async fn other_rows(chat: &Client, test: &Posted) -> Vec<CheckResult> {
    let mut rows = Vec::new();
    for sample in others(&test.message) {
        let result = write_and_read_back(chat, &test.at, &test.message.with_metadata_of(&sample)).await;
        rows.push(row(test.name_of(&sample), result));
    }
    rows.extend(restore(chat, test).await);
    rows
}

/// A sample of each other event type.
fn others(test: &Message) -> Vec<Message> {
    let all = samples::messages().into_iter().map(|(_, message)| message);
    all.filter(|message| message.event_type() != test.event_type()).collect()
}

enum ReadBack {
    AsWritten,
    Discarded,
    /// The history does not contain the message, or its update, yet.
    Lagging,
}

async fn write_and_read_back(chat: &Client, at: &MessageRef, message: &Message) -> Result<ReadBack, SlackError> {
    chat.update_message(at, message).await?;
    read_back(chat, at, message).await
}

/// Reads the history several times, because it lags behind posts and updates.
async fn read_back(chat: &Client, at: &MessageRef, message: &Message) -> Result<ReadBack, SlackError> {
    for attempt in 1..=MAX_ATTEMPTS {
        match chat.read_back(at).await? {
            Some(stored) if has_metadata(&stored, message) => return Ok(ReadBack::AsWritten),
            Some(stored) if !stored.contains_key("metadata") => return Ok(ReadBack::Discarded),
            Some(_) if attempt == MAX_ATTEMPTS => return Ok(ReadBack::Discarded),
            Some(_) | None => tokio::time::sleep(PAUSE).await,
        }
    }
    Ok(ReadBack::Lagging)
}

fn row(name: String, result: Result<ReadBack, SlackError>) -> CheckResult {
    match result {
        Ok(ReadBack::AsWritten) => CheckResult::ok(name, "read back as written"),
        Ok(ReadBack::Discarded) => {
            let detail = "Slack did not store the metadata: messages can be duplicated after a crash";
            CheckResult::failed(name, detail, REMOVE_SCHEMAS)
        }
        Ok(ReadBack::Lagging) => {
            let detail = "not verified: the history does not have the message yet";
            CheckResult::warning(name, detail, "run `check --post` again")
        }
        Err(failure) => {
            CheckResult::warning(name, format!("not verified: {failure}"), hint::for_slack(&failure, REINSTALL))
        }
    }
}

/// The test message must not keep the metadata of a finding.
async fn restore(chat: &Client, test: &Posted) -> Option<CheckResult> {
    let failure = chat.update_message(&test.at, &test.message).await.err()?;
    let detail = format!("the test message keeps the metadata of a sample: {failure}");
    Some(CheckResult::warning(format!("Slack {} post", test.target.name()), detail, "delete the test message"))
}
