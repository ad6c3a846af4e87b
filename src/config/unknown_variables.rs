//! Detects unknown variables with the prefixes of the program: a misspelled name would otherwise be ignored silently.

/// Prefixes of the variables of the program.
const PREFIXES: [&str; 3] = ["GUARDDUTY_", "SLACK_", "PUSHGATEWAY_"];

/// Returns true if a variable must be known.
pub(super) fn has_known_prefix(name: &str, value: &str) -> bool {
    PREFIXES.iter().any(|p| name.starts_with(p)) && !is_kubernetes_service_variable(name, value)
}

/// Returns true if Kubernetes sets this variable for a Service.
/// See Kubernetes documentation, “Service: environment variables”, and `pkg/kubelet/envvars/envvars.go`.
fn is_kubernetes_service_variable(name: &str, value: &str) -> bool {
    let service_port = |(service, _): (&str, &str)| !service.is_empty();
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.split_once("_SERVICE_PORT_").is_some_and(service_port)
        || name.ends_with("_PORT") && ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme))
        || name.rsplit_once("_PORT_").is_some_and(|(service, port)| !service.is_empty() && is_service_link(port))
}

/// `9091_TCP`, `9091_TCP_PROTO`, `9091_TCP_PORT`, `9091_TCP_ADDR`.
fn is_service_link(port: &str) -> bool {
    let mut parts = port.split('_');
    let number = parts.next().is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let protocol = matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"));
    number && protocol && matches!((parts.next(), parts.next()), (None | Some("PROTO" | "PORT" | "ADDR"), None))
}

/// Maximum distance to a known name at which a name is probably a misspelling.
const NEAR: usize = 2;

/// Returns the known name for which an unknown variable is probably a misspelling.
pub(super) fn near_miss<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if PREFIXES.iter().any(|p| name.starts_with(p)) || known.clone().any(|k| k == name) {
        return None;
    }
    let name = name.to_ascii_uppercase();
    // If the lengths differ by more, the distance is greater.
    let similar = known.filter(|k| k.len().abs_diff(name.len()) <= NEAR);
    similar
        .map(|k| (edit_distance(&name, k), k))
        .filter(|(edits, _)| *edits <= NEAR)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, k)| k)
}

/// Returns the known name with the smallest distance; the first one of several.
pub(super) fn closest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> &'a str {
    known.into_iter().min_by_key(|k| edit_distance(name, k)).unwrap_or_default()
}

/// Computes the Levenshtein distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_injected_by_kubernetes_are_ignored() {
        for service in ["PUSHGATEWAY", "GUARDDUTY_SLACK", "SLACK_PROXY"] {
            for (end, value) in [
                ("SERVICE_HOST", "10.0.0.7"),
                ("SERVICE_PORT", "9091"),
                ("SERVICE_PORT_HTTP", "9091"),
                ("PORT", "tcp://10.0.0.7:9091"),
                ("PORT_9091_TCP", "tcp://10.0.0.7:9091"),
                ("PORT_9091_TCP_PROTO", "tcp"),
                ("PORT_9091_TCP_PORT", "9091"),
                ("PORT_9091_TCP_ADDR", "10.0.0.7"),
                ("PORT_53_UDP_ADDR", "10.0.0.7"),
            ] {
                assert!(!has_known_prefix(&format!("{service}_{end}"), value), "{service}_{end}");
            }
        }
    }

    #[test]
    fn similar_variable_names_are_reported() {
        for (name, value) in
            [("PUSHGATEWAY_PORT", "9091"), ("SLACK_PORT_X", "1"), ("SLACK_CHANEL", "x"), ("SLACK_PORT_9_TCP_X", "")]
        {
            assert!(has_known_prefix(name, value), "{name}");
        }
        assert!(!has_known_prefix("PATH", "/bin"));
    }

    #[test]
    fn a_near_miss_is_within_two_edits_and_without_our_prefix() {
        let near = |name| near_miss(name, ["DRY_RUN", "RUN_TIMEOUT", "STATE_FILE", "GUARDDUTY_REGIONS"].into_iter());
        for (wrong, known) in [
            ("DRYRUN", "DRY_RUN"),
            ("RUN_TIMEUOT", "RUN_TIMEOUT"),
            ("dry_run", "DRY_RUN"),
            ("GUARDUTY_REGIONS", "GUARDDUTY_REGIONS"),
        ] {
            assert_eq!(near(wrong), Some(known), "{wrong}");
        }
        for other in ["DRY_RUN", "GUARDDUTY_REGION", "HOSTNAME", "SHLVL", "PWD", "TERM", "_", "KUBERNETES_PORT", "HOME"]
        {
            assert_eq!(near(other), None, "{other}");
        }
    }

    #[test]
    fn the_nearest_name_is_the_one_with_the_fewest_edits() {
        let known = ["GUARDDUTY_REGIONS", "SLACK_CHANNEL", "PUSHGATEWAY_USERNAME", "PUSHGATEWAY_PASSWORD"];
        assert_eq!(closest_name("GUARDDUTY_REGION", known), "GUARDDUTY_REGIONS");
        assert_eq!(closest_name("SLACK_CHANEL", known), "SLACK_CHANNEL");
        assert_eq!(closest_name("PUSHGATEWAY_USER_NAME", known), "PUSHGATEWAY_USERNAME");
        assert_eq!(
            (edit_distance("kitten", "sitting"), edit_distance("", "abc"), edit_distance("abc", "abc")),
            (3, 3, 0)
        );
    }
}
