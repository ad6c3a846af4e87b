//! Notices of a run without a saved state, which was neither read at the start nor saved before the first message.
//!
//! Such a run, and the one after it, treats every event as new. Notices of level info wait for a run that can save
//! its state; a warning is announced unless the history of the last day contains it.

use std::collections::{BTreeMap, HashSet};
use std::task::Poll;
use std::time::Duration;

use crate::core::Core;
use crate::core::agenda::{Queues, Step};
use crate::core::event::{ChannelHistory, Query, Reply};
use crate::message::{Notice, NoticeLevel};
use crate::plan::{Delivery, source_health};
use crate::slack::BotMessage;

/// Period in which a warning is announced once by runs without a saved state.
const REPEAT_AFTER: Duration = Duration::from_secs(24 * 3600);

impl Core<'_> {
    /// Takes out the notices that a run without a saved state does not announce, and begins the delivery of the rest. They
    /// stay in the state, for the next run in case a later save succeeds.
    pub(super) fn hold_back_notices(&mut self, mut queues: Queues) -> Option<Step> {
        let has_notice = queues.values().flatten().any(|delivery| matches!(delivery, Delivery::Notice(_)));
        if self.state.saved_at.is_none() && has_notice {
            let Poll::Ready(announced) = self.read_announced_events() else {
                return Some(Step::HoldBackNotices(queues));
            };
            self.take_out_notices(&mut queues, &announced);
        }
        self.begin_delivery(queues);
        None
    }

    fn take_out_notices(&mut self, queues: &mut Queues, announced: &HashSet<String>) {
        for deliveries in queues.values_mut() {
            deliveries.retain(|delivery| match delivery {
                Delivery::Notice(notice) if is_held_back(notice, announced) => {
                    self.tried.insert(notice.id.clone());
                    tracing::info!(notice = notice.title, "notice is not announced: there is no saved state");
                    false
                }
                _ => true,
            });
        }
    }

    /// Reads the events of the notices in the default channel in the last day; none if its history cannot be read.
    fn read_announced_events(&mut self) -> Poll<HashSet<String>> {
        let default = &self.channels.default;
        let name = default.name().to_owned();
        let Some(id) = self.channels.id(&name).filter(|_| self.channels.is_readable(&default.target)) else {
            return Poll::Ready(HashSet::new());
        };
        let oldest = self.now.minus(REPEAT_AFTER);
        let channels = BTreeMap::from([(id, name)]);
        let reply = std::task::ready!(self.query(|| Query::Histories { channels, oldest }));
        let Some(Reply::Histories(histories)) = reply else { return Poll::Ready(HashSet::new()) };
        Poll::Ready(histories.iter().flat_map(announced_events).collect())
    }
}

fn announced_events(history: &ChannelHistory) -> Vec<String> {
    history.messages.iter().flatten().filter_map(event_of).collect()
}

fn is_held_back(notice: &Notice, announced: &HashSet<String>) -> bool {
    notice.level == NoticeLevel::Info || announced.contains(source_health::event(&notice.id))
}

fn event_of(message: &BotMessage) -> Option<String> {
    let id = message.payload.get("notice_id").and_then(|id| id.as_str())?;
    Some(source_health::event(id).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::source_health::NoticeEpoch;
    use crate::time::Timestamp;

    #[test]
    fn info_is_held_back_and_a_warning_only_if_an_earlier_run_announced_it() {
        let notice = |level, at| {
            NoticeEpoch(Timestamp(at)).notice("unreadable-111122223333/eu-west-1", level, String::new(), vec![])
        };
        let (nothing, before) = (HashSet::new(), notice(NoticeLevel::Warning, 1));
        let announced = HashSet::from([source_health::event(&before.id).to_owned()]);
        assert!(is_held_back(&notice(NoticeLevel::Info, 2), &nothing));
        assert!(!is_held_back(&notice(NoticeLevel::Warning, 2), &nothing));
        assert!(is_held_back(&notice(NoticeLevel::Warning, 2), &announced));
    }
}
