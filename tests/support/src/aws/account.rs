//! `account:ListRegions` and `organizations:ListAccounts`, in pages.

use serde_json::{Value, json};

use super::{AwsError, Identity, Inner, bad_request};
use crate::server::{Reply, Request};

impl Inner {
    pub(super) fn list_regions(&self, request: &Request) -> Result<Reply, AwsError> {
        let body = request.json();
        let wanted = |status: &str| match body["RegionOptStatusContains"].as_array() {
            Some(list) if !list.is_empty() => list.iter().any(|s| s == status),
            _ => true,
        };
        let regions = self.regions.iter().filter(|(_, status)| wanted(status));
        let rows = regions.map(|(name, status)| json!({ "RegionName": name, "RegionOptStatus": status })).collect();
        page(&body, "Regions", rows, 50).map(|document| Reply::json(200, &document))
    }

    pub(super) fn list_accounts(&self, who: &Identity, request: &Request) -> Result<Reply, AwsError> {
        let row = |(id, name): &(String, String)| {
            json!({
                "Id": id, "Name": name, "Status": "ACTIVE", "Email": format!("{id}@corp.example"),
                "Arn": format!("arn:aws:organizations::{}:account/o-fake/{id}", who.account),
                "JoinedMethod": "CREATED", "JoinedTimestamp": 1_700_000_000.0,
            })
        };
        let document = page(&request.json(), "Accounts", self.organization.iter().map(row).collect(), 20)?;
        Ok(Reply::text(200, "application/x-amz-json-1.1", document.to_string()))
    }
}

fn page(body: &Value, member: &str, rows: Vec<Value>, most: usize) -> Result<Value, AwsError> {
    let size = body["MaxResults"].as_u64().map_or(most, |n| usize::try_from(n).unwrap_or(usize::MAX));
    if !(1..=most).contains(&size) {
        return Err(bad_request(format_args!("MaxResults is {size}, allowed 1 to {most}.")));
    }
    let start: usize = match body["NextToken"].as_str() {
        None => 0,
        Some(token) => token
            .strip_prefix("from-")
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| bad_request("NextToken is none of ours."))?,
    };
    let end = start + size;
    let mut document = json!({ member: rows.iter().skip(start).take(size).collect::<Vec<_>>() });
    if end < rows.len() {
        document["NextToken"] = json!(format!("from-{end}"));
    }
    Ok(document)
}
