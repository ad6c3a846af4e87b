"""A simple script with the task of a run of guardduty-slack: boto3, requests, a state file.

The benchmark compares the program with it. It does not replace the program: after a crash it repeats or loses findings,
and it has no updates, no digests, and only routes by account. It reads the same environment as the program.
"""

import json
import os
import sys
import time
from datetime import datetime, timezone

import boto3
import requests

MESSAGE_INTERVAL = 0.2  # seconds between two messages, as in the program
REGIONS = os.environ.get("GUARDDUTY_REGIONS", os.environ.get("AWS_REGION", "")).split(",")
DRY = os.environ.get("DRY_RUN") == "1"
STATE = os.environ["STATE_FILE"]
SLACK = os.environ["SLACK_API_URL"]
LEVELS = [(9, "Critical", "#6a1b9a"), (7, "High", "#c62828"), (4, "Medium", "#ef6c00"), (0, "Low", "#1565c0")]


def load():
    try:
        with open(STATE) as file:
            return json.load(file)
    except FileNotFoundError:
        return {"sources": {}}


def save(state):
    with open(STATE + ".new", "w") as file:
        json.dump(state, file)
    os.replace(STATE + ".new", STATE)


def channels():
    routes = json.loads(os.environ.get("SLACK_ROUTES", "[]"))
    return {account: r["channel"] for r in routes for account in r.get("match", {}).get("account", [])}


def mrkdwn(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def message(finding):
    level, color = next((level, color) for low, level, color in LEVELS if finding["Severity"] >= low)
    resource = finding.get("Resource", {}).get("ResourceType", "")
    service = finding.get("Service", {})
    actor = json.dumps(service.get("Action", {}), default=str)[:1500]
    region = finding["Region"]
    link = f"https://{region}.console.aws.amazon.com/guardduty/home?region={region}#/findings?fId={finding['Id']}"
    fields = {
        "Severity": f"{level} ({finding['Severity']})",
        "Resource": resource,
        "Account": finding["AccountId"],
        "Region": region,
        "First seen": service.get("EventFirstSeen", ""),
        "Last seen": service.get("EventLastSeen", ""),
        "Count": str(service.get("Count", 1)),
        "Type": finding["Type"],
    }
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": finding.get("Title", finding["Type"])[:150]}},
        {"type": "section", "text": {"type": "mrkdwn", "text": mrkdwn(finding.get("Description", ""))[:3000]}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": f"*{k}*\n{mrkdwn(v)}"} for k, v in fields.items()]},
        {"type": "section", "text": {"type": "mrkdwn", "text": f"```{mrkdwn(actor)}```"}},
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": link}]},
    ]
    return {
        "text": f"{level}: {finding.get('Title', '')}",
        "attachments": [{"color": color, "blocks": blocks}],
        "metadata": {"event_type": "guardduty_finding", "event_payload": {"finding_id": finding["Id"]}},
    }


def pages(client, detector, since):
    arguments = {
        "DetectorId": detector,
        "MaxResults": 50,
        "SortCriteria": {"AttributeName": "updatedAt", "OrderBy": "ASC"},
        "FindingCriteria": {
            "Criterion": {
                "updatedAt": {"GreaterThanOrEqual": since},
                "service.archived": {"Equals": ["false"]},
            }
        },
    }
    while True:
        page = client.list_findings(**arguments)
        if page["FindingIds"]:
            yield client.get_findings(DetectorId=detector, FindingIds=page["FindingIds"])["Findings"]
        if not page.get("NextToken"):
            return
        arguments["NextToken"] = page["NextToken"]


def watch(client, detector, source):
    status = client.get_detector(DetectorId=detector)["Status"]
    counts = client.get_findings_statistics(
        DetectorId=detector,
        FindingCriteria={"Criterion": {"service.archived": {"Equals": ["false"]}}},
        GroupBy="SEVERITY",
        MaxResults=100,
    )
    known = source.setdefault("watched", [])
    for name in client.list_filters(DetectorId=detector)["FilterNames"]:
        if name not in known:
            client.get_filter(DetectorId=detector, FilterName=name)
            known.append(name)
    for one in client.list_ip_sets(DetectorId=detector)["IpSetIds"]:
        if one not in known:
            client.get_ip_set(DetectorId=detector, IpSetId=one)
            known.append(one)
    return status, sum(row["TotalFindings"] for row in counts["FindingStatistics"]["GroupedBySeverity"])


def millis(text):
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def main():
    began = time.time()
    state, route, slack = load(), channels(), requests.Session()
    slack.headers["Authorization"] = "Bearer " + os.environ.get("SLACK_BOT_TOKEN", "")
    session = boto3.session.Session()
    open_findings, posted, last = {}, 0, 0.0
    for region in REGIONS:
        client = session.client("guardduty", region_name=region)
        source = state["sources"].setdefault(region, {"watermark": None, "seen": {}})
        since = source["watermark"] or int((began - int(os.environ.get("LOOKBACK_SECONDS", "600"))) * 1000)
        for detector in client.list_detectors()["DetectorIds"]:
            open_findings[region] = watch(client, detector, source)
            for findings in pages(client, detector, since - 900_000):
                for finding in findings:
                    updated = millis(finding["UpdatedAt"])
                    if source["seen"].get(finding["Id"]) == updated:
                        continue
                    body = message(finding)
                    body["channel"] = route.get(finding["AccountId"], os.environ["SLACK_CHANNEL"])
                    if DRY:
                        print(json.dumps(body))
                        continue
                    time.sleep(max(0.0, last + MESSAGE_INTERVAL - time.time()))
                    last = time.time()
                    answer = slack.post(SLACK + "/chat.postMessage", json=body, timeout=10).json()
                    if not answer["ok"]:
                        sys.exit(answer["error"])
                    posted += 1
                    source["seen"][finding["Id"]] = updated
                    source["watermark"] = max(source["watermark"] or 0, updated)
    if DRY:
        return
    save(state)
    if os.environ.get("PUSHGATEWAY_URL"):
        now = datetime.now(timezone.utc).timestamp()
        lines = ["run_success 1", f"last_run_timestamp_seconds {now}", f"notifications_total {posted}"]
        lines += [f'open_findings{{region="{r}"}} {n}' for r, (_, n) in open_findings.items()]
        url = os.environ["PUSHGATEWAY_URL"] + "/metrics/job/baseline"
        slack.put(url, data="\n".join(lines) + "\n", headers={"Authorization": ""}, timeout=5)


main()
