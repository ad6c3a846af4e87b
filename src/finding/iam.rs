//! Reads principals: access keys, IAM users and roles, Kubernetes users, database users.

use super::decode::shapes;

use super::Topic;
use super::attribute::AttributeKind;
use super::facts_builder::FactsBuilder;
use super::line::{Line, join_limited, known, non_blank};
use super::resource::add_resource_with;

/// The access key as the affected resource.
pub(super) fn set_access_key(draft: &mut FactsBuilder, resource: &shapes::Resource) -> bool {
    let Some(key) = resource.access_key_details() else { return false };
    add_resource_with(draft, principal_line(key), credential_line(key), Line::new());
    add_identifiers(draft, key);
    true
}

/// The access key as the actor that used another resource.
pub(super) fn add_principal(draft: &mut FactsBuilder, resource: &shapes::Resource) {
    let Some(key) = resource.access_key_details() else { return };
    draft.add(Topic::Actor, principal_line(key).separated(credential_line(key)));
    draft.add_attribute(AttributeKind::User, non_blank(key.user_name()));
    add_identifiers(draft, key);
}

/// `IAM user deploy-bot`
fn principal_line(key: &shapes::AccessKeyDetails) -> Line {
    let name = non_blank(key.user_name()).or(non_blank(key.principal_id())).or(non_blank(key.access_key_id()));
    Line::new().literal(user_type_label(key.user_type())).with_code(" ", name)
}

/// The access key, and the ID of the principal if it contains a session, or if the principal has no other name.
fn credential_line(key: &shapes::AccessKeyDetails) -> Line {
    let has_name = non_blank(key.user_name()).is_some();
    let principal = key.principal_id().filter(|id| !has_name || id.contains(':'));
    Line::new().separated_code("access key ", key.access_key_id()).separated_code("principal ", principal)
}

/// Display names of `userType`. Source: CloudTrail User Guide, “CloudTrail userIdentity element”.
pub(super) fn user_type_label(kind: Option<&str>) -> String {
    match non_blank(kind).unwrap_or_default() {
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

fn add_identifiers(draft: &mut FactsBuilder, key: &shapes::AccessKeyDetails) {
    for name in [key.user_name(), key.access_key_id(), key.principal_id()] {
        draft.add_identifier(name);
    }
    // A role's session: `AROA…:session`. Routes may name either.
    if let Some((id, session)) = key.principal_id().and_then(|p| p.split_once(':')) {
        draft.add_identifier(Some(id));
        draft.add_identifier(Some(session));
    }
}

/// The Kubernetes user that called the API server.
pub(super) fn add_kubernetes_user(draft: &mut FactsBuilder, resource: &shapes::Resource) {
    let Some(user) = resource.kubernetes_details().and_then(|k| k.kubernetes_user_details()) else { return };
    let mut line = Line::new().separated_code("Kubernetes user ", user.username());
    let groups = join_limited(user.groups(), 8);
    if !groups.is_empty() {
        line = line.separated(Line::new().literal("groups ").concat(groups));
    }
    let sessions = join_limited(user.session_name(), 2);
    if !sessions.is_empty() {
        line = line.separated(Line::new().literal("session ").concat(sessions));
    }
    if let Some(other) = user.impersonated_user() {
        line = line.separated_code("impersonating ", other.username());
        let groups = join_limited(other.groups(), 8);
        if !groups.is_empty() {
            line = line.separated(Line::new().literal("impersonated groups ").concat(groups));
        }
    }
    draft.add_attribute(AttributeKind::User, user.username());
    draft.add_identifier(user.username());
    draft.add(Topic::Actor, line.separated_code("uid ", user.uid()));
}

/// The database user that logged in, or tried to.
pub(super) fn add_database_user(draft: &mut FactsBuilder, resource: &shapes::Resource) {
    let Some(user) = resource.rds_db_user_details() else { return };
    let line = Line::new()
        .separated_code("database user ", user.user())
        .separated_code("database ", user.database())
        .separated_code("application ", known(user.application()))
        .part_words("authentication ", user.auth_method())
        .part_words("", user.ssl());
    draft.add_attribute(AttributeKind::User, user.user());
    draft.add_identifier(user.user());
    draft.add(Topic::Actor, line);
}
