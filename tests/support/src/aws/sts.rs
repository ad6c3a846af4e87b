//! STS: who am I, and the two ways to assume a role.

use super::{AwsError, Identity, Inner};
use crate::journal::Call;
use crate::server::{Reply, Request};

pub(super) fn call(request: &Request) -> (&'static str, String, String) {
    let form = request.form();
    ("sts", field(&form, "Action"), field(&form, "RoleArn"))
}

fn field(form: &[(String, String)], name: &str) -> String {
    form.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()
}

impl Inner {
    pub(super) fn sts(&mut self, call: &Call, request: &Request, who: Option<&Identity>) -> Result<Reply, AwsError> {
        let form = request.form();
        match (call.operation.as_str(), who) {
            ("GetCallerIdentity", Some(who)) => Ok(answer(
                "GetCallerIdentity",
                &format!("<Arn>{}</Arn><UserId>AIDAFAKE</UserId><Account>{}</Account>", who.arn, who.account),
            )),
            ("AssumeRole", Some(who)) => {
                let role =
                    self.roles.iter().find(|r| r.arn == call.detail && r.web_identity.is_empty() && r.trusts.is_none());
                let open = |id: &str| id.is_empty() || id == field(&form, "ExternalId");
                match role.filter(|r| open(&r.external_id)).map(super::Role::account) {
                    Some(account) => Ok(self.session(call, &account, &form)),
                    None => Err(AwsError(
                        403,
                        "AccessDenied".into(),
                        format!(
                            "{} is not authorized to perform: sts:AssumeRole on resource: {}",
                            who.arn, call.detail
                        ),
                    )),
                }
            }
            ("AssumeRoleWithWebIdentity", _) => {
                let token = field(&form, "WebIdentityToken");
                let trusting = |r: &&super::Role| r.arn == call.detail && r.trusts_token(&token);
                match self.roles.iter().find(trusting).map(super::Role::account) {
                    Some(account) => Ok(self.session(call, &account, &form)),
                    None => Err(AwsError(400, "InvalidIdentityToken".into(), "Incorrect token".into())),
                }
            }
            _ => Err(AwsError(400, "InvalidAction".into(), format!("no such action: {}", call.operation))),
        }
    }

    fn session(&mut self, call: &Call, account: &str, form: &[(String, String)]) -> Reply {
        let session = field(form, "RoleSessionName");
        let role = call.detail.rsplit('/').next().unwrap_or_default();
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{session}");
        let new = self.identity(account, &arn, true);
        answer(
            &call.operation,
            &format!(
                "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
                 <SessionToken>{}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
                 <AssumedRoleUser><AssumedRoleId>AROAFAKE:{session}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>",
                new.key, new.secret, new.token
            ),
        )
    }
}

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

fn answer(operation: &str, inner: &str) -> Reply {
    let body = format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{inner}</{operation}Result>\
         <ResponseMetadata><RequestId>fake</RequestId></ResponseMetadata></{operation}Response>"
    );
    Reply::text(200, "text/xml", body)
}

pub(super) fn failure(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>fake</RequestId></ErrorResponse>"
    );
    Reply::text(status, "text/xml", body)
}
