//! The resolver with a fake name server on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::message::tests::response;
use super::*;

const A: u16 = 1;
const AAAA: u16 = 28;
const SERVFAIL: u16 = 2;
const NXDOMAIN: u16 = 3;
const REFUSED: u16 = 5;
const TRUNCATED: u16 = 0x0200;

/// The response of the server to one query.
enum Says {
    Addresses(&'static [&'static str]),
    /// A response with these flags and without records.
    Flags(u16),
    /// A truncated response over UDP, and these addresses over TCP.
    Truncated(&'static [&'static str]),
    Nothing,
}

type Script = Arc<dyn Fn(&str, u16) -> Says + Send + Sync>;

struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `script`: the response by name and type.
    async fn answering(script: impl Fn(&str, u16) -> Says + Send + Sync + 'static) -> Self {
        let (script, asked): (Script, _) = (Arc::new(script), Arc::new(Mutex::new(Vec::new())));
        let (udp, tcp) = sockets().await;
        let address = udp.local_addr().unwrap();
        let (over_tcp, journal) = (script.clone(), asked.clone());
        tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, client)) = udp.recv_from(&mut question).await {
                let (name, kind) = read(&question[..length]);
                journal.lock().unwrap().push(format!("{name} {kind}"));
                if let Some(answer) = answer(&question[..length], script(&name, kind), false) {
                    udp.send_to(&answer, client).await.unwrap();
                }
            }
        });
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
                stream.read_exact(&mut question).await.unwrap();
                let (name, kind) = read(&question);
                let answer = answer(&question, over_tcp(&name, kind), true).unwrap();
                stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        Self { address, asked }
    }

    /// The settings of a Pod: `ndots:5` and a search domain. `hosts` is the content of `/etc/hosts`.
    fn resolver(&self, hosts: &str) -> Resolver {
        let text = "search svc.cluster.local corp.example\noptions ndots:5 attempts:1 timeout:30\n";
        let settings = Settings { servers: vec![self.address], ..Settings::parse(text, hosts) };
        Resolver::new(settings, Duration::from_millis(200))
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Binds one port for both protocols.
async fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

fn read(question: &[u8]) -> (String, u16) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while question[at] != 0 {
        let end = at + 1 + usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..end]).into_owned());
        at = end;
    }
    (labels.join("."), u16::from_be_bytes([question[at + 1], question[at + 2]]))
}

fn answer(question: &[u8], says: Says, is_tcp: bool) -> Option<Vec<u8>> {
    let addresses = |list: &[&str]| {
        let bytes = |address: &&str| match address.parse::<IpAddr>().unwrap() {
            IpAddr::V4(v4) => (A, v4.octets().to_vec()),
            IpAddr::V6(v6) => (AAAA, v6.octets().to_vec()),
        };
        response(question, 0, &list.iter().map(bytes).collect::<Vec<_>>())
    };
    match says {
        Says::Addresses(list) => Some(addresses(list)),
        Says::Truncated(list) if is_tcp => Some(addresses(list)),
        Says::Truncated(_) => Some(response(question, TRUNCATED, &[])),
        Says::Flags(flags) => Some(response(question, flags, &[])),
        Says::Nothing => None,
    }
}

fn shown(found: Result<Vec<IpAddr>, ResolveError>) -> String {
    match found {
        Ok(addresses) => addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    }
}

/// The name has an IPv4 address. Queries for IPv6 addresses get no response.
fn only(name: &'static str) -> impl Fn(&str, u16) -> Option<Says> {
    move |asked, kind| match kind {
        A if asked == name => Some(Says::Addresses(&["192.0.2.7"])),
        _ if asked == name => Some(Says::Flags(0)),
        _ => None,
    }
}

#[tokio::test]
async fn a_search_domain_that_fails_does_not_end_the_search() {
    let says: [fn() -> Says; 3] = [|| Says::Flags(SERVFAIL), || Says::Flags(REFUSED), || Says::Nothing];
    for failure in says {
        let whole = only("gateway.monitoring.example");
        let server = Server::answering(move |name, kind| whole(name, kind).unwrap_or_else(failure)).await;
        assert_eq!(shown(server.resolver("").addresses("gateway.monitoring.example").await), "192.0.2.7");
    }
}

