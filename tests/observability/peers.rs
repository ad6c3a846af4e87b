//! A Pushgateway and a Prometheus on loopback, and questions to them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A peer that ends with the test.
pub struct Peer {
    child: Child,
    pub port: u16,
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill()); // it may have ended by itself
        drop(self.child.wait());
    }
}

impl Peer {
    fn start(program: &str, arguments: &[String], port: u16) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let peer = Self { child: child.unwrap_or_else(|e| panic!("{program} does not start: {e}")), port };
        eventually(program, || peer.get("/-/ready").filter(|(status, _)| *status == 200));
        peer
    }

    /// Status and body of an answer; none when there is no answer yet.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        // HTTP/1.0: the body ends with the connection
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// What Prometheus' API answers.
    ///
    /// # Panics
    /// When it refuses: the query does not parse, or means nothing.
    pub fn api(&self, path: &str, query: &str) -> Value {
        let mut encoded = form_urlencoded(query);
        if !query.is_empty() {
            encoded.insert_str(0, "?query=");
        }
        let (status, body) = self.get(&format!("/api/v1/{path}{encoded}")).expect("a running Prometheus answers");
        assert_eq!(status, 200, "{query}: {body}");
        serde_json::from_str::<Value>(&body).expect("its answer is JSON")["data"].clone()
    }

    /// The values of an instant query that are numbers.
    pub fn values(&self, query: &str) -> Vec<f64> {
        let found = self.api("query", query)["result"].as_array().cloned().unwrap_or_default();
        let values = found.iter().filter_map(|sample| sample["value"][1].as_str()?.parse::<f64>().ok());
        values.filter(|value| !value.is_nan()).collect()
    }
}

fn form_urlencoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

pub fn pushgateway() -> Peer {
    Peer::start("prometheus-pushgateway", &["--log.level=error".into()], free_port())
}

/// A Prometheus that scrapes the Pushgateway every second, as a site should: with `honor_labels`.
pub fn prometheus(folder: &Path, pushgateway: &Peer, rules: &Path) -> Peer {
    let config = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
         rule_files: [{}]\n\
         scrape_configs:\n  \
           - {{ job_name: pushgateway, honor_labels: true, static_configs: [{{ targets: ['127.0.0.1:{}'] }}] }}\n",
        rules.display(),
        pushgateway.port,
    );
    let file = folder.join("prometheus.yaml");
    std::fs::write(&file, config).expect("a file in our own folder");
    let arguments = [
        format!("--config.file={}", file.display()),
        format!("--storage.tsdb.path={}", folder.join("data").display()),
        "--log.level=error".into(),
    ];
    Peer::start("prometheus", &arguments, free_port())
}

/// Waits until `look` finds something, half a minute at most.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: nothing comes");
        std::thread::sleep(Duration::from_millis(100));
    }
}
