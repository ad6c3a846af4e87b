//! What waits for its delivery, and what is saved before it: notices, digest plans, redirects, IDs of channels.

use std::collections::HashSet;

use crate::message::{Notice, NoticeId};
use crate::slack::MessageRef;
use crate::state::{DigestPlan, State};

impl State {
    /// Queues a notice, unless it is queued already.
    pub fn queue_notice(&mut self, notice: Notice) {
        if self.notices.iter().all(|queued| queued.id != notice.id) {
            self.notices.push(notice);
        }
    }

    pub fn set_notices(&mut self, notices: Vec<Notice>) {
        self.notices = notices;
    }

    pub fn remove_notice(&mut self, id: &NoticeId) {
        self.notices.retain(|notice| notice.id != *id);
    }

    /// Removes the notices whose IDs, as Slack has them, are in `announced`.
    pub fn remove_announced_notices(&mut self, announced: &HashSet<String>) {
        self.notices.retain(|notice| !announced.contains(&notice.id.to_string()));
    }

    pub fn save_digest_plan(&mut self, id: &str, plan: DigestPlan) {
        self.digest_plans.insert(id.to_owned(), plan);
    }

    pub fn remove_digest_plan(&mut self, id: &str) {
        self.digest_plans.remove(id);
    }

    /// Drops the digest plans whose digest was not posted: their findings are planned again.
    pub fn drop_digest_plans(&mut self, may_be_posted: impl Fn(&DigestPlan) -> bool) {
        self.digest_plans.retain(|_, plan| may_be_posted(plan));
    }

    /// Records that an old message was replaced by a redirect.
    pub fn remove_redirect(&mut self, id: &str, old: &MessageRef) {
        if let Some(entry) = self.findings.get_mut(id) {
            entry.superseded.retain(|redirect| redirect != old);
        }
    }

    /// Notes the IDs of channels by their configured names.
    pub fn note_channels(&mut self, channels: impl IntoIterator<Item = (String, String)>) {
        self.channels.extend(channels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::NoticeLevel;
    use crate::state::FindingRecord;
    use crate::time::Timestamp;

    #[test]
    fn a_redirect_waits_until_it_is_made_and_a_digest_plan_until_its_digest_is_posted() {
        let mut state = State::default();
        let old = |ts: &str| MessageRef { channel: "C1".into(), ts: ts.to_owned(), thread_ts: None };
        let superseded = vec![old("1.1"), old("2.2")];
        state.findings.insert("f".to_owned(), FindingRecord { superseded, ..FindingRecord::default() });
        state.remove_redirect("f", &old("1.1"));
        assert_eq!(state.findings["f"].superseded, [old("2.2")]);
        state.note_channels([("#c".to_owned(), "C1".to_owned())]);
        assert_eq!(state.channels["#c"], "C1");
        for id in ["posted", "not posted"] {
            state.save_digest_plan(id, DigestPlan { channel: id.into(), findings: Vec::new() });
        }
        state.drop_digest_plans(|plan| plan.channel == "posted");
        assert_eq!(state.digest_plans.keys().collect::<Vec<_>>(), ["posted"]);
        state.remove_digest_plan("posted");
        assert!(state.digest_plans.is_empty());
    }

    #[test]
    fn a_notice_waits_until_it_is_announced() {
        let notice = |name: &str| Notice {
            id: NoticeId::new(name, Timestamp(1_000)),
            title: name.to_owned(),
            lines: Vec::new(),
            level: NoticeLevel::Info,
        };
        let mut state = State::default();
        ["a", "b", "a"].into_iter().for_each(|name| state.queue_notice(notice(name)));
        assert_eq!(state.notices, [notice("a"), notice("b")]);
        state.remove_notice(&notice("a").id);
        assert_eq!(state.notices, [notice("b")]);
    }
}
