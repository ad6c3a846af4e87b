"""Messages in Slack."""

import queries
from panels import ANY_IS_ORANGE, ANY_IS_RED, OUTCOME_COLORS, RELEASE_NAME, Query, Row, bars, fixed_colors, runbook, stat, table
from queries import BY_RELEASE, RANGE, RELEASE, STEP, series
from rows.common import NO_METRICS

DELIVERED = 'outcome=~"posted|updated|threaded|digested"'


def row() -> Row:
    """What went out?"""
    outcomes = series("notifications_total", RELEASE)

    def count(labels: str) -> str:
        return queries.total(series("notifications_total", f"{RELEASE},{labels}"), RANGE, BY_RELEASE)

    return Row(
        "Deliveries",
        [
            stat(
                "Delivered",
                "Finding revisions in the time range that were posted, updated, replied in a thread or digested.",
                [Query(count(DELIVERED), RELEASE_NAME)],
                no_value=NO_METRICS,
            ),
            stat(
                "Failed deliveries",
                "Failed attempts in the time range. Every run retries for 24 h.",
                [Query(count('outcome="failed"'), RELEASE_NAME)],
                thresholds=ANY_IS_ORANGE,
                no_value=NO_METRICS,
                link=runbook("GuardDutySlackDeliveriesFailing"),
            ),
            stat(
                "Given up",
                "Finding revisions in the time range that could not be delivered or fetched for 24 h. They are logged in full.",
                [Query(count('outcome="given_up"'), RELEASE_NAME)],
                thresholds=ANY_IS_RED,
                no_value=NO_METRICS,
                link=runbook("GuardDutySlackGivenUp"),
            ),
            stat(
                "Outcomes",
                "Finding revisions in the time range by outcome. Dropped, ignored and coalesced ones are not announced by configuration; "
                "adopted ones were found in the channel after a crash.",
                [Query(queries.total(outcomes, RANGE, "outcome"), "{{outcome}}")],
                width=12,
                text="value_and_name",
                no_value=NO_METRICS,
                overrides=fixed_colors(OUTCOME_COLORS),
            ),
            bars(
                "Outcomes over time",
                "Finding revisions in each step by outcome.",
                [Query(queries.total(outcomes, STEP, "outcome"), "{{outcome}}")],
                width=12,
                no_value=NO_METRICS,
                overrides=fixed_colors(OUTCOME_COLORS),
            ),
            table(
                "Outcomes by channel",
                "Finding revisions in the time range by channel and outcome. The 20 largest numbers.",
                [Query(queries.top(20, queries.total(outcomes, RANGE, f"{BY_RELEASE}, channel, outcome")))],
                {"Value": "Findings", "outcome": "Outcome", "channel": "Channel", "namespace": "Namespace", "release": "Release"},
                width=12,
                sort="Findings",
                no_value="No findings in the time range",
            ),
        ],
    )
