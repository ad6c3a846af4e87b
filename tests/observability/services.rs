//! A Pushgateway and a Prometheus on loopback, and a client for them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A process that ends with the test.
pub(crate) struct Service {
    child: Child,
    pub port: u16,
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill()); // the process may have exited
        drop(self.child.wait());
    }
}

impl Service {
    fn start(program: &str, arguments: &[String], port: u16) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let service = Self { child: child.unwrap_or_else(|e| panic!("{program} does not start: {e}")), port };
        eventually(program, || service.get("/-/ready").filter(|(status, _)| *status == 200));
        service
    }

    /// Status and body of a response; none while the service does not accept connections.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        self.request("GET", path)
    }

    /// The same for another method.
    pub(crate) fn request(&self, method: &str, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        // HTTP/1.0: the body ends with the connection
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// The data that the API of Prometheus returns.
    ///
    /// # Panics
    /// If Prometheus rejects the query.
    pub(crate) fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let encoded: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
        let path = format!("/api/v1/{path}?{}", encoded.join("&"));
        let (status, body) = self.get(&path).expect("a running Prometheus answers");
        assert_eq!(status, 200, "{parameters:?}: {body}");
        serde_json::from_str::<Value>(&body).expect("the response is JSON")["data"].clone()
    }

    fn results(&self, path: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
        self.api(path, parameters)["result"].as_array().cloned().unwrap_or_default()
    }

    /// Series of an instant query at a time.
    pub(crate) fn query_at(&self, query: &str, time: i64) -> Vec<Value> {
        self.results("query", &[("query", query), ("time", &time.to_string())])
    }

    /// Series of a range query.
    pub(crate) fn query_range(&self, query: &str, start: i64, end: i64, step: i64) -> Vec<Value> {
        let [start, end, step] = [start, end, step].map(|number| number.to_string());
        self.results("query_range", &[("query", query), ("start", &start), ("end", &end), ("step", &step)])
    }

    /// The numbers that a query returns now.
    pub(crate) fn values(&self, query: &str) -> Vec<f64> {
        let results = self.results("query", &[("query", query)]);
        let values = results.iter().filter_map(|sample| sample["value"][1].as_str()?.parse::<f64>().ok());
        values.filter(|value| !value.is_nan()).collect()
    }
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

pub(crate) fn pushgateway() -> Service {
    // Debian's default is a file, which would return the metrics of an earlier test
    Service::start("prometheus-pushgateway", &["--log.level=error".into(), "--persistence.file=".into()], free_port())
}

/// A Prometheus that scrapes the Pushgateway every second with `honor_labels`, as documented.
pub(crate) fn prometheus(folder: &Path, pushgateway: &Service, rules: &Path) -> Service {
    let config = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
         rule_files: [{}]\n\
         scrape_configs:\n  \
           - {{ job_name: pushgateway, honor_labels: true, static_configs: [{{ targets: ['127.0.0.1:{}'] }}] }}\n",
        rules.display(),
        pushgateway.port,
    );
    start_prometheus(folder, &config)
}

/// A Prometheus that scrapes nothing and has the blocks in the folder `data`.
pub(crate) fn prometheus_with_blocks(folder: &Path) -> Service {
    start_prometheus(folder, "global: {}\n")
}

fn start_prometheus(folder: &Path, config: &str) -> Service {
    let file = folder.join("prometheus.yaml");
    std::fs::write(&file, config).expect("the temporary folder can be written to");
    let arguments = [
        format!("--config.file={}", file.display()),
        format!("--storage.tsdb.path={}", folder.join("data").display()),
        "--storage.tsdb.retention.time=100y".into(),
        "--log.level=error".into(),
    ];
    Service::start("prometheus", &arguments, free_port())
}

/// Waits until `find` returns a value. The limit only ends a test that hangs.
#[track_caller]
pub(crate) fn eventually<T>(subject: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_mins(10);
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < end, "timeout: {subject}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
