//! Renders the details of the resource, below the buttons, in a block that Slack may collapse. The lines above are enough
//! to act on; a responder reads the details next.

use super::blocks::{Block, MAX_TEXT};
use super::text::Mrkdwn;
use super::{owner, render, rows};
use crate::finding::{Finding, Topic};

/// Maximum length of one line.
const LINE: usize = 1_000;
/// Number of characters reserved for the label and `+12 more in the console`.
const MARGIN: usize = 60;

/// Renders the lines that fit into `capacity` characters.
pub(super) fn block(f: &Finding, capacity: usize) -> Option<Block> {
    let phrases = f.lines_about(Topic::Details).iter().cloned().chain([owner::other_tags(f)]);
    let lines: Vec<Mrkdwn> =
        phrases.map(|phrase| render::mrkdwn(&phrase).truncate(LINE)).filter(|line| !line.is_empty()).collect();
    let shown = shown_count(&lines, capacity.min(MAX_TEXT).saturating_sub(MARGIN));
    let label = Mrkdwn::new().literal("*Details*");
    let text = lines
        .iter()
        .take(shown)
        .enumerate()
        .fold(label, |text, (n, line)| text.literal(if n == 0 { "  " } else { "\n• " }).append(line.clone()));
    let hidden = lines.len() - shown + f.omitted(Topic::Details);
    let text = match rows::more_in_console(hidden) {
        Some(more) => text.literal("\n").text(&more),
        None => text,
    };
    if shown == 0 { None } else { Block::collapsible(text) }
}

fn shown_count(lines: &[Mrkdwn], capacity: usize) -> usize {
    let mut used = 0;
    let fits = |line: &&Mrkdwn| {
        used += line.utf16_len() + 3;
        used <= capacity
    };
    lines.iter().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_do_not_fit_are_not_shown() {
        let lines = vec![Mrkdwn::new().literal("0123456789"); 4];
        for (capacity, shown) in [(0, 0), (12, 0), (13, 1), (26, 2), (1_000, 4)] {
            assert_eq!(shown_count(&lines, capacity), shown, "{capacity}");
        }
    }
}
