use std::time::Duration;
pub struct Pace;
impl Pace {
    pub fn new() -> Self {
        Self
    }
    pub async fn turn(&self, _l: &str) {}
    pub fn hold(&self, _l: &str, _d: Duration) {}
}
