//! A small HTTP/1.1 server on threads of its own, with the connection in its hands.
//!
//! Blocking on purpose: a fake must be able to reset a connection, cut a body in the middle or hang for ever, and it
//! must answer while the test's thread waits for the program under test.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::tls::Authority;

/// One request as it came; header names are in lower case.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Path and query, as they came.
    pub target: String,
    /// Percent-encoded, without the query.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, or the empty string.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// The body as a form: names and values decoded.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The body as JSON; null when there is none or it cannot be read.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".into(), kind.into())], body: body.into() }
    }

    pub fn json(status: u16, document: &serde_json::Value) -> Self {
        Self::text(status, "application/json", document.to_string())
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }
}

/// What becomes of a connection after one request.
pub enum Outcome {
    Reply(Reply),
    /// A TCP reset, without a byte.
    Reset,
    /// The whole length is announced, half of the body is sent.
    Cut(Reply),
    /// Bytes as they are, then the end of the connection.
    Bytes(Vec<u8>),
    /// Nothing comes until the server stops.
    Hang,
}

/// Set once, when a server goes away; wakes everything that hangs.
#[derive(Clone, Default)]
pub struct Closing(Arc<(Mutex<bool>, Condvar)>);

impl Closing {
    fn set(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Waits for the end, `limit` at most.
    pub fn wait(&self, limit: Duration) {
        let guard = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_timeout_while(guard, limit, |closed| !*closed));
    }
}

/// A listening server; dropping it closes its port and its connections.
pub struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    closing: Closing,
    open: Arc<Mutex<Vec<TcpStream>>>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1 and answers each request by `answer`, each connection on its own thread.
    ///
    /// # Panics
    /// When this machine has no loopback port to give.
    pub fn start(answer: impl Fn(Request, &Closing) -> Outcome + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), answer)
    }

    /// The same on one address of this machine.
    ///
    /// # Panics
    /// When the address cannot be bound.
    pub fn start_at(
        address: SocketAddr,
        answer: impl Fn(Request, &Closing) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(address, |stream| stream, answer)
    }

    /// The same over TLS, with a certificate of `authority`; port 0 stands for a free one.
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn start_tls(
        authority: &'static Authority,
        port: u16,
        answer: impl Fn(Request, &Closing) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        Self::start_tls_at(authority, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), answer)
    }

    /// The same over TLS on one address of this machine.
    ///
    /// # Panics
    /// As [`Server::start_at`].
    pub fn start_tls_at(
        authority: &'static Authority,
        address: SocketAddr,
        answer: impl Fn(Request, &Closing) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(address, |stream| authority.accept(stream), answer)
    }

    fn start_with<C: Connection>(
        address: SocketAddr,
        accept: impl Fn(TcpStream) -> C + Send + Sync + 'static,
        answer: impl Fn(Request, &Closing) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("an address of this machine");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut server = Self {
            address,
            stopped: Arc::default(),
            closing: Closing::default(),
            open: Arc::default(),
            accepting: None,
        };
        let (stopped, closing, open) = (server.stopped.clone(), server.closing.clone(), server.open.clone());
        let (accept, answer) = (Arc::new(accept), Arc::new(answer));
        server.accepting = Some(thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(twin) = stream.try_clone() {
                    open.lock().unwrap_or_else(PoisonError::into_inner).push(twin);
                }
                let (accept, answer) = (accept.clone(), answer.clone());
                let (closing, open) = (closing.clone(), open.clone());
                thread::spawn(move || {
                    let peer = stream.peer_addr().ok();
                    drop(serve(accept(stream), &*answer, &closing));
                    // The clone would keep the connection open: a cut or a reset would look like a hanging server.
                    open.lock().unwrap_or_else(PoisonError::into_inner).retain(|twin| twin.peer_addr().ok() != peer);
                });
            }
        }));
        server
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.closing.set();
        let wakes = TcpStream::connect(self.address).is_ok();
        if let Some(accepting) = self.accepting.take().filter(|_| wakes) {
            drop(accepting.join()); // then the address is free for the next server
        }
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            drop(stream.shutdown(std::net::Shutdown::Both));
        }
    }
}

/// One side of a connection, plain or over TLS.
trait Connection: Read + Write {
    fn socket(&self) -> &TcpStream;
}

impl Connection for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Connection for crate::tls::Stream {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

fn serve(
    mut stream: impl Connection,
    answer: &(impl Fn(Request, &Closing) -> Outcome + ?Sized),
    closing: &Closing,
) -> io::Result<()> {
    stream.socket().set_nodelay(true)?;
    let mut left = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut left)? {
        match answer(request, closing) {
            Outcome::Reply(reply) => write_reply(&mut stream, &reply, reply.body.len())?,
            Outcome::Cut(reply) => return write_reply(&mut stream, &reply, reply.body.len() / 2),
            Outcome::Bytes(bytes) => return write_bytes(&mut stream, &bytes),
            Outcome::Reset => return socket2::SockRef::from(stream.socket()).set_linger(Some(Duration::ZERO)),
            Outcome::Hang => {
                closing.wait(Duration::MAX);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The next request of a connection; none when the other side has closed it. `left` carries what was read beyond.
fn read_request(stream: &mut impl Connection, left: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let (mut request, head) = loop {
        if let Some(parsed) = parse_head(left)? {
            break parsed;
        }
        if !more(stream, left)? {
            return Ok(None);
        }
    };
    left.drain(..head);
    if request.header("expect").eq_ignore_ascii_case("100-continue") {
        write_bytes(stream, b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = if request.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        read_chunks(stream, left)?
    } else {
        let length = request.header("content-length").parse().unwrap_or(0);
        take(stream, left, length)?
    };
    Ok(Some(request))
}

fn parse_head(bytes: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let target = parsed.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: target.to_owned(),
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parsed.headers.iter().map(|h| (h.name.to_lowercase(), text(h.value))).collect(),
        body: Vec::new(),
    };
    Ok(Some((request, length)))
}

fn read_chunks(stream: &mut impl Connection, left: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(left) {
            Ok(httparse::Status::Complete((head, size))) => {
                left.drain(..head);
                let size = usize::try_from(size).map_err(io::Error::other)?;
                body.extend(take(stream, left, size)?);
                take(stream, left, 2)?; // the line end behind a chunk
                if size == 0 {
                    return Ok(body);
                }
            }
            Ok(httparse::Status::Partial) => {
                if !more(stream, left)? {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(_) => return Err(io::Error::other("a malformed chunk")),
        }
    }
}

fn take(stream: &mut impl Connection, left: &mut Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    while left.len() < length {
        if !more(stream, left)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(left.drain(..length).collect())
}

fn more(stream: &mut impl Connection, left: &mut Vec<u8>) -> io::Result<bool> {
    let mut buffer = [0; 16 * 1024];
    let read = stream.read(&mut buffer)?;
    left.extend_from_slice(&buffer[..read]);
    Ok(read > 0)
}

fn write_reply(stream: &mut impl Connection, reply: &Reply, send: usize) -> io::Result<()> {
    let mut out = format!("HTTP/1.1 {} Answer\r\ncontent-length: {}\r\n", reply.status, reply.body.len()).into_bytes();
    for (name, value) in &reply.headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&reply.body[..send]);
    write_bytes(stream, &out)
}

fn write_bytes(stream: &mut impl Connection, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}
