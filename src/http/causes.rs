//! What is shown of the error of a request: its causes, the host, and no URL.

use super::network_settings;

/// Returns true if the request was not sent, because no connection was made (name, TCP, proxy, TLS). The outcome of every
/// other failure (timeout, reset, truncated body) is unknown.
pub(crate) fn was_not_sent(error: &reqwest::Error) -> bool {
    error.is_builder() || error.is_connect()
}

/// The error on one line, with the host that was called, and without the URL, which may be a secret.
pub(crate) fn error_chain(error: reqwest::Error) -> String {
    let peer = error.url().and_then(peer_of);
    at_peer(peer.as_deref(), &error.without_url())
}

/// The error and the host where it occurred.
pub(super) fn at_peer(peer: Option<&str>, error: &(dyn std::error::Error + 'static)) -> String {
    match peer {
        Some(peer) if links(error).any(|e| e.to_string() == CONNECT) => {
            format!("cannot connect to {peer}: {}", causes(error))
        }
        Some(peer) => format!("{peer}: {}", causes(error)),
        None => causes(error),
    }
}

fn peer_of(url: &reqwest::Url) -> Option<String> {
    let proxies = &network_settings().ok()?.proxies;
    Some(proxies.peer(&url.as_str().parse().ok()?))
}

/// The message of hyper for a failed connection.
const CONNECT: &str = "client error (Connect)";

/// Messages that libraries add to a cause, and that contain no information.
const WRAPPERS: [&str; 8] = [
    "builder error",
    CONNECT,
    "client error (SendRequest)",
    "dispatch failure",
    "dns error",
    "error sending request",
    "failed to perform DNS lookup",
    "tcp connect error",
];

/// The error and its sources.
pub(crate) fn links<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |e| (*e).source())
}

/// The chain of causes in one text. A text that only repeats the previous one is omitted.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in links(error).map(ToString::to_string) {
        let is_wrapper = WRAPPERS.contains(&text.as_str());
        if !is_wrapper && !texts.iter().any(|before| before.contains(&text)) {
            texts.push(text);
        }
    }
    if texts.is_empty() { error.to_string() } else { texts.join(": ") }
}
