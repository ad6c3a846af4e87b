//! Defangs addresses, so that no client turns them into links and nobody opens them by mistake.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `evil[.]example`. Text that is defanged already does not change.
pub fn defang_domain(domain: &str) -> String {
    break_dots(domain)
}

/// `hxxps://evil[.]example/path.html`: the scheme and the host; path and query stay readable.
pub fn defang_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return defang_text(url) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    format!("{}{}{}", defang_scheme(scheme), break_dots(&rest[..end]), &rest[end..])
}

/// `198[.]51[.]100[.]7`, `2001[:]db8::7`. Addresses that are not reachable from the internet (private, loopback,
/// link-local, shared) and texts that are not addresses do not change.
pub fn defang_ip(ip: &str) -> String {
    match ip.trim().parse() {
        Ok(IpAddr::V4(v4)) if is_public_v4(v4) => break_dots(ip),
        Ok(IpAddr::V6(v6)) if is_public_v6(v6) => {
            let ip = if ip.contains("[:]") { ip.to_owned() } else { ip.replacen(':', "[:]", 1) };
            break_dots(&ip)
        }
        _ => ip.to_owned(),
    }
}

/// Defangs everything in free text that a chat client could turn into a link (`scheme://…`, `mailto:`, a domain, a mail
/// address), and public addresses. A file name may be defanged, too: no domain may pass.
pub fn defang_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end_matches(char::is_whitespace);
        out.push_str(&defang_word(word));
        out.push_str(&piece[word.len()..]);
    }
    out
}

/// Like [`defang_text`], except for these names, which are known not to be links: `john.doe`, `Linux.Mirai`.
pub fn defang_text_except(text: &str, names: &[&str]) -> String {
    let known = |word: &str| names.contains(&word.trim_matches(|c: char| !c.is_alphanumeric()));
    let mut out = String::with_capacity(text.len() + 16);
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        // `IAMUser/john.doe` contains a name, too.
        let name = word.rsplit_once('/').map_or(word, |(_, last)| last);
        let is_name = !word.contains(':') && (known(word) || known(name));
        out.push_str(&if is_name { word.to_owned() } else { defang_word(word) });
        out.push_str(&piece[word.len()..]);
    }
    out
}

fn defang_word(word: &str) -> String {
    let mut out = word.to_owned();
    if word.contains("://") {
        out = break_schemes(&out);
    }
    out = break_mailto(&out);
    if out.contains('.') {
        out = break_domains(&out);
    }
    // The result is idempotent only in this order. The dots come first, because a bracketed dot ends a possible address,
    // and the text after a bracketed colon could be an address.
    if out.matches(':').count() > 1 && !word.contains("[:]") {
        out = map_runs(
            &out,
            |c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'),
            |run| {
                let address = run.trim_end_matches('.');
                defang_ip(address) + &run[address.len()..]
            },
        );
    }
    out
}

/// `mailto:` in any case.
fn break_mailto(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 2);
    let mut from = 0;
    for (at, scheme) in word.to_ascii_lowercase().match_indices("mailto:") {
        let colon = at + scheme.len() - 1;
        out.push_str(&word[from..colon]);
        out.push_str("[:]");
        from = colon + 1;
    }
    out + &word[from..]
}

/// Replaces every `http://` of a word by `hxxp://`, and every other `scheme://` by `scheme[:]//`.
fn break_schemes(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 8);
    let mut rest = word;
    while let Some((before, after)) = rest.split_once("://") {
        let scheme = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or(before);
        out.push_str(&before[..before.len() - scheme.len()]);
        out.push_str(&defang_scheme(scheme));
        rest = after;
    }
    out + rest
}

/// A scheme with the characters between it and the host.
fn defang_scheme(scheme: &str) -> String {
    match scheme.to_ascii_lowercase().as_str() {
        "" => "://".into(),
        "http" | "hxxp" => "hxxp://".into(),
        "https" | "hxxps" => "hxxps://".into(),
        _ => format!("{scheme}[:]//"),
    }
}

/// Puts brackets around the dots between two labels in every run of host characters that is a public address, or whose
/// last label could be a top-level domain.
fn break_domains(word: &str) -> String {
    map_runs(
        word,
        |c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'),
        |run| {
            let address = run.trim_end_matches('.');
            if looks_like_domain(run) { break_dots(run) } else { defang_ip(address) + &run[address.len()..] }
        },
    )
}

/// Returns the word with every run of such characters replaced.
fn map_runs(word: &str, such: impl Fn(char) -> bool, replaced: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(word.len() + 8);
    let mut rest = word;
    while !rest.is_empty() {
        let (run, after) = rest.split_at(rest.find(|c| !such(c)).unwrap_or(rest.len()));
        out.push_str(&replaced(run));
        let odd = after.find(&such).unwrap_or(after.len());
        out.push_str(&after[..odd]);
        rest = &after[odd..];
    }
    out
}

