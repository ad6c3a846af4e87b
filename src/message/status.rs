//! Renders the lines about the status of a finding, between the line under the title and the details.

use super::blocks::Runs;
use super::{Addressing, Marks, RenderContext, notes};
use crate::finding::Finding;
use crate::mention::Mention;
use crate::user::UserId;

/// The word for the title of a closed finding, such as “Archived”. The message of a closed finding is gray and mentions
/// nobody. `None` for an open finding.
pub(super) fn closed(f: &Finding, context: &RenderContext) -> Option<&'static str> {
    let is_resolved = context.marks.is_some_and(|marks| marks.resolved.is_some());
    match (is_resolved, f.archived) {
        (true, _) => Some("Resolved"),
        (false, true) => Some("Archived"),
        (false, false) => None,
    }
}

/// The mention of a message. `None` for a sample finding and for a closed finding.
pub(super) fn mention<'a>(f: &Finding, context: &RenderContext<'a>) -> Option<&'a Mention> {
    let is_wanted = !f.sample && closed(f, context).is_none();
    context.mention.filter(|_| is_wanted)
}

/// Channel and mention for the notes. A mention that the finding does not need does not count as omitted.
pub(super) fn addressing<'a>(f: &Finding, context: &RenderContext<'a>) -> Addressing<'a> {
    let is_quiet = f.sample || closed(f, context).is_some();
    Addressing {
        mention: context.mention,
        omitted_mention: context.omitted_mention.filter(|_| !is_quiet),
        intended_channel: context.intended_channel,
    }
}

/// The people who resolved, acknowledged or muted the finding. An edit of a message notifies nobody.
fn mark_lines(marks: &Marks) -> Vec<Runs> {
    let line = |label: &'static str, user: &Option<UserId>| {
        let who = Mention::of_user(user.clone()?);
        Some(Runs::new().label(label).literal("  by ").mention(&who))
    };
    let Marks { acknowledged, resolved, muted } = marks;
    let muted = line("Muted", muted).map(|runs| runs.literal(" · its thread announces only a higher severity level"));
    [line("Resolved", resolved), line("Acknowledged", acknowledged), muted].into_iter().flatten().collect()
}

/// The lines in the order in which they are shown.
pub(super) fn lines(f: &Finding, context: &RenderContext) -> Vec<Runs> {
    let mut lines = notes::runs(&addressing(f, context));
    lines.extend(context.marks.into_iter().flat_map(mark_lines));
    // The title has one word, and the resolution by a person takes precedence.
    if closed(f, context) == Some("Resolved") && f.archived {
        lines.push(Runs::new().label("Archived").literal("  this finding is archived in GuardDuty"));
    }
    lines
}
