//! AWS as far as the program sees it: STS, GuardDuty, `account:ListRegions` and `organizations:ListAccounts`.
//!
//! Wire names, paths and limits are those of the public service models. A signature must be there and name a key
//! that this fake has handed out; it is not recomputed.

mod account;
mod criteria;
mod guardduty;
mod scans;
mod sts;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::journal::Call;
use crate::scripted_faults::{FaultScript, Peer};
use crate::server::{Reply, Request};

pub use guardduty::{Investigation, Scan, Source};

/// Who a key belongs to.
#[derive(Clone, Debug)]
pub struct Identity {
    pub account: String,
    pub arn: String,
    pub key: String,
    pub secret: String,
    /// Empty for a long-lived key.
    pub token: String,
}

/// A role that can be assumed.
#[derive(Clone, Debug, Default)]
pub struct Role {
    pub arn: String,
    /// Empty: none is asked for.
    pub external_id: String,
    /// The web identity token that it trusts instead of a caller's key.
    pub web_identity: String,
    /// Which web identity tokens it trusts besides.
    pub trusts: Option<fn(&str) -> bool>,
}

impl Role {
    fn account(&self) -> String {
        self.arn.split(':').nth(4).unwrap_or_default().to_owned()
    }

    fn trusts_token(&self, token: &str) -> bool {
        let known = !token.is_empty() && self.web_identity == token;
        known || self.trusts.is_some_and(|trusts| trusts(token))
    }
}

#[derive(Default)]
pub(crate) struct Inner {
    pub identities: Vec<Identity>,
    pub roles: Vec<Role>,
    pub sources: BTreeMap<(String, String), Source>,
    /// The response of `ListRegions`: region and status.
    pub regions: Vec<(String, String)>,
    /// The response of `ListAccounts`: account and name.
    pub organization: Vec<(String, String)>,
    /// Page tokens given: the request they belong to, and the offset.
    pub tokens: BTreeMap<String, (String, usize)>,
    /// The number of pages that return the token of their request.
    pub repeat_tokens: usize,
    /// Listed, yet left out by `GetFindings`.
    pub withheld: Vec<String>,
}

#[derive(Clone)]
pub struct Aws {
    stage: FaultScript,
    inner: Arc<Mutex<Inner>>,
}

/// An error as AWS words it: status, code, message.
pub(crate) struct AwsError(u16, String, String);

fn bad_request(message: impl std::fmt::Display) -> AwsError {
    AwsError(400, "BadRequestException".into(), format!("The request is rejected because {message}"))
}

impl Aws {
    pub(crate) fn new(stage: FaultScript) -> Self {
        Self { stage, inner: Arc::default() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key for an account, temporary if it has a session.
    pub fn identity(&self, account: &str, arn: &str, temporary: bool) -> Identity {
        self.lock().identity(account, arn, temporary)
    }

    pub fn role(&self, role: Role) {
        self.lock().roles.push(role);
    }

    /// Changes (or makes) the detector of one account in one region.
    pub fn source<T>(&self, account: &str, region: &str, change: impl FnOnce(&mut Source) -> T) -> T {
        let mut inner = self.lock();
        let key = (account.to_owned(), region.to_owned());
        change(inner.sources.entry(key).or_insert_with(|| Source::new(account, region)))
    }

    /// GuardDuty is not enabled in that region of the account.
    pub fn remove_source(&self, account: &str, region: &str) {
        self.lock().sources.remove(&(account.to_owned(), region.to_owned()));
    }

    pub fn regions(&self, regions: impl IntoIterator<Item = (&'static str, &'static str)>) {
        self.lock().regions = regions.into_iter().map(|(r, s)| (r.into(), s.into())).collect();
    }

    pub fn organization(&self, accounts: impl IntoIterator<Item = (&'static str, &'static str)>) {
        self.lock().organization = accounts.into_iter().map(|(a, n)| (a.into(), n.into())).collect();
    }

    /// The next `times` pages that are not the first repeat the token they were asked with.
    pub fn repeat_page_tokens(&self, times: usize) {
        self.lock().repeat_tokens = times;
    }

    /// Listed findings that cannot be fetched; replaces the former ones.
    pub fn omit_from_get_findings<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        self.lock().withheld = ids.into_iter().map(Into::into).collect();
    }

    /// What no run may print: secret keys and session tokens.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let inner = self.lock();
        let keys = inner.identities.iter().flat_map(|i| [i.secret.clone(), i.token.clone()]);
        let tokens = inner.roles.iter().map(|r| r.web_identity.clone());
        keys.chain(tokens).filter(|s| !s.is_empty()).collect()
    }

