//! Notices of a run without a saved state, which was neither read at the start nor saved before the first message.
//!
//! Such a run, and the one after it, treats every event as new. Notices of level info wait for a run that can save
//! its state; a warning is announced unless the history of the last day contains it.

use std::collections::BTreeMap;
use std::task::Poll;
use std::time::Duration;

use crate::core::Core;
use crate::core::agenda::Queues;
use crate::core::event::{ChannelHistory, Query, QueryResponse};
use crate::message::{Notice, NoticeLevel};
use crate::plan::Delivery;
use crate::slack::BotMessage;

/// Period in which a warning is announced once by runs without a saved state.
const REPEAT_AFTER: Duration = Duration::from_hours(24);

impl Core<'_> {
    /// Takes out the notices that a run without a saved state does not announce. They stay in the state, for the next run
    /// in case a later save succeeds.
    pub(super) fn hold_back_notices(&mut self, queues: &mut Queues) -> Poll<()> {
        let has_notice = queues.values().flatten().any(|delivery| matches!(delivery, Delivery::Notice(_)));
        if self.state.saved_at.is_none() && has_notice {
            let announced = std::task::ready!(self.read_announced_ids());
            self.take_out_notices(queues, &announced);
        }
        Poll::Ready(())
    }

    fn take_out_notices(&mut self, queues: &mut Queues, announced: &[String]) {
        for deliveries in queues.values_mut() {
            deliveries.retain(|delivery| match delivery {
                Delivery::Notice(notice) if is_held_back(notice, announced) => {
                    self.tried_notices.insert(notice.id.clone());
                    tracing::info!(notice = notice.title, "notice is not announced: there is no saved state");
                    false
                }
                _ => true,
            });
        }
    }

    /// Reads the IDs of the notices in the default channel in the last day; none if its history cannot be read.
    fn read_announced_ids(&mut self) -> Poll<Vec<String>> {
        let default = &self.channels.default;
        let name = default.name().to_owned();
        let Some(id) = self.channels.id(&name).filter(|_| self.channels.is_readable(&default.target)) else {
            return Poll::Ready(Vec::new());
        };
        let oldest = self.now.minus(REPEAT_AFTER);
        let channels = BTreeMap::from([(id, name)]);
        let response = std::task::ready!(self.query(|| Query::Histories { channels, oldest }));
        let Some(QueryResponse::Histories(histories)) = response else { return Poll::Ready(Vec::new()) };
        Poll::Ready(histories.iter().flat_map(announced_ids).collect())
    }
}

fn announced_ids(history: &ChannelHistory) -> Vec<String> {
    history.messages.iter().flatten().filter_map(notice_id).collect()
}

fn is_held_back(notice: &Notice, announced: &[String]) -> bool {
    notice.level == NoticeLevel::Info || announced.iter().any(|announced| notice.id.is_same_event(announced))
}

fn notice_id(message: &BotMessage) -> Option<String> {
    message.payload.get("notice_id")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{NoticeEpoch, NoticeEvent};
    use crate::source_key::SourceOrIdentity;
    use crate::time::Timestamp;

    #[test]
    fn info_is_held_back_and_a_warning_only_if_an_earlier_run_announced_it() {
        let source = SourceOrIdentity::from("111122223333/eu-west-1");
        let event = NoticeEvent::Unreadable(&source);
        let notice = |level, at| NoticeEpoch(Timestamp(at)).notice(&event, level, String::new(), vec![]);
        let announced = [notice(NoticeLevel::Warning, 1).id.to_string()];
        assert!(is_held_back(&notice(NoticeLevel::Info, 2), &[]));
        assert!(!is_held_back(&notice(NoticeLevel::Warning, 2), &[]));
        assert!(is_held_back(&notice(NoticeLevel::Warning, 2), &announced));
    }
}
