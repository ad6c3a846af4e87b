//! Reading and writing the state, and a replay that waits for the next run.

use super::hint;
use super::table::Row;
use crate::config::Config;
use crate::metrics::Requests;
use crate::state::State;
use crate::state::backing::Backing;
use crate::state::store::{self, Loaded, Source, Store};
use crate::time::Clock;

pub(super) async fn rows(config: &Config, requests: Requests) -> Vec<Row> {
    let mut store = Backing::new(&config.state, requests);
    let name = match &config.state.configmap {
        Some(name) => format!("ConfigMap {name}"),
        None => format!("state file {}", config.state.file.display()),
    };
    let Loaded { source, replay } = store.load().await;
    let read = match read_row(config, format!("{name} read"), source) {
        Ok(row) => row,
        // A state that was not read is not written.
        Err(row) => return vec![row],
    };
    let name = format!("{name} write");
    let write = match store.probe().await {
        Ok(()) => Row::ok(name, "permitted"),
        Err(error) => {
            let error = error.to_string();
            Row::failed(name, &error, write_hint(config, &error))
        }
    };
    [read, write].into_iter().chain(replay.map(|text| replay_row(&text))).collect()
}

/// Returns the row of a state that could not be read as an error.
fn read_row(config: &Config, name: String, source: Source) -> Result<Row, Row> {
    match source {
        Source::New => Ok(Row::ok(name, "no saved state: the first run looks back GUARDDUTY_LOOKBACK")),
        Source::Primary(text) => Ok(match State::parse(&text) {
            Ok(state) => Row::ok(name, format!("{} sources, {} bytes", state.sources.len(), text.len())),
            Err(error) => Row::failed(name, error, "see docs/operations.md#corrupt-state"),
        }),
        Source::Corrupt(why) => Err(Row::failed(name, why, "see docs/operations.md#corrupt-state")),
        Source::Copy { why, .. } | Source::Unreadable(why) => {
            let hint = read_hint(config, &why);
            Err(Row::failed(name, why, hint))
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

fn replay_row(text: &str) -> Row {
    match store::replay_since(text, Clock::system().now()) {
        Ok(since) => {
            Row::ok("replay", format!("the next run announces again all findings updated since {}", since.iso()))
        }
        Err(error) => Row::failed("replay", error, "every run fails until the replay is corrected or deleted"),
    }
}
