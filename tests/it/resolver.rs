//! Names, as a pod resolves them: five dots, and a search domain that does not work.

use std::ffi::OsString;
use std::net::Ipv4Addr;

use guardduty_slack_support::dns::{Says, serve};
use guardduty_slack_support::findings::high;
use guardduty_slack_support::world::{BINARY_VARIABLE, World};

/// Any address of loopback, with the one port that `/etc/resolv.conf` can mean.
const SERVER: &str = "127.53.0.1:53";
const REFUSED: u8 = 5;
const SERVFAIL: u8 = 2;

/// A world whose program has an `/etc/resolv.conf` of its own.
fn world_with_resolv_conf(text: &str) -> World {
    let script = r#"mount --bind "$RESOLV_CONF" /etc/resolv.conf && exec "$0" "$@""#;
    let binary = std::env::var_os(BINARY_VARIABLE).unwrap_or_else(|| env!("CARGO_BIN_EXE_guardduty-slack").into());
    let command = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script].map(OsString::from);
    let world = World::with_program(command.into_iter().chain([binary]).collect());
    let path = world.folder.path().join("resolv.conf");
    std::fs::write(&path, text).expect("a file in the world's folder");
    world.env("RESOLV_CONF", path.display())
}

#[test]
#[ignore = "needs root: a mount namespace, and port 53"]
fn a_search_domain_that_fails_keeps_the_program_neither_from_aws_nor_from_slack() {
    serve(SERVER.parse().expect("an address"), |name, is_v4| match name {
        "aws.example" | "slack.example" if is_v4 => Says::Address(Ipv4Addr::LOCALHOST),
        "aws.example" | "slack.example" => Says::Code(SERVFAIL),
        _ if name.ends_with("servfail.example") => Says::Code(SERVFAIL),
        _ if name.ends_with("refused.example") => Says::Code(REFUSED),
        _ => Says::Nothing,
    });
    for domain in ["servfail.example", "refused.example", "silent.example"] {
        let world = world_with_resolv_conf(&format!("nameserver 127.53.0.1\nsearch {domain}\noptions ndots:5\n"));
        let (aws, slack) = (world.aws_url(), world.slack_url());
        let world = world.env("AWS_ENDPOINT_URL", aws.replace("127.0.0.1", "aws.example"));
        let world = world.env("SLACK_API_URL", format!("{}/api", slack.replace("127.0.0.1", "slack.example")));
        world.findings([high("f1")]).run().posted(["f1"]).exit(0);
    }
}