#[tokio::test]
async fn a_question_for_version_6_that_fails_does_not_hide_version_4() {
    let says: [fn() -> Says; 4] =
        [|| Says::Flags(SERVFAIL), || Says::Flags(REFUSED), || Says::Flags(NXDOMAIN), || Says::Nothing];
    for failure in says {
        let server = Server::answering(move |_, kind| match kind {
            A => Says::Addresses(&["192.0.2.7"]),
            _ => failure(),
        })
        .await;
        let settings = server.resolver("").0.settings.clone();
        let v4 = exchange::ask(&settings, "slack.com", Kind::A, Duration::from_mins(1));
        let v6 = exchange::ask(&settings, "slack.com", Kind::Aaaa, Duration::from_mins(1));
        assert!(both(v4, v6).await.iter().any(|answer| matches!(answer, Ok(Answer::Addresses(..)))));
        assert_eq!(shown(server.resolver("").addresses("slack.com").await), "192.0.2.7");
    }
}

#[tokio::test]
async fn a_truncated_answer_is_requested_over_tcp() {
    let server = Server::answering(|_, kind| match kind {
        A => Says::Truncated(&["192.0.2.7", "192.0.2.8"]),
        _ => Says::Flags(0),
    })
    .await;
    assert_eq!(shown(server.resolver("").addresses("slack.com").await), "192.0.2.7 192.0.2.8");
}

#[tokio::test]
async fn a_name_of_the_cluster_is_found_in_its_search_domain() {
    let whole = only("pushgateway.monitoring.svc.cluster.local");
    let server = Server::answering(move |name, kind| whole(name, kind).unwrap_or(Says::Flags(NXDOMAIN))).await;
    assert_eq!(shown(server.resolver("").addresses("pushgateway.monitoring").await), "192.0.2.7");
}

#[tokio::test]
async fn a_name_is_looked_up_once_a_run_and_as_it_is() {
    let whole = only("slack.com");
    let server = Server::answering(move |name, kind| whole(name, kind).unwrap_or(Says::Flags(NXDOMAIN))).await;
    let resolver = server.resolver("");
    let found = futures_util::future::join_all((0..15).map(|_| resolver.addresses("slack.com"))).await;
    assert!(found.into_iter().all(|found| shown(found) == "192.0.2.7"));
    assert!(server.asked().len() <= 2, "{:?}", server.asked());
    assert!(server.asked().iter().all(|question| question.starts_with("slack.com ")));
}

#[tokio::test]
async fn the_hosts_file_and_localhost_come_before_any_server() {
    let server = Server::answering(|_, _| Says::Flags(SERVFAIL)).await;
    let resolver = server.resolver("10.0.0.7 slack.com\n");
    assert_eq!(shown(resolver.addresses("slack.com").await), "10.0.0.7");
    assert_eq!(shown(resolver.addresses("localhost").await), "127.0.0.1 ::1");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn missing_name_and_failing_server_are_distinguished() {
    let server = Server::answering(|name, _| Says::Flags(if name == "slack.com" { SERVFAIL } else { NXDOMAIN })).await;
    let resolver = server.resolver("");
    let absent = resolver.addresses("guardduty.xx-west-9.amazonaws.com").await.unwrap_err();
    assert_eq!(absent, ResolveError::NoSuchName("guardduty.xx-west-9.amazonaws.com".into()));
    let failed = resolver.addresses("slack.com").await.unwrap_err().to_string();
    let why = format!("the name slack.com cannot be resolved: the name server {} answered SERVFAIL", server.address);
    assert_eq!(failed, why);
}

#[tokio::test]
async fn the_next_server_is_asked_where_the_first_fails() {
    let failing = Server::answering(|_, _| Says::Flags(SERVFAIL)).await;
    let whole = only("slack.com");
    let working = Server::answering(move |name, kind| whole(name, kind).unwrap_or(Says::Nothing)).await;
    let servers = vec![failing.address, working.address];
    let resolver = Resolver::new(Settings { servers, ..Settings::parse("", "") }, Duration::from_millis(200));
    assert_eq!(shown(resolver.addresses("slack.com").await), "192.0.2.7");
}
