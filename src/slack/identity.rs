//! The identity of a bot token.

use crate::user::UserId;

/// The identity of the token, as `auth.test` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotIdentity {
    /// Absent if the token is not that of a bot.
    pub bot_id: Option<String>,
    /// The address of the workspace with a trailing slash: `https://example.slack.com/`.
    pub url: Option<String>,
    pub team: String,
    pub user: String,
    /// Absent if Slack does not return it.
    pub user_id: Option<UserId>,
    /// The header `x-oauth-scopes`. `None` if Slack does not send it: the scopes are unknown.
    pub scopes: Option<Vec<String>>,
}

impl BotIdentity {
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().flatten().any(|s| s == scope)
    }
}
