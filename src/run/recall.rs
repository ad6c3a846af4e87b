//! Reads the posted messages that the state does not have: a run that died, or could not save its state, may have posted.

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::stream::{self, StreamExt};

use crate::config::{Config, RouteTo, Target};
use crate::core::channels::Channels;
use crate::core::posted::{Past, PostedMessages};
use crate::run::stop::Stop;
use crate::slack::{Chat, HistoryError};
use crate::state::State;
use crate::time::Millis;

/// Maximum number of channels that are read at a time: Slack allows about 50 such calls a minute, and bursts.
const HISTORIES: usize = 4;

/// What a run must know before it speaks.
#[derive(Clone, Copy, Debug)]
pub struct Recall {
    /// Since when something may have been said that the state does not know.
    pub since: Millis,
    pub past: Past,
    /// Not before this instant: until then history may lack what was posted.
    pub not_before: Option<Millis>,
    /// A run ended without a clean end: what cannot be looked up must not be said.
    pub unclean: bool,
}

/// Reads the history of every channel that may have been posted to, and notes in `channels` which of them cannot be read.
pub async fn recall<C: Chat>(
    chat: &C,
    stop: &Stop,
    names: BTreeMap<String, String>,
    channels: &mut Channels,
    ask: &Recall,
    now: Millis,
) -> PostedMessages {
    let mut memory = PostedMessages::default();
    if let Some(wait) = ask.not_before.map(|t| t.since(now)).filter(|w| !w.is_zero()) {
        tracing::info!(
            wait_seconds = wait.as_secs(),
            "a previous run may have posted messages; waiting for Slack history to catch up"
        );
        if stop.unless(tokio::time::sleep(wait)).await.is_none() {
            return memory;
        }
    }
    let read = async |(id, name): (String, String)| {
        let history = stop.unless(chat.history(&id, ask.past.oldest)).await;
        (name, id, history)
    };
    let mut histories = pin!(stream::iter(names).map(read).buffered(HISTORIES));
    while let Some((name, id, history)) = histories.next().await {
        let Some(history) = history else { break };
        match history {
            Ok(messages) => memory.add((&name, &id), messages, &ask.past),
            Err(HistoryError::Denied(why)) => {
                let hint =
                    if why.contains("scope") { "; add the scopes channels:history and groups:history" } else { "" };
                tracing::warn!(
                    channel = name,
                    error = why,
                    "channel history is not readable; duplicates are possible after a crash{hint}"
                );
                channels.set_unreadable(id);
            }
            // A channel that cannot be read because it refuses the app cannot have been posted to.
            Err(HistoryError::Channel(why)) => {
                tracing::debug!(channel = name, error = why, "channel history is not available")
            }
            Err(HistoryError::Unavailable(why)) => {
                let after_unclean_shutdown = ask.unclean;
                tracing::warn!(channel = name, error = why, after_unclean_shutdown, "failed to read channel history");
                channels.set_history_unread();
                if ask.unclean {
                    channels.close(id);
                }
            }
        }
    }
    memory
}

/// Every channel that is configured, that a plan names, or where a message of ours may stand though it is configured no
/// longer: names by ids.
pub fn readable_channels(config: &Config, known: &Channels, state: &State) -> BTreeMap<String, String> {
    let routed = config.routes.0.iter().filter_map(|r| match &r.to {
        RouteTo::Target(Target::Channel(name)) => Some(name.as_str()),
        _ => None,
    });
    let planned = state.plans.values().map(|p| p.channel.as_str());
    let stand = state.findings.values().filter_map(|e| e.at.as_ref()).filter(|at| !at.is_webhook());
    let names = [known.default.name()].into_iter().chain(routed).chain(planned);
    let names = names.chain(state.channels.keys().map(String::as_str)).chain(stand.map(|at| at.channel.as_str()));
    let mut channels = BTreeMap::new();
    for name in names {
        if let Some(id) = known.id(name) {
            channels.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    channels
}
