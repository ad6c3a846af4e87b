//! Names to addresses, for every client. The static binary would else use musl's resolver, which gives up where others
//! go on: at a search domain that answers SERVFAIL, REFUSED or nothing, and where the question for IPv6 addresses fails.
//!
//! A library for this was measured (hickory-resolver 0.26): 0.7 MB of binary and as much memory, for two kinds of
//! records. What is asked was answered is kept for the run, which makes some 15 calls to the same few names.

mod exchange;
mod message;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::{Instant, timeout};

use message::{Answer, Kind};
use settings::Settings;

/// How long a search domain is waited for before the next is tried.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the addresses of one kind wait for those of the other. Source: RFC 8305, section 3.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// Addresses are kept at least so long, however short they are valid: a connection outlives them, too.
const SHORTEST_KEPT: Duration = Duration::from_secs(30);

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Every name server says so: asking again does not help.
    #[error("the name {0} does not exist in DNS")]
    NoSuchName(String),
    #[error("the name {name} cannot be resolved: {why}")]
    Failed { name: String, why: String },
}

/// Cheap to clone; all clones share what was answered.
#[derive(Clone, Debug)]
pub(super) struct Resolver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    search_timeout: Duration,
    /// Results by name. The first caller holds the lock of the entry, and the others wait for its result.
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Kept>>>>>,
}

#[derive(Clone, Debug)]
struct Kept {
    addresses: Vec<IpAddr>,
    until: Instant,
}

impl Resolver {
    pub fn of_system() -> Self {
        Self::new(Settings::of_system(), SEARCH_TIMEOUT)
    }

    fn new(settings: Settings, search_timeout: Duration) -> Self {
        Self(Arc::new(Inner { settings, search_timeout, known: Mutex::default() }))
    }

    /// The addresses of a name, those first that this machine can reach.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        if let Some(addresses) = self.0.settings.address_of(name) {
            return Ok(addresses);
        }
        let entry = self.known().entry(name.to_owned()).or_default().clone();
        let mut kept = entry.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.until > Instant::now()) {
            return Ok(kept.addresses.clone());
        }
        let (addresses, lasts) = self.look_up(name).await?;
        *kept = Some(Kept { addresses: addresses.clone(), until: Instant::now() + lasts.max(SHORTEST_KEPT) });
        Ok(addresses)
    }

    /// Names are only ever added, so what a panicking thread held is as good as any.
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<tokio::sync::Mutex<Option<Kept>>>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A failure of one candidate does not end the search: the name may be one of the others.
    async fn look_up(&self, name: &str) -> Result<(Vec<IpAddr>, Duration), ResolveError> {
        let settings = &self.0.settings;
        let candidates = settings.candidates(name);
        let mut failure = None;
        for (n, candidate) in candidates.iter().enumerate() {
            let is_last = n + 1 == candidates.len();
            let patience = if is_last { settings.timeout * settings.attempts } else { self.0.search_timeout };
            match look_up_both(settings, candidate, patience).await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(why) => failure = Some(why),
            }
        }
        Err(match failure {
            Some(why) => ResolveError::Failed { name: name.to_owned(), why },
            None => ResolveError::NoSuchName(name.to_owned()),
        })
    }
}

/// The addresses of both kinds; none where the name has none. An error only where neither kind was answered.
async fn look_up_both(
    settings: &Settings,
    name: &str,
    patience: Duration,
) -> Result<Option<(Vec<IpAddr>, Duration)>, String> {
    let families = Families::of_system();
    let v4 = async {
        if families.v4 { exchange::ask(settings, name, Kind::A, patience).await } else { Ok(Answer::NoAddress) }
    };
    let v6 = async {
        if families.v6 { exchange::ask(settings, name, Kind::Aaaa, patience).await } else { Ok(Answer::NoAddress) }
    };
    let answers = both(v4, v6).await;
    let mut found: Option<(Vec<IpAddr>, Duration)> = None;
    let mut failure = None;
    for answer in answers {
        match answer {
            Ok(Answer::Addresses(addresses, lasts)) => {
                let (all, shortest) = found.get_or_insert((Vec::new(), lasts));
                all.extend(addresses);
                *shortest = lasts.min(*shortest);
            }
            Ok(_) => {}
            Err(why) => failure = Some(why),
        }
    }
    match (found, failure) {
        (Some((mut addresses, lasts)), _) => {
            // In pods without IPv6 the other order would cost a failed attempt for each connection.
            addresses.sort_by_key(|address| !has_route_to(*address));
            Ok(Some((addresses, lasts)))
        }
        (None, Some(why)) => Err(why),
        (None, None) => Ok(None),
    }
}

/// Both answers; where one has addresses, only shortly after it.
async fn both(
    v4: impl Future<Output = Result<Answer, String>>,
    v6: impl Future<Output = Result<Answer, String>>,
) -> Vec<Result<Answer, String>> {
    use futures_util::future::{Either, select};
    let has_addresses = |answer: &Result<Answer, String>| matches!(answer, Ok(Answer::Addresses(..)));
    let (v4, v6) = (std::pin::pin!(v4), std::pin::pin!(v6));
    let (first, second) = match select(v4, v6).await {
        Either::Left((first, rest)) => (first, Either::Left(rest)),
        Either::Right((first, rest)) => (first, Either::Right(rest)),
    };
    let second = if has_addresses(&first) { timeout(RESOLUTION_DELAY, second).await.ok() } else { Some(second.await) };
    std::iter::once(first).chain(second).collect()
}

/// The kinds of addresses that are worth asking for: those that the machine has a route to, as `AI_ADDRCONFIG` has it;
/// both, where it has none.
#[derive(Clone, Copy, Debug)]
struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    fn of_system() -> Self {
        // Addresses for documentation: only the route to the internet is looked up.
        let v4 = has_route_to(IpAddr::from([192, 0, 2, 1]));
        let v6 = has_route_to(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]));
        if v4 || v6 { Self { v4, v6 } } else { Self { v4: true, v6: true } }
    }
}

/// Connecting a datagram socket sends nothing; it fails where there is no route.
fn has_route_to(address: IpAddr) -> bool {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(any).and_then(|socket| socket.connect((address, 9))).is_ok()
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move { self.addresses(name).await.map_err(ResolveDnsError::new) })
    }
}
