//! Notices of a run without a saved state: neither read at its beginning, nor written before its first message.
//!
//! To such a run every event looks new, and to the next one again. Notices of level info wait for a run that can save
//! its state; a warning is announced unless the history of the last day contains it.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::guardduty::Detector;
use crate::message::{Level, Notice};
use crate::plan::{Act, Queue, silence};
use crate::run::engine::Engine;
use crate::slack::{Chat, OwnMessage};
use crate::state::store::Store;

/// Period in which a warning is announced once by runs without a saved state.
const REPEAT_AFTER: Duration = Duration::from_secs(24 * 3600);

impl<'a, D: Detector + 'static, C: Chat, S: Store> Engine<'a, D, C, S> {
    /// Takes out the notices that a run without a saved state does not announce. They stay in the state, for the next
    /// run in case a later checkpoint succeeds.
    pub(super) async fn hold_back_notices(&mut self, queues: &mut BTreeMap<Queue, Vec<Act>>) {
        if self.record.state.saved.is_some() || !queues.values().flatten().any(|act| matches!(act, Act::Notice(_))) {
            return;
        }
        let announced = self.announced_events().await;
        for acts in queues.values_mut() {
            acts.retain(|act| match act {
                Act::Notice(notice) if is_held_back(notice, &announced) => {
                    self.tried.insert(notice.id.clone());
                    tracing::info!(notice = notice.title, "notice is not announced: there is no saved state");
                    false
                }
                _ => true,
            });
        }
    }

    /// The events of the notices in the default channel in the last day; none if its history cannot be read.
    async fn announced_events(&self) -> HashSet<String> {
        let default = &self.channels.default;
        let Some(channel) = self.channels.id(default.name()).filter(|_| self.channels.is_readable(&default.target))
        else {
            return HashSet::new();
        };
        let since = self.clock.now().minus(REPEAT_AFTER);
        match self.stop.unless(self.chat.history(&channel, since)).await {
            Some(Ok(messages)) => messages.iter().filter_map(event_of).collect(),
            Some(Err(_)) | None => HashSet::new(),
        }
    }
}

fn is_held_back(notice: &Notice, announced: &HashSet<String>) -> bool {
    notice.level == Level::Info || announced.contains(silence::event(&notice.id))
}

fn event_of(message: &OwnMessage) -> Option<String> {
    let id = message.event.get("notice_id").and_then(|id| id.as_str())?;
    Some(silence::event(id).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::silence::Stamp;
    use crate::time::Millis;

    #[test]
    fn info_is_held_back_and_a_warning_only_if_an_earlier_run_announced_it() {
        let notice = |level, at| Stamp(Millis(at)).notice("blind-111122223333/eu-west-1", level, String::new(), vec![]);
        let (nothing, before) = (HashSet::new(), notice(Level::Warning, 1));
        let announced = HashSet::from([silence::event(&before.id).to_owned()]);
        assert!(is_held_back(&notice(Level::Info, 2), &nothing));
        assert!(!is_held_back(&notice(Level::Warning, 2), &nothing));
        assert!(is_held_back(&notice(Level::Warning, 2), &announced));
    }
}
