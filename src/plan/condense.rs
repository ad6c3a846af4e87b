//! Condenses many notices to few, and many names to few lines.

use crate::message::{Notice, NoticeId, NoticeLevel};

/// More notices than this are combined: the channel stays readable, and no finding waits long behind them.
const MAX_SEPARATE_NOTICES: usize = 20;
/// Maximum number of characters of titles in one combined notice.
const MAX_COMBINED_TITLE_CHARS: usize = 2_000;

/// Combines notices, by their titles, if there are many. Those for which `stay` is true are not combined.
pub(crate) fn combine_notices(due: Vec<Notice>, stay: impl Fn(&Notice) -> bool) -> Vec<Notice> {
    let (mut notices, separate): (Vec<Notice>, Vec<Notice>) =
        due.into_iter().partition(|n| n.id.is_combined || stay(n));
    if separate.len() <= MAX_SEPARATE_NOTICES {
        notices.extend(separate);
        return notices;
    }
    for level in [NoticeLevel::Warning, NoticeLevel::Resolved, NoticeLevel::Info] {
        let mut left: Vec<&Notice> = separate.iter().filter(|n| n.level == level).collect();
        while !left.is_empty() {
            let mut capacity = MAX_COMBINED_TITLE_CHARS;
            let fits = |n: &&&Notice| {
                let fits = capacity > 0;
                capacity = capacity.saturating_sub(n.title.len());
                fits
            };
            let count = left.iter().take_while(fits).count();
            let rest = left.split_off(count);
            notices.push(match left.as_slice() {
                [one] => (*one).clone(),
                many => Notice {
                    id: NoticeId { is_combined: true, ..many[0].id.clone() },
                    title: format!("{count} notices combined; see the log for details"),
                    lines: wrap_list(many.iter().map(|n| &n.title), " · "),
                    level,
                },
            });
            left = rest;
        }
    }
    notices
}

/// Names side by side, in lines that a notice shows whole.
pub(super) fn wrap_list<'t, T: ToString + 't>(names: impl IntoIterator<Item = &'t T>, separator: &str) -> Vec<String> {
    const WIDTH: usize = 300;
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        let text = name.to_string();
        match lines.last_mut().filter(|line| line.len() + separator.len() + text.len() <= WIDTH) {
            Some(line) => line.extend([separator, &text]),
            None => lines.push(text),
        }
    }
    lines
}
