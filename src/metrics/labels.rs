//! The values of labels that are closed sets.

/// What became of a revision of a finding: `outcome` of `notifications_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationOutcome {
    Posted,
    Updated,
    Threaded,
    Digested,
    Dropped,
    Ignored,
    Coalesced,
    Adopted,
    Failed,
    GivenUp,
}

impl NotificationOutcome {
    pub const ALL: [Self; 10] = [
        Self::Posted,
        Self::Updated,
        Self::Threaded,
        Self::Digested,
        Self::Dropped,
        Self::Ignored,
        Self::Coalesced,
        Self::Adopted,
        Self::Failed,
        Self::GivenUp,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Posted => "posted",
            Self::Updated => "updated",
            Self::Threaded => "threaded",
            Self::Digested => "digested",
            Self::Dropped => "dropped",
            Self::Ignored => "ignored",
            Self::Coalesced => "coalesced",
            Self::Adopted => "adopted",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

/// A service that is called: `service` of `api_requests_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    Account,
    GuardDuty,
    Kubernetes,
    Organizations,
    Slack,
    Sts,
}

impl Service {
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::GuardDuty => "guardduty",
            Self::Kubernetes => "kubernetes",
            Self::Organizations => "organizations",
            Self::Slack => "slack",
            Self::Sts => "sts",
        }
    }
}

/// Why a malware scan did not search its resource: `outcome` of `malware_scans_missed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScanOutcome {
    Failed,
    Skipped,
}

impl ScanOutcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}