    fn dispatch(&self, call: &Call, request: &Request) -> Result<Reply, AwsError> {
        if call.operation == "AssumeRoleWithWebIdentity" {
            return self.lock().sts(call, request, None);
        }
        let signed = Signed::of(request).ok_or_else(|| {
            self.stage.violation(format!("{} came without a signature", call.operation));
            AwsError(403, "MissingAuthenticationTokenException".into(), "Missing Authentication Token".into())
        })?;
        let mut inner = self.lock();
        let who = inner.identities.iter().find(|i| i.key == signed.key).cloned();
        let who = who.filter(|i| i.token == request.header("x-amz-security-token")).ok_or_else(|| {
            let text = "The security token included in the request is invalid.";
            AwsError(403, "UnrecognizedClientException".into(), text.into())
        })?;
        match call.service {
            "sts" => inner.sts(call, request, Some(&who)),
            "account" => inner.list_regions(request),
            "organizations" => inner.list_accounts(&who, request),
            _ => inner.guardduty(call, request, &who.account, &signed.region),
        }
    }
}

impl Inner {
    pub(crate) fn identity(&mut self, account: &str, arn: &str, temporary: bool) -> Identity {
        let number = self.identities.len() + 1;
        let (kind, token) =
            if temporary { ("ASIA", format!("FwoGZXIvYXdzSESSION{number:020}")) } else { ("AKIA", String::new()) };
        let identity = Identity {
            account: account.into(),
            arn: arn.into(),
            key: format!("{kind}EXAMPLEKEY{number:06}"),
            secret: format!("fakeSecretAccessKey{number:021}"),
            token,
        };
        self.identities.push(identity.clone());
        identity
    }
}

impl Peer for Aws {
    fn call(&self, request: &Request) -> Call {
        let signed = Signed::of(request).unwrap_or_default();
        let account = self.lock().identities.iter().find(|i| i.key == signed.key).map(|i| i.account.clone());
        let place = account.map(|a| format!("{a}/{}", signed.region)).unwrap_or_default();
        let target = request.header("x-amz-target");
        let (service, operation, detail) = match (request.path.as_str(), target.rsplit_once('.')) {
            ("/listRegions", _) => ("account", "ListRegions".to_owned(), String::new()),
            ("/", Some((_, operation))) => ("organizations", operation.to_owned(), String::new()),
            ("/", None) => sts::call(request),
            _ => guardduty::call(request),
        };
        Call { service, operation, detail, place: if service == "guardduty" { place } else { String::new() } }
    }

    fn answer(&self, call: &Call, request: &Request) -> Reply {
        match self.dispatch(call, request) {
            Ok(reply) => reply,
            Err(AwsError(status, code, message)) => {
                let expected = message.contains("not owned") || message.contains("does not exist");
                if code == "BadRequestException" && !expected || status == 404 {
                    self.stage.violation(format!("{}: {message}", call.operation));
                }
                failure(call, status, &code, &message)
            }
        }
    }

    fn status(&self, call: &Call, status: u16) -> Reply {
        let code = match status {
            400 | 429 => "ThrottlingException",
            403 => "AccessDeniedException",
            500 => "InternalServerErrorException",
            _ => "ServiceUnavailableException",
        };
        failure(call, status, code, "as the script wants it")
    }

    fn error(&self, call: &Call, name: &str) -> Reply {
        let status = match name {
            "ThrottlingException" | "BadRequestException" => 400,
            "InternalServerErrorException" => 500,
            _ => 403,
        };
        failure(call, status, name, &format!("User is not authorized to perform: {}", call.operation))
    }
}

fn failure(call: &Call, status: u16, code: &str, message: &str) -> Reply {
    if call.service == "sts" {
        return sts::failure(status, code.trim_end_matches("Exception"), message);
    }
    let document: Value = json!({ "__type": code, "message": message });
    Reply::json(status, &document).with("x-amzn-errortype", code)
}

/// What an AWS signature version 4 says of its request.
#[derive(Default)]
struct Signed {
    key: String,
    region: String,
}

impl Signed {
    fn of(request: &Request) -> Option<Self> {
        let header = request.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ")?;
        let part = |name: &str| header.split(',').find_map(|p| p.trim().strip_prefix(name));
        part("Signature=").filter(|s| s.len() == 64)?;
        let mut scope = part("Credential=")?.split('/');
        let (key, _date, region) = (scope.next()?, scope.next()?, scope.next()?);
        Some(Self { key: key.into(), region: region.into() })
    }
}
