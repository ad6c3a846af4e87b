//! Builds the visible part of a message, within the limits of a whole message: the one-line fallback, blocks, and a
//! colored attachment with more blocks.

use serde_json::{Map, Value, json};

use super::super::text::Mrkdwn;
use super::Block;

/// Maximum length of all blocks and the fallback together. Slack does not document its limit. It rejected 11,341
/// characters of block text (`msg_blocks_too_long`).
pub const MAX_TOTAL: usize = 8_900;
const MAX_BLOCKS: usize = 50;
/// Maximum number of blocks in one attachment. Slack does not document it, but rejects more (`invalid_attachments`).
const BAR_BLOCKS: usize = 20;
const MAX_FALLBACK: usize = 4_000;
/// Minimum length of a truncated block. A block that would be shorter is omitted.
const MIN_BLOCK_LENGTH: usize = 120;

/// The top-level `text`: one line of at most 4,000 units, complete without the blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct FallbackText(Mrkdwn);

impl FallbackText {
    /// An empty text becomes a dash, because Slack rejects an empty text.
    pub fn new(text: Mrkdwn) -> Self {
        let text = text.one_line().truncate(MAX_FALLBACK);
        Self(if text.is_empty() { Mrkdwn::new().literal("–") } else { text })
    }

    pub fn render(&self) -> String {
        self.0.render()
    }
}

/// Number of characters that are left for other blocks in a message with this fallback and these blocks.
pub fn remaining_capacity<'b>(fallback: &FallbackText, blocks: impl IntoIterator<Item = &'b Block>) -> usize {
    let used: usize = blocks.into_iter().map(Block::utf16_len).sum();
    MAX_TOTAL.saturating_sub(fallback.0.utf16_len() + used)
}

/// The color of an attachment's bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub &'static str);

/// Importance of a block. If a message is too long, the least important blocks are omitted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    Extra,
    Detail,
    Useful,
    Important,
    /// Truncated only if no other block is left.
    Vital,
}

#[derive(Clone, Debug)]
struct RankedBlock {
    rank: Priority,
    in_attachment: bool,
    block: Block,
}

/// Collects blocks in the order shown, with their priorities. [`BodyBuilder::finish`] shortens them to the limits.
#[derive(Clone, Debug, Default)]
pub struct BodyBuilder {
    color: Option<Color>,
    items: Vec<RankedBlock>,
}

impl BodyBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the color of the bar. Without a color, the blocks of the attachment follow the other blocks.
    pub fn color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }

    /// Adds a block above the bar.
    pub fn push(&mut self, rank: Priority, block: impl Into<Option<Block>>) -> &mut Self {
        self.push_ranked(rank, false, block.into())
    }

    /// Adds a block above the colored attachment.
    pub fn push_attachment(&mut self, rank: Priority, block: impl Into<Option<Block>>) -> &mut Self {
        self.push_ranked(rank, true, block.into())
    }

    fn push_ranked(&mut self, rank: Priority, beside_bar: bool, block: Option<Block>) -> &mut Self {
        self.items.extend(block.map(|block| RankedBlock { rank, in_attachment: beside_bar, block }));
        self
    }

    /// Omits or truncates the least important blocks until everything fits; among equal priorities, the last one first.
    pub fn finish(mut self, fallback: FallbackText) -> Body {
        while self.items.len() > MAX_BLOCKS {
            self.drop_lowest_priority(|_| true);
        }
        while self.items.iter().filter(|item| item.in_attachment).count() > BAR_BLOCKS {
            self.drop_lowest_priority(|item| item.in_attachment);
        }
        let capacity = MAX_TOTAL - fallback.0.utf16_len();
        self.truncate_to_fit(capacity);
        let (bar, top): (Vec<_>, Vec<_>) = self.items.into_iter().partition(|item| item.in_attachment);
        let tidy = |items: Vec<RankedBlock>| trim_dividers(items.into_iter().map(|item| item.block).collect());
        Body { fallback, color: self.color, top: tidy(top), attachment: tidy(bar) }
    }

    fn truncate_to_fit(&mut self, capacity: usize) {
        loop {
            let total: usize = self.items.iter().map(|item| item.block.utf16_len()).sum();
            let Some(excess) = total.checked_sub(capacity).filter(|e| *e > 0) else { return };
            let Some(least) = self.lowest_priority(|item| item.block.utf16_len() > 0) else { return };
            let left = self.items[least].block.utf16_len().saturating_sub(excess);
            match self.items[least].block.truncate(left).filter(|_| left >= MIN_BLOCK_LENGTH) {
                Some(cut) => self.items[least].block = cut,
                None => drop(self.items.remove(least)),
            }
        }
    }

    fn drop_lowest_priority(&mut self, among: impl Fn(&RankedBlock) -> bool) {
        if let Some(least) = self.lowest_priority(among) {
            self.items.remove(least);
        }
    }

    fn lowest_priority(&self, among: impl Fn(&RankedBlock) -> bool) -> Option<usize> {
        let candidates = self.items.iter().enumerate().filter(|(_, item)| among(item));
        candidates.min_by_key(|(at, item)| (item.rank, usize::MAX - at)).map(|(at, _)| at)
    }
}

/// Removes dividers that no longer separate blocks.
fn trim_dividers(blocks: Vec<Block>) -> Vec<Block> {
    let mut out: Vec<Block> = Vec::with_capacity(blocks.len());
    for block in blocks {
        if !(block.is_divider() && out.last().is_none_or(Block::is_divider)) {
            out.push(block);
        }
    }
    if out.last().is_some_and(Block::is_divider) {
        out.pop();
    }
    out
}

/// The visible part of a message, within every limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    fallback: FallbackText,
    color: Option<Color>,
    top: Vec<Block>,
    attachment: Vec<Block>,
}

impl Body {
    /// Text only.
    pub fn text_only(fallback: FallbackText) -> Self {
        Self { fallback, color: None, top: Vec::new(), attachment: Vec::new() }
    }

    pub fn fallback(&self) -> &FallbackText {
        &self.fallback
    }

    /// The arguments `text`, `blocks` and `attachments` of a message.
    pub fn json(&self) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("text".into(), self.fallback.render().into());
        let (top, bar) = match self.color {
            Some(_) => (self.top.clone(), self.attachment.as_slice()),
            None => ([&self.top[..], &self.attachment[..]].concat(), &[][..]),
        };
        if !top.is_empty() {
            out.insert("blocks".into(), json!(top));
        }
        if let (Some(color), false) = (self.color, bar.is_empty()) {
            out.insert("attachments".into(), json!([{"color": color.0, "blocks": bar}]));
        }
        out
    }
}

#[cfg(test)]
mod tests;
