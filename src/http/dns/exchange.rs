//! One question to the name servers, over UDP and, where the answer does not fit, over TCP.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::message::{Answer, Kind, decode, encode};
use super::settings::Settings;

/// A question is sent again so soon to the next server: a datagram can be lost.
const RESEND: Duration = Duration::from_secs(1);
/// Without the extensions of RFC 6891 an answer over UDP is not longer.
const LONGEST_DATAGRAM: usize = 512;

/// Asks the servers in turn until one gives an answer that counts, or `patience` is over. An error says what the last
/// of them did.
pub(super) async fn ask(settings: &Settings, name: &str, kind: Kind, patience: Duration) -> Result<Answer, String> {
    let id = RandomState::new().hash_one(name) as u16;
    let Some(question) = encode(id, name, kind) else { return Ok(Answer::NoSuchName) };
    let deadline = Instant::now() + patience;
    let mut failure = "no name server answered".to_owned();
    for _ in 0..settings.attempts {
        for server in &settings.servers {
            let until = deadline.min(Instant::now() + resend_after(settings));
            match timeout_at(until, ask_server(*server, &question, kind)).await {
                Ok(Ok(Answer::Failed(code))) => {
                    failure = format!("the name server {server} answered {}", code_name(code))
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

/// A single server is given the whole timeout; the question is repeated meanwhile.
fn resend_after(settings: &Settings) -> Duration {
    if settings.servers.len() > 1 { RESEND.min(settings.timeout) } else { settings.timeout }
}

async fn ask_server(server: SocketAddr, question: &[u8], kind: Kind) -> io::Result<Answer> {
    match over_udp(server, question, kind).await? {
        Answer::Truncated => over_tcp(server, question, kind).await,
        answer => Ok(answer),
    }
}

/// A socket of its own for each question: its port is as hard to guess as the number of the question.
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

/// Source: RFC 1035, section 4.1.1.
fn code_name(code: u8) -> String {
    match code {
        1 => "FORMERR".into(),
        2 => "SERVFAIL".into(),
        4 => "NOTIMP".into(),
        5 => "REFUSED".into(),
        other => format!("code {other}"),
    }
}
