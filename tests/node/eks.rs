//! What Amazon EKS adds to a cluster: the webhook that gives Pods a token for IRSA or Pod Identity, the Pod Identity agent,
//! and the trust of STS in the tokens of the cluster.

use std::net::SocketAddr;
use std::sync::OnceLock;

use guardduty_slack_support::aws::{Identity, Role};
use guardduty_slack_support::server::{Outcome, Reply, Request, Server};
use guardduty_slack_support::tls::Authority;
use guardduty_slack_support::world::{ACCOUNT, World};
use serde_json::{Value, json};

use crate::kit::{command, kubectl, kubectl_with};

pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/guardduty-slack";
const WEBHOOK: ([u8; 4], u16) = ([10, 200, 0, 1], 9443);
const AGENT: ([u8; 4], u16) = ([169, 254, 170, 23], 80);
const IRSA_FOLDER: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
const POD_IDENTITY_FOLDER: &str = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount";
const IRSA_AUDIENCE: &str = "sts.amazonaws.com";
const POD_IDENTITY_AUDIENCE: &str = "pods.eks.amazonaws.com";

/// Authority of the fakes, and of the webhook.
pub(crate) fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        Authority::for_names(&[
            "10.200.0.1",
            "guardduty.eu-west-1.amazonaws.com",
            "guardduty.us-east-1.amazonaws.com",
            "sts.eu-west-1.amazonaws.com",
            "sts.us-east-1.amazonaws.com",
            "slack.com",
        ])
    })
}

/// How Pods get the credentials of the role.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Credentials {
    /// The webhook looks at the annotation of the ServiceAccount.
    Irsa,
    /// The ServiceAccount is associated with the role.
    PodIdentity,
}

/// Servers of EKS; dropping them stops them.
pub(crate) struct Eks {
    _webhook: Server,
    _agent: Server,
}

impl Eks {
    pub(crate) fn start(credentials: Credentials, world: &World) -> Self {
        world.aws.role(Role { arn: ROLE.into(), trusts: Some(is_trusted_by_sts), ..Role::default() });
        let webhook = Server::start_tls_at(authority(), SocketAddr::from(WEBHOOK), move |request, _| {
            Outcome::Reply(admit(credentials, &request))
        });
        let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/guardduty-slack/eks-security-guardduty-slack");
        let identity = world.aws.identity(ACCOUNT, &session, true);
        let agent = Server::start_at(SocketAddr::from(AGENT), move |request, _| {
            Outcome::Reply(credentials_of_agent(&identity, &request))
        });
        register_webhook();
        Self { _webhook: webhook, _agent: agent }
    }
}

fn register_webhook() {
    let url = "https://10.200.0.1:9443/mutate";
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": { "name": "pod-identity-webhook" },
        "webhooks": [{
            "name": "iam-for-pods.amazonaws.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
            "clientConfig": { "url": url, "caBundle": base64(authority().ca()) },
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }],
        }],
    });
    kubectl_with(&configuration.to_string(), &["apply", "--filename=-"]).assert_success();
}

fn base64(text: &str) -> String {
    command("base64", &["--wrap=0"], text).assert_success()
}

/// Answers the API server's question about a new Pod.
fn admit(credentials: Credentials, request: &Request) -> Reply {
    let question = &request.json()["request"];
    let mut response = json!({ "uid": question["uid"], "allowed": true });
    if let Some(patch) = patch(credentials, question) {
        response["patchType"] = json!("JSONPatch");
        response["patch"] = json!(base64(&patch.to_string()));
    }
    let review = json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response });
    Reply::json(200, &review)
}

fn patch(credentials: Credentials, question: &Value) -> Option<Value> {
    let namespace = question["namespace"].as_str()?;
    let account = question["object"]["spec"]["serviceAccountName"].as_str()?;
    match credentials {
        Credentials::Irsa => {
            let role = annotated_role(namespace, account)?;
            let file = format!("{IRSA_FOLDER}/token");
            let variables = [("AWS_ROLE_ARN", role.as_str()), ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str())];
            Some(mount_of_token("aws-iam-token", IRSA_FOLDER, "token", IRSA_AUDIENCE, variables))
        }
        Credentials::PodIdentity => {
            let name = "eks-pod-identity-token";
            let file = format!("{POD_IDENTITY_FOLDER}/{name}");
            let variables = [
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.as_str()),
            ];
            (account == "guardduty-slack")
                .then(|| mount_of_token(name, POD_IDENTITY_FOLDER, name, POD_IDENTITY_AUDIENCE, variables))
        }
    }
}

fn annotated_role(namespace: &str, account: &str) -> Option<String> {
    let role = r"--output=jsonpath={.metadata.annotations.eks\.amazonaws\.com/role-arn}";
    let output = kubectl(&["--namespace", namespace, "get", "serviceaccount", account, role]);
    Some(output.stdout).filter(|role| !role.is_empty())
}

fn mount_of_token(volume: &str, folder: &str, file: &str, audience: &str, variables: [(&str, &str); 2]) -> Value {
    let token = json!({ "serviceAccountToken": { "audience": audience, "expirationSeconds": 86400, "path": file } });
    let volume_of_token = json!({ "name": volume, "projected": { "sources": [token] } });
    let mount = json!({ "name": volume, "mountPath": folder, "readOnly": true });
    let mut operations = vec![
        json!({ "op": "add", "path": "/spec/volumes/-", "value": volume_of_token }),
        json!({ "op": "add", "path": "/spec/containers/0/volumeMounts/-", "value": mount }),
    ];
    let regional =
        [("AWS_STS_REGIONAL_ENDPOINTS", "regional"), ("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_REGION", "eu-west-1")];
    for (name, value) in regional.into_iter().chain(variables) {
        let variable = json!({ "name": name, "value": value });
        operations.push(json!({ "op": "add", "path": "/spec/containers/0/env/-", "value": variable }));
    }
    Value::Array(operations)
}

/// The agent gives the credentials of the role for a token of a Pod.
fn credentials_of_agent(identity: &Identity, request: &Request) -> Reply {
    if !is_accepted(request.header("authorization"), POD_IDENTITY_AUDIENCE) {
        return Reply::json(400, &json!({ "message": "[AccessDeniedException]: the token is not accepted" }));
    }
    let credentials = json!({
        "AccessKeyId": identity.key, "SecretAccessKey": identity.secret, "Token": identity.token,
        "AccountId": identity.account, "Expiration": "2099-01-01T00:00:00Z",
    });
    Reply::json(200, &credentials)
}

fn is_trusted_by_sts(token: &str) -> bool {
    is_accepted(token, IRSA_AUDIENCE)
}

/// Whether the API server accepts the token for this audience, and it belongs to a ServiceAccount of this name.
fn is_accepted(token: &str, audience: &str) -> bool {
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token, "audiences": [audience] },
    });
    let answer = kubectl_with(&review.to_string(), &["create", "--filename=-", "--output=json"]).assert_success();
    let status = &serde_json::from_str::<Value>(&answer).expect("kubectl prints JSON")["status"];
    let user = status["user"]["username"].as_str().unwrap_or_default();
    status["authenticated"] == true && user.ends_with("guardduty-slack")
}
