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
