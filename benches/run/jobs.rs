//! The three jobs of the benchmark, which the program, the Python script and the floor perform.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guardduty_slack_support::findings;
use serde_json::json;

use crate::baseline_client::BASELINE_CLIENT;
use crate::measure::{Cost, Program, measure};
use crate::server::Server;
use crate::world::{ACCOUNTS, REGIONS, World, account};

/// Number of findings of the backlog, and of its regions.
pub(crate) const BACKLOG: usize = 50_000;
pub(crate) const BACKLOG_REGIONS: usize = 4;
const DAY: i64 = 86_400_000;
/// The oldest and the newest finding, in milliseconds before now. The others are distributed evenly.
pub(crate) const BACKLOG_SPAN: (i64, i64) = (20 * DAY, DAY);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Nothing is new.
    Quiet,
    /// Twenty new findings for twenty channels.
    Fresh,
    /// 50,000 findings that were never read, in a dry run.
    Backlog,
}

impl Job {
    pub const ALL: [Self; 3] = [Self::Quiet, Self::Fresh, Self::Backlog];

    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet run",
            Self::Fresh => "20 new findings",
            Self::Backlog => "backlog of 50,000",
        }
    }

    pub fn world(self, latency: Duration) -> World {
        let now = findings::now();
        match self {
            Self::Quiet => World::with(latency, 0, now, now),
            Self::Fresh => World::with(latency, ACCOUNTS, now - 60_000, now),
            Self::Backlog => {
                let (first, last) = BACKLOG_SPAN;
                World::with(latency, BACKLOG / BACKLOG_REGIONS, now - first, now - last)
            }
        }
    }

    /// The variables of a run for this job.
    pub fn variables(self, who: Subject) -> Vec<(&'static str, String)> {
        match self {
            Self::Quiet => Vec::new(),
            Self::Fresh => {
                let route = |n| json!({ "match": { "account": [account(n)] }, "channel": format!("C0BENCH{n:03}") });
                vec![("SLACK_ROUTES", json!((0..ACCOUNTS).map(route).collect::<Vec<_>>()).to_string())]
            }
            Self::Backlog => vec![
                ("DRY_RUN", "1".into()),
                match who {
                    Subject::Python => ("LOOKBACK_SECONDS", "2592000".into()),
                    Subject::Product | Subject::Floor => ("GUARDDUTY_LOOKBACK", "30d".into()),
                },
                ("GUARDDUTY_REGIONS", REGIONS[..BACKLOG_REGIONS].join(",")),
            ],
        }
    }
}

/// A measured client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Product,
    Python,
    Floor,
}

/// The responder, the programs and the directory of a job.
pub(crate) struct Bench {
    pub server: Server,
    pub binary: PathBuf,
    pub python: Option<PathBuf>,
    pub script: PathBuf,
    pub dir: PathBuf,
}

impl Bench {
    /// The environment of the identity of a Pod, with the addresses of the responder.
    pub(crate) fn environment(&self, more: &[(&str, String)]) -> Vec<(String, String)> {
        let url = format!("http://127.0.0.1:{}", self.server.port);
        let path = |name: &str| self.dir.join(name).display().to_string();
        let common = [
            ("HOME", path("")),
            ("AWS_ENDPOINT_URL", url.clone()),
            ("AWS_REGION", REGIONS[0].into()),
            ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/reader".into()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", path("token")),
            ("SLACK_API_URL", format!("{url}/api")),
            ("SLACK_BOT_TOKEN", "xoxb-0-bench".into()),
            ("SLACK_CHANNEL", "C0BENCHALL".into()),
            ("PUSHGATEWAY_URL", url),
            ("STATE_FILE", path("state.json")),
            ("RUN_TIMEOUT", "1h".into()),
        ];
        let own = |(name, value): (&str, String)| (name.to_owned(), value);
        common.into_iter().chain(more.iter().cloned()).map(own).collect()
    }

    /// Performs the job once, with the state of a quiet run.
    pub(crate) fn once(&self, job: Job, who: Subject, latency: Duration) -> io::Result<Cost> {
        self.server.play(job.world(latency));
        self.restore(job, who)?;
        let command = match who {
            Subject::Product => vec![self.binary.display().to_string()],
            Subject::Python => {
                let python = self.python.as_ref().ok_or_else(|| io::Error::other("there is no Python"))?;
                vec![python.display().to_string(), self.script.display().to_string()]
            }
            Subject::Floor => {
                let own = std::env::current_exe()?.display().to_string();
                let now = findings::now().to_string();
                vec![own, BASELINE_CLIENT.into(), self.server.port.to_string(), job.name().into(), now]
            }
        };
        let cost = measure(&Program { command, env: self.environment(&job.variables(who)) }, &self.dir)?;
        Ok(Cost { requests: self.server.journal().len(), ..cost })
    }

    /// Performs the quiet run of the job once, and keeps its state.
    pub(crate) fn seed(&self, who: Subject) -> io::Result<()> {
        if who == Subject::Floor {
            return Ok(());
        }
        remove(&self.state())?;
        remove(&self.seeded(who))?;
        self.once(Job::Quiet, who, Duration::ZERO)?;
        std::fs::copy(self.state(), self.seeded(who)).map(drop)
    }

    pub(crate) fn restore(&self, job: Job, who: Subject) -> io::Result<()> {
        let seed = self.seeded(who);
        if job == Job::Backlog || who == Subject::Floor || !seed.exists() {
            return remove(&self.state());
        }
        std::fs::copy(seed, self.state()).map(drop)
    }

    fn state(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    pub(crate) fn seeded(&self, who: Subject) -> PathBuf {
        self.dir.join(format!("seed-{who:?}.json"))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
