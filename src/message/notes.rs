//! Renders notes about the delivery of a message: a channel that rejected it, a mention that was omitted.

use super::Addressing;
use super::blocks::Runs;
use super::text::{Mrkdwn, SafeText};

/// Notes for a message with blocks.
pub(super) fn runs(addressing: &Addressing) -> Vec<Runs> {
    let mut notes = Vec::new();
    if let Some(channel) = addressing.intended_channel {
        notes.push(
            Runs::new()
                .label("Misrouted")
                .literal("  intended for ")
                .code(&SafeText::single_line(channel))
                .literal(", which rejected the message"),
        );
    }
    if let Some(mention) = omitted_mention(addressing) {
        notes.push(
            Runs::new()
                .label("Mention omitted")
                .literal("  this channel does not accept ")
                .code(&mention)
                .literal(" from this app"),
        );
    }
    notes
}

/// The same for the one-line fallback. Each note begins with a separator.
pub(super) fn fallback(addressing: &Addressing) -> Mrkdwn {
    let mut text = Mrkdwn::new();
    if let Some(channel) = addressing.intended_channel {
        text = text
            .literal(" · intended for ")
            .code(&SafeText::single_line(channel))
            .literal(", which rejected the message");
    }
    if let Some(mention) = omitted_mention(addressing) {
        text = text.literal(" · without the mention ").code(&mention).literal(", which this channel does not accept");
    }
    text
}

/// The mention as a person writes it, which notifies nobody: `@channel`.
fn omitted_mention(addressing: &Addressing) -> Option<SafeText> {
    let mention = addressing.omitted_mention?;
    Some(SafeText::single_line(&mention.names()))
}
