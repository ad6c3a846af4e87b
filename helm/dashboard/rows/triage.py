"""Findings that wait for a person. Requires SLACK_TRIAGE."""

import queries
from panels import SEVERITY_COLORS, Query, Row, fixed_colors, runbook, stat
from queries import RANGE, RELEASE, series

NO_TRIAGE = "Not reported"


def row() -> Row:
    """Does somebody take care of it?"""
    unacknowledged = series("unacknowledged_findings", RELEASE)
    oldest = queries.age("oldest_unacknowledged_timestamp_seconds", RELEASE)
    delays = queries.total(series("acknowledge_delay_seconds_sum", RELEASE), RANGE)
    acknowledged = queries.total(series("acknowledge_delay_seconds_count", RELEASE), RANGE)
    buckets = queries.total(series("acknowledge_delay_seconds_bucket", RELEASE), RANGE, "le")
    severities = fixed_colors(SEVERITY_COLORS)
    return Row(
        "Triage",
        [
            stat(
                "Unacknowledged findings",
                "Findings with a message that nobody acknowledged, resolved or archived. Requires SLACK_TRIAGE.",
                [Query(f"sum by (severity) ({unacknowledged})", "{{severity}}")],
                width=8,
                text="value_and_name",
                no_value=NO_TRIAGE,
                overrides=severities,
            ),
            stat(
                "Oldest unacknowledged finding",
                "Time since the first message of the oldest finding that nobody acknowledged, by severity level. Requires SLACK_TRIAGE.",
                [Query(f"max by (severity) ({oldest})", "{{severity}}")],
                width=8,
                unit="s",
                text="value_and_name",
                no_value=NO_TRIAGE,
                overrides=severities,
                link=runbook("GuardDutySlackCriticalUnacknowledged"),
            ),
            stat(
                "Average time to acknowledgment",
                "Average time from the first message of a finding to the run that saw its acknowledgment, in the time range.",
                [Query(f"{delays}\n/ ({acknowledged} > 0)")],
                unit="s",
                no_value="No acknowledgment",
            ),
            stat(
                "Time to acknowledgment",
                "Quantiles for the acknowledgments in the time range, interpolated within the buckets of a histogram.",
                [Query(f"histogram_quantile({quantile}, {buckets})", f"p{quantile * 100:.0f}") for quantile in (0.5, 0.9)],
                unit="s",
                no_value="No acknowledgment",
            ),
        ],
    )
