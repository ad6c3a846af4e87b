//! The floor: a minimal client over sockets that makes the requests of a job with a fixed concurrency, and discards the
//! responses. It shares no code with the program: it does not verify, save, decode or plan anything.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::jobs::{BACKLOG_REGIONS, BACKLOG_SPAN, Job};
use crate::world::{ACCOUNTS, DETECTOR, REGIONS};

/// The argument that makes this program the floor of a job: `--floor PORT JOB NOW`, in epoch milliseconds.
pub(crate) const BASELINE_CLIENT: &str = "--floor";
/// Number of time ranges in which each region of a backlog is listed.
const RANGES: i64 = 4;
/// Number of concurrent requests of a backlog.
const AT_ONCE: usize = 24;
/// Time between two messages. Slack accepts several messages per second from one app.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(200);

/// A persistent connection.
struct Wire {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Wire {
    fn open(port: u16) -> io::Result<Self> {
        let writer = TcpStream::connect(("127.0.0.1", port))?;
        writer.set_nodelay(true)?;
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, writer.try_clone()?), writer })
    }

    /// Returns the body of the response.
    fn ask(&mut self, region: &str, method: &str, path: &str, body: &str) -> io::Result<Vec<u8>> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: floor\r\nauthorization: floor/0/{region}/\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.writer.write_all(head.as_bytes())?;
        let mut line = String::new();
        let mut length = 0;
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok(body)
    }
}

pub(crate) fn main(args: &[String]) -> ExitCode {
    let [port, name, now] = args else { return ExitCode::FAILURE };
    let job = Job::ALL.into_iter().find(|job| job.name() == name);
    let (Ok(port), Some(job), Ok(now)) = (port.parse(), job, now.parse()) else { return ExitCode::FAILURE };
    match run(port, job, now) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(port: u16, job: Job, now: i64) -> io::Result<()> {
    let mut wire = Wire::open(port)?;
    wire.ask("", "POST", "/", "Action=AssumeRoleWithWebIdentity")?;
    match job {
        Job::Quiet => quiet(port).map(drop)?,
        Job::Fresh => fresh(port)?,
        Job::Backlog => return backlog(port, now),
    }
    wire.ask("", "PUT", "/metrics/job/floor", "").map(drop)
}

/// Makes all requests of a quiet run for one region concurrently. Returns the listed findings.
fn quiet(port: u16) -> io::Result<Vec<u8>> {
    let path = |rest: &str| format!("/detector/{DETECTOR}{rest}");
    let others = [
        ("GET", "/detector".to_owned()),
        ("GET", path("")),
        ("GET", path("/filter")),
        ("GET", path("/ipset")),
        ("POST", path("/findings/statistics")),
    ];
    thread::scope(|scope| {
        let ask = |(method, path): (&'static str, String)| {
            scope.spawn(move || Wire::open(port)?.ask(REGIONS[0], method, &path, "{}"))
        };
        let asked = others.map(ask);
        let listed = Wire::open(port)?.ask(REGIONS[0], "POST", &path("/findings"), "{}")?;
        asked.into_iter().try_for_each(|thread| joined(thread.join()).map(drop))?;
        Ok(listed)
    })
}

fn fresh(port: u16) -> io::Result<()> {
    let listed: Value = serde_json::from_slice(&quiet(port)?)?;
    let mut wire = Wire::open(port)?;
    let path = format!("/detector/{DETECTOR}/findings/get");
    wire.ask(REGIONS[0], "POST", &path, &json!({ "findingIds": listed["findingIds"] }).to_string())?;
    wire.ask("", "GET", "/api/auth.test", "")?;
    let began = Instant::now();
    thread::scope(|scope| {
        let post = |n: usize| {
            scope.spawn(move || {
                thread::sleep((MESSAGE_INTERVAL * n as u32).saturating_sub(began.elapsed()));
                Wire::open(port)?.ask("", "POST", "/api/chat.postMessage", "{}")
            })
        };
        let posts: Vec<_> = (0..ACCOUNTS).map(post).collect();
        posts.into_iter().try_for_each(|thread| joined(thread.join()).map(drop))
    })
}

fn joined<T>(result: thread::Result<io::Result<T>>) -> io::Result<T> {
    result.unwrap_or_else(|_| Err(io::Error::other("panicked")))
}

/// One request of a backlog.
enum Task {
    List { region: &'static str, from: i64, to: i64, token: Option<String> },
    Get { region: &'static str, ids: Value },
}

/// The remaining requests, and the number of requests in flight.
#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    under_way: usize,
}

#[derive(Default)]
struct Work {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Work {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request. `None` after all responses.
    fn next(&self) -> Option<Task> {
        let mut queue = self.queue();
        loop {
            if let Some(task) = queue.tasks.pop_front() {
                queue.under_way += 1;
                return Some(task);
            }
            if queue.under_way == 0 {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Records a response. The next page of a list is requested before details, because it is on the longest chain.
    fn done(&self, next_page: Option<Task>, details: Option<Task>) {
        let mut queue = self.queue();
        queue.under_way -= 1;
        if let Some(task) = next_page {
            queue.tasks.push_front(task);
        }
        queue.tasks.extend(details);
        self.changed.notify_all();
    }
}

/// Lists each region in four time ranges and fetches every finding once, with 24 concurrent requests.
fn backlog(port: u16, now: i64) -> io::Result<()> {
    let work = Work::default();
    let (first, last) = (now - BACKLOG_SPAN.0, now - BACKLOG_SPAN.1);
    let length = (last - first) / RANGES;
    for range in 0..RANGES {
        let from = first + range * length;
        let to = if range + 1 == RANGES { now } else { from + length - 1 };
        let lists = REGIONS[..BACKLOG_REGIONS].iter().map(|region| Task::List { region, from, to, token: None });
        work.queue().tasks.extend(lists);
    }
    thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| ask_on(port, &work))).collect();
        threads.into_iter().try_for_each(|thread| joined(thread.join()))
    })
}

fn ask_on(port: u16, work: &Work) -> io::Result<()> {
    let mut wire = Wire::open(port)?;
    while let Some(task) = work.next() {
        match task {
            Task::List { region, from, to, token } => {
                let updated = json!({ "greaterThanOrEqual": from, "lessThanOrEqual": to });
                let criteria = json!({ "criterion": { "updatedAt": updated } });
                let body = json!({ "findingCriteria": criteria, "nextToken": token }).to_string();
                let answer = wire.ask(region, "POST", &format!("/detector/{DETECTOR}/findings"), &body)?;
                let page: Value = serde_json::from_slice(&answer)?;
                let token = page["nextToken"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
                let ids = page["findingIds"].clone();
                let details = ids.as_array().is_some_and(|ids| !ids.is_empty()).then_some(Task::Get { region, ids });
                let next_page = token.map(|token| Task::List { region, from, to, token: Some(token) });
                work.done(next_page, details);
            }
            Task::Get { region, ids } => {
                let body = json!({ "findingIds": ids }).to_string();
                wire.ask(region, "POST", &format!("/detector/{DETECTOR}/findings/get"), &body)?;
                work.done(None, None);
            }
        }
    }
    Ok(())
}
