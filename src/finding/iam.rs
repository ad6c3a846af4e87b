//! Principals: access keys, IAM users and roles, Kubernetes users, database users.

use super::decode::shapes;

use super::About;
use super::draft::{Draft, Trait};
use super::phrase::{Phrase, filled, known, listed};
use super::resource::add_resource_with;

/// The access key as the affected resource.
pub(super) fn access_key(draft: &mut Draft, resource: &shapes::Resource) -> bool {
    let Some(key) = resource.access_key_details() else { return false };
    add_resource_with(draft, who(key), credentials(key), Phrase::new());
    identify(draft, key);
    true
}

/// The access key as the one who acted on another resource.
pub(super) fn principal(draft: &mut Draft, resource: &shapes::Resource) {
    let Some(key) = resource.access_key_details() else { return };
    draft.add(About::Actor, who(key).part(credentials(key)));
    draft.seen(Trait::User, filled(key.user_name()));
    identify(draft, key);
}

/// `IAM user deploy-bot`
fn who(key: &shapes::AccessKeyDetails) -> Phrase {
    let name = filled(key.user_name()).or(filled(key.principal_id())).or(filled(key.access_key_id()));
    Phrase::new().ours(user_type(key.user_type())).with(" ", name)
}

/// The principal is named for its session, or where it has no other name: its ID says no more than the name of the user.
fn credentials(key: &shapes::AccessKeyDetails) -> Phrase {
    let has_name = filled(key.user_name()).is_some();
    let principal = key.principal_id().filter(|id| !has_name || id.contains(':'));
    Phrase::new().part_with("access key ", key.access_key_id()).part_with("principal ", principal)
}

/// `userType` in words. Source: CloudTrail User Guide, “CloudTrail userIdentity element”.
pub(super) fn user_type(kind: Option<&str>) -> String {
    match filled(kind).unwrap_or_default() {
        "" => "principal".into(),
        "IAMUser" => "IAM user".into(),
        "AssumedRole" => "assumed role".into(),
        "Role" => "IAM role".into(),
        "Root" => "root user".into(),
        "FederatedUser" => "federated user".into(),
        "WebIdentityUser" => "web identity user".into(),
        "SAMLUser" => "SAML user".into(),
        "Directory" => "directory user".into(),
        "IdentityCenterUser" => "IAM Identity Center user".into(),
        "AWSAccount" => "AWS account".into(),
        "AWSService" => "AWS service".into(),
        _ => "principal".into(),
    }
}

fn identify(draft: &mut Draft, key: &shapes::AccessKeyDetails) {
    for name in [key.user_name(), key.access_key_id(), key.principal_id()] {
        draft.name(name);
    }
    // A role's session: `AROA…:session`. Routes may name either.
    if let Some((id, session)) = key.principal_id().and_then(|p| p.split_once(':')) {
        draft.name(Some(id));
        draft.name(Some(session));
    }
}

/// The Kubernetes user that called the API server.
pub(super) fn kubernetes_user(draft: &mut Draft, resource: &shapes::Resource) {
    let Some(user) = resource.kubernetes_details().and_then(|k| k.kubernetes_user_details()) else { return };
    let mut line = Phrase::new().part_with("Kubernetes user ", user.username());
    let groups = listed(user.groups(), 8);
    if !groups.is_empty() {
        line = line.part(Phrase::new().ours("groups ").then(groups));
    }
    let sessions = listed(user.session_name(), 2);
    if !sessions.is_empty() {
        line = line.part(Phrase::new().ours("session ").then(sessions));
    }
    if let Some(other) = user.impersonated_user() {
        line = line.part_with("impersonating ", other.username());
        let groups = listed(other.groups(), 8);
        if !groups.is_empty() {
            line = line.part(Phrase::new().ours("impersonated groups ").then(groups));
        }
    }
    draft.seen(Trait::User, user.username());
    draft.name(user.username());
    draft.add(About::Actor, line.part_with("uid ", user.uid()));
}

/// The database user that logged in, or tried to.
pub(super) fn database_user(draft: &mut Draft, resource: &shapes::Resource) {
    let Some(user) = resource.rds_db_user_details() else { return };
    let line = Phrase::new()
        .part_with("database user ", user.user())
        .part_with("database ", user.database())
        .part_with("application ", known(user.application()))
        .part_words("authentication ", user.auth_method())
        .part_words("", user.ssl());
    draft.seen(Trait::User, user.user());
    draft.name(user.user());
    draft.add(About::Actor, line);
}
