//! Sends one query to the name servers, over UDP and, if the response does not fit, over TCP.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::message::{Answer, Kind, decode, encode};
use super::settings::Settings;

/// Time after which a query is sent to the next server, because a datagram can be lost.
const RESEND: Duration = Duration::from_secs(1);
/// Maximum length of a response over UDP without the extensions of RFC 6891.
const LONGEST_DATAGRAM: usize = 512;

/// Queries the servers in turn until one returns a valid response, or the timeout passes. The error is that of the last
/// server.
pub(super) async fn ask(settings: &Settings, name: &str, kind: Kind, timeout: Duration) -> Result<Answer, String> {
    #[expect(clippy::cast_possible_truncation, reason = "16 random bits")]
    let id = RandomState::new().hash_one(name) as u16;
    let Some(question) = encode(id, name, kind) else { return Ok(Answer::NoSuchName) };
    let deadline = Instant::now() + timeout;
    let mut failure = "no name server answered".to_owned();
    for _ in 0..settings.attempts {
        for server in &settings.servers {
            let until = deadline.min(Instant::now() + resend_after(settings));
            match timeout_at(until, ask_server(*server, &question, kind)).await {
                Ok(Ok(Answer::Failed(code))) => {
                    failure = format!("the name server {server} answered {}", code_name(code));
                }
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => failure = format!("the name server {server} cannot be asked: {error}"),
                Err(_) => failure = format!("the name server {server} did not answer"),
            }
            if Instant::now() >= deadline {
                return Err(failure);
            }
        }
    }
    Err(failure)
}

/// Returns the time to wait for one server. A single server gets the whole timeout.
fn resend_after(settings: &Settings) -> Duration {
    if settings.servers.len() > 1 { RESEND.min(settings.timeout) } else { settings.timeout }
}

async fn ask_server(server: SocketAddr, question: &[u8], kind: Kind) -> io::Result<Answer> {
    match over_udp(server, question, kind).await? {
        Answer::Truncated => over_tcp(server, question, kind).await,
        answer => Ok(answer),
    }
}

/// Uses a separate socket for each query, so that its port is as hard to guess as the ID of the query.
async fn over_udp(server: SocketAddr, question: &[u8], kind: Kind) -> io::Result<Answer> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let mut answer = [0; LONGEST_DATAGRAM];
    let mut resend = tokio::time::interval(RESEND);
    loop {
        tokio::select! {
            _ = resend.tick() => {
                socket.send(question).await?;
            }
            length = socket.recv(&mut answer) => {
                if let Some(answer) = decode(answer.get(..length?).unwrap_or_default(), question, kind) {
                    return Ok(answer);
                }
            }
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &[u8], kind: Kind) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], question].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    match decode(&answer, question, kind) {
        Some(Answer::Truncated) | None => Err(io::Error::other("it answered with something else")),
        Some(answer) => Ok(answer),
    }
}

/// See RFC 1035, section 4.1.1.
fn code_name(code: u8) -> String {
    match code {
        1 => "FORMERR".into(),
        2 => "SERVFAIL".into(),
        4 => "NOTIMP".into(),
        5 => "REFUSED".into(),
        other => format!("code {other}"),
    }
}
