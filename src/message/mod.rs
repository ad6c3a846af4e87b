//! What is said in Slack.

pub mod blocks;
pub mod text;
