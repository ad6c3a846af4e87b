//! The forms of a message.

use crate::message::MessageForm;

/// The forms of a message, simpler each time Slack rejects its content.
#[derive(Debug)]
pub(in crate::core) struct Forms(MessageForm);

impl Default for Forms {
    fn default() -> Self {
        Self(MessageForm::Blocks)
    }
}

impl Forms {
    pub(in crate::core) fn current(&self) -> MessageForm {
        self.0
    }

    /// Returns false if there is no simpler form.
    pub(in crate::core) fn simplify(&mut self, error: &str) -> bool {
        let simpler = match self.0 {
            MessageForm::Blocks => MessageForm::Text,
            MessageForm::Text => MessageForm::Minimal,
            MessageForm::Minimal => return false,
        };
        let form = self.0.name();
        tracing::warn!(error, form, "Slack rejected the message content; retrying with a simpler form");
        self.0 = simpler;
        true
    }
}
