//! A server on loopback: HTTP/1.1, a thread per connection, responses from memory, each delayed by the latency of the world.
//! It keeps a journal of the requests with their times.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use guardduty_slack_support::tls::Authority;

use crate::world::World;

/// A received request.
pub struct Request {
    pub method: String,
    pub path: String,
    pub authorization: String,
    pub body: Vec<u8>,
}

/// An answered request. Times are relative to the start of the server.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// `ListFindings`, `chat.postMessage`, …
    pub what: &'static str,
    pub connection: usize,
    pub from: Duration,
    pub to: Duration,
}

pub(crate) struct Server {
    pub port: u16,
    /// Port of the server over TLS, with a certificate of [`Authority::shared`].
    pub tls_port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<Arc<World>>,
    journal: Mutex<Vec<Call>>,
    connections: AtomicUsize,
    begun: Instant,
}

impl Server {
    pub(crate) fn start() -> io::Result<Self> {
        let (plain, tls) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let (port, tls_port) = (plain.local_addr()?.port(), tls.local_addr()?.port());
        let shared = Arc::new(Shared {
            world: Mutex::new(Arc::new(World::empty())),
            journal: Mutex::default(),
            connections: AtomicUsize::new(0),
            begun: Instant::now(),
        });
        Self::listen(plain, shared.clone(), |stream| stream);
        Self::listen(tls, shared.clone(), |stream| Authority::shared().accept(stream));
        Ok(Self { port, tls_port, shared })
    }

    fn listen<C: Read + Write + 'static>(listener: TcpListener, shared: Arc<Shared>, accept: fn(TcpStream) -> C) {
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                let connection = shared.connections.fetch_add(1, Ordering::Relaxed);
                // The thread ends if the client closes the connection.
                std::thread::spawn(move || {
                    stream.set_nodelay(true)?;
                    shared.serve(connection, accept(stream))
                });
            }
        });
    }

    /// Serves another world, and starts a new journal.
    pub(crate) fn play(&self, world: World) {
        *lock(&self.shared.world) = Arc::new(world);
        lock(&self.shared.journal).clear();
    }

    /// Converts a time to the clock of the journal.
    pub(crate) fn since(&self, time: Instant) -> Duration {
        time.saturating_duration_since(self.shared.begun)
    }

    /// The requests to the current world, in the order of arrival.
    pub(crate) fn journal(&self) -> Vec<Call> {
        let mut calls = lock(&self.shared.journal).clone();
        calls.sort_by_key(|c| c.from);
        calls
    }
}

impl Shared {
    fn serve(&self, connection: usize, stream: impl Read + Write) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(64 * 1024, stream);
        while let Some(request) = read(&mut reader)? {
            let arrived = Instant::now();
            let world = lock(&self.world).clone();
            let answer = world.answer(&request);
            let mut bytes = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
                answer.content_type,
                answer.body.len()
            )
            .into_bytes();
            bytes.extend_from_slice(&answer.body);
            std::thread::sleep(world.latency.saturating_sub(arrived.elapsed()));
            let call = Call { what: answer.what, connection, from: arrived - self.begun, to: self.begun.elapsed() };
            // Recorded before the response, so that a client with the response finds the call in the journal.
            lock(&self.journal).push(call);
            let writer = reader.get_mut();
            writer.write_all(&bytes)?;
            writer.flush()?;
        }
        Ok(())
    }
}

/// The next request. `None` after the client has closed the connection.
fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut authorization, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        } else if name.eq_ignore_ascii_case("authorization") {
            authorization = value.trim().to_owned();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { method, path, authorization, body }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
