//! The floor: the same requests, side by side where the run asks side by side, over bare sockets; what is answered is
//! thrown away. No client can be faster without asking less.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use crate::world::{DETECTOR, PAGE, REGIONS, id};

/// The argument that makes this program the floor of a job: `--floor PORT JOB NUMBERS…`.
pub const FLOOR: &str = "--floor";

/// A connection that is kept open.
struct Wire {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    region: &'static str,
}

impl Wire {
    fn open(port: u16, region: &'static str) -> io::Result<Self> {
        let writer = TcpStream::connect(("127.0.0.1", port))?;
        writer.set_nodelay(true)?;
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, writer.try_clone()?), writer, region })
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<()> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: floor\r\nauthorization: floor/0/{}/\r\ncontent-length: {}\r\n\r\n{body}",
            self.region,
            body.len()
        );
        self.writer.write_all(head.as_bytes())
    }

    fn receive(&mut self) -> io::Result<()> {
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        io::copy(&mut self.reader.by_ref().take(length), &mut io::sink()).map(drop)
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> io::Result<()> {
        self.send(method, path, body)?;
        self.receive()
    }

    fn list(&mut self, token: usize) -> io::Result<()> {
        self.send("POST", &format!("/detector/{DETECTOR}/findings"), &format!("{{\"nextToken\":\"{token}\"}}"))
    }

    fn get(&mut self, page: usize, ids: usize) -> io::Result<()> {
        let ids: Vec<String> = (0..ids).map(|i| format!("\"{}\"", id(self.region, page * PAGE + i))).collect();
        let body = format!("{{\"findingIds\":[{}]}}", ids.join(","));
        self.send("POST", &format!("/detector/{DETECTOR}/findings/get"), &body)
    }
}

/// What a region is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub lists: usize,
    pub gets: usize,
    pub statistics: usize,
    /// Filters and trusted lists whose contents are read.
    pub contents: usize,
    /// Findings in the last page.
    pub last: usize,
}

/// What a job asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    pub regions: usize,
    /// 1: the state tells the detector, which is asked while the detectors are listed.
    pub expected: usize,
    pub each: Counts,
    /// Channels whose history is read before the first message.
    pub histories: usize,
    pub posts: usize,
    pub pushes: usize,
}

/// Between two messages: Slack takes several a second from one app.
pub const PACE: Duration = Duration::from_millis(200);
/// So many listings of one source confirm a window at a time, and so many histories are read at a time.
pub const SIDE_BY_SIDE: usize = 4;

impl Shape {
    pub fn arguments(&self) -> Vec<String> {
        let Counts { lists, gets, statistics, contents, last } = self.each;
        [self.regions, self.expected, lists, gets, statistics, contents, last, self.histories, self.posts, self.pushes]
            .map(|n| n.to_string())
            .to_vec()
    }

    fn parse(args: &[String]) -> Option<Self> {
        let numbers: Vec<usize> = args.iter().filter_map(|a| a.parse().ok()).collect();
        let [regions, expected, lists, gets, statistics, contents, last, histories, posts, pushes] = numbers[..] else {
            return None;
        };
        let each = Counts { lists, gets, statistics, contents, last };
        Some(Self { regions, expected, each, histories, posts, pushes })
    }
}

pub fn main(args: &[String]) -> ExitCode {
    let Some((port, rest)) = args.split_first() else { return ExitCode::FAILURE };
    let (Ok(port), Some(shape)) = (port.parse(), Shape::parse(rest)) else { return ExitCode::FAILURE };
    match run(port, &shape) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(port: u16, shape: &Shape) -> io::Result<()> {
    let mut first = Wire::open(port, REGIONS[0])?;
    first.ask("POST", "/", "Action=AssumeRoleWithWebIdentity")?;
    all((0..shape.regions).map(|r| move || region(port, REGIONS[r], shape.expected > 0, &shape.each)))?;
    slack(port, shape)?;
    for _ in 0..shape.pushes {
        first.ask("PUT", "/metrics/job/floor", "")?;
    }
    Ok(())
}

/// The detector first, unless it is known; everything else side by side.
fn region(port: u16, region: &'static str, expected: bool, each: &Counts) -> io::Result<()> {
    let mut wire = Wire::open(port, region)?;
    let mut first = Wire::open(port, region)?;
    first.send("GET", "/detector", "")?;
    if !expected {
        first.receive()?;
    }
    let path = |rest: &str| format!("/detector/{DETECTOR}{rest}");
    let besides: [(&str, String, Option<String>); 3] = [
        ("GET", path(""), None),
        ("GET", path("/filter"), (each.contents > 0).then(|| path("/filter/Scanners"))),
        ("GET", path("/ipset"), (each.contents > 1).then(|| path("/ipset/0"))),
    ];
    thread::scope(|s| {
        let mut asked = Vec::new();
        for (method, path, then) in besides {
            asked.push(s.spawn(move || {
                let mut wire = Wire::open(port, region)?;
                wire.ask(method, &path, "")?;
                then.map_or(Ok(()), |path| wire.ask("GET", &path, ""))
            }));
        }
        for _ in 0..each.statistics {
            let path = path("/findings/statistics");
            asked.push(s.spawn(move || Wire::open(port, region)?.ask("POST", &path, "{}")));
        }
        findings(port, &mut wire, each)?;
        if expected {
            first.receive()?;
        }
        asked.into_iter().try_for_each(|t| t.join().unwrap_or_else(|_| Err(io::Error::other("panicked"))))
    })
}

/// The details of a page while the next one is listed; then the listings that confirm them.
fn findings(port: u16, wire: &mut Wire, each: &Counts) -> io::Result<()> {
    let mut details = Wire::open(port, wire.region)?;
    wire.list(0)?;
    wire.receive()?;
    for page in 0..each.gets {
        details.get(page, if page + 1 == each.gets { each.last } else { PAGE })?;
        let more = page + 1 < each.gets;
        if more {
            wire.list((page + 1) * PAGE)?;
            wire.receive()?;
        }
        details.receive()?;
    }
    let confirm = each.lists - each.gets.max(1);
    let (port, region) = (port, wire.region);
    all((0..SIDE_BY_SIDE).map(|lane| {
        move || {
            let mut wire = Wire::open(port, region)?;
            (lane..confirm).step_by(SIDE_BY_SIDE).try_for_each(|_| {
                wire.list(0)?;
                wire.receive()
            })
        }
    }))
}

fn slack(port: u16, shape: &Shape) -> io::Result<()> {
    if shape.posts == 0 {
        return Ok(());
    }
    let mut wire = Wire::open(port, "")?;
    wire.ask("GET", "/api/auth.test", "")?;
    let histories = shape.histories;
    all((0..SIDE_BY_SIDE).map(|lane| {
        move || {
            let mut wire = Wire::open(port, "")?;
            (lane..histories).step_by(SIDE_BY_SIDE).try_for_each(|_| wire.ask("GET", "/api/conversations.history", ""))
        }
    }))?;
    let began = Instant::now();
    all((0..shape.posts).map(|n| {
        move || {
            thread::sleep((PACE * n as u32).saturating_sub(began.elapsed()));
            Wire::open(port, "")?.ask("POST", "/api/chat.postMessage", "{}")
        }
    }))
}

/// Does all of it side by side.
fn all<F: FnOnce() -> io::Result<()> + Send>(acts: impl Iterator<Item = F>) -> io::Result<()> {
    thread::scope(|s| {
        let threads: Vec<_> = acts.map(|act| s.spawn(act)).collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|_| Err(io::Error::other("panicked"))))
    })
}
