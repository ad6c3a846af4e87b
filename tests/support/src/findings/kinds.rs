//! Kinds of findings, realistic in shape; every name and address is from the ranges meant for documentation.

use super::parts::{FindingContext, FindingParts};
use super::{machines, people};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An open port of an EC2 instance is probed.
    PortProbe,
    /// An EC2 instance asks for a mining pool's name.
    Mining,
    /// An IAM user's credentials are used from Tor.
    TorCaller,
    /// Objects leave a bucket in an unusual way.
    S3Exfiltration,
    /// Somebody executes a command in a pod of `kube-system`.
    PodExec,
    /// An RDS database is brute-forced, with success.
    RdsBruteForce,
    /// A Lambda function talks to a command-and-control server.
    LambdaCommand,
    /// A scan of a volume has found malware.
    Malware,
    /// A process in a container opens a reverse shell.
    ReverseShell,
    /// Compromised credentials over several signals.
    AttackSequence,
    /// The root user's credentials are used.
    RootUsage,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::PortProbe,
        Self::Mining,
        Self::TorCaller,
        Self::S3Exfiltration,
        Self::PodExec,
        Self::RdsBruteForce,
        Self::LambdaCommand,
        Self::Malware,
        Self::ReverseShell,
        Self::AttackSequence,
        Self::RootUsage,
    ];

    pub(super) fn usual_severity(self) -> f64 {
        match self {
            Self::PortProbe | Self::RootUsage => 2.0,
            Self::TorCaller | Self::PodExec => 5.0,
            Self::AttackSequence => 9.0,
            _ => 8.0,
        }
    }

    pub(super) fn shape(self, place: &FindingContext) -> FindingParts {
        match self {
            Self::PortProbe => machines::port_probe(place),
            Self::Mining => machines::mining(place),
            Self::TorCaller => people::tor_caller(place),
            Self::S3Exfiltration => people::s3_exfiltration(place),
            Self::PodExec => machines::pod_exec(place),
            Self::RdsBruteForce => people::rds_brute_force(place),
            Self::LambdaCommand => machines::lambda_command(place),
            Self::Malware => machines::malware(place),
            Self::ReverseShell => machines::reverse_shell(place),
            Self::AttackSequence => people::attack_sequence(place),
            Self::RootUsage => people::root_usage(place),
        }
    }
}
