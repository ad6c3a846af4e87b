//! Reads the settings of the resolver: `/etc/resolv.conf` and `/etc/hosts`. See resolv.conf(5), hosts(5).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

const PORT: u16 = 53;
/// Maximum number of name servers, as in other resolvers.
const MOST_SERVERS: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Never empty.
    pub servers: Vec<SocketAddr>,
    pub search: Vec<String>,
    /// A name with fewer dots is looked up in the search domains first.
    pub ndots: usize,
    /// Time after which a query without a response is sent again.
    pub timeout: Duration,
    /// Number of attempts per server.
    pub attempts: u32,
    pub hosts: HashMap<String, Vec<IpAddr>>,
}

impl Settings {
    /// Reads the settings of this machine. A file that cannot be read counts as empty.
    pub(super) fn of_system() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self::parse(&text("/etc/resolv.conf"), &text("/etc/hosts"))
    }

    pub(super) fn parse(resolv_conf: &str, hosts: &str) -> Self {
        let mut settings = Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            hosts: parse_hosts(hosts),
        };
        for line in resolv_conf.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => settings.add_server(words.next()),
                Some("search" | "domain") => settings.search = words.filter_map(domain).collect(),
                Some("options") => words.for_each(|option| settings.set_option(option)),
                _ => {}
            }
        }
        if settings.servers.is_empty() {
            settings.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
        }
        settings
    }

    fn add_server(&mut self, address: Option<&str>) {
        let address = address.and_then(|address| address.parse::<IpAddr>().ok());
        if let Some(address) = address.filter(|_| self.servers.len() < MOST_SERVERS) {
            self.servers.push(SocketAddr::new(address, PORT));
        }
    }

    /// The limits are those of resolv.conf(5).
    fn set_option(&mut self, option: &str) {
        let Some((name, value)) = option.split_once(':') else { return };
        let Ok(value) = value.parse::<u32>() else { return };
        match name {
            "ndots" => self.ndots = value.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(value.clamp(1, 30).into()),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }

    /// Returns the addresses of `/etc/hosts`, and those of `localhost`, which is never queried (RFC 6761, section 6.3).
    pub(super) fn address_of(&self, name: &str) -> Option<Vec<IpAddr>> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let known = self.hosts.get(&name).cloned();
        let is_local = name == "localhost" || name.ends_with(".localhost");
        known.or_else(|| is_local.then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]))
    }

    /// The full names to look up for a name, in order.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') || is_public(name) {
            return vec![name.to_owned()];
        }
        let searched = self.search.iter().map(|domain| format!("{name}.{domain}"));
        let whole = [name.to_owned()];
        if name.matches('.').count() >= self.ndots {
            return whole.into_iter().chain(searched).collect();
        }
        searched.chain(whole).collect()
    }
}

/// Domains of AWS and Slack. With `ndots:5`, as in Kubernetes, their names would be looked up in every search domain first.
/// Instead, they are looked up only as they are, so that no search domain can replace them.
const PUBLIC: [&str; 7] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "slack.com",
    "slack-gov.com",
];

fn is_public(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PUBLIC.iter().any(|public| name.strip_suffix(public).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Returns true for a search domain. The root, which may be written as a dot, is not one.
fn domain(word: &str) -> Option<String> {
    let domain = word.trim_matches('.');
    (!domain.is_empty()).then(|| domain.to_owned())
}

fn parse_hosts(text: &str) -> HashMap<String, Vec<IpAddr>> {
    let mut hosts: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(address) = fields.next().and_then(|address| address.parse().ok()) else { continue };
        for name in fields {
            hosts.entry(name.to_ascii_lowercase()).or_default().push(address);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "search security.svc.cluster.local svc.cluster.local cluster.local ec2.internal\n\
        nameserver 10.100.0.10\noptions ndots:5\n";

    #[test]
    fn the_settings_of_a_pod_are_read() {
        let settings = Settings::parse(POD, "127.0.0.1 localhost # local\n10.0.0.7 gateway Gateway.Corp\n");
        assert_eq!(settings.servers, ["10.100.0.10:53".parse().unwrap()]);
        assert_eq!((settings.search.len(), settings.ndots, settings.attempts), (4, 5, 2));
        assert_eq!(settings.address_of("GATEWAY.corp."), Some(vec!["10.0.0.7".parse().unwrap()]));
        assert_eq!(settings.address_of("gateway.example"), None);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let odd = "nameserver fe80::1%eth0\nnameserver nonsense\noptions timeout:x ndots:99 attempts:0\nsearch .\n";
        let settings = Settings::parse(odd, "nonsense gateway\n");
        assert_eq!(settings.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!((settings.ndots, settings.attempts, settings.search.len(), settings.hosts.len()), (15, 1, 0, 0));
    }

    #[test]
    fn names_of_aws_and_slack_are_looked_up_once() {
        let settings = Settings::parse(POD, "");
        for public in ["slack.com", "hooks.slack.com", "guardduty.eu-west-1.amazonaws.com", "STS.amazonaws.com.cn"] {
            assert_eq!(settings.candidates(public), [public]);
        }
        assert_eq!(settings.candidates("notslack.com").len(), 5);
    }

    #[test]
    fn a_short_name_is_looked_for_in_the_search_domains_first() {
        let names = Settings::parse(POD, "").candidates("pushgateway.monitoring");
        assert_eq!(names[1], "pushgateway.monitoring.svc.cluster.local");
        assert_eq!(names[4], "pushgateway.monitoring");
        let names = Settings::parse("search corp.example\n", "").candidates("gateway.prod");
        assert_eq!(names, ["gateway.prod", "gateway.prod.corp.example"]);
        assert_eq!(Settings::parse(POD, "").candidates("gateway.example."), ["gateway.example."]);
    }

    #[test]
    fn localhost_is_never_asked_for() {
        let settings = Settings::parse(POD, "");
        assert_eq!(settings.address_of("localhost").map(|a| a.len()), Some(2));
        assert_eq!(settings.address_of("aws.localhost").map(|a| a.len()), Some(2));
    }
}