fn looks_like_domain(run: &str) -> bool {
    let run = run.trim_matches('.');
    match run.rsplit_once('.') {
        Some((_, last)) => {
            run.starts_with("www.") || last.chars().count() >= 2 && last.chars().any(char::is_alphabetic)
        }
        None => false,
    }
}

/// Puts every dot between two other characters into brackets.
fn break_dots(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    let mut before = None;
    while let Some(c) = chars.next() {
        let between = before.is_some_and(|b| b != '[') && chars.peek().is_some_and(|n| *n != ']');
        out.push_str(if c == '.' && between { "[.]" } else { "" });
        if c != '.' || !between {
            out.push(c);
        }
        before = Some(c);
    }
    out
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xC0 == 64; // 100.64.0.0/10, RFC 6598
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || ip.is_multicast()
        || shared)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.to_ipv4_mapped() {
        Some(v4) => is_public_v4(v4),
        None => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn domains_and_urls_are_defanged() {
        assert_eq!(defang_domain("pool.evil.example"), "pool[.]evil[.]example");
        assert_eq!(defang_domain("pool[.]evil.example."), "pool[.]evil[.]example.");
        assert_eq!(defang_url("https://evil.example/a.html?q=1.2"), "hxxps://evil[.]example/a.html?q=1.2");
        assert_eq!(defang_url("HTTP://evil.example"), "hxxp://evil[.]example");
        assert_eq!(defang_url("evil.example/x"), "evil[.]example/x");
    }

    #[test]
    fn only_public_addresses_are_defanged() {
        assert_eq!(defang_ip("198.51.100.7"), "198[.]51[.]100[.]7");
        assert_eq!(defang_ip("2001:db8::7"), "2001[:]db8::7");
        assert_eq!(defang_ip("::ffff:198.51.100.7"), "[:]:ffff:198[.]51[.]100[.]7");
        for private in [
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "::1",
            "fe80::1",
            "fd00:ec2::23",
            "GeneratedFindingIp",
        ] {
            assert_eq!(defang_ip(private), private);
        }
    }

    #[test]
    fn links_in_free_text_are_defanged() {
        assert_eq!(
            defang_text("see (https://evil.example/x) or evil.example, now."),
            "see (hxxps://evil[.]example/x) or evil[.]example, now."
        );
        assert_eq!(defang_text("xhttp://a.bc javascript://x ftp://h"), "xhttp[:]//a[.]bc javascript[:]//x ftp[:]//h");
        assert_eq!(defang_text("mailto:me@evil.example"), "mailto[:]me@evil[.]example");
        assert_eq!(defang_text("MailTo:x MAILTO:MAILTO:y"), "MailTo[:]x MAILTO[:]MAILTO[:]y");
        assert_eq!(defang_text("severity 8.0 of 3.5.1, TLSv1.3"), "severity 8.0 of 3.5.1, TLSv1.3");
    }

    #[test]
    fn known_names_are_not_defanged() {
        let names = ["john.doe", "Linux.Mirai"];
        assert_eq!(
            defang_text_except("IAMUser/john.doe asked evil.example for Linux.Mirai.", &names),
            "IAMUser/john.doe asked evil[.]example for Linux.Mirai."
        );
        assert_eq!(
            defang_text_except("http://evil.example/john.doe", &names),
            defang_text("http://evil.example/john.doe")
        );
    }

    #[test]
    fn public_addresses_in_free_text_are_defanged() {
        for (text, safe) in [
            ("from 198.51.100.7, then", "from 198[.]51[.]100[.]7, then"),
            ("198.51.100.7:4444.", "198[.]51[.]100[.]7:4444."),
            ("(http://198.51.100.7/x)", "(hxxp://198[.]51[.]100[.]7/x)"),
            ("[2001:db8::7]:443", "[2001[:]db8::7]:443"),
            ("(2001:db8::7).", "(2001[:]db8::7)."),
            ("2001:db8:1:2:3:4:5:6", "2001[:]db8:1:2:3:4:5:6"),
            ("at ::ffff:198.51.100.7.", "at [:]:ffff:198[.]51[.]100[.]7."),
            ("::7.evil", "[:]:7[.]evil"),
            ("10.0.0.1, fe80::1 and at 12:34:56", "10.0.0.1, fe80::1 and at 12:34:56"),
        ] {
            assert_eq!(defang_text(text), safe);
        }
    }

    proptest! {
        #[test]
        fn no_web_link_survives_in_free_text(text in "[a-z./: ]{0,40}(https?://|www\\.)[a-z./:@-]{1,20}") {
            let safe = defang_text(&text);
            prop_assert!(!safe.contains("http://") && !safe.contains("https://"), "{}", safe);
        }

        #[test]
        fn to_defang_twice_is_to_defang_once(text in "([a-zü.:/\\[\\]@ -]|[a-f0-9:.]){0,40}") {
            let once = defang_text(&text);
            prop_assert_eq!(defang_text(&once), once);
        }
    }
}
