//! The commands that only read: `state` prints the saved state, `explain` shows what happened to a finding. Nothing is
//! posted, saved or pushed.

mod answer;
mod document;
mod explain;

pub(crate) use explain::explain;

use crate::config::Config;
use crate::exit::ExitStatus;
use crate::metrics::RequestCounts;
use crate::output::Output;
use crate::state::configured_store::ConfiguredStore;
use crate::state::store::{LoadedDocument, Store};
use crate::state::{State, StateError};
use crate::time::Timestamp;
use crate::{http, telemetry};

/// The saved state, as text and parsed.
struct Saved {
    text: String,
    state: State,
}

/// The reason why the state cannot be shown.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("the state cannot be read: {0}")]
    Unavailable(String),
    #[error("the state was not changed: {0}; see docs/operations.md#corrupt-state")]
    Corrupt(String),
    #[error("the state was not changed: {0}; see docs/operations.md#corrupt-state")]
    Unusable(#[from] StateError),
}

impl Unread {
    fn exit(&self) -> ExitStatus {
        match self {
            Self::Unavailable(_) => ExitStatus::Incomplete,
            Self::Corrupt(_) | Self::Unusable(_) => ExitStatus::InvalidInput,
        }
    }
}

/// Prints the state for people, or with `json` the saved document.
pub(crate) async fn state(config: &Config, json: bool, output: &Output) -> ExitStatus {
    http::install_crypto_provider();
    let place = place(config);
    match load(config).await {
        Ok(Some(saved)) if json => output.line(saved.text),
        Ok(Some(saved)) => output.line(document::describe(&saved, &place, config, Timestamp::from_system_clock())),
        Ok(None) => telemetry::print_stderr(format_args!(
            "no saved state: {place} does not exist yet; the first run creates it"
        )),
        Err(error) => {
            telemetry::print_stderr(format_args!("{place}: {error}"));
            return error.exit();
        }
    }
    ExitStatus::Success
}

/// Returns `None` if no run has saved a state yet.
async fn load(config: &Config) -> Result<Option<Saved>, Unread> {
    let mut store = ConfiguredStore::new(&config.state, RequestCounts::default());
    let text = match store.load().await.document {
        LoadedDocument::Absent => return Ok(None),
        LoadedDocument::Current(text) => text,
        LoadedDocument::MountedCopy { text, why } => {
            telemetry::print_stderr(format_args!("the mounted copy is shown, which can be a minute old: {why}"));
            text
        }
        LoadedDocument::Unreadable(why) => return Err(Unread::Unavailable(why)),
        LoadedDocument::Corrupt(why) => return Err(Unread::Corrupt(why)),
    };
    let state = State::parse(&text)?;
    Ok(Some(Saved { text, state }))
}

fn place(config: &Config) -> String {
    match &config.state.configmap {
        Some(name) => format!("ConfigMap {name}"),
        None => format!("state file {}", config.state.file.display()),
    }
}

/// Removes control characters, which a terminal would interpret, from untrusted text.
fn inert(text: &str) -> String {
    let is_interpreted = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if is_interpreted(c) { '\u{fffd}' } else { c }).collect()
}
