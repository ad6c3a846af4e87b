//! Resolves names to addresses for every client. Otherwise, the static binary would use the resolver of musl. It fails in
//! cases in which other resolvers succeed: if a search domain returns SERVFAIL, REFUSED or nothing, or if the query for
//! IPv6 addresses fails.
//!
//! A library for this was measured (hickory-resolver 0.26): 0.7 MB of binary and as much memory, for two record types.
//! Responses are cached for the run, which makes about 15 calls to the same few names.

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

/// Timeout for one search domain, after which the next one is tried.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for which the addresses of one family wait for those of the other. See RFC 8305, section 3.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// Minimum time for which addresses are cached, even if they are valid for a shorter time. Connections last longer, too.
const SHORTEST_KEPT: Duration = Duration::from_secs(30);

/// The reason why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResolveError {
    /// According to every name server, the name does not exist. A retry does not help.
    #[error("the name {0} does not exist in DNS")]
    NoSuchName(String),
    #[error("the name {name} cannot be resolved: {why}")]
    Failed { name: String, why: String },
}

/// Cheap to clone. All clones share the cache.
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
    pub(super) fn of_system() -> Self {
        Self::new(Settings::of_system(), SEARCH_TIMEOUT)
    }

    fn new(settings: Settings, search_timeout: Duration) -> Self {
        Self(Arc::new(Inner { settings, search_timeout, known: Mutex::default() }))
    }

    /// Returns the addresses of a name, reachable ones first.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
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

    /// Names are only added, so the data are valid even if a thread panicked.
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<tokio::sync::Mutex<Option<Kept>>>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries all candidates. If one fails, the name may still be another one.
    async fn look_up(&self, name: &str) -> Result<(Vec<IpAddr>, Duration), ResolveError> {
        let settings = &self.0.settings;
        let candidates = settings.candidates(name);
        let mut failure = None;
        for (n, candidate) in candidates.iter().enumerate() {
            let is_last = n + 1 == candidates.len();
            let timeout = if is_last { settings.timeout * settings.attempts } else { self.0.search_timeout };
            match look_up_both(settings, candidate, timeout).await {
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

/// Returns the addresses of both families, or `None` if the name has none. Fails only if both queries fail.
async fn look_up_both(
    settings: &Settings,
    name: &str,
    timeout: Duration,
) -> Result<Option<(Vec<IpAddr>, Duration)>, String> {
    let families = Families::of_system();
    let v4 = async {
        if families.v4 { exchange::ask(settings, name, Kind::A, timeout).await } else { Ok(Answer::NoAddress) }
    };
    let v6 = async {
        if families.v6 { exchange::ask(settings, name, Kind::Aaaa, timeout).await } else { Ok(Answer::NoAddress) }
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
            // In Pods without IPv6, the other order would cost a failed attempt per connection.
            addresses.sort_by_key(|address| !has_route_to(*address));
            Ok(Some((addresses, lasts)))
        }
        (None, Some(why)) => Err(why),
        (None, None) => Ok(None),
    }
}

/// Returns both responses. After one with addresses, it waits only a short time for the other.
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

/// The address families to query: those for which the machine has a route, as with `AI_ADDRCONFIG`, or both if it has no
/// route.
#[derive(Clone, Copy, Debug)]
struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    fn of_system() -> Self {
        // Addresses for documentation. Only the route to the internet is looked up.
        let v4 = has_route_to(IpAddr::from([192, 0, 2, 1]));
        let v6 = has_route_to(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]));
        if v4 || v6 { Self { v4, v6 } } else { Self { v4: true, v6: true } }
    }
}

/// Connecting a datagram socket sends nothing. It fails if there is no route.
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
