//! Checks that the Pushgateway is ready and accepts the credentials.

use std::time::Duration;

use reqwest::{Response, StatusCode};

use super::hint;
use super::table::CheckResult;
use crate::config::PushgatewayConfig;
use crate::http;
use crate::metrics::with_auth;

pub(super) async fn rows(gateway: Option<&PushgatewayConfig>, client: &reqwest::Client) -> Vec<CheckResult> {
    let Some(gateway) = gateway else { return Vec::new() };
    let request = client.get(format!("{}/-/ready", gateway.url)).timeout(Duration::from_secs(5));
    let row = match with_auth(request, gateway).send().await {
        Ok(response) => row_of(&response),
        Err(error) => {
            let error = http::error_chain(error);
            let hint = hint::PUSHGATEWAY.network_hint(&error);
            CheckResult::failed("Pushgateway", error, hint)
        }
    };
    vec![row]
}

fn row_of(response: &Response) -> CheckResult {
    let status = response.status();
    if status.is_success() {
        return CheckResult::ok("Pushgateway", "ready");
    }
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "check PUSHGATEWAY_USERNAME and PUSHGATEWAY_PASSWORD".into()
        }
        _ if status.is_server_error() => hint::PUSHGATEWAY.server_hint(),
        _ => "check PUSHGATEWAY_URL, or unset it".into(),
    };
    CheckResult::failed("Pushgateway", format!("returned {status}"), hint)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use guardduty_slack_support::server::{Outcome, Reply, Server};

    use super::*;
    use crate::check::table::Status;
    use crate::config::BasicAuth;

    #[tokio::test]
    async fn a_gateway_with_a_password_is_asked_with_it() {
        http::install_crypto_provider();
        let server = Server::start(|request, _| {
            let is_known = request.header("authorization") == "Basic cHVzaGVyOnMzY3JldA==";
            Outcome::Reply(Reply::text(if is_known { 200 } else { 401 }, "text/plain", ""))
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for (password, status) in [("s3cret", Status::Ok), ("stale", Status::Failed)] {
            let auth = Some(BasicAuth { username: "pusher".into(), password: password.into() });
            let gateway = PushgatewayConfig { url: server.url(), job: "j".into(), labels: BTreeMap::default(), auth };
            let rows = rows(Some(&gateway), &client).await;
            assert_eq!(rows[0].status, status, "{rows:?}");
        }
    }
}
