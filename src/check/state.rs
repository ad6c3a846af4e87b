//! Checks that the state can be read and written, and reports a replay that waits for the next run.

use super::hint;
use super::table::CheckResult;
use crate::config::Config;
use crate::metrics::RequestCounts;
use crate::state::State;
use crate::state::configured_store::ConfiguredStore;
use crate::state::store::{self, Loaded, LoadedDocument, Store};
use crate::time::Timestamp;

pub(super) async fn rows(config: &Config, requests: RequestCounts) -> Vec<CheckResult> {
    let mut store = ConfiguredStore::new(&config.state, requests);
    let name = match &config.state.configmap {
        Some(name) => format!("ConfigMap {name}"),
        None => format!("state file {}", config.state.file.display()),
    };
    let Loaded { document: source, replay } = store.load().await;
    let read = match read_row(config, format!("{name} read"), source) {
        Ok(row) => row,
        // A state that was not read is not written.
        Err(row) => return vec![row],
    };
    let name = format!("{name} write");
    let write = match store.probe().await {
        Ok(()) => CheckResult::ok(name, "permitted"),
        Err(error) => {
            let error = error.to_string();
            CheckResult::failed(name, &error, write_hint(config, &error))
        }
    };
    [read, write].into_iter().chain(replay.map(|text| replay_row(&text))).collect()
}

/// Returns the row of a state that could not be read as an error.
fn read_row(config: &Config, name: String, source: LoadedDocument) -> Result<CheckResult, CheckResult> {
    match source {
        LoadedDocument::Absent => {
            Ok(CheckResult::ok(name, "no saved state: the first run looks back GUARDDUTY_LOOKBACK"))
        }
        LoadedDocument::Current(text) => Ok(match State::parse(&text) {
            Ok(state) => CheckResult::ok(name, format!("{} sources, {} bytes", state.sources.len(), text.len())),
            Err(error) => CheckResult::failed(name, error, "see docs/operations.md#corrupt-state"),
        }),
        LoadedDocument::Corrupt(why) => Err(CheckResult::failed(name, why, "see docs/operations.md#corrupt-state")),
        LoadedDocument::MountedCopy { why, .. } | LoadedDocument::Unreadable(why) => {
            let hint = read_hint(config, &why);
            Err(CheckResult::failed(name, why, hint))
        }
    }
}

fn read_hint(config: &Config, error: &str) -> String {
    let in_cluster = config.state.configmap.is_some();
    let unknown = if in_cluster {
        "check that the ConfigMap exists and that the API server responds"
    } else {
        "check STATE_FILE and its permissions"
    };
    hint::for_state(error, in_cluster, unknown)
}

fn write_hint(config: &Config, error: &str) -> String {
    let in_cluster = config.state.configmap.is_some();
    let unknown = if in_cluster {
        "check that the API server responds"
    } else {
        "make the directory of STATE_FILE writable, or choose another path"
    };
    hint::for_state(error, in_cluster, unknown)
}

fn replay_row(text: &str) -> CheckResult {
    match store::parse_replay(text, Timestamp::from_system_clock()) {
        Ok(since) => CheckResult::ok(
            "replay",
            format!("the next run announces again all findings updated since {}", since.to_rfc3339()),
        ),
        Err(error) => CheckResult::failed("replay", error, "every run fails until the replay is corrected or deleted"),
    }
}
