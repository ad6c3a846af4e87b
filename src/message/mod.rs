//! What is said in Slack.

pub mod text;
