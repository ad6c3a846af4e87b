#[allow(async_fn_in_trait)]
pub trait Store {
    async fn load(&mut self) -> Loaded;
    async fn save(&mut self, document: &str, take_replay: bool) -> Result<(), SaveError>;
}
#[derive(Debug)]
pub struct Loaded {
    pub source: Source,
    pub replay: Option<String>,
}
#[derive(Debug)]
pub enum Source {
    New,
    Primary(String),
    Copy { text: String, why: String },
    Unreadable(String),
}
#[derive(Debug)]
pub enum SaveError {
    Conflict(String),
    Unavailable(String),
    TooLarge(String),
}
