"""API requests, and the size of the state."""

import queries
from panels import RELEASE_NAME, Query, Row, Thresholds, bars, lines, runbook, stat, table
from queries import BY_RELEASE, RANGE, RELEASE, STEP, series
from rows.common import NO_METRICS

MAX_STATE_BYTES = 786_432


def row() -> Row:
    """What was requested, and how full is the state?"""
    requests = series("api_requests_total", RELEASE)
    failed = series("api_requests_total", RELEASE + ',code!~"2..|ok"')
    limited = series("api_requests_total", RELEASE + ',service="slack",code=~"429|rate_?limited"')
    slack = series("api_requests_total", RELEASE + ',service="slack"')
    state = f"max by ({BY_RELEASE}) ({series('state_bytes', RELEASE)})"
    return Row(
        "API requests and state",
        [
            stat(
                "Slack rate limits",
                "Requests in the time range that Slack rejected because of a rate limit. The run waits and retries.",
                [Query(f"{queries.total(limited, RANGE, BY_RELEASE)}\nor 0 * {queries.total(slack, RANGE, BY_RELEASE)}", RELEASE_NAME)],
                width=6,
                thresholds=Thresholds(((100, "orange"),)),
                no_value="No requests to Slack",
            ),
            stat(
                "State size",
                "Limit: 768 KiB. At the limit, the oldest processed findings are discarded.",
                [Query(state, RELEASE_NAME)],
                width=6,
                unit="bytes",
                thresholds=Thresholds(((0.8 * MAX_STATE_BYTES, "orange"), (0.95 * MAX_STATE_BYTES, "red"))),
                no_value=NO_METRICS,
                link=runbook("GuardDutySlackStateNearlyFull"),
            ),
            stat(
                "Requests",
                "Requests in the time range by service.",
                [Query(queries.total(requests, RANGE, "service"), "{{service}}")],
                width=12,
                text="value_and_name",
                no_value=NO_METRICS,
            ),
            bars(
                "Requests over time",
                "Requests in each step by service.",
                [Query(queries.total(requests, STEP, "service"), "{{service}}")],
                no_value=NO_METRICS,
            ),
            table(
                "Failed requests",
                "Requests in the time range without a success code, by service, operation and code. The 20 largest numbers.",
                [Query(queries.top(20, queries.total(failed, RANGE, "service, operation, code")))],
                {"Value": "Requests", "service": "Service", "operation": "Operation", "code": "Code"},
                sort="Requests",
                no_value="No failed requests in the time range",
            ),
            lines(
                "State size over time",
                "Limit: 768 KiB. At the limit, the oldest processed findings are discarded.",
                [Query(state, RELEASE_NAME)],
                unit="bytes",
                thresholds=Thresholds(((MAX_STATE_BYTES, "red"),), base="transparent"),
                no_value=NO_METRICS,
            ),
        ],
    )
