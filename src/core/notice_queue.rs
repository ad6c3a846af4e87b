//! The queue of notices. They wait in the state until they are delivered, and must leave space for findings: if there are
//! many, they are combined, and the oldest beyond a limit are discarded.

use std::mem;

use crate::core::Core;
use crate::core::agenda::Queues;
use crate::message::{Notice, NoticeId, NoticeLevel};
use crate::plan::{self, Delivery, Queue};

/// Maximum number of notices that wait in the state. A combined notice takes at most 2.5 KB.
const MAX_NOTICES: usize = 50;

impl Core<'_> {
    pub(super) fn queue_notices(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            log_queued(&notice);
            self.state.queue_notice(notice);
        }
        if self.state.notices.len() > 2 * MAX_NOTICES {
            self.condense_notices();
        }
    }

    /// Plans the notices that are due, before everything else in their channel.
    pub(super) fn add_notices(&mut self, queues: &mut Queues) {
        // If one of them may be posted already, only its own ID shows it.
        if !self.channels.is_closed(self.channels.default.name()) {
            self.fixed_notices = self.tried_notices.clone();
            self.condense_notices();
            self.fixed_notices = self.state.notices.iter().map(|notice| notice.id.clone()).collect();
        }
        let due = self.state.notices.iter().filter(|notice| !self.tried_notices.contains(&notice.id));
        let due = due.cloned().map(Delivery::Notice);
        let default = Queue::Channel(self.channels.default.name().to_owned());
        queues.entry(default).or_default().splice(0..0, due);
    }

    /// Combines notices if there are many, and discards the oldest that are too many. Those that may be posted under their
    /// own ID stay.
    fn condense_notices(&mut self) {
        let is_fixed = |id: &NoticeId| self.fixed_notices.contains(id);
        let mut notices = plan::combine_notices(mem::take(&mut self.state.notices), |notice| is_fixed(&notice.id));
        let mut excess = notices.len().saturating_sub(MAX_NOTICES);
        notices.retain(|notice| {
            let is_lost = excess > 0 && !is_fixed(&notice.id);
            if is_lost {
                excess -= 1;
                let (notice_id, lines) = (notice.id.to_string(), notice.lines.join("; "));
                tracing::error!(notice_id, notice = notice.title, lines, "notice queue is full; notice discarded");
            }
            !is_lost
        });
        self.state.set_notices(notices);
    }
}

/// Logs at the level of the notice that it waits for its delivery.
pub(crate) fn log_queued(notice: &Notice) {
    let (notice_id, notice, level) = (notice.id.to_string(), &notice.title, notice.level);
    match level {
        NoticeLevel::Warning => tracing::warn!(notice_id, notice, "notice queued"),
        NoticeLevel::Info | NoticeLevel::Resolved => tracing::info!(notice_id, notice, "notice queued"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;
    use crate::telemetry::tests::logged;
    use crate::time::Timestamp;

    #[test]
    fn a_queued_notice_is_logged_at_its_level() {
        for (level, expected) in [
            (NoticeLevel::Warning, "\"level\":\"WARN\""),
            (NoticeLevel::Info, "\"level\":\"INFO\""),
            (NoticeLevel::Resolved, "\"level\":\"INFO\""),
        ] {
            let notice = Notice { id: NoticeId::new("n1", Timestamp(0)), title: "title".into(), lines: vec![], level };
            let lines = logged(LogFormat::Json, "info", || log_queued(&notice));
            assert!(lines.len() == 1 && lines[0].contains(expected) && lines[0].contains("n1-"), "{lines:?}");
        }
    }
}
